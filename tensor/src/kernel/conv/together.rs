//! Samples together: the pixels of several of them are the columns of one product.
//!
//! Where an image has few pixels, those of one sample leave lanes of their last register empty, and each sample reads all weights
//! anew, out of a far cache. Here panels go from one sample into the next, and a part of the weights is read for as many columns as
//! the second-level cache holds. An element is the same chain of multiply-adds either way.

use super::Conv;
use super::flip::Weights;
use super::forward::Forward;
use super::gather::{Axis, Gather, Runs};
use super::stage::{SLACK, Stage};
use crate::kernel::product::finish::Finish;
use crate::kernel::product::loops::{Depth, Loops, Source, columns_at_once};
use crate::kernel::product::operand::LINE;
use crate::kernel::product::target::{Disjoint, Ground, Spot, Target};
use crate::kernel::product::tile::TILE_ROOM;
use crate::kernel::product::{Bias, Epilogue};
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};
use core::mem::MaybeUninit;

/// Images of more pixels fill their registers, and cost no more alone.
const FEW_PIXELS: usize = 256;
/// Windows of one tap need no gathering alone, and their weights no packing for each sample. Together they gain where there are so
/// many samples and weights, or weights that the second level does not hold and enough columns for them. On an Intel processor, 2048
/// to 512 channels on 7 x 7 of 2, 4, 8 and 16 samples: 1.2, 1.3, 1.4 and 1.3 times as fast; 256 to 256: 0.97, 1.03, 1.05 and 1.1;
/// 128 to 64 channels on 14 x 14, 16 samples: 0.9.
const MANY_SAMPLES: usize = 8;
const WEIGHTS: usize = 1 << 15;
const MANY_WEIGHTS: usize = 1 << 17;
const ENOUGH_PIXELS: usize = 16;
/// Numbers on the stages of samples that are laid out together: no more than the second level and a part of the third hold.
const STAGED: usize = 1 << 20;
/// Threads share columns as long as each has so many panels, for each reads all weights; then outputs.
const PANELS_EACH: usize = 8;
/// Rows of tiles that are worth gathering the columns for.
const TILES_EACH: usize = 4;

impl Conv {
    /// Whether samples are better convolved together, if it is by a product; `flipped` if the weights must be flipped for it, which is
    /// done while they are packed.
    pub(super) fn goes_together<T: Float, I: Lanes<T>>(&self, flipped: bool) -> bool {
        if SMALL || I::V::LANES == 1 || !(1..FEW_PIXELS).contains(&self.pixels()) {
            return false;
        }
        // Panels that are full anyway. One sample reads its weights once either way, and here they need not be packed before.
        if self.pixels().is_multiple_of(I::TILE.1 * I::V::LANES) && self.samples > 1 && !flipped {
            return false;
        }
        let weights = self.outputs_each() * self.depth();
        let many = self.samples >= MANY_SAMPLES && weights >= WEIGHTS;
        let large = self.samples > 1 && weights >= MANY_WEIGHTS && self.pixels() >= ENOUGH_PIXELS;
        // Offsets are kept in 32 bits.
        let reach = Stage::by_pixels(self).len().max(self.channels * self.image());
        let reach = reach.saturating_mul(self.most_together::<T, I>() + 1);
        (!self.is_pointwise() || many || large) && u32::try_from(reach).is_ok()
    }

    /// How many samples may have columns in one product.
    fn most_together<T: Float, I: Lanes<T>>(&self) -> usize {
        let columns = columns_at_once::<T>(I::V::LANES, I::TILE.1 * I::V::LANES);
        let stage = Stage::by_pixels(self);
        let held = if stage.is_image() { usize::MAX } else { STAGED / stage.len().max(1) };
        (columns / self.pixels().max(1)).min(held).min(self.samples).max(1)
    }
}

impl<T: Float> Forward<'_, T> {
    /// [`by_definition`](Forward::by_definition), of a convolution that [goes together](Conv::goes_together).
    #[inline(never)]
    pub(super) fn together<I: Lanes<T>>(self, isa: I) {
        let Self { conv, x, w, flipped, y, bias, activation } = self;
        if y.is_empty() {
            return;
        }
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), conv.image());
        let (lanes, width) = (I::V::LANES, I::TILE.1 * I::V::LANES);
        let stage = Stage::by_pixels(conv);
        let (one, steps) = (stage.pixels(), stage.taps());
        let y = Disjoint(y.as_mut_ptr());

        // A piece is a run of columns, and where they are too few for the threads some of the outputs.
        let panels = (conv.samples * pixels).div_ceil(width);
        let most = (conv.most_together::<T, I>() * pixels).div_ceil(width);
        let threads = super::tasks(conv).min(parallel::threads());
        let least = panels.div_ceil(most).max(1);
        let equal = least.next_multiple_of(threads);
        let chunks = if panels >= equal * PANELS_EACH { equal } else { least };
        let parts = threads.div_ceil(chunks).min(outputs.div_ceil(I::TILE.0) / TILES_EACH).max(1);
        let start = |chunk: usize| (panels * chunk / chunks * width).min(conv.samples * pixels);
        for g in 0..groups {
            let w = &Weights::new(conv, &w[g * outputs * depth..][..outputs * depth], flipped);
            let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[g * outputs..][..outputs]));
            let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
            parallel::for_each(chunks * parts, |piece| {
                let (chunk, part) = (piece / parts, piece % parts);
                let columns = start(chunk)..start(chunk + 1);
                let rows = outputs * part / parts..outputs * (part + 1) / parts;
                let samples = columns.start / pixels..columns.end.div_ceil(pixels);
                // Where the first sample begins, and the next one.
                let of = |sample: usize| (sample * conv.channels + g * channels) * image;
                let mut room = None;
                let (there, apart) = if stage.is_image() {
                    (&x[of(samples.start)..], conv.channels * image)
                } else {
                    let room = room.insert(Buffer::zeros(samples.len() * stage.len() + SLACK));
                    for (i, sample) in samples.clone().enumerate() {
                        let to = &mut room.make_mut()[i * stage.len()..];
                        stage.fill(isa, &x[of(sample)..][..channels * image], to);
                    }
                    (room.as_slice(), stage.len())
                };
                let pixel = |column: usize| {
                    (column / pixels - samples.start) * apart + one.offsets()[column % pixels] as usize
                };
                let corners = Axis::new(columns.len(), columns.clone().map(pixel));
                let runs = Runs::to_copy(&corners, width, lanes);
                let b = &Gather::new(there, &corners, &steps, &runs);
                let stride = columns.len().next_multiple_of(lanes) + LINE / size_of::<T>();
                let several = Depth::new::<T>(depth).count() > 1;
                let mut sums = several.then(|| Buffer::<T>::stale(outputs * stride));
                let c = &Planes {
                    sums: sums.as_mut().map(|sums| Disjoint(sums.make_mut().as_mut_ptr())),
                    stride,
                    first: columns.start,
                    pixels,
                    apart: conv.outputs * pixels,
                    y: y.at(g * outputs * pixels),
                    epilogue,
                };
                // SAFETY: the rectangles of different pieces do not overlap; each lies in y, whose length was checked, and operands
                // and bias have the sizes that they were made with. The sums are this piece's own.
                unsafe {
                    Loops { a: Source::Fresh(w), b: Source::Fresh(b), c, depth }.run(
                        isa,
                        rows,
                        0..columns.len(),
                    );
                }
            });
        }
    }
}

/// The target whose column j is pixel `(first + j) % pixels` of sample `(first + j) / pixels`: tiles are computed where they stay
/// near, and go to their planes after the last k.
struct Planes<'a, T> {
    /// Where sums of several blocks of k wait for each other; rows are `stride` numbers apart.
    sums: Option<Disjoint<T>>,
    stride: usize,
    first: usize,
    pixels: usize,
    /// From one sample to the next.
    apart: usize,
    y: Disjoint<T>,
    epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Target<T> for Planes<'_, T> {
    #[inline(always)]
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>)) {
        let Spot { row, column, rows, columns, .. } = spot;
        let mut tile = MaybeUninit::<[T; TILE_ROOM]>::uninit();
        let (c, stride) = match &self.sums {
            Some(sums) => (sums.at(row * self.stride + column).0, self.stride),
            None => (tile.as_mut_ptr().cast::<T>(), columns.next_multiple_of(I::V::LANES)),
        };
        let row_stride = stride as isize;
        compute(Ground { c, row_stride, scale: T::ONE, add: spot.block > 0, near: self.sums.is_none() });
        if spot.last {
            // SAFETY: the tile has been computed, and there is a bias for each row; the caller promises these rows and columns.
            unsafe {
                Finish { c, row_stride, row, column, rows, columns, epilogue: self.epilogue }.apply(isa);
            }
            isa.enter(Put { tile: c, stride, spot, on: self });
        }
    }
}

/// Copies a finished tile to its planes; [`Planes::take`] has been promised both.
struct Put<'a, T> {
    tile: *const T,
    stride: usize,
    spot: Spot,
    on: &'a Planes<'a, T>,
}

impl<T: Float> Kernel<T> for Put<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { tile, stride, spot, on } = self;
        let lanes = I::V::LANES;
        let mut j = 0;
        while j < spot.columns {
            let column = on.first + spot.column + j;
            let (sample, pixel) = (column / on.pixels, column % on.pixels);
            let count = (on.pixels - pixel).min(spot.columns - j).min(lanes);
            for i in 0..spot.rows {
                // SAFETY: `count` numbers lie in the tile and in their plane, which is ours there.
                unsafe {
                    let from = tile.add(i * stride + j);
                    let to = on.y.at(sample * on.apart + (spot.row + i) * on.pixels + pixel).0;
                    if count == lanes {
                        isa.load(from).store(to);
                    } else {
                        isa.load_first(count, from).store_first(count, to);
                    }
                }
            }
            j += count;
        }
    }
}
