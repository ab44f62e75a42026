//! The micro-kernel: one tile of C, held in registers while a run of k passes by.

// Rows and registers are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use super::{Run, four, single};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, SMALL};

/// The most rows and the most registers a row that any instruction set may ask for.
pub(super) const MOST_ROWS: usize = 12;
const MOST_VECTORS: usize = 4;

/// Room for the largest tile of any instruction set: 12 rows of two AVX-512 registers of `f32`.
pub(crate) const TILE_ROOM: usize = MOST_ROWS * 32;

/// A tile's operands: `C[i][j] = scale * sum over k of A[i][k] B[k][j]`, plus the old `C[i][j]` if `add`.
///
/// One sum is one chain of fused multiply-adds over ascending k that starts at zero, whatever the tile's size: that is
/// what makes results independent of how C was cut.
pub(super) struct Tile<T> {
    /// `A[i][0]` for every third row i. Every third, because an address may add a register once or twice to another:
    /// from one pointer alone each row's address would wait for the last row's, which takes as long as the arithmetic.
    pub(super) a: [*const T; MOST_ROWS.div_ceil(3)],
    /// How far it is in A to the next row where k lies side by side ([`Rows::Along`]), else to the next k.
    pub(super) a_step: isize,
    /// `B[0][0]`; the next k is `b_step` numbers on, the next column is the next number. (Or the other way round: see
    /// [`lying`](super::lying).)
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
    /// Whether C lies in the first-level cache.
    pub(super) near: bool,
}

/// How a tile's rows of A lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Each row's k side by side.
    Along,
    /// Each k's rows side by side: a packed panel, or a transposed matrix.
    Across,
}

/// A micro-kernel for some number of rows and registers.
///
/// # Safety
/// Calling it: the tile's pointers are valid for the elements that its fields say, `c` for writing.
pub(super) type Micro<I, T> = unsafe fn(I, &Tile<T>);

/// `R` rows of `V` registers. `ALONG`: see [`Rows`]. `WHOLE`: the last register of each row of B may be read as a whole;
/// otherwise under a mask.
struct Registers<'a, T, const R: usize, const V: usize, const ALONG: bool, const WHOLE: bool>(&'a Tile<T>);

/// Steps of k that one turn of the loop takes: what counts turns and moves pointers competes with the arithmetic. In WebAssembly
/// one: of several steps, the compilers on the way to the machine load all numbers first, and run out of registers.
const STEPS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

impl<T: Float, const R: usize, const V: usize, const ALONG: bool, const WHOLE: bool> Kernel<T>
    for Registers<'_, T, R, V, ALONG, WHOLE>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = self.0;
        let lanes = I::V::LANES;
        let zero = isa.splat(T::ZERO);
        // C is on its way into the cache while the sums are computed. On the Zen 5 of `docs/performance.md` the processor does as well
        // alone (1024^3 and 256x784x512: 248 and 252 Gflop/s either way); on the Intel one reads in the end held up what followed.
        if !tile.near {
            for i in 0..R {
                for v in 0..V {
                    isa.prefetch(tile.c.wrapping_offset(i as isize * tile.c_row).wrapping_add(v * lanes));
                }
            }
        }
        let mut sums = [[zero; V]; R];
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth / STEPS {
            // SAFETY: there are so many k left.
            unsafe { self.steps(isa, STEPS, &mut a, &mut b, &mut sums) };
        }
        for _ in 0..tile.depth % STEPS {
            // SAFETY: as above.
            unsafe { self.steps(isa, 1, &mut a, &mut b, &mut sums) };
        }
        // SAFETY: C is valid for R rows and the columns that exist.
        unsafe { tile.put(isa, sums) };
    }
}

impl<T: Float> Tile<T> {
    /// Writes the sums of `V` registers of `R` rows where they belong.
    ///
    /// # Safety
    /// C is valid for so many rows, and the columns that exist.
    #[inline(always)]
    pub(super) unsafe fn put<I: Lanes<T>, const R: usize, const V: usize>(
        &self,
        isa: I,
        mut sums: [[I::V; V]; R],
    ) {
        let lanes = I::V::LANES;
        // As a rule the sums are C: nothing is fetched or multiplied any more.
        let bare = !self.add && self.scale == T::ONE;
        let scale = isa.splat(self.scale);
        for i in 0..R {
            for v in 0..V {
                // SAFETY: as the caller promises.
                unsafe {
                    let to = self.c.offset(i as isize * self.c_row).add(v * lanes);
                    let count = if v + 1 < V { lanes } else { self.last };
                    if !bare {
                        // Of no lanes at all where nothing is to be added: the zeros that come instead change no sum.
                        let old = isa.load_first(if self.add { count } else { 0 }, to);
                        sums[i][v] = sums[i][v].mul_add(scale, old);
                    }
                    if v + 1 < V { sums[i][v].store(to) } else { sums[i][v].store_first(count, to) }
                }
            }
        }
    }
}

impl<T: Float, const R: usize, const V: usize, const ALONG: bool, const WHOLE: bool>
    Registers<'_, T, R, V, ALONG, WHOLE>
{
    /// Takes `count` steps of k and moves the pointers on.
    ///
    /// # Safety
    /// The pointers are valid for so many steps of `R` rows of A, and of the columns of B that exist, or of all columns
    /// of each register where they are read as a whole.
    #[inline(always)]
    unsafe fn steps<I: Lanes<T>>(
        &self,
        isa: I,
        count: usize,
        a: &mut [*const T; MOST_ROWS.div_ceil(3)],
        b: &mut *const T,
        sums: &mut [[I::V; V]; R],
    ) {
        let tile = self.0;
        let count = count as isize;
        for k in 0..count {
            let mut row = [isa.splat(T::ZERO); V];
            for v in 0..V {
                let from = b.wrapping_offset(k * tile.b_step).wrapping_add(v * I::V::LANES);
                // SAFETY: as the caller promises.
                row[v] = unsafe {
                    if WHOLE || v + 1 < V { isa.load(from) } else { isa.load_first(tile.last, from) }
                };
            }
            for i in 0..R {
                let at = if ALONG {
                    a[i / 3].wrapping_offset((i % 3) as isize * tile.a_step + k)
                } else {
                    a[0].wrapping_offset(k * tile.a_step + i as isize)
                };
                // SAFETY: as the caller promises.
                let x = isa.splat(unsafe { *at });
                for v in 0..V {
                    sums[i][v] = x.mul_add(row[v], sums[i][v]);
                }
            }
        }
        // Moved, not read, past the last k.
        for a in a {
            *a = a.wrapping_offset(if ALONG { count } else { count * tile.a_step });
        }
        *b = b.wrapping_offset(count * tile.b_step);
    }
}

/// # Safety
/// As [`Micro`] says.
unsafe fn enter<
    T: Float,
    I: Lanes<T>,
    const R: usize,
    const V: usize,
    const ALONG: bool,
    const WHOLE: bool,
>(
    isa: I,
    tile: &Tile<T>,
) {
    if SMALL {
        // SAFETY: as the caller promises; there is one lane, so each register is a column.
        return unsafe { looped(tile, R, V, ALONG) };
    }
    isa.enter(Registers::<T, R, V, ALONG, WHOLE>(tile));
}

/// As [`Registers`] of one lane, in memory and not in registers: tiles of all sizes share its code.
///
/// # Safety
/// As [`Micro`] says, for `rows` and `columns`.
#[inline(never)]
unsafe fn looped<T: Float>(tile: &Tile<T>, rows: usize, columns: usize, along: bool) {
    let put = |sum: T, to: *mut T| {
        // SAFETY: as the caller promises: C has the rows and columns below.
        unsafe {
            let bare = !tile.add && tile.scale == T::ONE;
            let old = if tile.add { *to } else { T::ZERO };
            to.write(if bare { sum } else { sum.mul_add(tile.scale, old) });
        }
    };
    for i in 0..rows {
        let (a, a_step) = if along {
            (tile.a[i / 3].wrapping_offset((i % 3) as isize * tile.a_step), 1)
        } else {
            (tile.a[0].wrapping_add(i), tile.a_step)
        };
        let mut j = 0;
        while j < columns {
            let run = Run { a, b: tile.b.wrapping_add(j), a_step, b_step: tile.b_step };
            let to = tile.c.wrapping_offset(i as isize * tile.c_row).wrapping_add(j);
            if j + 4 <= columns {
                // SAFETY: as the caller promises: there is a row of A, and there are these columns of B.
                let sums = unsafe { four(run, tile.depth) };
                sums.iter().enumerate().for_each(|(n, &sum)| put(sum, to.wrapping_add(n)));
                j += 4;
            } else {
                // SAFETY: as above.
                put(unsafe { single(run, tile.depth) }, to);
                j += 1;
            }
        }
    }
}

/// The micro-kernel for `rows` x `vectors` registers; both at least 1 and at most what [`Lanes::TILE`] says. `whole`
/// where the last register of each row of B may be read as a whole.
pub(super) fn micro<T: Float, I: Lanes<T>>(
    rows: usize,
    vectors: usize,
    lying: Rows,
    whole: bool,
) -> Micro<I, T> {
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
                // A register of one lane is whole.
                $($v if const { $v <= I::TILE.1 } => match (lying, whole) {
                    (Rows::Along, false) if const { I::V::LANES > 1 } => enter::<T, I, $r, $v, true, false>,
                    (Rows::Across, false) if const { I::V::LANES > 1 } => enter::<T, I, $r, $v, false, false>,
                    (Rows::Along, _) => enter::<T, I, $r, $v, true, true>,
                    (Rows::Across, _) => enter::<T, I, $r, $v, false, true>,
                },)*
                _ => unreachable!("a row has at most {} registers", I::TILE.1),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;
    use alloc::vec::Vec;

    /// Microcontrollers have the bits of the scalar path.
    #[test]
    fn tiles_in_memory_have_the_bits_of_tiles_in_registers() {
        const DEPTH: usize = 21;
        let number = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 17.0;
        let (a, b): (Vec<f32>, Vec<f32>) = ((0..200).map(number).collect(), (200..400).map(number).collect());
        for (rows, columns) in (1..=4).flat_map(|rows| (1..=4).map(move |columns| (rows, columns))) {
            for (lying, a_step) in [(Rows::Along, DEPTH), (Rows::Across, rows)] {
                for (add, scale) in [(false, 1.0), (true, 1.0), (false, 0.3), (true, -1.7)] {
                    let thirds = if lying == Rows::Along { 3 * a_step } else { 3 };
                    let tile = |c: &mut Vec<f32>| Tile {
                        a: core::array::from_fn(|i| a.as_ptr().wrapping_add(i * thirds)),
                        a_step: a_step as isize,
                        b: b.as_ptr(),
                        b_step: columns as isize,
                        c: c.as_mut_ptr(),
                        c_row: 5,
                        depth: DEPTH,
                        last: 1,
                        scale,
                        add,
                        near: true,
                    };
                    let old: Vec<f32> = (400..420).map(number).collect();
                    let (mut by_registers, mut by_loops) = (old.clone(), old);
                    // SAFETY: A and B have more numbers than 4 rows and columns of that depth, C has 4 rows of 5.
                    unsafe {
                        micro::<f32, Scalar>(rows, columns, lying, true)(Scalar, &tile(&mut by_registers));
                        looped(&tile(&mut by_loops), rows, columns, lying == Rows::Along);
                    }
                    assert_eq!(by_loops, by_registers, "{rows} x {columns}, {add}, {scale}");
                }
            }
        }
    }
}
