//! The same functions of rows that several threads share, stretch by stretch.

use super::{Known, RowNorm, scale, squares, total};
use crate::kernel::stretch::{STRETCH, read, sum};
use crate::simd::{Kernel, Lanes};
use crate::{Float, parallel};

/// [`row_norm`](super::row_norm) of rows in `x`, or in `out`.
pub(super) fn row_norm<T: Float>(
    norm: RowNorm,
    x: Option<&[T]>,
    weight: Option<&[T]>,
    bias: Option<&[T]>,
    width: usize,
    out: &mut [T],
) {
    parallel::for_each_piece(out, width, |row, out| {
        let x = x.map(|x| &x[row * width..][..width]);
        let moments = moments(norm, x.unwrap_or(out));
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let [x, weight, bias] = [x, weight, bias].map(|all| all.map(|all| &all[part.clone()]));
            T::dispatch(Stretch { step: Step::Forward { weight, bias }, x, moments, out });
        });
    });
}

/// [`row_norm_grad`](super::row_norm_grad) with the cotangent in `g`, or in `out`.
pub(super) fn row_norm_grad<T: Float>(
    norm: RowNorm,
    x: &[T],
    g: Option<&[T]>,
    weight: Option<&[T]>,
    width: usize,
    out: &mut [T],
) {
    parallel::for_each_piece(out, width, |row, out| {
        let part = row * width..(row + 1) * width;
        let (x, g) = (&x[part.clone()], g.map(|g| &g[part]));
        let moments = moments(norm, x);
        let count = T::from_f64(width as f64);
        let found = |out: &[T], along: bool| {
            read(width, sum, |part| {
                let g = &g.unwrap_or(out)[part.clone()];
                let weight = weight.map(|weight| &weight[part.clone()]);
                let step = if along { Step::Along { g, weight } } else { Step::Cotangents { g, weight } };
                T::dispatch(Stretch { step, x: Some(&x[part]), moments, out: &mut [] })
            }) / count
        };
        let g_mean = if norm.centred { found(out, false) } else { T::ZERO };
        let means = [g_mean, found(out, true)];
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let [g, weight] = [g, weight].map(|all| all.map(|all| &all[part.clone()]));
            let step = Step::Back { g, weight, means };
            T::dispatch(Stretch { step, x: Some(&x[part]), moments, out });
        });
    });
}

/// [`row_norm_weight`](super::row_norm_weight): row by row, all threads on each.
pub(super) fn row_norm_weight<T: Float>(norm: RowNorm, x: &[T], g: &[T], width: usize, out: &mut [T]) {
    out.fill(T::ZERO);
    for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
        let moments = moments(norm, x);
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let (step, x) = (Step::Weight { g: &g[part.clone()] }, Some(&x[part]));
            T::dispatch(Stretch { step, x, moments, out });
        });
    }
}

/// A row's mean, or 0, and one over the root of the mean square of the rest.
fn moments<T: Float>(norm: RowNorm, x: &[T]) -> [T; 2] {
    let count = T::from_f64(x.len() as f64);
    let sum = |step, mean| {
        read(x.len(), sum, |part| {
            T::dispatch(Stretch { step, x: Some(&x[part]), moments: [mean, T::ONE], out: &mut [] })
        }) / count
    };
    let mean = if norm.centred { sum(Step::Sum, T::ZERO) } else { T::ZERO };
    let square = sum(Step::Squares, mean);
    [mean, scale(norm, square)]
}

/// What is done to a stretch, or found of it.
#[derive(Clone, Copy)]
enum Step<'a, T> {
    /// The sum.
    Sum,
    /// The sum of squares about the mean.
    Squares,
    /// The normalised numbers, times a weight, plus a bias.
    Forward { weight: Option<&'a [T]>, bias: Option<&'a [T]> },
    /// The sum of the cotangent, times a weight.
    Cotangents { g: &'a [T], weight: Option<&'a [T]> },
    /// The sum of its product with the normalised numbers.
    Along { g: &'a [T], weight: Option<&'a [T]> },
    /// The gradient, the means of both sums given.
    Back { g: Option<&'a [T]>, weight: Option<&'a [T]>, means: [T; 2] },
    /// The product of the normalised numbers with the cotangent, added to `out`.
    Weight { g: &'a [T] },
}

struct Stretch<'a, T> {
    step: Step<'a, T>,
    /// What is read, if it is not in `out`.
    x: Option<&'a [T]>,
    /// The mean, and one over the root of the mean square.
    moments: [T; 2],
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Stretch<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> T {
        let Self { step, x, moments, out } = self;
        let width = x.map_or(out.len(), <[T]>::len);
        // What only finds something is given no `out`.
        let finds = matches!(step, Step::Sum | Step::Squares | Step::Cotangents { .. } | Step::Along { .. });
        assert!(finds || out.len() == width);
        let to = out.as_mut_ptr();
        let x = x.map_or(to.cast_const(), <[T]>::as_ptr);
        let row = Known { x, width, moments, stream: false };
        let beside = |all: &[T]| all[..width].as_ptr();
        match step {
            Step::Sum => return total(isa, x, width),
            Step::Squares => return squares(isa, x, width, moments[0]),
            Step::Cotangents { g, weight } => return row.cotangents(isa, beside(g), weight.map(beside)),
            Step::Along { g, weight } => return row.along(isa, beside(g), weight.map(beside)),
            Step::Forward { weight, bias } => row.forward(isa, weight.map(beside), bias.map(beside), to),
            Step::Back { g, weight, means } => {
                row.back(isa, g.map_or(to.cast_const(), beside), weight.map(beside), means, to);
            }
            Step::Weight { g } => row.weight(isa, beside(g), to),
        }
        T::ZERO
    }
}
