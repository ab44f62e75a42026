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
    if p.is_nan() {
        return V::select(x.equal(&x.c(1.0)), x, x.c(p));
    }
    // From 2^24 on every exponent is even. Those beyond 2^33 take all numbers but 1 to 0 or infinity, as that does.
    let even = p.abs() >= 16_777_216.0;
    let p = p.clamp(-8_589_934_592.0, 8_589_934_592.0);
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

    let whole = even || p as i32 as f32 == p;
    if !whole {
        // A negative number has no such power; minus infinity has, as in C.
        let valid = V::select(x.ge(&x.c(-f32::MAX)), x.c(f32::NAN), y);
        return V::select(x.c(0.0).gt(&x), valid, y);
    }
    if !even && p as i32 % 2 != 0 { y.or(x.and(x.bits(SIGN))) } else { y }
}

/// `ln(a)` as `(high, low)` whose unrounded sum has a relative error of about 2^-34; for positive finite `a`.
///
/// With `a = m 2^e` and `s = (m - 1) / (m + 1)`, `ln(m) = 2 atanh(s) = 2 s + s^3 (2/3 + s^2 p(s^2))`. The quotient is carried with
/// its remainder, and the second term, which is up to a hundredth of the first, with what rounding takes from it.
#[inline(always)]
fn logarithm<V: Single>(a: V) -> (V, V) {
    let one = a.c(1.0);
    let (e, m) = a.split();
    let (top, bottom) = (m - one, m + one);
    let lost = m - (bottom - one); // what rounding took from the bottom
    let s = top / bottom;
    let (product, error) = s.two_product(bottom);
    let remainder = ((top - product) - error) - s * lost;
    let s_low = remainder * s.mul_add(a.c(-0.5), a.c(0.5)); // 1 / (m + 1) = (1 - s) / 2

    let (u, u_low) = s.two_product(s);
    let rest = polynomial(u, [0.399_997_53, 0.285_700_44, 0.230_197_36]);
    let c = u.mul_add(rest, a.c(0.666_666_7));
    let c_low = u.mul_add(rest, a.c(0.666_666_7) - c);
    let (factor, error) = u.two_product(c);
    let factor_low = u.mul_add(c_low, u_low.mul_add(c, error));
    let (second, error) = s.two_product(factor);
    // The derivative by s is 2 + 2 s^2 and less.
    let twice_low = s_low + s_low;
    let tail = twice_low.mul_add(u, twice_low) + s.mul_add(factor_low, error);

    // Both are exact: the exponent's part is zero or the larger, and the second term is the smallest.
    let exponent = e * a.c(LN_2.0);
    let twice = s + s;
    let first = exponent + twice;
    let lost = twice - (first - exponent);
    let high = first + second;
    let lost = lost + (second - (high - first));
    let low = e.mul_add(a.c(LN_2.1), tail + lost);
    let sum = high + low;
    (sum, low - (sum - high))
}
