//! Small systems of linear equations: triangular and general ones, Cholesky factors, determinants.
//!
//! A stack of matrices is shared out to threads one matrix at a time, so the order of operations in one of them depends
//! on its size alone. The inner loops run along rows, where compilers find vectors. These are the textbook algorithms
//! (Golub & Van Loan, "Matrix computations", 4th edition, sections 3.1, 3.4 and 4.2), without blocking: for the systems
//! of some tens of rows that gradients of small models need, not for large ones.
//!
//! What has no answer is NaN, the whole matrix of it: a system that is exactly singular, a factor of a matrix that is not
//! positive definite. The numbers decide that, and kernels have no error paths; the other matrices are not touched.

use crate::simd::{Kernel, Lanes};
use crate::{Float, parallel};
use alloc::vec::Vec;

/// A system of linear equations `op(A) X = B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solve {
    /// What of `A` is read.
    pub system: System,
    /// Whether `op` transposes (what is read of) `A`.
    pub transposed: bool,
}

/// What of a matrix is read as the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// All of it: elimination with partial pivoting.
    General,
    /// A triangle.
    Triangular {
        /// On and below the diagonal; else on and above.
        lower: bool,
        /// The diagonal is taken to be 1 and not read.
        unit: bool,
    },
}

/// Multiplications that one task does, about. Two tasks of systems of 16 x 16 on one thread and on two, on the Zen 5 of
/// `docs/performance.md`: 8.4 and 6.0 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 14;

/// How many matrices of `n` rows a task takes, where each number of one meets `width` others.
fn at_once(n: usize, width: usize) -> usize {
    (TASK / n.saturating_mul(n).saturating_mul(width).max(1)).max(1)
}

#[cfg(test)]
#[test]
fn large_systems_are_tasks_of_their_own() {
    assert_eq!([at_once(0, 0), at_once(1, 1), at_once(4, 4)], [TASK, TASK, TASK >> 6]);
    // Of 2048 rows and right sides on a machine of 32 bits, of 2^32 on one of 64: their product is 0 there.
    for n in [1 << 20, 1 << (usize::BITS / 2), usize::MAX] {
        assert_eq!([at_once(n, n), at_once(n, 2)], [1; 2]);
    }
}

/// `out` = the solutions `X [n, m]` for each `A [n, n]` and `B [n, m]` of two stacks.
pub(crate) fn solve<T: Float>(solve: Solve, a: &[T], b: &[T], n: usize, m: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    out.copy_from_slice(b);
    let count = at_once(n, n.saturating_add(m));
    parallel::for_each_piece(out, count * n * m, |i, out| {
        let a = &a[i * count * n * n..];
        T::dispatch(Systems { solve, a, n, m, out });
    });
}

struct Systems<'a, T> {
    solve: Solve,
    a: &'a [T],
    n: usize,
    m: usize,
    /// Holds the right sides.
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Systems<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { solve: Solve { system, transposed }, a, n, m, out } = self;
        let mut scratch = Vec::new();
        for (a, x) in a.chunks_exact(n * n).zip(out.chunks_exact_mut(n * m)) {
            let solved = match system {
                System::Triangular { lower, unit } => triangular(a, n, lower, transposed, unit, x, m),
                System::General => {
                    scratch.clear();
                    match transposed {
                        false => scratch.extend_from_slice(a),
                        true => scratch.extend((0..n * n).map(|at| a[at % n * n + at / n])),
                    }
                    // The right sides go through the elimination beside the matrix.
                    eliminate(&mut scratch, n, x, m).is_some()
                        && triangular(&scratch, n, false, false, false, x, m)
                }
            };
            if !solved {
                x.fill(nan());
            }
        }
    }
}

#[inline(always)]
fn nan<T: Float>() -> T {
    T::from_f64(f64::NAN)
}

/// `x -= factor * other`, along a row.
#[inline(always)]
fn subtract<T: Float>(x: &mut [T], factor: T, other: &[T]) {
    for (x, &other) in x.iter_mut().zip(other) {
        *x = *x - factor * other;
    }
}

/// Rows `i` and `j != i` of a matrix of `m` columns, the first to change.
#[inline(always)]
fn two_rows<T>(x: &mut [T], m: usize, i: usize, j: usize) -> (&mut [T], &[T]) {
    if i > j {
        let (before, rest) = x.split_at_mut(i * m);
        (&mut rest[..m], &before[j * m..][..m])
    } else {
        let (before, rest) = x.split_at_mut(j * m);
        (&mut before[i * m..][..m], &rest[..m])
    }
}

/// Solves with a triangle of `a`, in place; whether no number on the diagonal is 0.
#[inline(always)]
fn triangular<T: Float>(
    a: &[T],
    n: usize,
    lower: bool,
    transposed: bool,
    unit: bool,
    x: &mut [T],
    m: usize,
) -> bool {
    // The transpose of a lower triangle is an upper one.
    let downwards = lower != transposed;
    for step in 0..n {
        let i = if downwards { step } else { n - 1 - step };
        for done in 0..step {
            let j = if downwards { done } else { n - 1 - done };
            let factor = if transposed { a[j * n + i] } else { a[i * n + j] };
            let (row, known) = two_rows(x, m, i, j);
            subtract(row, factor, known);
        }
        if !unit {
            let pivot = a[i * n + i];
            if pivot.equal(&T::ZERO) {
                return false;
            }
            x[i * m..][..m].iter_mut().for_each(|x| *x = *x / pivot);
        }
    }
    true
}

/// Elimination with partial pivoting: `a` becomes upper triangular, and what is done to its rows is done to those of `x`.
/// Whether an even number of rows was exchanged; `None` if a column has no pivot.
#[inline(always)]
fn eliminate<T: Float>(a: &mut [T], n: usize, x: &mut [T], m: usize) -> Option<bool> {
    let mut even = true;
    for k in 0..n {
        let mut pivot = k;
        for i in k + 1..n {
            if a[i * n + k].abs() > a[pivot * n + k].abs() {
                pivot = i;
            }
        }
        if a[pivot * n + k].equal(&T::ZERO) {
            return None;
        }
        if pivot != k {
            even = !even;
            (0..n).for_each(|j| a.swap(k * n + j, pivot * n + j));
            (0..m).for_each(|j| x.swap(k * m + j, pivot * m + j));
        }
        for i in k + 1..n {
            let (row, top) = two_rows(a, n, i, k);
            let factor = row[k] / top[k];
            subtract(&mut row[k + 1..], factor, &top[k + 1..]);
            if m > 0 {
                let (row, top) = two_rows(x, m, i, k);
                subtract(row, factor, top);
            }
        }
    }
    Some(even)
}

/// `out` = the lower triangular `L` with `L L^T = A` for each `A [n, n]` of a stack, of which only the lower triangle is
/// read.
pub(crate) fn cholesky<T: Float>(a: &[T], n: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    out.copy_from_slice(a);
    let count = at_once(n, n);
    parallel::for_each_piece(out, count * n * n, |_, out| T::dispatch(Factors { n, out }));
}

struct Factors<'a, T> {
    n: usize,
    /// Holds the matrices.
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Factors<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { n, out } = self;
        let mut column = alloc::vec![T::ZERO; n];
        'matrices: for a in out.chunks_exact_mut(n * n) {
            for j in 0..n {
                let square = a[j * n + j];
                let positive = square > T::ZERO; // a NaN is not
                if !positive {
                    a.fill(nan());
                    continue 'matrices;
                }
                let pivot = square.sqrt();
                a[j * n + j] = pivot;
                a[j * n + j + 1..(j + 1) * n].fill(T::ZERO);
                for i in j + 1..n {
                    a[i * n + j] = a[i * n + j] / pivot;
                    column[i] = a[i * n + j];
                }
                for i in j + 1..n {
                    subtract(&mut a[i * n + j + 1..=i * n + i], column[i], &column[j + 1..=i]);
                }
            }
        }
    }
}

/// `out` = for each `A [n, n]` of a stack the logarithm of the determinant's absolute value, or with `sign` its sign.
///
/// Of a singular matrix they are minus infinity and 0, of no numbers at all 0 and 1.
pub(crate) fn determinant<T: Float>(a: &[T], n: usize, sign: bool, out: &mut [T]) {
    let count = at_once(n, n);
    parallel::for_each_piece(out, count, |i, out| {
        T::dispatch(Determinants { a: &a[i * count * n * n..], n, sign, out });
    });
}

struct Determinants<'a, T> {
    a: &'a [T],
    n: usize,
    sign: bool,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Determinants<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { a, n, sign, out } = self;
        let mut scratch = Vec::new();
        for (i, out) in out.iter_mut().enumerate() {
            scratch.clear();
            scratch.extend_from_slice(&a[i * n * n..][..n * n]);
            *out = match (eliminate(&mut scratch, n, &mut [], 0), sign) {
                (None, true) => T::ZERO,
                (None, false) => T::NEG_INFINITY,
                (Some(even), true) => {
                    let start = if even { T::ONE } else { -T::ONE };
                    (0..n).fold(start, |sign, j| {
                        let pivot = scratch[j * n + j];
                        if pivot.equal(&pivot) { if pivot < T::ZERO { -sign } else { sign } } else { pivot }
                    })
                }
                (Some(_), false) => (0..n).fold(T::ZERO, |sum, j| sum + scratch[j * n + j].abs().ln()),
            };
        }
    }
}
