//! The Gauss error function.

use super::{SIGN, exp, polynomial};
use crate::simd::single::Single;

/// `erf(x)`; within 1.3 ULP.
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
