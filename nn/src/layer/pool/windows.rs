//! Pooling of windows.

use super::{axes, flat};
use crate::Bound;
use crate::layer::Layer;
use tress_autograd::{Arrange, Fused, Sliding, Value, Windows};
use tress_tensor::{Error, Shape, Window};

/// The largest in each window of `D` axes: see [`MaxPool1d`] and [`MaxPool2d`]. Of equal ones the first gets the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool<const D: usize> {
    kernel: [usize; D],
    sliding: Sliding<D>,
}

/// Sequences: `[N, C, L]` to `[N, C, l]`.
pub type MaxPool1d = MaxPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, oh, ow]`.
pub type MaxPool2d = MaxPool<2>;

impl<const D: usize> MaxPool<D> {
    /// Windows of `kernel` places side by side, without padding.
    pub fn new(kernel: [usize; D]) -> Self {
        Self { kernel, sliding: Sliding::new().stride(kernel) }
    }

    /// Steps between windows, along each axis.
    pub fn stride(self, stride: [usize; D]) -> Self {
        Self { sliding: self.sliding.stride(stride), ..self }
    }

    /// Places before and after each axis that never win, fewer than the kernel: `[[top, bottom], [left, right]]` for images.
    pub fn padding(self, pad: [[usize; 2]; D]) -> Self {
        Self { sliding: self.sliding.pad(pad), ..self }
    }

    /// Distance between the taps of a window.
    pub fn dilation(self, dilation: [usize; D]) -> Self {
        Self { sliding: self.sliding.dilation(dilation), ..self }
    }

    /// The length of a window along each axis.
    pub fn kernel(&self) -> [usize; D] {
        self.kernel
    }

    /// Steps, padding and dilation.
    pub fn sliding(&self) -> Sliding<D> {
        self.sliding
    }
}

impl Layer for MaxPool<1> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match along("max_pool1d", &x.shape(), self.kernel, self.sliding) {
            Ok(window) => x.unsqueeze(2).max_pool(window).squeeze(2),
            Err(error) => x.fail(error),
        }
    }
}

impl Layer for MaxPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over("max_pool2d", &x.shape(), self.kernel, self.sliding) {
            Ok(window) => x.max_pool(window),
            Err(error) => x.fail(error),
        }
    }
}

/// The mean of each window of `D` axes: see [`MeanPool1d`] and [`MeanPool2d`]. Padding counts as zeros, unless
/// [told otherwise](MeanPool::without_padding_counted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanPool<const D: usize> {
    kernel: [usize; D],
    sliding: Sliding<D>,
    counted: bool,
}

/// Sequences: `[N, C, L]` to `[N, C, l]`.
pub type MeanPool1d = MeanPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, oh, ow]`.
pub type MeanPool2d = MeanPool<2>;

impl<const D: usize> MeanPool<D> {
    /// Windows of `kernel` places side by side, without padding.
    pub fn new(kernel: [usize; D]) -> Self {
        Self { kernel, sliding: Sliding::new().stride(kernel), counted: true }
    }

    /// Steps between windows, along each axis.
    pub fn stride(self, stride: [usize; D]) -> Self {
        Self { sliding: self.sliding.stride(stride), ..self }
    }

    /// Zeros before and after each axis, fewer than the kernel: `[[top, bottom], [left, right]]` for images.
    pub fn padding(self, pad: [[usize; 2]; D]) -> Self {
        Self { sliding: self.sliding.pad(pad), ..self }
    }

    /// Divides by the number of places inside of the input, not by the size of the window.
    pub fn without_padding_counted(self) -> Self {
        Self { counted: false, ..self }
    }

    /// The length of a window along each axis.
    pub fn kernel(&self) -> [usize; D] {
        self.kernel
    }

    /// Steps and padding.
    pub fn sliding(&self) -> Sliding<D> {
        self.sliding
    }

    /// Whether padding counts as zeros.
    pub fn counts_padding(&self) -> bool {
        self.counted
    }

    #[track_caller]
    fn pooled<V: Value>(&self, x: &V, window: Window) -> V {
        match self.counted || window.pad == [[0, 0], [0, 0]] {
            true => x.mean_pool(window),
            false => x.mean_pool_inside(window),
        }
    }
}

impl Layer for MeanPool<1> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match along("mean_pool1d", &x.shape(), self.kernel, self.sliding) {
            Ok(window) => self.pooled(&x.unsqueeze(2), window).squeeze(2),
            Err(error) => x.fail(error),
        }
    }
}

impl Layer for MeanPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over("mean_pool2d", &x.shape(), self.kernel, self.sliding) {
            Ok(window) => self.pooled(x, window),
            Err(error) => x.fail(error),
        }
    }
}

fn along(op: &'static str, x: &Shape, kernel: [usize; 1], sliding: Sliding<1>) -> Result<Window, Error> {
    axes::<1>(op, x)?;
    let Sliding { stride, pad: [pad], dilation: [dilation] } = sliding;
    pooling(op, x, flat(x[2], kernel, stride).pad([[0, 0], pad]).dilation([1, dilation]))
}

fn over(op: &'static str, x: &Shape, kernel: [usize; 2], sliding: Sliding<2>) -> Result<Window, Error> {
    axes::<2>(op, x)?;
    pooling(op, x, sliding.over([x[2], x[3]], kernel))
}

/// The window, if it finds something wherever it lies.
fn pooling(op: &'static str, x: &Shape, window: Window) -> Result<Window, Error> {
    let why = "a window is larger than the padded input: pad more, or pool less";
    window.pooling(op).map(|_| window).map_err(|error| match error {
        Error::Mismatch { right, .. } => Error::Mismatch { op, left: *x, right, why, lengths: None },
        other => other,
    })
}
