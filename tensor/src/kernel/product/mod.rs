//! The matrix product `C = activation(scale A B + bias)`, optionally added to what C holds.
//!
//! One blocked product in the BLIS manner serves everything: `loops` has the loops, `tile` the micro-kernel, and an
//! `Operand` knows how to bring its numbers into panels, so a convolution is a product whose operand
//! is *gathered* while it is packed. Small and thin products go through the same loops but read their operands where
//! they lie: no packing, no allocation.
//!
//! # The order of sums
//!
//! Each element of C is one chain of fused multiply-adds over ascending k within a block of k, and the block sums are
//! added to C in order. How k is cut into blocks depends on k (and the type) alone. So the bits of an element do not
//! depend on the shape of the tile it fell into, on packing, on the number of threads, or on how many other rows
//! and columns were computed with it: folding several products into the rows of one changes nothing.

mod chain;
mod deep;
pub(crate) mod finish;
pub(crate) mod loops;
mod lying;
pub(crate) mod operand;
pub(crate) mod plan;
#[cfg(any(test, all(not(feature = "std"), target_os = "none", target_pointer_width = "32")))]
mod small;
mod streamed;
pub(crate) mod target;
pub(crate) mod tile;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use chain::{Run, beside, four, single};
pub(crate) use loops::Depth;
pub use operand::Matrix;
pub(crate) use plan::Products;
pub use plan::{Stack, product, product_batched};

/// What is added to every row or column of a product.
#[derive(Clone, Copy, Debug)]
pub enum Bias<'a, T> {
    /// Nothing.
    None,
    /// One number a column: a row that is added to each row of C.
    Row(&'a [T]),
    /// One number a row: a column that is added to each column of C.
    Column(&'a [T]),
}

/// The last thing done to each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// What happens to a product on its way into C: `C = activation(scale A B + [C] + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a, T> {
    /// Whether what C holds is added; otherwise it is not even read, so it may be NaN.
    pub accumulate: bool,
    /// A factor for the product alone.
    pub scale: T,
    /// What is added.
    pub bias: Bias<'a, T>,
    /// What is applied at the end.
    pub activation: Option<Activation>,
}

impl<T: crate::Float> Epilogue<'_, T> {
    /// The bare product.
    pub const PLAIN: Self = Self { accumulate: false, scale: T::ONE, bias: Bias::None, activation: None };
    /// The product added to C.
    pub const ADD: Self = Self { accumulate: true, ..Self::PLAIN };

    /// # Panics
    /// If the bias is not as long as C (`rows` x `columns`) is wide or high.
    pub(crate) fn check(&self, rows: usize, columns: usize) {
        match self.bias {
            Bias::None => {}
            Bias::Row(bias) => assert_eq!(bias.len(), columns, "a row bias is as long as C is wide"),
            Bias::Column(bias) => assert_eq!(bias.len(), rows, "a column bias is as long as C is high"),
        }
    }
}
