//! The micro-kernel for a B that lies along k and is used for one tile of rows only: squares of it are turned in registers
//! as they come, and go into the sums without ever being packed.
//!
//! Turning is shuffles, which a processor has units for beside those that multiply; packing would take a pass of its own.

// Rows are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use super::loops::{Depth, LEVEL_1, Loops, Source};
use super::operand::{Operand, Place};
use super::target::{Ground, Spot, Target};
use super::tile::{Micro, Rows, Tile};
use crate::Float;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use core::ops::Range;

/// How many rows an instruction set has the registers for, beside a square: the tile of the product tells how many registers it has.
pub(super) const fn most_rows<T: Float, I: Lanes<T>>() -> usize {
    match I::TILE.0 * I::TILE.1 {
        24.. if I::TILE.0 <= MOST_ROWS => I::TILE.0,
        12.. if I::V::LANES > 1 => 4,
        _ => 0,
    }
}

const MOST_ROWS: usize = 12;
/// Bytes of a column that are asked for before they are needed: so many columns at once are too many for the processor to foresee.
const AHEAD: usize = 128;

impl<T: Float, A: Operand<T>, B: Operand<T>, C: Target<T>> Loops<'_, T, A, B, C> {
    /// [`run_blocks`](Loops::run_blocks) for one tile of rows and a B that lies along k at `b`.
    ///
    /// # Safety
    /// As for [`run_blocks`](Loops::run_blocks); there are at most [`most_rows`].
    pub(super) unsafe fn run_lying<I: Lanes<T>>(
        &self,
        isa: I,
        rows: Range<usize>,
        columns: Range<usize>,
        blocks: Range<usize>,
        b: &Place<T>,
    ) {
        let (r, lanes, depth) = (rows.len(), I::V::LANES, Depth::new::<T>(self.depth));
        // Columns of B are read to their ends one register of them after the other, as memory is best read, as long as A's share stays
        // in the first-level cache.
        let at_once = (LEVEL_1 / (r * depth.block(0).len() * size_of::<T>()).max(1)).max(1);
        let mut room: Option<Buffer<T>> = None;
        for first in blocks.clone().step_by(at_once) {
            let blocks = first..(first + at_once).min(blocks.end);
            let steps = depth.block(blocks.start).start..depth.block(blocks.end - 1).end;
            let (start, lying, a_step) = match &self.a {
                // One tile holds all rows, so the panels of several blocks are one.
                Source::Packed(panels) => (panels.panel(rows.start, &steps), Rows::Across, r as isize),
                Source::Fresh(a) | Source::Far(a) => match a.place() {
                    Some(place) if place.step_stride == 1 => {
                        (place.at(rows.start, steps.start), Rows::Along, place.lane_stride)
                    }
                    Some(place) if place.lane_stride == 1 => {
                        (place.at(rows.start, steps.start), Rows::Across, place.step_stride)
                    }
                    _ => {
                        let room = room.get_or_insert_with(|| Buffer::stale(r * steps.len() + lanes));
                        a.pack(isa, rows.clone(), steps.clone(), r, room.make_mut());
                        (room.as_slice().as_ptr(), Rows::Across, r as isize)
                    }
                },
            };
            let (row_step, k_step) = if lying == Rows::Along { (a_step, 1) } else { (1, a_step) };
            let micro = micro::<T, I>(r, lying);
            for j in columns.clone().step_by(lanes) {
                let last = lanes.min(columns.end - j);
                for index in blocks.clone() {
                    let block = depth.block(index);
                    let start = start.wrapping_offset((block.start - steps.start) as isize * k_step);
                    let a = core::array::from_fn(|i| start.wrapping_offset(3 * i as isize * row_step));
                    let spot = Spot {
                        row: rows.start,
                        column: j,
                        rows: r,
                        columns: last,
                        block: index,
                        last: index + 1 == depth.count(),
                    };
                    // SAFETY: the caller promises the rectangle; the pointers are those of places, which an `Operand` vouches
                    // for, or of a panel just packed for these rows and this k.
                    unsafe {
                        self.c.take(isa, spot, |ground| {
                            let Ground { c, row_stride: c_row, scale, add, near } = ground;
                            let (b, b_step, depth) = (b.at(j, block.start), b.lane_stride, block.len());
                            micro(
                                isa,
                                &Tile { a, a_step, b, b_step, c, c_row, depth, last, scale, add, near },
                            );
                        });
                    }
                }
            }
        }
    }
}

/// `R` rows of one register. `ALONG`: see [`Rows`]. Here the next k of B is the next number, and the next column `b_step`
/// numbers on.
struct Turned<'a, T, const R: usize, const ALONG: bool>(&'a Tile<T>);

impl<T: Float, const R: usize, const ALONG: bool> Kernel<T> for Turned<'_, T, R, ALONG> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let (tile, lanes) = (self.0, I::V::LANES);
        let mut sums = [[isa.splat(T::ZERO)]; R];
        for k in (0..tile.depth).step_by(lanes) {
            let count = lanes.min(tile.depth - k);
            let mut square = [isa.splat(T::ZERO); MOST_LANES];
            for (column, x) in square[..lanes].iter_mut().enumerate() {
                let from = self.column(column, k);
                isa.prefetch(from.wrapping_add(AHEAD / size_of::<T>()));
                // SAFETY: `count` numbers of a column that exists.
                *x = unsafe { isa.load_first(count, from) };
            }
            I::V::turn(&mut square[..lanes]);
            for (step, &row) in square[..lanes].iter().enumerate() {
                if step < count {
                    // SAFETY: a k that exists.
                    unsafe { self.step(isa, k + step, row, &mut sums) };
                }
            }
        }
        // SAFETY: C is valid for R rows and the columns that exist.
        unsafe { tile.put(isa, sums) };
    }
}

impl<T: Float, const R: usize, const ALONG: bool> Turned<'_, T, R, ALONG> {
    /// Where a column has its number k. Columns that do not exist repeat the last, and are not stored.
    #[inline(always)]
    fn column(&self, column: usize, k: usize) -> *const T {
        let column = column.min(self.0.last - 1) as isize;
        self.0.b.wrapping_offset(column * self.0.b_step).wrapping_add(k)
    }

    /// Adds to the sums of all rows what k gives, `row` of B.
    ///
    /// # Safety
    /// A has that k.
    #[inline(always)]
    unsafe fn step<I: Lanes<T>>(&self, isa: I, k: usize, row: I::V, sums: &mut [[I::V; 1]; R]) {
        use crate::pointwise::Real;
        for i in 0..R {
            let at = if ALONG {
                self.0.a[i / 3].wrapping_offset((i % 3) as isize * self.0.a_step).wrapping_add(k)
            } else {
                self.0.a[0].wrapping_offset(k as isize * self.0.a_step).wrapping_add(i)
            };
            // SAFETY: as the caller promises.
            let x = isa.splat(unsafe { *at });
            sums[i][0] = x.mul_add(row, sums[i][0]);
        }
    }
}

/// # Safety
/// As [`Micro`] says.
unsafe fn enter<T: Float, I: Lanes<T>, const R: usize, const ALONG: bool>(isa: I, tile: &Tile<T>) {
    isa.enter(Turned::<T, R, ALONG>(tile));
}

/// The micro-kernel for `rows` x one register.
pub(super) fn micro<T: Float, I: Lanes<T>>(rows: usize, lying: Rows) -> Micro<I, T> {
    // The conditions are constants: those for which there is no room are never compiled.
    macro_rules! choose {
        ($($r:literal)*) => {
            match (rows, lying) {
                $(($r, Rows::Along) if const { $r <= most_rows::<T, I>() } => enter::<T, I, $r, true>,
                ($r, Rows::Across) if const { $r <= most_rows::<T, I>() } => enter::<T, I, $r, false>,)*
                _ => unreachable!("a tile has at most {MOST_ROWS} rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12)
}
