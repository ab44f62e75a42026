//! Reductions whose last axis goes: runs of numbers, a register of them at a time.

use super::{Folding, Groups, TASK};
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use crate::{Float, parallel};

/// Numbers of a run that are folded at once; the results of a long run's blocks are folded in order.
pub(in crate::kernel) const RUN: usize = 1 << 14;

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
    pub(super) fn rows<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
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
}
