//! WebAssembly's 128-bit vectors: 4 numbers of single, 2 of double precision in a register.
//!
//! WebAssembly cannot ask what the machine has: a module with these instructions is loaded where they are known, or not at
//! all. So the token exists wherever the crate was built with `-C target-feature=+simd128`. With `+relaxed-simd` besides,
//! a multiplication is fused with the addition after it wherever the machine can: faster, and the last bits are then the
//! machine's affair.
//!
//! The compiler uses relaxed instructions as well, and not well: of plain loops that it turns into vectors LLVM 22 makes relaxed minima and
//! maxima, which may lose a NaN that the loop keeps. `-Cno-vectorize-loops -Cno-vectorize-slp` leaves vectors to this file, whose minima,
//! maxima and selections stay strict.

// The intrinsics of this target are safe functions; the macros are written for those of all targets.
#![allow(unused_unsafe)]

use super::Vector;
use super::lanes::{lanes, vector};
use super::single::Single;
use core::arch::wasm32::*;

/// The proof that this module was built with 128-bit vectors.
#[derive(Clone, Copy, Debug)]
pub struct Simd128(());

impl Simd128 {
    /// # Safety
    /// The machine has 128-bit vectors.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

lanes!(Simd128, "simd128", F32x4 of f32, tile TILE);
lanes!(Simd128, "simd128", F64x2 of f64, tile TILE);

/// Eight sums hide the time that one takes where two units multiply and add, if nothing ever comes late; ten leave some room. An
/// addition of its own needs another register for the product: then ten sums no longer fit.
const TILE: (usize, usize) = if cfg!(target_feature = "relaxed-simd") { (5, 2) } else { (4, 2) };

/// `a b + c`: the only place where relaxed instructions are used. Whether it is fused decides no more than its rounding.
macro_rules! multiply_add {
    ($name:ident, $relaxed:ident, $mul:ident, $add:ident) => {
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        fn $name(a: v128, b: v128, c: v128) -> v128 {
            $relaxed(a, b, c)
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        fn $name(a: v128, b: v128, c: v128) -> v128 {
            $add($mul(a, b), c)
        }
    };
}

multiply_add!(multiply_add_f32, f32x4_relaxed_madd, f32x4_mul, f32x4_add);
multiply_add!(multiply_add_f64, f64x2_relaxed_madd, f64x2_mul, f64x2_add);

vector! {
    /// 4 numbers of single precision.
    F32x4(v128) of 4 f32, mask v128, single;
    splat |x| f32x4_splat(x);
    add f32x4_add; sub f32x4_sub; mul f32x4_mul; div f32x4_div;
    fma |a, b, c| multiply_add_f32(a, b, c);
    neg |x| f32x4_neg(x);
    abs |x| f32x4_abs(x);
    sqrt f32x4_sqrt;
    gt |a, b| f32x4_gt(a, b);
    ge |a, b| f32x4_ge(a, b);
    equal |a, b| f32x4_eq(a, b);
    select |mask, then, otherwise| v128_bitselect(then, otherwise, mask);
}

vector! {
    /// 2 numbers of double precision.
    F64x2(v128) of 2 f64, mask v128, double;
    splat |x| f64x2_splat(x);
    add f64x2_add; sub f64x2_sub; mul f64x2_mul; div f64x2_div;
    fma |a, b, c| multiply_add_f64(a, b, c);
    neg |x| f64x2_neg(x);
    abs |x| f64x2_abs(x);
    sqrt f64x2_sqrt;
    gt |a, b| f64x2_gt(a, b);
    ge |a, b| f64x2_ge(a, b);
    equal |a, b| f64x2_eq(a, b);
    select |mask, then, otherwise| v128_bitselect(then, otherwise, mask);
}

macro_rules! memory {
    ($name:ident, $elem:ty, $lanes:literal, $splat:ident,
     rotate $rotate:expr, even $even:expr, odd $odd:expr, low $low:expr, high $high:expr,
     sum |$s:ident| $sum:expr, largest |$l:ident| $largest:expr) => {
        impl $name {
            #[inline(always)]
            fn new(_: Simd128, x: $elem) -> Self {
                Self($splat(x))
            }
            /// # Safety
            /// As [`Lanes::load`](super::Lanes::load).
            #[inline(always)]
            unsafe fn read(_: Simd128, from: *const $elem) -> Self {
                // SAFETY: as the caller promises; the instruction asks for no alignment.
                Self(unsafe { v128_load(from.cast()) })
            }
            /// There are no masked loads; the numbers go through the stack.
            ///
            /// # Safety
            /// As [`Lanes::load_first`](super::Lanes::load_first).
            #[inline(always)]
            unsafe fn read_first(isa: Simd128, count: usize, from: *const $elem) -> Self {
                debug_assert!(count <= $lanes);
                let mut lanes = [0.0; $lanes];
                // SAFETY: `count` numbers are readable, as the caller promises, and fit the array.
                unsafe {
                    core::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min($lanes));
                    Self::read(isa, lanes.as_ptr())
                }
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Bits = v128;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn store(self, to: *mut $elem) {
                // SAFETY: as the caller promises; the instruction asks for no alignment.
                unsafe { v128_store(to.cast(), self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, count: usize, to: *mut $elem) {
                debug_assert!(count <= $lanes);
                let mut lanes = [0.0; $lanes];
                // SAFETY: `count` numbers are writable, as the caller promises, and the array has them.
                unsafe {
                    if count >= $lanes {
                        return self.store(to);
                    }
                    self.store(lanes.as_mut_ptr());
                    core::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count.min($lanes));
                }
            }
            #[inline(always)]
            fn rotate(self) -> Self {
                Self($rotate(self.0, self.0))
            }
            #[inline(always)]
            fn uncouple(self, next: Self) -> (Self, Self) {
                let (a, b) = (self.0, next.0);
                (Self($even(a, b)), Self($odd(a, b)))
            }
            #[inline(always)]
            fn couple(self, odd: Self) -> (Self, Self) {
                let (a, b) = (self.0, odd.0);
                (Self($low(a, b)), Self($high(a, b)))
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                let $s = self.0;
                $sum
            }
            #[inline(always)]
            fn largest(self) -> $elem {
                let $l = self.0;
                $largest
            }
        }
    };
}

// Sums halves first, as all instruction sets do; the maximum of WebAssembly carries NaN on.
memory!(
    F32x4, f32, 4, f32x4_splat,
    rotate i32x4_shuffle::<1, 2, 3, 4>,
    even i32x4_shuffle::<0, 2, 4, 6>, odd i32x4_shuffle::<1, 3, 5, 7>,
    low i32x4_shuffle::<0, 4, 1, 5>, high i32x4_shuffle::<2, 6, 3, 7>,
    sum |x| {
        let halves = f32x4_add(x, i32x4_shuffle::<2, 3, 0, 1>(x, x));
        f32x4_extract_lane::<0>(halves) + f32x4_extract_lane::<1>(halves)
    },
    largest |x| {
        let halves = f32x4_max(x, i32x4_shuffle::<2, 3, 0, 1>(x, x));
        f32x4_extract_lane::<0>(f32x4_max(halves, i32x4_shuffle::<1, 0, 3, 2>(halves, halves)))
    }
);
memory!(
    F64x2, f64, 2, f64x2_splat,
    rotate i64x2_shuffle::<1, 2>,
    even i64x2_shuffle::<0, 2>, odd i64x2_shuffle::<1, 3>,
    low i64x2_shuffle::<0, 2>, high i64x2_shuffle::<1, 3>,
    sum |x| f64x2_extract_lane::<0>(x) + f64x2_extract_lane::<1>(x),
    largest |x| f64x2_extract_lane::<0>(f64x2_max(x, i64x2_shuffle::<1, 0>(x, x)))
);

macro_rules! bits {
    ($($name:ident |$a:ident $(, $b:ident)?| $e:expr;)*) => {$(
        #[inline(always)]
        fn $name(self $(, $b: Self)?) -> Self {
            let $a = self.0;
            $(let $b = $b.0;)?
            Self($e)
        }
    )*};
}

/// The upper two numbers, moved down.
#[inline(always)]
fn upper(x: v128) -> v128 {
    i32x4_shuffle::<2, 3, 2, 3>(x, x)
}

/// Two pairs of doubles, rounded to four singles.
#[inline(always)]
fn rounded(low: v128, high: v128) -> v128 {
    i32x4_shuffle::<0, 1, 4, 5>(f32x4_demote_f64x2_zero(low), f32x4_demote_f64x2_zero(high))
}

impl Single for F32x4 {
    bits! {
        and |a, b| v128_and(a, b);
        or |a, b| v128_or(a, b);
        xor |a, b| v128_xor(a, b);
        int_add |a, b| i32x4_add(a, b);
        int_sub |a, b| i32x4_sub(a, b);
        to_int |a| i32x4_trunc_sat_f32x4(f32x4_nearest(a));
        int_value |a| f32x4_convert_i32x4(a);
        nearest |a| f32x4_nearest(a);
    }
    #[inline(always)]
    fn bits(&self, bits: u32) -> Self {
        Self(u32x4_splat(bits))
    }
    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        Self(i32x4_shl(self.0, N as u32))
    }
    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        Self(i32x4_shr(self.0, N as u32))
    }
    // The minimum and maximum of WebAssembly carry NaN on.
    #[inline(always)]
    fn at_most(self, high: f32) -> Self {
        Self(f32x4_min(self.0, f32x4_splat(high)))
    }
    #[inline(always)]
    fn at_least(self, low: f32) -> Self {
        Self(f32x4_max(self.0, f32x4_splat(low)))
    }
    #[inline(always)]
    fn all(mask: v128) -> bool {
        i32x4_all_true(mask)
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        self.lane_by_lane(f)
    }
    /// Exact in double precision: the product of two singles has 48 bits.
    #[inline(always)]
    fn two_product(self, b: Self) -> (Self, Self) {
        let half = |a: v128, b: v128| f64x2_mul(f64x2_promote_low_f32x4(a), f64x2_promote_low_f32x4(b));
        let (low, high) = (half(self.0, b.0), half(upper(self.0), upper(b.0)));
        let p = rounded(low, high);
        let rest = |exact: v128, p: v128| f64x2_sub(exact, f64x2_promote_low_f32x4(p));
        (Self(p), Self(rounded(rest(low, p), rest(high, upper(p)))))
    }
    /// Without a multiply-add that is known to be fused the reduction goes through double precision, as that of the
    /// scalar path does.
    #[inline(always)]
    fn quadrant(self) -> (Self, Self) {
        use super::scalar::{HALF_PI_HIGH, HALF_PI_LOW};
        let q = f32x4_nearest(f32x4_mul(self.0, f32x4_splat(core::f32::consts::FRAC_2_PI)));
        let half = |x: v128, q: v128| {
            let (x, q) = (f64x2_promote_low_f32x4(x), f64x2_promote_low_f32x4(q));
            let r = f64x2_sub(x, f64x2_mul(q, f64x2_splat(HALF_PI_HIGH)));
            f64x2_sub(r, f64x2_mul(q, f64x2_splat(HALF_PI_LOW)))
        };
        (Self(q), Self(rounded(half(self.0, q), half(upper(self.0), upper(q)))))
    }
}
