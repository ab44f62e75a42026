//! The weight gradient: a product of transformed cotangents and tiles for each place, transformed back in the end.

// Registers are counted, for the counts are what the compiler unrolls; `array::from_fn` would be compiled for the baseline.
#![allow(clippy::needless_range_loop)]

use super::{Forth, PLACES, Tiles, all_tame};
use crate::kernel::conv::Conv;
use crate::kernel::conv::weight_grad::{WeightGrad, add_chunks, chunks, for_each_part};
use crate::kernel::product::Epilogue;
use crate::kernel::product::loops::{Loops, Panels, Source};
use crate::kernel::product::operand::Matrix;
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::kernel::turn::Turn;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};
use core::ops::Range;

/// Numbers of a block of transformed tiles: they stay in the second-level cache beside the cotangents and the sums.
const NEAR: usize = 1 << 16;
/// How many tiles a block may have; a sum is a chain over a block.
const BLOCKS: [usize; 2] = [32, 256];
/// So many windows are transformed back by one task.
const WINDOWS_A_TASK: usize = 1 << 10;

impl<T: Float> WeightGrad<'_, T> {
    /// By Winograd's algorithm those cotangents of which no number could spread or overflow, the others by the definition: each
    /// as if it were alone. The sizes must be [right for it](Conv::is_for_winograd).
    #[inline(never)]
    pub(in crate::kernel::conv) fn by_tiles_where_tame<I: Lanes<T>>(self, isa: I) {
        let Self { conv, stack, x, dy, dw } = self;
        if !all_tame(isa, x) {
            return WeightGrad { conv, stack, x, dy, dw }.by_definition(isa);
        }
        let [each_y, each_w] = [conv.y_len(), conv.w_len()];
        let tame = |k: usize| all_tame(isa, &dy[k * each_y..][..each_y]);
        // Neighbours that go the same way go it together.
        let (mut from, mut is_tame) = (0, tame(0));
        while from < stack {
            let (mut to, mut next) = (from + 1, is_tame);
            while to < stack {
                next = tame(to);
                if next != is_tame {
                    break;
                }
                to += 1;
            }
            let (dy, dw) = (&dy[from * each_y..to * each_y], &mut dw[from * each_w..to * each_w]);
            let some = WeightGrad { conv, stack: to - from, x, dy, dw };
            if is_tame {
                some.by_tiles(isa)
            } else {
                some.by_definition(isa)
            }
            (from, is_tame) = (to, next);
        }
    }

    fn by_tiles<I: Lanes<T>>(self, isa: I) {
        let Self { conv, stack, x, dy, dw } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let block = (NEAR / (PLACES * channels)).clamp(BLOCKS[0], BLOCKS[1]).next_multiple_of(MOST_LANES);
        let whole = &Tiles::new(conv, block);
        let all = Tiles::down(conv) * whole.across;
        let plane = outputs * conv.pixels();
        let chunks = chunks(conv);
        // `[chunk, cotangent, group, place, output, channel]`.
        let windows = outputs * channels;
        let len = stack * groups * PLACES * windows;
        let mut sums = Buffer::<T>::stale(chunks * len);
        let to = Disjoint(sums.make_mut().as_mut_ptr());

        let tile = I::TILE.1 * I::V::LANES;
        for_each_part(conv, chunks, [channels, tile], |chunk, g, own| {
            // Some of the channels are a convolution by themselves.
            let part = (own.len() < channels).then(|| {
                let conv = Conv { channels: own.len(), outputs, groups: 1, ..*conv };
                Tiles::new(&conv, block)
            });
            let tiles = part.as_ref().unwrap_or(whole);
            let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
            let (of_x, of_dy) = (tiles.place::<T>(own.len()), tiles.place::<T>(outputs));
            let mut stage = tiles.stage::<T>();
            let (mut from_x, mut from_dy) = (Buffer::stale(PLACES * of_x), Buffer::stale(PLACES * of_dy));
            for sample in samples.clone() {
                let at = ((sample * groups + g) * channels + own.start) * conv.image();
                let x = &x[at..][..own.len() * conv.image()];
                tiles.stage.fill(isa, x, stage.make_mut());
                for first in (0..all).step_by(block) {
                    let block = first..(first + block).min(all);
                    let steps = block.len();
                    let from_x = from_x.make_mut();
                    isa.enter(Forth {
                        on: tiles,
                        stage: stage.as_slice(),
                        tiles: from_x,
                        block: block.clone(),
                    });
                    let across = |place: usize| {
                        let at = place * of_x;
                        Matrix::new(from_x, at, [own.len(), steps], [tiles.block as isize, 1])
                            .transposed()
                            .by_columns()
                    };
                    // Several cotangents multiply the same tiles.
                    let packed: [Option<Panels<T>>; PLACES] = core::array::from_fn(|place| {
                        (stack > 1).then(|| Panels::of_columns(isa, &across(place), own.len(), steps))
                    });
                    let epilogue =
                        if sample == samples.start && first == 0 { Epilogue::PLAIN } else { Epilogue::ADD };
                    for k in 0..stack {
                        let dy = &dy[((k * conv.samples + sample) * groups + g) * plane..][..plane];
                        let from_dy = from_dy.make_mut();
                        isa.enter(Cotangents { on: tiles, conv, dy, tiles: from_dy, block: block.clone() });
                        for place in 0..PLACES {
                            let shape = [outputs, steps];
                            let a = Matrix::new(from_dy, place * of_dy, shape, [tiles.block as isize, 1])
                                .by_rows();
                            let b = &across(place);
                            let b = packed[place].as_ref().map_or(Source::Fresh(b), Source::Packed);
                            let at = chunk * len + ((k * groups + g) * PLACES + place) * windows + own.start;
                            let c = &RowMajor {
                                c: to.at(at),
                                row_stride: channels,
                                apart: 0,
                                epilogue: &epilogue,
                            };
                            // SAFETY: each task has its own sums of its chunk and group, K times a number for each place, output and
                            // channel of its own.
                            unsafe {
                                Loops { a: Source::Fresh(&a), b, c, depth: steps }.run(
                                    isa,
                                    0..outputs,
                                    0..own.len(),
                                )
                            };
                        }
                    }
                }
            }
        });
        let (total, others) = sums.make_mut().split_at_mut(len);
        add_chunks(isa, total, others);
        for (sums, dw) in total.chunks_exact(PLACES * windows).zip(dw.chunks_exact_mut(9 * windows)) {
            parallel::for_each_piece(dw, 9 * WINDOWS_A_TASK, |piece, dw| {
                isa.enter(Gradients { sums: &sums[piece * WINDOWS_A_TASK..], apart: windows, dw });
            });
        }
    }
}

/// `A y A^T` of a block of tiles of all outputs, lanes along the tiles.
struct Cotangents<'a, T: Float> {
    on: &'a Tiles,
    conv: &'a Conv,
    /// One group of one sample.
    dy: &'a [T],
    /// `[place, output, tile]`.
    tiles: &'a mut [T],
    block: Range<usize>,
}

impl<T: Float> Kernel<T> for Cotangents<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, conv, dy, tiles, block } = self;
        let (lanes, outputs, pixels, [high, wide]) =
            (I::V::LANES, conv.outputs_each(), conv.pixels(), conv.output);
        let (zero, place) = (isa.splat(T::ZERO), on.place::<T>(outputs));
        assert!(block.len() <= on.block && tiles.len() >= PLACES * place && dy.len() >= outputs * pixels);
        on.runs(&block, lanes, |[i, j], count, at| {
            let columns = (wide - 2 * j).min(2 * count);
            let (first, second) = (columns.min(lanes), columns.saturating_sub(lanes));
            for o in 0..outputs {
                // SAFETY: what is read lies in row 2i or 2i + 1 of the output's plane, before its end; beyond come zeros. Each place has
                // room for the block's tiles of each output.
                unsafe {
                    let from = dy.as_ptr().add(o * pixels + 2 * i * wide + 2 * j);
                    let to = tiles.as_mut_ptr().add(o * on.block + at);
                    let mut columns = [[zero; 4]; 2];
                    for r in 0..2.min(high - 2 * i) {
                        let from = from.add(r * wide);
                        let (even, odd) = if second == lanes {
                            isa.load(from).uncouple(isa.load(from.add(lanes)))
                        } else {
                            isa.load_first(first, from)
                                .uncouple(isa.load_first(second, from.wrapping_add(lanes)))
                        };
                        columns[r] = of_cotangents([even, odd]);
                    }
                    for s in 0..4 {
                        let rows = of_cotangents([columns[0][s], columns[1][s]]);
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

/// `A y`.
#[inline(always)]
fn of_cotangents<V: Real + Copy>([a, b]: [V; 2]) -> [V; 4] {
    [a, a + b, a - b, -b]
}

/// `G^T u G` of some windows, lanes along the windows.
struct Gradients<'a, T> {
    /// `[place, window]`, from the first of them on.
    sums: &'a [T],
    /// From one place to the next.
    apart: usize,
    /// `[window, tap]`.
    dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for Gradients<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { sums, apart, dw } = self;
        let (lanes, windows) = (I::V::LANES, dw.len() / 9);
        assert!(windows <= apart && sums.len() >= (PLACES - 1) * apart + windows);
        let half = isa.splat(T::from_f64(0.5));
        let mut taps = [T::ZERO; 9 * MOST_LANES];
        for i in (0..windows).step_by(lanes) {
            let count = lanes.min(windows - i);
            // SAFETY: there are so many windows, each with a sum in every place; the taps have room for a register of each.
            unsafe {
                let mut rows = [[half; 3]; 4];
                for r in 0..4 {
                    let mut u = [half; 4];
                    for s in 0..4 {
                        u[s] = isa.load_first(count, sums.as_ptr().add((4 * r + s) * apart + i));
                    }
                    rows[r] = to_weights(u, half);
                }
                for s in 0..3 {
                    let columns = to_weights([rows[0][s], rows[1][s], rows[2][s], rows[3][s]], half);
                    for r in 0..3 {
                        columns[r].store(taps.as_mut_ptr().add((3 * r + s) * lanes));
                    }
                }
                let (from, from_stride) = (taps.as_ptr(), lanes as isize);
                let to = dw.as_mut_ptr().add(9 * i);
                Turn { from, from_stride, rows: 9, columns: count, to, to_stride: 9, fill: 9, ahead: 0 }
                    .valid()
                    .run(isa);
            }
        }
    }
}

/// `G^T u`.
#[inline(always)]
fn to_weights<V: Real + Copy>([a, b, c, d]: [V; 4], half: V) -> [V; 3] {
    [a + (b + c) * half, (b - c) * half, (b + c) * half + d]
}
