//! Parameters, layers, losses and optimisers.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

mod batch;
mod error;
pub mod file;
mod init;
pub mod layer;
pub mod loss;
pub mod metric;
pub mod optim;
mod params;
mod random;

pub use batch::{Batches, shuffle};
pub use error::Error;
pub use init::Init;
pub use layer::{
    Conv2d, Dense, Dropout, Flatten, GlobalMeanPool, Layer, LayerNorm, MaxPool2d, MeanPool2d, Sequential,
    SpatialDropout,
};
pub use loss::{CrossEntropy, Labels, cross_entropy, mse};
pub use optim::{Adam, Optimiser, Schedule, Sgd};
pub use params::{Bound, Entry, Gradient, Handle, Leaves, Mode, Params, Scope};
pub use random::{Random, mix};
