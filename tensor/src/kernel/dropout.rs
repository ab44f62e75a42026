//! Dropout without state: whether an element is kept is a hash of the seed and the element's number.

use super::PIECE;
use crate::simd::{Kernel, Lanes};
use crate::view::View;
use crate::{Float, parallel};

/// `out = x / (1 - rate)` where the element is kept, 0 elsewhere (Srivastava et al. 2014, scaled while training).
///
/// An element is kept if `hash(seed, its number) >= rate 2^32`, so the same seed drops the same elements again: the
/// operation is linear, and its own transpose.
pub(crate) fn dropout<T: Float>(x: View<'_, T>, rate: f64, seed: u64, out: &mut [T]) {
    debug_assert_eq!(x.layout().len(), out.len());
    let threshold = rate * 4_294_967_296.0;
    if threshold >= 4_294_967_296.0 {
        return out.fill(T::ZERO);
    }
    let (threshold, scale) = (threshold as u32, T::from_f64(1.0 / (1.0 - rate)));
    match x.as_slice() {
        Some(x) => parallel::for_each_piece(out, PIECE, |i, out| {
            let x = Some(&x[i * PIECE..][..out.len()]);
            T::dispatch(Mask { x, start: i * PIECE, seed, threshold, scale, out });
        }),
        None => {
            super::copy::copy(x, out);
            parallel::for_each_piece(out, PIECE, |i, out| {
                T::dispatch(Mask { x: None, start: i * PIECE, seed, threshold, scale, out });
            });
        }
    }
}

struct Mask<'a, T> {
    /// What to read; `None` if it is in `out` already.
    x: Option<&'a [T]>,
    start: usize,
    seed: u64,
    threshold: u32,
    scale: T,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Mask<'_, T> {
    type Output = ();

    /// Plain loops over integers, which the compiler turns into the instruction set's vectors.
    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { x, start, seed, threshold, scale, out } = self;
        // `PIECE` divides 2^32, so a piece never crosses a multiple of it and its upper half is one number.
        let number = start as u64;
        let key = Key::new(seed, (number >> 32) as u32);
        let first = number as u32;
        match x {
            Some(x) => {
                for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                    let kept = key.hash(first.wrapping_add(i as u32)) >= threshold;
                    *out = if kept { x * scale } else { T::ZERO };
                }
            }
            None => {
                for (i, out) in out.iter_mut().enumerate() {
                    let kept = key.hash(first.wrapping_add(i as u32)) >= threshold;
                    *out = if kept { *out * scale } else { T::ZERO };
                }
            }
        }
    }
}

/// Two words mixed from the seed and the upper half of the element's number.
#[derive(Clone, Copy)]
struct Key(u32, u32);

impl Key {
    fn new(seed: u64, upper: u32) -> Self {
        let first = mix(seed as u32 ^ mix(upper));
        Self(first, mix((seed >> 32) as u32 ^ first.rotate_left(16)))
    }

    #[inline(always)]
    fn hash(self, number: u32) -> u32 {
        mix(mix(number ^ self.0).wrapping_add(self.1))
    }
}

/// A bijection of 32-bit words that spreads each bit over all: two multiplications between shifts, with the constants of
/// "lowbias32" (Wellons, Prospecting for Hash Functions, 2018).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}
