//! The three roles of a convolution, on `[N, C, H, W]`.

use super::super::Tensor;
use super::product::in_registers;
use crate::kernel::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use crate::pointwise::Map;
use crate::{Error, Float, Shape, Window};

impl<T: Float> Tensor<T> {
    /// `activation(x * w + bias)`: images `self [N, C, H, W]`, weights `[O, C / groups, kh, kw]`, bias `[O]`; the result
    /// is `[N, O, oh, ow]`. A cross-correlation, as everywhere in the field.
    ///
    /// # Errors
    /// Sizes that do not fit the window or each other.
    pub fn conv2d(
        &self,
        w: &Self,
        bias: Option<&Self>,
        window: Window,
        groups: usize,
        activation: Option<Map>,
    ) -> Result<Self, Error> {
        let op = "conv2d";
        let ([n, c, h, wide], [o, each, kh, kw]) = (four(op, self)?, four(op, w)?);
        fits(op, self, w, [h, wide], window.input)?;
        fits(op, self, w, [kh, kw], window.kernel)?;
        fits(op, self, w, [c, 0], [each.saturating_mul(groups), 0])?;
        let conv = Conv::new(window, [n, c, o], groups, op)?;
        let bias = bias.map(|bias| bias.contiguous());
        if let Some(bias) = bias.as_ref().filter(|bias| **bias.shape() != [o]) {
            let why = "the bias must have one number for each output channel";
            return Err(Error::Unfit { op, shape: *bias.shape(), why });
        }
        let (kernel, later) = in_registers(activation);
        let added = bias.as_ref().and_then(Tensor::as_slice);
        let [oh, ow] = conv.output();
        let y = self.through(w, Shape::named(op, &[n, o, oh, ow])?, |x, w, y| {
            conv_forward(&conv, x, w, y, added, kernel)
        });
        Ok(later.map_or_else(|| y.clone(), |map| y.map(map)))
    }

    /// The transpose of [`conv2d`](Tensor::conv2d) as a map of images: weights `self [O, C / groups, kh, kw]` and a
    /// cotangent `y [N, O, oh, ow]` give one of the images, `[N, C, H, W]` with the height and width of the window's
    /// input. Also known as a transposed convolution.
    ///
    /// # Errors
    /// Sizes that do not fit the window or each other.
    pub fn conv2d_image(&self, y: &Self, window: Window, groups: usize) -> Result<Self, Error> {
        let op = "conv2d_image";
        let ([o, each, kh, kw], [n, outputs, oh, ow]) = (four(op, self)?, four(op, y)?);
        let c = each.saturating_mul(groups);
        let conv = Conv::new(window, [n, c, o], groups, op)?;
        fits(op, self, y, [kh, kw], window.kernel)?;
        fits(op, self, y, [oh, ow], conv.output())?;
        fits(op, self, y, [o, 0], [outputs, 0])?;
        let shape = Shape::named(op, &[n, c, window.input[0], window.input[1]])?;
        Ok(self.through(y, shape, |w, y, x| conv_input_grad(&conv, w, y, x)))
    }

    /// The transpose of [`conv2d`](Tensor::conv2d) as a map of weights: images `self [N, C, H, W]` and a cotangent
    /// `y [N, O, oh, ow]` give one of the weights, `[O, C / groups, kh, kw]`.
    ///
    /// # Errors
    /// Sizes that do not fit the window or each other.
    pub fn conv2d_weight(&self, y: &Self, window: Window, groups: usize) -> Result<Self, Error> {
        let op = "conv2d_weight";
        let ([n, c, h, wide], [samples, o, oh, ow]) = (four(op, self)?, four(op, y)?);
        let conv = Conv::new(window, [n, c, o], groups, op)?;
        fits(op, self, y, [h, wide], window.input)?;
        fits(op, self, y, [oh, ow], conv.output())?;
        fits(op, self, y, [n, 0], [samples, 0])?;
        let shape = Shape::named(op, &[o, c / groups, window.kernel[0], window.kernel[1]])?;
        Ok(self.through(y, shape, |x, y, w| conv_weight_grad(&conv, 1, x, y, w)))
    }

    /// As [`conv2d_weight`](Tensor::conv2d_weight) for K cotangents `y [K, N, O, oh, ow]` of one image, which is gathered
    /// once for all: `[K, O, C / groups, kh, kw]`, with the bits that each gives alone.
    ///
    /// # Errors
    /// Sizes that do not fit the window or each other.
    pub fn conv2d_weights(&self, y: &Self, window: Window, groups: usize) -> Result<Self, Error> {
        let op = "conv2d_weight";
        let [k, samples, o, oh, ow] = y.shape()[..] else {
            return Err(Error::Unfit { op, shape: *y.shape(), why: "five axes are wanted" });
        };
        let [n, c, h, wide] = four(op, self)?;
        let conv = Conv::new(window, [n, c, o], groups, op)?;
        fits(op, self, y, [h, wide], window.input)?;
        fits(op, self, y, [oh, ow], conv.output())?;
        fits(op, self, y, [n, 0], [samples, 0])?;
        let shape = Shape::named(op, &[k, o, c / groups, window.kernel[0], window.kernel[1]])?;
        Ok(self.through(y, shape, |x, y, w| conv_weight_grad(&conv, k, x, y, w)))
    }

    /// A result that `kernel` writes from the numbers of two operands, which it is given dense.
    fn through(&self, other: &Self, shape: Shape, kernel: impl FnOnce(&[T], &[T], &mut [T])) -> Self {
        let (a, b) = (self.contiguous(), other.contiguous());
        let (a, b) = (a.as_slice().unwrap_or_default(), b.as_slice().unwrap_or_default());
        Self::written(shape, |out| kernel(a, b, out))
    }
}

fn four<T: Float>(op: &'static str, x: &Tensor<T>) -> Result<[usize; 4], Error> {
    match x.shape()[..] {
        [a, b, c, d] => Ok([a, b, c, d]),
        _ => Err(Error::Unfit { op, shape: *x.shape(), why: "four axes are wanted" }),
    }
}

/// Whether two sizes of the operands agree.
fn fits<T: Float>(
    op: &'static str,
    left: &Tensor<T>,
    right: &Tensor<T>,
    found: [usize; 2],
    wanted: [usize; 2],
) -> Result<(), Error> {
    match (0..2).find(|&axis| found[axis] != wanted[axis]) {
        Some(axis) => Err(Error::Mismatch {
            op,
            left: *left.shape(),
            right: *right.shape(),
            why: "sizes",
            lengths: Some((found[axis], wanted[axis])),
        }),
        None => Ok(()),
    }
}
