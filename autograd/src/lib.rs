//! Essay to come.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod check;
mod kinds;
mod mistake;
pub mod op;
pub mod rule;
mod tape;
mod value;

pub use kinds::{Dual, Eager, Outline, Stacked};
pub use mistake::Mistake;
pub use op::Op;
pub use tape::{Tape, Var};
pub use value::{Arrange, Fused, Pointwise, Reduce, Value};

/// A value of which only shape and program are known: a recorded [`Outline`].
pub type Symbol<'t, T = f32> = Var<'t, Outline<T>>;
