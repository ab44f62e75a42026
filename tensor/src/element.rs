//! The numbers that a tensor can hold.

use crate::kernel::Kernels;
use crate::kernel::conv::Convolutions;
use crate::kernel::product::Products;
use crate::pointwise::Real;
use crate::simd::Kernel;

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A number (or truth value) that a tensor can hold: `f32`, `f64`, `u8`, `i32`, `u32` or `bool`.
///
/// The set is closed: storage relies on every element being plain bytes, and on all-zero bytes being a valid value.
pub trait Element:
    Sealed
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + core::fmt::Debug
    + core::fmt::Display
    + Send
    + Sync
    + 'static
{
    /// The name of the type as messages print it.
    const NAME: &'static str;
    /// Whether any bytes at all are a valid value; if not, memory that other types have used is cleared first.
    const ANY_BYTES: bool;
    /// The value as `f64`; exact for all six types.
    fn to_f64(self) -> f64;
    /// The nearest value of this type as Rust's `as` gives it (saturating; NaN becomes 0); for `bool`, whether `x` is not 0.
    fn from_f64(x: f64) -> Self;
}

/// A floating-point number: `f32` or `f64`.
pub trait Float: Element + Real<Mask = bool> + core::iter::Sum + Kernels + Products + Convolutions {
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The distance from one to the next larger number.
    const EPSILON: Self;
    /// Minus infinity: where a maximum starts.
    const NEG_INFINITY: Self;
    /// Plus infinity: where a minimum starts.
    const INFINITY: Self;

    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// Runs `kernel` on the best instruction set that this machine has and that the cap allows (see [`crate::simd`]).
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output;
}

macro_rules! element {
    ($($t:ident, $any:literal: |$x:ident| $to:expr, $from:expr;)*) => {$(
        impl Sealed for $t {}
        impl Element for $t {
            const NAME: &'static str = stringify!($t);
            const ANY_BYTES: bool = $any;
            #[inline(always)]
            fn to_f64(self) -> f64 { let $x = self; $to }
            #[inline(always)]
            fn from_f64($x: f64) -> Self { $from }
        }
    )*};
}

element! {
    f32, true: |x| x as f64, x as f32;
    f64, true: |x| x, x;
    u8, true: |x| x as f64, x as u8;
    i32, true: |x| x as f64, x as i32;
    u32, true: |x| x as f64, x as u32;
    bool, false: |x| x as u8 as f64, x != 0.0;
}
