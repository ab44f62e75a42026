//! Chains of multiplications and additions over k, where there are no vectors.

use crate::Float;

/// A run of k: where it starts in a row of A and in a column of B, and the steps from one k to the next.
pub(crate) struct Run<T> {
    pub(crate) a: *const T,
    pub(crate) b: *const T,
    pub(crate) a_step: isize,
    pub(crate) b_step: isize,
}

/// The sum of one column.
///
/// # Safety
/// There are `count` numbers in the row and in the column.
#[inline(always)]
pub(crate) unsafe fn single<T: Float>(run: Run<T>, count: usize) -> T {
    let Run { mut a, mut b, a_step, b_step } = run;
    let mut sum = T::ZERO;
    for _ in 0..count {
        // SAFETY: as the caller promises; the pointers are moved, not read, past the last k.
        sum = unsafe { (*a).mul_add(*b, sum) };
        (a, b) = (a.wrapping_offset(a_step), b.wrapping_offset(b_step));
    }
    sum
}

/// As [`single`], of numbers that lie side by side: four a turn, as counting and moving take longer than the arithmetic.
///
/// # Safety
/// As for [`single`]; both steps are 1.
#[inline(always)]
pub(crate) unsafe fn beside<T: Float>(run: Run<T>, count: usize) -> T {
    let Run { mut a, mut b, .. } = run;
    let mut sum = T::ZERO;
    for _ in 0..count / 4 {
        // SAFETY: four numbers are left in both; the pointers are moved, not read, past the last.
        unsafe {
            sum = (*a).mul_add(*b, sum);
            sum = (*a.add(1)).mul_add(*b.add(1), sum);
            sum = (*a.add(2)).mul_add(*b.add(2), sum);
            sum = (*a.add(3)).mul_add(*b.add(3), sum);
        }
        (a, b) = (a.wrapping_add(4), b.wrapping_add(4));
    }
    for _ in 0..count % 4 {
        // SAFETY: one number is left in both.
        sum = unsafe { (*a).mul_add(*b, sum) };
        (a, b) = (a.wrapping_add(1), b.wrapping_add(1));
    }
    sum
}

/// The sums of four columns that lie side by side: a number of A is loaded once for all. Written out, for no loop is
/// unrolled where the size of the program counts.
///
/// # Safety
/// There are `count` numbers in the row and in each column.
#[inline(always)]
pub(crate) unsafe fn four<T: Float>(run: Run<T>, count: usize) -> [T; 4] {
    let Run { mut a, mut b, a_step, b_step } = run;
    let [mut s0, mut s1, mut s2, mut s3] = [T::ZERO; 4];
    for _ in 0..count {
        // SAFETY: as the caller promises; the pointers are moved, not read, past the last k.
        unsafe {
            let x = *a;
            s0 = x.mul_add(*b, s0);
            s1 = x.mul_add(*b.add(1), s1);
            s2 = x.mul_add(*b.add(2), s2);
            s3 = x.mul_add(*b.add(3), s3);
        }
        (a, b) = (a.wrapping_offset(a_step), b.wrapping_offset(b_step));
    }
    [s0, s1, s2, s3]
}
