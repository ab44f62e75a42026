//! Layers without parameters and without settings of their own: flattening, and functions by name.

use super::Layer;
use crate::Bound;
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::pointwise::Map;

/// All axes but the first joined to one: `[N, ..]` to `[N, n]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten;

impl Layer for Flatten {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        // One number a sample is one column.
        if x.shape().rank() == 1 { x.unsqueeze(1) } else { x.flatten(1) }
    }
}

/// A function of one number is a layer: an activation.
impl Layer for Map {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        x.map(*self)
    }
}
