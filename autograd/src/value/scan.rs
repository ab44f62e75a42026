//! Along one axis in order: running sums, products and maxima, sorting, and the places of what is largest.

use super::pointwise::settle;
use super::{Arrange, Pointwise, Value};
use crate::op::{Op, Pick, Sort};
use tress_tensor::pointwise::Zip;
use tress_tensor::{Element, Error, Float, Tensor};

/// Operations that go by the order along an axis.
///
/// NaN is the largest of all numbers, as for the maximum; equal ones keep their order. Sorting hands its gradient back to
/// the places that the numbers came from.
pub trait Scan: Value {
    /// The sum of all elements up to each, along an axis.
    #[track_caller]
    fn cumsum(&self, axis: usize) -> Self {
        Self::apply(Op::RunningSum(axis, false), &[self])
    }

    /// The product of all elements up to each, along an axis; the gradient is right where numbers are 0.
    #[track_caller]
    fn cumprod(&self, axis: usize) -> Self {
        prefixes("cumprod", self, axis, Zip::Mul)
    }

    /// The largest of all elements up to each, along an axis; of equal ones each gets a share of the gradient.
    #[track_caller]
    fn cummax(&self, axis: usize) -> Self {
        prefixes("cummax", self, axis, Zip::Max)
    }

    /// An axis in rising or falling order.
    #[track_caller]
    fn sort(&self, axis: usize, descending: bool) -> Self {
        let shape = self.shape();
        match shape.get(axis) {
            Some(&keep) => ordered("sort", self, axis, Sort { descending, keep }, None),
            None => self.fail(Error::Axis { op: "sort", axis, shape }),
        }
    }

    /// The `count` largest along an axis, falling.
    #[track_caller]
    fn top_k(&self, axis: usize, count: usize) -> Self {
        ordered("top_k", self, axis, Sort { descending: true, keep: count }, None)
    }

    /// The places along an axis that its elements would be taken from to sort it, as numbers and without gradient.
    ///
    /// To pick by them, take [`Tensor::argsort`], whose result is an index.
    #[track_caller]
    fn argsort(&self, axis: usize, descending: bool) -> Self {
        let shape = self.shape();
        match shape.get(axis) {
            Some(&keep) => placed("argsort", self, axis, Sort { descending, keep }),
            None => self.fail(Error::Axis { op: "argsort", axis, shape }),
        }
    }

    /// The places of the `count` largest along an axis, as numbers and without gradient.
    #[track_caller]
    fn top_k_places(&self, axis: usize, count: usize) -> Self {
        placed("top_k_places", self, axis, Sort { descending: true, keep: count })
    }

    /// The place of the first largest element along an axis, which vanishes, as a number and without gradient.
    #[track_caller]
    fn argmax(&self, axis: usize) -> Self {
        placed("argmax", self, axis, Sort { descending: true, keep: 1 }).squeeze(axis)
    }

    /// The place of the first smallest element along an axis, which vanishes, as a number and without gradient.
    #[track_caller]
    fn argmin(&self, axis: usize) -> Self {
        placed("argmin", self, axis, Sort { descending: false, keep: 1 }).squeeze(axis)
    }
}

impl<V: Value> Scan for V {}

/// Each element folded with all before it, in doubling steps: after the step of `s` each holds the last `2 s` of them
/// (Hillis & Steele 1986). A running sum has an operation of its own; these are rare, and their gradients are those of
/// the steps.
#[track_caller]
fn prefixes<V: Value>(op: &'static str, x: &V, axis: usize, zip: Zip) -> V {
    let shape = x.shape();
    let Some(&len) = shape.get(axis) else { return x.fail(Error::Axis { op, axis, shape }) };
    let (mut folded, mut step) = (x.clone(), 1);
    while step < len {
        let later = folded.slice(axis, step..len).zip(zip, folded.slice(axis, 0..len - step));
        folded = folded.slice(axis, 0..step).concat(axis, &[later]);
        step *= 2;
    }
    folded
}

/// Sorting along any axis: the numbers of `x`, or those of `of` at their places.
#[track_caller]
fn ordered<V: Value>(op: &'static str, x: &V, axis: usize, sort: Sort, of: Option<&V>) -> V {
    let shape = x.shape();
    let Some(&len) = shape.get(axis) else { return x.fail(Error::Axis { op, axis, shape }) };
    if sort.keep > len {
        return x.fail(Error::Range { op, axis, start: 0, end: sort.keep, len });
    }
    let last = shape.rank() - 1;
    let turned = |x: &V| if axis == last { x.clone() } else { x.transpose(axis, last) };
    let rows = turned(x);
    turned(&match of {
        None => V::apply(Op::Sort(sort, Pick::Output), &[&rows]),
        Some(of) => V::apply(Op::Sort(sort, Pick::Gather), &[&rows, &turned(of)]),
    })
}

/// The places of what sorting picks: that which it picks from the numbers 0, 1, 2 and so on. The operand is stopped, so
/// that the program says that nothing flows back.
#[track_caller]
fn placed<V: Value>(op: &'static str, x: &V, axis: usize, sort: Sort) -> V {
    let shape = x.shape();
    let Some(&len) = shape.get(axis) else { return x.fail(Error::Axis { op, axis, shape }) };
    if len as f64 * V::Elem::EPSILON.to_f64() > 2.0 {
        let why = "the axis has more places than the type of number counts; sort the tensor instead";
        return x.fail(Error::Unfit { op, shape, why });
    }
    let count = |i: &[usize]| <V::Elem as Element>::from_f64(i[0] as f64);
    let column = Tensor::from_fn([len], count).and_then(|all| {
        let mut ones = [1; tress_tensor::Shape::MAX_RANK];
        ones[axis] = len;
        all.reshape(&ones[..shape.rank()])?.expand(shape)
    });
    let places = x.lift(settle!(x, column));
    ordered(op, &x.stop(), axis, sort, Some(&places))
}
