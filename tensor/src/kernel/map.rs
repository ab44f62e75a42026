//! Functions of one number, and their fused gradients `g f'(kept)`.

use super::copy::{copy, copy_part, turns};
use super::in_order::{InOrder, Part, at_once};
use super::{AHEAD, LINE, STREAM, aligned, piece};
use crate::pointwise::{Function, Map, Visit};
use crate::simd::{Kernel, Lanes, Vector};
use crate::view::View;
use crate::walk::{Plan, Run, Runs};
use crate::{Float, SMALL, parallel};

/// Numbers that stay in the first-level cache between being brought together and being computed with.
const NEAR: usize = 2048;

/// `out = f(x)`.
pub(crate) fn map<T: Float>(map: Map, x: View<'_, T>, out: &mut [T]) {
    debug_assert_eq!(x.layout().len(), out.len());
    let stream = size_of_val(out) >= STREAM;
    let piece = piece(out.len());
    if let Some(x) = x.as_slice() {
        return parallel::for_each_piece(out, piece, |i, out| {
            let x = Some(&x[i * piece..][..out.len()]);
            map.visit(Forward { x, lines: None, out, stream });
        });
    }
    if turns(x.layout()) {
        copy(x, out);
        return map_in_place(map, out);
    }
    let plan = Plan::new([x.layout()]);
    let wide = !SMALL && plan.is_wide(LINE);
    parallel::for_each_piece(out, piece, |i, out| match plan.inner() {
        [1] if wide => {
            let mut lines = plan.runs(i * piece, out.len());
            map.visit(Forward { x: Some(x.data()), lines: Some(&mut lines), out, stream });
        }
        // One number for all of a row.
        [0] if wide => {
            for Run { at, places: [place], count } in plan.runs(i * piece, out.len()) {
                let out = &mut out[at..at + count];
                out[0] = x.data()[place];
                map.visit(Forward { x: None, lines: None, out: &mut out[..1], stream: false });
                let y = out[0];
                out.fill(y);
            }
        }
        _ => {
            for (j, out) in out.chunks_mut(NEAR).enumerate() {
                copy_part(&plan, x.data(), i * piece + j * NEAR, out);
                map.visit(Forward { x: None, lines: None, out, stream: false });
            }
        }
    });
}

/// `x = f(x)`, where the caller owns the only copy.
pub(crate) fn map_in_place<T: Float>(map: Map, x: &mut [T]) {
    let piece = piece(x.len());
    parallel::for_each_piece(x, piece, |_, x| {
        map.visit(Forward { x: None, lines: None, out: x, stream: false })
    });
}

/// `out = g f'(kept)`, with `kept` the function's argument or value as [`Map::keep`] says.
pub(crate) fn map_grad<T: Float>(map: Map, kept: View<'_, T>, g: View<'_, T>, out: &mut [T]) {
    debug_assert!(kept.layout().len() == out.len() && g.layout().shape() == kept.layout().shape());
    let [kept, g] = [kept, g].map(InOrder::new);
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        let [mut kept_room, mut g_room] = [None; 2];
        let at_once = at_once([&kept, &g], out.len());
        for (j, out) in out.chunks_mut(at_once).enumerate() {
            let start = i * piece + j * at_once;
            let part = start..start + out.len();
            let kept = kept.part(part.clone(), &mut kept_room);
            map.visit(Gradient { kept, g: g.part(part, &mut g_room), out });
        }
    });
}

/// A function and what to do with it: what [`Visit`] turns the two jobs below into.
struct With<F, J>(F, J);

/// `out = f(x)`, side by side or run by run; without `x`, `out` holds the arguments.
struct Forward<'a, T> {
    x: Option<&'a [T]>,
    lines: Option<&'a mut Runs<'a, 1>>,
    out: &'a mut [T],
    /// Whether `out` is written past the caches.
    stream: bool,
}

impl<T: Float> Visit for Forward<'_, T> {
    type Output = ();
    fn visit<F: Function>(self, function: F) {
        T::dispatch(With(function, self));
    }
}

impl<T: Float, F: Function> Kernel<T> for With<F, Forward<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Forward { x, mut lines, out, stream }) = self;
        let mut next = match &mut lines {
            Some(lines) => lines.next(),
            None => Some(Run { at: 0, places: [0], count: out.len() }),
        };
        while let Some(Run { at, places: [place], count }) = next {
            let out = &mut out[at..at + count];
            let to = out.as_mut_ptr();
            let from = x.map_or(to.cast_const(), |x| x[place..place + count].as_ptr());
            // SAFETY: both have `count` numbers, side by side or the same.
            unsafe { apply(isa, f, from, to, count, stream) };
            next = lines.as_mut().and_then(|lines| lines.next());
        }
        if stream {
            isa.fence();
        }
    }
}

/// `to[i] = f(from[i])` for `i < len`.
///
/// The last, partial register goes through the same instructions as the others: one copy of a long function instead of
/// two, and the same bits wherever a number lies. What is to `stream` is written past the caches; the caller fences.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` numbers; they are the same or do not overlap.
#[inline(always)]
unsafe fn apply<T: Float, I: Lanes<T>, F: Function>(
    isa: I,
    f: F,
    from: *const T,
    to: *mut T,
    len: usize,
    stream: bool,
) {
    let stream = stream && aligned::<I::V>(to);
    let mut i = 0;
    while i < len {
        let count = len - i;
        if stream {
            isa.prefetch(from.wrapping_add(i + const { AHEAD / size_of::<T>() }));
        }
        // SAFETY: `i + min(count, LANES) <= len`; a whole number of registers behind an aligned place is aligned.
        unsafe {
            let at = from.add(i);
            let whole = count >= I::V::LANES;
            let y = f.f(if whole { isa.load(at) } else { isa.load_first(count, at) });
            match whole {
                true if stream => y.stream(to.add(i)),
                true => y.store(to.add(i)),
                false => y.store_first(count, to.add(i)),
            }
        }
        i += I::V::LANES;
    }
}

/// `out = g f'(kept)`, side by side.
struct Gradient<'a, T> {
    kept: Part<'a, T>,
    g: Part<'a, T>,
    out: &'a mut [T],
}

impl<T: Float> Visit for Gradient<'_, T> {
    type Output = ();
    fn visit<F: Function>(self, function: F) {
        T::dispatch(With(function, self));
    }
}

impl<T: Float, F: Function> Kernel<T> for With<F, Gradient<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Gradient { kept, g, out }) = self;
        let (len, mut i) = (out.len(), 0);
        let (kept, g) = (kept.at(0, len), g.at(0, len));
        while i < len {
            let count = len - i;
            // SAFETY: all have `len` numbers, and `i + min(count, LANES) <= len`.
            unsafe {
                let whole = count >= I::V::LANES;
                let df = f.df(if whole { kept.load(isa, i) } else { kept.load_first(isa, count, i) });
                let to = out.as_mut_ptr().add(i);
                match whole {
                    true => (g.load(isa, i) * df).store(to),
                    false => (g.load_first(isa, count, i) * df).store_first(count, to),
                }
            }
            i += I::V::LANES;
        }
    }
}
