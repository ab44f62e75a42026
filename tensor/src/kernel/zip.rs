//! Functions of two numbers.

use super::copy::{copy, turns};
use super::in_order::{At, InOrder, Part, at_once};
use super::{AHEAD, LINE, STREAM, aligned, piece};
use crate::pointwise::{Real, Zip};
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::view::View;
use crate::walk::{Plan, Run, Runs};
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
    let stream = size_of_val(out) >= STREAM;
    let piece = piece(out.len());
    if let (Some(a), Some(b)) = (a.as_slice(), b.as_slice()) {
        return parallel::for_each_piece(out, piece, |i, out| {
            let [a, b] = [a, b].map(|x| Some(Part::of(&x[i * piece..][..out.len()])));
            apply(zip, Pair { a, b, lines: None, out, stream });
            finish::<T>(stream);
        });
    }
    let [left, right] = [a, b].map(InOrder::new);
    if !(left.is_strided() || right.is_strided()) {
        return parallel::for_each_piece(out, piece, |i, out| {
            by_parts(zip, [Some(&left), Some(&right)], i * piece, out, stream)
        });
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
    if turns(a.layout()) {
        return zip_of_copy(zip, a, b, out);
    }
    if turns(b.layout()) {
        copy(b, out);
        return parallel::for_each_piece(out, piece, |i, out| {
            by_parts(zip, [Some(&left), None], i * piece, out, false)
        });
    }
    let plan = Plan::new([a.layout(), b.layout()]);
    let lines = goes_by_lines(&plan);
    parallel::for_each_piece(out, piece, |i, out| match lines {
        true => {
            let mut lines = plan.runs(i * piece, out.len());
            let [a, b] = [a.data(), b.data()].map(|x| Some(Part::of(x)));
            apply(zip, Pair { a, b, lines: Some(&mut lines), out, stream });
            finish::<T>(stream);
        }
        false => by_parts(zip, [Some(&left), Some(&right)], i * piece, out, stream),
    });
}

/// As [`zip`], by two passes: where code must be small, and where a transposing copy is the faster way to read `a`.
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
    let right = InOrder::new(b);
    if right.is_strided() && turns(b.layout()) {
        let mut turned = Buffer::stale(a.len());
        copy(b, turned.make_mut());
        let layout = Layout::contiguous(*b.layout().shape());
        return zip_in_place(zip, a, View::new(turned.as_slice(), &layout));
    }
    // The first layout stands for the numbers that are there.
    let plan = right.is_strided().then(|| Plan::new([b.layout(); 2])).filter(goes_by_lines);
    let piece = piece(a.len());
    parallel::for_each_piece(a, piece, |i, out| match &plan {
        Some(plan) => {
            let mut lines = plan.runs(i * piece, out.len());
            apply(
                zip,
                Pair { a: None, b: Some(Part::of(b.data())), lines: Some(&mut lines), out, stream: false },
            );
        }
        None => by_parts(zip, [None, Some(&right)], i * piece, out, false),
    });
}

/// Whether the innermost loop is worth taking where its numbers lie: long, and each operand goes on by one number or stays.
fn goes_by_lines(plan: &Plan<2>) -> bool {
    plan.is_wide(LINE) && plan.inner().iter().all(|&stride| stride == 0 || stride == 1)
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

/// `out = f(a, b)` from number `start` of the operands on; the one that is missing is in `out`.
fn by_parts<T: Float>(
    zip: Zip,
    operands: [Option<&InOrder<'_, T>>; 2],
    start: usize,
    out: &mut [T],
    stream: bool,
) {
    let mut rooms = [None; 2];
    let at_once = at_once(operands.into_iter().flatten(), out.len());
    for (i, out) in out.chunks_mut(at_once).enumerate() {
        let start = start + i * at_once;
        let part = start..start + out.len();
        let [a_room, b_room] = &mut rooms;
        let a = operands[0].map(|a| a.part(part.clone(), a_room));
        let b = operands[1].map(|b| b.part(part, b_room));
        apply(zip, Pair { a, b, lines: None, out, stream });
    }
    finish::<T>(stream);
}

/// `out = f(a, b)`, side by side or run by run; the operand that is missing is in `out`.
struct Pair<'a, T> {
    a: Option<Part<'a, T>>,
    b: Option<Part<'a, T>>,
    lines: Option<&'a mut Runs<'a, 2>>,
    out: &'a mut [T],
    /// Whether `out` is written past the caches; [`finish`] follows.
    stream: bool,
}

fn apply<T: Float>(zip: Zip, pair: Pair<'_, T>) {
    known!(zip, f => T::dispatch(With(f, pair)));
}

/// A function and its operands.
struct With<'a, F, T>(F, Pair<'a, T>);

impl<T: Float, F: Binary> Kernel<T> for With<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let With(f, Pair { a, b, mut lines, out, stream }) = self;
        let strides = lines.as_ref().map_or([1; 2], |lines| lines.strides());
        let mut same = [[T::ZERO; MOST_LANES]; 2];
        let mut next = match &mut lines {
            Some(lines) => lines.next(),
            None => Some(Run { at: 0, places: [0; 2], count: out.len() }),
        };
        while let Some(Run { at, places, count }) = next {
            let out = &mut out[at..at + count];
            let to = out.as_mut_ptr();
            let a = operand(a, strides[0], places[0], count, to, &mut same[0]);
            let b = operand(b, strides[1], places[1], count, to, &mut same[1]);
            // SAFETY: all have `count` numbers; the result goes to a place of its own or where an operand lies.
            unsafe { each(isa, f, a, b, to, count, stream) };
            next = lines.as_mut().and_then(|lines| lines.next());
        }
    }
}

/// Where an operand lies in a run: its numbers, one of them as often as there are lanes, or, if it is missing, `to`.
#[inline(always)]
fn operand<T: Float>(
    x: Option<Part<'_, T>>,
    stride: isize,
    place: usize,
    count: usize,
    to: *const T,
    same: &mut [T; MOST_LANES],
) -> At<T> {
    match x {
        None => At::place(to),
        Some(x) if stride == 1 => x.at(place, count),
        Some(x) => {
            *same = [x.number(place); MOST_LANES];
            At::same(same)
        }
    }
}

/// What was streamed may be read by others.
fn finish<T: Float>(stream: bool) {
    struct Fence;
    impl<T: Float> Kernel<T> for Fence {
        type Output = ();

        #[inline(always)]
        fn run<I: Lanes<T>>(self, isa: I) {
            isa.fence();
        }
    }
    if stream {
        T::dispatch(Fence);
    }
}

/// `to[i] = f(a[i], b[i])` for `i < len`. What is to `stream` is written past the caches; the caller fences.
///
/// # Safety
/// `a` and `b` are valid for reading and `to` for writing `len` numbers; each is `to` or does not overlap it.
#[inline(always)]
unsafe fn each<T: Float, I: Lanes<T>, F: Binary>(
    isa: I,
    f: F,
    a: At<T>,
    b: At<T>,
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
            isa.prefetch(a.wrapping(isa, i + const { AHEAD / size_of::<T>() }));
            isa.prefetch(b.wrapping(isa, i + const { AHEAD / size_of::<T>() }));
            f.f(a.load(isa, i), b.load(isa, i)).stream(to.add(i));
            i += lanes;
        }
        while i < whole {
            f.f(a.load(isa, i), b.load(isa, i)).store(to.add(i));
            i += lanes;
        }
        if i < len {
            let rest = len - i;
            f.f(a.load_first(isa, rest, i), b.load_first(isa, rest, i)).store_first(rest, to.add(i));
        }
    }
}
