//! Winograd's minimal filtering for windows of 3 x 3 at step 1 (Lavin & Gray 2016, "Fast algorithms for convolutional neural
//! networks", section 4.1: F(2x2, 3x3)): 16 multiplications where the definition has 36.
//!
//! A tile of 2 x 2 outputs sees 4 x 4 numbers `d` of each channel. With
//!
//! ```text
//!       1  0 -1  0         1    0    0          1  1  1  0
//! B^T = 0  1  1  0    G = 1/2  1/2  1/2   A^T = 0  1 -1 -1
//!       0 -1  1  0        1/2 -1/2  1/2
//!       0  1  0 -1         0    0    1
//! ```
//!
//! the tile is `A^T (sum over channels of (G g G^T) * (B^T d B)) A`, where `*` multiplies place by place: for each of the 16 places
//! a product `[outputs, channels] [channels, tiles]`, which is what takes the time.
//! The gradient of the weights, `F(3x3, 2x2)`, is the transpose of that: from the cotangent `y` of a tile,
//! `G^T (sum over tiles of (A y A^T) * (B^T d B)) G`.
//!
//! # What it costs in accuracy
//!
//! Transforms only add and halve, but numbers of one tile meet in them, and so do those of one window. So the error of an output is
//! measured against the sum over channels of the largest `|x|` that its tile sees times the largest `|w|` of the window, while the
//! error of the definition is measured against its own sum of `|x| |w|`: where numbers in a tile differ by orders of magnitude, a
//! small output beside a large one loses digits that the definition keeps. No error found was larger than 2 roundings of
//! that sum (see `winograds_error_is_bounded`). Where numbers are alike, errors are on average as large as the definition's, for its
//! chains of sums are nine times as long: 0.8 times for 16 channels, 1.1 for 64, 1.7 for 256.
//!
//! An element of the weights' gradient is measured against the sum over tiles of the largest `|x|` that the tile sees times the
//! largest `|dy|` in it: no error found was larger than one rounding of that. On average it is up to four times the definition's (see
//! `winograds_error_of_weights_is_bounded`).
//!
//! A NaN or an infinity would spread over its tile, and numbers near the largest would overflow: samples and weights that hold such are
//! convolved by the definition, and a gradient of weights in which such a number takes part is summed by it; of several cotangents of
//! one image each goes its own way.

// Registers are counted, for the counts are what the compiler unrolls; `array::from_fn` would be compiled for the baseline.
#![allow(clippy::needless_range_loop)]

mod forward;
mod weights;

use super::Conv;
use super::stage::Stage;
use crate::kernel::product::operand::LINE;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, Window, parallel};
use core::ops::Range;

/// Places of a transformed tile.
const PLACES: usize = 16;

/// Channels, and outputs, from which on products take so much longer than transforms that it pays: in large images and in small
/// ones, whose rows fill fewer lanes. Samples must not count: what one gives does not depend on how many there are.
const ENOUGH: [usize; 2] = [16, 64];
/// Pixels from which on an image is large, and from which on it is worth transforming the weights for.
const PIXELS: [usize; 2] = [400, 100];

impl Conv {
    /// Whether this is a convolution for which Winograd's algorithm pays. One number at a time it is not taken: what the scalar
    /// path gives is what small devices give, which have no room for two algorithms.
    pub(super) fn is_for_winograd<T: Float, I: Lanes<T>>(&self) -> bool {
        I::V::LANES > 1 && self.is_for_tiles()
    }

    /// The same as far as sizes go.
    pub(super) fn is_for_tiles(&self) -> bool {
        let Window { kernel, stride, dilation, .. } = self.window;
        kernel == [3, 3]
            && stride == [1, 1]
            && dilation == [1, 1]
            && self.pixels() >= PIXELS[1]
            && self.channels_each().min(self.outputs_each()) >= ENOUGH[usize::from(self.pixels() < PIXELS[0])]
            && self.channels_each() < MOST_CHANNELS
    }

    /// The same with so much padding that all tiles are whole.
    fn tiled(&self) -> Conv {
        let mut tiled = *self;
        for axis in 0..2 {
            tiled.window.pad[axis][1] += self.output[axis] % 2;
        }
        tiled
    }
}

/// The largest number, of `f32` and of `f64`, with which no sum of products over [`MOST_CHANNELS`] can overflow: it may be 81 times as
/// many products of two.
fn limit<T: Float>() -> T {
    T::from_f64(if size_of::<T>() == 4 { (1u64 << 48) as f64 } else { 1e140 })
}

/// So many channels and more are left to the definition.
const MOST_CHANNELS: usize = 1 << 24;

/// So many numbers are looked at by one thread.
const SEEN_AT_ONCE: usize = 1 << 15;

/// Whether all numbers are finite and none is too large; looked at by all threads.
pub(super) fn all_tame<T: Float, I: Lanes<T>>(isa: I, numbers: &[T]) -> bool {
    let mut tame = Buffer::<u8>::zeros(numbers.len().div_ceil(SEEN_AT_ONCE));
    parallel::for_each_piece(tame.make_mut(), 1, |piece, tame| {
        let rest = &numbers[piece * SEEN_AT_ONCE..];
        tame[0] = u8::from(isa.enter(Tame(&rest[..SEEN_AT_ONCE.min(rest.len())])));
    });
    tame.as_slice().iter().all(|&tame| tame == 1)
}

/// The same for few numbers, or on one of several threads that are at work.
struct Tame<'a, T>(&'a [T]);

impl<T: Float> Kernel<T> for Tame<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> bool {
        let Self(numbers) = self;
        let lanes = I::V::LANES;
        let (limit, zero, one) = (isa.splat(limit()), isa.splat(T::ZERO), isa.splat(T::ONE));
        let mut wild = zero;
        let mut i = 0;
        while i < numbers.len() {
            let count = (numbers.len() - i).min(lanes);
            // SAFETY: so many numbers are left.
            let x = unsafe { isa.load_first(count, numbers.as_ptr().add(i)) };
            // NaN is not below anything.
            wild = I::V::select(limit.ge(&x.abs()), wild, one);
            i += count;
        }
        wild.largest() == T::ZERO
    }
}

/// How a convolution is cut into tiles, and where they lie.
struct Tiles {
    stage: Stage,
    channels: usize,
    /// Tiles from left to right.
    across: usize,
    /// Tiles that are multiplied at a time.
    block: usize,
}

impl Tiles {
    fn new(conv: &Conv, block: usize) -> Self {
        let (stage, across) = (Stage::by_pixels(&conv.tiled()), conv.output[1].div_ceil(2));
        Self { stage, channels: conv.channels_each(), across, block }
    }

    /// Tiles from top to bottom.
    fn down(conv: &Conv) -> usize {
        conv.output[0].div_ceil(2)
    }

    /// An empty stage. Registers begin at a tile and reach beyond the last one.
    fn stage<T: Float>(&self) -> Buffer<T> {
        Buffer::zeros(self.stage.len() + 2 * MOST_LANES)
    }

    /// Numbers from what is transformed of one place to that of the next, for so many rows of a block: a line more than there
    /// are, so that places do not fall into the same sets of the cache.
    fn place<T>(&self, rows: usize) -> usize {
        rows * self.block + LINE / size_of::<T>()
    }

    /// The tiles of a block in runs that lie side by side and fill at most a register: the row and column of the first, how many,
    /// and their place in the block.
    #[inline(always)]
    fn runs(&self, block: &Range<usize>, lanes: usize, mut each: impl FnMut([usize; 2], usize, usize)) {
        let mut tile = block.start;
        while tile < block.end {
            let (i, j) = (tile / self.across, tile % self.across);
            let count = lanes.min(self.across - j).min(block.end - tile);
            each([i, j], count, tile - block.start);
            tile += count;
        }
    }
}

/// `B^T d B` of a block of tiles of all channels, lanes along the tiles.
struct Forth<'a, T: Float> {
    on: &'a Tiles,
    stage: &'a [T],
    /// `[place, channel, tile]`.
    tiles: &'a mut [T],
    block: Range<usize>,
}

impl<T: Float> Kernel<T> for Forth<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, stage, tiles, block } = self;
        let (lanes, row, place) = (I::V::LANES, on.stage.row(), on.place::<T>(on.channels));
        let zero = isa.splat(T::ZERO);
        assert!(
            block.len() <= on.block
                && tiles.len() >= PLACES * place
                && stage.len() >= on.stage.len() + 2 * lanes
        );
        on.runs(&block, lanes, |[i, j], count, at| {
            for c in 0..on.channels {
                // SAFETY: the stage holds four rows from row 2i of each channel on and two columns more than tiles need; what
                // registers read beyond lies on the next row, or in the two registers behind the last. Each place has room for
                // the block's tiles of each channel.
                unsafe {
                    let from = stage.as_ptr().add(on.stage.place(c, 2 * i) + 2 * j);
                    let to = tiles.as_mut_ptr().add(c * on.block + at);
                    let mut columns = [[zero; 4]; 4];
                    for r in 0..4 {
                        let from = from.add(r * row);
                        let (d0, d1) = isa.load(from).uncouple(isa.load(from.add(lanes)));
                        let (d2, d3) = isa.load(from.add(2)).uncouple(isa.load(from.add(2 + lanes)));
                        columns[r] = forth([d0, d1, d2, d3]);
                    }
                    for s in 0..4 {
                        let rows = forth([columns[0][s], columns[1][s], columns[2][s], columns[3][s]]);
                        for r in 0..4 {
                            let to = to.add((4 * r + s) * place);
                            if count == lanes { rows[r].store(to) } else { rows[r].store_first(count, to) }
                        }
                    }
                }
            }
        });
    }
}

/// `B^T d`.
#[inline(always)]
fn forth<V: Real + Copy>([a, b, c, d]: [V; 4]) -> [V; 4] {
    [a - c, b + c, c - b, b - d]
}
