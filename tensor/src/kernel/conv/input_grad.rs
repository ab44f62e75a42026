//! The gradient by the input: `dx[n] = fold(w^T dy[n])`, one product a sample.

use super::Conv;
use super::gather::Fold;
use super::stage::{Stage, taps_before_channels};
use crate::kernel::product::Epilogue;
use crate::kernel::product::loops::{Loops, Panels, Source};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::target::{Disjoint, RowMajor};
use crate::simd::{Kernel, Lanes};
use crate::{Float, parallel};

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
            return super::depthwise::input_grad(isa, &flipped, self);
        }
        let Self { conv, w, dy, dx } = self;
        let (channels, outputs, groups) = (conv.channels_each(), conv.outputs_each(), conv.groups);
        let (depth, pixels, image) = (conv.depth(), conv.pixels(), channels * conv.image());
        let stage = Stage::by_pixels(conv);
        // Rows that follow each other in a tile belong to different channels: neighbouring taps of one channel would be
        // added to places that overlap, each waiting for the last to arrive.
        let (taps, corners) = (stage.taps_of_channels(), stage.pixels());
        let dx = Disjoint(dx.as_mut_ptr());

        let tasks = super::tasks(conv).min(conv.samples);
        for g in 0..groups {
            let w = taps_before_channels(&w[g * outputs * depth..][..outputs * depth], channels, conv.taps());
            let turned = Matrix::row_major(w.as_slice(), outputs, depth).transposed();
            let panels = Panels::of_rows(isa, &turned.by_rows(), depth, outputs);
            parallel::for_each(tasks, |task| {
                let mut room = (!conv.is_pointwise()).then(|| stage.build::<T>());
                for sample in conv.samples * task / tasks..conv.samples * (task + 1) / tasks {
                    let piece = sample * groups + g;
                    let dy = &dy[piece * outputs * pixels..][..outputs * pixels];
                    let b = &Matrix::row_major(dy, outputs, pixels).by_columns();
                    let (a, b) = (Source::Packed::<T, Strided<'_, T>>(&panels), Source::Fresh(b));
                    let to = dx.at(piece * image);
                    // SAFETY: each piece has its own part of dx, whose length was checked, and a stage of its own; the
                    // operands have the sizes that they were made with.
                    unsafe {
                        match &mut room {
                            None => {
                                let c = &RowMajor { c: to, row_stride: pixels, epilogue: &Epilogue::PLAIN };
                                Loops { a, b, c, depth: outputs }.run(isa, 0..depth, 0..pixels);
                            }
                            Some(room) => {
                                let room = room.make_mut();
                                room.fill(T::ZERO);
                                let c = &Fold::new(room, &taps, &corners);
                                Loops { a, b, c, depth: outputs }.run(isa, 0..depth, 0..pixels);
                                stage.take(room, core::slice::from_raw_parts_mut(to.0, image));
                            }
                        }
                    }
                }
            });
        }
    }
}
