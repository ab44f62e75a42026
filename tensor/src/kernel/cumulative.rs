//! Running sums along an axis.

use super::copy::copy;
use super::disjoint::Disjoint;
use crate::view::View;
use crate::{Float, parallel};

/// Numbers that one task works on. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 9.2 and
/// 5.8 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 14;
/// As many columns of a block at least, some lines of the cache.
const COLUMNS: usize = 64;

/// `out[o, l, i]` = the sum of `x[o, m, i]` over `m <= l`, or over `m >= l` if it is reversed; for `x` of
/// `[outer, len, inner]`. Added one by one, from the first on.
pub(crate) fn running_sum<T: Float>(x: View<'_, T>, reversed: bool, len: usize, inner: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    copy(x, out);
    let block = len * inner;
    if inner > 1 {
        return rows_added(reversed, len, inner, out);
    }
    parallel::for_each_piece(out, (TASK / block).max(1) * block, |_, out| {
        for block in out.chunks_exact_mut(block) {
            // One chain of additions, from the first element on and not from 0, which would lose the sign of -0.
            let (first, rest) = match reversed {
                false => (0, 1..len),
                true => (len - 1, 0..len - 1),
            };
            let mut sum = block[first];
            let mut add = |x: &mut T| {
                sum = sum + *x;
                *x = sum;
            };
            match reversed {
                false => block[rest].iter_mut().for_each(&mut add),
                true => block[rest].iter_mut().rev().for_each(&mut add),
            }
        }
    });
}

/// The same in place where rows of `inner` numbers are added to the next: some columns of a block a task.
fn rows_added<T: Float>(reversed: bool, len: usize, inner: usize, out: &mut [T]) {
    let wide = (TASK / len).max(COLUMNS).min(inner);
    let (strips, batch) = (inner.div_ceil(wide), (TASK / (len * wide)).max(1));
    let all = out.len() / (len * inner) * strips;
    let out = Disjoint::new(out);
    parallel::for_each(all.div_ceil(batch), |task| {
        for strip in task * batch..((task + 1) * batch).min(all) {
            let (block, column) = (strip / strips * len, strip % strips * wide);
            let count = wide.min(inner - column);
            let row = |l: usize| (block + if reversed { len - 1 - l } else { l }) * inner + column;
            for l in 1..len {
                // SAFETY: each strip has its own columns of its own block, and these two rows of it are different ones.
                let (done, next) = unsafe { (out.part(row(l - 1), count), out.part(row(l), count)) };
                next.iter_mut().zip(done).for_each(|(next, done)| *next = *done + *next);
            }
        }
    });
}
