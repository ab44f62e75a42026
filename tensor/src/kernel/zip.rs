//! Functions of two numbers.

use super::copy::copy;
use super::{AHEAD, BLOCK, FEW, Room, STREAM, aligned, dense, piece};
use crate::pointwise::{Real, Zip};
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::view::View;
use crate::walk::Plan;
use crate::{Float, Layout, SMALL, Shape, parallel};
use core::ops::Range;

/// Runs `$work` with `$f` the type of the function `$zip`.
macro_rules! known {
    ($zip:expr, $f:ident => $work:expr) => {
        known!(@arms $zip, $f => $work; 0 1 2 3 4 5 6 7 8)
    };
    (@arms $zip:expr, $f:ident => $work:expr; $($n:literal)*) => {{
        const { assert!(Zip::ALL.len() == [$($n),*].len(), "a function without a loop of its own") };
        $(if $zip == Zip::ALL[$n] {
            let $f = Known::<$n>;
            $work
        } else)* {
            unreachable!("every function is in `Zip::ALL`")
        }
    }};
}

/// `out = f(a, b)`.
pub(crate) fn zip<T: Float>(zip: Zip, a: View<'_, T>, b: View<'_, T>, out: &mut [T]) {
    debug_assert!(a.layout().len() == out.len() && a.layout().shape() == b.layout().shape());
    if SMALL {
        return zip_of_copy(zip, a, b, out);
    }
    if let (true, Some(a), Some(b)) = (out.len() <= FEW, a.as_slice(), b.as_slice()) {
        // Each function is one correctly rounded operation, so these are the bits of every instruction set.
        return known!(zip, f => out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = f.f(*a, *b)));
    }
    if let (Some(dense), Some(block)) = (a.as_slice(), periods(&b)) {
        let block = block.as_slice();
        return each_block(dense.len(), block.len(), |part, [rows, one]| {
            let (a, b) = (View::new(&dense[part.clone()], rows), View::new(block, one));
            self::zip(zip, a, b, &mut out[part]);
        });
    }
    if let (Some(block), Some(dense)) = (periods(&a), b.as_slice()) {
        let block = block.as_slice();
        return each_block(dense.len(), block.len(), |part, [rows, one]| {
            let (a, b) = (View::new(block, one), View::new(&dense[part.clone()], rows));
            self::zip(zip, a, b, &mut out[part]);
        });
    }
    let plan = Plan::new([a.layout(), b.layout()]);
    let stream = size_of_val(out) >= STREAM;
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        let pair = Pair { plan: &plan, a: a.data(), b: b.data(), start: i * piece, out, stream };
        known!(zip, f => T::dispatch(With(f, pair)))
    });
}

/// As [`zip`], by two passes and so with one loop for each function, that in place.
pub(super) fn zip_of_copy<T: Float>(zip: Zip, a: View<'_, T>, b: View<'_, T>, out: &mut [T]) {
    copy(a, out);
    zip_in_place(zip, out, b);
}

/// `a = f(a, b)`, where the caller owns the only copy of `a`.
pub(crate) fn zip_in_place<T: Float>(zip: Zip, a: &mut [T], b: View<'_, T>) {
    debug_assert_eq!(a.len(), b.layout().len());
    if let Some(block) = periods(&b) {
        let block = block.as_slice();
        return each_block(a.len(), block.len(), |part, [_, one]| {
            zip_in_place(zip, &mut a[part], View::new(block, one))
        });
    }
    let plan = Plan::new([b.layout()]);
    let piece = piece(a.len());
    parallel::for_each_piece(a, piece, |i, a| {
        let onto = Onto { plan: &plan, b: b.data(), start: i * piece, a };
        known!(zip, f => T::dispatch(With(f, onto)))
    });
}

/// Numbers of a small operand that is repeated, and of the block that it is written to over and over.
const SHORT: usize = 96;
const PERIODS: usize = 1024;

/// A block of whole periods of an operand that is a short row repeated: its runs would be as short, and end in part of a register.
fn periods<T: Float>(x: &View<'_, T>) -> Option<Buffer<T>> {
    let layout = x.layout();
    if SMALL || layout.len() < 4 * PERIODS {
        return None;
    }
    let (mut period, mut repeated) = (1, false);
    let axes = layout.shape().iter().zip(layout.strides());
    for (&len, &stride) in axes.rev().filter(|&(&len, _)| len > 1) {
        match stride {
            0 => repeated = true,
            _ if stride == period as isize && !repeated => period *= len,
            _ => return None,
        }
    }
    if !repeated || !(2..=SHORT).contains(&period) {
        return None;
    }
    let row = &x.data()[layout.offset()..][..period];
    let mut block = Buffer::stale(PERIODS / period * period);
    block.make_mut().chunks_exact_mut(period).for_each(|to| to.copy_from_slice(row));
    Some(block)
}

/// Calls `work(part, [layout, layout of the block])` for the whole blocks in `len` numbers, and for what is left.
fn each_block(len: usize, block: usize, mut work: impl FnMut(Range<usize>, [&Layout; 2])) {
    let whole = len - len % block;
    for (part, rows, width) in [(0..whole, whole / block, block), (whole..len, 1, len - whole)] {
        let (Ok(all), Ok(one)) = (Shape::new(&[rows, width]), Shape::new(&[width])) else { return };
        let one = Layout::contiguous(one);
        if let (false, Ok(one)) = (part.is_empty(), one.expand(all)) {
            work(part, [&Layout::contiguous(all), &one]);
        }
    }
}

/// A function of two numbers as a type: one `match` at the outside gives each a loop of its own.
trait Binary: Copy {
    fn f<R: Real>(self, a: R, b: R) -> R;
}

/// Entry `N` of [`Zip::ALL`].
#[derive(Clone, Copy)]
struct Known<const N: usize>;

impl<const N: usize> Binary for Known<N> {
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        const { Zip::ALL[N] }.f(a, b)
    }
}

struct With<F, J>(F, J);

struct Pair<'a, T> {
    plan: &'a Plan<2>,
    a: &'a [T],
    b: &'a [T],
    start: usize,
    out: &'a mut [T],
    stream: bool,
}

impl<T: Float, F: Binary> Kernel<T> for With<F, Pair<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Pair { plan, a, b, start, out, stream }) = self;
        let strides = plan.inner();
        let mut buffers = [Room::new(), Room::new()];
        let [a_buffer, b_buffer] = &mut buffers;
        for run in plan.runs(start, out.len()) {
            let block = if strides == [1, 1] { run.count } else { BLOCK };
            for (i, out) in out[run.at..run.at + run.count].chunks_mut(block).enumerate() {
                let at = |n: usize| (run.places[n] as isize + (i * block) as isize * strides[n]) as usize;
                let a = dense(a, at(0), strides[0], out.len(), a_buffer);
                let b = dense(b, at(1), strides[1], out.len(), b_buffer);
                // SAFETY: the three slices have `out.len()` numbers.
                unsafe { apply(isa, f, a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), out.len(), stream) };
            }
        }
        if stream {
            isa.fence();
        }
    }
}

struct Onto<'a, T> {
    plan: &'a Plan<1>,
    b: &'a [T],
    start: usize,
    a: &'a mut [T],
}

impl<T: Float, F: Binary> Kernel<T> for With<F, Onto<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Onto { plan, b, start, a }) = self;
        let [stride] = plan.inner();
        let mut buffer = Room::new();
        for run in plan.runs(start, a.len()) {
            let block = if stride == 1 { run.count } else { BLOCK };
            for (i, a) in a[run.at..run.at + run.count].chunks_mut(block).enumerate() {
                let place = (run.places[0] as isize + (i * block) as isize * stride) as usize;
                let b = dense(b, place, stride, a.len(), &mut buffer);
                let (at, len) = (a.as_mut_ptr(), a.len());
                // SAFETY: both slices have `len` numbers; the result goes where the first operand lies.
                unsafe { apply(isa, f, at, b.as_ptr(), at, len, false) };
            }
        }
    }
}

/// `to[i] = f(a[i], b[i])` for `i < len`. What is to `stream` is written past the caches; the caller fences.
///
/// # Safety
/// `a` and `b` are valid for reading and `to` for writing `len` numbers; `to` is `a` or overlaps neither.
#[inline(always)]
unsafe fn apply<T: Float, I: Lanes<T>, F: Binary>(
    isa: I,
    f: F,
    a: *const T,
    b: *const T,
    to: *mut T,
    len: usize,
    stream: bool,
) {
    let lanes = I::V::LANES;
    let whole = len - len % lanes;
    let stream = stream && aligned::<I::V>(to);
    let mut i = 0;
    // SAFETY: `i + LANES <= len` in the loops, `i + (len - whole) = len` after them; a whole number of registers behind an
    // aligned place is aligned.
    unsafe {
        while stream && i < whole {
            isa.prefetch(a.wrapping_add(i + const { AHEAD / size_of::<T>() }));
            isa.prefetch(b.wrapping_add(i + const { AHEAD / size_of::<T>() }));
            f.f(isa.load(a.add(i)), isa.load(b.add(i))).stream(to.add(i));
            i += lanes;
        }
        while i < whole {
            f.f(isa.load(a.add(i)), isa.load(b.add(i))).store(to.add(i));
            i += lanes;
        }
        if i < len {
            let rest = len - i;
            f.f(isa.load_first(rest, a.add(i)), isa.load_first(rest, b.add(i))).store_first(rest, to.add(i));
        }
    }
}
