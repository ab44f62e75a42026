//! The gradient by the weights: `dw = sum over n of dy[n] gather(x[n])^T`, one product a sample and cotangent.

use super::correlate::{Correlations, Shifted, sums_at_once};
use super::depthwise;
use super::gather::{Gather, Runs};
use super::stage::Stage;
use super::{Conv, tasks};
use crate::kernel::product::Epilogue;
use crate::kernel::product::loops::{Loops, Panels, Source, cut};
use crate::kernel::product::operand::{Matrix, Operand};
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::parallel::Shared;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};
use core::ops::Range;

/// Samples are cut into so many chunks, whatever the number of threads, because partial sums are added chunk by chunk.
const CHUNKS: usize = 16;
/// For weights of so many taps and channels, partial sums take too much memory for that many chunks.
const MANY_TAPS: usize = 1024;
const FEWER_CHUNKS: usize = 4;
/// So many sums are added up over all chunks before the next ones: they stay in the nearest cache meanwhile.
const ADDED_AT_ONCE: usize = 1 << 12;

/// Bytes of a channel of the samples that are summed together, of more than one if they are no more.
const NEAR: usize = 32 * 1024;
/// Bytes of a channel of one sample and of some planes of the cotangent: what is read again and again. For few outputs it may come
/// from the second level, for packing for them costs more.
const NEAR_ENOUGH: usize = 64 * 1024;
const FAR: usize = 256 * 1024;
/// Adding up the lanes of a sum costs about as much as so many registers of it.
const STRIPS: usize = 16;
/// So many samples a chunk, where there are, for the lanes of a sum are added up once a chunk.
const SAMPLES_A_CHUNK: usize = 4;
/// Of more taps and channels than that the right operand fills its registers well, and is packed for many outputs; but not for so
/// few. On an Intel processor, packed and along the pixels, Gflop/s: 16 x 16 x 32 x 32 of 7x7 to 16 outputs 100 and 130, 16 x 128 x
/// 16 x 16 of 5x5 to 16 83 and 133, 16 x 32 x 32 x 32 of 5x5 to 32 110 and 122; to 48 and 64 packing is as fast or faster.
const FEW_TAPS: usize = 256;
const FEW_OUTPUTS: [usize; 2] = [16, 32];

/// The operands, whose sizes have been checked.
pub struct WeightGrad<'a, T> {
    pub(super) conv: &'a Conv,
    /// How many cotangents of the one image there are: `dy [K, N, O, h, w]` gives `dw [K, O, C, kh, kw]`.
    pub(super) stack: usize,
    pub(super) x: &'a [T],
    pub(super) dy: &'a [T],
    pub(super) dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for WeightGrad<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.all(isa);
    }
}

impl<T: Float> WeightGrad<'_, T> {
    #[inline(never)]
    fn all<I: Lanes<T>>(self, isa: I) {
        if self.conv.samples == 0 || self.dw.is_empty() {
            self.dw.fill(T::ZERO);
            return;
        }
        if self.conv.is_for_winograd::<T, I>() {
            return self.by_tiles_where_tame(isa);
        }
        self.by_definition(isa);
    }

    /// The sizes must not be empty.
    #[inline(never)]
    pub(super) fn by_definition<I: Lanes<T>>(self, isa: I) {
        if let Some(layout) = along_pixels::<T, I>(self.conv) {
            return self.along_pixels(isa, &layout);
        }
        if self.conv.is_depthwise() {
            return depthwise::weights::weight_grad(isa, self);
        }
        if !SMALL && self.conv.weights_go_together::<T, I>() {
            return self.together(isa);
        }
        let Self { conv, stack, x, dy, dw } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), channels * conv.image());
        let stage = Stage::by_taps(conv);
        let (taps, corners) = (stage.taps(), stage.pixels());
        let runs = Runs::to_copy(&taps, I::TILE.1 * I::V::LANES, I::V::LANES);
        let chunks = chunks(conv);
        // The first chunk's sum is computed where the total goes, the others beside each other.
        let len = dw.len();
        let mut others = Buffer::<T>::stale((chunks - 1) * len);
        let (first, rest) = (Disjoint(dw.as_mut_ptr()), Disjoint(others.make_mut().as_mut_ptr()));

        // Columns are cut where registers and panels begin.
        for_each_part(conv, chunks, [depth, I::TILE.1 * I::V::LANES], |chunk, g, columns| {
            let sums = if chunk == 0 { first } else { rest.at((chunk - 1) * len) };
            let sums = sums.at(g * outputs * depth);
            let mut room: Option<Buffer<T>> = None;
            let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
            for sample in samples.clone() {
                let piece = sample * groups + g;
                let image = piece * image..(piece + 1) * image;
                let dy = |k: usize| {
                    let piece = k * conv.samples * groups + piece;
                    let dy = &dy[piece * outputs * pixels..][..outputs * pixels];
                    Matrix::row_major(dy, outputs, pixels).by_rows()
                };
                let sums = |k: usize| sums.at(k * conv.w_len());
                let products = Products {
                    isa,
                    sizes: [outputs, pixels, depth],
                    columns: columns.clone(),
                    stack,
                    first: sample == samples.start,
                };
                if conv.is_pointwise() {
                    let b = &Matrix::row_major(&x[image], channels, pixels).transposed().by_columns();
                    // SAFETY: each task has its own sums, K times these columns of `outputs` rows of `depth`.
                    unsafe { products.run(dy, b, sums) };
                    continue;
                }
                let there = stage.set(isa, x, image, room.get_or_insert_with(|| stage.build()));
                let b = &Gather::new(there, &taps, &corners, &runs);
                // SAFETY: as above.
                unsafe { products.run(dy, b, sums) };
            }
        });
        add_chunks(isa, dw, others.as_slice());
    }
}

impl<T: Float> WeightGrad<'_, T> {
    /// Channel by channel, a few samples at a time.
    fn along_pixels<I: Lanes<T>>(self, isa: I, layout: &Shifted) {
        let Self { conv, stack, x, dy, dw } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), conv.image());
        let chunks = chunks_along_pixels::<T, I>(conv);
        let len = dw.len();
        let mut others = Buffer::<T>::stale((chunks - 1) * len);
        let (first, rest) = (Disjoint(dw.as_mut_ptr()), Disjoint(others.make_mut().as_mut_ptr()));
        let at_once = (NEAR / size_of::<T>() / layout.len()).max(1);

        for_each_part(conv, chunks, [channels, 1], |chunk, g, own| {
            let sums = if chunk == 0 { first } else { rest.at((chunk - 1) * len) };
            let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
            let mut room = layout.build::<T>(at_once.min(samples.len()));
            for few in cut(samples.clone(), at_once) {
                let start = few.start;
                for channel in own.clone() {
                    for (sample, room) in few.clone().zip(room.make_mut().chunks_exact_mut(layout.len())) {
                        let at = (sample * conv.channels + g * channels + channel) * image;
                        layout.fill(isa, &x[at..at + image], room);
                    }
                    for k in 0..stack {
                        let dy = &dy[((k * conv.samples + start) * groups + g) * outputs * pixels..];
                        let dw = sums.at(k * conv.w_len() + g * outputs * depth + channel * conv.taps()).0;
                        let correlations = Correlations {
                            layout,
                            samples: &room.as_slice()[..few.len() * layout.len()],
                            pixels,
                            dy,
                            dy_stride: groups * outputs * pixels,
                            outputs,
                            dw,
                            dw_stride: depth,
                            add: start > samples.start,
                        };
                        // SAFETY: each task has its own channels' sums, a number for each tap of each output.
                        unsafe { correlations.run(isa) };
                    }
                }
            }
        });
        add_chunks(isa, dw, others.as_slice());
    }
}

/// The layout for lanes along the pixels, where that is worth it: there are enough pixels in a chunk, they fill their
/// registers, and what is summed together stays near.
fn along_pixels<T: Float, I: Lanes<T>>(conv: &Conv) -> Option<Shifted> {
    sums_at_once::<T, I>(1)?;
    let (pixels, lanes, roomy) = (conv.pixels(), I::V::LANES, I::TILE.0 * I::TILE.1 >= 24);
    let enough = pixels * conv.samples >= chunks_along_pixels::<T, I>(conv) * STRIPS * lanes;
    let filled = 16 * pixels >= 15 * pixels.next_multiple_of(lanes);
    let few = conv.depth() <= FEW_TAPS || roomy && conv.outputs_each() <= FEW_OUTPUTS[1];
    let most = if roomy && conv.outputs_each() <= FEW_OUTPUTS[0] { FAR } else { NEAR_ENOUGH };
    let several = conv.taps() > 1 && !conv.is_depthwise();
    let layout = Shifted::new(conv)?;
    let bytes = (layout.len() + 8 * pixels) * size_of::<T>();
    (enough && filled && few && several && bytes <= most).then_some(layout)
}

/// How many chunks the samples are cut into where lanes lie along the pixels. One number at a time there are no lanes to add up.
fn chunks_along_pixels<T: Float, I: Lanes<T>>(conv: &Conv) -> usize {
    if I::V::LANES == 1 { chunks(conv) } else { conv.samples.div_ceil(SAMPLES_A_CHUNK).min(CHUNKS) }
}

/// Runs `work(chunk, group, columns)` for all of them, on all threads: some chunks and groups a task, for those of a depthwise
/// convolution take less time each than handing them to a thread does. Where there are too few for the threads, and work enough,
/// the `columns` of a group, what its sums lie side by side in, are cut as well, at multiples of `tile`: no sum sees that.
pub(super) fn for_each_part(
    conv: &Conv,
    chunks: usize,
    [columns, tile]: [usize; 2],
    work: impl Fn(usize, usize, Range<usize>) + Shared,
) {
    let (groups, threads) = (conv.groups, parallel::threads());
    let tiles = columns.div_ceil(tile);
    // Each piece lays the same samples out, so there are no more of them than it takes to keep all threads at work: equally, or
    // two tasks each.
    let whole = chunks * groups;
    let wanted = if threads.is_multiple_of(whole) { threads } else { 2 * threads };
    let pieces = tasks(conv).min(wanted).div_ceil(whole).min(tiles);
    let parts = (4 * threads).div_ceil(chunks).min(groups).max(1);
    parallel::for_each(chunks * parts * pieces, |task| {
        let (rest, piece) = (task / pieces, task % pieces);
        let (chunk, part) = (rest / parts, rest % parts);
        let at = |piece: usize| (tiles * piece / pieces * tile).min(columns);
        for g in groups * part / parts..groups * (part + 1) / parts {
            work(chunk, g, at(piece)..at(piece + 1));
        }
    });
}

/// How many chunks the samples are cut into.
pub(super) fn chunks(conv: &Conv) -> usize {
    if conv.depth() > MANY_TAPS { FEWER_CHUNKS } else { CHUNKS }.min(conv.samples)
}

/// Products `sums(k) (+)= dy(k) b` for each cotangent k, in some columns: b is packed once for all of them.
pub(super) struct Products<I> {
    pub(super) isa: I,
    /// Outputs, steps, and the length of a row.
    pub(super) sizes: [usize; 3],
    pub(super) columns: Range<usize>,
    pub(super) stack: usize,
    /// Whether nothing has been summed yet.
    pub(super) first: bool,
}

impl<I> Products<I> {
    /// # Safety
    /// Each `sums(k)` is valid for the columns of all rows, for the caller alone; the operands have those sizes.
    pub(super) unsafe fn run<T: Float, A: Operand<T>, B: Operand<T>>(
        self,
        dy: impl Fn(usize) -> A,
        b: &B,
        sums: impl Fn(usize) -> Disjoint<T>,
    ) where
        I: Lanes<T>,
    {
        let Self { isa, sizes: [outputs, steps, depth], columns, stack, first } = self;
        let epilogue = &if first { Epilogue::PLAIN } else { Epilogue::ADD };
        let panels = (stack > 1).then(|| Panels::of_columns(isa, b, depth, steps));
        for k in 0..stack {
            let c = &RowMajor { c: sums(k), row_stride: depth, apart: 0, epilogue };
            let b = panels.as_ref().map_or(Source::Fresh(b), Source::Packed);
            let a = &dy(k);
            // SAFETY: as the caller promises.
            unsafe {
                Loops { a: Source::Fresh(a), b, c, depth: steps }.run(isa, 0..outputs, columns.clone())
            };
        }
    }
}

/// Adds the sums of the other chunks to those of the first, in the order of the chunks, on all threads.
pub(super) fn add_chunks<T: Float, I: Lanes<T>>(isa: I, to: &mut [T], others: &[T]) {
    let len = to.len();
    parallel::for_each_piece(to, ADDED_AT_ONCE, |piece, to| {
        for chunk in others.chunks_exact(len) {
            isa.enter(AddAll { from: &chunk[piece * ADDED_AT_ONCE..][..to.len()], to });
        }
    });
}

/// Adds one array to another.
struct AddAll<'a, T> {
    to: &'a mut [T],
    from: &'a [T],
}

impl<T: Float> Kernel<T> for AddAll<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let lanes = I::V::LANES;
        let (mut to, mut from) = (self.to.chunks_exact_mut(lanes), self.from.chunks_exact(lanes));
        for (to, from) in (&mut to).zip(&mut from) {
            // SAFETY: both chunks hold one register.
            unsafe { (isa.load(to.as_ptr()) + isa.load(from.as_ptr())).store(to.as_mut_ptr()) };
        }
        for (to, &from) in to.into_remainder().iter_mut().zip(from.remainder()) {
            *to = *to + from;
        }
    }
}
