//! The weights of a convolution as those of the convolution that gives its input gradient: outputs and channels change places, and
//! taps go from the last to the first.

use super::Conv;
use crate::kernel::product::operand::{Matrix, Operand, Place, Strided, check_panel};
use crate::kernel::turn::Turn;
use crate::simd::{Kernel, Lanes};
use crate::storage::Buffer;
use crate::{Float, Window, parallel};
use core::ops::Range;

/// Rows of flipped weights that are written together.
const ABREAST: usize = 16;

impl Conv {
    /// The convolution of `dy` with the flipped taps that gives `dx`, if there is one: the stride is 1, and the padding is
    /// less than the window. It has one group of channels for each of ours.
    pub(super) fn flipped(&self) -> Option<Conv> {
        if self.window.stride != [1, 1] || (self.is_depthwise() && self.outputs_each() != 1) {
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

/// The weights of `conv`, `[outputs, channels of a group, taps]`, from those of the convolution whose input gradient it is.
pub(super) fn flipped_weights<T: Float>(conv: &Conv, w: &[T]) -> Buffer<T> {
    let (outputs, channels, taps) = (conv.outputs_each(), conv.channels_each(), conv.taps());
    let mut flipped = Buffer::stale(w.len());
    let each = channels * taps;
    // Some outputs at a time, whose taps lie side by side in each channel: 16 x 512 x 7 x 7 in all went from 111 to 117 Gflop/s.
    parallel::for_each_piece(flipped.make_mut(), ABREAST * each, |block, to| {
        for channel in 0..channels {
            for (i, to) in to.chunks_exact_mut(each.max(1)).enumerate() {
                let (group, output) = ((block * ABREAST + i) / outputs, (block * ABREAST + i) % outputs);
                let from = &w[((group * channels + channel) * outputs + output) * taps..][..taps];
                let to = &mut to[channel * taps..][..taps];
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, &from)| *to = from);
            }
        }
    });
    flipped
}

/// The weights of one group as the left operand of a product: a lane for each output, a step for each tap of each channel.
pub(super) enum Weights<'a, T> {
    /// As they lie.
    There(Strided<'a, T>),
    /// To be flipped on their way into panels.
    Flipped { w: &'a [T], sizes: [usize; 3] },
}

impl<'a, T: Float> Weights<'a, T> {
    /// Those of one group of `conv`, or of the convolution whose input gradient it is.
    ///
    /// # Panics
    /// If there are too few.
    pub(super) fn new(conv: &Conv, w: &'a [T], flipped: bool) -> Self {
        let sizes @ [outputs, channels, taps] = [conv.outputs_each(), conv.channels_each(), conv.taps()];
        assert!(w.len() >= outputs * channels * taps);
        match (flipped, taps) {
            (false, _) => Self::There(Matrix::row_major(w, outputs, channels * taps).by_rows()),
            (true, 1) => Self::There(Matrix::row_major(w, channels, outputs).transposed().by_rows()),
            _ => Self::Flipped { w, sizes },
        }
    }
}

// SAFETY: the place is that of the strided operand, or none.
unsafe impl<T: Float> Operand<T> for Weights<'_, T> {
    fn pack<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panel: &mut [T],
    ) {
        match *self {
            Self::There(w) => w.pack(isa, lanes, steps, width, panel),
            Self::Flipped { w, sizes: [outputs, channels, taps] } => {
                check_panel(isa, [outputs, channels * taps], &lanes, &steps, width, panel.len());
                if lanes.is_empty() {
                    return;
                }
                isa.enter(Flip { w, outputs, taps, lanes, steps, width, panel });
            }
        }
    }

    fn place(&self) -> Option<Place<T>> {
        match self {
            Self::There(w) => w.place(),
            Self::Flipped { .. } => None,
        }
    }
}

/// Packs one panel; [`Weights::pack`] has checked both ends.
struct Flip<'a, T> {
    w: &'a [T],
    outputs: usize,
    taps: usize,
    lanes: Range<usize>,
    steps: Range<usize>,
    width: usize,
    panel: &'a mut [T],
}

impl<T: Float> Kernel<T> for Flip<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { w, outputs, taps, lanes, steps, width, panel } = self;
        let mut step = steps.start;
        while step < steps.end {
            let (channel, tap) = (step / taps, step % taps);
            let count = (taps - tap).min(steps.end - step);
            // The last of these steps is the first of the taps as they lie.
            let from = (channel * outputs + lanes.start) * taps + taps - tap - count;
            let to = (step + count - 1 - steps.start) * width;
            let turn = Turn {
                from: w[from..].as_ptr(),
                from_stride: taps as isize,
                rows: lanes.len(),
                columns: count,
                to: panel[to..].as_mut_ptr(),
                to_stride: -(width as isize),
                fill: width,
                // The lanes of the next panel.
                ahead: (lanes.len() * taps) as isize,
            };
            // SAFETY: `Weights::new` has seen that there are as many weights, and `check_panel` that lanes and steps exist and that
            // the panel has room for `width` lanes of each step.
            unsafe { turn.valid() }.run(isa);
            step += count;
        }
    }
}
