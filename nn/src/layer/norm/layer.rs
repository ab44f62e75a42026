//! Normalisation of each sample by itself, over its last axes.

use super::Affine;
use crate::layer::Layer;
use crate::{Bound, Error, Handle, Scope};
use tress_autograd::{Arrange, Fused, Value};
use tress_tensor::{Error as Wrong, Float, IntoShape, Shape};

/// `(x - mean) / sqrt(variance + epsilon) weight + bias`, with mean and variance of each sample over the trailing axes
/// (Ba, Kiros & Hinton 2016, "Layer normalization", equation 4): `[.., shape]` to the same shape, in one pass.
///
/// Its parameters are `weight` (ones) and `bias` (zeros) of the shape of those axes, unless it is made without them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    affine: Affine,
    axes: Shape,
    epsilon: f64,
}

impl LayerNorm {
    /// Over the trailing axes, which have the lengths `shape`; epsilon 1e-5.
    ///
    /// # Errors
    /// No axis, `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, shape: impl IntoShape) -> Result<Self, Error> {
        let plain = Self::without_parameters(shape)?;
        Ok(Self { affine: Affine::new(scope, plain.axes, true)?, ..plain })
    }

    /// Scaled, but not shifted.
    ///
    /// # Errors
    /// As [`new`](LayerNorm::new).
    pub fn without_bias<T: Float>(scope: &mut Scope<'_, T>, shape: impl IntoShape) -> Result<Self, Error> {
        let plain = Self::without_parameters(shape)?;
        Ok(Self { affine: Affine::new(scope, plain.axes, false)?, ..plain })
    }

    /// Neither scaled nor shifted (`elementwise_affine=False` elsewhere).
    ///
    /// # Errors
    /// No axis, or the shape is too large.
    pub fn without_parameters(shape: impl IntoShape) -> Result<Self, Error> {
        Ok(Self { affine: Affine::default(), axes: axes("layer_norm", shape)?, epsilon: 1e-5 })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales.
    pub fn weight(&self) -> Option<Handle> {
        self.affine.weight
    }

    /// The bias.
    pub fn bias(&self) -> Option<Handle> {
        self.affine.bias
    }

    /// What keeps the quotient finite.
    pub fn epsilon_value(&self) -> f64 {
        self.epsilon
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let own = self.axes;
        if let Err(error) = ends("layer_norm", &x.shape(), &own) {
            return x.fail(error);
        }
        let [weight, bias] = self.affine.fetch(bound, x);
        if own.rank() == 1 {
            return x.layer_norm(weight.as_ref(), bias.as_ref(), self.epsilon);
        }
        let (weight, bias) = (line(weight, &own), line(bias, &own));
        rows(x, &own).layer_norm(weight.as_ref(), bias.as_ref(), self.epsilon).reshape(x.shape())
    }
}

/// `x / sqrt(mean square + epsilon) weight`, with the mean square of each sample over the trailing axes (Zhang & Sennrich
/// 2019, "Root mean square layer normalization", equation 4): `[.., shape]` to the same shape, in one pass.
///
/// Its parameter is `weight` (ones) of the shape of those axes, unless it is made without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsNorm {
    affine: Affine,
    axes: Shape,
    epsilon: f64,
}

impl RmsNorm {
    /// Over the trailing axes, which have the lengths `shape`; epsilon 1e-6.
    ///
    /// # Errors
    /// No axis, `weight` exists in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, shape: impl IntoShape) -> Result<Self, Error> {
        let plain = Self::without_parameters(shape)?;
        Ok(Self { affine: Affine::new(scope, plain.axes, false)?, ..plain })
    }

    /// Not scaled.
    ///
    /// # Errors
    /// No axis, or the shape is too large.
    pub fn without_parameters(shape: impl IntoShape) -> Result<Self, Error> {
        Ok(Self { affine: Affine::default(), axes: axes("rms_norm", shape)?, epsilon: 1e-6 })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales.
    pub fn weight(&self) -> Option<Handle> {
        self.affine.weight
    }

    /// What keeps the quotient finite.
    pub fn epsilon_value(&self) -> f64 {
        self.epsilon
    }
}

impl Layer for RmsNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let own = self.axes;
        if let Err(error) = ends("rms_norm", &x.shape(), &own) {
            return x.fail(error);
        }
        let [weight, _] = self.affine.fetch(bound, x);
        if own.rank() == 1 {
            return x.rms_norm(weight.as_ref(), self.epsilon);
        }
        rows(x, &own).rms_norm(line(weight, &own).as_ref(), self.epsilon).reshape(x.shape())
    }
}

fn axes(of: &'static str, shape: impl IntoShape) -> Result<Shape, Error> {
    let shape = shape.into_shape()?;
    match shape.rank() {
        0 => Err(Error::Setting { of, why: "at least one axis is wanted" }),
        _ => Ok(shape),
    }
}

/// That the last axes are those of a layer.
fn ends(op: &'static str, x: &Shape, own: &Shape) -> Result<(), Wrong> {
    let why = "the last axes must be those that the layer was made for";
    match x.ends_with(own) {
        true => Ok(()),
        false => Err(Wrong::Mismatch { op, left: *x, right: *own, why, lengths: None }),
    }
}

/// A parameter of the shape `own` as one line.
#[track_caller]
fn line<V: Value>(x: Option<V>, own: &Shape) -> Option<V> {
    Some(x?.reshape([own.len()])) // not `map`: a closure would lose the caller's place
}

/// `x` with the axes of `own`, which are its last, joined to one.
#[track_caller]
fn rows<V: Value>(x: &V, own: &Shape) -> V {
    let shape = x.shape();
    x.flatten(shape.rank() - own.rank())
}
