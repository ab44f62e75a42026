//! Pointwise mathematics, written once: every function beside its derivative, generic over what a number is.

mod function;
pub mod gates;
mod jet;
pub mod map;
mod real;
mod zip;

pub use function::{Function, Keep, Visit};
pub use gates::Gates;
pub use jet::Jet;
pub use map::Map;
pub(crate) use map::{relu, sigmoid};
pub use real::Real;
pub use zip::Zip;

#[cfg(test)]
mod tests;
