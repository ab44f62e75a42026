//! Pooling of windows.

use super::{axes, flat};
use crate::Bound;
use crate::layer::Layer;
use tress_autograd::{Arrange, Fused, Sliding, Value, Windows};
use tress_tensor::{Element, Error, Shape, Tensor, Window};

/// The largest in each window of `D` axes: see [`MaxPool1d`] and [`MaxPool2d`]. Of equal ones the first gets the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool<const D: usize> {
    kernel: [usize; D],
    sliding: Sliding<D>,
    ceil: bool,
}

/// Sequences: `[N, C, L]` to `[N, C, l]`.
pub type MaxPool1d = MaxPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, oh, ow]`.
pub type MaxPool2d = MaxPool<2>;

impl<const D: usize> MaxPool<D> {
    /// Windows of `kernel` places side by side, without padding.
    pub fn new(kernel: [usize; D]) -> Self {
        Self { kernel, sliding: Sliding::new().stride(kernel), ceil: false }
    }

    /// Steps between windows, along each axis.
    pub fn stride(self, stride: [usize; D]) -> Self {
        Self { sliding: self.sliding.stride(stride), ..self }
    }

    /// Places before and after each axis that never win, fewer than the kernel: `[[top, bottom], [left, right]]` for images.
    pub fn padding(self, pad: [[usize; 2]; D]) -> Self {
        Self { sliding: self.sliding.pad(pad), ..self }
    }

    /// A last window that does not fit is there all the same, cut off at the end of the padded axis, if it begins before the
    /// padding behind (`ceil_mode` elsewhere); it is left out unless this is asked for.
    pub fn ceil(self) -> Self {
        Self { ceil: true, ..self }
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
        match along("max_pool1d", &x.shape(), self.kernel, self.sliding, self.ceil) {
            Ok(window) => x.unsqueeze(2).max_pool(window).squeeze(2),
            Err(error) => x.fail(error),
        }
    }
}

impl Layer for MaxPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over("max_pool2d", &x.shape(), self.kernel, self.sliding, self.ceil) {
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
    ceil: bool,
    counted: bool,
}

/// Sequences: `[N, C, L]` to `[N, C, l]`.
pub type MeanPool1d = MeanPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, oh, ow]`.
pub type MeanPool2d = MeanPool<2>;

impl<const D: usize> MeanPool<D> {
    /// Windows of `kernel` places side by side, without padding.
    pub fn new(kernel: [usize; D]) -> Self {
        Self { kernel, sliding: Sliding::new().stride(kernel), ceil: false, counted: true }
    }

    /// Steps between windows, along each axis.
    pub fn stride(self, stride: [usize; D]) -> Self {
        Self { sliding: self.sliding.stride(stride), ..self }
    }

    /// Zeros before and after each axis, fewer than the kernel: `[[top, bottom], [left, right]]` for images.
    pub fn padding(self, pad: [[usize; 2]; D]) -> Self {
        Self { sliding: self.sliding.pad(pad), ..self }
    }

    /// A last window that does not fit is there all the same, cut off at the end of the padded axis, if it begins before the
    /// padding behind (`ceil_mode` elsewhere); it is left out unless this is asked for.
    pub fn ceil(self) -> Self {
        Self { ceil: true, ..self }
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

    /// `pad` is the padding that was asked for: a window that was cut off reaches beyond it.
    #[track_caller]
    fn pooled<V: Value>(&self, x: &V, window: Window, pad: [[usize; 2]; 2]) -> V {
        match self.counted || window.pad == [[0, 0], [0, 0]] {
            true if window.pad == pad => x.mean_pool(window),
            true => mean_of_cut(x, window, pad),
            false => x.mean_pool_inside(window),
        }
    }
}

impl Layer for MeanPool<1> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match along("mean_pool1d", &x.shape(), self.kernel, self.sliding, self.ceil) {
            Ok(window) => self.pooled(&x.unsqueeze(2), window, [[0, 0], self.sliding.pad[0]]).squeeze(2),
            Err(error) => x.fail(error),
        }
    }
}

impl Layer for MeanPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match over("mean_pool2d", &x.shape(), self.kernel, self.sliding, self.ceil) {
            Ok(window) => self.pooled(x, window, self.sliding.pad),
            Err(error) => x.fail(error),
        }
    }
}

/// Means of windows, of which each is divided by the number of its places in the padded image.
#[track_caller]
fn mean_of_cut<V: Value>(x: &V, window: Window, pad: [[usize; 2]; 2]) -> V {
    let pooled = x.mean_pool(window);
    let shape = pooled.shape();
    let [_, _, height, width] = shape[..] else { return pooled }; // a mistake
    let places = |axis: usize, at: usize| {
        let end = pad[axis][0] + window.input[axis] + pad[axis][1];
        (end - at * window.stride[axis]).min(window.kernel[axis])
    };
    let size = (window.kernel[0] * window.kernel[1]) as f64;
    let share = Tensor::from_fn([height, width], |i| {
        <V::Elem as Element>::from_f64(size / (places(0, i[0]) * places(1, i[1])) as f64)
    });
    match share {
        Ok(share) => pooled * x.lift(share),
        Err(error) => x.fail(error),
    }
}

fn along(
    op: &'static str,
    x: &Shape,
    kernel: [usize; 1],
    sliding: Sliding<1>,
    ceil: bool,
) -> Result<Window, Error> {
    axes::<1>(op, x)?;
    let Sliding { stride, pad: [pad], dilation: [dilation] } = sliding;
    pooling(op, x, flat(x[2], kernel, stride).pad([[0, 0], pad]).dilation([1, dilation]), ceil)
}

fn over(
    op: &'static str,
    x: &Shape,
    kernel: [usize; 2],
    sliding: Sliding<2>,
    ceil: bool,
) -> Result<Window, Error> {
    axes::<2>(op, x)?;
    pooling(op, x, sliding.over([x[2], x[3]], kernel), ceil)
}

/// The window, if it finds something wherever it lies; with padding for what is cut off, where that is asked for.
fn pooling(op: &'static str, x: &Shape, mut window: Window, ceil: bool) -> Result<Window, Error> {
    if ceil {
        (0..2).for_each(|axis| window.pad[axis][1] += cut_off(&window, axis));
    }
    let why = "a window is larger than the padded input: pad more, or pool less";
    window.pooling(op).map(|_| window).map_err(|error| match error {
        Error::Mismatch { right, .. } => Error::Mismatch { op, left: *x, right, why, lengths: None },
        other => other,
    })
}

/// How far the last window that begins inside reaches beyond the padded axis.
fn cut_off(window: &Window, axis: usize) -> usize {
    let (kernel, dilation) = (window.kernel[axis], window.dilation[axis]);
    let stride = window.stride[axis].max(1);
    let reach = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    let inside = window.pad[axis][0].saturating_add(window.input[axis]);
    let padded = inside.saturating_add(window.pad[axis][1]);
    // So many windows more than the first: as many as it takes to reach the end, but none that begins behind the input.
    let more = padded.saturating_sub(reach).div_ceil(stride);
    let last = if more * stride >= inside { more.saturating_sub(1) } else { more };
    let beyond = last.saturating_mul(stride).saturating_add(reach).saturating_sub(padded);
    // A window that the padded input would fit into by a step or more is refused.
    if beyond < stride { beyond } else { 0 }
}
