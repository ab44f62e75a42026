//! Layer normalisation.

use super::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Pointwise, Reduce, Value};
use tress_tensor::{Float, IntoShape, Shape};

/// `(x - mean) / sqrt(variance + epsilon) weight + bias`, with mean and variance of each sample over the trailing axes
/// (Ba, Kiros & Hinton 2016, "Layer normalization", equation 4).
///
/// Its parameters are `weight` (ones) and `bias` (zeros) of the shape of those axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    weight: Handle,
    bias: Handle,
    epsilon: f64,
}

impl LayerNorm {
    /// Over the trailing axes, which have the lengths `shape`; epsilon 1e-5.
    ///
    /// # Errors
    /// No axis, `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, shape: impl IntoShape) -> Result<Self, Error> {
        let shape = shape.into_shape()?;
        if shape.rank() == 0 {
            return Err(Error::Setting { of: "layer_norm", why: "at least one axis is wanted" });
        }
        let weight = scope.parameter("weight", shape, Init::Constant(1.0))?;
        let bias = scope.parameter("bias", shape, Init::Zeros)?;
        Ok(Self { weight, bias, epsilon: 1e-5 })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias.
    pub fn bias(&self) -> Handle {
        self.bias
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (shape, own) = (x.shape(), *self.weight.shape());
        if !shape.ends_with(&own) {
            let why = "the last axes must be those of the layer";
            let (op, left, right) = ("layer_norm", shape, own);
            return x.fail(tress_tensor::Error::Mismatch { op, left, right, why, lengths: None });
        }
        let mut axes = [0; Shape::MAX_RANK];
        let front = shape.rank() - own.rank();
        axes.iter_mut().enumerate().for_each(|(i, axis)| *axis = front + i);
        let axes = &axes[..own.rank()];

        let centred = x.clone() - x.mean_keep(axes);
        let scale = centred.square().mean_keep(axes).offset(self.epsilon).rsqrt();
        centred * scale * bound.fetch(&self.weight, x) + bound.fetch(&self.bias, x)
    }
}
