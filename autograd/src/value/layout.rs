//! Other looks at the same values: axes moved, cut, joined.

use super::Value;
use super::pointwise::{settle, spread};
use crate::op::{Op, Order, Slice};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Range;
use tress_tensor::{Error, IntoShape};

/// Operations that move elements but do not change them.
pub trait Arrange: Value {
    /// The axes in another order: axis `i` of the result is axis `order[i]` of this one.
    #[track_caller]
    fn permute(&self, order: &[usize]) -> Self {
        Self::apply(Op::Permute(settle!(self, Order::new(order))), &[self])
    }

    /// Two axes exchanged.
    #[track_caller]
    fn transpose(&self, a: usize, b: usize) -> Self {
        let rank = self.shape().rank();
        if let Some(axis) = [a, b].into_iter().find(|&axis| axis >= rank) {
            return self.fail(Error::Axis { op: "transpose", axis, shape: self.shape() });
        }
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(a, b);
        self.permute(&order)
    }

    /// The same elements in the same order under another shape.
    #[track_caller]
    fn reshape(&self, shape: impl IntoShape) -> Self {
        Self::apply(Op::Reshape(settle!(self, shape.into_shape())), &[self])
    }

    /// All axes from `axis` on joined to one.
    #[track_caller]
    fn flatten(&self, axis: usize) -> Self {
        let shape = self.shape();
        if axis >= shape.rank() {
            return self.fail(Error::Axis { op: "flatten", axis, shape });
        }
        let mut lengths: Vec<usize> = shape[..axis].to_vec();
        lengths.push(shape[axis..].iter().product());
        self.reshape(&lengths[..])
    }

    /// Axes of length 1 repeated, and new axes put in front, until the shape is `shape`.
    #[track_caller]
    fn expand(&self, shape: impl IntoShape) -> Self {
        Self::apply(Op::Expand(settle!(self, shape.into_shape())), &[self])
    }

    /// A new axis of length 1 before `axis`.
    #[track_caller]
    fn unsqueeze(&self, axis: usize) -> Self {
        self.reshape(settle!(self, self.shape().insert(axis, 1).map_err(|error| error.named("unsqueeze"))))
    }

    /// An axis of length 1 taken away.
    #[track_caller]
    fn squeeze(&self, axis: usize) -> Self {
        let shape = self.shape();
        if shape.get(axis).is_some_and(|&length| length != 1) {
            let why = "only an axis of length 1 can be squeezed away";
            return self.fail(Error::Unfit { op: "squeeze", shape, why });
        }
        self.reshape(settle!(self, shape.remove(axis).map_err(|error| error.named("squeeze"))))
    }

    /// The indices `range` of an axis.
    #[track_caller]
    fn slice(&self, axis: usize, range: Range<usize>) -> Self {
        Self::apply(Op::Slice(Slice { axis, start: range.start, end: range.end, step: 1 }), &[self])
    }

    /// One index of an axis, without that axis.
    #[track_caller]
    fn at(&self, axis: usize, index: usize) -> Self {
        self.slice(axis, index..index.saturating_add(1)).squeeze(axis)
    }

    /// An axis run backwards.
    #[track_caller]
    fn flip(&self, axis: usize) -> Self {
        Self::apply(Op::Flip(axis), &[self])
    }

    /// `self` and then `others`, end to end along an axis.
    #[track_caller]
    fn concat<B: Borrow<Self>>(&self, axis: usize, others: &[B]) -> Self {
        let mut all = Vec::with_capacity(others.len() + 1);
        all.push(self);
        all.extend(others.iter().map(Borrow::borrow));
        Self::apply(Op::Concat(axis), &all)
    }

    /// `self` and then `others`, one behind the other along a new axis.
    #[track_caller]
    fn stack<B: Borrow<Self>>(&self, axis: usize, others: &[B]) -> Self {
        let mut raised = Vec::with_capacity(others.len());
        for other in others {
            raised.push(other.borrow().unsqueeze(axis)); // a closure would be its own caller
        }
        self.unsqueeze(axis).concat(axis, &raised)
    }

    /// The shape of `other`, by broadcasting.
    #[track_caller]
    fn expand_as(&self, other: impl Borrow<Self>) -> Self {
        let target = other.borrow().shape();
        spread(self, settle!(self, self.shape().broadcast(&target, "expand")))
    }
}

impl<V: Value> Arrange for V {}
