//! What a step of learning from one sample adds to the kernels of an evaluation.

use super::float::{chain, exponentials, finish, finish_rows, largest, row, sum_exp};
use crate::kernel::product::single;
use crate::pointwise::Real;

/// `f(a b + bias)`: `a [m, k]`, `b [k, n]`, each read with its axes exchanged if that is said, `bias [n]` or empty, to `y [m, n]`.
#[inline(always)]
pub fn product(
    a: &[f32],
    b: &[f32],
    [m, k, n]: [usize; 3],
    transposed: [bool; 2],
    bias: &[f32],
    y: &mut [f32],
    f: impl Fn(f32) -> f32,
) {
    let part = |numbers: &[f32], rows: usize, columns: usize| {
        rows.checked_mul(columns).is_some_and(|count| count <= numbers.len())
    };
    if n == 0 || !(part(a, m, k) && part(b, k, n) && part(y, m, n)) {
        return;
    }
    let y = &mut y[..m * n];
    match (k, m, transposed) {
        (1, ..) => outer(a, &b[..n], y),
        (_, 1, [_, false]) => row(&a[..k], b, n, y),
        _ => strided(a, b, [m, k, n], transposed, y),
    }
    match bias.is_empty() {
        true => finish(y, bias, &f), // nothing at all for most
        false => finish_rows(y, bias, &f),
    }
}

/// Each number of `a` by all of `b`.
#[inline(never)]
fn outer(a: &[f32], b: &[f32], y: &mut [f32]) {
    for (&a, y) in a.iter().zip(y.chunks_exact_mut(b.len().max(1))) {
        // A sum begins with 0, so that none is -0.
        y.iter_mut().zip(b).for_each(|(y, &b)| *y = a * b + 0.0);
    }
}

#[inline(never)]
fn strided(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], [ta, tb]: [bool; 2], y: &mut [f32]) {
    let (a_row, a_step) = if ta { (1, m) } else { (k, 1) };
    let (b_column, b_step) = if tb { (k, 1) } else { (1, n) };
    for (i, y) in (0..m).zip(y.chunks_exact_mut(n)) {
        for (j, y) in y.iter_mut().enumerate() {
            let (a, b) = (a.as_ptr().wrapping_add(i * a_row), b.as_ptr().wrapping_add(j * b_column));
            let steps = [a_step as isize, b_step as isize];
            // SAFETY: row i of a and column j of b have k numbers, at these steps: both sizes have been checked.
            let [sum] = unsafe { chain(k, a, b, steps, |run, count| [single(run, count)]) };
            *y = sum;
        }
    }
}

/// `g df(kept)`, one by one.
#[inline(always)]
pub fn map_grad(kept: &[f32], g: &[f32], y: &mut [f32], df: impl Fn(f32) -> f32) {
    y.iter_mut().zip(kept).zip(g).for_each(|((y, &kept), &g)| *y = g * df(kept));
}

/// A single number as often as `y` has room, or numbers as they are.
#[inline(never)]
pub fn expand(x: &[f32], y: &mut [f32]) {
    match x {
        [one] => y.fill(*one),
        _ => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x),
    }
}

/// `ln sum exp(x)` over each `n` neighbours.
#[inline(never)]
pub fn log_sum_exp(x: &[f32], n: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y) {
        let largest = largest(x);
        *y = if largest.is_finite() {
            largest + Real::ln(sum_exp(x, largest))
        } else {
            // All minus infinity, or an infinity: that is the answer, unless there is a NaN.
            x.iter().fold(largest, |sum, &x| if x.is_nan() { x } else { sum })
        };
    }
}

/// `g softmax(x)` over each `n` neighbours, with one `g` for them; 0 where they are nothing but minus infinity.
#[inline(never)]
pub fn log_sum_exp_grad(x: &[f32], g: &[f32], n: usize, y: &mut [f32]) {
    for ((x, y), &g) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))).zip(g) {
        if largest(x) == f32::NEG_INFINITY {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x.is_nan() { x } else { 0.0 });
        } else {
            exponentials(x, g, y);
        }
    }
}
