//! Sums over taps along rows of a plane: the one loop of the forward role, and of the gradient by the input.

use crate::Float;
use crate::kernel::conv::stage::SLACK;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};

/// One sum: the weights, and where the number under each tap lies, seen from the corner of the window.
#[derive(Clone, Copy)]
pub(super) struct Taps<'a, T> {
    pub(super) offsets: &'a [u32],
    pub(super) weights: &'a [T],
}

impl<T> Taps<'_, T> {
    fn reach(&self) -> usize {
        self.offsets.iter().copied().max().unwrap_or(0) as usize
    }
}

/// A stage, and how its rows follow each other.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a, T> {
    pub(super) stage: &'a [T],
    /// Numbers from what lies under one row of a plane to what lies under the next.
    pub(super) down: usize,
}

impl<T: Float> Ground<'_, T> {
    /// # Panics
    /// If what lies under some tap of some pixel leaves the stage, or the register behind it.
    fn check(&self, [high, wide]: [usize; 2], reach: usize) {
        const { assert!(MOST_LANES <= SLACK) };
        assert!((high - 1) * self.down + wide - 1 + reach + SLACK <= self.stage.len());
    }

    /// The sums of `R` rows from `row` on, a register of columns from `column` on.
    ///
    /// # Safety
    /// [`check`](Ground::check) has seen rows, columns and taps.
    #[inline(always)]
    unsafe fn sums<I: Lanes<T>, const R: usize>(
        &self,
        isa: I,
        taps: &Taps<'_, T>,
        row: usize,
        column: usize,
    ) -> [I::V; R] {
        let from = self.stage.as_ptr().wrapping_add(row * self.down + column);
        let mut sums = [isa.splat(T::ZERO); R];
        for (&tap, &w) in taps.offsets.iter().zip(taps.weights) {
            let (from, w) = (from.wrapping_add(tap as usize), isa.splat(w));
            for q in 0..R {
                // SAFETY: as the caller promises.
                sums[q] = w.mul_add(unsafe { isa.load(from.add(q * self.down)) }, sums[q]);
            }
        }
        sums
    }
}

/// Does the work for blocks of `$most`, `$few` rows or one that cover `0..high`; the last one may begin in the one before it, and then
/// stores the same again.
macro_rules! for_blocks {
    ($high:expr, [$most:literal, $few:literal], |$rows:ident, $row:ident| $each:expr) => {{
        let high: usize = $high;
        let mut next = 0;
        while next < high {
            if high >= $most && high - next > $few {
                const $rows: usize = $most;
                let $row = next.min(high - $rows);
                $each;
                next += $rows;
            } else if $few > 1 && high >= $few {
                const $rows: usize = $few;
                let $row = next.min(high - $rows);
                $each;
                next += $rows;
            } else {
                const $rows: usize = 1;
                let $row = next;
                $each;
                next += $rows;
            }
        }
    }};
}

/// Stores the first `count` lanes.
///
/// # Safety
/// `to` is valid for writing `count` numbers.
#[inline(always)]
unsafe fn store<V: Vector>(x: V, count: usize, to: *mut V::Elem) {
    // SAFETY: as the caller promises.
    unsafe { if count == V::LANES { x.store(to) } else { x.store_first(count, to) } }
}

/// A plane of the output, row by row: `y [high, wide]`.
pub(super) struct Correlate<'a, T> {
    pub(super) ground: Ground<'a, T>,
    pub(super) taps: Taps<'a, T>,
    pub(super) wide: usize,
    pub(super) y: &'a mut [T],
}

impl<T: Float> Kernel<T> for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { ground, taps, wide, y } = self;
        if y.is_empty() {
            return;
        }
        let (high, lanes) = (y.len() / wide, I::V::LANES);
        ground.check([high, wide], taps.reach());
        let y = y.as_mut_ptr();
        // So many chains keep two units busy over a latency of four, and fetch each weight once for all.
        for_blocks!(high, [8, 4], |R, row| {
            let mut next = 0;
            while next < wide {
                // The last register begins in the one before it, if there is one: the same numbers again.
                let column = next.min(wide.saturating_sub(lanes));
                // SAFETY: `check` has seen rows, columns and taps; the plane has so many rows, and so many columns from there.
                unsafe {
                    let sums: [I::V; R] = ground.sums(isa, &taps, row, column);
                    for q in 0..R {
                        store(sums[q], lanes.min(wide), y.add((row + q) * wide + column));
                    }
                }
                next += lanes;
            }
        });
    }
}

/// A plane of the image, from sums for each phase of the steps: those of pixel `[p + i * steps[0], q + j * steps[1]]` are
/// `phases[p * columns + q]`, where there are `columns` phases of columns.
pub(super) struct Interleave<'a, T> {
    pub(super) ground: Ground<'a, T>,
    /// The offsets of all phases, one after the other, and the weights.
    pub(super) taps: Taps<'a, T>,
    /// Where the taps of each phase begin, and where the last ones end.
    pub(super) starts: &'a [u32],
    pub(super) steps: [usize; 2],
    pub(super) wide: usize,
    pub(super) x: &'a mut [T],
}

impl<T: Float> Kernel<T> for Interleave<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        let Self { ground, taps, steps, wide, .. } = self;
        if self.x.is_empty() {
            return;
        }
        let high = self.x.len() / wide;
        let [rows, columns] = [high.div_ceil(steps[0]), wide.div_ceil(steps[1])];
        ground.check([rows, columns], taps.reach());
        // Two phases at a time are as many chains.
        for_blocks!(rows, [4, 1], |R, row| {
            for phase in 0..steps[0].min(high) {
                let mut column = 0;
                while column < columns {
                    self.block::<I, R>(isa, phase, row, column);
                    column += I::V::LANES;
                }
            }
        });
    }
}

impl<T: Float> Interleave<'_, T> {
    /// The taps of phase `[p, q]`.
    #[inline(always)]
    fn phase(&self, p: usize, q: usize) -> Taps<'_, T> {
        let at = p * self.steps[1].min(self.wide) + q;
        let range = self.starts[at] as usize..self.starts[at + 1] as usize;
        Taps { offsets: &self.taps.offsets[range.clone()], weights: &self.taps.weights[range] }
    }

    /// `R` steps of rows from `row` on in phase `p`, a register of steps of columns from `column` on in all phases.
    #[inline(always)]
    fn block<I: Lanes<T>, const R: usize>(&mut self, isa: I, p: usize, row: usize, column: usize) {
        let (lanes, wide, steps) = (I::V::LANES, self.wide, self.steps);
        let high = self.x.len() / wide;
        let x = self.x.as_mut_ptr();
        // The last row of a step may lie below the image.
        let there = |q: usize| p + (row + q) * steps[0] < high;
        let at = |q: usize, column: usize| x.wrapping_add((p + (row + q) * steps[0]) * wide + column);
        // SAFETY: `check` has seen rows, columns and taps. Of each row that is there, only columns that are there are written.
        unsafe {
            if steps[1] == 2 && wide > 1 {
                let even: [I::V; R] = self.ground.sums(isa, &self.phase(p, 0), row, column);
                let odd: [I::V; R] = self.ground.sums(isa, &self.phase(p, 1), row, column);
                let left = wide - 2 * column;
                let counts = [left.min(lanes), left.saturating_sub(lanes).min(lanes)];
                for q in 0..R {
                    if there(q) {
                        let (first, second) = even[q].couple(odd[q]);
                        store(first, counts[0], at(q, 2 * column));
                        store(second, counts[1], at(q, 2 * column + lanes));
                    }
                }
                return;
            }
            for s in 0..steps[1].min(wide) {
                let sums: [I::V; R] = self.ground.sums(isa, &self.phase(p, s), row, column);
                let count = (wide - s).div_ceil(steps[1]).saturating_sub(column).min(lanes);
                for q in 0..R {
                    if there(q) {
                        if steps[1] == 1 {
                            store(sums[q], count, at(q, column));
                            continue;
                        }
                        let mut numbers = [T::ZERO; MOST_LANES];
                        sums[q].store(numbers.as_mut_ptr());
                        for (i, &number) in numbers[..count].iter().enumerate() {
                            *at(q, s + (column + i) * steps[1]) = number;
                        }
                    }
                }
            }
        }
    }
}
