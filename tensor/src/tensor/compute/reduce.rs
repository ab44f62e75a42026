//! Sums, maxima and minima along axes, and functions of whole rows.

use super::super::Tensor;
use super::same;
use crate::kernel::reduce::Fold;
use crate::kernel::row_norm::RowNorm;
use crate::kernel::softmax::Normal;
use crate::{Axes, Error, Float, Shape};

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

    pub(super) fn width(&self, op: &'static str) -> Result<usize, Error> {
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

    /// `ln sum exp(x)` along the last axis, which vanishes; minus infinity along an empty one. With labels, one for each
    /// row, less `x[label]`: the cross entropy of each row.
    ///
    /// # Errors
    /// There is no axis; labels of another shape than the result, or one that is not below the length of the axis.
    pub fn log_sum_exp(&self, labels: Option<&Tensor<u32>>) -> Result<Self, Error> {
        let (width, shape, labels) = self.labelled("log_sum_exp", labels)?;
        let labels = labels.as_ref().and_then(Tensor::as_slice);
        Ok(Self::written(shape, |out| T::log_sum_exp(self.view(), labels, width, out)))
    }

    /// The reverse rule of [`log_sum_exp`](Tensor::log_sum_exp) in one pass, from its operand and the cotangent `g` of its
    /// result: `g softmax(x)`, with labels less `g` at the label. It is 0 where a row holds nothing but minus infinity and
    /// there are no labels.
    ///
    /// # Errors
    /// As there, or a cotangent of another shape than the result.
    pub fn log_sum_exp_grad(&self, g: &Self, labels: Option<&Tensor<u32>>) -> Result<Self, Error> {
        let op = "log_sum_exp_grad";
        let (width, shape, labels) = self.labelled(op, labels)?;
        same(op, &shape, g.shape())?;
        let labels = labels.as_ref().and_then(Tensor::as_slice);
        let g = g.contiguous();
        let g = g.as_slice().unwrap_or_default();
        Ok(Self::written(*self.shape(), |out| T::log_sum_exp_grad(self.view(), labels, g, width, out)))
    }

    /// The length of the last axis, the shape without it, and the labels, dense.
    fn labelled(
        &self,
        op: &'static str,
        labels: Option<&Tensor<u32>>,
    ) -> Result<(usize, Shape, Option<Tensor<u32>>), Error> {
        let width = self.width(op)?;
        let axis = self.rank() - 1;
        let shape = self.shape().remove(axis)?;
        let Some(labels) = labels else { return Ok((width, shape, None)) };
        same(op, &shape, labels.shape())?;
        let labels = labels.contiguous();
        super::index::in_range(op, axis, labels.as_slice().unwrap_or_default(), width)?;
        Ok((width, shape, Some(labels)))
    }

    /// Each row along the last axis brought to mean 0 and mean square 1 as `norm` says, times `weight` and plus `bias`
    /// where there are any, both of the shape of the axis; in one pass.
    ///
    /// # Errors
    /// There is no axis, or weight or bias have another shape.
    pub fn row_norm(&self, norm: RowNorm, weight: Option<&Self>, bias: Option<&Self>) -> Result<Self, Error> {
        let op = "row_norm";
        let width = self.width(op)?;
        let own = Shape::named(op, &[width])?;
        [weight, bias].into_iter().flatten().try_for_each(|x| same(op, x.shape(), &own))?;
        let (weight, bias) = (weight.map(Self::contiguous), bias.map(Self::contiguous));
        let weight = weight.as_ref().and_then(Tensor::as_slice);
        let bias = bias.as_ref().and_then(Tensor::as_slice);
        Ok(Self::written(*self.shape(), |out| T::row_norm(norm, self.view(), weight, bias, width, out)))
    }

    /// The cotangent of the operand of [`row_norm`](Tensor::row_norm) in one pass, from that operand, the cotangent of the
    /// result, and the weight if there was one.
    ///
    /// # Errors
    /// There is no axis, the shapes differ, or the weight has not that of the axis.
    pub fn row_norm_grad(&self, norm: RowNorm, g: &Self, weight: Option<&Self>) -> Result<Self, Error> {
        let op = "row_norm_grad";
        same(op, self.shape(), g.shape())?;
        let width = self.width(op)?;
        let own = Shape::named(op, &[width])?;
        weight.into_iter().try_for_each(|weight| same(op, weight.shape(), &own))?;
        let weight = weight.map(Self::contiguous);
        let weight = weight.as_ref().and_then(Tensor::as_slice);
        Ok(Self::written(*self.shape(), |out| {
            T::row_norm_grad(norm, self.view(), g.view(), weight, width, out)
        }))
    }

    /// The cotangent of the weight of [`row_norm`](Tensor::row_norm), of the shape of the axis, in one pass, from its operand
    /// and the cotangent of its result.
    ///
    /// # Errors
    /// There is no axis, or the shapes differ.
    pub fn row_norm_weight(&self, norm: RowNorm, g: &Self) -> Result<Self, Error> {
        let op = "row_norm_weight";
        same(op, self.shape(), g.shape())?;
        let width = self.width(op)?;
        let own = Shape::named(op, &[width])?;
        Ok(Self::written(own, |out| T::row_norm_weight(norm, self.view(), g.view(), width, out)))
    }

    /// Running sums along an axis: each element is the sum of those up to it, or from it on if `reversed`.
    ///
    /// # Errors
    /// No such axis.
    pub fn running_sum(&self, axis: usize, reversed: bool) -> Result<Self, Error> {
        let shape = *self.shape();
        let len = *shape.get(axis).ok_or(Error::Axis { op: "running_sum", axis, shape })?;
        let inner = shape[axis + 1..].iter().product();
        Ok(Self::written(shape, |out| T::running_sum(self.view(), reversed, len, inner, out)))
    }
}
