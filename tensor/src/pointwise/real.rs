//! What a pointwise function may ask of its argument, whatever the argument is.

use core::ops::{Add, Div, Mul, Neg, Sub};

/// Something that behaves as a real number.
///
/// Pointwise functions and their derivatives are written once against this trait. With SIMD lanes for `R` they become
/// the kernels, with a plain `f64` the reference of the checker, with a recorded term (in the autograd crate) a piece of
/// program that can be differentiated again.
pub trait Real:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The outcome of a comparison.
    type Mask: Clone;

    /// The constant `c` as a number of the same kind as `self`.
    fn of(&self, c: f64) -> Self;
    /// `self * a + b`, fused (one rounding) where the kind of number has a fused instruction.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// Two to the power of it.
    fn exp2(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + self)`, accurate near zero.
    fn ln_1p(self) -> Self;
    /// `exp(self) - 1`, accurate near zero.
    fn exp_m1(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The sine, of radians.
    fn sin(self) -> Self;
    /// The cosine, of radians.
    fn cos(self) -> Self;
    /// The Gauss error function.
    fn erf(self) -> Self;
    /// The distribution function of the standard normal distribution, `(1 + erf(self / sqrt 2)) / 2`.
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        let half = self.of(0.5);
        half.clone() * (half.of(1.0) + (self * half.of(core::f64::consts::FRAC_1_SQRT_2)).erf())
    }
    /// `1 / (1 + exp(-self))`. A kind of number that carries derivatives has a form of its own: where the exponential
    /// overflows, the quotient is the right 0, but its derivative by the rules of quotients is not a number.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.of(1.0) / (self.of(1.0) + (-self).exp())
    }
    /// `self` to the power `p`, as `powf`.
    fn powf(self, p: f64) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// The largest whole number that is not above it.
    fn floor(self) -> Self;
    /// The nearest whole number, of two the even one.
    fn round(self) -> Self;

    /// Whether `self > other`; false where either is NaN.
    fn gt(&self, other: &Self) -> Self::Mask;
    /// Whether `self >= other`; false where either is NaN.
    fn ge(&self, other: &Self) -> Self::Mask;
    /// Whether `self == other`; false where either is NaN.
    fn equal(&self, other: &Self) -> Self::Mask;
    /// `then` where `mask` holds, `otherwise` elsewhere; the branch not taken cannot leak a NaN.
    fn select(mask: Self::Mask, then: Self, otherwise: Self) -> Self;
}
