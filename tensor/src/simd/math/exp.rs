//! The exponential, and the exponential less one.

use super::{LN_2, SIGN, polynomial};
use crate::simd::single::Single;

/// `x = n ln 2 + r`, `n` whole and `|r| <= ln 2 / 2`, as `(n, r)` (Cody & Waite 1980).
#[inline(always)]
pub(super) fn reduce<V: Single>(x: V) -> (V, V) {
    let n = (x * x.c(core::f32::consts::LOG2_E)).nearest();
    let r = n.mul_add(x.c(-LN_2.0), x);
    (n, n.mul_add(x.c(-LN_2.1), r))
}

/// `exp(x)`; within 1.2 ULP, subnormal results included.
#[inline(always)]
pub(crate) fn exp<V: Single>(x: V) -> V {
    exp_sum(x, x.c(-0.0)) // adding -0 is no addition at all
}

/// `exp(x + tail)` for a `tail` far below `x`, without rounding the sum.
#[inline(always)]
pub(super) fn exp_sum<V: Single>(x: V, tail: V) -> V {
    // Beyond these bounds the result is infinity or zero, and scaling makes it so.
    let (n, r) = reduce(x.held(-105.0, 89.0));
    near_zero(r + tail).scale(n)
}

/// `exp(x)` for `x` in -87 ..= 88, where neither the result nor any power of two on the way is out of range; a third faster.
#[inline(always)]
pub(super) fn exp_in_range<V: Single>(x: V) -> V {
    let (n, r) = reduce(x);
    near_zero(r) * n.power_of_two()
}

/// `exp(r)` for `|r| <= ln 2 / 2`.
#[inline(always)]
fn near_zero<V: Single>(r: V) -> V {
    polynomial(r, [1.0, 1.0, 0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_781, 0.001_381_446_7])
}

/// `2^x`; within 1.2 ULP, subnormal results included, and exact for whole `x`.
#[inline(always)]
pub(crate) fn exp2<V: Single>(x: V) -> V {
    // Beyond these bounds the result is infinity or zero, and scaling makes it so.
    let x = x.held(-151.0, 129.0);
    let n = x.nearest();
    // The difference is exact, so the only error of the argument is the rounding of this product.
    near_zero((x - n) * x.c(core::f32::consts::LN_2)).scale(n)
}

/// `exp(x) - 1`; within 1.8 ULP.
#[inline(always)]
pub(crate) fn exp_m1<V: Single>(x: V) -> V {
    // Below -18 the result rounds to -1.
    let (n, r) = reduce(x.held(-18.0, 89.0));
    let q = polynomial(r, [0.499_999_97, 0.166_665_43, 0.041_667_2, 0.008_366_58, 0.001_388_251_1]);
    let p = (r * r).mul_add(q, r);
    // 2^n p + (2^n - 1) with 2^(n-1), for 2^128 is out of range where the result need not be.
    let half = x.c(0.5).scale(n);
    let y = half.mul_add(p, half - x.c(0.5));
    // The result has the sign of x, which the additions lose for -0.
    (y + y).or(x.and(x.bits(SIGN)))
}
