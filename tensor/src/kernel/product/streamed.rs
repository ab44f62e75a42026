//! The product of few rows with a B that comes from memory: B is read along its rows, as memory wants to be read.
//!
//! A tile of two registers goes down B, and where a row of B is longer than a page each step of k costs a look at another
//! page. So the sums of a long strip of columns are kept in the first-level cache instead, and pass through the registers once for each
//! four rows of B. Each sum is the same chain over ascending k.

// Rows are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use super::loops::{Depth, Loops, Source};
use super::operand::{Operand, Place};
use super::target::{Ground, Spot, Target};
use crate::Float;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use core::ops::Range;

/// The most rows: of more, the sums pass through the registers too often, and packing B costs less. On an Intel processor with 2 MiB of
/// second level, a B of 4096 x 4096 streamed and packed: 4 rows 3.2 and 5 ms, 8 rows 6.7 and 6.4, 10 rows 10.8 and 7.0; one of
/// 1000 x 1000, which the third level holds, streamed and read in place: 4 rows 140 and 170 us, 8 rows 240 and 280, 10 rows 290 and 264.
pub(super) const MOST_ROWS: usize = 8;
/// Rows of B at a time.
const STEPS: usize = 4;
/// What the sums of a strip take of the first-level cache: half of the smallest.
const STRIP: usize = 16 * 1024;

impl<T: Float, A: Operand<T>, B: Operand<T>, C: Target<T>> Loops<'_, T, A, B, C> {
    /// [`run_blocks`](Loops::run_blocks) for at most [`MOST_ROWS`] rows and a B whose columns lie side by side at `b`.
    ///
    /// # Safety
    /// As for [`run_blocks`](Loops::run_blocks).
    pub(super) unsafe fn run_streamed<I: Lanes<T>>(
        &self,
        isa: I,
        rows: Range<usize>,
        columns: Range<usize>,
        blocks: Range<usize>,
        b: &Place<T>,
    ) {
        let (r, lanes, depth) = (rows.len(), I::V::LANES, Depth::new::<T>(self.depth));
        let tile = I::TILE.1 * lanes;
        let strip = (STRIP / (r * size_of::<T>()) / tile).max(1) * tile;
        let mut sums = Buffer::<T>::stale(r * strip.min(columns.len()).next_multiple_of(lanes));
        let mut room = Buffer::<T>::stale(r * depth.block(0).len() + lanes);
        for strip in columns.clone().step_by(strip).map(|j| j..(j + strip).min(columns.end)) {
            for index in blocks.clone() {
                let (block, width) = (depth.block(index), strip.len().next_multiple_of(lanes));
                // Few numbers, which all strips would look for again in rows or columns that lie far apart.
                let a = match &self.a {
                    Source::Packed(panels) => panels.panel(rows.start, &block),
                    Source::Fresh(a) | Source::Far(a) => {
                        a.pack(isa, rows.clone(), block.clone(), r, room.make_mut());
                        room.as_slice().as_ptr()
                    }
                };
                let sums = sums.make_mut();
                assert!(r * width <= sums.len());
                let strip_of_b = Strip {
                    a,
                    b: b.at(strip.start, block.start),
                    b_step: b.step_stride,
                    depth: block.len(),
                    columns: strip.len(),
                    sums: sums.as_mut_ptr(),
                    width,
                };
                // SAFETY: the caller promises the rectangle, an `Operand` vouches for its place; A was packed for these rows and this k,
                // and there is room for the sums of each row.
                unsafe { add_up(isa, r, strip_of_b) };
                for j in strip.clone().step_by(tile) {
                    let count = tile.min(strip.end - j);
                    let spot = Spot {
                        row: rows.start,
                        column: j,
                        rows: r,
                        columns: count,
                        block: index,
                        last: index + 1 == depth.count(),
                    };
                    let from = sums[j - strip.start..].as_ptr();
                    // SAFETY: the caller promises the rectangle.
                    unsafe {
                        self.c.take(isa, spot, |ground| {
                            isa.enter(Put { ground, from, width, rows: r, columns: count })
                        })
                    };
                }
            }
        }
    }
}

/// `R` rows of A times a strip of columns of B, over a block of k: into sums of their own, `width` numbers from row to row.
#[derive(Clone, Copy)]
struct Strip<T> {
    /// Packed: all rows of one step, then of the next.
    a: *const T,
    b: *const T,
    b_step: isize,
    depth: usize,
    columns: usize,
    sums: *mut T,
    /// Whole registers, so that the last needs no mask.
    width: usize,
}

/// # Safety
/// `a`, `b` and `sums` have the numbers that the strip says, of `rows` rows.
unsafe fn add_up<T: Float, I: Lanes<T>>(isa: I, rows: usize, strip: Strip<T>) {
    match rows {
        1 => isa.enter(Rows::<T, 1>(strip)),
        2 => isa.enter(Rows::<T, 2>(strip)),
        3 => isa.enter(Rows::<T, 3>(strip)),
        4 => isa.enter(Rows::<T, 4>(strip)),
        5 => isa.enter(Rows::<T, 5>(strip)),
        6 => isa.enter(Rows::<T, 6>(strip)),
        7 => isa.enter(Rows::<T, 7>(strip)),
        8 => isa.enter(Rows::<T, 8>(strip)),
        _ => unreachable!("at most {MOST_ROWS} rows are streamed"),
    }
}

struct Rows<T, const R: usize>(Strip<T>);

impl<T: Float, const R: usize> Kernel<T> for Rows<T, R> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let whole = self.0.depth / STEPS * STEPS;
        // SAFETY: those are the steps that there are.
        unsafe {
            (0..whole).step_by(STEPS).for_each(|k| self.steps::<I, STEPS>(isa, k));
            (whole..self.0.depth).for_each(|k| self.steps::<I, 1>(isa, k));
        }
    }
}

impl<T: Float, const R: usize> Rows<T, R> {
    /// Adds what `S` steps from `k` on give to all sums, which start with the first of them.
    ///
    /// # Safety
    /// There are so many steps, and what [`add_up`] asks for.
    #[inline(always)]
    unsafe fn steps<I: Lanes<T>, const S: usize>(&self, isa: I, k: usize) {
        let Strip { a, b, b_step, columns, sums, width, .. } = self.0;
        let zero = isa.splat(T::ZERO);
        let mut x = [[zero; R]; S];
        for s in 0..S {
            for i in 0..R {
                // SAFETY: as the caller promises.
                x[s][i] = isa.splat(unsafe { *a.add((k + s) * R + i) });
            }
        }
        let lanes = I::V::LANES;
        for j in (0..columns).step_by(lanes) {
            let count = lanes.min(columns - j);
            // SAFETY: B has `count` columns from j on, and the sums have whole registers.
            unsafe {
                let mut sum = [zero; R];
                if k > 0 {
                    for i in 0..R {
                        sum[i] = isa.load(sums.add(i * width + j));
                    }
                }
                for s in 0..S {
                    let from = b.wrapping_offset((k + s) as isize * b_step).wrapping_add(j);
                    let y = if count == lanes { isa.load(from) } else { isa.load_first(count, from) };
                    for i in 0..R {
                        sum[i] = x[s][i].mul_add(y, sum[i]);
                    }
                }
                for i in 0..R {
                    sum[i].store(sums.add(i * width + j));
                }
            }
        }
    }
}

/// Brings complete sums to a tile's ground, as [`Tile::put`](super::tile::Tile::put) does.
struct Put<T> {
    ground: Ground<T>,
    from: *const T,
    width: usize,
    rows: usize,
    columns: usize,
}

impl<T: Float> Kernel<T> for Put<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { ground: Ground { c, row_stride, scale, add, .. }, from, width, rows, columns } = self;
        let bare = !add && scale == T::ONE;
        let scale = isa.splat(scale);
        for i in 0..rows {
            for j in (0..columns).step_by(I::V::LANES) {
                let count = I::V::LANES.min(columns - j);
                // SAFETY: there are whole registers of sums; the ground is for so many rows and columns.
                unsafe {
                    let mut x = isa.load(from.add(i * width + j));
                    let to = c.offset(i as isize * row_stride).add(j);
                    if !bare {
                        x = x.mul_add(scale, isa.load_first(if add { count } else { 0 }, to));
                    }
                    x.store_first(count, to);
                }
            }
        }
    }
}
