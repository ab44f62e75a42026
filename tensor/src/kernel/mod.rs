//! The kernels: one source for every instruction set, parallel over fixed boundaries.
//!
//! A kernel writes a fresh dense row-major `&mut [T]` and reads `View`s or dense slices. Shapes are
//! checked before it is called; past that nothing fails. No result depends on the number of threads: work is cut at
//! boundaries that depend on its size alone, and what is summed is summed in a fixed order.

mod compiled;
pub mod conv;
pub(crate) mod copy;
pub(crate) mod cumulative;
mod disjoint;
pub(crate) mod dropout;
pub(crate) mod extreme;
pub(crate) mod gates;
pub(crate) mod gram;
mod in_order;
pub(crate) mod index;
pub(crate) mod map;
pub(crate) mod matrix;
pub(crate) mod optim;
pub mod planned;
pub(crate) mod pool;
pub mod product;
pub(crate) mod reduce;
pub(crate) mod row_norm;
pub(crate) mod select;
pub(crate) mod softmax;
pub(crate) mod sort;
mod stretch;
mod turn;
pub(crate) mod zip;

pub(crate) use compiled::Kernels;

use crate::Float;
use crate::pointwise::Real;
use crate::simd::{Lanes, MOST_LANES, Vector};

#[cfg(all(test, feature = "std"))]
mod tests;

/// Elements of a pointwise result that one task writes at most: large enough to pay for another thread, small enough to share
/// evenly. On the Zen 5 of `docs/performance.md`, on one thread and on two: `relu` of 33,000 elements 1.3 and 1.2 us, of 50,000
/// 1.8 and 1.2, of 100,000 4.3 and 2.4; `tanh` of 50,000 8.8 and 5.8.
const PIECE: usize = 1 << 15;

/// How many of `len` elements each task takes, at most [`PIECE`]: few pieces are a power of two of equal length, so that two threads,
/// or four or eight, have as much to do, and each the same part of a batch in list after list, which its own caches still hold.
fn piece(len: usize) -> usize {
    const MANY: usize = 16;
    let least = len.div_ceil(PIECE).max(1);
    let pieces = if least < MANY { least.next_power_of_two() } else { least.next_multiple_of(MANY) };
    // Whole cache lines: two threads would write the one that they share in turns.
    len.div_ceil(pieces).max(1).next_multiple_of(64)
}

/// Maps and zips read runs of so many numbers where they lie; shorter ones are brought together first.
const LINE: usize = 64;

/// Bytes of a dense result from which on it is written past the caches: it would not stay in them, and each line that is
/// written the common way is read from memory first. On the Zen 5 of `docs/performance.md`, per element of 10^7: adding
/// 0.29 ns instead of 0.34, `relu` 0.19 instead of 0.24; of 10^5 both are slower. What reads the result next takes as long
/// either way from 2^21 elements on.
const STREAM: usize = 1 << 24;

/// How many bytes ahead a loop asks for its operand while it streams. A processor that is busy with a long function sees too few
/// loads at a time to fetch ahead by itself, and what is streamed holds the few places for lines on their way: `gelu` of 10^7 numbers
/// took 10.7 ms on an Intel server processor, and takes 3.4, as long as its arithmetic; `exp` 3.2 and 2.9.
const AHEAD: usize = 4096;

/// Whether a register at `to` may be streamed, in a result that is to be.
#[inline(always)]
fn aligned<V: Vector>(to: *mut V::Elem) -> bool {
    to.addr().is_multiple_of(size_of::<V>())
}

/// The numbers 0, 1, .. in the lanes: what tells the first lanes of a register from the others.
#[inline(always)]
fn lane_numbers<T: Float, I: Lanes<T>>(isa: I) -> I::V {
    let numbers: [T; MOST_LANES] = core::array::from_fn(|lane| T::from_f64(lane as f64));
    // SAFETY: no register has more lanes.
    unsafe { isa.load(numbers.as_ptr()) }
}

/// Which lanes are the first `count`.
#[inline(always)]
fn first_lanes<T: Float, I: Lanes<T>>(isa: I, numbers: I::V, count: usize) -> <I::V as Vector>::Bits {
    isa.splat(T::from_f64(count as f64)).gt(&numbers)
}

/// The first `count` lanes of a register, and `x` in the others. To write a part of a register and read it back as a whole would take as long
/// as an exponential: the processor waits until what was written has reached the cache.
#[inline(always)]
fn filled<T: Float, I: Lanes<T>>(isa: I, part: I::V, count: usize, x: T) -> I::V {
    if count >= I::V::LANES {
        return part;
    }
    I::V::select(first_lanes(isa, lane_numbers(isa), count), part, isa.splat(x))
}
