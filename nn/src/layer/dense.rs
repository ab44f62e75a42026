//! The dense layer: every output sees every input.

use super::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Arrange, Fused, Value};
use tress_tensor::pointwise::Map;
use tress_tensor::{Error as Wrong, Float, Shape};

/// `activation(x w + b)` on the last axis: `[.., inputs]` to `[.., outputs]`, in one pass.
///
/// Its parameters are `weight [inputs, outputs]` and `bias [outputs]`, both uniform in `±1 / sqrt(inputs)` unless
/// [built](Dense::builder) otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dense {
    weight: Handle,
    bias: Option<Handle>,
    activation: Option<Map>,
}

impl Dense {
    /// A layer with bias and without activation.
    ///
    /// # Errors
    /// `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, inputs: usize, outputs: usize) -> Result<Self, Error> {
        Self::builder(inputs, outputs).build(scope)
    }

    /// The settings of a layer.
    pub fn builder(inputs: usize, outputs: usize) -> DenseBuilder {
        DenseBuilder { inputs, outputs, init: Init::FanIn, bias: Some(Init::FanIn), activation: None }
    }

    /// With a function after it, in the same pass where that is possible.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// The weights, `[inputs, outputs]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> Option<Handle> {
        self.bias
    }

    /// The function after it.
    pub fn activation_map(&self) -> Option<Map> {
        self.activation
    }
}

impl Layer for Dense {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        if let Err(error) = ends("dense", &shape, self.weight.shape(), self.weight.shape()[0]) {
            return x.fail(error);
        }
        let weight = bound.fetch(&self.weight, x);
        let bias = bound.fetch_some(self.bias.as_ref(), x);
        let Some(last) = shape.rank().checked_sub(1).filter(|&last| last > 1) else {
            return x.affine(weight, bias.as_ref(), self.activation);
        };
        // The axes before the last one are so many rows.
        let rows: usize = shape[..last].iter().product();
        let y = x.reshape([rows, shape[last]]).affine(weight, bias.as_ref(), self.activation);
        match shape.with(last, self.weight.shape()[1]) {
            Ok(shape) => y.reshape(shape),
            Err(error) => y.fail(error),
        }
    }
}

/// That `x` is `[.., inputs]`, with at least one axis before the last.
pub(super) fn ends(op: &'static str, x: &Shape, own: &Shape, inputs: usize) -> Result<(), Wrong> {
    match x[..] {
        [_, .., last] if last == inputs => Ok(()),
        [_, .., last] => {
            let why = "give the layer as many inputs as the last axis of its input has numbers;";
            Err(Wrong::Mismatch { op, left: *x, right: *own, why, lengths: Some((last, inputs)) })
        }
        _ => Err(Wrong::Unfit {
            op,
            shape: *x,
            why: "at least two axes are wanted: rows, and numbers in each",
        }),
    }
}

/// The settings of a [`Dense`] layer.
#[derive(Clone, Copy, Debug)]
pub struct DenseBuilder {
    inputs: usize,
    outputs: usize,
    init: Init,
    bias: Option<Init>,
    activation: Option<Map>,
}

impl DenseBuilder {
    /// How the weights start.
    pub fn init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// How the bias starts; [`Init::FanIn`] goes by the fans of the weights.
    pub fn bias_init(self, init: Init) -> Self {
        Self { bias: Some(init), ..self }
    }

    /// Without a bias.
    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// With a function after it, in the same pass where that is possible.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<Dense, Error> {
        let Self { inputs, outputs, init, bias, activation } = self;
        let fans = |init: Init| init.for_fans(inputs, outputs);
        let weight = scope.parameter("weight", [inputs, outputs], fans(init))?;
        let bias = bias.map(|init| scope.parameter("bias", [outputs], fans(init))).transpose()?;
        Ok(Dense { weight, bias, activation })
    }
}
