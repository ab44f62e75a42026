//! The bilinear layer: every output sees every pair of two inputs.

use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Arrange, Fused, Reduce, Value};
use tress_tensor::{Error as Wrong, Float};

/// `a^T W_o b + bias_o` for each output `o`: `[.., left]` and `[.., right]` to `[.., outputs]`.
///
/// Its parameters are `weight [outputs, left, right]` and `bias [outputs]`, both uniform in `±1 / sqrt(left)`.
///
/// It has two inputs, and so is no [`Layer`](crate::Layer):
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{Bilinear, Params};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(0);
/// let pairs = Bilinear::new(&mut params.root(), 3, 4, 5)?;
/// let (a, b) = (Eager::new(Tensor::full([2, 3], 1.0)?), Eager::new(Tensor::full([2, 4], 1.0)?));
/// assert_eq!(**pairs.apply(&params.eager(), &a, &b).tensor()?.shape(), [2, 5]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bilinear {
    weight: Handle,
    bias: Option<Handle>,
}

impl Bilinear {
    /// A layer with bias.
    ///
    /// # Errors
    /// `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        left: usize,
        right: usize,
        outputs: usize,
    ) -> Result<Self, Error> {
        let layer = Self::without_bias(scope, left, right, outputs)?;
        Ok(Self {
            bias: Some(scope.parameter("bias", [outputs], Init::FanIn.for_fans(left, outputs))?),
            ..layer
        })
    }

    /// A layer without bias.
    ///
    /// # Errors
    /// `weight` exists in this scope, or the shape is too large.
    pub fn without_bias<T: Float>(
        scope: &mut Scope<'_, T>,
        left: usize,
        right: usize,
        outputs: usize,
    ) -> Result<Self, Error> {
        let init = Init::FanIn.for_fans(left, outputs);
        Ok(Self { weight: scope.parameter("weight", [outputs, left, right], init)?, bias: None })
    }

    /// The weights, `[outputs, left, right]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> Option<Handle> {
        self.bias
    }

    /// The result for `a [.., left]` and `b [.., right]`, whose axes before the last are the same.
    #[track_caller]
    pub fn apply<V: Value>(&self, bound: &Bound<V>, a: &V, b: &V) -> V {
        let (op, own, left, right) = ("bilinear", *self.weight.shape(), a.shape(), b.shape());
        let (Some((&m, rows)), Some((&n, others))) = (left.split_last(), right.split_last()) else {
            return a.fail(Wrong::Unfit { op, shape: left, why: "inputs are [.., left] and [.., right]" });
        };
        if rows != others {
            let why = "the two inputs must have the same axes before the last";
            return a.fail(Wrong::Mismatch { op, left, right, why, lengths: None });
        }
        for (found, wanted, shape) in [(m, own[1], left), (n, own[2], right)] {
            if found != wanted {
                let (why, lengths) =
                    ("give the layer the lengths of its inputs' last axes;", (found, wanted));
                return a.fail(Wrong::Mismatch { op, left: shape, right: own, why, lengths: Some(lengths) });
            }
        }
        let count: usize = rows.iter().product();
        let weight = bound.fetch(&self.weight, a);
        // A product for each output, [outputs, rows, right], then the sum over the right input.
        let pairs = a.reshape([count, m]).matmul(weight) * b.reshape([count, n]);
        let mut y = pairs.sum(&[2]).transpose(0, 1);
        if let Some(bias) = &self.bias {
            y = y + bound.fetch(bias, a);
        }
        match left.with(left.rank() - 1, own[0]) {
            Ok(shape) => y.reshape(shape),
            Err(error) => y.fail(error),
        }
    }
}
