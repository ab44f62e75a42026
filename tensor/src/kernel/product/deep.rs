//! Products whose C is too small to be cut for all threads, and whose k is long: the threads take blocks of k.
//!
//! The sums of the blocks are kept apart and then added to C in order, just as one thread adds them: the bits are the same.

use super::Epilogue;
use super::finish::Finish;
use super::loops::{Depth, Loops, Source};
use super::plan::{One, turned_is_cheaper};
use super::target::{Disjoint, RowMajor};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};

/// Numbers that one task adds up when the blocks are joined: a pass over memory, cut as pointwise ones are (`PIECE`). What the blocks
/// take on one thread and on two, on the Zen 5 of `docs/performance.md`: `10 x k x 10` with 65,536 numbers in each operand 11.3 and
/// 6.3 us; half as many are one task, 5.7 (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 15;

/// Computes a product on all threads, block by block of k.
#[inline(never)]
pub(super) fn run<T: Float, I: Lanes<T>>(isa: I, product: &One<'_, T>) {
    let One { a, b, c, row_stride, k, epilogue } = *product;
    let (rows, columns, blocks) = (a.rows(), b.cols(), Depth::new::<T>(k).count());
    let size = rows * columns;
    let turned = turned_is_cheaper::<T, I>(isa, a, b);
    // From here on of the product as it is computed: C lies in its own order, or column by column.
    let (left, right) = if turned { (b.by_columns(), a.by_rows()) } else { (a.by_rows(), b.by_columns()) };
    let (m, n) = if turned { (columns, rows) } else { (rows, columns) };
    let place = |at: usize| match turned {
        false => c.at(at / n * row_stride + at % n).0,
        true => c.at(at % n * row_stride + at / n).0,
    };

    let mut parts = Buffer::<T>::stale(blocks * size);
    let sums = Disjoint(parts.make_mut().as_mut_ptr());
    let tasks = (4 * parallel::threads()).min(blocks);
    parallel::for_each(tasks, |task| {
        let c = &RowMajor { c: sums, row_stride: n, apart: size, epilogue: &Epilogue::PLAIN };
        let loops = Loops { a: Source::Fresh(&left), b: Source::Fresh(&right), c, depth: k };
        // SAFETY: each task has blocks of its own, which have room for all of C each.
        unsafe { loops.run_blocks(isa, 0..m, 0..n, blocks * task / tasks..blocks * (task + 1) / tasks) }
    });

    let mut old = Buffer::<T>::stale(if epilogue.accumulate { size } else { 0 });
    for (at, old) in old.make_mut().iter_mut().enumerate() {
        // SAFETY: an element of C, whose sizes have been checked.
        *old = unsafe { *place(at) };
    }
    let mut whole = Buffer::<T>::stale(size);
    let (old, parts) = (epilogue.accumulate.then_some(old.as_slice()), parts.as_slice());
    parallel::for_each_piece(whole.make_mut(), (TASK / blocks).max(64), |i, out| {
        isa.enter(Join { parts, old, start: i * (TASK / blocks).max(64), size, scale: epilogue.scale, out });
    });
    for (at, &sum) in whole.as_slice().iter().enumerate() {
        // SAFETY: as above; nobody else has C.
        unsafe { *place(at) = sum };
    }
    let (row_stride, row, column) = (row_stride as isize, 0, 0);
    // SAFETY: the rectangle is all of C, and the bias has been checked.
    unsafe { Finish { c: c.0, row_stride, row, column, rows, columns, epilogue }.apply(isa) };
}

/// `out` = the sums of all blocks for the elements of C from `start` on, added to what C held: as tiles are put there.
struct Join<'a, T> {
    parts: &'a [T],
    old: Option<&'a [T]>,
    start: usize,
    size: usize,
    scale: T,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Join<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { parts, old, start, size, scale, out } = self;
        let bare = old.is_none() && scale == T::ONE;
        let scale = isa.splat(scale);
        assert!(start + out.len() <= size && old.is_none_or(|old| old.len() == size));
        for at in (0..out.len()).step_by(I::V::LANES) {
            let count = I::V::LANES.min(out.len() - at);
            let mut sum = isa.splat(T::ZERO);
            if let Some(old) = old {
                // SAFETY: `count` elements of C from there on exist.
                sum = unsafe { isa.load_first(count, old.as_ptr().add(start + at)) };
            }
            for (block, part) in parts.chunks_exact(size).enumerate() {
                // SAFETY: each part has all elements of C.
                let part = unsafe { isa.load_first(count, part.as_ptr().add(start + at)) };
                sum = if bare && block == 0 { part } else { part.mul_add(scale, sum) };
            }
            // SAFETY: `count` numbers of the result from `at` on exist.
            unsafe { sum.store_first(count, out.as_mut_ptr().add(at)) };
        }
    }
}
