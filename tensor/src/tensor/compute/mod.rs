//! The arithmetic of tensors: shapes are checked here, then a kernel does the work.

mod channels;
mod conv;
mod gates;
mod index;
mod matrix;
mod order;
mod pointwise;
mod pool;
mod product;
mod reduce;

#[cfg(test)]
mod tests;

use crate::{Error, Shape};

/// An error unless both shapes are the same.
fn same(op: &'static str, left: &Shape, right: &Shape) -> Result<(), Error> {
    left.agree(right, op)
}
