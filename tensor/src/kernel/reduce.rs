//! Sums, maxima and minima over any axes, in an order that is fixed by the shape alone.
//!
//! Neighbouring axes of the same kind, kept or reduced, are taken as one. If the last is reduced, each result is the sum
//! over runs of `length` numbers, one run for each index of the other reduced axes; if it is kept, results lie side by
//! side and rows are added to each other. Neither order depends on strides, on threads, or on kept axes in front, so that
//! a stack of K tensors reduces to the same bits as each of them alone.

use super::disjoint::Disjoint;
use crate::pointwise::{Real, Zip};
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::view::View;
use crate::{Axes, Float, Layout, SMALL, Shape, parallel};

/// What a reduction does to two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Adds them.
    Sum,
    /// Takes the larger, NaN if either is.
    Max,
    /// Takes the smaller, NaN if either is.
    Min,
}

/// `out[kept] = fold of x[kept, reduced]`; over nothing the sum is 0, the maximum minus infinity, the minimum infinity.
pub(crate) fn reduce<T: Float>(fold: Fold, x: View<'_, T>, axes: Axes, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    match Groups::new(x.layout(), axes) {
        Some(groups) => groups.reduce(fold, x.data(), out),
        None => {
            // Axes that belong together do not lie at one stride: bring them together first.
            let mut copy = Buffer::stale(x.layout().len());
            super::copy::copy(x, copy.make_mut());
            let layout = Layout::contiguous(*x.layout().shape());
            if let Some(groups) = Groups::new(&layout, axes) {
                groups.reduce(fold, copy.as_slice(), out);
            }
        }
    }
}

/// Loops of one kind, outermost first: what a place's number is turned into an offset with.
#[derive(Clone, Copy)]
struct Steps {
    lengths: [usize; Shape::MAX_RANK],
    strides: [isize; Shape::MAX_RANK],
    loops: usize,
    /// The product of the lengths.
    count: usize,
}

impl Steps {
    const NONE: Self =
        Self { lengths: [1; Shape::MAX_RANK], strides: [0; Shape::MAX_RANK], loops: 0, count: 1 };

    fn push(&mut self, length: usize, stride: isize) {
        self.lengths[self.loops] = length;
        self.strides[self.loops] = stride;
        self.loops += 1;
        self.count *= length;
    }

    /// The offset of the combination of indices that has this number.
    #[inline(always)]
    fn offset(&self, mut number: usize) -> isize {
        let mut offset = 0;
        for axis in (1..self.loops).rev() {
            offset += (number % self.lengths[axis]) as isize * self.strides[axis];
            number /= self.lengths[axis];
        }
        offset + number as isize * self.strides[0]
    }
}

/// The loops of a reduction.
struct Groups {
    start: isize,
    /// Kept loops around the last group.
    kept: Steps,
    /// Reduced loops around the last group.
    reduced: Steps,
    /// The last group: whether it is reduced, its length and its stride.
    last: (bool, usize, isize),
}

impl Groups {
    /// `None` if neighbouring axes of one kind do not lie at one stride.
    fn new(layout: &Layout, axes: Axes) -> Option<Self> {
        let mut groups: [(bool, usize, isize); Shape::MAX_RANK] = [(false, 1, 0); Shape::MAX_RANK];
        let mut count = 0;
        let empty = layout.len() == 0;
        for (axis, (&length, &stride)) in layout.shape().iter().zip(layout.strides()).enumerate() {
            if length == 1 {
                continue;
            }
            let reduced = axes.contains(axis);
            if count > 0 && groups[count - 1].0 == reduced {
                let before = &mut groups[count - 1];
                if !empty && before.2 != stride * length as isize {
                    return None;
                }
                *before = (reduced, before.1 * length, stride);
            } else {
                groups[count] = (reduced, length, stride);
                count += 1;
            }
        }
        let last = if count == 0 { (true, 1, 1) } else { groups[count - 1] };
        let (mut kept, mut reduced) = (Steps::NONE, Steps::NONE);
        for &(is_reduced, length, stride) in groups[..count].iter().take(count.saturating_sub(1)) {
            if is_reduced { reduced.push(length, stride) } else { kept.push(length, stride) }
        }
        Some(Self { start: layout.offset() as isize, kept, reduced, last })
    }

    fn reduce<T: Float>(&self, fold: Fold, data: &[T], out: &mut [T]) {
        match fold {
            Fold::Sum => self.fold(Adding, data, out),
            Fold::Max => self.fold(Larger, data, out),
            Fold::Min => self.fold(Smaller, data, out),
        }
    }

    fn fold<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
        if self.last.0 { self.rows(f, data, out) } else { self.columns(f, data, out) }
    }
}

/// [`Fold`] as a type: the loops are compiled for each.
trait Folding: Copy + Send + Sync {
    fn start<T: Float>(self) -> T;
    fn two<R: Real>(self, a: R, b: R) -> R;

    /// The fold of all lanes: halves of them, then quarters, and so on. A sum does the same in registers.
    #[inline(always)]
    fn lanes<T: Float, V: Vector<Elem = T>>(self, all: V) -> T {
        let mut out = [self.start(); MOST_LANES];
        // SAFETY: no register holds more than `MOST_LANES` numbers.
        unsafe { all.store(out.as_mut_ptr()) };
        let mut half = V::LANES / 2;
        while half > 0 {
            for i in 0..half {
                out[i] = self.two(out[i], out[i + half]);
            }
            half /= 2;
        }
        out[0]
    }
}

macro_rules! folding {
    ($($name:ident, $start:ident, $zip:expr $(, $lanes:expr)?;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl Folding for $name {
            #[inline(always)]
            fn start<T: Float>(self) -> T { T::$start }
            #[inline(always)]
            fn two<R: Real>(self, a: R, b: R) -> R { $zip.f(a, b) }
            $(
                #[inline(always)]
                fn lanes<T: Float, V: Vector<Elem = T>>(self, all: V) -> T { $lanes(all) }
            )?
        }
    )*};
}

folding! {
    Adding, ZERO, Zip::Add, V::sum;
    Larger, NEG_INFINITY, Zip::Max;
    Smaller, INFINITY, Zip::Min;
}

/// Numbers of a run that are folded at once; the results of a long run's blocks are folded in order.
pub(super) const RUN: usize = 1 << 14;
/// Numbers that one task reads. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 8.6 and
/// 5.1 us; of twice as many they were 17.2 and 9.3, so that all of less stayed on one (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 15;

/// Bytes beyond which numbers come from memory and not from a cache, and how many bytes ahead they are then asked for: the
/// processor's own guesses end with each page (4096 x 4096: 35 GB/s without, 40 with; on the Zen 5 of
/// `docs/performance.md` 1.28 to 1.41 ms in three runs, as without, with half the distance and with twice).
const FAR: usize = 1 << 24;
const AHEAD: usize = 2048;

/// One block of a run.
struct Block<'a, T, F> {
    f: F,
    data: &'a [T],
    place: usize,
    stride: isize,
    len: usize,
}

impl<T: Float, F: Folding> Kernel<T> for Block<'_, T, F> {
    type Output = T;

    /// Four registers take turns; then halves, quarters and so on of them and of their lanes.
    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> T {
        let Self { f, data, place, stride, len } = self;
        let lanes = I::V::LANES;
        let start = isa.splat(f.start());
        let mut sums = [start; 4];
        if stride == 1 {
            let x = &data[place..place + len];
            let far = size_of_val(data) > FAR;
            let mut i = 0;
            // SAFETY: all loads stay below `len`; what is asked for need not be there.
            unsafe {
                while i + 4 * lanes <= len {
                    for (n, sum) in sums.iter_mut().enumerate() {
                        let x = x.as_ptr().add(i + n * lanes);
                        if far {
                            isa.prefetch(x.wrapping_add(AHEAD / size_of::<T>()));
                        }
                        *sum = f.two(*sum, isa.load(x));
                    }
                    i += 4 * lanes;
                }
                let mut n = 0;
                while i + lanes <= len {
                    sums[n] = f.two(sums[n], isa.load(x.as_ptr().add(i)));
                    n += 1;
                    i += lanes;
                }
                if i < len {
                    sums[n] = f.two(sums[n], self::first(isa, f, len - i, x.as_ptr().add(i)));
                }
            }
        } else {
            // The same order through a buffer, so that a view gives the same bits as its dense copy.
            let mut buffer = [T::ZERO; 16];
            let (mut i, mut n) = (0, 0);
            while i < len {
                let count = (len - i).min(lanes);
                for (j, slot) in buffer[..count].iter_mut().enumerate() {
                    *slot = data[(place as isize + (i + j) as isize * stride) as usize];
                }
                // SAFETY: the buffer holds a register.
                sums[n % 4] = f.two(sums[n % 4], unsafe { self::first(isa, f, count, buffer.as_ptr()) });
                n += 1;
                i += lanes;
            }
        }
        let all = f.two(f.two(sums[0], sums[2]), f.two(sums[1], sums[3]));
        f.lanes(all)
    }
}

/// The first `count` numbers from `from`, and what folding starts from in the other lanes.
///
/// # Safety
/// `from` is valid for reading `count` numbers; no register holds more than 16.
#[inline(always)]
unsafe fn first<T: Float, I: Lanes<T>, F: Folding>(isa: I, f: F, count: usize, from: *const T) -> I::V {
    let mut lanes = [f.start(); 16];
    // SAFETY: as the caller promises; the array holds a register.
    unsafe {
        isa.load_first(count, from).store_first(count, lanes.as_mut_ptr());
        isa.load(lanes.as_ptr())
    }
}

impl Groups {
    /// The last group is reduced: runs.
    fn rows<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
        let (_, length, stride) = self.last;
        let blocks = length.div_ceil(RUN);
        let block = |result: usize, m: usize, b: usize| {
            let place =
                self.start + self.kept.offset(result) + self.reduced.offset(m) + (b * RUN) as isize * stride;
            let len = RUN.min(length - b * RUN);
            T::dispatch(Block { f, data, place: place as usize, stride, len })
        };
        let of_one = self.reduced.count * length;
        if out.len() >= 16 || of_one <= TASK || parallel::threads() == 1 {
            let results = (TASK / of_one.max(1)).max(1);
            return parallel::for_each_piece(out, results, |i, out| {
                for (j, slot) in out.iter_mut().enumerate() {
                    let mut sum = f.start();
                    for m in 0..self.reduced.count {
                        for b in 0..blocks {
                            sum = f.two(sum, block(i * results + j, m, b));
                        }
                    }
                    *slot = sum;
                }
            });
        }
        // Few long sums: the blocks of several of them are the tasks, and are folded afterwards in the same order as above.
        let of_each = self.reduced.count * blocks;
        let at_once = (TASK / of_each).clamp(1, out.len());
        let mut parts = Buffer::<T>::stale(at_once * of_each);
        let batch = (TASK / length.min(RUN)).max(1);
        for (first, out) in out.chunks_mut(at_once).enumerate() {
            let parts = &mut parts.make_mut()[..out.len() * of_each];
            parallel::for_each_piece(parts, batch, |i, parts| {
                for (j, part) in parts.iter_mut().enumerate() {
                    let n = i * batch + j;
                    *part = block(first * at_once + n / of_each, n % of_each / blocks, n % blocks);
                }
            });
            for (slot, parts) in out.iter_mut().zip(parts.chunks(of_each)) {
                *slot = parts.iter().fold(f.start(), |sum, &part| f.two(sum, part));
            }
        }
    }

    /// The last group is kept: results side by side, rows added to each other.
    fn columns<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
        let (_, width, stride) = self.last;
        let rows = self.reduced.count;
        if rows == 0 {
            return out.fill(f.start());
        }
        if !SMALL && stride == 0 && width > 1 {
            // One number repeated, as in the gradient of a sum: one column stands for all.
            let one = Self { last: (false, 1, 1), ..*self };
            let mut first = Buffer::<T>::stale(self.kept.count);
            one.columns(f, data, first.make_mut());
            return out.chunks_exact_mut(width).zip(first.as_slice()).for_each(|(out, &x)| out.fill(x));
        }
        let across = width.div_ceil(8).next_multiple_of(GROUP).min(STRIP);
        let strips = width.div_ceil(across);
        let heights = rows.div_ceil(SUPER);
        let strip = |tile: usize| {
            let (o, s) = (tile / strips, tile % strips);
            (o, s * across, across.min(width - s * across))
        };
        let tiles = self.kept.count * strips;
        if heights == 1 || tiles >= 16 || parallel::threads() == 1 {
            let batch = (TASK / (rows * width.min(across))).max(1);
            let out = Disjoint::new(out);
            return parallel::for_each(tiles.div_ceil(batch), |task| {
                for tile in task * batch..((task + 1) * batch).min(tiles) {
                    let (o, column, count) = strip(tile);
                    // SAFETY: every tile has its own columns of its own results.
                    let out = unsafe { out.part(o * width + column, count) };
                    let mut part = [T::ZERO; STRIP];
                    for height in 0..heights {
                        self.strip(f, data, o, column, height, &mut part[..count]);
                        fold_onto(f, height == 0, out, &part[..count]);
                    }
                }
            });
        }
        // Few strips of many rows: the rows of all of them are shared out.
        let long = across.min(width);
        let mut parts = Buffer::<T>::stale(tiles * heights * long);
        let parts = parts.make_mut();
        parallel::for_each_piece(parts, long, |i, part| {
            let (o, column, count) = strip(i / heights);
            self.strip(f, data, o, column, i % heights, &mut part[..count]);
        });
        for (i, part) in parts.chunks(long).enumerate() {
            let (o, column, count) = strip(i / heights);
            fold_onto(f, i % heights == 0, &mut out[o * width + column..][..count], &part[..count]);
        }
    }

    /// `out` = the fold of the `height`-th `SUPER` rows in the columns from `column` on.
    fn strip<T: Float, F: Folding>(
        &self,
        f: F,
        data: &[T],
        o: usize,
        column: usize,
        height: usize,
        out: &mut [T],
    ) {
        let (_, _, stride) = self.last;
        let start = self.start + self.kept.offset(o) + column as isize * stride;
        let rows = height * SUPER..((height + 1) * SUPER).min(self.reduced.count);
        T::dispatch(Strip { f, data, start, stride, steps: &self.reduced, rows, out });
    }
}

/// The most columns that one task folds at once, and what their number is a multiple of. A strip takes long pieces of each
/// row: rows of a large matrix lie a page or more apart, and to walk down one register's columns would ask for the address
/// of a page for each number (4096 x 4096: 16 GB/s instead of 24).
const STRIP: usize = if SMALL { GROUP } else { 512 };
const GROUP: usize = 64;
/// Rows that are folded into one another before their result is folded into the strip's.
const ROWS: usize = 64;
/// Rows that are read side by side: their sums are in registers meanwhile, and the next ones are asked for. One row at a time
/// reads and writes the sums as often as the numbers; all rows at a time, a register's columns each, ask for another page
/// with each number (4096 x 4096: 21 GB/s instead of 30).
const ABREAST: usize = 4;
/// Rows of one strip that one task takes; the sums of tasks are added in their order, so it is part of the bits. 8192 rows of 64 on one
/// thread and on two: 30 and 15 us (`cargo bench -p tress-benches --bench threads`).
const SUPER: usize = 4096;

fn fold_onto<T: Float, F: Folding>(f: F, first: bool, out: &mut [T], part: &[T]) {
    for (out, &part) in out.iter_mut().zip(part) {
        *out = if first { part } else { f.two(*out, part) };
    }
}

/// A strip of columns over some rows.
struct Strip<'a, T, F> {
    f: F,
    data: &'a [T],
    start: isize,
    stride: isize,
    steps: &'a Steps,
    rows: core::ops::Range<usize>,
    out: &'a mut [T],
}

impl<T: Float, F: Folding> Kernel<T> for Strip<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { f, data, start, stride, steps, rows, out } = self;
        let lanes = I::V::LANES;
        let mut buffer = [T::ZERO; 16];
        let mut sums = [T::ZERO; STRIP];
        out.fill(f.start());
        let whole = if stride == 1 { out.len() - out.len() % (2 * lanes) } else { 0 };
        for first in rows.clone().step_by(ROWS) {
            let rows = first..(first + ROWS).min(rows.end);
            if whole > 0 {
                sums[..whole].fill(f.start());
                let place = |row: usize| (start + steps.offset(row)) as usize;
                let mut row = rows.start;
                while row < rows.end {
                    if row + ABREAST <= rows.end {
                        let lines: [&[T]; ABREAST] =
                            core::array::from_fn(|n| &data[place(row + n)..][..whole]);
                        let next = if row + ABREAST < rows.end { place(row + ABREAST) } else { place(row) };
                        abreast(isa, f, lines, next as isize - place(row) as isize, &mut sums[..whole]);
                        row += ABREAST;
                    } else {
                        abreast(isa, f, [&data[place(row)..][..whole]], 0, &mut sums[..whole]);
                        row += 1;
                    }
                }
                fold_onto(f, false, &mut out[..whole], &sums[..whole]);
            }
            // The rest by one register of columns at a time, its sums in a register.
            let mut column = whole;
            while column < out.len() {
                let count = (out.len() - column).min(lanes);
                let mut sum = isa.splat(f.start());
                for row in rows.clone() {
                    let place = start + steps.offset(row) + column as isize * stride;
                    if stride == 1 {
                        let x = &data[place as usize..place as usize + count];
                        // SAFETY: the slice has `count` numbers. The lanes beyond hold no result.
                        sum = f.two(sum, unsafe { isa.load_first(count, x.as_ptr()) });
                    } else {
                        for (j, slot) in buffer[..count].iter_mut().enumerate() {
                            *slot = data[(place + j as isize * stride) as usize];
                        }
                        // SAFETY: the buffer holds a register.
                        sum = f.two(sum, unsafe { isa.load(buffer.as_ptr()) });
                    }
                }
                // SAFETY: `column + count <= out.len()`.
                unsafe {
                    let at = out.as_mut_ptr().add(column);
                    f.two(isa.load_first(count, at), sum).store_first(count, at);
                }
                column += lanes;
            }
        }
    }
}

/// Folds some lines onto `sums`, one after the other, two registers of columns at a time. Lines and sums have one length, a
/// multiple of two registers. What lies `ahead` of the first line and the others is asked for.
#[inline(always)]
fn abreast<T: Float, I: Lanes<T>, F: Folding, const N: usize>(
    isa: I,
    f: F,
    lines: [&[T]; N],
    ahead: isize,
    sums: &mut [T],
) {
    let lanes = I::V::LANES;
    assert!(lines.iter().all(|line| line.len() == sums.len()));
    let mut column = 0;
    while column + 2 * lanes <= sums.len() {
        // SAFETY: two registers from `column` on lie inside of the lines and of the sums; what is asked for need not be there.
        unsafe {
            let at = sums.as_mut_ptr().add(column);
            let (mut a, mut b) = (isa.load(at), isa.load(at.add(lanes)));
            for line in &lines {
                let x = line.as_ptr().add(column);
                if N > 1 {
                    isa.prefetch(x.wrapping_offset(ahead));
                    isa.prefetch(x.wrapping_offset(ahead).wrapping_add(lanes));
                }
                a = f.two(a, isa.load(x));
                b = f.two(b, isa.load(x.add(lanes)));
            }
            a.store(at);
            b.store(at.add(lanes));
        }
        column += 2 * lanes;
    }
}
