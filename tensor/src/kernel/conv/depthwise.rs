//! Depthwise convolution: groups of one channel have no matrix to multiply, so registers run along the pixels and all
//! taps of eight registers are summed before any is stored.

use super::forward::Forward;
use super::gather::Axis;
use super::input_grad::InputGrad;
use super::stage::Stage;
use super::{Conv, tasks};
use crate::kernel::product::finish::Finish;
use crate::kernel::product::target::Disjoint;
use crate::kernel::product::{Activation, Bias, Epilogue};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, Window, parallel};

impl Conv {
    /// Whether each group has one channel (and there are several). It must not hang on the outputs: stacking cotangents
    /// there must not change the order of a sum.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels_each() == 1
    }

    /// The depthwise convolution of `dy` with the flipped taps that gives `dx`, if there is one: the stride is 1, one
    /// output sees each channel, and the padding is less than the window.
    pub(super) fn flipped(&self) -> Option<Conv> {
        if !self.is_depthwise() || self.outputs_each() != 1 || self.window.stride != [1, 1] {
            return None;
        }
        let Window { input, kernel, pad, dilation, .. } = self.window;
        let mut flipped = Window { input: self.output, ..self.window };
        for axis in 0..2 {
            for side in 0..2 {
                flipped.pad[axis][side] =
                    ((kernel[axis] - 1) * dilation[axis]).checked_sub(pad[axis][side])?;
            }
        }
        let conv =
            Conv::new(flipped, [self.samples, self.outputs, self.channels], self.groups, "conv2d").ok()?;
        (conv.output == input).then_some(conv)
    }
}

/// The forward role.
pub(super) fn forward<T: Float, I: Lanes<T>>(isa: I, role: Forward<'_, T>) {
    let Forward { conv, x, w, y, bias, activation } = role;
    correlate(isa, conv, x, y, false, w, (bias, activation));
}

/// The gradient by the input, of a convolution that can be [flipped](Conv::flipped).
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
    let y = Disjoint(y.as_mut_ptr());
    let pieces = conv.samples * conv.groups;
    let tasks = tasks(conv).min(pieces);
    parallel::for_each(tasks, |task| {
        let mut room = stage.build::<T>();
        for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
            stage.fill(&x[piece * image..][..image], room.make_mut());
            for output in 0..outputs {
                let o = piece % conv.groups * outputs + output;
                let w = &w[o * taps.len()..][..taps.len()];
                let y = y.at((piece * outputs + output) * pixels).0;
                let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[o..o + 1]));
                let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
                let (row_stride, columns) = (pixels as isize, pixels);
                let whole = Finish { c: y, row_stride, row: 0, column: 0, rows: 1, columns, epilogue };
                corners.check(&taps, room.len());
                isa.enter(Correlate {
                    stage: room.as_slice().as_ptr(),
                    pixels: &corners,
                    taps: &taps,
                    w,
                    flip,
                    y,
                });
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
    pixels: &'a Axis,
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
        let mut pixel = 0;
        while pixel < self.pixels.len() {
            // Registers that are too many repeat the first, and are not stored.
            let mut places = [self.pixels.run(pixel, I::V::LANES); CHAINS];
            let mut starts = [pixel; CHAINS];
            let mut count = 0;
            while count < CHAINS && pixel < self.pixels.len() {
                places[count] = self.pixels.run(pixel, I::V::LANES);
                starts[count] = pixel;
                pixel += places[count].1;
                count += 1;
            }
            let mut sums = [isa.splat(T::ZERO); CHAINS];
            for (t, &tap) in self.taps.offsets().iter().enumerate() {
                let w = isa.splat(self.w[if self.flip { self.w.len() - 1 - t } else { t }]);
                for (sum, &(offset, _)) in sums.iter_mut().zip(&places) {
                    // SAFETY: offsets of pixel and tap, and a register more, lie on the stage.
                    *sum = w.mul_add(unsafe { isa.load(self.stage.add(tap as usize + offset)) }, *sum);
                }
            }
            for i in 0..CHAINS {
                if i < count {
                    let (to, length) = (self.y.wrapping_add(starts[i]), places[i].1);
                    // SAFETY: the plane has all pixels, and `length` of them from here.
                    unsafe {
                        if length == I::V::LANES {
                            sums[i].store(to)
                        } else {
                            sums[i].store_first(length, to)
                        }
                    }
                }
            }
        }
    }
}

/// How many taps are summed at a time: 25 and 9 come out (nearly) even.
const TAPS: usize = 5;

/// Adds to `dw`, one number a tap, the sums over all pixels of `dy` times what lies under the tap.
pub(super) struct WeightSums<'a, T> {
    pub(super) stage: &'a [T],
    pub(super) pixels: &'a Axis,
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
        for first in (0..self.taps.len()).step_by(TAPS) {
            let left = (self.taps.len() - first).min(TAPS);
            let taps: [usize; TAPS] =
                core::array::from_fn(|t| self.taps.offsets()[first + t.min(left - 1)] as usize);
            let mut sums = [isa.splat(T::ZERO); TAPS];
            let mut pixel = 0;
            while pixel < self.pixels.len() {
                let (offset, length) = self.pixels.run(pixel, I::V::LANES);
                let whole = length == I::V::LANES;
                // SAFETY: the run's pixels lie in `dy`; offsets of pixels and taps lie on the stage.
                unsafe {
                    let load = |from| if whole { isa.load(from) } else { isa.load_first(length, from) };
                    let dy = load(self.dy.as_ptr().add(pixel));
                    for (sum, &tap) in sums.iter_mut().zip(&taps) {
                        *sum = dy.mul_add(load(self.stage.as_ptr().add(offset + tap)), *sum);
                    }
                }
                pixel += length;
            }
            for (t, sum) in sums.into_iter().enumerate() {
                if t < left {
                    self.dw[first + t] = self.dw[first + t] + sum.sum();
                }
            }
        }
    }
}
