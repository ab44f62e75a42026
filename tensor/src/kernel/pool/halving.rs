//! Windows of 2 x 2, two apart: a register of windows at a time, from two rows cut into even and odd columns.

use crate::Float;
use crate::pointwise::Real;
use crate::simd::{Lanes, Vector};

/// Which lanes of `b` are to be taken over those of `a`, which come first: `b > a`, or NaN beside a number.
#[inline(always)]
fn lanes_beat<V: Vector>(b: V, a: V) -> V::Bits {
    // Equal is what NaN is not even to itself: where `b` is NaN the second choice asks whether `a` is a number.
    let one = b.of(1.0);
    let zero = b.of(0.0);
    let larger = V::select(b.gt(&a), one, zero);
    let nan_first = V::select(a.equal(&a), one, zero);
    V::select(b.equal(&b), larger, nan_first).gt(&zero)
}

/// The first largest of `a` and `b`.
#[inline(always)]
pub(super) fn lanes_later<V: Vector>(a: V, b: V) -> V {
    // Where `a` is not at least `b`, either `b` is larger or one of them is NaN, and the first NaN stays.
    V::select(a.ge(&b), a, V::select(a.equal(&a), b, a))
}

/// Registers `q ..` of windows: the even and odd columns of a row from column `2 q` on, and how many windows they hold.
///
/// # Safety
/// `row` is valid for reading `2 n` numbers, and `q < n`.
#[inline(always)]
unsafe fn columns<T: Float, I: Lanes<T>>(isa: I, row: *const T, q: usize, n: usize) -> (I::V, I::V) {
    let lanes = I::V::LANES;
    let count = 2 * (n - q);
    // SAFETY: as the caller promises; only numbers below `2 n` are read.
    unsafe {
        let at = row.add(2 * q);
        if count >= 2 * lanes {
            return isa.load(at).uncouple(isa.load(at.add(lanes)));
        }
        let (first, second) = (count.min(lanes), count.saturating_sub(lanes));
        isa.load_first(first, at).uncouple(isa.load_first(second, at.add(first)))
    }
}

/// The maxima of two rows' 2 x 2 windows.
#[inline(always)]
pub(super) fn halve<T: Float, I: Lanes<T>>(isa: I, top: &[T], bottom: &[T], out: &mut [T]) {
    let n = out.len();
    let (top, bottom) = (top[..2 * n].as_ptr(), bottom[..2 * n].as_ptr());
    for q in (0..n).step_by(I::V::LANES) {
        // SAFETY: both rows have `2 n` numbers and the result `n`.
        unsafe {
            let ((a, b), (c, d)) = (columns(isa, top, q, n), columns(isa, bottom, q, n));
            let largest = lanes_later(lanes_later(a, b), lanes_later(c, d));
            largest.store_first((n - q).min(I::V::LANES), out.as_mut_ptr().add(q));
        }
    }
}

/// Whether all of `x` are finite: then comparisons need not look for NaN. A product with zero keeps what is not.
#[inline(always)]
pub(super) fn all_finite<T: Float, I: Lanes<T>>(isa: I, x: &[T]) -> bool {
    let (lanes, zero) = (I::V::LANES, isa.splat(T::ZERO));
    let mut sums = [zero; 4];
    let mut i = 0;
    // SAFETY: `i + 4 LANES <= len` in the first loop, and `i + count <= len` in the second.
    unsafe {
        while i + 4 * lanes <= x.len() {
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = isa.load(x.as_ptr().add(i + n * lanes)).mul_add(zero, *sum);
            }
            i += 4 * lanes;
        }
        while i < x.len() {
            let count = lanes.min(x.len() - i);
            sums[0] = isa.load_first(count, x.as_ptr().add(i)).mul_add(zero, sums[0]);
            i += count;
        }
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum() == T::ZERO
}

/// `g` to the first maximum of each of two rows' 2 x 2 windows, zero elsewhere. `FINITE`: see [`all_finite`]; otherwise
/// there may be NaN, which takes three times as many comparisons.
#[inline(always)]
pub(super) fn spread<T: Float, I: Lanes<T>, const FINITE: bool>(
    isa: I,
    top: &[T],
    bottom: &[T],
    g: &[T],
    out_top: &mut [T],
    out_bottom: &mut [T],
) {
    let (n, lanes) = (g.len(), I::V::LANES);
    out_top[2 * n..].fill(T::ZERO);
    out_bottom[2 * n..].fill(T::ZERO);
    let (top, bottom) = (top[..2 * n].as_ptr(), bottom[..2 * n].as_ptr());
    let (out_top, out_bottom) = (out_top[..2 * n].as_mut_ptr(), out_bottom[..2 * n].as_mut_ptr());
    let zero = isa.splat(T::ZERO);
    for q in (0..n).step_by(lanes) {
        // SAFETY: all four rows have `2 n` numbers and `g` has `n`.
        unsafe {
            let ((a, b), (c, d)) = (columns(isa, top, q, n), columns(isa, bottom, q, n));
            let g = isa.load_first((n - q).min(lanes), g.as_ptr().add(q));
            let (right_above, right_below, low);
            if FINITE {
                (right_above, right_below) = (b.gt(&a), d.gt(&c));
                low = I::V::select(right_below, d, c).gt(&I::V::select(right_above, b, a));
            } else {
                (right_above, right_below) = (lanes_beat(b, a), lanes_beat(d, c));
                low = lanes_beat(lanes_later(c, d), lanes_later(a, b));
            }
            let (upper, lower) = (I::V::select(low, zero, g), I::V::select(low, g, zero));
            for (part, right, to) in [(upper, right_above, out_top), (lower, right_below, out_bottom)] {
                let even = I::V::select(right, zero, part);
                let odd = I::V::select(right, part, zero);
                let (first, second) = even.couple(odd);
                let (count, to) = (2 * (n - q), to.add(2 * q));
                if count >= 2 * lanes {
                    first.store(to);
                    second.store(to.add(lanes));
                } else {
                    first.store_first(count.min(lanes), to);
                    if count > lanes {
                        second.store_first(count - lanes, to.add(lanes));
                    }
                }
            }
        }
    }
}

/// The sums of two rows' 2 x 2 windows, times `share`.
#[inline(always)]
pub(super) fn halve_sums<T: Float, I: Lanes<T>>(isa: I, top: &[T], bottom: &[T], share: T, out: &mut [T]) {
    let (n, lanes) = (out.len(), I::V::LANES);
    if lanes == 1 {
        return halve_sums_by_one(top, bottom, share, out);
    }
    let (top, bottom) = (top[..2 * n].as_ptr(), bottom[..2 * n].as_ptr());
    let (zero, share) = (isa.splat(T::ZERO), isa.splat(share));
    for q in (0..n).step_by(lanes) {
        // SAFETY: both rows have `2 n` numbers and the result `n`.
        unsafe {
            let ((a, b), (c, d)) = (columns(isa, top, q, n), columns(isa, bottom, q, n));
            // From 0 on, as the sums of other windows.
            let sum = (((zero + a) + b) + c) + d;
            (sum * share).store_first((n - q).min(lanes), out.as_mut_ptr().add(q));
        }
    }
}

/// The same for the compiler, which makes registers of it that the scalar path does not know.
#[inline(always)]
fn halve_sums_by_one<T: Float>(top: &[T], bottom: &[T], share: T, out: &mut [T]) {
    let (top, bottom) = (&top.as_chunks::<2>().0[..out.len()], &bottom.as_chunks::<2>().0[..out.len()]);
    for (q, out) in out.iter_mut().enumerate() {
        let ([a, b], [c, d]) = (top[q], bottom[q]);
        // From 0 on, as the sums of other windows.
        *out = ((((T::ZERO + a) + b) + c) + d) * share;
    }
}

/// Each number of `g`, times `share`, to both columns of its window, in both rows.
#[inline(always)]
pub(super) fn spread_shares<T: Float, I: Lanes<T>>(
    isa: I,
    g: &[T],
    share: T,
    top: &mut [T],
    bottom: &mut [T],
) {
    let (n, lanes) = (g.len(), I::V::LANES);
    if lanes == 1 {
        for row in [top, bottom] {
            for (pair, &g) in row.as_chunks_mut::<2>().0.iter_mut().zip(g) {
                *pair = [g * share; 2];
            }
        }
        return;
    }
    let (rows, share) = ([top, bottom].map(|row| row[..2 * n].as_mut_ptr()), isa.splat(share));
    for q in (0..n).step_by(lanes) {
        let count = 2 * (n - q);
        // SAFETY: both rows have `2 n` numbers and `g` has `n`.
        unsafe {
            let part = isa.load_first((n - q).min(lanes), g.as_ptr().add(q)) * share;
            let (first, second) = part.couple(part);
            for to in rows.map(|row| row.add(2 * q)) {
                if count >= 2 * lanes {
                    first.store(to);
                    second.store(to.add(lanes));
                } else {
                    first.store_first(count.min(lanes), to);
                    if count > lanes {
                        second.store_first(count - lanes, to.add(lanes));
                    }
                }
            }
        }
    }
}
