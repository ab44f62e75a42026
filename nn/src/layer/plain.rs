//! Layers without parameters that pick and place: flattening, other shapes, another order of axes, the last step; and functions
//! by name.

use super::Layer;
use crate::Bound;
use crate::Error as Wrong;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::pointwise::Map;
use tress_tensor::{Error, IntoShape, Shape};

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

/// Each sample under another shape of as many numbers: `[N, ..]` to `[N, shape ..]`.
///
/// ```
/// use tress_nn::{Dense, Conv2d, Params, Reshape, Sequential};
/// let mut params = Params::<f32>::new(0);
/// let from_code = Sequential::new()
///     .then(Dense::new(&mut params.scope("spread"), 10, 4 * 7 * 7)?)
///     .then(Reshape::new([4, 7, 7])?)
///     .then(Conv2d::builder(4, 1, [3, 3]).same().build(&mut params.scope("smooth"))?);
/// # let _ = from_code;
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reshape {
    sample: Shape,
}

impl Reshape {
    /// To samples of this shape.
    ///
    /// # Errors
    /// A shape that is too large.
    pub fn new(sample: impl IntoShape) -> Result<Self, Wrong> {
        Ok(Self { sample: sample.into_shape()? })
    }

    /// The shape of a sample.
    pub fn sample(&self) -> &Shape {
        &self.sample
    }
}

impl Layer for Reshape {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let (op, left, right) = ("reshape", x.shape(), self.sample);
        let fits = left.rank() > 0 && left[1..].iter().product::<usize>() == right.len();
        let shape = if fits { right.insert(0, left[0]) } else { Ok(right) };
        match shape {
            Ok(shape) if fits => x.reshape(shape),
            Ok(_) => {
                let why = "a sample must have as many numbers as the shape that it is brought to";
                x.fail(Error::Mismatch { op, left, right, why, lengths: None })
            }
            Err(error) => x.fail(error),
        }
    }
}

/// The axes in another order: axis `i` of the result is axis `order[i]`. What comes out of convolutions as `[N, C, L]` goes
/// into recurrent layers and attention as `[N, L, C]` behind `Permute::new([0, 2, 1])`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permute {
    order: Vec<usize>,
}

impl Permute {
    /// In this order, which has each axis once, that of the batch included.
    ///
    /// # Errors
    /// An axis that is named twice or not at all.
    pub fn new(order: impl IntoIterator<Item = usize>) -> Result<Self, Wrong> {
        let order: Vec<usize> = order.into_iter().collect();
        match (0..order.len()).all(|axis| order.contains(&axis)) {
            true => Ok(Self { order }),
            false => Err(Wrong::Setting { of: "permute", why: "each axis must come once, from 0 on" }),
        }
    }

    /// Which axis comes where.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

impl Layer for Permute {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        match shape.rank() == self.order.len() {
            true => x.permute(&self.order),
            false => x.fail(Error::Unfit {
                op: "permute",
                shape,
                why: "the order must have as many axes as the value",
            }),
        }
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
