//! Kernels of `f32` on slices: the sums of the scalar path, in its order.

use super::{Lying, each_window, gather};
use crate::Window;
use crate::kernel::product::{Depth, Run, beside, four, single};
use crate::kernel::reduce::RUN;
use crate::pointwise::{Real, Zip};

/// `f(x w + bias)`: `x [m, k]`, `w [k, n]`, `bias [n]` or empty, to `y [m, n]`.
#[inline(always)]
pub fn dense(x: &[f32], w: &[f32], bias: &[f32], n: usize, y: &mut [f32], f: impl Fn(f32) -> f32) {
    if n == 0 {
        return;
    }
    rows(x, w, [(w.len() / n).max(1), n], y);
    finish_rows(y, bias, &f);
}

/// Each `k` numbers of `x` by `w [k, n]`. Whatever is there once, and not for each layer, keeps the layers small; nothing here divides,
/// which smaller processors do by software.
#[inline(never)]
fn rows(mut x: &[f32], w: &[f32], [k, n]: [usize; 2], mut y: &mut [f32]) {
    while let (Some((one, others)), Some((to, after))) = (x.split_at_checked(k), y.split_at_mut_checked(n)) {
        row(one, w, n, to);
        (x, y) = (others, after);
    }
}

/// `x [k]` by `w [k, n]`.
#[inline(never)]
pub(super) fn row(x: &[f32], w: &[f32], n: usize, y: &mut [f32]) {
    let (k, Some(y)) = (x.len(), y.get_mut(..n)) else { return };
    if k.checked_mul(n).is_none_or(|count| w.len() < count) {
        return;
    }
    let (fours, rest) = y.as_chunks_mut::<4>();
    let (x, mut w, steps) = (x.as_ptr(), w.as_ptr(), [1, n as isize]);
    for y in fours {
        // SAFETY: four columns from here on are in every row of w, which has k rows.
        *y = unsafe { chain(k, x, w, steps, |run, count| four(run, count)) };
        w = w.wrapping_add(4);
    }
    for y in rest {
        // SAFETY: this column is in every row of w.
        let [sum] = unsafe { chain(k, x, w, steps, |run, count| [single(run, count)]) };
        *y = sum;
        w = w.wrapping_add(1);
    }
}

/// Sums over k of neighbouring outputs: in blocks of k, as [`product`](crate::kernel::product) has them.
///
/// # Safety
/// As `sum`, for `k` numbers.
#[inline(always)]
pub(super) unsafe fn chain<const W: usize>(
    k: usize,
    x: *const f32,
    w: *const f32,
    [a_step, b_step]: [isize; 2],
    sum: impl Fn(Run<f32>, usize) -> [f32; W],
) -> [f32; W] {
    let depth = Depth::new::<f32>(k);
    let mut total = [0.0; W];
    for index in 0..depth.count() {
        let block = depth.block(index);
        let start = block.start as isize;
        let (a, b) = (x.wrapping_offset(start * a_step), w.wrapping_offset(start * b_step));
        let sums = sum(Run { a, b, a_step, b_step }, block.len());
        for w in 0..W {
            total[w] = if index == 0 { sums[w] } else { sums[w] + total[w] };
        }
    }
    total
}

/// As [`finish`] for each of the rows: there once for each function, however many layers apply it.
#[inline(never)]
pub(super) fn finish_rows(mut y: &mut [f32], bias: &[f32], f: &impl Fn(f32) -> f32) {
    let n = if bias.is_empty() { y.len() } else { bias.len() }.max(1);
    while let Some((row, after)) = y.split_at_mut_checked(n) {
        finish(row, bias, f);
        y = after;
    }
}

#[inline(always)]
pub(super) fn finish(y: &mut [f32], bias: &[f32], f: &impl Fn(f32) -> f32) {
    if bias.is_empty() {
        y.iter_mut().for_each(|y| *y = f(*y));
    } else {
        y.iter_mut().zip(bias).for_each(|(y, &bias)| *y = f(*y + bias));
    }
}

/// `f(conv(x, w) + bias)`: `x [C, H, W]`, `w [O, C / groups, kh, kw]`, `bias [O]` or empty, to `y [O, h, w]`. `column` is
/// room for the numbers under one window of one group.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // each is a number or a slice of one call that is written by a program
pub fn conv2d(
    x: &[f32],
    window: &Window,
    groups: usize,
    w: &[f32],
    bias: &[f32],
    column: &mut [f32],
    y: &mut [f32],
    f: impl Fn(f32) -> f32,
) {
    convolve(x, window, groups, w, column, y);
    match bias.is_empty() {
        true => finish_rows(y, bias, &f),
        false => finish_planes(y, y.len() / bias.len(), bias, &f),
    }
}

/// As [`finish`], with one bias for each plane of pixels.
#[inline(never)]
fn finish_planes(y: &mut [f32], pixels: usize, bias: &[f32], f: &impl Fn(f32) -> f32) {
    for (plane, &bias) in y.chunks_exact_mut(pixels.max(1)).zip(bias) {
        plane.iter_mut().for_each(|y| *y = f(*y + bias));
    }
}

#[inline(never)]
fn convolve(x: &[f32], window: &Window, groups: usize, w: &[f32], column: &mut [f32], y: &mut [f32]) {
    let Ok([high, wide]) = window.output("planned") else { return };
    let (pixels, k) = (high * wide, column.len());
    if groups == 0 || k == 0 || pixels == 0 {
        return;
    }
    let (plane, outputs) = (x.len() / groups, w.len() / k / groups);
    for group in 0..groups {
        let x = &x[group * plane..(group + 1) * plane];
        each_window(window, pixels, |pixel, _, lying| {
            gather(x, 0.0, lying, column);
            for (o, row) in w[group * outputs * k..].chunks_exact(k).take(outputs).enumerate() {
                // SAFETY: the row has as many numbers as the column.
                let [sum] = unsafe {
                    chain(k, column.as_ptr(), row.as_ptr(), [1, 1], |run, count| [beside(run, count)])
                };
                if let Some(y) = y.get_mut((group * outputs + o) * pixels + pixel) {
                    *y = sum;
                }
            }
        });
    }
}

/// The mean of each window, padding counted as zeros: `x [C, H, W]` to `y [C, h, w]`.
#[inline(never)]
pub fn mean_pool(x: &[f32], window: &Window, y: &mut [f32]) {
    let part = 1.0 / (window.kernel[0] * window.kernel[1]) as f32;
    each_window(window, y.len(), |at, plane, lying| {
        let mut sum = 0.0;
        inside(x, plane, lying, |pixel| sum += pixel);
        if let Some(y) = y.get_mut(at) {
            *y = sum * part;
        }
    });
}

/// The pixels under one window, row by row.
#[inline(always)]
pub(super) fn inside<T: Copy>(x: &[T], plane: usize, lying: Lying<'_>, mut visit: impl FnMut(T)) {
    let Window { input: [height, width], dilation: [down, right], .. } = *lying.window;
    let (from, to, top) = lying.inside(0);
    let (left_from, left_to, left) = lying.inside(1);
    for r in 0..to - from {
        let row = plane * height * width + (top + r * down) * width + left;
        for s in 0..left_to - left_from {
            if let Some(&pixel) = x.get(row + s * right) {
                visit(pixel);
            }
        }
    }
}

/// The sum of each `x.len() / y.len()` neighbours: the last axes of `x` summed up.
#[inline(never)]
pub fn sums(x: &[f32], y: &mut [f32]) {
    let run = x.len() / y.len().max(1);
    for (y, x) in y.iter_mut().zip(x.chunks_exact(run.max(1))) {
        *y = x.chunks(RUN).fold(0.0, |sum, x| sum + in_turns(x, true, |x| x));
    }
}

/// The sum of `f(x)`: four sums take turns, as the registers of the engine do. What is left in the end goes on `around` the
/// four, or to the first.
#[inline(always)]
fn in_turns(x: &[f32], around: bool, f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; 4];
    let (fours, rest) = x.as_chunks::<4>();
    for four in fours {
        sums.iter_mut().zip(four).for_each(|(sum, &x)| *sum += f(x));
    }
    for (i, &x) in rest.iter().enumerate() {
        sums[if around { i } else { 0 }] += f(x);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// `f(x)`, one by one.
#[inline(always)]
pub fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
}

/// `f(x)`, one by one, where it lies.
#[inline(always)]
pub fn map_in_place(x: &mut [f32], f: impl Fn(f32) -> f32) {
    x.iter_mut().for_each(|x| *x = f(*x));
}

/// `f(a, b)`, one by one.
#[inline(always)]
pub fn zip(f: Zip, a: &[f32], b: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f.f(a, b));
}

/// The largest number, NaNs left aside: a NaN makes the sum of the exponentials NaN, which is enough.
pub(super) fn largest(x: &[f32]) -> f32 {
    x.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

pub(super) fn sum_exp(x: &[f32], shift: f32) -> f32 {
    x.iter().fold(0.0, |sum, &x| sum + Real::exp(x - shift))
}

/// `x - ln sum exp(x)` over each `n` neighbours.
#[inline(never)]
pub fn log_softmax(x: &[f32], n: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))) {
        let largest = largest(x);
        let ln_sum = Real::ln(sum_exp(x, largest));
        // Two subtractions: the sum of the two numbers would lose what the shift has saved.
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - largest) - ln_sum);
    }
}

/// Each `n` neighbours over the root of their mean square plus `epsilon`, after their mean is taken off if `centred`; times
/// `weight [n]`, plus `bias [n]`, each of which may be empty.
#[inline(never)]
pub fn row_norm(x: &[f32], n: usize, (epsilon, centred): (f32, bool), own: [&[f32]; 2], y: &mut [f32]) {
    let [weight, bias] = own;
    let count = n as f32;
    for (x, y) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))) {
        let mean = if centred { in_turns(x, false, |x| x) / count } else { 0.0 };
        let square = in_turns(x, false, |x| (x - mean) * (x - mean)) / count;
        let factor = 1.0 / Real::sqrt(square + epsilon);
        for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            // No bias is -0, which changes nothing: 0 would make another zero of it.
            let own = [weight.get(i).copied().unwrap_or(1.0), bias.get(i).copied().unwrap_or(-0.0)];
            *y = (x - mean) * factor * own[0] + own[1];
        }
    }
}

/// `exp(x) / sum exp(x)` over each `n` neighbours.
#[inline(never)]
pub fn softmax(x: &[f32], n: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))) {
        exponentials(x, 1.0, y);
    }
}

/// `g exp(x) / sum exp(x)` of one row.
pub(super) fn exponentials(x: &[f32], g: f32, y: &mut [f32]) {
    let (largest, mut sum) = (largest(x), 0.0);
    for (y, &x) in y.iter_mut().zip(x) {
        *y = Real::exp(x - largest);
        sum += *y;
    }
    let scale = g / sum;
    y.iter_mut().for_each(|y| *y *= scale);
}
