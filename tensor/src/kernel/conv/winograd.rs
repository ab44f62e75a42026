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
//!
//! # What it costs in accuracy
//!
//! Transforms only add and halve, but numbers of one tile meet in them. So an output errs by up to two roundings of the largest sum of
//! `|x| |w|` in its tile (1.7 is the largest error that the test of it finds, where numbers differ by factors of a million; 0.7 where
//! they are alike), while the definition errs by roundings of its own sum. On average errors are as large as the definition's, for
//! its chains of sums are nine times as long: 0.8 times for 16 channels, 1.1 for 64, 1.7 for 256.
//! A NaN or an infinity would spread over its tile, and numbers near the largest would overflow: samples and weights that hold such are
//! convolved by the definition.

// Registers are counted, for the counts are what the compiler unrolls; and what takes a closure is compiled for no registers.
#![allow(clippy::needless_range_loop)]

use super::Conv;
use super::forward::Forward;
use super::stage::Stage;
use crate::kernel::product::Bias;
use crate::kernel::product::Epilogue;
use crate::kernel::product::finish::Finish;
use crate::kernel::product::loops::{LEVEL_1, Loops, Panels, Source};
use crate::kernel::product::operand::{LINE, Matrix, Strided};
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::kernel::turn::Turn;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, Window, parallel};
use alloc::vec::Vec;
use core::ops::Range;

/// Places of a transformed tile.
const PLACES: usize = 16;

/// Channels, and outputs, from which on products take so much longer than transforms that it pays: in large images and in small
/// ones, whose rows fill fewer lanes. Samples must not count: what one gives does not depend on how many there are.
const ENOUGH: [usize; 2] = [16, 64];
/// Pixels from which on an image is large, and from which on it is worth transforming the weights for.
const PIXELS: [usize; 2] = [400, 100];

impl Conv {
    /// Whether this is a convolution for which Winograd's algorithm pays. In a small device's flash there is no room for it.
    pub(super) fn is_for_winograd(&self) -> bool {
        let Window { kernel, stride, dilation, .. } = self.window;
        !SMALL
            && kernel == [3, 3]
            && stride == [1, 1]
            && dilation == [1, 1]
            && self.pixels() >= PIXELS[1]
            && self.channels_each().min(self.outputs_each()) >= ENOUGH[usize::from(self.pixels() < PIXELS[0])]
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

/// The largest number, of `f32` and of `f64`, for which no sum of products can overflow, whatever the number of channels.
fn limit<T: Float>() -> T {
    T::from_f64(if size_of::<T>() == 4 { (1u64 << 52) as f64 } else { 1e140 })
}

/// Whether all numbers are finite and none is too large.
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

/// What all tasks share.
struct Winograd<'a, T: Float> {
    conv: &'a Conv,
    stage: Stage,
    /// The transformed weights: those of each place, of each group.
    panels: &'a [Panels<T>],
    /// Tiles from left to right.
    across: usize,
    /// Tiles that are multiplied at a time.
    block: usize,
    /// Numbers from the transformed tiles of one place to those of the next: a line more than there are, so that places do not
    /// all fall into the same sets of the cache.
    place: usize,
    /// Numbers from the sums of one output to those of the next.
    output: usize,
}

/// Convolves by Winograd's algorithm. The sizes must be [right for it](Conv::is_for_winograd).
#[inline(never)]
pub(super) fn forward<T: Float, I: Lanes<T>>(isa: I, role: Forward<'_, T>) {
    if !isa.enter(Tame(role.w)) {
        return role.by_definition(isa);
    }
    let Forward { conv, x, w, y, bias, activation } = role;
    let tiled = conv.tiled();
    let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
    let mut weights = Buffer::stale(PLACES * outputs * channels);
    let mut panels: Vec<Option<Panels<T>>> = (0..groups * PLACES).map(|_| None).collect();
    for (w, panels) in w.chunks_exact(outputs * conv.depth()).zip(panels.chunks_exact_mut(PLACES)) {
        isa.enter(Weights { w, weights: weights.make_mut() });
        let weights = weights.as_slice();
        parallel::for_each_piece(panels, 1, |place, panels| {
            let weights = &weights[place * outputs * channels..][..outputs * channels];
            let weights = Matrix::row_major(weights, outputs, channels).by_rows();
            panels[0] = Some(Panels::of_rows(isa, &weights, outputs, channels));
        });
    }
    let panels: Vec<_> = panels.into_iter().flatten().collect();
    let width = I::TILE.1 * I::V::LANES;
    let block = width * (LEVEL_1 / 2 / (channels * width * size_of::<T>())).clamp(1, 4);
    let line = LINE / size_of::<T>();
    let winograd = Winograd {
        conv,
        stage: Stage::by_pixels(&tiled),
        panels: &panels,
        across: conv.output[1].div_ceil(2),
        block,
        place: channels * block + line,
        output: PLACES * block + line,
    };

    // A task is a run of pieces; a piece is some rows of tiles of one sample. Samples are cut only where there are too few.
    let down = conv.output[0].div_ceil(2);
    let wanted = super::tasks(conv);
    let parts = wanted.div_ceil(conv.samples.max(1)).min(down).max(1);
    let pieces = conv.samples * parts;
    let tasks = wanted.min(pieces);
    let (image, plane) = (conv.channels * conv.image(), conv.outputs * conv.pixels());
    let y = Disjoint(y.as_mut_ptr());
    parallel::for_each(tasks, |task| {
        let mut room = winograd.room();
        for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
            let (sample, part) = (piece / parts, piece % parts);
            let x = &x[sample * image..][..image];
            let y = y.at(sample * plane);
            if isa.enter(Tame(x)) {
                let rows = down * part / parts..down * (part + 1) / parts;
                // SAFETY: the rows of tiles of different pieces do not overlap, and lie in the sample's part of y, whose length
                // was checked.
                unsafe { winograd.piece(isa, x, y, rows, &mut room, bias, activation) };
            } else if part == 0 {
                // SAFETY: all tasks see that this sample is not tame, and leave all of its part of y to this one.
                let y = unsafe { core::slice::from_raw_parts_mut(y.0, plane) };
                let conv = &Conv { samples: 1, ..*conv };
                Forward { conv, x, w, y, bias, activation }.by_definition(isa);
            }
        }
    });
}

/// Where a task works.
struct Room<T: Float> {
    stage: Buffer<T>,
    /// `[place, channel, tile]`.
    tiles: Buffer<T>,
    /// `[output, place, tile]`: where a tile is transformed back, its places lie near each other.
    sums: Buffer<T>,
}

impl<T: Float> Winograd<'_, T> {
    fn room(&self) -> Room<T> {
        // Registers begin at a tile and reach beyond the last one.
        Room {
            stage: Buffer::zeros(self.stage.len() + 2 * MOST_LANES),
            tiles: Buffer::stale(PLACES * self.place),
            sums: Buffer::stale(self.conv.outputs_each() * self.output + MOST_LANES),
        }
    }

    /// The outputs of some rows of tiles of the sample `x`.
    ///
    /// # Safety
    /// `y` is valid for writing the sample's outputs, and nobody else has those of these rows.
    #[allow(clippy::too_many_arguments)]
    unsafe fn piece<I: Lanes<T>>(
        &self,
        isa: I,
        x: &[T],
        y: Disjoint<T>,
        rows: Range<usize>,
        room: &mut Room<T>,
        bias: Option<&[T]>,
        activation: Option<crate::kernel::product::Activation>,
    ) {
        let conv = self.conv;
        let (channels, outputs, pixels) = (conv.channels_each(), conv.outputs_each(), conv.pixels());
        let Room { stage, tiles, sums } = room;
        let (stage, tiles, sums) = (stage.make_mut(), tiles.make_mut(), sums.make_mut());
        for g in 0..conv.groups {
            let image = channels * conv.image();
            self.stage.fill(isa, &x[g * image..][..image], stage);
            let y = y.at(g * outputs * pixels);
            let all = rows.start * self.across..rows.end * self.across;
            for first in all.clone().step_by(self.block) {
                let block = first..(first + self.block).min(all.end);
                isa.enter(Forth { on: self, stage, tiles, block: block.clone() });
                for place in 0..PLACES {
                    let shape = [channels, block.len()];
                    let b =
                        &Matrix::new(tiles, place * self.place, shape, [self.block as isize, 1]).by_columns();
                    let a = Source::Packed::<T, Strided<'_, T>>(&self.panels[g * PLACES + place]);
                    let c = &RowMajor {
                        c: Disjoint(sums.as_mut_ptr()).at(place * self.block),
                        row_stride: self.output,
                        epilogue: &Epilogue::PLAIN,
                    };
                    // SAFETY: each output has its own room for the sums of a block of each place; nobody else has this room.
                    unsafe {
                        Loops { a, b: Source::Fresh(b), c, depth: channels }.run(
                            isa,
                            0..outputs,
                            0..block.len(),
                        )
                    };
                }
                isa.enter(Back { on: self, sums, y, block });
            }
            let [high, wide] = conv.output;
            let (begin, end) = (2 * rows.start * wide, (2 * rows.end).min(high) * wide);
            let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[g * outputs..][..outputs]));
            let (c, row_stride) = (y.at(begin).0, pixels as isize);
            let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
            // SAFETY: these rows of each output are ours, and there is a bias for each output.
            unsafe {
                Finish {
                    c,
                    row_stride,
                    row: 0,
                    column: begin,
                    rows: outputs,
                    columns: end - begin,
                    epilogue,
                }
                .apply(isa);
            }
        }
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
    on: &'a Winograd<'a, T>,
    stage: &'a [T],
    tiles: &'a mut [T],
    block: Range<usize>,
}

impl<T: Float> Kernel<T> for Forth<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, stage, tiles, block } = self;
        let (lanes, row, channels) = (I::V::LANES, on.stage.row(), on.conv.channels_each());
        let zero = isa.splat(T::ZERO);
        assert!(tiles.len() >= PLACES * on.place && stage.len() >= on.stage.len() + 2 * lanes);
        on.runs(&block, lanes, |[i, j], count, at| {
            for c in 0..channels {
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
                            let to = to.add((4 * r + s) * on.place);
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

/// `A^T m A` of a block of tiles of all outputs, lanes along the tiles.
struct Back<'a, T: Float> {
    on: &'a Winograd<'a, T>,
    sums: &'a [T],
    /// The outputs of this group of this sample.
    y: Disjoint<T>,
    block: Range<usize>,
}

impl<T: Float> Kernel<T> for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, sums, y, block } = self;
        let (lanes, [high, wide]) = (I::V::LANES, on.conv.output);
        let (outputs, pixels) = (on.conv.outputs_each(), on.conv.pixels());
        let zero = isa.splat(T::ZERO);
        assert!(sums.len() >= outputs * on.output + lanes);
        on.runs(&block, lanes, |[i, j], count, at| {
            let columns = (wide - 2 * j).min(2 * count);
            for o in 0..outputs {
                // SAFETY: each output has room for the sums of a block of each place and what a register reads beyond; its plane
                // is ours where these tiles lie, and what leaves it is not written.
                unsafe {
                    let from = sums.as_ptr().add(o * on.output + at);
                    let mut rows = [[zero; 2]; 4];
                    for r in 0..4 {
                        let mut m = [zero; 4];
                        for s in 0..4 {
                            m[s] = isa.load(from.add((4 * r + s) * on.block));
                        }
                        rows[r] = back(m);
                    }
                    let left = back([rows[0][0], rows[1][0], rows[2][0], rows[3][0]]);
                    let right = back([rows[0][1], rows[1][1], rows[2][1], rows[3][1]]);
                    let to = y.0.add(o * pixels + 2 * i * wide + 2 * j);
                    for r in 0..2.min(high - 2 * i) {
                        let (first, second) = left[r].couple(right[r]);
                        let to = to.add(r * wide);
                        if columns == 2 * lanes {
                            first.store(to);
                            second.store(to.add(lanes));
                        } else {
                            first.store_first(columns.min(lanes), to);
                            second.store_first(columns.saturating_sub(lanes), to.wrapping_add(lanes));
                        }
                    }
                }
            }
        });
    }
}

/// `A^T m`.
#[inline(always)]
fn back<V: Real + Copy>([a, b, c, d]: [V; 4]) -> [V; 2] {
    [a + b + c, b - c - d]
}

/// `G g G^T` of all windows, `[place, output, channel]`, lanes along the windows.
struct Weights<'a, T> {
    w: &'a [T],
    weights: &'a mut [T],
}

impl<T: Float> Kernel<T> for Weights<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { w, weights } = self;
        let (lanes, windows) = (I::V::LANES, w.len() / 9);
        assert!(weights.len() >= PLACES * windows);
        let half = isa.splat(T::from_f64(0.5));
        let mut taps = [T::ZERO; 9 * MOST_LANES];
        for i in (0..windows).step_by(lanes) {
            let count = lanes.min(windows - i);
            // SAFETY: there are so many windows; the taps have room for a register of each, and each place for all windows.
            unsafe {
                let (from, to) = (w.as_ptr().add(9 * i), taps.as_mut_ptr());
                let to_stride = lanes as isize;
                Turn { from, from_stride: 9, rows: count, columns: 9, to, to_stride, fill: lanes, ahead: 0 }
                    .run(isa);
                let mut columns = [[half; 4]; 3];
                for r in 0..3 {
                    let tap = |s: usize| isa.load(taps.as_ptr().add((3 * r + s) * lanes));
                    columns[r] = of_weights([tap(0), tap(1), tap(2)], half);
                }
                for s in 0..4 {
                    let rows = of_weights([columns[0][s], columns[1][s], columns[2][s]], half);
                    for r in 0..4 {
                        rows[r].store_first(count, weights.as_mut_ptr().add((4 * r + s) * windows + i));
                    }
                }
            }
        }
    }
}

/// `G g`.
#[inline(always)]
fn of_weights<V: Real + Copy>([a, b, c]: [V; 3], half: V) -> [V; 4] {
    [a, (a + c + b) * half, (a + c - b) * half, c]
}
