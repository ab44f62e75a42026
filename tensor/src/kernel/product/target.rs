//! Where finished tiles go.

use super::finish::Finish;
use super::tile::TILE_ROOM;
use super::{Bias, Epilogue};
use crate::Float;
use crate::kernel::turn::Turn;
use crate::parallel::Shared;
use crate::simd::{Lanes, Vector};
use core::mem::MaybeUninit;

/// A tile's place in C, and which part of k it is.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Which block of k: before the first, 0, C holds nothing. Whether it is the last: then C gets its epilogue.
    pub(crate) block: usize,
    pub(crate) last: bool,
}

/// Where the micro-kernel is to write, and how.
pub(crate) struct Ground<T> {
    pub(crate) c: *mut T,
    pub(crate) row_stride: isize,
    pub(crate) scale: T,
    pub(crate) add: bool,
    /// Whether it is a place of the target's own, in the first-level cache.
    pub(crate) near: bool,
}

/// Something that takes tiles of C.
pub(crate) trait Target<T: Float>: Shared {
    /// Whether tiles must come row by row, each over all the columns that the second level holds: what overlapping tiles are
    /// added to is then added to in the order of the rows, wherever panels begin.
    const BY_ROWS: bool = false;

    /// Calls `compute` once with a ground for the tile at `spot`, and brings the result where it belongs.
    ///
    /// # Safety
    /// The spot lies inside C; no other thread has it at the same time; `compute` writes the tile and nothing else.
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>));
}

/// A pointer that several threads may hold because each writes a different part of what it points to.
#[derive(Clone, Copy)]
pub(crate) struct Disjoint<T>(pub(crate) *mut T);

impl<T> Disjoint<T> {
    /// The place `by` numbers further on.
    pub(crate) fn at(&self, by: usize) -> Self {
        Self(self.0.wrapping_add(by))
    }
}

// SAFETY: a promise of whoever shares it: see the users of this type, who cut C into parts.
unsafe impl<T: Send> Send for Disjoint<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Disjoint<T> {}

/// C row by row: tiles are computed where they belong.
#[derive(Clone, Copy)]
pub(crate) struct RowMajor<'a, T> {
    pub(crate) c: Disjoint<T>,
    pub(crate) row_stride: usize,
    /// How far on each further block of k has a C of its own, to be added up later; 0 where it is added to C at once.
    pub(crate) apart: usize,
    pub(crate) epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Target<T> for RowMajor<'_, T> {
    #[inline(always)]
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>)) {
        let Epilogue { accumulate, scale, .. } = *self.epilogue;
        let c = self.c.at(spot.row * self.row_stride + spot.column + spot.block * self.apart).0;
        let row_stride = self.row_stride as isize;
        let add = accumulate || spot.block > 0 && self.apart == 0;
        compute(Ground { c, row_stride, scale, add, near: false });
        if spot.last {
            let Spot { row, column, rows, columns, .. } = spot;
            // SAFETY: the tile lies inside C; `Epilogue::check` has seen that the bias is long enough.
            unsafe {
                Finish { c, row_stride, row, column, rows, columns, epilogue: self.epilogue }.apply(isa);
            }
        }
    }
}

/// C column by column, for products that are computed as `C^T = B^T A^T`: tiles are turned on their way.
///
/// The epilogue is that of the turned product: its row bias is what the caller called column bias.
#[derive(Clone, Copy)]
pub(crate) struct ColumnMajor<'a, T> {
    pub(crate) c: Disjoint<T>,
    pub(crate) column_stride: usize,
    pub(crate) epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Target<T> for ColumnMajor<'_, T> {
    #[inline(always)]
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>)) {
        let Epilogue { accumulate, scale, .. } = *self.epilogue;
        let Spot { row, column, rows, columns, .. } = spot;
        let width = columns.next_multiple_of(I::V::LANES);
        let mut tile = MaybeUninit::<[T; TILE_ROOM]>::uninit();
        let c = tile.as_mut_ptr().cast::<T>();
        // Column j of the tile lies side by side in C.
        let ours = self.c.at(column * self.column_stride + row).0;
        let (down, across) = (width as isize, self.column_stride as isize);
        let add = accumulate || spot.block > 0;
        if add {
            let (from, to) = (ours, c);
            let (from_stride, to_stride, fill) = (across, down, width);
            let turn =
                Turn { from, from_stride, rows: columns, columns: rows, to, to_stride, fill, ahead: 0 };
            // SAFETY: the spot lies inside C and is ours; the tile has room for it, whole registers to a row.
            isa.enter(unsafe { turn.valid() });
        }
        compute(Ground { c, row_stride: width as isize, scale, add, near: true });
        if spot.last {
            // SAFETY: the tile has room for the spot; `Epilogue::check` has seen that the bias is long enough.
            unsafe {
                Finish { c, row_stride: width as isize, row, column, rows, columns, epilogue: self.epilogue }
                    .apply(isa);
            }
        }
        let (from_stride, to_stride, to) = (down, across, ours);
        let turn = Turn { from: c, from_stride, rows, columns, to, to_stride, fill: rows, ahead: 0 };
        // SAFETY: as above, and no more than the spot is written.
        isa.enter(unsafe { turn.valid() });
    }
}

impl<'a, T: Float> Epilogue<'a, T> {
    /// The epilogue of the turned product.
    pub(super) fn turned(&self) -> Self {
        let bias = match self.bias {
            Bias::None => Bias::None,
            Bias::Row(bias) => Bias::Column(bias),
            Bias::Column(bias) => Bias::Row(bias),
        };
        Self { bias, ..*self }
    }
}
