//! Trained networks for devices: whether one fits, and one written as source.

mod c;
mod calibrate;
mod call;
mod code;
mod export;
mod fit;
mod functions;
mod learn;
mod model;
mod rust;
mod target;
mod untrained;

pub use export::{ExportArgs, export};
pub use fit::{FitArgs, fit};
pub use target::Target;
