//! The stage: one group of channels of one sample, padded and split by phase, and where everything lies on it.

use super::Conv;
use super::gather::Axis;
use crate::storage::Buffer;
use crate::{Float, Window};
use core::ops::Range;

/// Numbers behind the end that may be read, and written back unchanged: the longest register.
pub(super) const SLACK: usize = 16;

/// How a stage is laid out: channels, rows of the padded image, phases, and what lies in that phase.
///
/// Column x of the padded image lies in phase `x % phases` at `x / phases`. With the stride for phases, the windows'
/// left edges are neighbours; with one phase, neighbouring taps are.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    window: Window,
    output: [usize; 2],
    channels: usize,
    phases: usize,
    high: usize,
    /// Numbers of one phase of one row.
    wide: usize,
}

impl Stage {
    /// For outputs read along the pixels.
    pub(super) fn by_pixels(conv: &Conv) -> Self {
        Self::new(conv, conv.window.stride[1])
    }

    /// For outputs read along the taps.
    pub(super) fn by_taps(conv: &Conv) -> Self {
        Self::new(conv, 1)
    }

    fn new(conv: &Conv, phases: usize) -> Self {
        let Window { input, pad, .. } = conv.window;
        let [high, wide] = [0, 1].map(|axis| input[axis] + pad[axis][0] + pad[axis][1]);
        let wide = wide.div_ceil(phases);
        let (window, output) = (conv.window, conv.output);
        Self { window, output, channels: conv.channels_each(), phases, high, wide }
    }

    /// Numbers of one row, all phases.
    fn row(&self) -> usize {
        self.phases * self.wide
    }

    fn len(&self) -> usize {
        self.channels * self.high * self.row()
    }

    /// An empty stage: zeros, and the slack behind them.
    pub(super) fn build<T: Float>(&self) -> Buffer<T> {
        Buffer::zeros(self.len() + SLACK)
    }

    /// Where each tap lies, seen from the window's corner: channels, then taps of a channel.
    pub(super) fn taps(&self) -> Axis {
        let [kh, kw] = self.window.kernel;
        let count = self.channels * kh * kw;
        self.axis(
            count,
            (0..self.channels).flat_map(move |c| (0..kh).flat_map(move |r| (0..kw).map(move |s| (c, r, s)))),
        )
    }

    /// The same for taps first and then channels, so that those that follow each other lie far apart.
    pub(super) fn taps_of_channels(&self) -> Axis {
        let [kh, kw] = self.window.kernel;
        let channels = self.channels;
        self.axis(
            channels * kh * kw,
            (0..kh).flat_map(move |r| (0..kw).flat_map(move |s| (0..channels).map(move |c| (c, r, s)))),
        )
    }

    fn axis(&self, count: usize, taps: impl Iterator<Item = (usize, usize, usize)>) -> Axis {
        let [down, right] = self.window.dilation;
        Axis::new(
            count,
            taps.map(|(c, r, s)| {
                let x = s * right;
                (c * self.high + r * down) * self.row() + x % self.phases * self.wide + x / self.phases
            }),
        )
    }

    /// Where the corner of each pixel's window lies.
    pub(super) fn pixels(&self) -> Axis {
        let [down, right] = self.window.stride;
        let [high, wide] = self.output;
        // With as many phases as the stride a step of the window stays in its phase, one number further on.
        let right = right / self.phases;
        let row = self.row();
        Axis::new(
            high * wide,
            (0..high).flat_map(move |i| (0..wide).map(move |j| i * down * row + j * right)),
        )
    }

    /// Lays `image [channels, H, W]` on the stage. The padding stays as it is.
    pub(super) fn fill<T: Float>(&self, image: &[T], stage: &mut [T]) {
        if self.is_image() {
            stage[..image.len()].copy_from_slice(image);
            return;
        }
        let left = self.window.pad[1][0];
        self.rows(|from, to| {
            let (from, to) = (&image[from], &mut stage[to]);
            if self.phases == 1 {
                to[left..left + from.len()].copy_from_slice(from);
            } else {
                for (x, &value) in from.iter().enumerate() {
                    let x = x + left;
                    to[x % self.phases * self.wide + x / self.phases] = value;
                }
            }
        });
    }

    /// Takes `image [channels, H, W]` off the stage; what lies on the padding is left behind.
    pub(super) fn take<T: Float>(&self, stage: &[T], image: &mut [T]) {
        if self.is_image() {
            image.copy_from_slice(&stage[..image.len()]);
            return;
        }
        let left = self.window.pad[1][0];
        self.rows(|to, from| {
            let (from, to) = (&stage[from], &mut image[to]);
            if self.phases == 1 {
                to.copy_from_slice(&from[left..left + to.len()]);
            } else {
                for (x, value) in to.iter_mut().enumerate() {
                    let x = x + left;
                    *value = from[x % self.phases * self.wide + x / self.phases];
                }
            }
        });
    }

    /// Whether the stage is the image itself.
    fn is_image(&self) -> bool {
        self.window.pad == [[0; 2]; 2] && self.phases == 1
    }

    /// Calls `each` with every row's place in the image and on the stage.
    fn rows(&self, mut each: impl FnMut(Range<usize>, Range<usize>)) {
        let [high, wide] = self.window.input;
        let top = self.window.pad[0][0];
        for c in 0..self.channels {
            for y in 0..high {
                let image = (c * high + y) * wide;
                let stage = (c * self.high + top + y) * self.row();
                each(image..image + wide, stage..stage + self.row());
            }
        }
    }
}

/// The weights `[outputs, channels, taps]` of one group as `[outputs, taps, channels]`, to go with
/// [`Stage::taps_of_channels`].
pub(super) fn taps_before_channels<T: Float>(w: &[T], channels: usize, taps: usize) -> Buffer<T> {
    let mut turned = Buffer::stale(w.len());
    let size = (channels * taps).max(1);
    for (to, from) in turned.make_mut().chunks_exact_mut(size).zip(w.chunks_exact(size)) {
        for (i, to) in to.iter_mut().enumerate() {
            *to = from[i % channels * taps + i / channels];
        }
    }
    turned
}
