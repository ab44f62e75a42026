//! What a step of learning from one sample adds to the kernels of an evaluation.

use super::float::{chain, finish, row};
use crate::kernel::product::single;
use crate::pointwise::{Real, Zip};

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
    if a.len() < m * k || b.len() < k * n || y.len() < m * n || n == 0 {
        return;
    }
    match (k, m, transposed) {
        (1, ..) => outer(a, b, &mut y[..m * n]),
        (_, 1, [_, false]) => row(&a[..k], b, n, y),
        _ => strided(a, b, [m, k, n], transposed, y),
    }
    y.chunks_exact_mut(n).for_each(|y| finish(y, bias, &f));
}

/// Each number of `a` by all of `b`.
#[inline(never)]
fn outer(a: &[f32], b: &[f32], y: &mut [f32]) {
    for (&a, y) in a.iter().zip(y.chunks_exact_mut(b.len().max(1))) {
        y.iter_mut().zip(b).for_each(|(y, &b)| *y = a * b);
    }
}

#[inline(never)]
fn strided(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], [ta, tb]: [bool; 2], y: &mut [f32]) {
    let (a_row, a_step) = if ta { (1, m) } else { (k, 1) };
    let (b_column, b_step) = if tb { (k, 1) } else { (1, n) };
    for i in 0..m {
        for j in 0..n {
            let (a, b) = (&a[i * a_row..], &b[j * b_column..]);
            // SAFETY: the row of a and the column of b have k numbers, at these steps: both sizes have been checked.
            let [sum] = unsafe {
                chain(k, a.as_ptr(), b.as_ptr(), [a_step as isize, b_step as isize], |run, count| {
                    [single(run, count)]
                })
            };
            y[i * n + j] = sum;
        }
    }
}

/// `g df(kept)`, one by one.
#[inline(always)]
pub fn map_grad(kept: &[f32], g: &[f32], y: &mut [f32], df: impl Fn(f32) -> f32) {
    y.iter_mut().zip(kept).zip(g).for_each(|((y, &kept), &g)| *y = g * df(kept));
}

/// A single number as often as `y` has room, or numbers as they are.
pub fn expand(x: &[f32], y: &mut [f32]) {
    match x {
        [one] => y.fill(*one),
        _ => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x),
    }
}

/// `ln sum exp(x)` over each `n` neighbours.
pub fn log_sum_exp(x: &[f32], n: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y) {
        let largest = x.iter().fold(f32::NEG_INFINITY, |a, &b| Zip::Max.f(a, b));
        let sum = x.iter().fold(0.0, |sum, &x| sum + Real::exp(x - largest));
        *y = largest + Real::ln(sum);
    }
}

/// `g softmax(x)` over each `n` neighbours, with one `g` for them.
pub fn log_sum_exp_grad(x: &[f32], g: &[f32], n: usize, y: &mut [f32]) {
    super::softmax(x, n, y);
    for (y, &g) in y.chunks_exact_mut(n.max(1)).zip(g) {
        y.iter_mut().for_each(|y| *y *= g);
    }
}
