//! Where the first largest or smallest number along an axis is, in one pass over the numbers as they lie.
//!
//! NaN is the largest of all, and 0 and -0 are equal: the first of an order as sorting gives it.

use super::disjoint::Disjoint;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};

/// Numbers that one task reads. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 5.6 and
/// 3.4 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 14;
/// Columns that are gone down side by side.
const STRIP: usize = 256;
/// Rows up to this length are turned in registers, as many at a time as there are lanes: each is then one lane, while a longer
/// one pays for bringing its lanes together.
const SHORT: usize = 512;

/// `out[o, i]` = the place of the first largest (or smallest) number of `x[o, .., i]`, for `x [outer, len, inner]`.
///
/// # Panics
/// If `len` is 0.
pub(crate) fn extreme<T: Float>(largest: bool, x: &[T], len: usize, inner: usize, out: &mut [u32]) {
    if out.is_empty() {
        return;
    }
    assert!(len > 0 && x.len() == out.len() * len, "one number of so many");
    // Long axes are cut into chunks, whose places a number of single precision counts; what they find is joined in order.
    let width = inner.min(STRIP);
    let chunk = (2 * TASK / width).min(len);
    let (outer, chunks, strips) = (out.len() / inner, len.div_ceil(chunk), inner.div_ceil(STRIP));
    let mut values = Buffer::<T>::stale(outer * chunks * inner);
    let mut places = Buffer::<u32>::stale(if chunks == 1 { 0 } else { outer * chunks * inner });
    let found = if chunks == 1 { &mut *out } else { places.make_mut() };
    let all = (Disjoint::new(values.make_mut()), Disjoint::new(found));
    // Rows that are not cut lie one after the other, and so does what is found of them.
    let rows = if inner == 1 && chunks == 1 { (TASK / len).max(1) } else { 1 };
    let (units, batch) = ((outer * chunks * strips).div_ceil(rows), (TASK / (chunk * width * rows)).max(1));
    parallel::for_each(units.div_ceil(batch), |task| {
        for unit in task * batch..((task + 1) * batch).min(units) {
            let (strip, piece) = (unit % strips * STRIP, unit / strips * rows);
            let (o, first) = (piece / chunks, piece % chunks * chunk);
            let (rows, count) = (rows.min(outer - o), width.min(inner - strip));
            let x = &x[(o * len + first) * inner + strip..];
            let (at, found) = (piece * inner + strip, rows * count);
            // SAFETY: each strip of each chunk has its own places.
            let (values, places) = unsafe { (all.0.part(at, found), all.1.part(at, found)) };
            let len = chunk.min(len - first);
            if largest {
                T::dispatch(Part::<T, true> { x, len, inner, first, values, places });
            } else {
                T::dispatch(Part::<T, false> { x, len, inner, first, values, places });
            }
        }
    });
    if chunks > 1 {
        let (values, places) = (values.as_slice(), places.as_slice());
        for (i, out) in out.iter_mut().enumerate() {
            let at = |c: usize| (i / inner * chunks + c) * inner + i % inner;
            let best = (1..chunks).fold(0, |best, c| {
                let comes_first = beats(largest, values[at(c)], values[at(best)]);
                if comes_first { c } else { best }
            });
            *out = places[at(best)];
        }
    }
}

/// Whether `b` is to be taken over `a`, which comes first.
#[inline(always)]
fn beats<T: Float>(largest: bool, b: T, a: T) -> bool {
    let (is_nan, was_nan) = (!b.equal(&b), !a.equal(&a));
    if largest { b > a || is_nan && !was_nan } else { b < a || was_nan && !is_nan }
}

/// The one of two that is to be taken, and its place: the first of equals.
#[inline(always)]
fn choose<R: Real + Copy, const LARGEST: bool>((best, place): (R, R), (x, at): (R, R)) -> (R, R) {
    // Where neither is at least the other, one of them is NaN.
    let (keeps, takes) = match LARGEST {
        true => (best.ge(&x), best.equal(&best)),
        false => (x.ge(&best), x.equal(&x)),
    };
    let pick = |new: R, old: R| R::select(keeps.clone(), old, R::select(takes.clone(), new, old));
    (pick(x, best), pick(at, place))
}

/// Some columns of `len` numbers, `inner` apart; or, where that is 1, some rows of them.
struct Part<'a, T, const LARGEST: bool> {
    x: &'a [T],
    len: usize,
    inner: usize,
    /// The first place.
    first: usize,
    values: &'a mut [T],
    places: &'a mut [u32],
}

impl<T: Float, const LARGEST: bool> Kernel<T> for Part<'_, T, LARGEST> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { x, len, inner, first, values, places } = self;
        let lanes = I::V::LANES;
        if inner == 1 {
            let (short, rows) = (lanes >= 4 && len <= SHORT, values.len());
            let high = if short { lanes } else { rows };
            let groups = x[..rows * len].chunks(high * len);
            for ((x, values), places) in groups.zip(values.chunks_mut(high)).zip(places.chunks_mut(high)) {
                // A few rows alone would be turned with as many copies of them.
                if short && 4 * values.len() > lanes {
                    side_by_side::<T, I, LARGEST>(isa, x, len, values, places);
                    continue;
                }
                for ((x, value), place) in x.chunks_exact(len).zip(values).zip(places) {
                    let at = along::<T, I, LARGEST>(isa, x);
                    (*value, *place) = (x[at], (first + at) as u32);
                }
            }
            return;
        }
        let count = values.len();
        assert!(count <= STRIP && (len - 1) * inner + count <= x.len());
        let (mut best, mut places_of) = ([T::ZERO; STRIP], [T::ZERO; STRIP]);
        let zero = isa.splat(T::ZERO);
        if count <= lanes {
            // SAFETY: `count` numbers of each row exist, as was seen above, and the strip has room for a register.
            unsafe {
                let row = |l: usize| isa.load_first(count, x.as_ptr().add(l * inner));
                let found = (1..len).fold((row(0), zero), |best, l| {
                    choose::<I::V, LARGEST>(best, (row(l), isa.splat(T::from_f64(l as f64))))
                });
                found.0.store(best.as_mut_ptr());
                found.1.store(places_of.as_mut_ptr());
            }
        } else {
            best[..count].copy_from_slice(&x[..count]);
            for l in 1..len {
                let at = isa.splat(T::from_f64(l as f64));
                for j in (0..count).step_by(lanes) {
                    // SAFETY: as above; a strip is whole registers.
                    unsafe {
                        let row = x.as_ptr().add(l * inner + j);
                        let number =
                            if count - j >= lanes { isa.load(row) } else { isa.load_first(count - j, row) };
                        let (value, place) = (best.as_mut_ptr().add(j), places_of.as_mut_ptr().add(j));
                        let old = (isa.load(value), isa.load(place));
                        let found = choose::<I::V, LARGEST>(old, (number, at));
                        found.0.store(value);
                        found.1.store(place);
                    }
                }
            }
        }
        for (j, (value, place)) in values.iter_mut().zip(places).enumerate() {
            (*value, *place) = (best[j], first as u32 + places_of[j].to_f64() as u32);
        }
    }
}

/// The first largest or smallest number of each of some rows of `len`, at most as many as there are lanes, and its place.
#[inline(always)]
fn side_by_side<T: Float, I: Lanes<T>, const LARGEST: bool>(
    isa: I,
    x: &[T],
    len: usize,
    values: &mut [T],
    places: &mut [u32],
) {
    let (lanes, rows) = (I::V::LANES, values.len());
    assert!(rows > 0 && rows <= lanes && x.len() >= rows * len);
    let (zero, one) = (isa.splat(T::ZERO), isa.splat(T::ONE));
    let (mut found, mut at) = ((zero, zero), zero);
    for j in (0..len).step_by(lanes) {
        let wide = lanes.min(len - j);
        let mut square = [zero; MOST_LANES];
        for (k, part) in square[..lanes].iter_mut().enumerate() {
            // Rows that do not exist repeat the last.
            let row = k.min(rows - 1) * len + j;
            // SAFETY: `wide` numbers of a row that exists, as was seen above.
            *part = unsafe {
                let from = x.as_ptr().add(row);
                if wide == lanes { isa.load(from) } else { isa.load_first(wide, from) }
            };
        }
        I::V::turn(&mut square[..lanes]);
        if j == 0 {
            found.0 = square[0];
        }
        for &column in &square[..wide] {
            found = choose::<I::V, LARGEST>(found, (column, at));
            at = at + one;
        }
    }
    let (mut best, mut places_of) = ([T::ZERO; MOST_LANES], [T::ZERO; MOST_LANES]);
    // SAFETY: room for a register.
    unsafe {
        found.0.store(best.as_mut_ptr());
        found.1.store(places_of.as_mut_ptr());
    }
    for (i, (value, place)) in values.iter_mut().zip(places).enumerate() {
        (*value, *place) = (best[i], places_of[i].to_f64() as u32);
    }
}

/// The place of the first largest or smallest number of a row.
#[inline(always)]
fn along<T: Float, I: Lanes<T>, const LARGEST: bool>(isa: I, x: &[T]) -> usize {
    let lanes = I::V::LANES;
    let whole = if x.len() < 2 * lanes { 0 } else { x.len() / lanes * lanes };
    let mut at = 0;
    if whole > 0 {
        let (mut best, mut turns) = ([T::ZERO; MOST_LANES], [T::ZERO; MOST_LANES]);
        // SAFETY: registers below `whole`, and room for one.
        unsafe {
            let register = |turn: usize| isa.load(x.as_ptr().add(turn * lanes));
            let start = (register(0), isa.splat(T::ZERO));
            let found = (1..whole / lanes).fold(start, |best, turn| {
                choose::<I::V, LARGEST>(best, (register(turn), isa.splat(T::from_f64(turn as f64))))
            });
            found.0.store(best.as_mut_ptr());
            found.1.store(turns.as_mut_ptr());
        }
        let place = |lane: usize| turns[lane].to_f64() as usize * lanes + lane;
        at = place(0);
        for lane in 1..lanes {
            let (other, later) = (best[lane], beats(LARGEST, x[at], best[lane]));
            if beats(LARGEST, other, x[at]) || !later && place(lane) < at {
                at = place(lane);
            }
        }
    }
    for i in whole.max(1)..x.len() {
        if beats(LARGEST, x[i], x[at]) {
            at = i;
        }
    }
    at
}
