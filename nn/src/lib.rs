//! Parameters, layers, losses and optimisers.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

mod error;
mod init;
mod layer;
pub mod optim;
mod params;
mod random;

pub use error::Error;
pub use init::Init;
pub use layer::{Conv2d, Conv2dBuilder, Dense, DenseBuilder, Layer};
pub use optim::{Adam, Optimiser};
pub use params::{Bound, Entry, Gradient, Handle, Leaves, Mode, Params, Scope};
pub use random::{Random, mix};
