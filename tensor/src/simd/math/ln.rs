//! The natural logarithm, of `x` and of `1 + x`.

use super::{LN_2, SIGN, polynomial};
use crate::simd::single::Single;

/// `e ln 2 + ln(1 + f)` for whole `e` and `f` in `[sqrt(1/2) - 1, sqrt(2) - 1]`.
#[inline(always)]
fn logarithm<V: Single>(e: V, f: V) -> V {
    let rest = polynomial(
        f,
        [
            0.333_333_3,
            -0.250_008_2,
            0.200_012_27,
            -0.166_233_57,
            0.142_017_57,
            -0.131_601_8,
            0.127_615_76,
            -0.076_345_01,
        ],
    );
    let square = f * f;
    // From the smallest part to the largest.
    let low = (square * f).mul_add(rest, e * f.c(LN_2.1));
    let low = square.mul_add(f.c(-0.5), low) + f;
    e.mul_add(f.c(LN_2.0), low)
}

/// `y` where `x` is positive and finite; else what the logarithm of a number like `x` is.
#[inline(always)]
fn at_the_ends<V: Single>(x: V, y: V) -> V {
    let y = V::select(x.c(f32::INFINITY).gt(&x), y, x);
    let at_zero = V::select(x.equal(&x.c(0.0)), x.c(f32::NEG_INFINITY), x.c(f32::NAN));
    V::select(x.gt(&x.c(0.0)), y, at_zero)
}

/// `ln(x)`; within 1 ULP, for subnormal `x` as well. Minus infinity at zero, NaN below.
#[inline(always)]
pub(crate) fn ln<V: Single>(x: V) -> V {
    let (e, m) = x.split();
    at_the_ends(x, logarithm(e, m - x.c(1.0)))
}

/// `ln(1 + x)`; within 1.5 ULP. Minus infinity at -1, NaN below.
#[inline(always)]
pub(crate) fn ln_1p<V: Single>(x: V) -> V {
    // 1 + x is rounded, so only its exponent is used: with 1 + x about m 2^e the number to take the logarithm of is
    // f = (1 + x) 2^-e - 1 = x 2^-e + (2^-e - 1), whose parts are exact.
    let sum = x + x.c(1.0);
    let (e, _) = sum.split();
    let unit = x.c(1.0).scale(-e);
    let f = x.mul_add(unit, unit - x.c(1.0));
    let y = at_the_ends(sum, logarithm(e, f));
    y.or(x.and(x.bits(SIGN)))
}
