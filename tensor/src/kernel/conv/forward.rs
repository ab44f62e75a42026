//! The forward role: `y[n] = w gather(x[n])`, one product a sample, or one for several together.

use super::Conv;
use super::direct::{Direct, Strips, most_rows};
use super::flip::flipped_weights;
use super::gather::{Gather, Runs};
use super::pointwise::Pointwise;
use super::stage::Stage;
use super::winograd::all_tame;
use crate::kernel::product::finish::Finish;
use crate::kernel::product::loops::{Loops, Panels, Source};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::kernel::product::{Activation, Bias, Epilogue};
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};

/// The operands, whose sizes have been checked.
pub struct Forward<'a, T> {
    pub(super) conv: &'a Conv,
    pub(super) x: &'a [T],
    pub(super) w: &'a [T],
    /// Whether `w` is of the convolution whose input gradient this is, by a product or by tiles.
    pub(super) flipped: bool,
    pub(super) y: &'a mut [T],
    pub(super) bias: Option<&'a [T]>,
    pub(super) activation: Option<Activation>,
}

impl<T: Float> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.all(isa);
    }
}

impl<T: Float> Forward<'_, T> {
    #[inline(never)]
    pub(super) fn all<I: Lanes<T>>(self, isa: I) {
        if self.conv.is_depthwise() {
            return super::depthwise::forward(isa, self);
        }
        if self.conv.is_pointwise() && (SMALL || !self.conv.goes_together::<T, I>(self.flipped)) {
            let Self { conv, x, w, flipped: _, y, bias, activation } = self;
            return Pointwise { conv, x, w, transposed: false, y, bias, activation }.run(isa);
        }
        if self.conv.is_for_winograd::<T, I>() {
            let Self { conv, x, w, flipped, y, bias, activation } = self;
            let turned = flipped.then(|| flipped_weights(conv, w));
            let w = turned.as_ref().map_or(w, Buffer::as_slice);
            return Forward { conv, x, w, flipped: false, y, bias, activation }.by_tiles(isa);
        }
        self.by_definition(isa);
    }

    /// Each output as one chain of multiply-adds over the taps of all channels.
    #[inline(never)]
    pub(super) fn by_definition<I: Lanes<T>>(self, isa: I) {
        let Self { conv, x, w, flipped, y, bias, activation } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), conv.image());
        let stage = Stage::by_pixels(conv);
        let (taps, corners) = (stage.taps(), stage.pixels());
        let width = I::TILE.1 * I::V::LANES;
        let runs = Runs::to_copy(&corners, width, I::V::LANES);
        // A stage that stays in the first-level cache is not packed, but read where it lies.
        let strips =
            match Strips::new(isa, conv, &stage, &corners).filter(|_| !conv.is_worth_packing::<T, I>()) {
                Some(strips) if I::V::LANES > 1 && !all_tame(isa, w) => Some(strips.with_padding(conv)),
                strips => strips,
            };
        if !SMALL && strips.is_none() && conv.goes_together::<T, I>(flipped) {
            return Forward { conv, x, w, flipped, y, bias, activation }.together(isa);
        }
        let turned = flipped.then(|| flipped_weights(conv, w));
        let w = turned.as_ref().map_or(w, Buffer::as_slice);
        let y = Disjoint(y.as_mut_ptr());

        // A task is a run of pieces; a piece is some pixels of one sample. Samples are cut only where there are too few
        // of them.
        let wanted = super::tasks(conv);
        let parts = wanted.div_ceil(conv.samples.max(1)).min(pixels.div_ceil(width)).max(1);
        let pieces = conv.samples * parts;
        let tasks = wanted.min(pieces);
        for g in 0..groups {
            let w = Matrix::row_major(&w[g * outputs * depth..][..outputs * depth], outputs, depth);
            let most = if strips.is_some() { most_rows::<T, I>() } else { I::TILE.0 };
            let panels = Panels::of_tiles(isa, &w.by_rows(), outputs, depth, most);
            let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[g * outputs..][..outputs]));
            let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
            parallel::for_each(tasks, |task| {
                let mut room = stage.build::<T>();
                let (begin, end) = (pieces * task / tasks, pieces * (task + 1) / tasks);
                for sample in begin / parts..end.div_ceil(parts) {
                    let cut = |part: usize| (pixels.div_ceil(width) * part / parts * width).min(pixels);
                    let part = |piece: usize| piece.clamp(begin, end) - sample * parts;
                    // The pieces of this sample that are ours lie side by side.
                    let ours = part(sample * parts)..part((sample + 1) * parts);
                    let columns = cut(ours.start)..cut(ours.end);
                    let at = (sample * conv.channels + g * channels) * image;
                    let image = at..at + channels * image;
                    let next = at + conv.channels * conv.image();
                    let next = x.get(next..next + channels * conv.image()).unwrap_or_default();
                    let start = (sample * conv.outputs + g * outputs) * pixels;
                    let c = &RowMajor { c: y.at(start), row_stride: pixels, apart: 0, epilogue };
                    let a = Source::Packed::<T, Strided<'_, T>>(&panels);
                    // SAFETY: the rectangles of different tasks do not overlap; each lies in its sample of y, whose
                    // length was checked, and operands and bias have the sizes that they were made with.
                    unsafe {
                        match &strips {
                            Some(strips) => {
                                let there = stage.set(isa, x, image, &mut room);
                                // In pairs, whatever the number of parts.
                                let part = |part: usize| {
                                    (strips.len().div_ceil(2) * part / parts * 2).min(strips.len())
                                };
                                let ours = part(ours.start)..part(ours.end);
                                let (columns, c) = (strips.pixels(&ours), y.at(start));
                                Direct::new(there, &corners, strips, &taps, &panels, conv.taps())
                                    .before(next)
                                    .run(isa, outputs, ours, c, pixels);
                                let (rows, row_stride) = (outputs, pixels as isize);
                                let (c, column, columns) =
                                    (c.at(columns.start).0, columns.start, columns.len());
                                Finish { c, row_stride, row: 0, column, rows, columns, epilogue }.apply(isa);
                            }
                            None => {
                                let there = stage.set(isa, x, image, &mut room);
                                let b = &Gather::new(there, &corners, &taps, &runs);
                                Loops { a, b: Source::Fresh(b), c, depth }.run(isa, 0..outputs, columns);
                            }
                        }
                    }
                }
            });
        }
    }
}
