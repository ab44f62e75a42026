//! Pooling to a given size, whatever the size of the input.

use super::{axes, flat};
use crate::Bound;
use crate::layer::Layer;
use crate::layer::resample::{along, matrix};
use alloc::vec::Vec;
use core::ops::Range;
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Fused, Value};
use tress_tensor::{Error, Shape, Tensor, Window};

/// Place `i` of `size` results looks at these of `length` places: neighbouring ranges overlap where the length is no
/// multiple.
fn part(i: usize, size: usize, length: usize) -> Range<usize> {
    i * length / size..((i + 1) * length).div_ceil(size)
}

/// That `x` is `[N, C, ..]`, and that there is something to pool.
fn sound<const D: usize>(op: &'static str, x: &Shape, size: [usize; D]) -> Result<(), Error> {
    axes::<D>(op, x)?;
    if x[2..].contains(&0) || size.contains(&0) {
        return Err(Error::Unfit { op, shape: *x, why: "nothing can be pooled to nothing, or from it" });
    }
    Ok(())
}

/// The mean of as many parts as results are wanted along each of `D` axes: see [`AdaptiveMeanPool1d`] and
/// [`AdaptiveMeanPool2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveMeanPool<const D: usize> {
    size: [usize; D],
}

/// Sequences: `[N, C, L]` to `[N, C, size]`.
pub type AdaptiveMeanPool1d = AdaptiveMeanPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, height, width]`.
pub type AdaptiveMeanPool2d = AdaptiveMeanPool<2>;

impl<const D: usize> AdaptiveMeanPool<D> {
    /// To this size.
    pub fn new(size: [usize; D]) -> Self {
        Self { size }
    }

    /// The size of the results.
    pub fn size(&self) -> [usize; D] {
        self.size
    }

    #[track_caller]
    fn pooled<V: Value>(&self, op: &'static str, x: &V) -> V {
        let shape = x.shape();
        if let Err(error) = sound(op, &shape, self.size) {
            return x.fail(error);
        }
        let mut y = x.clone();
        for axis in (0..D).rev() {
            let (size, length) = (self.size[axis], shape[2 + axis]);
            let share = |i: usize, at: usize| {
                let part = part(i, size, length);
                if part.contains(&at) { 1.0 / part.len() as f64 } else { 0.0 }
            };
            match matrix(size, length, share) {
                Ok(means) => y = along(&y, 2 + axis, &x.lift(means)),
                Err(error) => return x.fail(error),
            }
        }
        y
    }
}

impl Layer for AdaptiveMeanPool<1> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match even(&x.shape(), self.size) {
            Some(kernel) => x.unsqueeze(2).mean_pool(flat(x.shape()[2], kernel, kernel)).squeeze(2),
            None => self.pooled("adaptive_mean_pool1d", x),
        }
    }
}

impl Layer for AdaptiveMeanPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        match even(&shape, self.size) {
            Some(kernel) => x.mean_pool(Window::new([shape[2], shape[3]], kernel).stride(kernel)),
            None => self.pooled("adaptive_mean_pool2d", x),
        }
    }
}

/// The windows side by side that are the parts, where the lengths are multiples.
fn even<const D: usize>(x: &Shape, size: [usize; D]) -> Option<[usize; D]> {
    let mut kernel = [0; D];
    for (axis, kernel) in kernel.iter_mut().enumerate() {
        *kernel = x.get(2 + axis)?.checked_div(size[axis])?;
        if *kernel == 0 || *kernel * size[axis] != x[2 + axis] {
            return None;
        }
    }
    (x.rank() == D + 2).then_some(kernel)
}

/// The largest of as many parts as results are wanted along each of `D` axes: see [`AdaptiveMaxPool1d`] and
/// [`AdaptiveMaxPool2d`]. Of equal ones the first gets the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveMaxPool<const D: usize> {
    size: [usize; D],
}

/// Sequences: `[N, C, L]` to `[N, C, size]`.
pub type AdaptiveMaxPool1d = AdaptiveMaxPool<1>;

/// Images: `[N, C, H, W]` to `[N, C, height, width]`.
pub type AdaptiveMaxPool2d = AdaptiveMaxPool<2>;

impl<const D: usize> AdaptiveMaxPool<D> {
    /// To this size.
    pub fn new(size: [usize; D]) -> Self {
        Self { size }
    }

    /// The size of the results.
    pub fn size(&self) -> [usize; D] {
        self.size
    }

    /// The parts side by side, each as long as the longest: the last place of a shorter one is there again, and as it
    /// comes after itself it never gets the gradient.
    #[track_caller]
    fn spread<V: Value>(&self, op: &'static str, x: &V) -> (V, [usize; D]) {
        let shape = x.shape();
        let mut kernel = [1; D];
        if let Err(error) = sound(op, &shape, self.size) {
            return (x.fail(error), kernel);
        }
        let mut y = x.clone();
        for axis in 0..D {
            let (size, length) = (self.size[axis], shape[2 + axis]);
            let parts = (0..size).map(|i| part(i, size, length));
            kernel[axis] = parts.clone().map(|part| part.len()).max().unwrap_or(1);
            let places: Vec<u32> = parts
                .flat_map(|part| (0..kernel[axis]).map(move |at| (part.start + at).min(part.end - 1) as u32))
                .collect();
            y = y.gather(2 + axis, &Index::new(&Tensor::vector(&places)));
        }
        (y, kernel)
    }
}

impl Layer for AdaptiveMaxPool<1> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let (spread, kernel) = match even(&x.shape(), self.size) {
            Some(kernel) => (x.clone(), kernel),
            None => self.spread("adaptive_max_pool1d", x),
        };
        match spread.shape()[..] {
            [_, _, length] => spread.unsqueeze(2).max_pool(flat(length, kernel, kernel)).squeeze(2),
            _ => spread, // a mistake
        }
    }
}

impl Layer for AdaptiveMaxPool<2> {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let (spread, kernel) = match even(&x.shape(), self.size) {
            Some(kernel) => (x.clone(), kernel),
            None => self.spread("adaptive_max_pool2d", x),
        };
        match spread.shape()[..] {
            [_, _, height, width] => spread.max_pool(Window::new([height, width], kernel).stride(kernel)),
            _ => spread, // a mistake
        }
    }
}
