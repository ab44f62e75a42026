//! Powers with a constant exponent.

use super::exp::exp_sum;
use super::{LN_2, SIGN, polynomial};
use crate::simd::single::Single;

/// `x` to the power `p`; within 1.5 ULP, with the special values of C's `powf`.
///
/// Exponents -1, 0, 1 and 2 are arithmetic. Else the logarithm is carried as an unrounded sum of two numbers, for the
/// exponential turns its absolute error into a relative one.
#[inline(always)]
pub(crate) fn powf<V: Single>(x: V, p: f32) -> V {
    if p == 0.0 {
        return x.c(1.0);
    }
    if p == 1.0 {
        return x;
    }
    if p == 2.0 {
        return x * x;
    }
    if p == -1.0 {
        return x.c(1.0) / x;
    }
    // Beyond 2^24 every exponent is even; there and for NaN the plain definition is enough.
    if !(-16_777_216.0..=16_777_216.0).contains(&p) {
        return x.each(|x| libm::powf(x, p));
    }
    let a = x.abs();
    let (high, low) = logarithm(a);
    let p_lanes = x.c(p);
    let (t, error) = high.two_product(p_lanes);
    // The bound matters only where the result is infinite or zero anyway, and keeps it so.
    let y = exp_sum(t, low.mul_add(p_lanes, error).held(-0.01, 0.01));

    // Zero, infinity and NaN, where the logarithm was anything.
    let (at_zero, at_infinity) = if p > 0.0 { (0.0, f32::INFINITY) } else { (f32::INFINITY, 0.0) };
    let y = V::select(a.equal(&x.c(0.0)), x.c(at_zero), y);
    let y = V::select(a.equal(&x.c(f32::INFINITY)), x.c(at_infinity), y);
    let y = V::select(a.ge(&x.c(0.0)), y, x.c(f32::NAN));

    let whole = p as i32 as f32 == p;
    if !whole {
        // A negative number has no such power; minus infinity has, as in C.
        let valid = V::select(x.ge(&x.c(-f32::MAX)), x.c(f32::NAN), y);
        return V::select(x.c(0.0).gt(&x), valid, y);
    }
    if p as i32 % 2 != 0 { y.or(x.and(x.bits(SIGN))) } else { y }
}

/// `ln(a)` as `(high, low)` whose unrounded sum has a relative error of about 2^-30; for positive finite `a`.
///
/// With `a = m 2^e` and `s = (m - 1) / (m + 1)`, `ln(m) = 2 atanh(s) = 2 s + s^3 p(s^2)`; the quotient is carried with
/// its remainder.
#[inline(always)]
fn logarithm<V: Single>(a: V) -> (V, V) {
    let one = a.c(1.0);
    let (e, m) = a.split();
    let (top, bottom) = (m - one, m + one);
    let lost = m - (bottom - one); // what rounding took from the bottom
    let s = top / bottom;
    let (product, error) = s.two_product(bottom);
    let remainder = ((top - product) - error) - s * lost;
    let s_low = remainder / bottom;

    let u = s * s;
    let rest = u * s * polynomial(u, [0.666_666_6, 0.400_009_72, 0.284_987_93, 0.242_788_57]);
    let twice = s + s;
    let exponent = e * a.c(LN_2.0);
    let high = exponent + twice;
    // Exact: the exponent's part is zero or the larger.
    let lost = twice - (high - exponent);
    let low = e.mul_add(a.c(LN_2.1), (s_low + s_low) + rest) + lost;
    let sum = high + low;
    (sum, low - (sum - high))
}
