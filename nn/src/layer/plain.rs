//! Layers without parameters and without settings of their own: flattening, the last step, functions by name.

use super::Layer;
use crate::Bound;
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::Error;
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

/// The last step of sequences: `[N, T, ..]` to `[N, ..]`. Where lengths differ, take what a recurrent layer ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastStep;

impl Layer for LastStep {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        match shape[..] {
            [_, steps, ..] if steps > 0 => x.at(1, steps - 1),
            _ => {
                let why = "sequences are [N, T, ..], of at least one step";
                x.fail(Error::Unfit { op: "last_step", shape, why })
            }
        }
    }
}

/// A function of one number is a layer: an activation.
impl Layer for Map {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        x.map(*self)
    }
}
