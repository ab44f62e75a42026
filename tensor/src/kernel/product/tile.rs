//! The micro-kernel: one tile of C, held in registers while a run of k passes by.

// Rows and registers are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use crate::Float;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};

/// The most rows and the most registers a row that any instruction set may ask for.
pub(super) const MOST_ROWS: usize = 14;
const MOST_VECTORS: usize = 4;

/// Room for the largest tile of any instruction set: 14 rows of two AVX-512 registers of `f32`.
pub(crate) const TILE_ROOM: usize = MOST_ROWS * 32;

/// A tile's operands: `C[i][j] = scale * sum over k of A[i][k] B[k][j]`, plus the old `C[i][j]` if `add`.
///
/// One sum is one chain of fused multiply-adds over ascending k that starts at zero, whatever the tile's size: that is
/// what makes results independent of how C was cut.
pub(super) struct Tile<T> {
    /// `A[0][0]`; the next row is `a_lane` numbers on, the next k `a_step`.
    pub(super) a: *const T,
    pub(super) a_lane: isize,
    pub(super) a_step: isize,
    /// `B[0][0]`; the next k is `b_step` numbers on, the next column is the next number.
    pub(super) b: *const T,
    pub(super) b_step: isize,
    /// `C[0][0]`; the next row is `c_row` numbers on.
    pub(super) c: *mut T,
    pub(super) c_row: isize,
    /// How many k.
    pub(super) depth: usize,
    /// Columns of the last register that exist: 1 to all.
    pub(super) last: usize,
    pub(super) scale: T,
    pub(super) add: bool,
}

/// A micro-kernel for some number of rows and registers.
///
/// # Safety
/// Calling it: the tile's pointers are valid for the elements that its fields say, `c` for writing.
pub(super) type Micro<I, T> = unsafe fn(I, &Tile<T>);

/// `R` rows of `V` registers. `PACKED`: A and B lie in panels (`a_lane` is 1, `a_step` is `R`, `b_step` is `V` whole
/// registers), so that all addresses are constants from two pointers; otherwise anywhere, and the
/// last register of a row of B is read under a mask.
struct Registers<'a, T, const R: usize, const V: usize, const PACKED: bool>(&'a Tile<T>);

impl<T: Float, const R: usize, const V: usize, const PACKED: bool> Kernel<T>
    for Registers<'_, T, R, V, PACKED>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = self.0;
        let lanes = I::V::LANES;
        let (a_lane, a_step, b_step) = if PACKED {
            (1, R as isize, (V * lanes) as isize)
        } else {
            (tile.a_lane, tile.a_step, tile.b_step)
        };
        let zero = isa.splat(T::ZERO);
        let mut sums = [[zero; V]; R];
        if tile.add {
            // C is on its way into the cache while the sums are computed.
            for i in 0..R {
                for v in 0..V {
                    let old = tile.c.wrapping_offset(i as isize * tile.c_row).wrapping_add(v * lanes);
                    // SAFETY: the first number of a register that exists.
                    unsafe { old.read_volatile() };
                }
            }
        }
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            // SAFETY: `Micro` promises A for R rows and `depth` k, and B for `depth` k and the columns that exist (all
            // of them where the panel is padded); the pointers are moved, not read, past the last k.
            unsafe {
                let mut row = [zero; V];
                for v in 0..V {
                    let from = b.add(v * lanes);
                    row[v] =
                        if PACKED || v + 1 < V { isa.load(from) } else { isa.load_first(tile.last, from) };
                }
                for i in 0..R {
                    let x = isa.splat(*a.offset(i as isize * a_lane));
                    for v in 0..V {
                        sums[i][v] = x.mul_add(row[v], sums[i][v]);
                    }
                }
                a = a.wrapping_offset(a_step);
                b = b.wrapping_offset(b_step);
            }
        }
        let scale = isa.splat(tile.scale);
        // Three loops rather than a branch a register; multiplying by one is exact, so the first equals the second.
        if tile.add {
            // SAFETY: C is valid for R rows and the columns that exist; `each` asks for nothing else.
            unsafe {
                each::<T, I, R, V>(tile, |i, v, to, count| {
                    let old = if count == lanes { isa.load(to) } else { isa.load_first(count, to) };
                    sums[i][v].mul_add(scale, old)
                });
            }
        } else if tile.scale == T::ONE {
            // SAFETY: as above.
            unsafe { each::<T, I, R, V>(tile, |i, v, _, _| sums[i][v]) };
        } else {
            // SAFETY: as above.
            unsafe { each::<T, I, R, V>(tile, |i, v, _, _| sums[i][v] * scale) };
        }
    }
}

/// Stores `value(row, register, place, count)` in every register of C.
///
/// # Safety
/// C is valid for writing `R` rows of the columns that exist.
#[inline(always)]
unsafe fn each<T: Float, I: Lanes<T>, const R: usize, const V: usize>(
    tile: &Tile<T>,
    value: impl Fn(usize, usize, *mut T, usize) -> I::V,
) {
    let lanes = I::V::LANES;
    for i in 0..R {
        for v in 0..V {
            // SAFETY: register v of row i lies inside C, by the promise above.
            unsafe {
                let to = tile.c.offset(i as isize * tile.c_row).add(v * lanes);
                if v + 1 < V || tile.last == lanes {
                    value(i, v, to, lanes).store(to);
                } else {
                    value(i, v, to, tile.last).store_first(tile.last, to);
                }
            }
        }
    }
}

/// # Safety
/// As [`Micro`] says.
unsafe fn enter<T: Float, I: Lanes<T>, const R: usize, const V: usize, const PACKED: bool>(
    isa: I,
    tile: &Tile<T>,
) {
    isa.enter(Registers::<T, R, V, PACKED>(tile));
}

/// The micro-kernel for `rows` x `vectors` registers; both at least 1 and at most what [`Lanes::TILE`] says.
pub(super) fn micro<T: Float, I: Lanes<T>>(rows: usize, vectors: usize, packed: bool) -> Micro<I, T> {
    const {
        assert!(I::TILE.0 <= MOST_ROWS && I::TILE.1 <= MOST_VECTORS);
        assert!(I::TILE.0 * I::TILE.1 * I::V::LANES <= TILE_ROOM);
    }
    // The conditions are constants: kernels larger than the tile of the instruction set are never compiled.
    macro_rules! choose {
        ($($r:literal)*) => {
            match rows {
                $($r if const { $r <= I::TILE.0 } => choose!(@vectors $r, 1 2 3 4),)*
                _ => unreachable!("a tile has at most {} rows", I::TILE.0),
            }
        };
        (@vectors $r:literal, $($v:literal)*) => {
            match vectors {
                $($v if const { $v <= I::TILE.1 } => {
                    if packed { enter::<T, I, $r, $v, true> } else { enter::<T, I, $r, $v, false> }
                })*
                _ => unreachable!("a row has at most {} registers", I::TILE.1),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}
