//! One number at a time: `f32` and `f64` are themselves the vectors of one lane.
//!
//! `f32` runs the same polynomials as the lanes do and never fuses a multiplication with an addition, so this path
//! gives the same bits on every target, with and without `std`.

use super::Vector;
use super::math::{self, double};
use super::single::Single;
use crate::pointwise::Real;

/// The instruction set that is always there.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

macro_rules! scalar {
    ($elem:ident, $functions:ident, $sqrt:path) => {
        // SAFETY: plain Rust runs everywhere.
        unsafe impl super::Lanes<$elem> for Scalar {
            type V = $elem;
            const TILE: (usize, usize) = (4, 4);

            #[inline(always)]
            fn enter<K: super::Kernel<$elem>>(self, kernel: K) -> K::Output {
                kernel.run(self)
            }
            #[inline(always)]
            fn splat(self, x: $elem) -> $elem {
                x
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $elem) -> $elem {
                // SAFETY: as the caller promises.
                unsafe { from.read() }
            }
            #[inline(always)]
            unsafe fn load_first(self, count: usize, from: *const $elem) -> $elem {
                // SAFETY: read only if the caller promises one number.
                if count == 0 { 0.0 } else { unsafe { from.read() } }
            }
        }

        impl Vector for $elem {
            type Elem = $elem;
            type Bits = bool;
            const LANES: usize = 1;

            #[inline(always)]
            unsafe fn store(self, to: *mut $elem) {
                // SAFETY: as the caller promises.
                unsafe { to.write(self) }
            }
            #[inline(always)]
            unsafe fn store_first(self, count: usize, to: *mut $elem) {
                if count > 0 {
                    // SAFETY: as the caller promises.
                    unsafe { to.write(self) }
                }
            }
            #[inline(always)]
            fn rotate(self) -> $elem {
                self
            }
            #[inline(always)]
            fn uncouple(self, next: $elem) -> ($elem, $elem) {
                (self, next)
            }
            #[inline(always)]
            fn couple(self, odd: $elem) -> ($elem, $elem) {
                (self, odd)
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                self
            }
            #[inline(always)]
            fn largest(self) -> $elem {
                self
            }
        }

        impl Real for $elem {
            type Mask = bool;

            #[inline(always)]
            fn of(&self, c: f64) -> Self {
                c as $elem
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                self * a + b
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$elem>::from_bits(self.to_bits() & (<$elem>::MAX.to_bits() | <$elem>::INFINITY.to_bits()))
            }
            #[inline(always)]
            fn gt(&self, other: &Self) -> bool {
                self > other
            }
            #[inline(always)]
            fn ge(&self, other: &Self) -> bool {
                self >= other
            }
            #[inline(always)]
            fn equal(&self, other: &Self) -> bool {
                self == other
            }
            #[inline(always)]
            fn select(mask: bool, then: Self, otherwise: Self) -> Self {
                if mask { then } else { otherwise }
            }
            scalar!(@$functions exp, exp2, ln, ln_1p, exp_m1, tanh, sin, cos, erf, floor, round);
        }
    };
    (@single $($f:ident),*) => {
        $(
            #[inline]
            fn $f(self) -> Self {
                math::$f(self)
            }
        )*
        #[inline]
        fn sigmoid(self) -> Self {
            math::sigmoid(self)
        }
        #[inline]
        fn normal_cdf(self) -> Self {
            math::normal_cdf(self)
        }
        #[inline]
        fn powf(self, p: f64) -> Self {
            math::powf(self, p as f32)
        }
    };
    (@double $($f:ident),*) => {
        $(
            #[inline]
            fn $f(self) -> Self {
                double::$f(self)
            }
        )*
        #[inline]
        fn powf(self, p: f64) -> Self {
            double::powf(self, p)
        }
    };
}

scalar!(f32, single, double::sqrt_of_single);
scalar!(f64, double, double::sqrt);

/// pi/2 in two parts: the first has 33 bits, so that its products with whole numbers below 2^20 are exact.
pub(super) const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6;
pub(super) const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;

impl Single for f32 {
    #[inline(always)]
    fn bits(&self, bits: u32) -> f32 {
        f32::from_bits(bits)
    }
    #[inline(always)]
    fn and(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits() & other.to_bits())
    }
    #[inline(always)]
    fn or(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits() | other.to_bits())
    }
    #[inline(always)]
    fn xor(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits() ^ other.to_bits())
    }
    #[inline(always)]
    fn int_add(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_add(other.to_bits()))
    }
    #[inline(always)]
    fn int_sub(self, other: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_sub(other.to_bits()))
    }
    #[inline(always)]
    fn shl<const N: i32>(self) -> f32 {
        f32::from_bits(self.to_bits() << N)
    }
    #[inline(always)]
    fn sar<const N: i32>(self) -> f32 {
        f32::from_bits((self.to_bits() as i32 >> N) as u32)
    }
    #[inline(always)]
    fn to_int(self) -> f32 {
        f32::from_bits(Single::nearest(self) as i32 as u32)
    }
    #[inline(always)]
    fn int_value(self) -> f32 {
        self.to_bits() as i32 as f32
    }
    /// Numbers from 2^23 on are whole, so adding and subtracting 1.5 * 2^23 rounds as the processor does.
    #[inline(always)]
    fn nearest(self) -> f32 {
        const WHOLE: f32 = 12_582_912.0;
        (self + WHOLE) - WHOLE
    }
    #[inline(always)]
    fn at_most(self, high: f32) -> f32 {
        if self > high { high } else { self }
    }
    #[inline(always)]
    fn at_least(self, low: f32) -> f32 {
        if self < low { low } else { self }
    }
    #[inline(always)]
    fn all(mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> f32 {
        f(self)
    }
    /// Exact in double precision: the product of two singles has 48 bits.
    #[inline(always)]
    fn two_product(self, b: f32) -> (f32, f32) {
        let exact = self as f64 * b as f64;
        let p = exact as f32;
        (p, (exact - p as f64) as f32)
    }
    /// Without a fused multiply-add the reduction goes through double precision.
    #[inline(always)]
    fn quadrant(self) -> (f32, f32) {
        let q = Single::nearest(self * core::f32::consts::FRAC_2_PI);
        (q, ((self as f64 - q as f64 * HALF_PI_HIGH) - q as f64 * HALF_PI_LOW) as f32)
    }
}
