//! Normalisation: over the batch, over samples, over groups of channels.

mod batch;
mod fused;
mod group;
mod layer;

pub use batch::BatchNorm;
pub use group::{GroupNorm, InstanceNorm};
pub use layer::{LayerNorm, RmsNorm};

use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::Value;
use tress_tensor::{Float, Shape};

/// What follows the normalisation: `weight` (ones) and `bias` (zeros) of one shape, or the weight alone, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
struct Affine {
    weight: Option<Handle>,
    bias: Option<Handle>,
}

impl Affine {
    fn new<T: Float>(scope: &mut Scope<'_, T>, shape: Shape, biased: bool) -> Result<Self, Error> {
        let weight = Some(scope.parameter("weight", shape, Init::Constant(1.0))?);
        let bias = if biased { Some(scope.parameter("bias", shape, Init::Zeros)?) } else { None };
        Ok(Self { weight, bias })
    }

    /// Weight and bias as values.
    #[track_caller]
    fn fetch<V: Value>(&self, bound: &Bound<V>, x: &V) -> [Option<V>; 2] {
        [bound.fetch_some(self.weight.as_ref(), x), bound.fetch_some(self.bias.as_ref(), x)]
    }
}
