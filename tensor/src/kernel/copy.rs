//! Copies: strided to dense, dense to strided, and from one type of number to another.

use super::disjoint::Disjoint;
use super::in_order::BLOCK;
use super::{PIECE, piece, turn};
use crate::simd::{Kernel, Lanes};
use crate::view::View;
use crate::walk::Plan;
use crate::{Element, Float, Layout, SMALL, Shape, parallel};
use core::ops::Range;

/// Side of the square tiles of a transposing copy: the rows and the columns of a tile both stay in the first-level cache.
const TILE: usize = 16;
/// Strips that take turns, and how much of each at a time.
const STRIPS: usize = 8;
const STRETCH: usize = 128;

/// `out = x`, in row-major order.
pub(crate) fn copy<T: Element>(x: View<'_, T>, out: &mut [T]) {
    debug_assert_eq!(x.layout().len(), out.len());
    if let (true, Some(x)) = (SMALL, x.as_slice()) {
        return out.copy_from_slice(x);
    }
    let plan = Plan::new([x.layout()]);
    if let Some(turn) = Turn::of(&plan) {
        return turn.copy(x.data(), out);
    }
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| copy_part(&plan, x.data(), i * piece, out));
}

/// Whether [`copy`] goes by tiles, and so is much faster than reading one number after the other in order.
pub(super) fn turns(layout: &Layout) -> bool {
    !SMALL && Turn::of(&Plan::new([layout])).is_some()
}

/// Numbers `start`, `start + 1`, .. of what `plan` reads from `data`.
pub(super) fn copy_part<T: Element>(plan: &Plan<1>, data: &[T], start: usize, out: &mut [T]) {
    let [stride] = plan.inner();
    for run in plan.runs(start, out.len()) {
        let (out, place) = (&mut out[run.at..run.at + run.count], run.places[0]);
        match stride {
            1 => out.copy_from_slice(&data[place..place + run.count]),
            0 => out.fill(data[place]),
            -1 if !SMALL => line_from(data, place as isize, -1, out),
            // Every second one: as a slice, for which the compiler has vectors.
            2 if !SMALL => {
                let line = &data[place..place + 2 * run.count - 1];
                out.iter_mut().enumerate().for_each(|(i, slot)| *slot = line[2 * i]);
            }
            _ => {
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = data[(place as isize + i as isize * stride) as usize];
                }
            }
        }
    }
}

/// Writes `x` to the places of `to`, which reaches no place twice and none outside of `out`: parts of a concatenation, a
/// slice put back.
///
/// # Panics
/// If `to` reaches outside of `out`, or a place twice (which matters to threads alone, and is not looked at where there are none).
pub(crate) fn place<T: Element>(x: View<'_, T>, out: &mut [T], to: &Layout) {
    if x.layout().len() == 0 {
        return; // nothing may be told to go anywhere, even outside of `out`
    }
    assert!(to.span().1 <= out.len(), "a layout reaches outside of its buffer");
    assert!(SMALL || reaches_none_twice(to), "a layout to be written reaches a place twice");
    debug_assert_eq!(x.layout().shape(), to.shape());
    let plan = Plan::new([x.layout(), to]);
    let [from_stride, to_stride] = plan.inner();
    let len = x.layout().len();
    let out = Disjoint::new(out);
    let piece = piece(len);
    parallel::for_each(len.div_ceil(piece), |i| {
        for run in plan.runs(i * piece, piece.min(len - i * piece)) {
            let [from, to] = run.places;
            if (from_stride, to_stride) == (1, 1) {
                // SAFETY: no place is reached twice, so each element has its own.
                unsafe { out.part(to, run.count) }.copy_from_slice(&x.data()[from..from + run.count]);
                continue;
            }
            for i in 0..run.count as isize {
                let to = (to as isize + i * to_stride) as usize;
                // SAFETY: as above.
                unsafe { out.part(to, 1)[0] = x.data()[(from as isize + i * from_stride) as usize] };
            }
        }
    });
}

/// Whether each axis steps over all that axes of smaller steps reach, as those of views of dense tensors do.
fn reaches_none_twice(layout: &Layout) -> bool {
    let axes = || {
        let axes = layout.shape().iter().zip(layout.strides());
        axes.map(|(&len, stride)| (len, stride.unsigned_abs())).filter(|&(len, _)| len > 1)
    };
    axes().enumerate().all(|(i, (_, step))| {
        let others = axes().enumerate().filter(|&(j, (_, other))| j != i && other <= step);
        step > others.map(|(_, (len, step))| (len - 1) * step).sum()
    })
}

/// `out = x` as another type of number: exact where the value fits, else as [`Element::from_f64`] says.
pub(crate) fn cast<S: Element, D: Element>(x: View<'_, S>, out: &mut [D]) {
    debug_assert_eq!(x.layout().len(), out.len());
    let plan = Plan::new([x.layout()]);
    let (dense, data) = (x.as_slice(), x.data());
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        let start = i * piece;
        if let Some(x) = dense {
            return f32::dispatch(Cast { x: &x[start..start + out.len()], out });
        }
        let mut room = [S::default(); BLOCK];
        for (j, out) in out.chunks_mut(BLOCK).enumerate() {
            let room = &mut room[..out.len()];
            copy_part(&plan, data, start + j * BLOCK, room);
            f32::dispatch(Cast { x: room, out });
        }
    });
}

/// `out = x`, by a plain loop that the compiler turns into the instruction set's vectors.
struct Cast<'a, S, D> {
    x: &'a [S],
    out: &'a mut [D],
}

impl<S: Element, D: Element> Kernel<f32> for Cast<'_, S, D> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<f32>>(self, _: I) {
        self.out.iter_mut().zip(self.x).for_each(|(out, x)| *out = nearest(x.to_f64()));
    }
}

/// As [`Element::from_f64`]. Whole numbers are brought into range first: conversions that saturate are done one by one.
#[inline(always)]
fn nearest<D: Element>(x: f64) -> D {
    macro_rules! whole {
        ($t:ident by $wide:ident) => {{
            // NaN becomes the lower bound here, which is 0 or is put right.
            #[allow(clippy::manual_clamp)]
            let within = x.max($t::MIN as f64).min($t::MAX as f64);
            let within = if $t::MIN != 0 && x.is_nan() { 0.0 } else { within };
            // SAFETY: a number within the range of the type.
            let whole = unsafe { within.to_int_unchecked::<$wide>() } as $t;
            // SAFETY: both are the same type, as its name says, which is one of six.
            unsafe { core::mem::transmute_copy::<$t, D>(&whole) }
        }};
    }
    match D::NAME {
        _ if SMALL => D::from_f64(x),
        "u8" => whole!(u8 by i32),
        "i32" => whole!(i32 by i32),
        "u32" => whole!(u32 by u32),
        _ => D::from_f64(x),
    }
}

/// A copy that reads along another axis than it writes: two loops are cut into tiles, the others go around them.
struct Turn {
    /// Lengths of all loops, and the strides of source and result.
    lengths: [usize; Shape::MAX_RANK],
    from: [isize; Shape::MAX_RANK],
    to: [usize; Shape::MAX_RANK],
    loops: usize,
    /// The loop that is dense in the source; the last is dense in the result.
    dense: usize,
    offset: usize,
}

impl Turn {
    /// The turn that `plan` asks for, if reading along the result's inner axis would waste most of each cache line.
    fn of(plan: &Plan<1>) -> Option<Self> {
        let (lengths, strides) = plan.loops();
        let last = lengths.len() - 1;
        let dense = strides.iter().position(|&[stride]| stride.unsigned_abs() == 1)?;
        if dense == last || strides[last][0] == 0 || lengths[last] < 4 || lengths[dense] < 4 {
            return None;
        }
        let mut turn = Self {
            lengths: [1; Shape::MAX_RANK],
            from: [0; Shape::MAX_RANK],
            to: [0; Shape::MAX_RANK],
            loops: lengths.len(),
            dense,
            offset: plan.offsets()[0],
        };
        let mut stride = 1;
        for axis in (0..lengths.len()).rev() {
            turn.lengths[axis] = lengths[axis];
            turn.from[axis] = strides[axis][0];
            turn.to[axis] = stride;
            stride *= lengths[axis];
        }
        Some(turn)
    }

    /// One task is some strips side by side: a strip is all of the inner axis, `TILE` indices of the dense one, one of each
    /// other. Strips take turns: rows of a large matrix lie a page or more apart, and a page is not left before a few lines of
    /// it are read.
    fn copy<T: Element>(&self, data: &[T], out: &mut [T]) {
        let last = self.loops - 1;
        let strips = self.lengths[self.dense].div_ceil(TILE);
        let others: usize =
            (0..last).filter(|&axis| axis != self.dense).map(|axis| self.lengths[axis]).product();
        let out = Disjoint::new(out);
        // Tasks of about the size of a piece at least, so that small copies stay on the caller's thread.
        let strip = TILE * self.lengths[last];
        let batch = (PIECE / strip).max(STRIPS);
        let strips_in_all = strips * others;
        parallel::for_each(strips_in_all.div_ceil(batch), |task| {
            for start in (0..self.lengths[last]).step_by(STRETCH) {
                let columns = start..(start + STRETCH).min(self.lengths[last]);
                for strip in task * batch..((task + 1) * batch).min(strips_in_all) {
                    let (mut rest, first) = (strip / strips, strip % strips * TILE);
                    let (mut from, mut to) = (self.offset as isize, 0);
                    for axis in (0..last).rev().filter(|&axis| axis != self.dense) {
                        let index = rest % self.lengths[axis];
                        rest /= self.lengths[axis];
                        from += index as isize * self.from[axis];
                        to += index * self.to[axis];
                    }
                    let rows = first..(first + TILE).min(self.lengths[self.dense]);
                    let dense = self.from[self.dense] == 1;
                    if !(dense && self.in_registers(data, from, to, &rows, &columns, &out)) {
                        self.tile_by_tile(data, from, to, &rows, &columns, &out);
                    }
                }
            }
        });
    }

    /// A stretch of a strip whose elements have no registers, or that is read backwards.
    fn tile_by_tile<T: Element>(
        &self,
        data: &[T],
        from: isize,
        to: usize,
        rows: &Range<usize>,
        columns: &Range<usize>,
        out: &Disjoint<'_, T>,
    ) {
        let last = self.loops - 1;
        for start in columns.clone().step_by(TILE) {
            let columns = start..(start + TILE).min(columns.end);
            let mut tile = [[T::default(); TILE]; TILE];
            // Read along the source's dense axis, turn in the first-level cache, write along the result's.
            for (column, line) in columns.clone().zip(&mut tile) {
                let place =
                    from + column as isize * self.from[last] + rows.start as isize * self.from[self.dense];
                line_from(data, place, self.from[self.dense], &mut line[..rows.len()]);
            }
            for (i, row) in rows.clone().enumerate() {
                let at = to + row * self.to[self.dense] + columns.start;
                // SAFETY: each (strip, row, stretch of columns) has its own places in the result, and this part is gone
                // before the next one is taken.
                let out = unsafe { out.part(at, columns.len()) };
                for (slot, line) in out.iter_mut().zip(&tile) {
                    *slot = line[i];
                }
            }
        }
    }
}

impl Turn {
    /// Turns a stretch of a strip, a square of registers at a time; false if there are no registers of such elements. What the bits
    /// of an element mean does not matter to a copy, so any four bytes go as `f32` and any eight as `f64`.
    fn in_registers<T: Element>(
        &self,
        data: &[T],
        from: isize,
        to: usize,
        rows: &Range<usize>,
        columns: &Range<usize>,
        out: &Disjoint<'_, T>,
    ) -> bool {
        let last = self.loops - 1;
        // The loop along the result is the source's rows, and the other way round.
        let [high, wide] = [columns.len(), rows.len()];
        let from = from + columns.start as isize * self.from[last];
        let (start, end) = (from + rows.start as isize, from + rows.end as isize - 1);
        let reach = (high as isize - 1) * self.from[last];
        let ends = [start, end, start + reach, end + reach];
        assert!(ends.iter().all(|&at| at >= 0 && (at as usize) < data.len()), "a strip leaves its source");
        let at = to + rows.start * self.to[self.dense] + columns.start;
        // SAFETY: each stretch of a strip has its own places in the result.
        let to = unsafe { out.spread(at, [wide, high], [self.to[self.dense], 1]) };
        // Of the whole source: columns may follow each other downwards.
        let (from, from_stride) = (data.as_ptr().wrapping_add(start as usize), self.from[last]);
        let turn = turn::Turn {
            from,
            from_stride,
            rows: high,
            columns: wide,
            to,
            to_stride: self.to[self.dense] as isize,
            fill: high,
            ahead: TILE as isize, // the next strip's numbers
        };
        // SAFETY: the corners of what is read have been looked at, and what is written has been handed out for it.
        unsafe {
            match size_of::<T>() {
                4 => f32::dispatch(turn.cast::<f32>().valid()),
                8 => f64::dispatch(turn.cast::<f64>().valid()),
                _ => return false,
            }
        }
        true
    }
}

/// Numbers that lie side by side, rising or falling.
#[inline(always)]
fn line_from<T: Element>(data: &[T], place: isize, stride: isize, line: &mut [T]) {
    if stride == 1 {
        line.copy_from_slice(&data[place as usize..][..line.len()]);
    } else {
        let first = (place + stride * (line.len() as isize - 1)) as usize;
        line.copy_from_slice(&data[first..][..line.len()]);
        line.reverse();
    }
}
