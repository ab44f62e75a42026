//! Windows of one tap over a few channels of bytes: what mixes the channels of a picture in colours, or of a few maps. Nothing is
//! gathered, because too few taps meet a gathered column to pay for it: a run of windows keeps its sums, and three channels at a
//! time go along it.

use super::quantised::Finish;
use crate::Window;

/// For as many outputs of as many channels a column is gathered, and its products are taken several at a time: the sooner, the more
/// of them are one instruction.
const MANY: usize = if cfg!(any(target_arch = "aarch64", target_feature = "simd128")) { 8 } else { 40 };

/// As many windows have their sums kept at a time.
const RUN: usize = 64;

/// Whether windows are of this kind; `k` numbers lie under one, which `outputs` meet.
pub(super) fn suits(window: &Window, k: usize, outputs: usize) -> bool {
    k.min(outputs) < MANY && window.kernel == [1, 1] && window.pad == [[0; 2]; 2]
}

/// One output `y [h, w]`, which is `channel` of `finish`: of `x [C, H, W]` by `w [C]`.
#[inline(never)]
pub(super) fn plane(
    x: &[i8],
    (window, wide): (&Window, usize),
    w: &[i8],
    (finish, channel): (&Finish<'_>, usize),
    y: &mut [i8],
) {
    let Some(&bias) = finish.bias.get(channel) else { return };
    let (apart, [down, step]) = (x.len() / w.len().max(1), window.stride);
    // Without steps the rows of a picture are one.
    let (wide, down) = if [down, step] == [1, 1] { (y.len(), 0) } else { (wide, down) };
    let (Some(down), mut sums) = (down.checked_mul(window.input[1]), [0; RUN]) else { return };
    let mut top = 0usize;
    for y in y.chunks_exact_mut(wide.max(1)) {
        let mut from = top;
        for y in y.chunks_mut(RUN) {
            let (sums, mut place, mut rest, mut first) = (&mut sums[..y.len()], from, w, Some(bias));
            while !rest.is_empty() {
                // Three at a time; of 4 and of 2 at the end two, because one more pass costs as much as three channels in one.
                let count = if [2, 4].contains(&rest.len()) { 2 } else { rest.len().min(3) };
                let (Some((w, after)), Some(x)) = (rest.split_at_checked(count), x.get(place..)) else {
                    return;
                };
                if !along(x, w, [apart, step], first, sums) {
                    return;
                }
                (place, rest, first) = (place + count * apart, after, None);
            }
            finish.run(channel, sums, y);
            from = from.saturating_add(step.saturating_mul(RUN));
        }
        top = top.saturating_add(down);
    }
}

/// What up to three channels give that are `apart`, added to `first` or to `sums`; from one window to the next is a `step`.
/// Whether all of them lie in `x`.
#[inline(never)]
fn along(x: &[i8], w: &[i8], [apart, step]: [usize; 2], first: Option<i32>, sums: &mut [i32]) -> bool {
    let [windows, channels] = [sums.len(), w.len()].map(|count| count.saturating_sub(1));
    let last = windows.checked_mul(step).and_then(|last| last.checked_add(channels * apart));
    if last.is_none_or(|last| last >= x.len()) {
        return false;
    }
    // SAFETY: the last channel of the last window is in x, as was just compared, and all others lie before it.
    let tap = |at: *const i8, n: usize, w: i8| i32::from(w) * i32::from(unsafe { *at.add(n * apart) });
    let at = x.as_ptr();
    match *w {
        [u, v, w] => each(at, step, first, sums, |at, sum| {
            sum.wrapping_add(tap(at, 0, u)).wrapping_add(tap(at, 1, v)).wrapping_add(tap(at, 2, w))
        }),
        [u, v] => {
            each(at, step, first, sums, |at, sum| sum.wrapping_add(tap(at, 0, u)).wrapping_add(tap(at, 1, v)))
        }
        [u] => each(at, step, first, sums, |at, sum| sum.wrapping_add(tap(at, 0, u))),
        _ => {}
    }
    true
}

/// Each of `sums` with what is added to it or to `first`, of windows that are a `step` apart.
#[inline(always)]
fn each(
    at: *const i8,
    step: usize,
    first: Option<i32>,
    sums: &mut [i32],
    add: impl Fn(*const i8, i32) -> i32,
) {
    let mut at = at;
    match first {
        Some(first) => sums.iter_mut().for_each(|sum| {
            *sum = add(at, first);
            at = at.wrapping_add(step);
        }),
        None => sums.iter_mut().for_each(|sum| {
            *sum = add(at, *sum);
            at = at.wrapping_add(step);
        }),
    }
}
