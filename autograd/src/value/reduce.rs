//! Sums, means and maxima.

use super::pointwise::{one_over, settle};
use super::{Arrange, Pointwise, Value};
use crate::op::Op;
use tress_tensor::Axes;

/// Reductions. The axes named vanish; the `_keep` forms leave them with length 1.
pub trait Reduce: Value {
    /// The sum along axes.
    #[track_caller]
    fn sum(&self, axes: &[usize]) -> Self {
        let axes = settle!(self, Axes::of("sum", axes, &self.shape()));
        Self::apply(Op::Sum(axes), &[self])
    }

    /// The sum along axes, which stay with length 1.
    #[track_caller]
    fn sum_keep(&self, axes: &[usize]) -> Self {
        let shape = self.shape();
        let kept = Axes::of("sum", axes, &shape).and_then(|axes| axes.flatten_in("sum", &shape));
        self.sum(axes).reshape(settle!(self, kept))
    }

    /// The sum of all elements.
    #[track_caller]
    fn sum_all(&self) -> Self {
        Self::apply(Op::Sum(Axes::all(&self.shape())), &[self])
    }

    /// The mean along axes; NaN along empty ones.
    #[track_caller]
    fn mean(&self, axes: &[usize]) -> Self {
        let shape = self.shape();
        let set = settle!(self, Axes::of("mean", axes, &shape));
        let count = set.iter().map(|axis| shape[axis]).product();
        Self::apply(Op::Sum(set), &[self]).scale(one_over(count))
    }

    /// The mean along axes, which stay with length 1.
    #[track_caller]
    fn mean_keep(&self, axes: &[usize]) -> Self {
        let shape = self.shape();
        let kept = Axes::of("mean", axes, &shape).and_then(|axes| axes.flatten_in("mean", &shape));
        self.mean(axes).reshape(settle!(self, kept))
    }

    /// The mean of all elements; NaN if there are none.
    #[track_caller]
    fn mean_all(&self) -> Self {
        self.sum_all().scale(one_over(self.shape().len()))
    }

    /// The largest along axes; of equal ones each gets its share of the gradient.
    #[track_caller]
    fn max(&self, axes: &[usize]) -> Self {
        let axes = settle!(self, Axes::of("max_along", axes, &self.shape()));
        Self::apply(Op::Max(axes), &[self])
    }
}

impl<V: Value> Reduce for V {}
