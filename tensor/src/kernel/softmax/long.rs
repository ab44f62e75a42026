//! The same functions of rows that several threads share, stretch by stretch.

use super::{Normal, below, largest, ln, pull, pulled, scale, sum_exp};
use crate::kernel::stretch::{read, sum, written};
use crate::simd::{Kernel, Lanes};
use crate::{Float, parallel};

/// [`normalise`](super::normalise) of rows in `x`, or in `out`.
pub(super) fn normalise<T: Float>(normal: Normal, x: Option<&[T]>, width: usize, out: &mut [T]) {
    parallel::for_each_piece(out, width, |row, out| {
        let x = x.map(|x| &x[row * width..][..width]);
        let step = |step| move |x, out: &mut [T]| T::dispatch(Stretch { step, x, g: None, out });
        let shift = largest_of(x.unwrap_or(out));
        let sum = written(out, sum, |part, out| {
            step(Step::Exp { shift, keep: normal == Normal::Softmax })(x.map(|x| &x[part]), out)
        });
        let last = match normal {
            Normal::Softmax => Step::Scale(T::ONE / sum),
            Normal::LogSoftmax => Step::Below { shift, sum },
        };
        written(out, |_, last| last, |part, out| step(last)(x.map(|x| &x[part]), out));
    });
}

/// [`normalise_grad`](super::normalise_grad) with the cotangent in `g`, or in `out`.
pub(super) fn normalise_grad<T: Float>(
    normal: Normal,
    y: &[T],
    g: Option<&[T]>,
    width: usize,
    out: &mut [T],
) {
    parallel::for_each_piece(out, width, |row, out| {
        let (y, g) = (&y[row * width..][..width], g.map(|g| &g[row * width..][..width]));
        let run = |step| {
            move |part: core::ops::Range<usize>, out: &mut [T]| {
                let g = g.map(|g| &g[part.clone()]);
                T::dispatch(Stretch { step, x: Some(&y[part]), g, out })
            }
        };
        let sum = written(out, sum, run(Step::Pulled(normal)));
        written(out, |_, last| last, run(Step::Pull { normal, sum }));
    });
}

/// [`log_sum_exp`](super::log_sum_exp) of dense rows.
pub(super) fn log_sum_exp<T: Float>(x: &[T], labels: Option<&[u32]>, width: usize, out: &mut [T]) {
    parallel::for_each_piece(out, 1, |row, slot| {
        let x = &x[row * width..][..width];
        let shift = largest_of(x);
        let at_label = labels.map(|labels| x[labels[row] as usize]);
        slot[0] = super::without_sum(x, shift, at_label).unwrap_or_else(|| {
            let sum = read(width, sum, |part| {
                let step = Step::Exp { shift, keep: false };
                T::dispatch(Stretch { step, x: Some(&x[part]), g: None, out: &mut [] })
            });
            let above = at_label.map_or(shift, |x| shift - x);
            above + T::dispatch(Stretch { step: Step::Ln(sum), x: None, g: None, out: &mut [] })
        });
    });
}

/// [`log_sum_exp_grad`](super::log_sum_exp_grad) of rows in `x`, or in `out`.
pub(super) fn log_sum_exp_grad<T: Float>(
    x: Option<&[T]>,
    labels: Option<&[u32]>,
    g: &[T],
    width: usize,
    out: &mut [T],
) {
    parallel::for_each_piece(out, width, |row, out| {
        let x = x.map(|x| &x[row * width..][..width]);
        let shift = largest_of(x.unwrap_or(out));
        if super::moves_nothing(labels, shift, x, out) {
            return;
        }
        let sum = written(out, sum, |part, out| {
            let (step, x) = (Step::Exp { shift, keep: true }, x.map(|x| &x[part]));
            T::dispatch(Stretch { step, x, g: None, out })
        });
        let step = Step::Scale(g[row] / sum);
        written(out, |_, last| last, |_, out| T::dispatch(Stretch { step, x: None, g: None, out }));
        if let Some(labels) = labels {
            let slot = &mut out[labels[row] as usize];
            *slot = *slot - g[row];
        }
    });
}

fn largest_of<T: Float>(x: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    read(x.len(), larger, |part| {
        T::dispatch(Stretch { step: Step::Largest, x: Some(&x[part]), g: None, out: &mut [] })
    })
}

/// What is done to a stretch, and found of it.
#[derive(Clone, Copy)]
enum Step<T> {
    /// The largest of `x`.
    Largest,
    /// The sum of `exp(x - shift)`; the terms are kept in `out`, or not.
    Exp { shift: T, keep: bool },
    /// `out` times a number.
    Scale(T),
    /// `out = (x - shift) - ln sum`.
    Below { shift: T, sum: T },
    /// The sum of `g y` for the softmax, of `g` for its logarithm.
    Pulled(Normal),
    /// The gradient, `sum` given.
    Pull { normal: Normal, sum: T },
    /// The logarithm of a number.
    Ln(T),
}

struct Stretch<'a, T> {
    step: Step<T>,
    /// What is read, if it is not in `out`; for gradients the result `y`.
    x: Option<&'a [T]>,
    g: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Stretch<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> T {
        let Self { step, x, g, out } = self;
        let width = x.map_or(out.len(), <[T]>::len);
        if let Some(g) = g {
            assert_eq!(g.len(), width);
        }
        // What only finds something is given no `out`.
        assert!(
            out.len() == width || matches!(step, Step::Largest | Step::Ln(_) | Step::Exp { keep: false, .. })
        );
        let to = out.as_mut_ptr();
        let x = x.map_or(to.cast_const(), <[T]>::as_ptr);
        let g = g.map_or(to.cast_const(), <[T]>::as_ptr);
        match step {
            Step::Largest => return largest(isa, x, width),
            Step::Exp { shift, keep } => return sum_exp(isa, x, width, shift, keep.then_some(to)),
            Step::Ln(number) => return ln(isa, number),
            Step::Pulled(normal) => return pulled(isa, normal, x, g, width),
            Step::Scale(by) => scale(isa, to, width, by),
            Step::Below { shift, sum } => below(isa, x, to, width, [shift, sum]),
            Step::Pull { normal, sum } => pull(isa, normal, [x, g], to, width, sum),
        }
        T::ZERO
    }
}
