//! The gradient by the input of a depthwise convolution by phases: at a step of two, say, every other pixel of the image sees
//! the same taps, so that each quarter of the image is a convolution of the cotangent of its own, at a step of one. On small devices the gradient
//! folds instead (see `input_grad`), whose last bits may differ.

use super::rows::{Ground, Interleave, Taps};
use super::two;
use crate::kernel::conv::input_grad::InputGrad;
use crate::kernel::conv::stage::Stage;
use crate::kernel::conv::{Conv, tasks};
use crate::kernel::product::target::Disjoint;
use crate::simd::Lanes;
use crate::storage::Buffer;
use crate::{Float, Window, parallel};

/// Which taps each phase sees, and where on a stage of the cotangent.
pub(in crate::kernel::conv) struct Phases {
    /// The cotangent's planes of one group, with zeros around them.
    planes: Conv,
    /// The offset of each tap on the stage and its place among the weights of a group, phase by phase.
    offsets: Buffer<u32>,
    places: Buffer<u32>,
    /// Where the taps of each phase begin, and where the last ones end.
    starts: Buffer<u32>,
}

/// One axis of the picture: for each phase the taps that it sees, and how far from a pixel's step the row of the cotangent
/// lies that the tap takes from there.
#[derive(Clone, Copy)]
struct Line {
    phases: usize,
    taps: usize,
    step: usize,
    dilation: usize,
    pad: usize,
}

impl Line {
    fn new(window: &Window, axis: usize) -> Self {
        let Window { input, kernel, stride, dilation, pad } = *window;
        Self {
            phases: stride[axis].min(input[axis]),
            taps: kernel[axis],
            step: stride[axis],
            dilation: dilation[axis],
            pad: pad[axis][0],
        }
    }

    /// Tap and distance of all that a phase sees.
    fn seen(self, phase: usize) -> impl Iterator<Item = (usize, isize)> + Clone {
        (0..self.taps).filter_map(move |tap| {
            let far = (phase + self.pad) as isize - (tap * self.dilation) as isize;
            (far % self.step as isize == 0).then_some((tap, far / self.step as isize))
        })
    }

    /// How many zeros belong before and behind `given` numbers of the cotangent, for `wanted` steps of the image.
    fn zeros(self, given: usize, wanted: usize) -> [usize; 2] {
        let far = |phase| self.seen(phase).map(|(_, far)| far);
        let all = || (0..self.phases).flat_map(far);
        let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let behind = most + wanted as isize - given as isize;
        [least.min(0).unsigned_abs(), behind.max(0).unsigned_abs()]
    }
}

impl Phases {
    /// The phases of a depthwise convolution, if their stage is not too large to count.
    pub(in crate::kernel::conv) fn new(conv: &Conv) -> Option<Self> {
        let window = &conv.window;
        let lines = [0, 1].map(|axis| Line::new(window, axis));
        let pad = [0, 1].map(|axis| {
            let wanted = window.input[axis].div_ceil(window.stride[axis]);
            lines[axis].zeros(conv.output[axis], wanted)
        });
        let stage = Window::new(conv.output, [1, 1]).pad(pad);
        let planes =
            Conv::new(stage, [conv.samples, conv.outputs, conv.groups], conv.groups, "conv2d").ok()?;
        let stage = Stage::by_pixels(&planes);
        let [down, right] = lines;
        let count = down.phases * right.phases;
        let each = |phase: usize| {
            let across = right.seen(phase % right.phases);
            let taps =
                down.seen(phase / right.phases).flat_map(move |tap| across.clone().map(move |s| (tap, s)));
            (0..conv.outputs_each()).flat_map(move |o| taps.clone().map(move |tap| (o, tap)))
        };
        let total = (0..count).map(|phase| each(phase).count()).sum();
        let (mut offsets, mut places) = (Buffer::stale(total), Buffer::stale(total));
        let mut starts = Buffer::stale(count + 1);
        let (to, place, start) = (offsets.make_mut(), places.make_mut(), starts.make_mut());
        let mut n = 0;
        for phase in 0..count {
            start[phase] = n as u32;
            for (o, ((r, below), (s, beside))) in each(phase) {
                let [y, x] =
                    [below + pad[0][0] as isize, beside + pad[1][0] as isize].map(isize::unsigned_abs);
                to[n] = (stage.place(o, y) + x) as u32;
                place[n] = (o * conv.taps() + r * window.kernel[1] + s) as u32;
                n += 1;
            }
        }
        start[count] = n as u32;
        Some(Self { planes, offsets, places, starts })
    }

    /// `dx` from weights that are all finite: they meet the zeros around the cotangent.
    pub(in crate::kernel::conv) fn input_grad<T: Float, I: Lanes<T>>(&self, isa: I, role: InputGrad<'_, T>) {
        let InputGrad { conv, w, dy, dx } = role;
        let stage = Stage::by_pixels(&self.planes);
        let (image, depth) = (conv.image(), conv.outputs_each() * conv.taps());
        let planes = conv.outputs_each() * conv.pixels();
        let dx = Disjoint(dx.as_mut_ptr());
        let pieces = conv.samples * conv.groups;
        let tasks = tasks(conv).min(pieces);
        let two = two::Plane::new(isa, conv).filter(|_| conv.outputs_each() == 1);
        parallel::for_each(tasks, |task| {
            let (mut room, mut first) = (two.is_none().then(|| stage.build::<T>()), None);
            let mut weights = Buffer::<T>::stale(self.places.len());
            for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
                let place = piece * planes..(piece + 1) * planes;
                // SAFETY: each piece has its own plane of dx, whose length was checked.
                let x = unsafe { core::slice::from_raw_parts_mut(dx.at(piece * image).0, image) };
                let w = &w[piece % conv.groups * depth..][..depth];
                let Some(room) = &mut room else {
                    let Some(plane) = two else { unreachable!("there is a stage for all others") };
                    let dy = two::Plot::new(dy, place, &mut first);
                    isa.enter(two::Spread { plane, w, dy, dx: x });
                    continue;
                };
                let there = stage.set(isa, dy, place, room);
                for (to, &place) in weights.make_mut().iter_mut().zip(self.places.as_slice()) {
                    *to = w[place as usize];
                }
                isa.enter(Interleave {
                    ground: Ground { stage: there, down: stage.row() },
                    taps: Taps { offsets: self.offsets.as_slice(), weights: weights.as_slice() },
                    starts: self.starts.as_slice(),
                    steps: conv.window.stride,
                    wide: conv.window.input[1],
                    x,
                });
            }
        });
    }
}
