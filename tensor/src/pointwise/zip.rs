//! The functions of two numbers that the engine knows.

use super::Real;

/// A function of two numbers, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Zip {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a b`.
    Mul,
    /// `a / b`.
    Div,
    /// The larger; NaN if either is NaN.
    Max,
    /// The smaller; NaN if either is NaN.
    Min,
    /// 1 where `a > b`, else 0.
    Greater,
    /// 1 where `a >= b`, else 0.
    GreaterEqual,
    /// 1 where `a == b`, else 0.
    Equal,
}

impl Zip {
    /// Every function, once.
    pub const ALL: &'static [Zip] = &[
        Zip::Add,
        Zip::Sub,
        Zip::Mul,
        Zip::Div,
        Zip::Max,
        Zip::Min,
        Zip::Greater,
        Zip::GreaterEqual,
        Zip::Equal,
    ];

    /// The name as programs and messages print it.
    pub fn name(self) -> &'static str {
        match self {
            Zip::Add => "add",
            Zip::Sub => "sub",
            Zip::Mul => "mul",
            Zip::Div => "div",
            Zip::Max => "max",
            Zip::Min => "min",
            Zip::Greater => "greater",
            Zip::GreaterEqual => "greater_equal",
            Zip::Equal => "equal",
        }
    }

    /// The value at `a` and `b`, for any kind of number.
    #[inline(always)]
    pub fn f<R: Real>(self, a: R, b: R) -> R {
        match self {
            Zip::Add => a + b,
            Zip::Sub => a - b,
            Zip::Mul => a * b,
            Zip::Div => a / b,
            // Neither comparison holds beside a NaN, and then the sum carries it on.
            Zip::Max => R::select(a.ge(&b), a.clone(), R::select(b.gt(&a), b.clone(), a + b)),
            Zip::Min => R::select(b.ge(&a), a.clone(), R::select(a.gt(&b), b.clone(), a + b)),
            Zip::Greater => R::select(a.gt(&b), a.of(1.0), a.of(0.0)),
            Zip::GreaterEqual => R::select(a.ge(&b), a.of(1.0), a.of(0.0)),
            Zip::Equal => R::select(a.equal(&b), a.of(1.0), a.of(0.0)),
        }
    }
}
