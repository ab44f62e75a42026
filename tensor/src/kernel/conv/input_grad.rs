//! The gradient by the input: `dx[n] = fold(w^T dy[n])`, one product for some channels of a sample, or of several together.

use super::Conv;
use super::depthwise::phases::Phases;
use super::direct::Strips;
use super::forward::Forward;
use super::gather::{Axis, Fold, Gather, Runs};
use super::pointwise::Pointwise;
use super::stage::{SLACK, Stage, taps_before_channels};
use super::winograd::all_tame;
use crate::kernel::product::loops::{Loops, Panels, Source, columns_at_once, cut};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::target::Disjoint;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};
use alloc::vec::Vec;

/// Taps of some channels that are one product, and may be one task: so many that packing the cotangent anew for the next ones
/// takes no time beside multiplying it.
const ROWS: usize = 512;
/// Images of more pixels fill the registers of their panels alone.
const FEW_PIXELS: usize = 256;
/// Numbers on the stages of samples that are folded together.
const STAGED: usize = 1 << 18;

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
                let Self { w, dy: x, dx: y, .. } = self;
                let (conv, flipped, bias, activation) = (&flipped, true, None, None);
                return Forward { conv, x, w, flipped, y, bias, activation }.all(isa);
            }
            if !SMALL && self.conv.is_pointwise() && flipped.goes_together::<T, I>(false) {
                let Self { w, dy: x, dx: y, .. } = self;
                let (conv, flipped, bias, activation) = (&flipped, true, None, None);
                return Forward { conv, x, w, flipped, y, bias, activation }.together(isa);
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
        let width = I::TILE.1 * I::V::LANES;
        let runs = Runs::to_add(&corners, width, I::V::LANES);

        // Some channels of a group at a time, so that threads can share a single sample: always the same ones, for the order in
        // which a product is folded depends on its rows.
        let most = (ROWS / taps.max(1)).clamp(1, 128);
        let each = cut(0..channels, most);
        let mut parts: Vec<_> = (0..groups).flat_map(|g| each.clone().map(move |of| (g, of, None))).collect();
        parallel::for_each_piece(&mut parts, 1, |_, part| {
            let (g, of, packed) = &mut part[0];
            let w = &w[*g * outputs * depth..][..outputs * depth];
            let w = taps_before_channels(isa, w, [channels, taps], of);
            let turned = Matrix::row_major(w.as_slice(), outputs, of.len() * taps).transposed();
            // Rows that follow each other in a tile belong to different channels: neighbouring taps of one channel would be
            // added to places that overlap, each waiting for the last to arrive.
            let rows = stage.of_channels(of.len()).taps_of_channels();
            *packed = Some((Panels::of_rows(isa, &turned.by_rows(), of.len() * taps, outputs), rows));
        });

        // Samples of few pixels together, if no two rows of a tile belong to one channel: then each number is added to tap by tap,
        // wherever panels begin.
        let apart = stage.of_channels(channels.min(most)).len();
        let few = !pixels.is_multiple_of(I::V::LANES) && pixels < FEW_PIXELS;
        let wanted = super::tasks(conv);
        let at_once = match few && I::V::LANES > 1 && each.clone().all(|of| of.len() >= I::TILE.0) {
            true if !SMALL => (columns_at_once::<T>(I::V::LANES, width) / pixels.max(1))
                .min(STAGED / apart.max(1))
                // Offsets are kept in 32 bits.
                .min((u32::MAX as usize >> 1) / conv.y_len().div_ceil(conv.samples.max(1)).max(1))
                .min((conv.samples * parts.len()).div_ceil(wanted))
                .max(1),
            _ => 1,
        };
        let chunks = conv.samples.div_ceil(at_once);
        // Of two lengths at most.
        let least = conv.samples / chunks.max(1);
        let together = (!SMALL && at_once > 1).then(|| {
            let columns =
                |count| Columns::new(isa, [count, pixels], [conv.outputs * pixels, apart], &corners);
            let planes = Axis::new(outputs, (0..outputs).map(|output| output * pixels));
            ([columns(least), columns(least + 1)], planes)
        });

        let pieces = chunks * parts.len();
        let tasks = wanted.min(pieces);
        parallel::for_each(tasks, |task| {
            let mut room = Buffer::stale(at_once * apart + SLACK);
            for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
                let (chunk, (g, of, packed)) = (piece / parts.len(), &parts[piece % parts.len()]);
                let samples = conv.samples * chunk / chunks..conv.samples * (chunk + 1) / chunks;
                let Some((panels, rows)) = packed else { unreachable!("all parts were packed above") };
                let (stage, depth) = (stage.of_channels(of.len()), of.len() * taps);
                let dy = &dy[(samples.start * groups + g) * outputs * pixels..];
                let a = Source::Packed::<T, Strided<'_, T>>(panels);
                let room = &mut room.make_mut()[..samples.len() * apart + SLACK];
                room.fill(T::ZERO);
                // SAFETY: each piece has its own part of dx, whose length was checked, and a stage of its own; the operands
                // have the sizes that they were made with.
                unsafe {
                    if let Some((columns, planes)) = &together {
                        let Columns { there, from, corners, to } = &columns[samples.len() - least];
                        let b = Source::Fresh(&Gather::new(dy, there, planes, from));
                        let c = &Fold::new(room, rows, corners, to);
                        Loops { a, b, c, depth: outputs }.run(isa, 0..depth, 0..samples.len() * pixels);
                    } else {
                        let b = Source::Fresh(&Matrix::row_major(dy, outputs, pixels).by_columns());
                        let c = &Fold::new(room, rows, &corners, &runs);
                        Loops { a, b, c, depth: outputs }.run(isa, 0..depth, 0..pixels);
                    }
                }
                for (i, sample) in samples.enumerate() {
                    let to = dx.at(((sample * groups + g) * channels + of.start) * conv.image());
                    // SAFETY: as above.
                    let image = unsafe { core::slice::from_raw_parts_mut(to.0, of.len() * conv.image()) };
                    stage.take(isa, &room[i * apart..], image);
                }
            }
        });
    }
}

/// The columns of several samples: their pixels.
struct Columns {
    /// Where they lie in the cotangent, and their runs there.
    there: Axis,
    from: Runs,
    /// Where they lie on the stages, and their runs there.
    corners: Axis,
    to: Runs,
}

impl Columns {
    /// Of `count` samples of `pixels`: `between` of them in the cotangent and on the stages lie so many numbers.
    fn new<T: Float, I: Lanes<T>>(
        _: I,
        [count, pixels]: [usize; 2],
        between: [usize; 2],
        corners: &Axis,
    ) -> Self {
        let axis = |place: &dyn Fn(usize) -> usize| Axis::new(count * pixels, (0..count * pixels).map(place));
        let there = axis(&|i| i % pixels + i / pixels * between[0]);
        let corners = axis(&|i| corners.offsets()[i % pixels] as usize + i / pixels * between[1]);
        let width = I::TILE.1 * I::V::LANES;
        let from = Runs::to_copy(&there, width, I::V::LANES);
        let to = Runs::to_add(&corners, width, I::V::LANES);
        Self { there, from, corners, to }
    }
}

impl Conv {
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
