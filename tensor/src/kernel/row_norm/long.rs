//! The same functions of rows that several threads share, stretch by stretch.

use super::RowNorm;
use crate::kernel::stretch::{STRETCH, read, sum};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
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
        let [mean, scale] = moments(norm, x.unwrap_or(out));
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let [x, weight, bias] = [x, weight, bias].map(|all| all.map(|all| &all[part.clone()]));
            T::dispatch(Stretch { step: Step::Forward { weight, bias }, x, mean, scale, out });
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
        let [mean, scale] = moments(norm, x);
        let count = T::from_f64(width as f64);
        let found = |out: &[T], along: bool| {
            read(width, sum, |part| {
                let g = &g.unwrap_or(out)[part.clone()];
                let step = Step::Along { g, weight: weight.map(|weight| &weight[part.clone()]), along };
                T::dispatch(Stretch { step, x: Some(&x[part]), mean, scale, out: &mut [] })
            }) / count
        };
        let g_mean = if norm.centred { found(out, false) } else { T::ZERO };
        let along = found(out, true);
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let [g, weight] = [g, weight].map(|all| all.map(|all| &all[part.clone()]));
            let step = Step::Back { g, weight, g_mean, along };
            T::dispatch(Stretch { step, x: Some(&x[part]), mean, scale, out });
        });
    });
}

/// [`row_norm_weight`](super::row_norm_weight): row by row, all threads on each.
pub(super) fn row_norm_weight<T: Float>(norm: RowNorm, x: &[T], g: &[T], width: usize, out: &mut [T]) {
    out.fill(T::ZERO);
    for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
        let [mean, scale] = moments(norm, x);
        parallel::for_each_piece(out, STRETCH, |i, out| {
            let part = i * STRETCH..i * STRETCH + out.len();
            let (step, x) = (Step::Weight { g: &g[part.clone()] }, Some(&x[part]));
            T::dispatch(Stretch { step, x, mean, scale, out });
        });
    }
}

/// A row's mean, or 0, and one over the root of the mean square of the rest.
fn moments<T: Float>(norm: RowNorm, x: &[T]) -> [T; 2] {
    let count = T::from_f64(x.len() as f64);
    let sum = |step, mean| {
        read(x.len(), sum, |part| {
            T::dispatch(Stretch { step, x: Some(&x[part]), mean, scale: T::ONE, out: &mut [] })
        }) / count
    };
    let mean = if norm.centred { sum(Step::Sum, T::ZERO) } else { T::ZERO };
    let square = sum(Step::Squares, mean);
    [mean, T::ONE / (square + T::from_f64(norm.epsilon)).sqrt()]
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
    /// The sum of the cotangent, weighted, or of its product with the normalised numbers.
    Along { g: &'a [T], weight: Option<&'a [T]>, along: bool },
    /// The gradient, both means given.
    Back { g: Option<&'a [T]>, weight: Option<&'a [T]>, g_mean: T, along: T },
    /// The product of the normalised numbers with the cotangent, added to `out`.
    Weight { g: &'a [T] },
}

struct Stretch<'a, T> {
    step: Step<'a, T>,
    /// What is read, if it is not in `out`.
    x: Option<&'a [T]>,
    mean: T,
    scale: T,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Stretch<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> T {
        let Self { step, x, mean, scale, out } = self;
        let width = x.map_or(out.len(), <[T]>::len);
        // What only finds something is given no `out`.
        assert!(out.len() == width || matches!(step, Step::Sum | Step::Squares | Step::Along { .. }));
        let to = out.as_mut_ptr();
        let x = x.map_or(to.cast_const(), <[T]>::as_ptr);
        let (mean, scale) = (isa.splat(mean), isa.splat(scale));
        let beside = |all: &[T]| all[..width].as_ptr();
        match step {
            Step::Sum => return sum!(isa, width, |load| load(x)),
            Step::Squares => {
                return sum!(isa, width, |load| {
                    let centred = load(x) - mean;
                    centred * centred
                });
            }
            Step::Forward { weight, bias } => match (weight.map(beside), bias.map(beside)) {
                (None, None) => each!(isa, width, to, |load| (load(x) - mean) * scale),
                (Some(w), None) => each!(isa, width, to, |load| (load(x) - mean) * scale * load(w)),
                (None, Some(b)) => each!(isa, width, to, |load| (load(x) - mean) * scale + load(b)),
                (Some(w), Some(b)) => {
                    each!(isa, width, to, |load| ((load(x) - mean) * scale).mul_add(load(w), load(b)))
                }
            },
            Step::Along { g, weight, along } => {
                let g = beside(g);
                return match (weight.map(beside), along) {
                    (None, false) => sum!(isa, width, |load| load(g)),
                    (None, true) => sum!(isa, width, |load| (load(x) - mean) * scale * load(g)),
                    (Some(w), false) => sum!(isa, width, |load| load(g) * load(w)),
                    (Some(w), true) => {
                        sum!(isa, width, |load| (load(x) - mean) * scale * (load(g) * load(w)))
                    }
                };
            }
            Step::Back { g, weight, g_mean, along } => {
                let g = g.map_or(to.cast_const(), beside);
                let (g_mean, along) = (isa.splat(g_mean), isa.splat(along));
                match weight.map(beside) {
                    None => each!(isa, width, to, |load| {
                        ((load(g) - g_mean) - (load(x) - mean) * scale * along) * scale
                    }),
                    Some(w) => each!(isa, width, to, |load| {
                        ((load(g) * load(w) - g_mean) - (load(x) - mean) * scale * along) * scale
                    }),
                }
            }
            Step::Weight { g } => {
                let g = beside(g);
                each!(isa, width, to, |load| {
                    ((load(x) - mean) * scale).mul_add(load(g), load(to.cast_const()))
                });
            }
        }
        T::ZERO
    }
}
