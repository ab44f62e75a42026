//! Layers: what they compute, and the handles of their parameters.

mod activation;
mod attention;
mod bilinear;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod lengths;
mod norm;
mod pad;
mod plain;
mod pool;
mod position;
mod program;
mod recurrent;
mod resample;
mod residual;
mod sequential;

pub use activation::{Activation, Prelu};
pub use attention::{
    AttentionMask, EncoderBlock, EncoderBlockBuilder, MultiHeadAttention, MultiHeadAttentionBuilder,
};
pub use bilinear::Bilinear;
pub use conv::{
    Conv, Conv1d, Conv2d, ConvBuilder, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTransposeBuilder,
    SeparableConv, SeparableConv1d, SeparableConv2d, SeparableConvBuilder,
};
pub use dense::{Dense, DenseBuilder};
pub use dropout::{Dropout, SpatialDropout};
pub use embedding::Embedding;
pub use lengths::Lengths;
pub use norm::{BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RmsNorm};
pub use pad::{Pad, Pad1d, Pad2d, PaddingMode};
pub use plain::{Flatten, LastStep, Permute, Reshape};
pub use pool::{
    AdaptiveMaxPool, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool, AdaptiveMeanPool1d,
    AdaptiveMeanPool2d, GlobalMaxPool, GlobalMeanPool, MaxPool, MaxPool1d, MaxPool2d, MeanPool, MeanPool1d,
    MeanPool2d,
};
pub use position::{Rotary, Sinusoidal};
pub use recurrent::{Carried, Cell, CellKind, Ending, Recurrent, RecurrentBuilder};
pub use resample::{Manner, Upsample, Upsample1d};
pub use residual::Residual;
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
