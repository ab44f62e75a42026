//! A pointwise function and its derivative, side by side.

use super::Real;

/// What of its computation a function needs to see again when its derivative is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the derivative is constant.
    Nothing,
    /// The argument `x`.
    Input,
    /// The value `y = f(x)`.
    Output,
}

/// A function of one real number, and its derivative.
pub trait Function: Copy + Send + Sync {
    /// What [`df`](Function::df) is given.
    const KEEP: Keep;
    /// The value at `x`.
    fn f<R: Real>(self, x: R) -> R;
    /// The derivative, from what was kept: `x` or `f(x)` as [`KEEP`](Function::KEEP) says.
    fn df<R: Real>(self, kept: R) -> R;
}

/// Something to do with a function once its type is known; see [`Map::visit`](super::Map::visit).
///
/// This is how one `match` at the outside gives every function a loop of its own at the inside.
pub trait Visit {
    /// What it returns.
    type Output;
    /// Does it with `function`.
    fn visit<F: Function>(self, function: F) -> Self::Output;
}
