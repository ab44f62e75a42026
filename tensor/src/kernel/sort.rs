//! Rows in order of size, and linear maps that go by the places of that order.
//!
//! Numbers become whole numbers of the same order, with their place behind: no two are equal, so the order is the stable
//! one whatever algorithm finds it. NaN is the largest of all, as for the maximum; 0 and -0 are equal.

use super::extreme::extreme;
use crate::storage::Buffer;
use crate::{Float, SMALL, parallel};
use alloc::vec::Vec;

/// An order of the numbers along the last axis, and how many of its beginning are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The largest first; else the smallest.
    pub descending: bool,
    /// How many of the first.
    pub keep: usize,
}

/// Numbers that one task sorts. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 33 and
/// 17 us (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 12;

/// From so many keys on, sorting by digits takes less time than comparing: two thirds of it for 1000 keys, half for 10^6.
const MANY: usize = 256;

/// A number and its place as one whole number.
trait Key: Copy + Ord {
    fn new(bits: u64, place: usize) -> Self;
    fn place(self) -> usize;
    /// Puts keys in order that lie in that of their places; `room` is for whatever it takes.
    fn sort(keys: &mut Vec<Self>, room: &mut Vec<Self>) {
        let _ = room;
        keys.sort_unstable();
    }
}

/// For `f32`, whose order takes 32 bits.
impl Key for u64 {
    #[inline(always)]
    fn new(bits: u64, place: usize) -> Self {
        bits << 32 | place as u64
    }
    #[inline(always)]
    fn place(self) -> usize {
        self as u32 as usize
    }
    fn sort(keys: &mut Vec<Self>, room: &mut Vec<Self>) {
        match keys.len() < MANY {
            true => keys.sort_unstable(),
            false => by_digits(keys, room),
        }
    }
}

impl Key for u128 {
    #[inline(always)]
    fn new(bits: u64, place: usize) -> Self {
        (bits as u128) << 64 | place as u128
    }
    #[inline(always)]
    fn place(self) -> usize {
        self as u64 as usize
    }
}

/// A whole number that grows with `x`; NaN is the largest.
#[inline(always)]
fn single(x: f32) -> u64 {
    if x.is_nan() {
        return u32::MAX as u64;
    }
    let bits = (x + 0.0).to_bits(); // -0 becomes 0
    // Negative numbers grow with falling bits: those are turned around, all others put above them.
    (bits ^ ((bits as i32 >> 31) as u32 | 1 << 31)) as u64
}

/// As [`single`], in double precision.
#[inline(always)]
fn double(x: f64) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    let bits = (x + 0.0).to_bits();
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

/// The first keys of a row's order, in that order.
fn in_order<'a, K: Key>(sort: Sort, keys: &'a mut Vec<K>, room: &mut Vec<K>) -> &'a [K] {
    if SMALL {
        by_heap(keys);
        return &keys[..sort.keep];
    }
    match sort.keep {
        0 => return &[],
        keep if keep < keys.len() => {
            keys.select_nth_unstable(keep - 1);
            keys[..keep].sort_unstable();
        }
        _ => K::sort(keys, room),
    }
    &keys[..sort.keep]
}

/// Puts keys in the order of their upper halves, equal ones as they lie: by one byte after the other, the lowest first (Knuth, "The
/// art of computer programming", volume 3, section 5.2.5).
fn by_digits(keys: &mut Vec<u64>, room: &mut Vec<u64>) {
    let digit = |key: u64, n: usize| (key >> (32 + 8 * n)) as u8 as usize;
    let mut counts = [[0u32; 256]; 4];
    for &key in keys.iter() {
        for (n, counts) in counts.iter_mut().enumerate() {
            counts[digit(key, n)] += 1;
        }
    }
    room.clear();
    room.resize(keys.len(), 0);
    for (n, counts) in counts.iter_mut().enumerate() {
        if counts[digit(keys[0], n)] as usize == keys.len() {
            continue; // all have the same byte here
        }
        let mut next = 0;
        for count in counts.iter_mut() {
            next += core::mem::replace(count, next);
        }
        for &key in keys.iter() {
            let place = &mut counts[digit(key, n)];
            room[*place as usize] = key;
            *place += 1;
        }
        core::mem::swap(keys, room);
    }
}

/// Puts keys in order by a heap (Williams 1964): slower than what `core` has, and a tenth of its code.
fn by_heap<K: Ord>(keys: &mut [K]) {
    // The first half sinks into a heap; then the largest goes behind it, again and again.
    for turn in (0..keys.len() + keys.len() / 2).rev() {
        let (mut at, end) = match turn.checked_sub(keys.len()) {
            Some(root) => (root, keys.len()),
            None => {
                keys.swap(0, turn);
                (0, turn)
            }
        };
        while let Some(mut child) = Some(2 * at + 1).filter(|&child| child < end) {
            child += usize::from(child + 1 < end && keys[child] < keys[child + 1]);
            if keys[child] <= keys[at] {
                break;
            }
            keys.swap(at, child);
            at = child;
        }
    }
}

/// Calls `visit(row, n, place)` for the `n`-th number of each row's order.
fn each_place<T: Float>(sort: Sort, x: &[T], width: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let turn = |bits: u64, ends: u64| if sort.descending { ends ^ bits } else { bits };
    if size_of::<T>() == 4 {
        let (mut keys, mut room) = (Vec::<u64>::with_capacity(width), Vec::new());
        for (row, x) in x.chunks_exact(width).enumerate() {
            keys.clear();
            let key =
                |(place, x): (usize, &T)| u64::new(turn(single(x.to_f64() as f32), u32::MAX as u64), place);
            keys.extend(x.iter().enumerate().map(key));
            let order = in_order(sort, &mut keys, &mut room);
            order.iter().enumerate().for_each(|(n, key)| visit(row, n, key.place()));
        }
    } else {
        let (mut keys, mut room) = (Vec::<u128>::with_capacity(width), Vec::new());
        for (row, x) in x.chunks_exact(width).enumerate() {
            keys.clear();
            let key = |(place, x): (usize, &T)| u128::new(turn(double(x.to_f64()), u64::MAX), place);
            keys.extend(x.iter().enumerate().map(key));
            let order = in_order(sort, &mut keys, &mut room);
            order.iter().enumerate().for_each(|(n, key)| visit(row, n, key.place()));
        }
    }
}

/// `out[row, n]` = the element of `of` where the `n`-th number of the order of `x[row]` is: with `x` for `of` the sorted
/// numbers themselves. Rows have `width` numbers, at least `keep`.
pub(crate) fn sort_gather<T: Float>(sort: Sort, x: &[T], of: &[T], width: usize, out: &mut [T]) {
    let keep = sort.keep;
    if out.is_empty() {
        return;
    }
    if keep == 1 && !SMALL {
        let places = firsts(sort, x, width);
        let places = places.as_slice().iter().enumerate();
        return out.iter_mut().zip(places).for_each(|(out, (row, &at))| *out = of[row * width + at as usize]);
    }
    let rows = (TASK / width).max(1);
    parallel::for_each_piece(out, rows * keep, |i, out| {
        let part = i * rows * width..(i * rows + out.len() / keep) * width;
        let (x, of) = (&x[part.clone()], &of[part]);
        each_place(sort, x, width, |row, n, place| out[row * keep + n] = of[row * width + place]);
    });
}

/// Zeros, with `g[row, n]` where the `n`-th number of the order of `x[row]` is.
pub(crate) fn sort_scatter<T: Float>(sort: Sort, x: &[T], g: &[T], width: usize, out: &mut [T]) {
    let keep = sort.keep;
    if out.is_empty() {
        return;
    }
    if keep == 1 && !SMALL {
        out.fill(T::ZERO);
        let places = firsts(sort, x, width);
        let places = places.as_slice().iter().enumerate();
        return places.zip(g).for_each(|((row, &at), &g)| out[row * width + at as usize] = g);
    }
    let rows = (TASK / width).max(1);
    parallel::for_each_piece(out, rows * width, |i, out| {
        let (x, g) = (&x[i * rows * width..][..out.len()], &g[i * rows * keep..]);
        out.fill(T::ZERO);
        each_place(sort, x, width, |row, n, place| out[row * width + place] = g[row * keep + n]);
    });
}

/// `out[row, n]` = the place of the `n`-th number of the order of `x[row]`.
pub(crate) fn sort_places<T: Float>(sort: Sort, x: &[T], width: usize, out: &mut [u32]) {
    let keep = sort.keep;
    if out.is_empty() {
        return;
    }
    if keep == 1 && !SMALL {
        return extreme(sort.descending, x, width, 1, out);
    }
    let rows = (TASK / width).max(1);
    parallel::for_each_piece(out, rows * keep, |i, out| {
        let x = &x[i * rows * width..(i * rows + out.len() / keep) * width];
        each_place(sort, x, width, |row, n, place| out[row * keep + n] = place as u32);
    });
}

/// The place of each row's first number, which takes no sorting.
fn firsts<T: Float>(sort: Sort, x: &[T], width: usize) -> Buffer<u32> {
    let mut places = Buffer::stale(x.len() / width);
    extreme(sort.descending, x, width, 1, places.make_mut());
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_gives_the_order_of_a_sort() {
        for count in 0..70_u64 {
            let mut keys: Vec<u64> = (0..count).map(|i| ((i * 2_654_435_761 % 97) << 32) | i).collect();
            let mut sorted = keys.clone();
            by_heap(&mut keys);
            sorted.sort_unstable();
            assert_eq!(keys, sorted, "{count} keys");
        }
    }

    #[test]
    fn digits_give_the_order_of_a_sort() {
        // All bytes of the upper half, some of them, and none; places rise.
        for mask in [u32::MAX, 0xff00_00ff, 0x00f0_0000, 0] {
            for count in [1, 2, 255, 1000, 70_000u32] {
                let bits = |i: u32| u64::from(i.wrapping_mul(2_654_435_761) & mask);
                let mut keys: Vec<u64> = (0..count).map(|i| bits(i) << 32 | u64::from(i)).collect();
                let mut sorted = keys.clone();
                by_digits(&mut keys, &mut Vec::new());
                sorted.sort_unstable();
                assert_eq!(keys, sorted, "{count} keys, {mask:x}");
            }
        }
    }
}
