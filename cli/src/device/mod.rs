//! Trained networks for devices: whether one fits, and one written as source.

mod c;
mod call;
mod export;
mod fit;
mod model;
mod rust;
mod target;

pub use export::{ExportArgs, export};
pub use fit::{FitArgs, fit};
pub use target::Target;
