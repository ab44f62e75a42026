//! Functions of one and two values, element by element, with broadcasting.

use super::Value;
use super::power::power;
use crate::op::Op;
use core::borrow::Borrow;
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Shape, Tensor};

macro_rules! maps {
    ($($(#[$doc:meta])* $method:ident $(($($p:ident),+))? => $map:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self $($(, $p: f64)+)?) -> Self {
            self.map(Map::$map $(($($p),+))?)
        }
    )*};
}

/// Pointwise functions. Of two shapes that differ, each axis of length 1 is repeated, aligned at the last axis.
pub trait Pointwise: Value {
    /// `f(x)` for a function by name.
    #[track_caller]
    fn map(&self, map: Map) -> Self {
        Self::apply(Op::Map(map), &[self])
    }

    /// `f(a, b)` for a function by name, broadcasting.
    #[track_caller]
    fn zip(&self, zip: Zip, other: impl Borrow<Self>) -> Self {
        let other = other.borrow();
        let (a, b) = (self.shape(), other.shape());
        if a == b {
            return Self::apply(Op::Zip(zip), &[self, other]);
        }
        // Shapes that do not broadcast go on as they are: the operation's own gate says what is wrong with them.
        match a.broadcast(&b, zip.name()) {
            Ok(shape) => Self::apply(Op::Zip(zip), &[&spread(self, shape), &spread(other, shape)]),
            Err(_) => Self::apply(Op::Zip(zip), &[self, other]),
        }
    }

    /// The larger of two; NaN if either is NaN. Equal ones share the gradient.
    #[track_caller]
    fn maximum(&self, other: impl Borrow<Self>) -> Self {
        self.zip(Zip::Max, other)
    }

    /// The smaller of two; NaN if either is NaN. Equal ones share the gradient.
    #[track_caller]
    fn minimum(&self, other: impl Borrow<Self>) -> Self {
        self.zip(Zip::Min, other)
    }

    /// 1 where `self > other`, else 0; without gradient. Every comparison with NaN is 0, but for `not_equal`.
    #[track_caller]
    fn greater(&self, other: impl Borrow<Self>) -> Self {
        self.zip(Zip::Greater, other)
    }

    /// 1 where `self >= other`, else 0; without gradient.
    #[track_caller]
    fn greater_equal(&self, other: impl Borrow<Self>) -> Self {
        self.zip(Zip::GreaterEqual, other)
    }

    /// 1 where `self < other`, else 0; without gradient.
    #[track_caller]
    fn less(&self, other: impl Borrow<Self>) -> Self {
        other.borrow().zip(Zip::Greater, self)
    }

    /// 1 where `self <= other`, else 0; without gradient.
    #[track_caller]
    fn less_equal(&self, other: impl Borrow<Self>) -> Self {
        other.borrow().zip(Zip::GreaterEqual, self)
    }

    /// 1 where `self == other`, else 0; without gradient.
    #[track_caller]
    fn equal(&self, other: impl Borrow<Self>) -> Self {
        self.zip(Zip::Equal, other)
    }

    /// 1 where `self != other`, else 0; without gradient. NaN differs from everything, itself included.
    #[track_caller]
    fn not_equal(&self, other: impl Borrow<Self>) -> Self {
        -self.equal(other).offset(-1.0)
    }

    /// `self` to the power `exponent`, both with gradients, broadcasting: of a negative number for whole exponents, else NaN.
    /// The gradient along the exponent is 0 where `self` is 0, and NaN where it is negative. For a constant exponent
    /// [`powf`](Pointwise::powf) is much faster.
    #[track_caller]
    fn pow(&self, exponent: impl Borrow<Self>) -> Self {
        let exponent = exponent.borrow();
        let shape = settle!(self, self.shape().broadcast(&exponent.shape(), "pow"));
        power(&spread(self, shape), &spread(exponent, shape))
    }

    /// The tangent, of radians.
    #[track_caller]
    fn tan(&self) -> Self {
        self.sin().zip(Zip::Div, self.cos())
    }

    /// The logarithm to base 2.
    #[track_caller]
    fn log2(&self) -> Self {
        self.ln().scale(core::f64::consts::LOG2_E)
    }

    /// The logarithm to base 10.
    #[track_caller]
    fn log10(&self) -> Self {
        self.ln().scale(core::f64::consts::LOG10_E)
    }

    /// `ln sigmoid(x)`, without overflow.
    #[track_caller]
    fn log_sigmoid(&self) -> Self {
        -(-self.clone()).softplus()
    }

    /// `self`, but `c` where `mask` is not zero; both broadcast, and no gradient flows where it is.
    #[track_caller]
    fn masked_fill(&self, mask: impl Borrow<Self>, c: f64) -> Self {
        mask.borrow().select(self.constant(c), self)
    }

    /// `a` where `self` is not zero, else `b`; all three broadcast.
    #[track_caller]
    fn select(&self, a: impl Borrow<Self>, b: impl Borrow<Self>) -> Self {
        let (a, b) = (a.borrow(), b.borrow());
        let both = self.shape().broadcast(&a.shape(), "select");
        let shape = settle!(self, both.and_then(|both| both.broadcast(&b.shape(), "select")));
        Self::apply(Op::Select, &[&spread(self, shape), &spread(a, shape), &spread(b, shape)])
    }

    /// The number `c` everywhere, in the shape of `self`, as a constant.
    #[track_caller]
    fn constant(&self, c: f64) -> Self {
        let number = <Self::Elem as tress_tensor::Element>::from_f64(c);
        self.lift(settle!(self, Tensor::full(self.shape(), number)))
    }

    /// The same values as a constant: no gradient flows through.
    #[track_caller]
    fn stop(&self) -> Self {
        Self::apply(Op::Stop, &[self])
    }

    maps! {
        /// `c x`.
        scale(c) => Scale;
        /// `x + c`.
        offset(c) => Offset;
        /// `|x|`; the gradient at 0 is 0.
        abs => Abs;
        /// -1, 0 or 1; the gradient is 0.
        sign => Sign;
        /// 1 where `x > 0`, else 0; the gradient is 0.
        step => Step;
        /// The largest whole number that is not above `x`; the gradient is 0.
        floor => Floor;
        /// The smallest whole number that is not below `x`; the gradient is 0.
        ceil => Ceil;
        /// The nearest whole number, of two the even one; the gradient is 0.
        round => Round;
        /// 1 where `x` is not a number, else 0; the gradient is 0.
        is_nan => IsNan;
        /// 1 where `x` is neither infinite nor NaN, else 0; the gradient is 0.
        is_finite => IsFinite;
        /// `x^2`.
        square => Square;
        /// The square root.
        sqrt => Sqrt;
        /// One over the square root.
        rsqrt => Rsqrt;
        /// `1 / x`.
        recip => Recip;
        /// `x^p` for a constant `p`.
        powf(p) => Power;
        /// The exponential.
        exp => Exp;
        /// `2^x`.
        exp2 => Exp2;
        /// `exp(x) - 1`, accurate near 0.
        exp_m1 => ExpM1;
        /// The natural logarithm.
        ln => Ln;
        /// `ln(1 + x)`, accurate near 0.
        ln_1p => Ln1p;
        /// The sine.
        sin => Sin;
        /// The cosine.
        cos => Cos;
        /// The hyperbolic sine.
        sinh => Sinh;
        /// The hyperbolic cosine.
        cosh => Cosh;
        /// The hyperbolic tangent.
        tanh => Tanh;
        /// `1 / (1 + exp(-x))`.
        sigmoid => Sigmoid;
        /// `ln(1 + exp(x))`.
        softplus => Softplus;
        /// `x sigmoid(x)`.
        silu => Silu;
        /// The error function.
        erf => Erf;
        /// `x Phi(x)`, exact.
        gelu => Gelu;
        /// `x Phi(x)`, approximated by a hyperbolic tangent.
        gelu_tanh => GeluTanh;
        /// `max(x, 0)`; the gradient at 0 is 0.
        relu => Relu;
        /// `x` where positive, `slope x` elsewhere.
        leaky_relu(slope) => LeakyRelu;
        /// `x` where positive, `c (exp(x) - 1)` elsewhere.
        elu(c) => Elu;
        /// `x` held between two bounds; the gradient on a bound is 1.
        clamp(low, high) => Clamp;
    }
}

impl<V: Value> Pointwise for V {}

/// `x` in a shape that it is known to broadcast to.
#[track_caller]
pub(super) fn spread<V: Value>(x: &V, shape: Shape) -> V {
    if x.shape() == shape { x.clone() } else { V::apply(Op::Expand(shape), &[x]) }
}

/// A setting that the front end works out, or the mistake that it is. A macro and no function with a closure, because
/// the place of a mistake is that of the caller, and closures have none.
macro_rules! settle {
    ($x:expr, $setting:expr) => {
        match $setting {
            Ok(setting) => setting,
            Err(error) => return $x.fail(error),
        }
    };
}
pub(super) use settle;

/// `1 / n` as the scale of a mean; the mean of nothing is NaN, as 0/0 is.
pub(super) fn one_over(n: usize) -> f64 {
    1.0 / n as f64
}
