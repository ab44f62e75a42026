//! Rows so long that several threads share one: cut into stretches, whose sums are added in order.

use super::disjoint::Disjoint;
use crate::{Float, parallel};
use core::ops::Range;

/// Numbers of a stretch, which is worth a thread. A longer row is summed stretch by stretch, on one thread as on many.
pub(crate) const STRETCH: usize = 1 << 16;

/// Whether a row is cut. A microcontroller has one thread, and no room for such rows.
#[inline(always)]
pub(crate) fn is_long(width: usize) -> bool {
    !crate::SMALL && width > STRETCH
}

/// Calls `work(stretch, out)` for each stretch of a row that is to be written, and joins what it returns, in order.
pub(super) fn written<T: Float>(
    out: &mut [T],
    join: impl Fn(T, T) -> T,
    work: impl Fn(Range<usize>, &mut [T]) -> T + parallel::Shared,
) -> T {
    let mut found = crate::storage::Buffer::stale(out.len().div_ceil(STRETCH));
    let slots = Disjoint::new(found.make_mut());
    parallel::for_each_piece(out, STRETCH, |i, out| {
        let result = work(i * STRETCH..i * STRETCH + out.len(), out);
        // SAFETY: each stretch has a place of its own.
        let slot = unsafe { slots.part(i, 1) };
        slot[0] = result;
    });
    found.as_slice().iter().copied().reduce(join).unwrap_or(T::ZERO)
}

/// The same for a row that is only read.
pub(super) fn read<T: Float>(
    width: usize,
    join: impl Fn(T, T) -> T,
    work: impl Fn(Range<usize>) -> T + parallel::Shared,
) -> T {
    let mut found = crate::storage::Buffer::stale(width.div_ceil(STRETCH));
    parallel::for_each_piece(found.make_mut(), 1, |i, slot| {
        slot[0] = work(i * STRETCH..((i + 1) * STRETCH).min(width));
    });
    found.as_slice().iter().copied().reduce(join).unwrap_or(T::ZERO)
}

/// The sum of two stretches.
pub(super) fn sum<T: Float>(a: T, b: T) -> T {
    a + b
}
