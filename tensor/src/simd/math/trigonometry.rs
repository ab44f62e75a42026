//! Sine and cosine.

use super::{SIGN, polynomial};
use crate::simd::single::Single;

/// Up to here the argument is reduced on the lanes; beyond, one lane at a time in double precision.
const FAR: f32 = 65_536.0;

/// `sin(x)`; within 1.6 ULP, beyond 2^16 within 1.
///
/// Lanes beyond 2^16 go through double precision, one at a time: that is slow, takes as many digits of pi as it needs, and is
/// rounded once. The other lanes of their register are not touched by it, so that no result depends on its neighbours.
#[inline(always)]
pub(crate) fn sin<V: Single>(x: V) -> V {
    let y = turned(x, x.c(0.0));
    // The additions lose the sign of -0.
    far_lanes(x, V::select(x.equal(&x.c(0.0)), x, y), sin_anywhere)
}

/// `cos(x)`; within 1.9 ULP, beyond 2^16 as [`sin`].
#[inline(always)]
pub(crate) fn cos<V: Single>(x: V) -> V {
    far_lanes(x, turned(x, x.c(1.0)), cos_anywhere)
}

/// `y`, or `f(x)` in the lanes that are too far out for the reduction.
#[inline(always)]
fn far_lanes<V: Single>(x: V, y: V, f: fn(f32) -> f32) -> V {
    let near = x.c(FAR).ge(&x.abs());
    if V::all(near) { y } else { V::select(near, y, x.each(f)) }
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
