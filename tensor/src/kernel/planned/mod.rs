//! Kernels on plain slices, for programs whose memory was laid out beforehand: no tensor, no allocation, no dispatch.
//!
//! A [`Tensor`](crate::Tensor) owns its numbers and learns its shape while a program runs. On a small device both are known
//! before: what an evaluation keeps at what time can be laid out in one block, and nothing is left to be asked for. That
//! is what `tress_nn::device` does; the programs that it runs, and those that it writes as source, consist of calls of these
//! functions. Each takes one sample, without an axis for a batch.
//!
//! * Of `f32`: [`dense`], [`conv2d`], [`mean_pool`], [`sums`], [`map`], [`zip`], [`softmax`], [`log_softmax`],
//!   [`row_norm`].
//! * Of the sweep of a dense network: [`product`], [`map_grad`], [`expand`], [`log_sum_exp`], [`log_sum_exp_grad`].
//! * Of either: [`max_pool`].
//! * Of eight bits: [`quantised`], in whole numbers alone.
//!
//! Those of `f32` add in the order of the scalar path, and give its bits. (Functions of rows of more than 65 536 numbers do not:
//! the library shares such a row out to threads, and adds their sums.)
//!
//! Sizes follow from the slices. Where slices do not fit each other the part that fits is computed: a function here has no
//! error path and no panic that it would not need, because both take room in flash. For the same reason all that does not depend on a
//! function is never inlined: it is there once, and what a network takes can be said from its calls.

mod dot;
mod float;
mod nine;
mod one;
pub mod quantised;
#[cfg(all(test, feature = "std"))]
mod tests;

mod learn;
pub use float::{conv2d, dense, log_softmax, map, map_in_place, mean_pool, row_norm, softmax, sums, zip};
pub use learn::{expand, log_sum_exp, log_sum_exp_grad, map_grad, product};

use crate::Window;

/// The most numbers that are summed in one chain: longer sums are chains of equal lengths, added up.
pub const LONGEST_CHAIN: usize = super::product::Depth::most::<f32>();

/// As many neighbours are summed by [`sums`] before their sum is added to that of the ones before them.
pub const RUN: usize = super::reduce::RUN;

/// The places of one window: for each channel and row of taps that lie inside of the image, where that row starts in the
/// window and in the image, and how many of its taps are inside.
#[derive(Clone, Copy)]
struct Lying<'a> {
    window: &'a Window,
    /// The first row and column that the window covers, counted from the padded corner.
    corner: [usize; 2],
}

impl Lying<'_> {
    /// The taps along one axis that meet the image: from .. to, and the pixel that the first meets.
    #[inline(always)]
    fn inside(&self, axis: usize) -> (usize, usize, usize) {
        let Window { input, kernel, pad, dilation, .. } = self.window;
        let (corner, before, step) = (self.corner[axis], pad[axis][0], dilation[axis]);
        // Tap r meets pixel corner + r step - before; without padding all taps do, and nothing is divided.
        if corner >= before && corner - before + (kernel[axis] - 1) * step < input[axis] {
            return (0, kernel[axis], corner - before);
        }
        let (mut from, mut to) = (0, kernel[axis]);
        while from < to && corner + from * step < before {
            from += 1;
        }
        while to > from && corner + (to - 1) * step >= before + input[axis] {
            to -= 1;
        }
        (from, to, if from < to { corner + from * step - before } else { 0 })
    }
}

/// The largest in each window: `x [C, H, W]` to `y [C, h, w]`. Padding never wins, and NaN always does.
#[inline(never)]
pub fn max_pool<T: Copy + PartialOrd>(x: &[T], window: &Window, y: &mut [T]) {
    let [height, width] = window.input;
    each_window(window, y.len(), |at, plane, lying| {
        let (from, to, top) = lying.inside(0);
        let (left_from, left_to, left) = lying.inside(1);
        let mut best: Option<T> = None;
        for r in from..to {
            let row = plane * height * width + (top + (r - from) * window.dilation[0]) * width + left;
            for s in 0..left_to - left_from {
                let Some(&here) = x.get(row + s * window.dilation[1]) else { return };
                best = match best {
                    // Written so that a NaN replaces everything, and nothing replaces it.
                    Some(best) if here <= best || best.partial_cmp(&best).is_none() => Some(best),
                    _ => Some(here),
                };
            }
        }
        if let (Some(best), Some(y)) = (best, y.get_mut(at)) {
            *y = best;
        }
    });
}

/// Calls `visit` for each of `count` windows, with its place in the result, its plane, and where it lies.
#[inline(always)]
fn each_window(window: &Window, count: usize, mut visit: impl FnMut(usize, usize, Lying<'_>)) {
    let Ok([high, wide]) = window.output("planned") else { return };
    let mut at = 0;
    for plane in 0..count / (high * wide).max(1) {
        for i in 0..high {
            for j in 0..wide {
                visit(at, plane, Lying { window, corner: [i * window.stride[0], j * window.stride[1]] });
                at += 1;
            }
        }
    }
}

/// Gathers what a window covers in `x`, the planes of one group: `column [C, kh, kw]`, with `zero` where it covers padding.
#[inline(always)]
fn gather<T: Copy>(x: &[T], zero: T, lying: Lying<'_>, column: &mut [T]) {
    let Window { input: [height, width], kernel: [kh, kw], dilation: [down, right], .. } = *lying.window;
    let (from, to, top) = lying.inside(0);
    let (left_from, left_to, left) = lying.inside(1);
    let whole = to - from == kh && left_to - left_from == kw;
    if !whole {
        column.fill(zero);
    }
    let mut plane = 0;
    for taps in column.chunks_exact_mut((kh * kw).max(1)) {
        let mut place = plane + top * width + left;
        for r in from..to {
            let taps = &mut taps[r * kw + left_from..r * kw + left_to];
            let Some(row) = x.get(place..) else { return };
            for (tap, &pixel) in taps.iter_mut().zip(row.iter().step_by(right.max(1))) {
                *tap = pixel;
            }
            place += down * width;
        }
        plane += height * width;
    }
}
