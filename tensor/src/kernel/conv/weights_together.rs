//! The gradient by the weights of samples together: the pixels of several of them are the steps of one product.
//!
//! Where an image has few pixels, a product of one sample is done with each sum after a few steps, and what it adds to has left the
//! near caches when the next sample comes.

use super::Conv;
use super::gather::{Axis, Gather, Runs};
use super::stage::{SLACK, Stage};
use super::weight_grad::{Products, WeightGrad, add_chunks, for_each_part};
use crate::kernel::product::loops::cut;
use crate::kernel::product::operand::{Operand, Place, check_panel};
use crate::kernel::product::target::Disjoint;
use crate::kernel::turn::Turn;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL};
use core::ops::Range;

/// Images of more pixels are long enough alone.
const FEW_PIXELS: usize = 256;
/// So many pixels are taken together: some blocks of k, which leave what they add to in the caches no longer than it takes to use it.
const PIXELS: usize = 1024;
/// Numbers on the stages of samples that are laid out together.
const STAGED: usize = 1 << 20;
/// Samples are cut into chunks for threads as long as all partial sums are no more numbers than that: of larger gradients threads
/// share what is summed.
const SUMS: usize = 1 << 19;
const CHUNKS: usize = 16;

/// The operand whose step k is pixel `k % pixels` of sample `k / pixels`, and whose lanes are planes.
struct Planes<'a, T> {
    data: &'a [T],
    lanes: usize,
    steps: usize,
    pixels: usize,
    /// From one sample to the next.
    apart: usize,
}

impl<'a, T> Planes<'a, T> {
    /// # Panics
    /// If there are not so many numbers.
    fn new(data: &'a [T], [samples, lanes, pixels]: [usize; 3], apart: usize) -> Self {
        assert!(samples > 0 && (samples - 1) * apart + lanes * pixels <= data.len());
        Self { data, lanes, steps: samples * pixels, pixels, apart }
    }
}

// SAFETY: there is no place to read from.
unsafe impl<T: Float> Operand<T> for Planes<'_, T> {
    fn pack<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panel: &mut [T],
    ) {
        check_panel(isa, [self.lanes, self.steps], &lanes, &steps, width, panel.len());
        isa.enter(Pack { from: self, lanes, steps, width, panel });
    }

    fn place(&self) -> Option<Place<T>> {
        None
    }
}

/// Packs one panel; [`Planes::pack`] has checked both ends.
struct Pack<'a, T> {
    from: &'a Planes<'a, T>,
    lanes: Range<usize>,
    steps: Range<usize>,
    width: usize,
    panel: &'a mut [T],
}

impl<T: Float> Kernel<T> for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { from: planes, lanes, steps, width, panel } = self;
        let pixels = planes.pixels;
        let mut step = steps.start;
        while step < steps.end && !lanes.is_empty() {
            let (sample, pixel) = (step / pixels, step % pixels);
            let count = (pixels - pixel).min(steps.end - step);
            let turn = Turn {
                from: planes.data[sample * planes.apart + lanes.start * pixels + pixel..].as_ptr(),
                from_stride: pixels as isize,
                rows: lanes.len(),
                columns: count,
                to: panel[(step - steps.start) * width..].as_mut_ptr(),
                to_stride: width as isize,
                fill: width,
                // The lanes of the next panel.
                ahead: (lanes.len() * pixels) as isize,
            };
            // SAFETY: lanes and steps exist, as `Planes::new` has seen; the panel has room for `width` lanes of each step.
            unsafe { turn.valid() }.run(isa);
            step += count;
        }
    }
}

/// How many chunks the samples are cut into.
fn chunks(conv: &Conv) -> usize {
    CHUNKS.min(conv.samples).min(SUMS / conv.w_len().max(1)).max(1)
}

impl Conv {
    /// Whether the gradient by the weights is better summed over samples together, if it is by a product.
    pub(super) fn weights_go_together<T: Float, I: Lanes<T>>(&self) -> bool {
        let stage = Stage::by_taps(self).len().checked_mul(PIXELS + 1);
        !SMALL
            && I::V::LANES > 1
            && self.samples > chunks(self)
            && (1..FEW_PIXELS).contains(&self.pixels())
            && stage.is_some_and(|len| u32::try_from(len).is_ok())
    }
}

impl<T: Float> WeightGrad<'_, T> {
    #[inline(never)]
    pub(super) fn together<I: Lanes<T>>(self, isa: I) {
        let Self { conv, stack, x, dy, dw } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), channels * conv.image());
        let stage = Stage::by_taps(conv);
        let (taps, corners) = (stage.taps(), stage.pixels());
        let width = I::TILE.1 * I::V::LANES;
        let runs = Runs::to_copy(&taps, width, I::V::LANES);
        let held = if conv.is_pointwise() { usize::MAX } else { STAGED / stage.len().max(1) };
        let most = (PIXELS / pixels).min(held).max(1);
        let chunks = chunks(conv);
        let len = dw.len();
        let mut others = Buffer::<T>::stale((chunks - 1) * len);
        let (first, rest) = (Disjoint(dw.as_mut_ptr()), Disjoint(others.make_mut().as_mut_ptr()));

        for_each_part(conv, chunks, [depth, width], |chunk, g, columns| {
            let sums = if chunk == 0 { first } else { rest.at((chunk - 1) * len) };
            let sums = |k: usize| sums.at(k * conv.w_len() + g * outputs * depth);
            let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
            let mut room: Option<Buffer<T>> = None;
            for some in cut(samples.clone(), most) {
                let count = some.len();
                let x = |sample: usize| &x[(sample * groups + g) * image..];
                let dy = |k: usize| {
                    let dy = &dy[((k * conv.samples + some.start) * groups + g) * outputs * pixels..];
                    Planes::new(dy, [count, outputs, pixels], conv.outputs * pixels)
                };
                let products = Products {
                    isa,
                    sizes: [outputs, count * pixels, depth],
                    columns: columns.clone(),
                    stack,
                    first: some.start == samples.start,
                };
                if conv.is_pointwise() {
                    let b = &Planes::new(x(some.start), [count, channels, pixels], conv.channels * pixels);
                    // SAFETY: each task has its own sums, K times these columns of `outputs` rows of `depth`.
                    unsafe { products.run(dy, b, sums) };
                    continue;
                }
                let len = stage.len();
                let room = room.get_or_insert_with(|| Buffer::zeros(most.min(samples.len()) * len + SLACK));
                for (i, sample) in some.clone().enumerate() {
                    stage.fill(isa, &x(sample)[..image], &mut room.make_mut()[i * len..]);
                }
                let places =
                    |i: usize| corners.offsets().iter().map(move |&corner| i * len + corner as usize);
                let steps = Axis::new(count * pixels, (0..count).flat_map(places));
                let b = &Gather::new(room.as_slice(), &taps, &steps, &runs);
                // SAFETY: as above.
                unsafe { products.run(dy, b, sums) };
            }
        });
        add_chunks(isa, dw, others.as_slice());
    }
}
