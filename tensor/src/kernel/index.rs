//! Rows picked by number, and the transpose: rows added up where they were picked from.

use crate::storage::Buffer;
use crate::{Element, Float, parallel};

/// Numbers that one task moves.
const TASK: usize = 1 << 15;

/// `out[o, k, i] = x[o, index[k], i]` for `x` of `[outer, len, inner]`; every index is below `len`.
pub(crate) fn gather<T: Element>(x: &[T], index: &[u32], len: usize, inner: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    debug_assert!(index.iter().all(|&at| (at as usize) < len));
    let rows = (TASK / inner).max(1);
    parallel::for_each_piece(out, rows * inner, |task, out| {
        for (i, out) in out.chunks_exact_mut(inner).enumerate() {
            let (o, k) = ((task * rows + i) / index.len(), (task * rows + i) % index.len());
            let from = (o * len + index[k] as usize) * inner;
            out.copy_from_slice(&x[from..from + inner]);
        }
    });
}

/// `out[o, l, i]` = the sum of `g[o, k, i]` over all `k` with `index[k] = l`; every index is below `len`.
///
/// Each result gathers what belongs to it in the order of `k`: no atomics, and the same bits for any number of threads.
pub(crate) fn scatter_add<T: Float>(g: &[T], index: &[u32], len: usize, inner: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
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

    let rows = (TASK / inner).max(1);
    let (order, starts) = (&*order, &*starts);
    parallel::for_each_piece(out, rows * inner, |task, out| {
        for (i, out) in out.chunks_exact_mut(inner).enumerate() {
            let (o, l) = ((task * rows + i) / len, (task * rows + i) % len);
            out.fill(T::ZERO);
            for &k in &order[starts[l] as usize..starts[l + 1] as usize] {
                let from = (o * index.len() + k as usize) * inner;
                out.iter_mut().zip(&g[from..from + inner]).for_each(|(out, &g)| *out = *out + g);
            }
        }
    });
}
