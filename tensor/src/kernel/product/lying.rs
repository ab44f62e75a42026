//! The micro-kernel for a B that lies along k and is used for one tile of rows only: squares of it are turned in registers
//! as they come, and go into the sums without ever being packed.
//!
//! Turning is shuffles, which a processor has units for beside those that multiply; packing would take a pass of its own.

// Rows are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use super::tile::{Micro, Rows, Tile};
use crate::Float;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};

/// Whether an instruction set has the registers for a square and the sums of a whole tile.
pub(super) const fn has_room<T: Float, I: Lanes<T>>() -> bool {
    I::TILE.0 * I::TILE.1 >= 24 && I::TILE.0 <= MOST_ROWS
}

const MOST_ROWS: usize = 12;
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
                // SAFETY: `count` numbers of a column that exists.
                *x = unsafe { isa.load_first(count, self.column(column, k)) };
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
    // The conditions are constants: where there is no room, none of them is compiled.
    macro_rules! choose {
        ($($r:literal)*) => {
            match (rows, lying) {
                $(($r, Rows::Along) if const { has_room::<T, I>() } => enter::<T, I, $r, true>,
                ($r, Rows::Across) if const { has_room::<T, I>() } => enter::<T, I, $r, false>,)*
                _ => unreachable!("a tile has at most {MOST_ROWS} rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12)
}
