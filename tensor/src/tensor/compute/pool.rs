//! Maxima and means of windows over `[N, C, H, W]`.

use super::super::Tensor;
use crate::{Error, Float, Shape, Window};

impl<T: Float> Tensor<T> {
    /// The largest in each window; padding never is. NaN if any of the window is NaN.
    ///
    /// # Errors
    /// Another shape than `[N, C, H, W]` with the window's height and width; a window that can lie wholly in padding.
    pub fn max_pool(&self, window: Window) -> Result<Self, Error> {
        let (x, shape, output) = self.pooled("max_pool", &window)?;
        Ok(Self::written(shape, |out| T::max_pool_gather(numbers(&x), numbers(&x), &window, output, out)))
    }

    /// The elements of `of` at the places of the first maximum of each window of `self`.
    ///
    /// # Errors
    /// As [`max_pool`](Tensor::max_pool), or the shapes differ.
    pub fn max_pool_gather(&self, of: &Self, window: Window) -> Result<Self, Error> {
        super::same("max_pool_gather", self.shape(), of.shape())?;
        let (x, shape, output) = self.pooled("max_pool_gather", &window)?;
        let of = of.contiguous();
        Ok(Self::written(shape, |out| T::max_pool_gather(numbers(&x), numbers(&of), &window, output, out)))
    }

    /// Zeros with each of `g` added at the place of the first maximum of its window of `self`.
    ///
    /// # Errors
    /// As [`max_pool`](Tensor::max_pool), or `g` does not have one number for each window.
    pub fn max_pool_scatter(&self, g: &Self, window: Window) -> Result<Self, Error> {
        let (x, shape, output) = self.pooled("max_pool_scatter", &window)?;
        super::same("max_pool_scatter", &shape, g.shape())?;
        let g = g.contiguous();
        Ok(Self::written(*self.shape(), |out| {
            T::max_pool_scatter(numbers(&x), numbers(&g), &window, output, out)
        }))
    }

    /// As [`max_pool_scatter`](Tensor::max_pool_scatter) for K cotangents `g [K, N, C, oh, ow]` of one image:
    /// `[K, N, C, H, W]`.
    ///
    /// # Errors
    /// As there.
    pub fn max_pool_scatters(&self, g: &Self, window: Window) -> Result<Self, Error> {
        let op = "max_pool_scatter";
        let (x, shape, output) = self.pooled(op, &window)?;
        let k = g.shape().first().copied().unwrap_or(0);
        super::same(op, &shape.insert(0, k)?, g.shape())?;
        let g = g.contiguous();
        Ok(Self::written(self.shape().insert(0, k)?, |out| {
            T::max_pool_scatter(numbers(&x), numbers(&g), &window, output, out)
        }))
    }

    /// The mean of each window; padding counts as zeros.
    ///
    /// # Errors
    /// As [`max_pool`](Tensor::max_pool).
    pub fn mean_pool(&self, window: Window) -> Result<Self, Error> {
        let (x, shape, output) = self.pooled("mean_pool", &window)?;
        Ok(Self::written(shape, |out| T::mean_pool(numbers(&x), &window, output, out)))
    }

    /// The transpose of [`mean_pool`](Tensor::mean_pool): each number shared out evenly over its window.
    ///
    /// # Errors
    /// `self` does not have one number for each window.
    pub fn mean_pool_transpose(&self, window: Window) -> Result<Self, Error> {
        let op = "mean_pool_transpose";
        let output = window.pooling(op)?;
        let [n, c, h, w] = planes(op, self)?;
        let image = Shape::named(op, &[n, c, window.input[0], window.input[1]])?;
        if [h, w] != output {
            let (left, right, why) =
                (*self.shape(), Shape::named(op, &output)?, "one number a window is wanted");
            return Err(Error::Mismatch { op, left, right, why, lengths: None });
        }
        let g = self.contiguous();
        Ok(Self::written(image, |out| T::mean_pool_transpose(numbers(&g), &window, output, out)))
    }

    /// The image, dense; the shape of the result; its height and width.
    fn pooled(&self, op: &'static str, window: &Window) -> Result<(Self, Shape, [usize; 2]), Error> {
        let output = window.pooling(op)?;
        let [n, c, h, w] = planes(op, self)?;
        if [h, w] != window.input {
            let (left, right) = (*self.shape(), Shape::named(op, &window.input)?);
            let why = "the image is not of the size that the window was made for";
            return Err(Error::Mismatch { op, left, right, why, lengths: None });
        }
        Ok((self.contiguous(), Shape::named(op, &[n, c, output[0], output[1]])?, output))
    }
}

fn planes<T: Float>(op: &'static str, x: &Tensor<T>) -> Result<[usize; 4], Error> {
    match x.shape()[..] {
        [n, c, h, w] => Ok([n, c, h, w]),
        _ => Err(Error::Unfit { op, shape: *x.shape(), why: "four axes are wanted: N, C, H, W" }),
    }
}

fn numbers<T: Float>(dense: &Tensor<T>) -> &[T] {
    dense.as_slice().unwrap_or_default()
}
