//! The gradient by the weights of a depthwise convolution: rows of the cotangent times the rows that lie under a tap.

use super::two;
use crate::Float;
use crate::kernel::conv::stage::{SLACK, Stage};
use crate::kernel::conv::three;
use crate::kernel::conv::weight_grad::{WeightGrad, add_chunks, chunks, for_each_part};
use crate::kernel::product::target::Disjoint;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;

/// Channel by channel. The sizes must not be empty.
pub(in crate::kernel::conv) fn weight_grad<T: Float, I: Lanes<T>>(isa: I, role: WeightGrad<'_, T>) {
    let WeightGrad { conv, stack, x, dy, dw } = role;
    let (outputs, groups, depth) = (conv.outputs_each(), conv.groups, conv.depth());
    let (pixels, image) = (conv.pixels(), conv.image());
    let stage = Stage::by_pixels(conv);
    let taps = stage.taps();
    let taps = &filled_up(taps.offsets());
    let three = three::Plane::new(&stage, &conv.window, conv.output);
    let two = two::Plane::new(isa, conv);
    let (down, wide) = (conv.window.stride[0] * stage.row(), conv.output[1]);
    let chunks = chunks(conv);
    // The first chunk's sum is computed where the total goes, the others beside each other.
    let len = dw.len();
    let mut others = Buffer::<T>::stale((chunks - 1) * len);
    let (first, rest) = (Disjoint(dw.as_mut_ptr()), Disjoint(others.make_mut().as_mut_ptr()));

    // Taps are few, and groups many.
    for_each_part(conv, chunks, [depth, depth], |chunk, g, _| {
        let sums = if chunk == 0 { first } else { rest.at((chunk - 1) * len) };
        let (mut room, mut before) = (None, None);
        let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
        for sample in samples.clone() {
            let piece = sample * groups + g;
            let place = piece * image..(piece + 1) * image;
            let plot = two.map(|_| two::Plot::new(x, place.clone(), &mut before));
            let lying = three.and_then(|plane| plane.image(isa, x, place.clone()));
            let there = match (plot, lying) {
                (None, None) => stage.set(isa, x, place, room.get_or_insert_with(|| stage.build())),
                _ => &[],
            };
            let ground = lying.unwrap_or(three::Ground::Stage(there));
            for (k, o) in (0..stack).flat_map(|k| (0..outputs).map(move |o| (k, o))) {
                let at = ((k * conv.samples + sample) * groups + g) * outputs + o;
                let dy = &dy[at * pixels..][..pixels];
                let at = k * conv.w_len() + (g * outputs + o) * depth;
                // SAFETY: each task has its own sums, one number for each tap of each output.
                let dw = unsafe { core::slice::from_raw_parts_mut(sums.at(at).0, depth) };
                if sample == samples.start {
                    dw.fill(T::ZERO);
                }
                if let (Some(plane), Some(x)) = (two, plot) {
                    isa.enter(two::WeightSums { plane, x, dy, dw });
                } else if let Some(plane) = three {
                    isa.enter(three::WeightSums { plane, ground, dy, dw });
                } else {
                    isa.enter(WeightSums { stage: there, down, taps: taps.as_slice(), wide, dy, dw });
                }
            }
        }
    });
    add_chunks(isa, dw, others.as_slice());
}

/// So many taps at a time that each register of the cotangent is fetched for several, and several sums are on their way.
const MANY: usize = 9;
/// As many of a window that has no more.
const FEW: usize = 5;

/// The taps, filled up to a multiple of those that are summed at a time: the last ones again.
fn filled_up(taps: &[u32]) -> Buffer<u32> {
    let (at_once, last) = (if taps.len() <= FEW { FEW } else { MANY }, taps.last().copied().unwrap_or(0));
    let mut filled = Buffer::stale(taps.len().next_multiple_of(at_once));
    let numbers = filled.make_mut();
    numbers.fill(last);
    numbers[..taps.len()].copy_from_slice(taps);
    filled
}

/// Adds to `dw`, one number a tap, the sums over all pixels of `dy [high, wide]` times what lies under the tap.
struct WeightSums<'a, T> {
    stage: &'a [T],
    /// Numbers from what lies under one row of a plane to what lies under the next.
    down: usize,
    /// As [`filled_up`].
    taps: &'a [u32],
    wide: usize,
    dy: &'a [T],
    dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for WeightSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        const { assert!(MOST_LANES <= SLACK) };
        if self.dy.is_empty() || self.taps.is_empty() {
            return;
        }
        let high = self.dy.len() / self.wide;
        let reach = self.taps.iter().copied().max().unwrap_or(0) as usize;
        assert!((high - 1) * self.down + self.wide - 1 + reach + SLACK <= self.stage.len());
        match self.taps.len() % MANY {
            0 => self.all::<I, MANY>(isa, high),
            _ => self.all::<I, FEW>(isa, high),
        }
    }
}

impl<T: Float> WeightSums<'_, T> {
    #[inline(always)]
    fn all<I: Lanes<T>, const TAPS: usize>(self, isa: I, high: usize) {
        let (wide, lanes) = (self.wide, I::V::LANES);
        let whole = wide / lanes * lanes;
        for (taps, dw) in self.taps.as_chunks::<TAPS>().0.iter().zip(self.dw.chunks_mut(TAPS)) {
            let tap = taps.map(|tap| tap as usize);
            let mut all = [isa.splat(T::ZERO); TAPS];
            for i in 0..high {
                let dy = self.dy.as_ptr().wrapping_add(i * wide);
                let from = self.stage.as_ptr().wrapping_add(i * self.down);
                let mut j = 0;
                // SAFETY: `run` has seen that rows, columns and taps lie on the stage, and a register more; the row of dy is there.
                unsafe {
                    while j < whole {
                        let dy = isa.load(dy.add(j));
                        for t in 0..TAPS {
                            all[t] = dy.mul_add(isa.load(from.add(j + tap[t])), all[t]);
                        }
                        j += lanes;
                    }
                    if j < wide {
                        // Zeros beyond the row in both: zero times what lies there would be NaN for a NaN.
                        let dy = isa.load_first(wide - j, dy.add(j));
                        for t in 0..TAPS {
                            all[t] = dy.mul_add(isa.load_first(wide - j, from.add(j + tap[t])), all[t]);
                        }
                    }
                }
            }
            for (dw, sum) in dw.iter_mut().zip(all) {
                *dw = *dw + sum.sum();
            }
        }
    }
}
