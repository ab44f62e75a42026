//! Layers: what they compute, and the handles of their parameters.

mod conv;
mod dense;
mod dropout;
mod norm;
mod plain;
mod pool;
mod sequential;

pub use conv::{Conv2d, Conv2dBuilder};
pub use dense::{Dense, DenseBuilder};
pub use dropout::{Dropout, SpatialDropout};
pub use norm::LayerNorm;
pub use plain::Flatten;
pub use pool::{GlobalMeanPool, MaxPool2d, MeanPool2d};
pub use sequential::{Sequential, Step};

use crate::Bound;
use tress_autograd::Value;

/// A function of a value with parameters.
///
/// A layer is plain data: handles and settings, no numbers and no type of number. The same layer runs on every kind of
/// value; which one follows from the [`Bound`] parameters and `x`.
///
/// A model is a layer made of layers:
///
/// ```
/// use tress_autograd::Value;
/// use tress_nn::{Bound, Dense, Layer};
///
/// struct TwoLayers {
///     first: Dense,
///     second: Dense,
/// }
///
/// impl Layer for TwoLayers {
///     fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
///         self.second.apply(bound, &self.first.apply(bound, x))
///     }
/// }
/// ```
///
/// The layers of this crate are `#[track_caller]`, and such a model is not: so a shape mistake names the line of the model
/// that has it.
pub trait Layer {
    /// The result for `x`. Mistakes are kept in the value and reported when a result is asked for.
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V;
}
