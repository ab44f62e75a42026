//! The stage: one group of channels of one sample, padded and split by phase, and where everything lies on it.

use super::Conv;
use super::gather::Axis;
use crate::kernel::turn::Turn;
use crate::simd::{Kernel, Lanes, Vector};
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

    /// The stage of fewer channels.
    pub(super) fn of_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    /// Numbers of one row, all phases.
    pub(super) fn row(&self) -> usize {
        self.phases * self.wide
    }

    /// Numbers on the stage.
    pub(super) fn len(&self) -> usize {
        self.channels * self.high * self.row()
    }

    /// Where row `y` of the padded image of channel `c` begins.
    pub(super) fn place(&self, c: usize, y: usize) -> usize {
        (c * self.high + y) * self.row()
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
    ///
    /// # Panics
    /// If image or stage are too short.
    pub(super) fn fill<T: Float, I: Lanes<T>>(&self, isa: I, image: &[T], stage: &mut [T]) {
        if self.is_image() {
            stage[..image.len()].copy_from_slice(image);
            return;
        }
        self.fill_rows(isa, image, stage, 0..self.high);
    }

    /// As [`fill`](Stage::fill), but only such rows of the padded image.
    ///
    /// # Panics
    /// If image or stage are too short.
    pub(super) fn fill_rows<T: Float, I: Lanes<T>>(
        &self,
        isa: I,
        image: &[T],
        stage: &mut [T],
        padded: Range<usize>,
    ) {
        self.check(image.len(), stage.len());
        // The image is only read.
        let (image, stage) = (image.as_ptr().cast_mut(), stage.as_mut_ptr());
        isa.enter(Rows::<T, false> { on: self, image, stage, rows: self.rows(padded) });
    }

    /// The rows of the image among those of the padded one.
    fn rows(&self, padded: Range<usize>) -> Range<usize> {
        let Window { input: [high, _], pad: [[top, _], _], .. } = self.window;
        padded.start.saturating_sub(top).min(high)..padded.end.saturating_sub(top).min(high)
    }

    /// The stage of the image that lies at `place` of `x`, and the slack behind it: the image itself where that is all there
    /// is to a stage and other numbers follow it, otherwise `room`, on which it is laid.
    pub(super) fn set<'a, T: Float, I: Lanes<T>>(
        &self,
        isa: I,
        x: &'a [T],
        place: Range<usize>,
        room: &'a mut Buffer<T>,
    ) -> &'a [T] {
        if self.is_image()
            && let Some(there) = x.get(place.start..place.end + SLACK)
        {
            return there;
        }
        self.fill(isa, &x[place], room.make_mut());
        room.as_slice()
    }

    /// Takes `image [channels, H, W]` off the stage; what lies on the padding is left behind.
    ///
    /// # Panics
    /// If image or stage are too short.
    pub(super) fn take<T: Float, I: Lanes<T>>(&self, isa: I, stage: &[T], image: &mut [T]) {
        if self.is_image() {
            image.copy_from_slice(&stage[..image.len()]);
            return;
        }
        self.check(image.len(), stage.len());
        // The stage is only read.
        let (image, stage) = (image.as_mut_ptr(), stage.as_ptr().cast_mut());
        isa.enter(Rows::<T, true> { on: self, image, stage, rows: self.rows(0..self.high) });
    }

    fn check(&self, image: usize, stage: usize) {
        let [high, wide] = self.window.input;
        assert!(self.channels * high * wide <= image && self.len() <= stage, "an image and its stage");
    }

    /// Whether the stage is the image itself.
    pub(super) fn is_image(&self) -> bool {
        self.window.pad == [[0; 2]; 2] && self.phases == 1
    }
}

/// Moves rows of an image to its stage, or `BACK`; [`Stage::check`] has seen that both are there.
struct Rows<'a, T, const BACK: bool> {
    on: &'a Stage,
    image: *mut T,
    stage: *mut T,
    rows: Range<usize>,
}

impl<T: Float, const BACK: bool> Kernel<T> for Rows<'_, T, BACK> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { on, image, stage, rows } = self;
        let [high, wide] = on.window.input;
        let [[top, _], [left, _]] = on.window.pad;
        for c in 0..on.channels {
            for y in rows.clone() {
                // SAFETY: the row lies in the image, and behind its padding on the stage.
                unsafe {
                    let image = image.add((c * high + y) * wide);
                    let stage = stage.add((c * on.high + top + y) * on.row());
                    match on.phases {
                        1 => row::<T, I, BACK>(isa, image, stage.add(left), wide),
                        2 => {
                            // Columns 0, 2, .. of the image, and 1, 3, ..
                            let even = stage.add(left % 2 * on.wide + left / 2);
                            let odd = stage.add((1 - left % 2) * on.wide + left.div_ceil(2));
                            pairs::<T, I, BACK>(isa, image, even, odd, wide);
                        }
                        phases => {
                            for x in 0..phases.min(wide) {
                                let at = stage.add((x + left) % phases * on.wide + (x + left) / phases);
                                for (i, x) in (x..wide).step_by(phases).enumerate() {
                                    let (image, at) = (image.add(x), at.add(i));
                                    if BACK { *image = *at } else { *at = *image }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Copies a row as it is.
///
/// # Safety
/// Both places hold `wide` numbers.
#[inline(always)]
unsafe fn row<T: Float, I: Lanes<T>, const BACK: bool>(isa: I, image: *mut T, stage: *mut T, wide: usize) {
    let (from, to, lanes) = if BACK { (stage, image, I::V::LANES) } else { (image, stage, I::V::LANES) };
    let mut x = 0;
    // SAFETY: all that is read and written lies below `wide`.
    unsafe {
        while x + lanes <= wide {
            isa.load(from.add(x)).store(to.add(x));
            x += lanes;
        }
        if x < wide {
            isa.load_first(wide - x, from.add(x)).store_first(wide - x, to.add(x));
        }
    }
}

/// Cuts a row into its even and odd columns, or puts it together.
///
/// # Safety
/// The image's row holds `wide` numbers; `even` and `odd` those that belong there.
#[inline(always)]
unsafe fn pairs<T: Float, I: Lanes<T>, const BACK: bool>(
    isa: I,
    image: *mut T,
    even: *mut T,
    odd: *mut T,
    wide: usize,
) {
    let lanes = I::V::LANES;
    for x in (0..wide).step_by(2 * lanes) {
        let count = (wide - x).min(2 * lanes);
        let (first, second) = (count.min(lanes), count.saturating_sub(lanes));
        let (evens, odds) = (count.div_ceil(2), count / 2);
        // SAFETY: `count` columns from x exist, half of them in each phase.
        unsafe {
            let (left, right) = (image.add(x), image.wrapping_add(x + lanes));
            let (even, odd) = (even.add(x / 2), odd.add(x / 2));
            if BACK {
                let (a, b) = isa.load_first(evens, even).couple(isa.load_first(odds, odd));
                a.store_first(first, left);
                b.store_first(second, right);
            } else {
                let (a, b) = isa.load_first(first, left).uncouple(isa.load_first(second, right));
                a.store_first(evens, even);
                b.store_first(odds, odd);
            }
        }
    }
}

/// Those of the weights `[outputs, channels, taps]` of one group that belong to the channels `of`, as `[outputs, taps, channels]`,
/// to go with [`Stage::taps_of_channels`].
pub(super) fn taps_before_channels<T: Float, I: Lanes<T>>(
    isa: I,
    w: &[T],
    [channels, taps]: [usize; 2],
    of: &Range<usize>,
) -> Buffer<T> {
    let outputs = w.len() / (channels * taps).max(1);
    let mut turned = Buffer::stale(outputs * of.len() * taps);
    if !turned.is_empty() {
        isa.enter(TapsFirst { w, channels, taps, of: of.clone(), turned: turned.make_mut() });
    }
    turned
}

/// Turns the weights of each output.
struct TapsFirst<'a, T> {
    w: &'a [T],
    channels: usize,
    taps: usize,
    of: Range<usize>,
    turned: &'a mut [T],
}

impl<T: Float> Kernel<T> for TapsFirst<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { w, channels, taps, of, turned } = self;
        let rows = of.len();
        for (to, from) in turned.chunks_exact_mut(rows * taps).zip(w.chunks_exact(channels * taps)) {
            let from = &from[of.start * taps..of.end * taps];
            if taps == 1 {
                to.copy_from_slice(from);
                continue;
            }
            let (from, to, from_stride, to_stride) =
                (from.as_ptr(), to.as_mut_ptr(), taps as isize, rows as isize);
            let turn = Turn { from, from_stride, rows, columns: taps, to, to_stride, fill: rows, ahead: 0 };
            // SAFETY: both hold as many numbers as there are channels and taps.
            unsafe { turn.valid() }.run(isa);
        }
    }
}
