//! The mathematics of single precision, written once for every register: polynomials fitted by `fit.py` in this folder.
//!
//! Each function states its largest error in units in the last place (ULP), measured against double precision over all
//! inputs, for `powf` over as many pairs, at every level (`TRESS_STEP=1`, see docs/conventions.md; the tests step through them).
//! Without a fused multiply-add (the scalar path) errors are a little larger; the stated bounds hold for both.

pub(crate) mod double;
mod erf;
mod exp;
mod ln;
mod power;
mod rounding;
mod tanh;
mod trigonometry;

pub(crate) use erf::{erf, normal_cdf};
pub(crate) use exp::{exp, exp_m1, exp2};
pub(crate) use ln::{ln, ln_1p};
pub(crate) use power::powf;
pub(crate) use rounding::{floor, round};
pub(crate) use tanh::{sigmoid, tanh};
pub(crate) use trigonometry::{cos, sin};

#[cfg(all(test, feature = "std"))]
mod tests;

use super::single::Single;

/// The sign bit.
const SIGN: u32 = 0x8000_0000;

/// ln 2 in two parts. The first has 10 bits, so that its products with exponents are exact without a fused
/// multiply-add; the second is the rest.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// `c[0] + c[1] x + c[2] x^2 + ...` by Horner's rule.
#[inline(always)]
fn polynomial<V: Single, const N: usize>(x: V, c: [f32; N]) -> V {
    let mut y = x.c(c[N - 1]);
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        y = y.mul_add(x, x.c(c[i]));
    }
    y
}
