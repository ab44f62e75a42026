//! The forward role: a product of transformed weights and tiles for each place, and the tiles of its sums transformed back.

// Registers are counted, for the counts are what the compiler unrolls; `array::from_fn` would be compiled for the baseline.
#![allow(clippy::needless_range_loop)]

use super::{Forth, PLACES, Tame, Tiles, all_tame};
use crate::kernel::conv::forward::Forward;
use crate::kernel::conv::{Conv, tasks};
use crate::kernel::product::finish::Finish;
use crate::kernel::product::loops::{LEVEL_1, Loops, Panels, Source};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::kernel::product::{Bias, Epilogue};
use crate::kernel::turn::Turn;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};
use alloc::vec::Vec;
use core::ops::Range;

/// What all rows of tiles share: some outputs of one group of channels.
struct Winograd<'a, T: Float> {
    conv: &'a Conv,
    /// How many outputs.
    outputs: usize,
    tiles: &'a Tiles,
    /// The transformed weights of each place.
    panels: &'a [Option<Panels<T>>; PLACES],
    epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Forward<'_, T> {
    /// By Winograd's algorithm. The sizes must be [right for it](Conv::is_for_winograd).
    #[inline(never)]
    pub(in crate::kernel::conv) fn by_tiles<I: Lanes<T>>(self, isa: I) {
        if !all_tame(isa, self.w) {
            return self.by_definition(isa);
        }
        let Self { conv, x, w, flipped: _, y, bias, activation } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let width = I::TILE.1 * I::V::LANES;
        let block = width * (LEVEL_1 / 2 / (channels * width * size_of::<T>())).clamp(1, 4);
        let tiles = &Tiles::new(conv, block);
        // A task is a run of pieces; a piece is some rows of tiles of one sample. Samples are cut only where there are too few, and
        // into pieces that fill a panel: each reads all transformed weights, for seven tiles as for thirty-two. Where even that leaves
        // threads without work, each takes a share of the outputs, and all transform the image. (1 x 256 x 14 x 14 took 1.5 ms on one
        // thread, 1.8 on two that shared its rows.)
        let (down, threads, samples) = (Tiles::down(conv), parallel::threads(), conv.samples.max(1));
        let wanted = tasks(conv);
        let parts = wanted.div_ceil(samples).min(down * tiles.across / width).clamp(1, down.max(1));
        let idle = parts == 1 && wanted.min(threads) > samples;
        let shares = if idle { threads.div_ceil(samples).min(outputs / (2 * I::TILE.0)).max(1) } else { 1 };
        let pieces = conv.samples * shares * parts;
        let count = wanted.min(pieces);
        let (image, plane) = (channels * conv.image(), outputs * conv.pixels());
        let y = Disjoint(y.as_mut_ptr());
        for g in 0..groups {
            let w = &w[g * outputs * conv.depth()..][..outputs * conv.depth()];
            let bias = bias.map(|bias| &bias[g * outputs..][..outputs]);
            let share = |share: usize| {
                let of = outputs * share / shares..outputs * (share + 1) / shares;
                let w = &w[of.start * conv.depth()..of.end * conv.depth()];
                (of.clone(), panels_of_places(isa, w, [of.len(), channels], count > 1))
            };
            let all: Vec<_> = (0..shares).map(share).collect();
            let x = |sample: usize| &x[(sample * groups + g) * image..][..image];
            // All pieces of a sample must go the same way.
            let cut = shares * parts > 1;
            let mut tame = Buffer::<u8>::zeros(if cut { conv.samples } else { 0 });
            parallel::for_each_piece(tame.make_mut(), 1, |sample, tame| {
                tame[0] = u8::from(T::dispatch(Tame(x(sample))));
            });
            parallel::for_each(count, |task| {
                let mut room = Room::new(tiles, outputs.div_ceil(shares));
                for piece in pieces * task / count..pieces * (task + 1) / count {
                    let (share, part) = (piece / parts % shares, piece % parts);
                    let sample = piece / (shares * parts);
                    let (x, y) = (x(sample), y.at((sample * groups + g) * plane));
                    let is_tame = match tame.as_slice().get(sample) {
                        Some(&tame) => tame == 1,
                        None => isa.enter(Tame(x)),
                    };
                    if is_tame {
                        let (of, panels) = &all[share];
                        let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[of.clone()]));
                        let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
                        let winograd = Winograd { conv, outputs: of.len(), tiles, panels, epilogue };
                        let (y, rows) =
                            (y.at(of.start * conv.pixels()), down * part / parts..down * (part + 1) / parts);
                        // SAFETY: the outputs and the rows of tiles of different pieces do not both overlap, and lie in the
                        // sample's part of y, whose length was checked.
                        unsafe { winograd.piece(isa, x, y, rows, &mut room) };
                    } else if (share, part) == (0, 0) {
                        // SAFETY: the other pieces of this sample leave all of its part of y to this one.
                        let y = unsafe { core::slice::from_raw_parts_mut(y.0, plane) };
                        let conv = &Conv { samples: 1, channels, outputs, groups: 1, ..*conv };
                        Forward { conv, x, w, flipped: false, y, bias, activation }.by_definition(isa);
                    }
                }
            });
        }
    }
}

/// The transformed weights `[outputs, channels]` of each place, packed.
fn panels_of_places<T: Float, I: Lanes<T>>(
    isa: I,
    w: &[T],
    [outputs, channels]: [usize; 2],
    several: bool,
) -> [Option<Panels<T>>; PLACES] {
    let mut weights = Buffer::stale(PLACES * outputs * channels);
    isa.enter(Weights { w, weights: weights.make_mut() });
    let weights = weights.as_slice();
    let mut panels = [const { None }; PLACES];
    parallel::for_each_piece(&mut panels, if several { 1 } else { PLACES }, |first, some| {
        for (place, panels) in some.iter_mut().enumerate() {
            let weights = &weights[(first + place) * outputs * channels..][..outputs * channels];
            let weights = Matrix::row_major(weights, outputs, channels).by_rows();
            *panels = Some(Panels::of_rows(isa, &weights, outputs, channels));
        }
    });
    panels
}

/// Where a task works.
struct Room<T: Float> {
    stage: Buffer<T>,
    /// `[place, channel, tile]`.
    tiles: Buffer<T>,
    /// `[output, place, tile]`: where a tile is transformed back, its places lie near each other.
    sums: Buffer<T>,
}

impl<T: Float> Room<T> {
    fn new(tiles: &Tiles, outputs: usize) -> Self {
        Self {
            stage: tiles.stage(),
            tiles: Buffer::stale(PLACES * tiles.place::<T>(tiles.channels)),
            sums: Buffer::stale(outputs * tiles.place::<T>(PLACES) + MOST_LANES),
        }
    }
}

impl<T: Float> Winograd<'_, T> {
    /// Numbers from the sums of one output to those of the next: those of one tile of all places lie near each other.
    fn output(&self) -> usize {
        self.tiles.place::<T>(PLACES)
    }

    /// The outputs of some rows of tiles of the sample `x`.
    ///
    /// # Safety
    /// `y` is valid for writing these outputs of the sample, and nobody else has those of these rows.
    unsafe fn piece<I: Lanes<T>>(
        &self,
        isa: I,
        x: &[T],
        y: Disjoint<T>,
        rows: Range<usize>,
        room: &mut Room<T>,
    ) {
        let Self { conv, outputs, tiles: on, panels, epilogue } = *self;
        let (channels, pixels) = (conv.channels_each(), conv.pixels());
        let Room { stage, tiles, sums } = room;
        let (stage, tiles, sums) = (stage.make_mut(), tiles.make_mut(), sums.make_mut());
        on.stage.fill_rows(isa, x, stage, 2 * rows.start..2 * rows.end + 2);
        let all = rows.start * on.across..rows.end * on.across;
        for first in all.clone().step_by(on.block) {
            let block = first..(first + on.block).min(all.end);
            isa.enter(Forth { on, stage, tiles, block: block.clone() });
            for (place, panels) in panels.iter().flatten().enumerate() {
                let (at, shape) = (place * on.place::<T>(channels), [channels, block.len()]);
                let b = &Matrix::new(tiles, at, shape, [on.block as isize, 1]).by_columns();
                let (a, b) = (Source::Packed::<T, Strided<'_, T>>(panels), Source::Fresh(b));
                let c = Disjoint(sums.as_mut_ptr()).at(place * on.block);
                let c = &RowMajor { c, row_stride: self.output(), apart: 0, epilogue: &Epilogue::PLAIN };
                // SAFETY: each output has its own room for the sums of a block of each place; nobody else has this room.
                unsafe { Loops { a, b, c, depth: channels }.run(isa, 0..outputs, 0..block.len()) };
            }
            isa.enter(Back { on: self, sums, y, block });
        }
        let [high, wide] = conv.output;
        let (begin, end) = (2 * rows.start * wide, (2 * rows.end).min(high) * wide);
        let (c, row_stride, columns) = (y.at(begin).0, pixels as isize, end - begin);
        // SAFETY: these rows of each output are ours, and there is a bias for each output.
        unsafe {
            Finish { c, row_stride, row: 0, column: begin, rows: outputs, columns, epilogue }.apply(isa)
        };
    }
}

/// `A^T m A` of a block of tiles of all outputs, lanes along the tiles.
struct Back<'a, T: Float> {
    on: &'a Winograd<'a, T>,
    sums: &'a [T],
    /// These outputs of this sample.
    y: Disjoint<T>,
    block: Range<usize>,
}

impl<T: Float> Kernel<T> for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, sums, y, block } = self;
        let (lanes, [high, wide]) = (I::V::LANES, on.conv.output);
        let (outputs, pixels) = (on.outputs, on.conv.pixels());
        let zero = isa.splat(T::ZERO);
        let output = on.output();
        assert!(block.len() <= on.tiles.block && sums.len() >= outputs * output + lanes);
        on.tiles.runs(&block, lanes, |[i, j], count, at| {
            let columns = (wide - 2 * j).min(2 * count);
            for o in 0..outputs {
                // SAFETY: each output has room for the sums of a block of each place and what a register reads beyond; its plane
                // is ours where these tiles lie, and what leaves it is not written.
                unsafe {
                    let from = sums.as_ptr().add(o * output + at);
                    let mut rows = [[zero; 2]; 4];
                    for r in 0..4 {
                        let mut m = [zero; 4];
                        for s in 0..4 {
                            m[s] = isa.load(from.add((4 * r + s) * on.tiles.block));
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
                    .valid()
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
