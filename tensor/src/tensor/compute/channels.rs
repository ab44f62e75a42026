//! Batch norm: the channels of a batch `[N, C, ..]` as they are normalised, and what is found of them.

use super::super::Tensor;
use super::same;
use crate::kernel::row_norm::channels::Planes;
use crate::{Error, Float, Shape};

impl<T: Float> Tensor<T> {
    /// Each channel of `[N, C, ..]` brought to mean 0 and variance 1 over the whole batch, then times `weight [C]`, plus
    /// `bias [C]`: `(x - mean) / sqrt(variance + epsilon) weight + bias` (Ioffe & Szegedy 2015, "Batch normalization", algorithm 1).
    ///
    /// # Errors
    /// There are less than two axes, or the weight or the bias is not one number a channel.
    pub fn channel_norm(
        &self,
        epsilon: f64,
        weight: Option<&Self>,
        bias: Option<&Self>,
    ) -> Result<Self, Error> {
        let op = "channel_norm";
        let planes = self.planes(op, [weight, bias])?;
        let (x, weight, bias) = (self.contiguous(), weight.map(Self::contiguous), bias.map(Self::contiguous));
        let affine = [&weight, &bias].map(|x| x.as_ref().and_then(Tensor::as_slice));
        let x = x.as_slice().unwrap_or_default();
        Ok(Self::written(*self.shape(), |out| T::channel_norm(epsilon, x, affine, planes, out)))
    }

    /// The cotangent of the operand of [`channel_norm`](Tensor::channel_norm), from that operand, the cotangent of the result, and
    /// the weight if there was one.
    ///
    /// # Errors
    /// As there, or the shapes differ.
    pub fn channel_norm_grad(&self, epsilon: f64, g: &Self, weight: Option<&Self>) -> Result<Self, Error> {
        let op = "channel_norm_grad";
        same(op, self.shape(), g.shape())?;
        let planes = self.planes(op, [weight, None])?;
        let (x, g, weight) = (self.contiguous(), g.contiguous(), weight.map(Self::contiguous));
        let weight = weight.as_ref().and_then(Tensor::as_slice);
        let (x, g) = (x.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default());
        Ok(Self::written(*self.shape(), |out| T::channel_norm_grad(epsilon, x, g, weight, planes, out)))
    }

    /// The cotangents of weight and bias of [`channel_norm`](Tensor::channel_norm) as `[2, C]`, from its operand and the cotangent
    /// of its result.
    ///
    /// # Errors
    /// As there, or the shapes differ.
    pub fn channel_norm_sums(&self, epsilon: f64, g: &Self) -> Result<Self, Error> {
        let op = "channel_norm_sums";
        same(op, self.shape(), g.shape())?;
        let planes = self.planes(op, [None; 2])?;
        let (x, g) = (self.contiguous(), g.contiguous());
        let (x, g) = (x.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default());
        let shape = Shape::named(op, &[2, planes.channels])?;
        Ok(Self::written(shape, |out| T::channel_norm_sums(epsilon, x, g, planes, out)))
    }

    /// The mean of each channel of `[N, C, ..]`, and the variance (divided by the number of its elements), as `[2, C]`.
    ///
    /// # Errors
    /// There are less than two axes.
    pub fn channel_moments(&self) -> Result<Self, Error> {
        let op = "channel_moments";
        let planes = self.planes(op, [None; 2])?;
        let x = self.contiguous();
        let x = x.as_slice().unwrap_or_default();
        Ok(Self::written(Shape::named(op, &[2, planes.channels])?, |out| T::channel_moments(x, planes, out)))
    }

    /// The sizes of a batch, whose parameters are one number a channel.
    fn planes(&self, op: &'static str, own: [Option<&Self>; 2]) -> Result<Planes, Error> {
        let [samples, channels, ..] = self.shape()[..] else {
            return Err(Error::Unfit {
                op,
                shape: *self.shape(),
                why: "at least two axes are wanted: samples, channels",
            });
        };
        let row = Shape::named(op, &[channels])?;
        own.into_iter().flatten().try_for_each(|own| same(op, own.shape(), &row))?;
        Ok(Planes { samples, channels, inner: self.shape()[2..].iter().product() })
    }
}
