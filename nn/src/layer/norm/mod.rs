//! Normalisation: over the batch, over samples, over groups of channels.

mod batch;
mod group;
mod layer;

pub use batch::BatchNorm;
pub use group::{GroupNorm, InstanceNorm};
pub use layer::{LayerNorm, RmsNorm};
