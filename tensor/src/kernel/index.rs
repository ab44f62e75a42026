//! Rows picked by number, and the transpose: rows added up where they were picked from.

use super::disjoint::Disjoint;
use crate::simd::{Kernel, Lanes};
use crate::storage::Buffer;
use crate::{Element, Float, parallel};

/// Numbers that one task moves. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: gathered 7.4
/// and 5.4 us, scattered 13.6 and 9.1. Of half as many, 3.8 and 3.7, two threads won nothing (`cargo bench -p tress-benches --bench
/// threads`).
const TASK: usize = 1 << 16;
/// Where each result gets many rows, a task adds up so many of them; or eight for each result, if that is more.
const MANY: usize = 2048;

/// `out[o, k, i] = x[o, index[k], i]` for `x` of `[outer, len, inner]`; every index is below `len`.
pub(crate) fn gather<T: Element>(x: &[T], index: &[u32], len: usize, inner: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    debug_assert!(index.iter().all(|&at| (at as usize) < len));
    each_block(out, index.len(), inner, |o, first, out| {
        let (x, index) = (&x[o * len * inner..][..len * inner], &index[first..]);
        if inner == 1 {
            // To copy a slice takes longer than to copy a number.
            out.iter_mut().zip(index).for_each(|(out, &at)| *out = x[at as usize]);
        } else {
            let rows = out.chunks_exact_mut(inner).zip(index);
            rows.for_each(|(out, &at)| out.copy_from_slice(&x[at as usize * inner..][..inner]));
        }
    });
}

/// Shares `out [outer, len, inner]` out to threads and calls `work(o, first, out)` with some rows of block `o`, from `first` on.
fn each_block<T: Element>(
    out: &mut [T],
    len: usize,
    inner: usize,
    work: impl Fn(usize, usize, &mut [T]) + parallel::Shared,
) {
    let rows = (TASK / inner).max(1);
    parallel::for_each_piece(out, rows * inner, |task, mut out| {
        let mut row = task * rows;
        while !out.is_empty() {
            let (o, first) = (row / len, row % len);
            let (block, rest) = out.split_at_mut(((len - first) * inner).min(out.len()));
            row += block.len() / inner;
            work(o, first, block);
            out = rest;
        }
    });
}

/// `out[o, l, i]` = the sum of `g[o, k, i]` over all `k` with `index[k] = l`; every index is below `len`.
///
/// Each result gathers what belongs to it in the order of `k`: no atomics, and the same bits for any number of threads. Where
/// results are few the `k` are cut into blocks, whose sums are added in order.
pub(crate) fn scatter_add<T: Float>(g: &[T], index: &[u32], len: usize, inner: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let block = len.saturating_mul(8).max(MANY);
    if index.len() > block {
        return scatter_blocks(g, index, [block, len, inner], out);
    }
    // A counting sort. The first place of `l` stands at `starts[l + 1]` and moves on as places are taken, so that in the
    // end `order[starts[l]..starts[l + 1]]` are the `k` that go to `l`, rising.
    let mut starts = Buffer::<u32>::zeros(len + 2);
    let starts = starts.make_mut();
    for &at in index {
        starts[at as usize + 2] += 1;
    }
    for l in 0..len {
        starts[l + 2] += starts[l + 1];
    }
    let mut order = Buffer::<u32>::stale(index.len());
    let order = order.make_mut();
    for (k, &at) in index.iter().enumerate() {
        let place = &mut starts[at as usize + 1];
        order[*place as usize] = k as u32;
        *place += 1;
    }

    let (order, starts) = (&*order, &*starts);
    each_block(out, len, inner, |o, first, out| {
        let g = &g[o * index.len() * inner..][..index.len() * inner];
        let ends = starts[first..].windows(2).map(|ends| &order[ends[0] as usize..ends[1] as usize]);
        if inner == 1 {
            let sum = |from: &[u32]| from.iter().fold(T::ZERO, |sum, &k| sum + g[k as usize]);
            out.iter_mut().zip(ends).for_each(|(out, from)| *out = sum(from));
            return;
        }
        for (out, from) in out.chunks_exact_mut(inner).zip(ends) {
            let row = |k: u32| &g[k as usize * inner..][..inner];
            let Some((&k, more)) = from.split_first() else {
                out.fill(T::ZERO);
                continue;
            };
            out.iter_mut().zip(row(k)).for_each(|(out, &g)| *out = T::ZERO + g);
            for &k in more {
                out.iter_mut().zip(row(k)).for_each(|(out, &g)| *out = *out + g);
            }
        }
    });
}

/// [`scatter_add`] by blocks of the `k`, each of which adds to results of its own.
fn scatter_blocks<T: Float>(g: &[T], index: &[u32], [block, len, inner]: [usize; 3], out: &mut [T]) {
    let (blocks, size) = (index.len().div_ceil(block), len * inner);
    let outer = out.len() / size;
    let mut parts = Buffer::stale(outer * blocks * size);
    let of_blocks = Disjoint::new(parts.make_mut());
    parallel::for_each(outer * blocks, |task| {
        let (o, first) = (task / blocks, task % blocks * block);
        let picked = &index[first..(first + block).min(index.len())];
        let g = &g[(o * index.len() + first) * inner..][..picked.len() * inner];
        // SAFETY: each block of each `o` has a part of its own.
        let out = unsafe { of_blocks.part(task * size, size) };
        T::dispatch(AddRows { g, index: picked, inner, out });
    });
    let parts = parts.as_slice();
    each_block(out, len, inner, |o, first, out| {
        let count = out.len();
        let part = |b: usize| &parts[(o * blocks + b) * size + first * inner..][..count];
        out.copy_from_slice(part(0));
        for b in 1..blocks {
            out.iter_mut().zip(part(b)).for_each(|(sum, &part)| *sum = *sum + part);
        }
    });
}

/// `out[index[k]]` = the sum of rows `g[k]`.
struct AddRows<'a, T> {
    g: &'a [T],
    index: &'a [u32],
    inner: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { g, index, inner, out } = self;
        out.fill(T::ZERO);
        if inner == 1 {
            return index.iter().zip(g).for_each(|(&at, &g)| out[at as usize] = out[at as usize] + g);
        }
        for (&at, g) in index.iter().zip(g.chunks_exact(inner)) {
            let row = &mut out[at as usize * inner..][..inner];
            row.iter_mut().zip(g).for_each(|(sum, &g)| *sum = *sum + g);
        }
    }
}
