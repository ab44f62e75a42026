//! Depthwise convolution: groups of one channel have no matrix to multiply, so registers run along the pixels and all
//! taps of eight registers are summed before any is stored.

use super::forward::Forward;
use super::gather::{Axis, Runs};
use super::input_grad::InputGrad;
use super::stage::Stage;
use super::{Conv, tasks, three};
use crate::kernel::product::finish::Finish;
use crate::kernel::product::target::Disjoint;
use crate::kernel::product::{Activation, Bias, Epilogue};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, parallel};

impl Conv {
    /// Whether each group has one channel (and there are several). How many outputs it has
    /// does not matter.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels_each() == 1
    }
}

/// The forward role.
pub(super) fn forward<T: Float, I: Lanes<T>>(isa: I, role: Forward<'_, T>) {
    let Forward { conv, x, w, y, bias, activation } = role;
    correlate(isa, conv, x, y, false, w, (bias, activation));
}

/// The gradient by the input, as the `flipped` convolution.
pub(super) fn input_grad<T: Float, I: Lanes<T>>(isa: I, flipped: &Conv, role: InputGrad<'_, T>) {
    let InputGrad { w, dy, dx, .. } = role;
    correlate(isa, flipped, dy, dx, true, w, (None, None));
}

fn correlate<T: Float, I: Lanes<T>>(
    isa: I,
    conv: &Conv,
    x: &[T],
    y: &mut [T],
    flip: bool,
    w: &[T],
    (bias, activation): (Option<&[T]>, Option<Activation>),
) {
    let stage = Stage::by_pixels(conv);
    let (taps, corners) = (stage.taps(), stage.pixels());
    let (outputs, pixels, image) = (conv.outputs_each(), conv.pixels(), conv.image());
    let runs = Runs::to_copy(&corners, pixels, I::V::LANES);
    let three = three::Plane::new(&stage, &conv.window, conv.output);
    let y = Disjoint(y.as_mut_ptr());
    let pieces = conv.samples * conv.groups;
    let tasks = tasks(conv).min(pieces);
    parallel::for_each(tasks, |task| {
        let mut room = stage.build::<T>();
        for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
            let place = piece * image..(piece + 1) * image;
            let there = three.and_then(|plane| plane.image(isa, x, place.clone()));
            if there.is_none() {
                stage.fill(isa, &x[place], room.make_mut());
            }
            let ground = there.unwrap_or(three::Ground::Stage(room.as_slice()));
            for output in 0..outputs {
                let o = piece % conv.groups * outputs + output;
                let w = &w[o * taps.len()..][..taps.len()];
                let y = y.at((piece * outputs + output) * pixels).0;
                let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[o..o + 1]));
                let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
                let (row_stride, columns) = (pixels as isize, pixels);
                let whole = Finish { c: y, row_stride, row: 0, column: 0, rows: 1, columns, epilogue };
                if let Some(plane) = three {
                    // SAFETY: each piece has its own planes of y, whose length was checked.
                    let y = unsafe { core::slice::from_raw_parts_mut(y, pixels) };
                    let taps = core::array::from_fn(|t| w[if flip { 8 - t } else { t }]);
                    isa.enter(three::Correlate { plane, ground, taps, y });
                } else {
                    corners.check(&taps, room.len());
                    isa.enter(Correlate {
                        stage: room.as_slice().as_ptr(),
                        runs: runs.of(0),
                        taps: &taps,
                        w,
                        flip,
                        y,
                    });
                }
                // SAFETY: each piece has its own planes of y, whose length was checked.
                unsafe { whole.apply(isa) };
            }
        }
    });
}

/// How many registers are summed at a time: so many chains keep two units busy over a latency of four.
const CHAINS: usize = 8;

/// One output plane; [`Axis::check`] has seen that the offsets lie on the stage.
struct Correlate<'a, T> {
    stage: *const T,
    /// Pixel, offset and length of each register of the plane.
    runs: &'a [[u32; 3]],
    taps: &'a Axis,
    w: &'a [T],
    /// Whether the weights are taken from the last to the first.
    flip: bool,
    y: *mut T,
}

impl<T: Float> Kernel<T> for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let taps = &self.taps.offsets()[..self.w.len()];
        for runs in self.runs.chunks(CHAINS) {
            // Registers that are too many repeat the last, and are not stored.
            let places: [usize; CHAINS] = core::array::from_fn(|i| runs[i.min(runs.len() - 1)][1] as usize);
            let mut sums = [isa.splat(T::ZERO); CHAINS];
            for (t, &tap) in taps.iter().enumerate() {
                let w = isa.splat(self.w[if self.flip { taps.len() - 1 - t } else { t }]);
                let tap = self.stage.wrapping_add(tap as usize);
                for (sum, &offset) in sums.iter_mut().zip(&places) {
                    // SAFETY: offsets of pixel and tap, and a register more, lie on the stage.
                    *sum = w.mul_add(unsafe { isa.load(tap.add(offset)) }, *sum);
                }
            }
            for (sum, &[pixel, _, length]) in sums.iter().zip(runs) {
                let (to, length) = (self.y.wrapping_add(pixel as usize), length as usize);
                // SAFETY: the plane has all pixels, and `length` of them from here.
                unsafe { if length == I::V::LANES { sum.store(to) } else { sum.store_first(length, to) } }
            }
        }
    }
}

/// Adds to `dw`, one number a tap, the sums over all pixels of `dy` times what lies under the tap.
pub(super) struct WeightSums<'a, T> {
    pub(super) stage: &'a [T],
    pub(super) pixels: &'a Axis,
    /// The pixels' registers.
    pub(super) runs: &'a Runs,
    pub(super) taps: &'a Axis,
    pub(super) dy: &'a [T],
    pub(super) dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for WeightSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.pixels.check(self.taps, self.stage.len());
        assert_eq!([self.dy.len(), self.dw.len()], [self.pixels.len(), self.taps.len()]);
        // So many taps at a time that each register of dy is fetched for several, and several sums are on their way.
        if self.taps.len() <= 5 { self.all::<I, 5>(isa) } else { self.all::<I, 9>(isa) }
    }
}

impl<T: Float> WeightSums<'_, T> {
    #[inline(always)]
    fn all<I: Lanes<T>, const TAPS: usize>(self, isa: I) {
        for first in (0..self.taps.len()).step_by(TAPS) {
            let left = (self.taps.len() - first).min(TAPS);
            let taps: [usize; TAPS] =
                core::array::from_fn(|t| self.taps.offsets()[first + t.min(left - 1)] as usize);
            let mut sums = [isa.splat(T::ZERO); TAPS];
            for &[pixel, offset, length] in self.runs.of(0) {
                let from = self.stage.as_ptr().wrapping_add(offset as usize);
                // SAFETY: the run's pixels lie in `dy`; offsets of pixels and taps, and a register more, lie on the stage.
                // (Both registers of a short run are masked: zero times what lies behind it would be NaN for a NaN.)
                unsafe {
                    let dy = self.dy.as_ptr().add(pixel as usize);
                    let length = length as usize;
                    if length == I::V::LANES {
                        let dy = isa.load(dy);
                        for (sum, &tap) in sums.iter_mut().zip(&taps) {
                            *sum = dy.mul_add(isa.load(from.add(tap)), *sum);
                        }
                    } else {
                        let dy = isa.load_first(length, dy);
                        for (sum, &tap) in sums.iter_mut().zip(&taps) {
                            *sum = dy.mul_add(isa.load_first(length, from.add(tap)), *sum);
                        }
                    }
                }
            }
            for (t, sum) in sums.into_iter().enumerate() {
                if t < left {
                    self.dw[first + t] = self.dw[first + t] + sum.sum();
                }
            }
        }
    }
}
