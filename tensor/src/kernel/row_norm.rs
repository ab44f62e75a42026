//! Rows brought to mean 0 and mean square 1, and the gradient of that: layer norm and RMS norm.
//!
//! A row is read three times (mean, mean square, result) while it lies in the nearest cache, so memory sees one pass. The
//! mean is taken off before squaring: the other way, by the mean of squares, cancels. Long rows are shared by threads (`long`),
//! and summed stretch by stretch.

use super::STREAM;
use super::copy::copy;
use super::stretch::is_long;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::view::View;
use crate::{Float, parallel};

/// `(x - mean) / sqrt(variance + epsilon)` of each row, or `x / sqrt(mean square + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowNorm {
    /// What keeps the quotient finite.
    pub epsilon: f64,
    /// Whether the mean is taken off: layer norm (Ba, Kiros & Hinton 2016, equation 4) does, RMS norm (Zhang & Sennrich
    /// 2019, equation 4) does not.
    pub centred: bool,
}

/// Numbers that one task works on. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 5.2 and
/// 3.2 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 14;

/// `out` = the normalised rows of `width` numbers, times `weight`, plus `bias`, where there are any.
pub(crate) fn row_norm<T: Float>(
    norm: RowNorm,
    x: View<'_, T>,
    weight: Option<&[T]>,
    bias: Option<&[T]>,
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
        return long::row_norm(norm, dense, weight, bias, width, out);
    }
    let rows = (TASK / width).max(1) * width;
    let stream = dense.is_some() && size_of_val(out) >= STREAM;
    parallel::for_each_piece(out, rows, |i, out| {
        let x = dense.map(|x| &x[i * rows..][..out.len()]);
        T::dispatch(Forward { norm, x, weight, bias, width, out, stream });
    });
}

/// The gradient of [`row_norm`] by its operand `x`, from that and the cotangent `g` (times `weight`, where there is one):
/// `(g - mean(g) - y mean(g y)) / s` for `y = (x - mean) / s`; without `mean(g)` where the mean was not taken off.
pub(crate) fn row_norm_grad<T: Float>(
    norm: RowNorm,
    x: View<'_, T>,
    g: View<'_, T>,
    weight: Option<&[T]>,
    width: usize,
    out: &mut [T],
) {
    debug_assert!(x.layout().len() == out.len() && g.layout().len() == out.len());
    if out.is_empty() {
        return;
    }
    let mut copied = Buffer::stale(if x.as_slice().is_some() { 0 } else { out.len() });
    let x = dense(x, &mut copied);
    let dense = g.as_slice();
    if dense.is_none() {
        copy(g, out);
    }
    if is_long(width) {
        return long::row_norm_grad(norm, x, dense, weight, width, out);
    }
    let rows = (TASK / width).max(1) * width;
    let stream = dense.is_some() && size_of_val(out) >= STREAM;
    parallel::for_each_piece(out, rows, |i, out| {
        let part = i * rows..i * rows + out.len();
        let g = dense.map(|g| &g[part.clone()]);
        T::dispatch(Back { norm, x: &x[part], g, weight, width, out, stream });
    });
}

/// The gradient of [`row_norm`] by its weight: the sum over all rows of `g y`, with `y` the normalised rows of `x`.
pub(crate) fn row_norm_weight<T: Float>(
    norm: RowNorm,
    x: View<'_, T>,
    g: View<'_, T>,
    width: usize,
    out: &mut [T],
) {
    debug_assert!(x.layout().len() == g.layout().len() && out.len() == width);
    let len = x.layout().len();
    let [mut x_copy, mut g_copy] =
        [&x, &g].map(|view| Buffer::stale(if view.as_slice().is_some() { 0 } else { len }));
    let (x, g) = (dense(x, &mut x_copy), dense(g, &mut g_copy));
    if is_long(width) {
        return long::row_norm_weight(norm, x, g, width, out);
    }
    // Each task adds up rows of its own; what they found is added in their order.
    let rows = (4 * TASK / width.max(1)).max(1) * width;
    let tasks = len.div_ceil(rows.max(1));
    let mut parts = Buffer::stale(tasks * width);
    parallel::for_each_piece(parts.make_mut(), width, |i, out| {
        let part = i * rows..((i + 1) * rows).min(len);
        T::dispatch(Weight { norm, x: &x[part.clone()], g: &g[part], width, out });
    });
    out.fill(T::ZERO);
    for part in parts.as_slice().chunks_exact(width.max(1)) {
        out.iter_mut().zip(part).for_each(|(sum, &part)| *sum = *sum + part);
    }
}

/// The numbers of a view in their order, as they lie or copied to `room`.
fn dense<'a, T: Float>(view: View<'a, T>, room: &'a mut Buffer<T>) -> &'a [T] {
    if let Some(all) = view.as_slice() {
        return all;
    }
    copy(view, room.make_mut());
    room.as_slice()
}

/// The sum over a row of a term in what is loaded; four registers take turns, and the row's end joins the first.
macro_rules! sum {
    ($isa:ident, $width:ident, |$load:ident| $term:expr) => {{
        let lanes = I::V::LANES;
        let mut sums = [$isa.splat(T::ZERO); 4];
        let mut i = 0;
        // SAFETY: all rows have `width` numbers; no register holds more than 16.
        unsafe {
            while i + 4 * lanes <= $width {
                for (n, sum) in sums.iter_mut().enumerate() {
                    let $load = |from: *const T| $isa.load(from.add(i + n * lanes));
                    *sum = *sum + $term;
                }
                i += 4 * lanes;
            }
            while i < $width {
                let count = ($width - i).min(lanes);
                let $load = |from: *const T| $isa.load_first(count, from.add(i));
                sums[0] = sums[0] + crate::kernel::filled($isa, $term, count, T::ZERO);
                i += lanes;
            }
        }
        ((sums[0] + sums[2]) + (sums[1] + sums[3])).sum()
    }};
}

/// `to[i]` = a value in what is loaded, over a row; past the caches where rows that come `next` are given, which are asked for.
macro_rules! each {
    ($isa:ident, $width:ident, $to:ident, |$load:ident| $value:expr) => {
        each!($isa, $width, $to, None::<[*const T; 0]>, |$load| $value)
    };
    ($isa:ident, $width:ident, $to:ident, $next:expr, |$load:ident| $value:expr) => {{
        let lanes = I::V::LANES;
        let next = $next.filter(|_| crate::kernel::aligned::<I::V>($to));
        let mut i = 0;
        while i < $width {
            let count = ($width - i).min(lanes);
            // SAFETY: all rows have `width` numbers; what is streamed begins where a register may.
            unsafe {
                if count == lanes {
                    let $load = |from: *const T| $isa.load(from.add(i));
                    if let Some(next) = next {
                        next.into_iter().for_each(|row| $isa.prefetch(row.wrapping_add(i)));
                        $value.stream($to.add(i))
                    } else {
                        $value.store($to.add(i))
                    }
                } else {
                    let $load = |from: *const T| $isa.load_first(count, from.add(i));
                    $value.store_first(count, $to.add(i));
                }
            }
            i += lanes;
        }
    }};
}

pub(crate) mod channels;
mod long;

/// The mean of a row (0 where it is not taken off), and one over the root of the mean square of the rest.
#[inline(always)]
fn moments<T: Float, I: Lanes<T>>(isa: I, norm: RowNorm, x: *const T, width: usize) -> [T; 2] {
    let count = T::from_f64(width as f64);
    let mean = if norm.centred { total(isa, x, width) / count } else { T::ZERO };
    [mean, scale(norm, squares(isa, x, width, mean) / count)]
}

/// One over the root of a mean square.
fn scale<T: Float>(norm: RowNorm, square: T) -> T {
    T::ONE / (square + T::from_f64(norm.epsilon)).sqrt()
}

/// The sum of a row.
#[inline(always)]
fn total<T: Float, I: Lanes<T>>(isa: I, x: *const T, width: usize) -> T {
    sum!(isa, width, |load| load(x))
}

/// The sum of squares of a row about its mean.
#[inline(always)]
fn squares<T: Float, I: Lanes<T>>(isa: I, x: *const T, width: usize, mean: T) -> T {
    let mean = isa.splat(mean);
    sum!(isa, width, |load| {
        let centred = load(x) - mean;
        centred * centred
    })
}

/// A row, or a part of one, whose moments are known.
#[derive(Clone, Copy)]
struct Known<T> {
    x: *const T,
    width: usize,
    moments: [T; 2],
    /// Whether results are written past the caches; the caller fences.
    stream: bool,
}

impl<T: Float> Known<T> {
    /// The normalised numbers to `to`, times a weight, plus a bias.
    #[inline(always)]
    fn forward<I: Lanes<T>>(self, isa: I, weight: Option<*const T>, bias: Option<*const T>, to: *mut T) {
        let Self { x, width, moments, stream } = self;
        let next = stream.then(|| [x.wrapping_add(width)]);
        let [mean, scale] = moments.map(|moment| isa.splat(moment));
        match (weight, bias) {
            (None, None) => each!(isa, width, to, next, |load| (load(x) - mean) * scale),
            (Some(w), None) => each!(isa, width, to, next, |load| (load(x) - mean) * scale * load(w)),
            (None, Some(b)) => each!(isa, width, to, next, |load| (load(x) - mean) * scale + load(b)),
            (Some(w), Some(b)) => {
                each!(isa, width, to, next, |load| ((load(x) - mean) * scale).mul_add(load(w), load(b)))
            }
        }
    }

    /// The sum of the cotangent, times a weight.
    #[inline(always)]
    fn cotangents<I: Lanes<T>>(self, isa: I, g: *const T, weight: Option<*const T>) -> T {
        let width = self.width;
        match weight {
            None => total(isa, g, width),
            Some(w) => sum!(isa, width, |load| load(g) * load(w)),
        }
    }

    /// The sum of the cotangent's product, times a weight, with the normalised numbers.
    #[inline(always)]
    fn along<I: Lanes<T>>(self, isa: I, g: *const T, weight: Option<*const T>) -> T {
        let Self { x, width, moments, .. } = self;
        let [mean, scale] = moments.map(|moment| isa.splat(moment));
        match weight {
            None => sum!(isa, width, |load| (load(x) - mean) * scale * load(g)),
            Some(w) => sum!(isa, width, |load| (load(x) - mean) * scale * (load(g) * load(w))),
        }
    }

    /// The gradient to `to`, given the means of the two sums above.
    #[inline(always)]
    fn back<I: Lanes<T>>(self, isa: I, g: *const T, weight: Option<*const T>, means: [T; 2], to: *mut T) {
        let Self { x, width, moments, stream } = self;
        let next = stream.then(|| [x, g].map(|row| row.wrapping_add(width)));
        let [mean, scale] = moments.map(|moment| isa.splat(moment));
        let [g_mean, along] = means.map(|mean| isa.splat(mean));
        match weight {
            None => each!(isa, width, to, next, |load| {
                ((load(g) - g_mean) - (load(x) - mean) * scale * along) * scale
            }),
            Some(w) => each!(isa, width, to, next, |load| {
                ((load(g) * load(w) - g_mean) - (load(x) - mean) * scale * along) * scale
            }),
        }
    }

    /// The product of the normalised numbers with the cotangent, added to `to`.
    #[inline(always)]
    fn weight<I: Lanes<T>>(self, isa: I, g: *const T, to: *mut T) {
        let Self { x, width, moments, .. } = self;
        let [mean, scale] = moments.map(|moment| isa.splat(moment));
        each!(isa, width, to, |load| { ((load(x) - mean) * scale).mul_add(load(g), load(to.cast_const())) });
    }
}

struct Forward<'a, T> {
    norm: RowNorm,
    /// The rows to read; `None` if they are in `out` already.
    x: Option<&'a [T]>,
    weight: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    width: usize,
    out: &'a mut [T],
    /// Whether `out` is written past the caches.
    stream: bool,
}

impl<T: Float> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { norm, x, weight, bias, width, out, stream } = self;
        let weight = weight.map(|weight| weight[..width].as_ptr());
        let bias = bias.map(|bias| bias[..width].as_ptr());
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            let to = out.as_mut_ptr();
            let x = x.map_or(to.cast_const(), |x| x[row * width..][..width].as_ptr());
            let moments = moments(isa, norm, x, width);
            Known { x, width, moments, stream }.forward(isa, weight, bias, to);
        }
        if stream {
            isa.fence();
        }
    }
}

struct Back<'a, T> {
    norm: RowNorm,
    x: &'a [T],
    /// The cotangent; `None` if it is in `out` already.
    g: Option<&'a [T]>,
    weight: Option<&'a [T]>,
    width: usize,
    out: &'a mut [T],
    /// Whether `out` is written past the caches.
    stream: bool,
}

impl<T: Float> Kernel<T> for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { norm, x, g, weight, width, out, stream } = self;
        let count = T::from_f64(width as f64);
        let weight = weight.map(|weight| weight[..width].as_ptr());
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            let to = out.as_mut_ptr();
            let x = x[row * width..][..width].as_ptr();
            let g = g.map_or(to.cast_const(), |g| g[row * width..][..width].as_ptr());
            let row = Known { x, width, moments: moments(isa, norm, x, width), stream };
            let g_mean = if norm.centred { row.cotangents(isa, g, weight) / count } else { T::ZERO };
            let along = row.along(isa, g, weight) / count;
            row.back(isa, g, weight, [g_mean, along], to);
        }
        if stream {
            isa.fence();
        }
    }
}

struct Weight<'a, T> {
    norm: RowNorm,
    x: &'a [T],
    g: &'a [T],
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Weight<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { norm, x, g, width, out } = self;
        out.fill(T::ZERO);
        let to = out.as_mut_ptr();
        for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
            let (x, g) = (x.as_ptr(), g.as_ptr());
            let moments = moments(isa, norm, x, width);
            Known { x, width, moments, stream: false }.weight(isa, g, to);
        }
    }
}
