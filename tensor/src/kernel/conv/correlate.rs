//! The weight gradient with lanes along the pixels: a few outputs by a few taps are summed at a time, and the lanes are
//! added up in the end. Nothing is turned, and only rows of the image are copied.
//!
//! A channel is laid out once for each column of the window, shifted by it and cut to the width of the output, so that what
//! lies under one tap is as contiguous as the cotangent (Cho & Brand 2017, "MEC: memory-efficient convolution").

use super::Conv;
use crate::kernel::product::loops::cut;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, Window};

/// How a channel is laid out: copies, rows of the padded image, columns of the output.
#[derive(Clone, Copy)]
pub(super) struct Shifted {
    window: Window,
    high: usize,
    wide: usize,
}

impl Shifted {
    /// The layout, if rows that follow each other in the output do so in the image.
    pub(super) fn new(conv: &Conv) -> Option<Self> {
        let window = conv.window;
        let high = window.input[0] + window.pad[0][0] + window.pad[0][1];
        let len = high.checked_mul(conv.output[1])?.checked_mul(window.kernel[1])?;
        (window.stride == [1, 1] && u32::try_from(len).is_ok()).then_some(Self {
            window,
            high,
            wide: conv.output[1],
        })
    }

    /// Numbers of one copy.
    fn copy(&self) -> usize {
        self.high * self.wide
    }

    /// Numbers of all copies.
    pub(super) fn len(&self) -> usize {
        self.window.kernel[1] * self.copy()
    }

    /// Empty layouts one behind the other: zeros.
    pub(super) fn build<T: Float>(&self, count: usize) -> Buffer<T> {
        Buffer::zeros(count * self.len())
    }

    /// Lays a channel out. The padding stays as it is.
    ///
    /// # Panics
    /// If the channel or the room are too short.
    pub(super) fn fill<T: Float, I: Lanes<T>>(&self, isa: I, channel: &[T], room: &mut [T]) {
        let [high, wide] = self.window.input;
        assert!(channel.len() >= high * wide && room.len() >= self.len());
        isa.enter(Fill { on: self, from: channel.as_ptr(), to: room.as_mut_ptr() });
    }

    /// Where what lies under tap `r, s` begins.
    fn tap(&self, r: usize, s: usize) -> usize {
        s * self.copy() + r * self.window.dilation[0] * self.wide
    }
}

/// Copies the rows of a channel; [`Shifted::fill`] has checked both ends.
struct Fill<'a, T> {
    on: &'a Shifted,
    from: *const T,
    to: *mut T,
}

impl<T: Float> Kernel<T> for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Window { input: [high, wide], kernel, pad: [[top, _], [left, _]], dilation, .. } = self.on.window;
        let lanes = I::V::LANES;
        for s in 0..kernel[1] {
            // Output column j sees image column j + shift - left.
            let shift = s * dilation[1];
            let begin = left.saturating_sub(shift);
            let end = (wide + left).saturating_sub(shift).min(self.on.wide);
            let count = end.saturating_sub(begin);
            let mut from = self.from.wrapping_add((begin + shift).wrapping_sub(left));
            let mut to = self.to.wrapping_add(s * self.on.copy() + top * self.on.wide + begin);
            for _ in 0..high {
                let mut j = 0;
                // SAFETY: `count` numbers from there lie in the image's row, and in the copy's.
                unsafe {
                    while j + lanes <= count {
                        isa.load(from.add(j)).store(to.add(j));
                        j += lanes;
                    }
                    // Masks are dear beside so few numbers.
                    if j + 8 <= count {
                        piece::<T, 8>(from.add(j), to.add(j));
                        j += 8;
                    }
                    if j + 4 <= count {
                        piece::<T, 4>(from.add(j), to.add(j));
                        j += 4;
                    }
                    while j < count {
                        *to.add(j) = *from.add(j);
                        j += 1;
                    }
                }
                from = from.wrapping_add(wide);
                to = to.wrapping_add(self.on.wide);
            }
        }
    }
}

/// Copies `N` numbers.
///
/// # Safety
/// Both places hold them.
#[inline(always)]
unsafe fn piece<T: Copy, const N: usize>(from: *const T, to: *mut T) {
    // SAFETY: as the caller promises.
    unsafe { to.cast::<[T; N]>().write_unaligned(from.cast::<[T; N]>().read_unaligned()) };
}

/// How many outputs and how many taps are summed at a time: as many sums as leave registers for their factors. `None` where
/// there are too few registers for it to pay.
pub(super) const fn sums_at_once<T: Float, I: Lanes<T>>(columns: usize) -> Option<(usize, usize)> {
    match (I::TILE.0 * I::TILE.1, columns) {
        (24.., 3 | 6 | 9) => Some((7, 3)),
        (24.., _) => Some((5, 5)),
        (12.., _) => Some((3, 3)),
        _ => None,
    }
}

/// One channel of some samples, whose taps are summed together, and where their gradients go.
pub(super) struct Correlations<'a, T> {
    pub(super) layout: &'a Shifted,
    /// The samples, laid out one behind the other.
    pub(super) samples: &'a [T],
    /// Numbers in one plane of the cotangent.
    pub(super) pixels: usize,
    /// The first sample's cotangent, `outputs` planes; the next sample's are `dy_stride` numbers on.
    pub(super) dy: &'a [T],
    pub(super) dy_stride: usize,
    pub(super) outputs: usize,
    /// The sums: for each output a number for each tap, `dw_stride` numbers from output to output.
    pub(super) dw: *mut T,
    pub(super) dw_stride: usize,
    /// Whether they are added to what is there.
    pub(super) add: bool,
}

impl<T: Float> Correlations<'_, T> {
    /// # Safety
    /// `dw` is valid for the sums of all outputs, which are nobody else's meanwhile.
    ///
    /// # Panics
    /// If samples or cotangents are too short.
    pub(super) unsafe fn run<I: Lanes<T>>(self, isa: I) {
        let [kh, kw] = self.layout.window.kernel;
        let (planes, count) = (self.outputs * self.pixels, self.samples.len() / self.layout.len());
        assert!(count > 0 && (count - 1) * self.dy_stride + planes <= self.dy.len());
        assert!(self.layout.tap(kh - 1, kw - 1) + self.pixels <= self.layout.len());
        isa.enter(self);
    }

    /// All taps for `O` outputs from `output` on, `N` at a time.
    #[inline(always)]
    fn of<I: Lanes<T>, const O: usize, const N: usize>(&mut self, isa: I, output: usize) {
        let [kh, kw] = self.layout.window.kernel;
        for first in (0..kh * kw).step_by(N) {
            let count = N.min(kh * kw - first);
            // Taps that are too many repeat the last, and are not stored.
            let places = core::array::from_fn(|t| {
                let tap = first + t.min(count - 1);
                self.layout.tap(tap / kw, tap % kw)
            });
            let sums = totals::<T, I, O, N>(isa, self.sums::<I, O, N>(isa, output, places));
            for o in 0..O {
                let to = self.dw.wrapping_add((output + o) * self.dw_stride + first);
                // SAFETY: so many of this output's sums, which are ours, as who called `run` has promised.
                let to = unsafe { core::slice::from_raw_parts_mut(to, count) };
                for (to, &sum) in to.iter_mut().zip(&sums[o * N..]) {
                    *to = if self.add { *to + sum } else { sum };
                }
            }
        }
    }

    /// The sums of `O` outputs and the taps at `places`, lane by lane.
    #[inline(always)]
    fn sums<I: Lanes<T>, const O: usize, const N: usize>(
        &self,
        isa: I,
        output: usize,
        places: [usize; N],
    ) -> [[I::V; N]; O] {
        let (pixels, lanes) = (self.pixels, I::V::LANES);
        let mut sums = [[isa.splat(T::ZERO); N]; O];
        for (i, sample) in self.samples.chunks_exact(self.layout.len()).enumerate() {
            let x = sample.as_ptr();
            let dy = self.dy[i * self.dy_stride + output * pixels..].as_ptr();
            let mut pixel = 0;
            // SAFETY: the pixels lie in each plane of `dy`, and for each tap in the sample's layout.
            unsafe {
                while pixel + lanes <= pixels {
                    let y: [I::V; O] = core::array::from_fn(|o| isa.load(dy.add(o * pixels + pixel)));
                    for t in 0..N {
                        let x = isa.load(x.add(places[t] + pixel));
                        for o in 0..O {
                            sums[o][t] = y[o].mul_add(x, sums[o][t]);
                        }
                    }
                    pixel += lanes;
                }
                if pixel < pixels {
                    // Zeros beyond the plane in both: zero times what lies there would be NaN for a NaN.
                    let left = pixels - pixel;
                    let y: [I::V; O] =
                        core::array::from_fn(|o| isa.load_first(left, dy.add(o * pixels + pixel)));
                    for t in 0..N {
                        let x = isa.load_first(left, x.add(places[t] + pixel));
                        for o in 0..O {
                            sums[o][t] = y[o].mul_add(x, sums[o][t]);
                        }
                    }
                }
            }
        }
        sums
    }
}

/// The most sums at once, filled up to whole registers.
const ROOM: usize = 25 + MOST_LANES;

/// The sum of each register's lanes: neighbours first. A round of additions halves the number of registers.
#[inline(always)]
fn totals<T: Float, I: Lanes<T>, const O: usize, const N: usize>(isa: I, sums: [[I::V; N]; O]) -> [T; ROOM] {
    let lanes = I::V::LANES;
    let mut totals = [T::ZERO; ROOM];
    // Counted by constants, so that the sums can stay in registers until here.
    let mut flat = [isa.splat(T::ZERO); ROOM];
    for o in 0..O {
        for t in 0..N {
            flat[o * N + t] = sums[o][t];
        }
    }
    for start in (0..O * N).step_by(lanes) {
        let mut square = [isa.splat(T::ZERO); MOST_LANES];
        square[..lanes].copy_from_slice(&flat[start..start + lanes]);
        let mut left = lanes;
        while left > 1 {
            left /= 2;
            for i in 0..left {
                let (even, odd) = square[2 * i].uncouple(square[2 * i + 1]);
                square[i] = even + odd;
            }
        }
        // SAFETY: there is room for a register behind the last sum.
        unsafe { square[0].store(totals[start..].as_mut_ptr()) };
    }
    totals
}

impl<T: Float> Kernel<T> for Correlations<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        macro_rules! choose {
            ($n:literal at $most:literal: $($o:literal)*) => {
                for outputs in cut(0..self.outputs, $most) {
                    match outputs.len() {
                        $($o => self.of::<I, $o, $n>(isa, outputs.start),)*
                        _ => unreachable!("at most {} outputs at a time", $most),
                    }
                }
            };
        }
        match sums_at_once::<T, I>(self.layout.window.kernel[1]) {
            Some((7, _)) if const { I::TILE.0 * I::TILE.1 >= 24 } => choose!(3 at 7: 1 2 3 4 5 6 7),
            Some((5, _)) if const { I::TILE.0 * I::TILE.1 >= 24 } => choose!(5 at 5: 1 2 3 4 5),
            _ => choose!(3 at 3: 1 2 3),
        }
    }
}
