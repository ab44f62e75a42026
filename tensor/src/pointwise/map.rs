//! The functions of one number that the engine knows: each is one line here, `f` and then `df`.
//!
//! At kinks the derivative is a value between those of the two sides, mostly the one that PyTorch takes: `relu`,
//! `leaky_relu` and `step` take the slope of the left side at zero, `abs` and `sign` take 0. `clamp` takes 1 on its bounds,
//! where newer versions of PyTorch take 0: a value that was not changed keeps its gradient.

use super::{Function, Keep, Real, Visit};

macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        $name:ident $(($($p:ident),+))?, $text:literal, $keep:ident, $x:ident => $f:expr, $k:ident => $df:expr;
    )*) => {
        /// A function of one number, by name.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Map {
            $($(#[$doc])* $name $(($(functions!(@f64 $p)),+))?,)*
        }

        $(
            #[doc = concat!("[`Map::", stringify!($name), "`] as a type: known when a program is compiled.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $name {
                $($(
                    #[doc = concat!("The `", stringify!($p), "` of the function.")]
                    pub $p: f64,
                )+)?
            }
            impl Function for $name {
                const KEEP: Keep = Keep::$keep;
                #[inline(always)]
                fn f<R: Real>(self, $x: R) -> R { $($(let $p = self.$p;)+)? $f }
                #[inline(always)]
                fn df<R: Real>(self, $k: R) -> R { $($(let $p = self.$p; let _ = $p;)+)? $df }
            }
        )*

        impl Map {
            /// The name as programs and messages print it.
            pub fn name(&self) -> &'static str {
                match self { $(Map::$name $(($(functions!(@any $p)),+))? => $text,)* }
            }

            /// What the derivative needs to see again.
            #[inline(always)]
            pub const fn keep(self) -> Keep {
                match self { $(Map::$name $(($(functions!(@any $p)),+))? => Keep::$keep,)* }
            }

            /// Hands the function, its type known, to `visitor`.
            #[inline]
            pub fn visit<W: Visit>(self, visitor: W) -> W::Output {
                match self {
                    $(Map::$name $(($($p),+))? => visitor.visit($name { $($($p,)+)? }),)*
                }
            }

            /// One of each function, with ordinary parameters: what tables of cases run over.
            pub const ALL: &'static [Map] = &[$(Map::$name $(($(functions!(@sample $p)),+))?,)*];
        }
    };
    (@f64 $p:ident) => { f64 };
    (@any $p:ident) => { _ };
    (@sample $p:ident) => { sample::$p };
}

/// Ordinary parameters for [`Map::ALL`], by the name that the table gives them.
#[allow(non_upper_case_globals)]
mod sample {
    pub(super) const c: f64 = 1.5;
    pub(super) const slope: f64 = 0.1;
    pub(super) const p: f64 = 2.5;
    pub(super) const low: f64 = -0.5;
    pub(super) const high: f64 = 0.75;
}

const SQRT_2_PI: f64 = 0.797_884_560_802_865_4; // sqrt(2 / pi)
const NORMAL_DENSITY_0: f64 = 0.398_942_280_401_432_7; // 1 / sqrt(2 pi)

functions! {
    /// `-x`.
    Neg, "neg", Nothing, x => -x, k => k.of(-1.0);
    /// `c x`.
    Scale(c), "scale", Nothing, x => x.clone() * x.of(c), k => k.of(c);
    /// `x + c`.
    Offset(c), "offset", Nothing, x => x.clone() + x.of(c), k => k.of(1.0);
    /// `|x|`.
    Abs, "abs", Input, x => x.abs(), x => sign(x);
    /// -1, 0 or 1.
    Sign, "sign", Input, x => sign(x), x => x.of(0.0);
    /// 1 where `x > 0`, else 0.
    Step, "step", Input, x => step(x), x => x.of(0.0);
    /// The largest whole number that is not above `x`.
    Floor, "floor", Input, x => x.floor(), x => x.of(0.0);
    /// The smallest whole number that is not below `x`.
    Ceil, "ceil", Input, x => -(-x).floor(), x => x.of(0.0);
    /// The nearest whole number, of two the even one.
    Round, "round", Input, x => x.round(), x => x.of(0.0);
    /// 1 where `x` is not a number, else 0.
    IsNan, "is_nan", Input, x => R::select(x.equal(&x), x.of(0.0), x.of(1.0)), x => x.of(0.0);
    /// 1 where `x` is neither infinite nor NaN, else 0.
    IsFinite, "is_finite", Input,
        x => { let none = x.clone() - x; R::select(none.equal(&none), none.of(1.0), none.of(0.0)) }, x => x.of(0.0);
    /// `x^2`.
    Square, "square", Input, x => x.clone() * x, x => x.clone() + x;
    /// The square root.
    Sqrt, "sqrt", Output, x => x.sqrt(), y => y.of(0.5) / y;
    /// One over the square root.
    Rsqrt, "rsqrt", Output, x => x.of(1.0) / x.sqrt(), y => y.of(-0.5) * y.clone() * y.clone() * y;
    /// `1 / x`.
    Recip, "recip", Output, x => x.of(1.0) / x, y => -(y.clone() * y);
    /// `x^p` for a constant `p`; NaN for negative `x` unless `p` is whole.
    Power(p), "power", Input, x => x.powf(p),
        x => if p == 0.0 { x.of(0.0) } else { x.clone().powf(p - 1.0) * x.of(p) };
    /// The exponential.
    Exp, "exp", Output, x => x.exp(), y => y;
    /// `2^x`.
    Exp2, "exp2", Output, x => x.exp2(), y => y.of(core::f64::consts::LN_2) * y;
    /// `exp(x) - 1`.
    ExpM1, "exp_m1", Output, x => x.exp_m1(), y => y.clone() + y.of(1.0);
    /// The natural logarithm.
    Ln, "ln", Input, x => x.ln(), x => x.of(1.0) / x;
    /// `ln(1 + x)`.
    Ln1p, "ln_1p", Input, x => x.ln_1p(), x => x.of(1.0) / (x.clone() + x.of(1.0));
    /// The sine.
    Sin, "sin", Input, x => x.sin(), x => x.cos();
    /// The cosine.
    Cos, "cos", Input, x => x.cos(), x => -x.sin();
    /// The hyperbolic sine.
    Sinh, "sinh", Input, x => sinh(x), x => cosh(x);
    /// The hyperbolic cosine.
    Cosh, "cosh", Input, x => cosh(x), x => sinh(x);
    /// The hyperbolic tangent.
    Tanh, "tanh", Output, x => x.tanh(), y => y.of(1.0) - y.clone() * y;
    /// The logistic function `1 / (1 + exp(-x))`.
    Sigmoid, "sigmoid", Output, x => sigmoid(x), y => y.clone() * (y.of(1.0) - y);
    /// `ln(1 + exp(x))`, without overflow.
    Softplus, "softplus", Input, x => relu(x.clone()) + (-x.abs()).exp().ln_1p(), x => sigmoid(x);
    /// `x sigmoid(x)` (Elfwing et al. 2018).
    Silu, "silu", Input, x => x.clone() * sigmoid(x),
        x => { let s = sigmoid(x.clone()); s.clone() * (s.of(1.0) + x * (s.of(1.0) - s)) };
    /// The error function.
    Erf, "erf", Input, x => x.erf(), x => x.of(core::f64::consts::FRAC_2_SQRT_PI) * (-(x.clone() * x)).exp();
    /// `x Phi(x)` with the normal distribution function `Phi` (Hendrycks & Gimpel 2016), exact.
    Gelu, "gelu", Input, x => x.clone() * x.normal_cdf(),
        x => x.clone().normal_cdf() + x.clone() * x.of(NORMAL_DENSITY_0) * (x.of(-0.5) * x.clone() * x).exp();
    /// The approximation of `gelu` by a hyperbolic tangent (ibid., section 2).
    GeluTanh, "gelu_tanh", Input,
        x => x.of(0.5) * x.clone() * (x.of(1.0) + gelu_argument(x).tanh()),
        x => {
            let t = gelu_argument(x.clone()).tanh();
            let slope = x.of(SQRT_2_PI) * (x.of(1.0) + x.of(3.0 * 0.044715) * x.clone() * x.clone());
            // Far out nothing is left of the hyperbolic tangent's slope, and the inner one may overflow.
            let rest = t.of(1.0) - t.clone() * t.clone();
            let moved = R::select(rest.equal(&rest.of(0.0)), rest.of(0.0), x * rest * slope);
            t.of(0.5) * (t.of(1.0) + t + moved)
        };
    /// `max(x, 0)`; NaN stays NaN.
    Relu, "relu", Output, x => relu(x), y => step(y);
    /// `x` where positive, `slope x` elsewhere.
    LeakyRelu(slope), "leaky_relu", Input,
        x => R::select(x.gt(&x.of(0.0)), x.clone(), x.clone() * x.of(slope)),
        x => R::select(x.gt(&x.of(0.0)), x.of(1.0), x.of(slope));
    /// `x` where positive, `c (exp(x) - 1)` elsewhere.
    Elu(c), "elu", Input,
        x => R::select(x.gt(&x.of(0.0)), x.clone(), x.clone().exp_m1() * x.of(c)),
        x => R::select(x.gt(&x.of(0.0)), x.of(1.0), x.clone().exp() * x.of(c));
    /// `x` held between `low` and `high`; NaN stays NaN.
    Clamp(low, high), "clamp", Input,
        x => {
            let x = R::select(x.of(low).gt(&x), x.of(low), x);
            R::select(x.gt(&x.of(high)), x.of(high), x)
        },
        x => {
            let one_below = R::select(x.of(high).ge(&x), x.of(1.0), x.of(0.0));
            R::select(x.ge(&x.of(low)), one_below, x.of(0.0))
        };
}

impl Map {
    /// The value at `x`, for any kind of number.
    #[inline]
    pub fn f<R: Real>(self, x: R) -> R {
        struct At<R>(R);
        impl<R: Real> Visit for At<R> {
            type Output = R;
            fn visit<F: Function>(self, function: F) -> R {
                function.f(self.0)
            }
        }
        self.visit(At(x))
    }

    /// The derivative from what was kept, for any kind of number.
    #[inline]
    pub fn df<R: Real>(self, kept: R) -> R {
        struct At<R>(R);
        impl<R: Real> Visit for At<R> {
            type Output = R;
            fn visit<F: Function>(self, function: F) -> R {
                function.df(self.0)
            }
        }
        self.visit(At(kept))
    }

    /// The derivative, where it is the same number everywhere.
    pub fn slope(self) -> Option<f64> {
        (self.keep() == Keep::Nothing).then(|| self.df(0.0))
    }
}

#[inline(always)]
fn sign<R: Real>(x: R) -> R {
    let negative = R::select(x.of(0.0).gt(&x), x.of(-1.0), x.clone() * x.of(0.0));
    R::select(x.gt(&x.of(0.0)), x.of(1.0), negative)
}

#[inline(always)]
fn step<R: Real>(x: R) -> R {
    R::select(x.gt(&x.of(0.0)), x.of(1.0), x.of(0.0))
}

/// Written so that a NaN fails the comparison and passes through.
#[inline(always)]
pub(crate) fn relu<R: Real>(x: R) -> R {
    R::select(x.of(0.0).ge(&x), x.of(0.0), x)
}

#[inline(always)]
pub(crate) fn sigmoid<R: Real>(x: R) -> R {
    x.sigmoid()
}

/// `exp(x) / 2` by the square of `exp(x / 2)`, which does not overflow before it does.
#[inline(always)]
fn half_exp<R: Real>(x: R) -> R {
    let root = (x.of(0.5) * x).exp();
    root.of(0.5) * root.clone() * root
}

/// `(exp(x) - 1) / 2`, likewise.
#[inline(always)]
fn half_exp_m1<R: Real>(x: R) -> R {
    let root = (x.of(0.5) * x).exp_m1();
    root.of(0.5) * root.clone() * (root.clone() + root.of(2.0))
}

#[inline(always)]
fn sinh<R: Real>(x: R) -> R {
    half_exp_m1(x.clone()) - half_exp_m1(-x)
}

#[inline(always)]
fn cosh<R: Real>(x: R) -> R {
    half_exp(x.clone()) + half_exp(-x)
}

#[inline(always)]
fn gelu_argument<R: Real>(x: R) -> R {
    x.of(SQRT_2_PI) * (x.clone() + x.of(0.044715) * x.clone() * x.clone() * x)
}
