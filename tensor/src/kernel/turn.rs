//! Turning: a rectangle of a matrix read along its rows and written along its columns, a square of registers at a time.

use crate::Float;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};

/// `to[j * to_stride + i] = from[i * from_stride + j]` for `rows` i and `columns` j. Numbers from `rows` to `fill` may be
/// overwritten with repetitions of the others. It runs once it is [`valid`](Turn::valid).
pub(crate) struct Turn<T> {
    pub(crate) from: *const T,
    pub(crate) from_stride: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) to: *mut T,
    pub(crate) to_stride: isize,
    pub(crate) fill: usize,
    /// How far behind each number lies one that will be wanted soon; 0 for none.
    pub(crate) ahead: isize,
}

impl<T> Turn<T> {
    /// The same for elements that are taken for others of the same size.
    pub(super) fn cast<U>(self) -> Turn<U> {
        let Self { from, from_stride, rows, columns, to, to_stride, fill, ahead } = self;
        Turn { from: from.cast(), from_stride, rows, columns, to: to.cast(), to_stride, fill, ahead }
    }
}

/// A turn whose places are there.
pub(crate) struct Valid<T>(Turn<T>);

impl<T> Turn<T> {
    /// # Safety
    /// All those numbers can be read and written, and at each `to[j * to_stride]` `fill` numbers, at least `rows`, until it
    /// has run.
    #[inline(always)]
    pub(crate) unsafe fn valid(self) -> Valid<T> {
        Valid(self)
    }
}

impl<T: Float> Kernel<T> for Valid<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Turn { from, from_stride, rows, columns, to, to_stride, fill, ahead } = self.0;
        let lanes = I::V::LANES;
        for j in (0..columns).step_by(lanes) {
            let wide = lanes.min(columns - j);
            for i in (0..rows).step_by(lanes) {
                let high = lanes.min(rows - i);
                // Rows that do not exist repeat the last: whatever comes of them is written nowhere, or where it may.
                let row = |k: usize| (i + k.min(high - 1)) as isize * from_stride + j as isize;
                let mut square = [isa.splat(T::ZERO); MOST_LANES];
                for (k, x) in square[..lanes].iter_mut().enumerate() {
                    let from = from.wrapping_offset(row(k));
                    // One strip ahead. On the Zen 5 of `docs/performance.md` a transposing copy of 1000 x 1000 takes 95 us without and 93 with
                    // (builds differ by more); the product 64x512x784t runs at 236 Gflop/s, at 229 without this and a tile's C.
                    if ahead != 0 {
                        isa.prefetch(from.wrapping_offset(ahead));
                    }
                    // SAFETY: `wide` numbers of a row that exists.
                    *x = unsafe { isa.load_first(wide, from) };
                }
                I::V::turn(&mut square[..lanes]);
                let count = lanes.min(fill - i);
                for (k, x) in square[..lanes].iter().enumerate() {
                    if k < wide {
                        // SAFETY: `count` numbers may be written in each column that exists.
                        unsafe {
                            let to = to.offset((j + k) as isize * to_stride).add(i);
                            x.store_first(count, to);
                        }
                    }
                }
            }
        }
    }
}
