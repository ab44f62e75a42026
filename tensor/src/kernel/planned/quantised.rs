//! Kernels of eight bits on slices, in whole numbers alone.
//!
//! A byte `q` stands for `scale (q - zero)`, with one scale and zero for an activation and one scale, without a zero, for
//! each output channel of a weight (B. Jacob et al., "Quantization and training of neural networks for efficient
//! integer-arithmetic-only inference", CVPR 2018, section 2; channels: R. Krishnamoorthi, arXiv 1806.08342, section 2.2).
//! A sum of products is a 32-bit integer on the product of the two scales; [`Scale`] takes it to the scale of the result. What
//! the zero of the operand adds, `-zero sum w`, is the same for every window, and is part of the bias.

use super::float::inside;
use super::{Lying, dot, each_window, gather, nine, one};
use crate::Window;

/// A factor between two scales as a fraction: `multiplier / 2^shift`, with `2^30 <= |multiplier| < 2^31`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// The numerator.
    pub multiplier: i32,
    /// The exponent of the denominator; at most 62.
    pub shift: u8,
}

impl Scale {
    /// The fraction nearest to `factor`. Factors of less than `2^-32` in size become 0, those of more than `2^30` that.
    pub fn of(factor: f64) -> Self {
        let size = if factor < 0.0 { -factor } else { factor };
        if size.is_nan() || size < 1.0 / (1u64 << 32) as f64 {
            return Self { multiplier: 0, shift: 0 };
        }
        let (mut fraction, mut shift) = (factor.clamp(-((1u64 << 30) as f64), (1u64 << 30) as f64), 0u8);
        while shift < 62 && fraction.abs() < (1u64 << 30) as f64 {
            fraction *= 2.0;
            shift += 1;
        }
        let rounded = (fraction + if fraction < 0.0 { -0.5 } else { 0.5 }) as i64;
        match rounded.abs() == 1 << 31 {
            true => Self { multiplier: (rounded / 2) as i32, shift: shift - 1 },
            false => Self { multiplier: rounded as i32, shift },
        }
    }

    /// `sum` on the other scale, rounded to the nearest; halves upwards. What exceeds 32 bits becomes their limit.
    #[inline(always)]
    pub fn apply(self, sum: i32) -> i32 {
        match self.is_small() {
            true => self.apply_small(sum),
            false => rounded(i64::from(sum) * i64::from(self.multiplier), self.shift),
        }
    }

    /// Whether the factor is below 1/4, as nearly all are.
    #[inline(always)]
    fn is_small(self) -> bool {
        self.shift >= 33
    }

    /// As [`Scale::apply`] with a small factor: half of the words is enough, and nothing is too large.
    #[inline(always)]
    fn apply_small(self, sum: i32) -> i32 {
        let wide = i64::from(sum) * i64::from(self.multiplier);
        (((wide >> 32) as i32 >> (self.shift.wrapping_sub(33) & 31)) + 1) >> 1
    }
}

/// `wide / 2^shift` to the nearest, within 32 bits.
#[inline(never)]
fn rounded(wide: i64, shift: u8) -> i32 {
    let half = if shift == 0 { 0 } else { 1i64 << (shift - 1) };
    let scaled = (wide + half) >> shift;
    // By words, which takes a device a third of the instructions of a comparison of 64 bits.
    let (low, high) = (scaled as i32, (scaled >> 32) as i32);
    if high == low >> 31 { low } else { (high >> 31) ^ i32::MAX }
}

/// How the sums of a layer become bytes: one bias and one scale for each output channel, and what all have in common.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// Added to the sums; with what the zero of the operand contributes.
    pub bias: &'a [i32],
    /// From the scale of the sums to that of the result.
    pub scale: &'a [Scale],
    /// The byte that stands for 0 in the result.
    pub zero: i8,
    /// The least byte of the result: `zero` after a `relu`.
    pub low: i8,
}

impl Finish<'_> {
    #[inline(always)]
    pub(super) fn byte(&self, channel: usize, sum: i32) -> i8 {
        let (Some(&bias), Some(&scale)) = (self.bias.get(channel), self.scale.get(channel)) else { return 0 };
        held(scale.apply(sum.wrapping_add(bias)), self.zero, self.low)
    }

    /// The bytes of a run of sums of one channel, to which its bias was added.
    #[inline(never)]
    pub(super) fn run(&self, channel: usize, sums: &[i32], y: &mut [i8]) {
        let Some(&scale) = self.scale.get(channel) else { return };
        let each = y.iter_mut().zip(sums);
        match scale.is_small() {
            true => each.for_each(|(y, &sum)| *y = self.held(scale.apply_small(sum))),
            false => each.for_each(|(y, &sum)| *y = self.held(scale.apply(sum))),
        }
    }

    #[inline(always)]
    pub(super) fn held(&self, value: i32) -> i8 {
        held(value, self.zero, self.low)
    }
}

#[inline(always)]
fn held(value: i32, zero: i8, low: i8) -> i8 {
    value.saturating_add(i32::from(zero)).clamp(-128, 127).max(i32::from(low)) as i8
}

/// A dense layer: `x [m, k]`, `w [n, k]` (a row for each output), to `y [m, n]`.
#[inline(never)]
pub fn dense(x: &[i8], w: &[i8], finish: &Finish<'_>, y: &mut [i8]) {
    let n = finish.bias.len().max(1);
    let k = (w.len() / n).max(1);
    for (x, y) in x.chunks_exact(k).zip(y.chunks_exact_mut(n)) {
        rows(w, x, finish, 0, y, 1);
    }
}

/// The outputs of one column `x [k]`, from output `first` on: `y[o * step]`.
#[inline(never)]
fn rows(w: &[i8], x: &[i8], finish: &Finish<'_>, first: usize, y: &mut [i8], step: usize) {
    let (mut o, mut at) = (first, 0);
    for pair in w.chunks(2 * x.len().max(1)) {
        if pair.len() < x.len() {
            return;
        }
        let (v, w) = pair.split_at(x.len());
        // Of an odd number of rows the last is taken twice.
        let last = w.len() < x.len();
        let sums = dot::two([v, if last { v } else { w }], x);
        for &sum in &sums[..if last { 1 } else { 2 }] {
            let Some(y) = y.get_mut(at) else { return };
            *y = finish.byte(o, sum);
            (o, at) = (o + 1, at + step);
        }
    }
}

/// A convolution: `x [C, H, W]`, `w [O, C / groups, kh, kw]`, to `y [O, h, w]`. `zero` is the byte that stands for 0 in `x`,
/// `column` room for the numbers under one window of one group.
#[inline(never)]
pub fn conv2d(
    x: &[i8],
    window: &Window,
    [groups, zero]: [i32; 2],
    w: &[i8],
    finish: &Finish<'_>,
    column: &mut [i8],
    y: &mut [i8],
) {
    let Ok([high, wide]) = window.output("planned") else { return };
    let (pixels, k, groups) = (high.checked_mul(wide).unwrap_or(0), column.len(), groups as usize);
    if groups == 0 || k == 0 || pixels == 0 {
        return;
    }
    let (plane, outputs) = (x.len() / groups, w.len() / k / groups);
    for group in 0..groups {
        let (Some(x), Some(w)) = (
            x.get(group * plane..(group + 1) * plane),
            w.get(group * outputs * k..(group + 1) * outputs * k),
        ) else {
            return;
        };
        let first = group * outputs;
        if nine::suits(window, k) {
            let planes = y.chunks_exact_mut(pixels).skip(first);
            for (o, (w, y)) in w.as_chunks::<9>().0.iter().zip(planes).enumerate() {
                nine::plane(x, (window, zero, [high, wide]), w, (finish, first + o), y);
            }
            continue;
        }
        if one::suits(window, k, outputs) {
            for (o, (w, y)) in w.chunks_exact(k).zip(y.chunks_exact_mut(pixels).skip(first)).enumerate() {
                one::plane(x, (window, wide), w, (finish, first + o), y);
            }
            continue;
        }
        each_window(window, pixels, |pixel, _, lying| {
            gather(x, zero as i8, lying, column);
            if let Some(y) = y.get_mut(first * pixels + pixel..) {
                rows(w, column, finish, first, y, pixels);
            }
        });
    }
}

/// The mean of each window: `x [C, H, W]` to `y [C, h, w]`. Padding counts as zeros; `scale` takes a sum over a window to the
/// scale of the result.
#[inline(never)]
pub fn mean_pool(x: &[i8], window: &Window, [from, to]: [i8; 2], scale: Scale, y: &mut [i8]) {
    each_window(window, y.len(), |at, plane, lying: Lying<'_>| {
        let mut sum = 0;
        inside(x, plane, lying, |pixel| sum += i32::from(pixel) - i32::from(from));
        if let Some(y) = y.get_mut(at) {
            *y = held(scale.apply(sum), to, -128);
        }
    });
}

/// The sum of each `x.len() / y.len()` neighbours.
#[inline(never)]
pub fn sums(x: &[i8], [from, to]: [i8; 2], scale: Scale, y: &mut [i8]) {
    let run = x.len() / y.len().max(1);
    for (y, x) in y.iter_mut().zip(x.chunks_exact(run.max(1))) {
        let sum: i32 = x.iter().map(|&x| i32::from(x) - i32::from(from)).sum();
        *y = held(scale.apply(sum), to, -128);
    }
}

/// Any function of one number, by a table that has one byte for each: of `q` at `q + 128`.
#[inline(never)]
pub fn lookup(x: &[i8], table: &[i8; 256], y: &mut [i8]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = table[usize::from(x as u8 ^ 0x80)]);
}

/// As [`lookup`], where it lies.
#[inline(never)]
pub fn lookup_in_place(x: &mut [i8], table: &[i8; 256]) {
    x.iter_mut().for_each(|x| *x = table[usize::from(*x as u8 ^ 0x80)]);
}

/// `a + b`, each with its zero and a factor to the scale of the result; `a - b` with a factor below 0.
#[inline(never)]
pub fn add([a, b]: [&[i8]; 2], zeros: [i8; 3], scales: [Scale; 2], y: &mut [i8]) {
    // Eight more bits, so that the two are rounded once.
    let part = |x: i8, i: usize| scales[i].apply((i32::from(x) - i32::from(zeros[i])) << 8);
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = held(part(a, 0).saturating_add(part(b, 1)).saturating_add(1 << 7) >> 8, zeros[2], -128);
    }
}

/// `a b`, each with its zero; `scale` takes the product to the scale of the result.
#[inline(never)]
pub fn multiply([a, b]: [&[i8]; 2], zeros: [i8; 3], scale: Scale, y: &mut [i8]) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        let product = (i32::from(a) - i32::from(zeros[0])) * (i32::from(b) - i32::from(zeros[1]));
        *y = held(scale.apply(product), zeros[2], -128);
    }
}

/// The same numbers on another scale.
#[inline(never)]
pub fn rescale(x: &[i8], [from, to]: [i8; 2], scale: Scale, y: &mut [i8]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = held(scale.apply(i32::from(x) - i32::from(from)), to, -128);
    }
}
