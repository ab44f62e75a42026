//! Reductions whose last axis stays: rows are added to each other, strips of columns at a time.

use super::super::disjoint::Disjoint;
use super::{Folding, Groups, Steps, TASK};
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};

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

impl Groups {
    /// The last group is kept: results side by side, rows added to each other.
    pub(super) fn columns<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
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
