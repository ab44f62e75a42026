//! Depthwise convolution: groups of one channel have no matrix to multiply, so registers run along the rows of a plane, and all taps
//! of several rows are summed before any is stored.

pub(super) mod phases;
mod rows;
pub(super) mod two;
pub(super) mod weights;

use super::forward::Forward;
use super::input_grad::InputGrad;
use super::stage::Stage;
use super::{Conv, tasks, three};
use crate::kernel::product::finish::Finish;
use crate::kernel::product::target::Disjoint;
use crate::kernel::product::{Activation, Bias, Epilogue};
use crate::simd::Lanes;
use crate::storage::Buffer;
use crate::{Float, parallel};
use rows::{Correlate, Ground, Taps};

impl Conv {
    /// Whether each group has one channel (and there are several). How many outputs it has
    /// does not matter.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels_each() == 1
    }
}

/// The forward role.
pub(super) fn forward<T: Float, I: Lanes<T>>(isa: I, role: Forward<'_, T>) {
    let Forward { conv, x, w, flipped, y, bias, activation } = role;
    correlate(isa, conv, x, y, flipped, w, (bias, activation));
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
    let taps = stage.taps();
    let (outputs, pixels, image) = (conv.outputs_each(), conv.pixels(), conv.image());
    let three = three::Plane::new(&stage, &conv.window, conv.output);
    let two = two::Plane::new(isa, conv);
    let y = Disjoint(y.as_mut_ptr());
    let pieces = conv.samples * conv.groups;
    let tasks = tasks(conv).min(pieces);
    parallel::for_each(tasks, |task| {
        let mut room = two.is_none().then(|| stage.build::<T>());
        let mut first = None;
        let mut reversed = Buffer::<T>::stale(if flip { taps.len() } else { 0 });
        for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
            let place = piece * image..(piece + 1) * image;
            let there = three.and_then(|plane| plane.image(isa, x, place.clone()));
            let plot = two.map(|_| two::Plot::new(x, place.clone(), &mut first));
            let room = match &mut room {
                Some(room) if there.is_none() => stage.set(isa, x, place, room),
                _ => &[],
            };
            let ground = there.unwrap_or(three::Ground::Stage(room));
            for output in 0..outputs {
                let o = piece % conv.groups * outputs + output;
                let w = &w[o * taps.len()..][..taps.len()];
                let y = y.at((piece * outputs + output) * pixels).0;
                let bias = bias.map_or(Bias::None, |bias| Bias::Column(&bias[o..o + 1]));
                let epilogue = &Epilogue { bias, activation, ..Epilogue::PLAIN };
                let (row_stride, columns) = (pixels as isize, pixels);
                let whole = Finish { c: y, row_stride, row: 0, column: 0, rows: 1, columns, epilogue };
                // SAFETY: each piece has its own planes of y, whose length was checked.
                let y = unsafe { core::slice::from_raw_parts_mut(y, pixels) };
                if let (Some(plane), Some(x)) = (two, plot) {
                    isa.enter(two::Correlate { plane, x, w, y });
                } else if let Some(plane) = three {
                    let mut taps = *w.first_chunk().unwrap_or_else(|| unreachable!("nine taps"));
                    if flip {
                        taps.reverse();
                    }
                    isa.enter(three::Correlate { plane, ground, taps, y });
                } else {
                    let mut weights = w;
                    if flip {
                        let reversed = reversed.make_mut();
                        reversed.iter_mut().zip(w.iter().rev()).for_each(|(to, &from)| *to = from);
                        weights = reversed;
                    }
                    isa.enter(Correlate {
                        ground: Ground { stage: room, down: conv.window.stride[0] * stage.row() },
                        taps: Taps { offsets: taps.offsets(), weights },
                        wide: conv.output[1],
                        y,
                    });
                }
                // SAFETY: each piece has its own planes of y, whose length was checked.
                unsafe { whole.apply(isa) };
            }
        }
    });
}
