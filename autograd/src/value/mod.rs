//! What model code is written against: one required operation, and everything a user calls on top of it.

mod einsum;
mod fused;
mod layout;
mod matrix;
mod operators;
mod pointwise;
mod power;
mod reduce;
mod scan;
mod windows;

pub use einsum::einsum;
pub use fused::Fused;
pub use layout::Arrange;
pub use matrix::Matrix;
pub(crate) use operators::operators;
pub use pointwise::Pointwise;
pub use reduce::Reduce;
pub use scan::Scan;
pub use windows::{Sliding, Windows};

use crate::Mistake;
use crate::kinds::Stacked;
use crate::op::{Op, Operation};
use core::ops::{Add, Div, Mul, Neg, Sub};
use core::panic::Location;
use tress_tensor::{Error, Float, Shape, Tensor};

/// A value that operations can be applied to.
///
/// Model code written once against this trait is run by different interpreters: [`Eager`](crate::Eager) computes,
/// [`Var`](crate::Var) records for a reverse sweep, [`Dual`](crate::Dual) carries a tangent,
/// [`Stacked`](crate::Stacked) carries a stack of values at once, and [`Outline`](crate::Outline) knows shapes only.
///
/// What a user calls is in extension traits that every value has: [`Pointwise`], [`Arrange`], [`Reduce`], [`Scan`],
/// [`Matrix`], [`Windows`] and [`Fused`]; the prelude brings them all.
pub trait Value:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The numbers inside.
    type Elem: Float;

    /// The result of `op` on at least one operand. Operands that do not fit make a mistake that is kept and reported
    /// when a result is asked for.
    #[track_caller]
    fn apply(op: Op, xs: &[&Self]) -> Self;

    /// As [`apply`](Value::apply), at a place of the source that is not the caller's: for programs that were written down
    /// elsewhere. Kinds that remember places heed it.
    fn apply_at(op: Op, xs: &[&Self], place: &'static Location<'static>) -> Self {
        let _ = place;
        Self::apply(op, xs)
    }

    /// As [`apply`](Value::apply), for an operation whose kind is known when the program is compiled: a kind of value that
    /// computes at once then needs the kernels of that one alone, which is what makes a program for a device small.
    #[track_caller]
    fn perform(op: impl Operation, xs: &[&Self]) -> Self {
        Self::apply(op.into(), xs)
    }

    /// `op` on each of K values, where this kind can do better than to repeat what all K share. The gate has been passed.
    /// `None` leaves it to [`Stacked`], which composes the same of other operations.
    #[doc(hidden)]
    #[track_caller]
    fn on_stack(op: &Op, xs: &[&Stacked<Self>]) -> Option<Self> {
        let _ = (op, xs);
        None
    }

    /// The lengths of the axes; that of a scalar after a mistake.
    fn shape(&self) -> Shape;

    /// A constant of the same kind, in the same place, as `self`.
    fn lift(&self, constant: Tensor<Self::Elem>) -> Self;

    /// The first mistake that was made on the way to this value, if there was one.
    fn mistake(&self) -> Option<Mistake>;

    /// A value of the same kind, in the same place, that stands for a mistake: for the first one, if `self` stands for
    /// one already.
    fn wrong(&self, mistake: Mistake) -> Self;

    /// As [`wrong`](Value::wrong), for a mistake that the caller makes.
    #[track_caller]
    fn fail(&self, error: Error) -> Self {
        self.wrong(Mistake::here(error))
    }
}
