//! Pooling layers.

use super::Layer;
use super::conv::over;
use crate::Bound;
use tress_autograd::{Fused, Reduce, Value};
use tress_tensor::{Float, Tensor, Window};

/// The largest in each window: `[N, C, H, W]` to `[N, C, oh, ow]`. Of equal ones the first gets the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// The size of the image is filled in when the layer is applied.
    window: Window,
}

impl MaxPool2d {
    /// Windows of `kernel` pixels side by side, without padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { window: Window::new([0, 0], kernel).stride(kernel) }
    }

    /// Steps between windows, along height and width.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        Self { window: self.window.stride(stride) }
    }

    /// Places around the image that never win: `[[top, bottom], [left, right]]`, each less than the kernel.
    pub fn padding(self, pad: [[usize; 2]; 2]) -> Self {
        Self { window: self.window.pad(pad) }
    }

    /// Distance between the taps of a window.
    pub fn dilation(self, dilation: [usize; 2]) -> Self {
        Self { window: self.window.dilation(dilation) }
    }
}

impl Layer for MaxPool2d {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over(self.window, "max_pool", &x.shape()) {
            Ok(window) => x.max_pool(window),
            Err(error) => x.fail(error),
        }
    }
}

/// The mean of each window: `[N, C, H, W]` to `[N, C, oh, ow]`. Padding counts as zeros, unless
/// [told otherwise](MeanPool2d::without_padding_counted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanPool2d {
    /// The size of the image is filled in when the layer is applied.
    window: Window,
    counted: bool,
}

impl MeanPool2d {
    /// Windows of `kernel` pixels side by side, without padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self { window: Window::new([0, 0], kernel).stride(kernel), counted: true }
    }

    /// Steps between windows, along height and width.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        Self { window: self.window.stride(stride), ..self }
    }

    /// Zeros around the image: `[[top, bottom], [left, right]]`, each less than the kernel.
    pub fn padding(self, pad: [[usize; 2]; 2]) -> Self {
        Self { window: self.window.pad(pad), ..self }
    }

    /// Divides by the number of pixels inside of the image, not by the size of the window.
    pub fn without_padding_counted(self) -> Self {
        Self { counted: false, ..self }
    }
}

impl Layer for MeanPool2d {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let window = match over(self.window, "mean_pool", &x.shape()) {
            Ok(window) => window,
            Err(error) => return x.fail(error),
        };
        let mean = x.mean_pool(window);
        if self.counted || window.pad == [[0, 0], [0, 0]] {
            return mean;
        }
        // The mean of ones with the same padding is the part of each window that is inside.
        let [height, width] = window.input;
        match Tensor::full([1, 1, height, width], <V::Elem as Float>::ONE) {
            Ok(ones) => mean / x.lift(ones).mean_pool(window),
            Err(error) => x.fail(error),
        }
    }
}

/// The mean of each channel: `[N, C, H, W]` to `[N, C]` (Lin, Chen & Yan 2014, "Network in network", section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalMeanPool;

impl Layer for GlobalMeanPool {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over(Window::new([0, 0], [1, 1]), "global_mean_pool", &x.shape()) {
            Ok(_) => x.mean(&[2, 3]),
            Err(error) => x.fail(error),
        }
    }
}
