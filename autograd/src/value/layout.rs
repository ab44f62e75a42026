//! Other looks at the same values: axes moved, cut, joined.

use super::Value;
use super::pointwise::{settle, spread};
use crate::op::{Index, Op, Order, Slice};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Range;
use tress_tensor::{Element, Error, IntoShape, Tensor};

/// Operations that move elements but do not change them.
pub trait Arrange: Value {
    /// The axes in another order: axis `i` of the result is axis `order[i]` of this one.
    #[track_caller]
    fn permute(&self, order: &[usize]) -> Self {
        let order = Order::new(order).map_err(|error| match error {
            Error::Unfit { op, why, .. } => Error::Unfit { op, shape: self.shape(), why },
            other => other,
        });
        Self::apply(Op::Permute(settle!(self, order)), &[self])
    }

    /// Two axes exchanged (`swapaxes` elsewhere).
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

    /// An axis moved to another place; the others keep their order.
    #[track_caller]
    fn move_axis(&self, from: usize, to: usize) -> Self {
        let shape = self.shape();
        if let Some(axis) = [from, to].into_iter().find(|&axis| axis >= shape.rank()) {
            return self.fail(Error::Axis { op: "move_axis", axis, shape });
        }
        let mut order: Vec<usize> = (0..shape.rank()).filter(|&axis| axis != from).collect();
        order.insert(to, from);
        self.permute(&order)
    }

    /// The parts of an axis of the given lengths, which add up to its own.
    #[track_caller]
    fn split(&self, axis: usize, lengths: &[usize]) -> Vec<Self> {
        let shape = self.shape();
        let total = lengths.iter().fold(0usize, |sum, &len| sum.saturating_add(len));
        let wrong = match shape.get(axis) {
            None => Some(Error::Axis { op: "split", axis, shape }),
            Some(&len) if len != total => Some(Error::Range { op: "split", axis, start: 0, end: total, len }),
            Some(_) => None,
        };
        if let Some(error) = wrong {
            return alloc::vec![self.fail(error); lengths.len()];
        }
        let mut parts = Vec::with_capacity(lengths.len());
        let mut start = 0;
        for &len in lengths {
            parts.push(self.slice(axis, start..start + len));
            start += len;
        }
        parts
    }

    /// `c` put before and after each axis: `pads[axis]` many.
    #[track_caller]
    fn pad(&self, pads: &[(usize, usize)], c: f64) -> Self {
        let shape = self.shape();
        if pads.len() != shape.rank() {
            let why = "one pair of lengths, before and after, is wanted for each axis";
            return self.fail(Error::Unfit { op: "pad", shape, why });
        }
        let mut padded = self.clone();
        for (axis, &(before, after)) in pads.iter().enumerate().filter(|(_, pad)| **pad != (0, 0)) {
            let shape = padded.shape();
            if shape.rank() != pads.len() {
                return padded; // a mistake
            }
            let len = shape[axis];
            let total = before.checked_add(len).and_then(|sum| sum.checked_add(after));
            let whole = total.ok_or(Error::TooLarge { op: "pad", shape });
            let whole = settle!(self, whole.and_then(|total| shape.with(axis, total)));
            padded = if c == 0.0 {
                let places = Slice { axis, start: before, end: before + len, step: 1 };
                Self::apply(Op::Unslice(places, whole[axis]), &[&padded])
            } else {
                // Joined and not added: what is there keeps its bits, and an infinite `c` spoils nothing.
                let number = <Self::Elem as Element>::from_f64(c);
                let side = |len| shape.with(axis, len).and_then(|shape| Tensor::full(shape, number));
                let (front, back) = (settle!(self, side(before)), settle!(self, side(after)));
                self.lift(front).concat(axis, &[padded.clone(), self.lift(back)])
            };
        }
        padded
    }

    /// An axis turned by `by` places: element `i` moves to `i + by`, and those that fall off come in at the other end.
    #[track_caller]
    fn roll(&self, axis: usize, by: isize) -> Self {
        let shape = self.shape();
        let Some(&len) = shape.get(axis) else {
            return self.fail(Error::Axis { op: "roll", axis, shape });
        };
        match if len == 0 { 0 } else { by.rem_euclid(len as isize) as usize } {
            0 => self.clone(),
            by => self.slice(axis, len - by..len).concat(axis, &[self.slice(axis, 0..len - by)]),
        }
    }

    /// The whole repeated along each axis: `times[axis]` many, one behind the other.
    #[track_caller]
    fn tile(&self, times: &[usize]) -> Self {
        let shape = self.shape();
        if times.len() != shape.rank() {
            let why = "one number of repetitions is wanted for each axis";
            return self.fail(Error::Unfit { op: "tile", shape, why });
        }
        let mut tiled = self.clone();
        for axis in (0..times.len()).filter(|&axis| times[axis] != 1) {
            tiled = repeated(&tiled, axis, times[axis], axis); // a closure would be its own caller
        }
        tiled
    }

    /// Each element of an axis repeated `times` times before the next follows.
    #[track_caller]
    fn repeat(&self, axis: usize, times: usize) -> Self {
        if axis >= self.shape().rank() {
            return self.fail(Error::Axis { op: "repeat", axis, shape: self.shape() });
        }
        repeated(self, axis, times, axis + 1)
    }

    /// `y[.., i, ..] = x[.., index[.., i, ..], ..]` for an index of the same number of axes: one pick for each element. The
    /// other axes have the lengths of `self`. (To pick whole slices see [`gather`](super::Fused::gather).)
    #[track_caller]
    fn take_along(&self, axis: usize, index: &Tensor<u32>) -> Self {
        let op = "take_along";
        let (shape, wanted) = (self.shape(), *index.shape());
        if axis >= shape.rank() {
            return self.fail(Error::Axis { op, axis, shape });
        }
        if wanted.with(axis, shape[axis]) != Ok(shape) {
            let why = "all axes but the one picked along must be equal";
            return self.fail(Error::Mismatch { op, left: shape, right: wanted, why, lengths: None });
        }
        let (len, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let mut beyond = None;
        let mut at = 0;
        let numbers = index.to_vec();
        let places = Tensor::from_fn([numbers.len()], |_| {
            let place = numbers[at] as usize;
            if place >= len {
                beyond = beyond.or(Some(place));
            }
            let (outer, i) = (at / (wanted[axis] * inner), at % inner);
            at += 1;
            ((outer * len + place) * inner + i) as u32
        });
        let places = settle!(self, places);
        if let Some(start) = beyond {
            return self.fail(Error::Range { op, axis, start, end: start + 1, len });
        }
        if shape.len() > u32::MAX as usize {
            return self.fail(Error::TooLarge { op, shape });
        }
        let picked = Self::apply(Op::Gather(0, Index::new(&places)), &[&self.reshape([shape.len()])]);
        picked.reshape(wanted)
    }

    /// 1 at each index and 0 elsewhere along a new last axis of length `classes`, as a constant beside `self`.
    #[track_caller]
    fn one_hot(&self, index: &Index, classes: usize) -> Self {
        self.lift(settle!(self, Tensor::one_hot(index.places(), classes)))
    }
}

impl<V: Value> Arrange for V {}

/// A new axis of length `times` before axis `at`, joined with the axis `axis` that it stands beside.
#[track_caller]
fn repeated<V: Value>(x: &V, axis: usize, times: usize, at: usize) -> V {
    let shape = x.shape();
    let Some(&len) = shape.get(axis) else { return x.clone() }; // a mistake
    let total = len.checked_mul(times).ok_or(Error::TooLarge { op: "repeat", shape });
    let wide = settle!(x, shape.insert(at, times).map_err(|error| error.named("repeat")));
    let joined = settle!(x, total.and_then(|total| shape.with(axis, total)));
    x.unsqueeze(at).expand(wide).reshape(joined)
}
