//! Sums, maxima and minima along axes, and functions of whole rows.

use super::super::Tensor;
use super::same;
use crate::kernel::reduce::Fold;
use crate::kernel::softmax::Normal;
use crate::{Axes, Error, Float};

impl<T: Float> Tensor<T> {
    fn fold(&self, op: &'static str, fold: Fold, axes: Axes) -> Result<Self, Error> {
        let shape = axes.remove_from(op, self.shape())?;
        if fold != Fold::Sum && axes.iter().any(|axis| self.shape()[axis] == 0) {
            return Err(Error::Unfit {
                op,
                shape: *self.shape(),
                why: "an axis is empty, and nothing has no extreme",
            });
        }
        Ok(Self::written(shape, |out| T::reduce(fold, self.view(), axes, out)))
    }

    /// The sum along axes, which vanish; 0 along empty ones.
    ///
    /// # Errors
    /// An axis that there is not.
    pub fn sum(&self, axes: Axes) -> Result<Self, Error> {
        self.fold("sum", Fold::Sum, axes)
    }

    /// The largest along axes, which vanish; NaN if any is NaN.
    ///
    /// # Errors
    /// An axis that there is not, or that is empty.
    pub fn max(&self, axes: Axes) -> Result<Self, Error> {
        self.fold("max_along", Fold::Max, axes)
    }

    /// The smallest along axes, which vanish; NaN if any is NaN.
    ///
    /// # Errors
    /// An axis that there is not, or that is empty.
    pub fn min(&self, axes: Axes) -> Result<Self, Error> {
        self.fold("min_along", Fold::Min, axes)
    }

    fn width(&self, op: &'static str) -> Result<usize, Error> {
        let why = "at least one axis is wanted";
        self.shape().last().copied().ok_or(Error::Unfit { op, shape: *self.shape(), why })
    }

    /// `exp(x) / sum exp(x)` along the last axis.
    ///
    /// # Errors
    /// There is no axis.
    pub fn softmax(&self) -> Result<Self, Error> {
        let width = self.width("softmax")?;
        Ok(Self::written(*self.shape(), |out| T::normalise(Normal::Softmax, self.view(), width, out)))
    }

    /// `x - ln sum exp(x)` along the last axis.
    ///
    /// # Errors
    /// There is no axis.
    pub fn log_softmax(&self) -> Result<Self, Error> {
        let width = self.width("log_softmax")?;
        Ok(Self::written(*self.shape(), |out| T::normalise(Normal::LogSoftmax, self.view(), width, out)))
    }

    /// `y (g - sum g y)` along the last axis, for `self` = `y` = softmax of something: its reverse rule in one pass.
    ///
    /// # Errors
    /// There is no axis, or the shapes differ.
    pub fn softmax_grad(&self, g: &Self) -> Result<Self, Error> {
        self.normal_grad("softmax_grad", Normal::Softmax, g)
    }

    /// `g - exp(y) sum g` along the last axis, for `self` = `y` = log-softmax of something: its reverse rule in one
    /// pass.
    ///
    /// # Errors
    /// There is no axis, or the shapes differ.
    pub fn log_softmax_grad(&self, g: &Self) -> Result<Self, Error> {
        self.normal_grad("log_softmax_grad", Normal::LogSoftmax, g)
    }

    fn normal_grad(&self, op: &'static str, normal: Normal, g: &Self) -> Result<Self, Error> {
        same(op, self.shape(), g.shape())?;
        let width = self.width(op)?;
        Ok(Self::written(*self.shape(), |out| T::normalise_grad(normal, self.view(), g.view(), width, out)))
    }

    /// `ln sum exp(x)` along the last axis, which vanishes; minus infinity along an empty one.
    ///
    /// # Errors
    /// There is no axis.
    pub fn log_sum_exp(&self) -> Result<Self, Error> {
        let width = self.width("log_sum_exp")?;
        let shape = self.shape().remove(self.rank() - 1)?;
        if width == 0 {
            return Self::full(shape, T::NEG_INFINITY);
        }
        Ok(Self::written(shape, |out| T::log_sum_exp(self.view(), width, out)))
    }
}
