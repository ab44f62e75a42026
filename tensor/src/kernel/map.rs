//! Functions of one number, and their fused gradients `g f'(kept)`.

use super::copy::copy;
use super::zip::zip_in_place;
use super::{AHEAD, BLOCK, FEW, Room, STREAM, aligned, dense, piece};
use crate::pointwise::{Function, Map, Visit, Zip};
use crate::simd::{Kernel, Lanes, Vector};
use crate::view::View;
use crate::walk::Plan;
use crate::{Element, Float, SMALL, parallel};

/// `out = f(x)`.
pub(crate) fn map<T: Float>(map: Map, x: View<'_, T>, out: &mut [T]) {
    debug_assert_eq!(x.layout().len(), out.len());
    if SMALL {
        return map_of_copy(map, x, out);
    }
    if let (true, Some(x)) = (out.len() <= FEW, x.as_slice()) {
        out.copy_from_slice(x);
        return map.visit(InPlace(out));
    }
    let plan = Plan::new([x.layout()]);
    let stream = size_of_val(out) >= STREAM;
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        map.visit(Forward { plan: &plan, x: x.data(), start: i * piece, out, stream });
    });
}

/// As [`map`], by two passes and so with one loop for each function, that in place.
pub(super) fn map_of_copy<T: Float>(map: Map, x: View<'_, T>, out: &mut [T]) {
    copy(x, out);
    map_in_place(map, out);
}

/// `x = f(x)`, where the caller owns the only copy.
pub(crate) fn map_in_place<T: Float>(map: Map, x: &mut [T]) {
    let piece = piece(x.len());
    parallel::for_each_piece(x, piece, |_, x| map.visit(InPlace(x)));
}

/// `out = g f'(kept)`, with `kept` the function's argument or value as [`Map::keep`] says.
pub(crate) fn map_grad<T: Float>(map: Map, kept: View<'_, T>, g: View<'_, T>, out: &mut [T]) {
    debug_assert!(kept.layout().len() == out.len() && g.layout().shape() == kept.layout().shape());
    if SMALL {
        return map_grad_of_copy(map, kept, g, out);
    }
    let plan = Plan::new([kept.layout(), g.layout()]);
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        map.visit(Gradient { plan: &plan, kept: kept.data(), g: g.data(), start: i * piece, out });
    });
}

/// As [`map_grad`], by three passes: a loop for each function needs no more than a number and its place.
pub(super) fn map_grad_of_copy<T: Float>(map: Map, kept: View<'_, T>, g: View<'_, T>, out: &mut [T]) {
    copy(kept, out);
    map.visit(Slopes(out));
    zip_in_place(Zip::Mul, out, g);
}

/// A function and what to do with it: what [`Visit`] turns the four jobs below into.
struct With<F, J>(F, J);

struct Forward<'a, T> {
    plan: &'a Plan<1>,
    x: &'a [T],
    start: usize,
    out: &'a mut [T],
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
        let With(f, Forward { plan, x, start, out, stream }) = self;
        let [stride] = plan.inner();
        let mut buffer = Room::new();
        for run in plan.runs(start, out.len()) {
            let [place] = run.places;
            let out = &mut out[run.at..run.at + run.count];
            if stride == 0 {
                let (value, rest) = (&x[place..place + 1], out);
                // SAFETY: one number is read and one written.
                unsafe { apply(isa, f, value.as_ptr(), rest.as_mut_ptr(), 1, false) };
                let y = rest[0];
                rest.fill(y);
                continue;
            }
            let block = if stride == 1 { run.count } else { BLOCK };
            for (i, out) in out.chunks_mut(block).enumerate() {
                let place = (place as isize + (i * block) as isize * stride) as usize;
                let x = dense(x, place, stride, out.len(), &mut buffer);
                // SAFETY: both slices have `out.len()` numbers.
                unsafe { apply(isa, f, x.as_ptr(), out.as_mut_ptr(), out.len(), stream) };
            }
        }
        if stream {
            isa.fence();
        }
    }
}

struct InPlace<'a, T>(&'a mut [T]);

impl<T: Float> Visit for InPlace<'_, T> {
    type Output = ();
    fn visit<F: Function>(self, function: F) {
        T::dispatch(With(function, self));
    }
}

impl<T: Float, F: Function> Kernel<T> for With<F, InPlace<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, InPlace(x)) = self;
        let at = x.as_mut_ptr();
        // SAFETY: the slice is read and written as a whole.
        unsafe { apply(isa, f, at, at, x.len(), false) };
    }
}

/// Derivatives in place of what was kept.
struct Slopes<'a, T>(&'a mut [T]);

impl<T: Float> Visit for Slopes<'_, T> {
    type Output = ();
    fn visit<F: Function>(self, function: F) {
        T::dispatch(With(function, self));
    }
}

impl<T: Float, F: Function> Kernel<T> for With<F, Slopes<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Slopes(kept)) = self;
        for some in kept.chunks_mut(I::V::LANES) {
            // SAFETY: the chunk has so many numbers, at most a register of them.
            unsafe {
                f.df(isa.load_first(some.len(), some.as_ptr())).store_first(some.len(), some.as_mut_ptr())
            };
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
unsafe fn apply<T: Element, I: Lanes<T>, F: Function>(
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
            if count >= I::V::LANES {
                let y = f.f(isa.load(from.add(i)));
                if stream {
                    y.stream(to.add(i));
                } else {
                    y.store(to.add(i));
                }
            } else {
                f.f(isa.load_first(count, from.add(i))).store_first(count, to.add(i));
            }
        }
        i += I::V::LANES;
    }
}

struct Gradient<'a, T> {
    plan: &'a Plan<2>,
    kept: &'a [T],
    g: &'a [T],
    start: usize,
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
        let With(f, Gradient { plan, kept, g, start, out }) = self;
        let strides = plan.inner();
        let mut buffers = [Room::new(), Room::new()];
        let [kept_buffer, g_buffer] = &mut buffers;
        for run in plan.runs(start, out.len()) {
            let block = if strides == [1, 1] { run.count } else { BLOCK };
            for (i, out) in out[run.at..run.at + run.count].chunks_mut(block).enumerate() {
                let at = |n: usize| (run.places[n] as isize + (i * block) as isize * strides[n]) as usize;
                let kept = dense(kept, at(0), strides[0], out.len(), kept_buffer);
                let g = dense(g, at(1), strides[1], out.len(), g_buffer);
                let (len, mut i) = (out.len(), 0);
                while i < len {
                    let count = len - i;
                    // SAFETY: the three slices have `len` numbers, and `i + min(count, LANES) <= len`.
                    unsafe {
                        let (kept, g, out) =
                            (kept.as_ptr().add(i), g.as_ptr().add(i), out.as_mut_ptr().add(i));
                        if count >= I::V::LANES {
                            (isa.load(g) * f.df(isa.load(kept))).store(out);
                        } else {
                            let df = f.df(isa.load_first(count, kept));
                            (isa.load_first(count, g) * df).store_first(count, out);
                        }
                    }
                    i += I::V::LANES;
                }
            }
        }
    }
}
