//! Softmax, log-softmax, log-sum-exp and cross entropy along the last axis, and their gradients: a row is read two or three
//! times while it lies in a near cache. Long rows are shared by threads (`long`), and summed stretch by stretch.

use super::copy::copy;
use super::filled;
use super::stretch::is_long;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::view::View;
use crate::{Float, parallel};

/// Which function of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normal {
    /// `exp(x) / sum exp(x)`.
    Softmax,
    /// `x - ln sum exp(x)`.
    LogSoftmax,
}

/// Numbers that one task works on. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 9.0 and
/// 5.1 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 14;

/// `out` = softmax or log-softmax of each row of `width` numbers.
pub(crate) fn normalise<T: Float>(normal: Normal, x: View<'_, T>, width: usize, out: &mut [T]) {
    debug_assert_eq!(x.layout().len(), out.len());
    if width == 0 {
        return;
    }
    let rows = (TASK / width).max(1) * width;
    match x.as_slice() {
        all if is_long(width) => {
            if all.is_none() {
                copy(x, out);
            }
            long::normalise(normal, all, width, out);
        }
        Some(x) => parallel::for_each_piece(out, rows, |i, out| {
            T::dispatch(Rows { normal, x: Some(&x[i * rows..][..out.len()]), width, out });
        }),
        None => {
            copy(x, out);
            parallel::for_each_piece(out, rows, |_, out| T::dispatch(Rows { normal, x: None, width, out }));
        }
    }
}

/// The gradient of [`normalise`] from its result `y` and the cotangent `g`: `y (g - sum g y)` for the softmax,
/// `g - exp(y) sum g` for its logarithm.
pub(crate) fn normalise_grad<T: Float>(
    normal: Normal,
    y: View<'_, T>,
    g: View<'_, T>,
    width: usize,
    out: &mut [T],
) {
    debug_assert!(y.layout().len() == out.len() && g.layout().len() == out.len());
    if width == 0 {
        return;
    }
    let rows = (TASK / width).max(1) * width;
    match (y.as_slice(), g.as_slice()) {
        (Some(y), Some(g)) if is_long(width) => long::normalise_grad(normal, y, Some(g), width, out),
        (Some(y), Some(g)) => parallel::for_each_piece(out, rows, |i, out| {
            let part = i * rows..i * rows + out.len();
            T::dispatch(Back { normal, y: &y[part.clone()], g: Some(&g[part]), width, out });
        }),
        _ => {
            // At most one of the two is copied beside the result, which holds the other.
            let mut dense = crate::storage::Buffer::stale(out.len());
            copy(y, dense.make_mut());
            copy(g, out);
            let y = dense.as_slice();
            if is_long(width) {
                return long::normalise_grad(normal, y, None, width, out);
            }
            parallel::for_each_piece(out, rows, |i, out| {
                T::dispatch(Back { normal, y: &y[i * rows..][..out.len()], g: None, width, out });
            });
        }
    }
}

/// `out[row] = ln sum exp(x)`, without overflow; with labels less `x[label]`: the cross entropy of each row.
pub(crate) fn log_sum_exp<T: Float>(x: View<'_, T>, labels: Option<&[u32]>, width: usize, out: &mut [T]) {
    if width == 0 {
        return out.fill(T::NEG_INFINITY);
    }
    let mut copied = crate::storage::Buffer::stale(if x.as_slice().is_some() { 0 } else { x.layout().len() });
    let x = match x.as_slice() {
        Some(x) => x,
        None => {
            copy(x, copied.make_mut());
            copied.as_slice()
        }
    };
    if is_long(width) {
        return long::log_sum_exp(x, labels, width, out);
    }
    let rows = (TASK / width).max(1);
    parallel::for_each_piece(out, rows, |i, out| {
        let (first, count) = (i * rows, out.len());
        let labels = labels.map(|labels| &labels[first..][..count]);
        T::dispatch(LogSums { x: &x[first * width..][..count * width], labels, width, out });
    });
}

/// The gradient of [`log_sum_exp`] from its operand and the cotangent `g [rows]`: `g softmax(x)`, with labels less `g` at
/// the label. Where a row holds nothing but minus infinity, and no label asks for one of them, it is 0.
pub(crate) fn log_sum_exp_grad<T: Float>(
    x: View<'_, T>,
    labels: Option<&[u32]>,
    g: &[T],
    width: usize,
    out: &mut [T],
) {
    debug_assert_eq!(x.layout().len(), out.len());
    if out.is_empty() {
        return;
    }
    let dense = x.as_slice();
    if dense.is_none() {
        copy(x, out);
    }
    if is_long(width) {
        return long::log_sum_exp_grad(dense, labels, g, width, out);
    }
    let rows = (TASK / width).max(1);
    parallel::for_each_piece(out, rows * width, |i, out| {
        let x = dense.map(|x| &x[i * rows * width..][..out.len()]);
        let (first, count) = (i * rows, out.len() / width);
        let labels = labels.map(|labels| &labels[first..][..count]);
        T::dispatch(LogSumsBack { x, labels, g: &g[first..][..count], width, out });
    });
}

/// The largest number of a row, NaNs left aside: a NaN makes the row's sum NaN, which is enough.
#[inline(always)]
fn largest<T: Float, I: Lanes<T>>(isa: I, x: *const T, width: usize) -> T {
    let lanes = I::V::LANES;
    let larger = |a: I::V, b: I::V| I::V::select(b.gt(&a), b, a);
    let mut best = [isa.splat(T::NEG_INFINITY); 4];
    let mut i = 0;
    // SAFETY: the callers pass a row of `width` numbers; no register holds more than 16.
    unsafe {
        while i + 4 * lanes <= width {
            for (n, best) in best.iter_mut().enumerate() {
                *best = larger(*best, isa.load(x.add(i + n * lanes)));
            }
            i += 4 * lanes;
        }
        while i < width {
            let count = (width - i).min(lanes);
            let part = isa.load_first(count, x.add(i));
            best[0] = larger(best[0], filled(isa, part, count, T::NEG_INFINITY));
            i += lanes;
        }
    }
    larger(larger(best[0], best[2]), larger(best[1], best[3])).largest()
}

/// The sum of `exp(x - shift)` over a row; writes the terms to `to` if there is such a place.
///
/// Meanwhile the next row comes nearer, which is read faster than it could be fetched: 4096 rows of 1024 numbers 1.49 ms and
/// 1.16 on an Intel server processor.
#[inline(always)]
fn sum_exp<T: Float, I: Lanes<T>>(isa: I, x: *const T, width: usize, shift: T, to: Option<*mut T>) -> T {
    let lanes = I::V::LANES;
    let shift = isa.splat(shift);
    let mut sum = isa.splat(T::ZERO);
    let mut i = 0;
    while i < width {
        let count = width - i;
        isa.prefetch(x.wrapping_add(i + width));
        // SAFETY: the callers pass rows of `width` numbers; no register holds more than 16.
        unsafe {
            let term = if count >= lanes {
                (isa.load(x.add(i)) - shift).exp()
            } else {
                (isa.load_first(count, x.add(i)) - shift).exp()
            };
            if count >= lanes {
                if let Some(to) = to {
                    term.store(to.add(i));
                }
                sum = sum + term;
            } else {
                if let Some(to) = to {
                    term.store_first(count, to.add(i));
                }
                sum = sum + filled(isa, term, count, T::ZERO);
            }
        }
        i += lanes;
    }
    sum.sum()
}

/// The logarithm of a single number by the lanes' own polynomial.
#[inline(always)]
fn ln<T: Float, I: Lanes<T>>(isa: I, x: T) -> T {
    let mut out = [T::ZERO; 1];
    // SAFETY: one number is written.
    unsafe { isa.splat(x).ln().store_first(1, out.as_mut_ptr()) };
    out[0]
}

/// `to[i]` = a value in what is loaded, over a row.
macro_rules! each {
    ($isa:ident, $width:ident, $to:expr, |$load:ident| $value:expr) => {{
        let lanes = I::V::LANES;
        let mut i = 0;
        while i < $width {
            let count = $width - i;
            // SAFETY: the callers pass rows of `width` numbers.
            unsafe {
                if count >= lanes {
                    let $load = |from: *const T| $isa.load(from.add(i));
                    $value.store($to.add(i));
                } else {
                    let $load = |from: *const T| $isa.load_first(count, from.add(i));
                    $value.store_first(count, $to.add(i));
                }
            }
            i += lanes;
        }
    }};
}

/// A row times a number, in place.
#[inline(always)]
fn scale<T: Float, I: Lanes<T>>(isa: I, row: *mut T, width: usize, by: T) {
    let by = isa.splat(by);
    each!(isa, width, row, |load| load(row.cast_const()) * by);
}

/// `to = (x - shift) - ln sum` over a row: the sum of the two numbers would lose what the shift has saved.
#[inline(always)]
fn below<T: Float, I: Lanes<T>>(isa: I, x: *const T, to: *mut T, width: usize, [shift, sum]: [T; 2]) {
    let (shift, ln_sum) = (isa.splat(shift), isa.splat(ln(isa, sum)));
    each!(isa, width, to, |load| (load(x) - shift) - ln_sum);
}

/// The gradient of a row, by its result, its cotangent and what is [`pulled`].
#[inline(always)]
fn pull<T: Float, I: Lanes<T>>(
    isa: I,
    normal: Normal,
    [y, g]: [*const T; 2],
    to: *mut T,
    width: usize,
    sum: T,
) {
    let sum = isa.splat(sum);
    match normal {
        Normal::Softmax => each!(isa, width, to, |load| load(y) * (load(g) - sum)),
        Normal::LogSoftmax => each!(isa, width, to, |load| load(g) - load(y).exp() * sum),
    }
}

/// What the gradient takes off: the sum of `g y` over a row for the softmax, of `g` for its logarithm.
#[inline(always)]
fn pulled<T: Float, I: Lanes<T>>(isa: I, normal: Normal, y: *const T, g: *const T, width: usize) -> T {
    let lanes = I::V::LANES;
    let mut sum = isa.splat(T::ZERO);
    let mut i = 0;
    while i < width {
        let count = (width - i).min(lanes);
        // SAFETY: the callers pass rows of `width` numbers, and lanes that are not loaded are zero.
        unsafe {
            let g = isa.load_first(count, g.add(i));
            sum = match normal {
                Normal::Softmax => isa.load_first(count, y.add(i)).mul_add(g, sum),
                Normal::LogSoftmax => sum + g,
            };
        }
        i += lanes;
    }
    sum.sum()
}

/// The [`log_sum_exp`] of a row whose largest number `shift` is not finite. All are minus infinity, or one is infinity: that
/// is the answer, unless there is a NaN.
#[inline(always)]
fn without_sum<T: Float>(x: &[T], shift: T, at_label: Option<T>) -> Option<T> {
    if shift.is_finite() {
        return None;
    }
    let sum = x.iter().fold(shift, |sum, &x| if x.equal(&x) { sum } else { x });
    Some(at_label.map_or(sum, |x| sum - x))
}

/// Whether a row's largest number `shift` says that nothing in it moves its sum; then the gradient is written.
#[inline(always)]
fn moves_nothing<T: Float>(labels: Option<&[u32]>, shift: T, x: Option<&[T]>, out: &mut [T]) -> bool {
    let nothing = labels.is_none() && shift.equal(&T::NEG_INFINITY);
    if nothing {
        // Nothing but minus infinity moves nothing; only a NaN among it may speak.
        if let Some(x) = x {
            out.copy_from_slice(x);
        }
        out.iter_mut().for_each(|x| *x = if x.equal(x) { T::ZERO } else { *x });
    }
    nothing
}

mod long;

struct Rows<'a, T> {
    normal: Normal,
    /// The rows to read; `None` if they are in `out` already.
    x: Option<&'a [T]>,
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { normal, x, width, out } = self;
        for (row, out) in out.chunks_mut(width).enumerate() {
            let to = out.as_mut_ptr();
            let x = x.map_or(to.cast_const(), |x| x[row * width..][..width].as_ptr());
            let shift = largest(isa, x, width);
            match normal {
                Normal::Softmax => {
                    let sum = sum_exp(isa, x, width, shift, Some(to));
                    scale(isa, to, width, T::ONE / sum);
                }
                Normal::LogSoftmax => {
                    let sum = sum_exp(isa, x, width, shift, None);
                    below(isa, x, to, width, [shift, sum]);
                }
            }
        }
    }
}

struct Back<'a, T> {
    normal: Normal,
    y: &'a [T],
    /// The cotangent; `None` if it is in `out` already.
    g: Option<&'a [T]>,
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { normal, y, g, width, out } = self;
        for (row, out) in out.chunks_mut(width).enumerate() {
            let to = out.as_mut_ptr();
            let y = y[row * width..][..width].as_ptr();
            let g = g.map_or(to.cast_const(), |g| g[row * width..][..width].as_ptr());
            let sum = pulled(isa, normal, y, g, width);
            pull(isa, normal, [y, g], to, width, sum);
        }
    }
}

struct LogSums<'a, T> {
    x: &'a [T],
    labels: Option<&'a [u32]>,
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for LogSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for (row, (x, slot)) in self.x.chunks_exact(self.width).zip(self.out).enumerate() {
            let shift = largest(isa, x.as_ptr(), self.width);
            let at_label = self.labels.map(|labels| x[labels[row] as usize]);
            if let Some(answer) = without_sum(x, shift, at_label) {
                *slot = answer;
                continue;
            }
            // The shift first: the sum of it and the logarithm would round what the label takes away again.
            let above = at_label.map_or(shift, |x| shift - x);
            *slot = above + ln(isa, sum_exp(isa, x.as_ptr(), self.width, shift, None));
        }
    }
}

struct LogSumsBack<'a, T> {
    /// The rows to read; `None` if they are in `out` already.
    x: Option<&'a [T]>,
    labels: Option<&'a [u32]>,
    g: &'a [T],
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for LogSumsBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { x, labels, g, width, out } = self;
        for (row, (out, &g)) in out.chunks_exact_mut(width).zip(g).enumerate() {
            let x = x.map(|x| &x[row * width..][..width]);
            let shift = largest(isa, x.unwrap_or(out).as_ptr(), width);
            if moves_nothing(labels, shift, x, out) {
                continue;
            }
            let to = out.as_mut_ptr();
            let from = x.map_or(to.cast_const(), <[T]>::as_ptr);
            let sum = sum_exp(isa, from, width, shift, Some(to));
            scale(isa, to, width, g / sum);
            if let Some(labels) = labels {
                let slot = &mut out[labels[row] as usize];
                *slot = *slot - g;
            }
        }
    }
}
