//! Layers one behind the other.

use super::{
    Activation, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool1d, AdaptiveMeanPool2d, BatchNorm,
    Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dense, Dropout, EncoderBlock, Ending, Flatten,
    GlobalMaxPool, GlobalMeanPool, GroupNorm, InstanceNorm, LastStep, Layer, LayerNorm, MaxPool1d, MaxPool2d,
    MeanPool1d, MeanPool2d, MultiHeadAttention, Pad1d, Pad2d, Permute, Prelu, Recurrent, Reshape, Residual,
    RmsNorm, Rotary, SeparableConv1d, SeparableConv2d, Sinusoidal, SpatialDropout, Upsample, Upsample1d,
};
use crate::Bound;
use alloc::boxed::Box;
use alloc::vec::Vec;
use tress_autograd::Value;
use tress_tensor::pointwise::Map;

/// The layers of this crate one behind the other: one plain type, whatever is in it.
///
/// ```
/// use tress_nn::{Conv2d, Dense, Flatten, MaxPool2d, Params, Sequential};
/// use tress_tensor::pointwise::Map;
///
/// let mut params = Params::<f32>::new(0);
/// let mut trunk = params.scope("trunk");
/// let model = Sequential::new()
///     .then(Conv2d::new(&mut trunk.scope("conv"), 1, 8, [3, 3])?.activation(Map::Relu))
///     .then(MaxPool2d::new([2, 2]))
///     .then(Flatten)
///     .then(Dense::new(&mut trunk.scope("dense"), 8 * 13 * 13, 10)?);
/// assert_eq!(model.steps().len(), 4);
/// # Ok::<(), tress_nn::Error>(())
/// ```
///
/// Anything else (branches, layers of your own) composes as a struct that is a [`Layer`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequential {
    steps: Vec<Step>,
}

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a layer more at the end.
    pub fn then(mut self, layer: impl Into<Step>) -> Self {
        self.steps.push(layer.into());
        self
    }

    /// The layers.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let mut x = x.clone();
        for step in &self.steps {
            x = step.apply(bound, &x); // a loop, not a fold: a closure would lose the caller's place
        }
        x
    }
}

macro_rules! steps {
    ($($layer:ident),*; boxed $($large:ident),*) => {
        /// One layer of a [`Sequential`]; those with many parameters behind a pointer.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Step {
            $(#[doc = concat!("[`", stringify!($layer), "`].")] $layer($layer),)*
            $(#[doc = concat!("[`", stringify!($large), "`].")] $large(Box<$large>),)*
        }

        impl Layer for Step {
            #[track_caller]
            fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
                match self {
                    $(Step::$layer(layer) => layer.apply(bound, x),)*
                    $(Step::$large(layer) => layer.apply(bound, x),)*
                }
            }
        }

        $(impl From<$layer> for Step {
            fn from(layer: $layer) -> Self {
                Step::$layer(layer)
            }
        })*

        $(impl From<$large> for Step {
            fn from(layer: $large) -> Self {
                Step::$large(Box::new(layer))
            }
        })*
    };
}

steps! {
    Dense, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, MaxPool1d, MaxPool2d, MeanPool1d, MeanPool2d, GlobalMaxPool,
    GlobalMeanPool, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool1d, AdaptiveMeanPool2d, LayerNorm, GroupNorm,
    InstanceNorm, RmsNorm, Dropout, SpatialDropout, Flatten, Reshape, Permute, LastStep, Residual, Upsample, Upsample1d, Pad1d, Pad2d, Recurrent, Ending, Sinusoidal, Rotary,
    Activation, Prelu, Map, Sequential;
    boxed SeparableConv1d, SeparableConv2d, BatchNorm, MultiHeadAttention, EncoderBlock
}
