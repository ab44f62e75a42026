//! Maxima and means over windows of images `[planes, height, width]`, where planes are images times channels.
//!
//! The maximum of a window is its *first* largest element in row-major order, or its first NaN; padding never is. Means
//! count padded elements as zeros, so that every window is divided by its full size.

mod halving;
mod rows;

use super::disjoint::Disjoint;
use crate::simd::{Kernel, Lanes};
use crate::{Float, SMALL, Window, parallel};
use core::ops::Range;
use halving::{all_finite, halve, halve_sums, lanes_later, spread, spread_shares};
use rows::fold_row;

/// Numbers that one task reads. Two tasks on one thread and on two, on the Zen 5 of `docs/performance.md`: maxima of 2 x 2 2.5 and
/// 2.0 us, of 3 x 3 12.4 and 6.9 (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 15;

/// The taps of windows along one axis: for window `p`, taps `first ..= last` of the kernel lie inside of the image.
#[derive(Clone, Copy)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    before: usize,
    dilation: usize,
}

impl Axis {
    fn of(window: &Window) -> [Self; 2] {
        [0, 1].map(|axis| Self {
            input: window.input[axis],
            kernel: window.kernel[axis],
            stride: window.stride[axis],
            before: window.pad[axis][0],
            dilation: window.dilation[axis],
        })
    }

    /// The indices in the image that window `p` covers.
    #[inline(always)]
    fn taps(self, p: usize) -> core::iter::StepBy<core::ops::Range<usize>> {
        let start = p * self.stride;
        let skipped = self.before.saturating_sub(start).div_ceil(self.dilation);
        let first = start + skipped * self.dilation - self.before.min(start + skipped * self.dilation);
        let end = (start + (self.kernel - 1) * self.dilation + 1).saturating_sub(self.before).min(self.input);
        (first..end.max(first)).step_by(self.dilation)
    }

    /// The windows of `count` that reach from before the end of `of` to its start, or beyond.
    fn covering(self, of: &Range<usize>, count: usize) -> Range<usize> {
        let first = (of.start + self.before).saturating_sub(self.span() - 1).div_ceil(self.stride);
        first.min(count)..(of.end + self.before).div_ceil(self.stride).min(count)
    }

    /// How many indices a window spans.
    fn span(self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }
}

/// Shares out planes of `rows` x `columns` results, each of which is found from `reads` numbers, and calls
/// `work(plane, rows, out)`: with whole planes from `plane` on, or with a band of one plane's rows where that is more than a task
/// reads. A band has at least `least` rows, and starts at an even one.
fn share_out<T: Float>(
    out: &mut [T],
    [rows, columns]: [usize; 2],
    reads: usize,
    least: usize,
    work: impl Fn(usize, Range<usize>, &mut [T]) + parallel::Shared,
) {
    let len = rows * columns;
    let high = rows.div_ceil(reads.div_ceil(TASK).max(1)).max(least).next_multiple_of(2);
    if SMALL || high >= rows {
        let planes = (TASK / reads.max(1)).max(1);
        return parallel::for_each_piece(out, planes * len, |i, out| work(i * planes, 0..rows, out));
    }
    let (bands, planes) = (rows.div_ceil(high), out.len() / len);
    let out = Disjoint::new(out);
    parallel::for_each(planes * bands, |task| {
        let (plane, band) = (task / bands, task % bands);
        let rows = band * high..((band + 1) * high).min(rows);
        // SAFETY: each task has a band of its own.
        let out = unsafe { out.part(plane * len + rows.start * columns, rows.len() * columns) };
        work(plane, rows, out);
    });
}

/// Whether all windows are 2 x 2, two apart, and lie inside of the image.
fn is_halving(window: &Window, output: [usize; 2]) -> bool {
    window.kernel == [2, 2]
        && window.stride == [2, 2]
        && window.dilation == [1, 1]
        && (0..2).all(|axis| window.pad[axis][0] == 0 && output[axis] == window.input[axis] / 2)
}

/// Whether `b` is to be taken over `a`, which comes first.
#[inline(always)]
fn beats<T: Float>(b: T, a: T) -> bool {
    // The second half: a NaN beats every number, but not an earlier NaN.
    #[allow(clippy::eq_op)]
    {
        b > a || (b != b && a == a)
    }
}

/// What happens at the maximum of each window.
enum Role<'a, T> {
    /// `out[window]` = the value there in `of`, which is the image itself or its tangent.
    Gather { of: &'a [T] },
    /// `out[there]` grows by `g[window]`; `out` is the image's cotangent, from plane `first` on.
    Scatter { g: &'a [T], first: usize },
}

/// `out[plane, p, q]` = the element of `of` where the window's first largest element of `x` is: with `x` for `of` the
/// largest itself. `output` is as [`Window::output`] gives it.
pub(crate) fn max_pool_gather<T: Float>(
    x: &[T],
    of: &[T],
    window: &Window,
    output: [usize; 2],
    out: &mut [T],
) {
    let input = window.input[0] * window.input[1];
    if out.is_empty() {
        return;
    }
    share_out(out, output, input, 1, |plane, rows, out| {
        let part = plane * input..(plane + out.len() / (rows.len() * output[1])) * input;
        let (x, of) = (&x[part.clone()], &of[part]);
        T::dispatch(Max { x, window, output, role: Role::Gather { of }, rows, out });
    });
}

/// `out[plane, h, w]` = the sum of `g` over the windows whose first largest element of `x` is there. Where `x` has fewer
/// planes than `out`, it is repeated: K cotangents of one image.
///
/// # Panics
/// If `out` is not some times as long as `x`.
pub(crate) fn max_pool_scatter<T: Float>(
    x: &[T],
    g: &[T],
    window: &Window,
    output: [usize; 2],
    out: &mut [T],
) {
    let (input, output_len) = (window.input[0] * window.input[1], output[0] * output[1]);
    if out.is_empty() {
        return;
    }
    assert!(out.len().is_multiple_of(x.len()), "the image is repeated as a whole");
    let least = Axis::of(window)[0].span();
    share_out(out, window.input, input, least, |first, rows, out| {
        let count = out.len() / (rows.len() * window.input[1]);
        let g = &g[first * output_len..][..count * output_len];
        T::dispatch(Max { x, window, output, role: Role::Scatter { g, first }, rows, out });
    });
}

struct Max<'a, T> {
    x: &'a [T],
    window: &'a Window,
    output: [usize; 2],
    role: Role<'a, T>,
    /// The rows of each plane that are in `out`.
    rows: Range<usize>,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Max<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { x, window, output: [high, columns], role, rows, out } = self;
        let [height, width] = window.input;
        let (input, output) = (height * width, high * columns);
        if input == 0 || output == 0 {
            // Windows over padding alone have no element, and images without windows no cotangent.
            return out.fill(if input == 0 { T::NEG_INFINITY } else { T::ZERO });
        }
        let halving = is_halving(window, [high, columns]);
        let [down, across] = Axis::of(window);
        match role {
            Role::Gather { of } => {
                let same = core::ptr::eq(x, of);
                let whole = if same { across.whole(columns) } else { 0..0 };
                let planes = x.chunks_exact(input).zip(of.chunks_exact(input));
                for ((x, of), out) in planes.zip(out.chunks_exact_mut(rows.len() * columns)) {
                    for (p, out) in rows.clone().zip(out.chunks_exact_mut(columns)) {
                        if halving && same {
                            let (top, bottom) = x[2 * p * width..][..2 * width].split_at(width);
                            halve(isa, top, bottom, out);
                            continue;
                        }
                        let (rows, start) = (down.taps(p), T::NEG_INFINITY);
                        fold_row(isa, x, rows, across, whole.clone(), out, start, lanes_later, |x| x);
                        for q in (0..whole.start).chain(whole.end..columns) {
                            out[q] = first_largest(x, width, down, across, p, q)
                                .map_or(T::NEG_INFINITY, |at| of[at]);
                        }
                    }
                }
            }
            Role::Scatter { g, first } => {
                let (before, len) = (rows.start * width, rows.len() * width);
                let planes = g.chunks_exact(output).zip(out.chunks_exact_mut(len)).enumerate();
                for (i, (g, out)) in planes {
                    let x = &x[(first + i) * input % x.len()..][..input];
                    if halving {
                        let x = &x[before..][..len];
                        let finite = all_finite(isa, x);
                        let windows = down.covering(&rows, high);
                        let g = g[windows.start * columns..windows.end * columns].chunks_exact(columns);
                        for (p, g) in g.enumerate() {
                            let (top, bottom) = x[2 * p * width..][..2 * width].split_at(width);
                            let (out_top, out_bottom) = out[2 * p * width..][..2 * width].split_at_mut(width);
                            if finite {
                                spread::<T, I, true>(isa, top, bottom, g, out_top, out_bottom);
                            } else {
                                spread::<T, I, false>(isa, top, bottom, g, out_top, out_bottom);
                            }
                        }
                        out[2 * windows.len() * width..].fill(T::ZERO);
                        continue;
                    }
                    out.fill(T::ZERO);
                    for p in down.covering(&rows, high) {
                        for (q, &g) in g[p * columns..][..columns].iter().enumerate() {
                            let at = first_largest(x, width, down, across, p, q);
                            // Those above the band come out huge, and so beyond it.
                            if let Some(slot) = at.and_then(|at| out.get_mut(at.wrapping_sub(before))) {
                                *slot = *slot + g;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where the first largest element of window `[p, q]` is; `None` if the window covers padding alone.
#[inline(always)]
fn first_largest<T: Float>(
    x: &[T],
    width: usize,
    down: Axis,
    across: Axis,
    p: usize,
    q: usize,
) -> Option<usize> {
    let mut best: Option<(usize, T)> = None;
    for h in down.taps(p) {
        for w in across.taps(q) {
            let at = h * width + w;
            if best.is_none_or(|(_, value)| beats(x[at], value)) {
                best = Some((at, x[at]));
            }
        }
    }
    best.map(|(at, _)| at)
}

/// `out[plane, p, q]` = the mean of each window of `x`, padding counted as zeros.
pub(crate) fn mean_pool<T: Float>(x: &[T], window: &Window, output: [usize; 2], out: &mut [T]) {
    let input = window.input[0] * window.input[1];
    if out.is_empty() {
        return;
    }
    share_out(out, output, input, 1, |plane, rows, out| {
        let x = &x[plane * input..][..out.len() / (rows.len() * output[1]) * input];
        T::dispatch(Mean { from: x, window, output, transposed: false, rows, out });
    });
}

/// The transpose of [`mean_pool`]: `out[plane, h, w]` = the sum of `g` over the windows that cover it, divided by the
/// windows' size.
pub(crate) fn mean_pool_transpose<T: Float>(g: &[T], window: &Window, output: [usize; 2], out: &mut [T]) {
    let (input, output_len) = (window.input[0] * window.input[1], output[0] * output[1]);
    if out.is_empty() {
        return;
    }
    let least = Axis::of(window)[0].span();
    share_out(out, window.input, input, least, |plane, rows, out| {
        let g = &g[plane * output_len..][..out.len() / (rows.len() * window.input[1]) * output_len];
        T::dispatch(Mean { from: g, window, output, transposed: true, rows, out });
    });
}

struct Mean<'a, T> {
    from: &'a [T],
    window: &'a Window,
    output: [usize; 2],
    transposed: bool,
    /// The rows of each plane that are in `out`.
    rows: Range<usize>,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Mean<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { from, window, output: [high, columns], transposed, rows, out } = self;
        let [height, width] = window.input;
        let (input, output) = (height * width, high * columns);
        if input == 0 || output == 0 {
            return out.fill(T::ZERO);
        }
        let [down, across] = Axis::of(window);
        let halving = is_halving(window, [high, columns]);
        let share = T::from_f64(1.0 / (window.kernel[0] * window.kernel[1]) as f64);
        if !transposed {
            let whole = across.whole(columns);
            for (x, out) in from.chunks_exact(input).zip(out.chunks_exact_mut(rows.len() * columns)) {
                for (p, out) in rows.clone().zip(out.chunks_exact_mut(columns)) {
                    if halving {
                        let (top, bottom) = x[2 * p * width..][..2 * width].split_at(width);
                        halve_sums(isa, top, bottom, share, out);
                        continue;
                    }
                    let (rows, scale) = (down.taps(p), isa.splat(share));
                    fold_row(isa, x, rows, across, whole.clone(), out, T::ZERO, |a, b| a + b, |x| x * scale);
                    for q in (0..whole.start).chain(whole.end..columns) {
                        let mut sum = T::ZERO;
                        for h in down.taps(p) {
                            for w in across.taps(q) {
                                sum = sum + x[h * width + w];
                            }
                        }
                        out[q] = sum * share;
                    }
                }
            }
            return;
        }
        for (g, out) in from.chunks_exact(output).zip(out.chunks_exact_mut(rows.len() * width)) {
            // What windows of 2 x 2 cover whole is written once.
            if !halving || input != 4 * output {
                out.fill(T::ZERO);
            }
            for p in down.covering(&rows, high) {
                let g = &g[p * columns..][..columns];
                if halving {
                    let (top, bottom) = out[(2 * p - rows.start) * width..][..2 * width].split_at_mut(width);
                    spread_shares(isa, g, share, top, bottom);
                    continue;
                }
                for (q, &g) in g.iter().enumerate() {
                    let part = g * share;
                    for h in down.taps(p).filter(|h| rows.contains(h)) {
                        let row = &mut out[(h - rows.start) * width..][..width];
                        across.taps(q).for_each(|w| row[w] = row[w] + part);
                    }
                }
            }
        }
    }
}
