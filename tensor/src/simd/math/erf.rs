//! The Gauss error function, and the normal distribution function.

use super::exp::exp_in_range;
use super::{SIGN, exp, polynomial};
use crate::simd::single::Single;

/// `erf(x)`; within 1.5 ULP.
///
/// Up to 1 a polynomial in `x^2` times `x`; beyond, `1 - exp(p(x))` with `p` the logarithm of the complement.
#[inline(always)]
pub(crate) fn erf<V: Single>(x: V) -> V {
    // From 3.95 on the result rounds to 1.
    let a = x.abs().held(0.0, 3.95);
    let near = polynomial(
        a * a,
        [
            0.128_379_17,
            -0.376_126_26,
            0.112_835_79,
            -0.026_853_347,
            0.005_187_162,
            -0.000_799_785_3,
            7.806_904e-5,
        ],
    );
    let near = near.mul_add(a, a);
    let far = polynomial(
        a,
        [
            0.000_188_467_86,
            -1.129_580_3,
            -0.633_216_6,
            -0.108_421_72,
            0.025_210_008,
            -0.004_205_123_5,
            0.000_441_429_5,
            -2.169_239_3e-5,
        ],
    );
    let far = a.c(1.0) - exp(far);
    V::select(a.gt(&a.c(1.0)), far, near).or(x.and(x.bits(SIGN)))
}

/// The distribution function of the standard normal distribution: within 1.6 ULP for `x >= 0` and 3.5 for `x >= -1`. Below,
/// the error is less than 1e-7 and, down to -6.5, a part of less than 2e-4; from -10.5 on the result is 0.
///
/// With `t = exp(p(|x|))` for the tail it is `1 - t` or `t`: one polynomial and no choice between two, unlike `erf`, whose
/// digits near zero are not needed here. Beyond 6.5 the polynomial goes on falling.
#[inline(always)]
pub(crate) fn normal_cdf<V: Single>(x: V) -> V {
    let a = x.abs().at_most(10.5);
    let tail = polynomial(
        a,
        [
            -core::f32::consts::LN_2,
            -0.797_884_64,
            -0.318_308_26,
            -0.036_343_947,
            0.004_800_514,
            1.784_327_1e-5,
            -0.000_205_239_67,
            5.701_040_2e-5,
            -8.377_702e-6,
            6.714_769e-7,
            -2.292_812e-8,
        ],
    );
    let tail = V::select(a.ge(&x.c(10.5)), x.c(0.0), exp_in_range(tail));
    V::select(x.ge(&x.c(0.0)), x.c(1.0) - tail, tail)
}
