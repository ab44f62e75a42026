//! Inner products in double precision, whatever the numbers are: lengths of gradients, and Gramians of their rows.

use super::disjoint::Disjoint;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};

/// Numbers of each row that one task takes; the tasks' results are added in their order, so it is part of the bits. Two tasks of four
/// rows on one thread and on two, on the Zen 5 of `docs/performance.md`: 39 and 19 us (`cargo bench -p tress-benches --bench threads`).
const PART: usize = 1 << 15;
/// Numbers of each row that are widened at a time: eight rows of them fill half the first-level cache.
const CHUNK: usize = 256;
/// Sums that take turns; the compiler keeps them in registers.
const TURNS: usize = 32;

/// The sum of `a[i] b[i]`, in double precision.
///
/// # Panics
/// If the slices differ in length.
pub(crate) fn dot<T: Float>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len(), "an inner product of slices of different lengths");
    let parts = a.len().div_ceil(PART);
    let part = |i: usize| {
        let range = i * PART..((i + 1) * PART).min(a.len());
        T::dispatch(Dot { a: &a[range.clone()], b: &b[range] })
    };
    if parts <= 1 {
        return if parts == 0 { 0.0 } else { part(0) };
    }
    let mut sums = Buffer::<f64>::stale(parts);
    let sums = sums.make_mut();
    parallel::for_each_piece(sums, 1, |i, sum| sum[0] = part(i));
    sums.iter().fold(0.0, |sum, part| sum + part)
}

struct Dot<'a, T> {
    a: &'a [T],
    b: &'a [T],
}

impl<T: Float> Kernel<T> for Dot<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) -> f64 {
        let mut sums = [0.0; TURNS];
        let (a, b) = (self.a.chunks_exact(TURNS), self.b.chunks_exact(TURNS));
        let (rest_a, rest_b) = (a.remainder(), b.remainder());
        for (a, b) in a.zip(b) {
            for i in 0..TURNS {
                sums[i] += a[i].to_f64() * b[i].to_f64();
            }
        }
        for (i, (a, b)) in rest_a.iter().zip(rest_b).enumerate() {
            sums[i] += a.to_f64() * b.to_f64();
        }
        tree(sums)
    }
}

/// Halves, quarters and so on.
#[inline(always)]
fn tree(mut sums: [f64; TURNS]) -> f64 {
    let mut half = TURNS / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// `out[i, j]` = the inner product of rows `i` and `j` of a dense `[count, len]` matrix: one pass over memory.
///
/// # Panics
/// If the slices do not have `count * len` and `count * count` numbers.
pub(crate) fn gram<T: Float>(rows: &[T], count: usize, out: &mut [f64]) {
    assert_eq!(out.len(), count * count, "a Gramian of {count} rows");
    if count == 0 {
        return;
    }
    assert!(rows.len().is_multiple_of(count), "{} numbers are no {count} rows", rows.len());
    let len = rows.len() / count;
    let parts = len.div_ceil(PART).max(1);
    let mut sums = Buffer::<f64>::zeros(parts * count * count);
    let sums = sums.make_mut();
    {
        let sums = Disjoint::new(sums);
        parallel::for_each(parts, |i| {
            // SAFETY: each part has its own Gramian.
            let out = unsafe { sums.part(i * count * count, count * count) };
            f64::dispatch(Gram { rows, count, len, columns: i * PART..((i + 1) * PART).min(len), out });
        });
    }
    out.fill(0.0);
    for part in sums.chunks_exact(count * count) {
        out.iter_mut().zip(part).for_each(|(out, part)| *out += part);
    }
    for i in 0..count {
        for j in 0..i {
            out[i * count + j] = out[j * count + i];
        }
    }
}

struct Gram<'a, T> {
    rows: &'a [T],
    count: usize,
    len: usize,
    columns: core::ops::Range<usize>,
    out: &'a mut [f64],
}

impl<T: Float> Kernel<f64> for Gram<'_, T> {
    type Output = ();

    /// Each chunk is widened once, and then serves all pairs of rows from the cache. Writes the upper triangle.
    #[inline(always)]
    fn run<I: Lanes<f64>>(self, isa: I) {
        let Self { rows, count, len, columns, out } = self;
        let lanes = I::V::LANES;
        let mut wide = Buffer::<f64>::zeros(count * CHUNK);
        let wide = wide.make_mut();
        for start in columns.clone().step_by(CHUNK) {
            let width = CHUNK.min(columns.end - start);
            for (row, wide) in wide.chunks_exact_mut(CHUNK).enumerate() {
                let from = &rows[row * len + start..][..width];
                wide.iter_mut().zip(from).for_each(|(wide, x)| *wide = x.to_f64());
                wide[width..].fill(0.0);
            }
            for i in 0..count {
                let a = wide[i * CHUNK..][..CHUNK].as_ptr();
                // Four partners at a time, so that a register of row `i` is loaded once for four products.
                for first in (i..count).step_by(4) {
                    let partner = |n: usize| (first + n).min(count - 1);
                    let b = [0, 1, 2, 3].map(|n| wide[partner(n) * CHUNK..][..CHUNK].as_ptr());
                    let mut sums = [[isa.splat(0.0); 4]; 2];
                    let mut at = 0;
                    while at < CHUNK {
                        for (turn, sums) in sums.iter_mut().enumerate() {
                            let at = at + turn * lanes;
                            for (sum, b) in sums.iter_mut().zip(b) {
                                // SAFETY: all chunks have `CHUNK` numbers, a multiple of two registers of any width.
                                *sum = unsafe { isa.load(a.add(at)).mul_add(isa.load(b.add(at)), *sum) };
                            }
                        }
                        at += 2 * lanes;
                    }
                    for n in 0..4.min(count - first) {
                        out[i * count + first + n] += (sums[0][n] + sums[1][n]).sum();
                    }
                }
            }
        }
    }
}
