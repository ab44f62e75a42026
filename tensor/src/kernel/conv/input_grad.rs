//! The gradient by the input: `dx[n] = fold(w^T dy[n])`, one product a sample and some channels.

use super::Conv;
use super::depthwise::phases::Phases;
use super::direct::Strips;
use super::forward::Forward;
use super::gather::{Fold, Runs};
use super::pointwise::Pointwise;
use super::stage::{SLACK, Stage, taps_before_channels};
use super::winograd::all_tame;
use crate::kernel::product::loops::{Loops, Panels, Source, cut};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::target::Disjoint;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, Window, parallel};
use alloc::vec::Vec;

/// Taps of some channels that are one product, and may be one task: so many that packing the cotangent anew for the next ones
/// takes no time beside multiplying it.
const ROWS: usize = 512;
/// Channels whose weights are flipped together.
const ABREAST: usize = 16;

/// The operands, whose sizes have been checked.
pub struct InputGrad<'a, T> {
    pub(super) conv: &'a Conv,
    pub(super) w: &'a [T],
    pub(super) dy: &'a [T],
    pub(super) dx: &'a mut [T],
}

impl<T: Float> Kernel<T> for InputGrad<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.all(isa);
    }
}

impl<T: Float> InputGrad<'_, T> {
    #[inline(never)]
    fn all<I: Lanes<T>>(self, isa: I) {
        if let Some(flipped) = self.conv.flipped() {
            if self.conv.is_depthwise() {
                return super::depthwise::input_grad(isa, &flipped, self);
            }
            // A weight that is not finite meets the padding there, and so must at each level or at none.
            if self.conv.is_worth_flipping()
                || I::V::LANES > 1
                    && self.conv.is_worth_flipping_directly(isa, &flipped)
                    && all_tame(isa, self.w)
            {
                let w = flipped_weights(self.conv, self.w);
                let (w, bias, activation) = (w.as_slice(), None, None);
                return Forward { conv: &flipped, x: self.dy, w, y: self.dx, bias, activation }.all(isa);
            }
        }
        // On a small device, where no such gradient is known to be wanted, they would be 5 KB of flash in every program with a tape.
        if !SMALL
            && self.conv.is_depthwise()
            && all_tame(isa, self.w)
            && let Some(phases) = Phases::new(self.conv)
        {
            return phases.input_grad(isa, self);
        }
        let Self { conv, w, dy, dx } = self;
        if conv.is_pointwise() {
            let (bias, activation) = (None, None);
            return Pointwise { conv, x: dy, w, transposed: true, y: dx, bias, activation }.run(isa);
        }
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, taps) = (conv.depth(), conv.pixels(), conv.taps());
        let stage = Stage::by_pixels(conv);
        let corners = stage.pixels();
        let dx = Disjoint(dx.as_mut_ptr());
        let runs = Runs::to_add(&corners, I::TILE.1 * I::V::LANES, I::V::LANES);

        // Some channels of a group at a time, so that threads can share a single sample: always the same ones, for the order in
        // which a product is folded depends on its rows.
        let most = (ROWS / taps.max(1)).clamp(1, 128);
        let each = cut(0..channels, most);
        let mut parts: Vec<_> = (0..groups).flat_map(|g| each.clone().map(move |of| (g, of, None))).collect();
        parallel::for_each_piece(&mut parts, 1, |_, part| {
            let (g, of, packed) = &mut part[0];
            let w = &w[*g * outputs * depth..][..outputs * depth];
            let w = taps_before_channels(w, [channels, taps], of);
            let turned = Matrix::row_major(w.as_slice(), outputs, of.len() * taps).transposed();
            // Rows that follow each other in a tile belong to different channels: neighbouring taps of one channel would be
            // added to places that overlap, each waiting for the last to arrive.
            let rows = stage.of_channels(of.len()).taps_of_channels();
            *packed = Some((Panels::of_rows(isa, &turned.by_rows(), of.len() * taps, outputs), rows));
        });

        let pieces = conv.samples * parts.len();
        let tasks = super::tasks(conv).min(pieces);
        parallel::for_each(tasks, |task| {
            let mut room = stage.of_channels(channels.min(most)).build::<T>();
            for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
                let (sample, (g, of, packed)) = (piece / parts.len(), &parts[piece % parts.len()]);
                let Some((panels, rows)) = packed else { unreachable!("all parts were packed above") };
                let (stage, depth) = (stage.of_channels(of.len()), of.len() * taps);
                let dy = &dy[(sample * groups + g) * outputs * pixels..][..outputs * pixels];
                let b = &Matrix::row_major(dy, outputs, pixels).by_columns();
                let (a, b) = (Source::Packed::<T, Strided<'_, T>>(panels), Source::Fresh(b));
                let to = dx.at(((sample * groups + g) * channels + of.start) * conv.image());
                // SAFETY: each piece has its own part of dx, whose length was checked, and a stage of its own; the
                // operands have the sizes that they were made with.
                unsafe {
                    let room = &mut room.make_mut()[..stage.len() + SLACK];
                    room.fill(T::ZERO);
                    let c = &Fold::new(room, rows, &corners, &runs);
                    Loops { a, b, c, depth: outputs }.run(isa, 0..depth, 0..pixels);
                    let image = of.len() * conv.image();
                    stage.take(isa, room, core::slice::from_raw_parts_mut(to.0, image));
                }
            }
        });
    }
}

impl Conv {
    /// The convolution of `dy` with the flipped taps that gives `dx`, if there is one: the stride is 1, and the padding is
    /// less than the window. It has one group of channels for each of ours.
    fn flipped(&self) -> Option<Conv> {
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

    /// Whether the flipped convolution, computed without packing and without the rows of padding, is faster than folding: as
    /// long as it multiplies no more than half as much again.
    fn is_worth_flipping_directly<T: Float, I: Lanes<T>>(&self, isa: I, flipped: &Conv) -> bool {
        // What is nowhere near need not be counted.
        if self.taps() == 1 || self.image() > 2 * self.pixels() {
            return false;
        }
        let stage = Stage::by_pixels(flipped);
        let strips = Strips::new(isa, flipped, &stage, &stage.pixels());
        strips.is_some_and(|strips| 2 * strips.work(I::V::LANES) <= 3 * self.pixels() * self.taps())
    }

    /// Whether the flipped convolution is faster than folding. It multiplies the padding too, which grows with what the
    /// image has lost; but folding adds every tap to memory. They were equal at about 1.3 times as many pixels.
    fn is_worth_flipping(&self) -> bool {
        self.taps() > 1 && 10 * self.image() <= 13 * self.pixels()
    }
}

/// The weights `[outputs, channels of a group, taps]` as `[channels, outputs of a group, taps]`, taps from the last to the
/// first.
fn flipped_weights<T: Float>(conv: &Conv, w: &[T]) -> Buffer<T> {
    let (channels, outputs, taps) = (conv.channels_each(), conv.outputs_each(), conv.taps());
    let mut flipped = Buffer::stale(w.len());
    let each = outputs * taps;
    // Some channels at a time, whose taps lie side by side in each output: 16 x 512 x 7 x 7 in all went from 111 to 117 Gflop/s.
    parallel::for_each_piece(flipped.make_mut(), ABREAST * each, |block, to| {
        for output in 0..outputs {
            for (i, to) in to.chunks_exact_mut(each.max(1)).enumerate() {
                let (group, channel) = ((block * ABREAST + i) / channels, (block * ABREAST + i) % channels);
                let from = &w[((group * outputs + output) * channels + channel) * taps..][..taps];
                let to = &mut to[output * taps..][..taps];
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, &from)| *to = from);
            }
        }
    });
    flipped
}
