//! Sine and cosine.

use super::{SIGN, polynomial};
use crate::simd::single::Single;

/// Up to here the argument is reduced on the lanes; beyond, one lane at a time in double precision.
const FAR: f32 = 65_536.0;

/// `sin(x)`; within 1.6 ULP.
///
/// If any lane is beyond 2^16 all lanes go through double precision, one at a time; that is exact and slow.
#[inline(always)]
pub(crate) fn sin<V: Single>(x: V) -> V {
    if !V::all(x.c(FAR).ge(&x.abs())) {
        return x.each(sin_anywhere);
    }
    let y = turned(x, x.c(0.0));
    // The additions lose the sign of -0.
    V::select(x.equal(&x.c(0.0)), x, y)
}

/// `cos(x)`; within 1.6 ULP, beyond 2^16 as [`sin`].
#[inline(always)]
pub(crate) fn cos<V: Single>(x: V) -> V {
    if !V::all(x.c(FAR).ge(&x.abs())) {
        return x.each(cos_anywhere);
    }
    turned(x, x.c(1.0))
}

/// The sine of `x + quarters * pi/2`.
#[inline(always)]
fn turned<V: Single>(x: V, quarters: V) -> V {
    let (q, r) = x.quadrant();
    let u = r * r;
    let sine = (u * r).mul_add(polynomial(u, [-0.166_666_55, 0.008_332_189, -0.000_195_182_92]), r);
    let one_less = u.mul_add(x.c(-0.5), x.c(1.0));
    let cosine = (u * u).mul_add(polynomial(u, [0.041_666_646, -0.001_388_731, 2.443_232_7e-5]), one_less);
    let quarter = (q + quarters).to_int();
    let odd = quarter.and(x.bits(1)).int_value().gt(&x.c(0.5));
    let y = V::select(odd, cosine, sine);
    // The second bit of the quadrant is the sign.
    y.xor(quarter.shl::<30>().and(x.bits(SIGN)))
}

#[cold]
#[inline(never)]
fn sin_anywhere(x: f32) -> f32 {
    libm::sin(x as f64) as f32
}

#[cold]
#[inline(never)]
fn cos_anywhere(x: f32) -> f32 {
    libm::cos(x as f64) as f32
}
