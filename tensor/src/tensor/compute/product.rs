//! Products of matrices, and of stacks of them.

use super::super::Tensor;
use crate::kernel::product::{self, Activation, Bias, Epilogue, Matrix, Stack};
use crate::pointwise::Map;
use crate::{Error, Float, Shape};

impl<T: Float> Tensor<T> {
    /// `a [.., m, k]` times `b [.., k, n]`: `[.., m, n]`, for equal axes before the last two.
    ///
    /// # Errors
    /// Fewer than two axes, inner lengths that differ, or other axes that do.
    pub fn matmul(&self, other: &Self) -> Result<Self, Error> {
        self.product(other, [false, false], None, None)
    }

    /// `activation(a b + bias)` in one pass, with the last two axes of either operand read exchanged; the bias has one
    /// number for each column.
    ///
    /// # Errors
    /// As [`matmul`](Tensor::matmul); a bias of another shape than `[n]`.
    pub fn product(
        &self,
        other: &Self,
        transposed: [bool; 2],
        bias: Option<&Self>,
        activation: Option<Map>,
    ) -> Result<Self, Error> {
        let (a, b) = (self.as_matrices(transposed[0])?, other.as_matrices(transposed[1])?);
        let batch = self.rank() - 2;
        let ([m, k], [inner, n]) = ([a.shape()[1], a.shape()[2]], [b.shape()[1], b.shape()[2]]);
        let (left, right) = (*self.shape(), *other.shape());
        let mismatch = |why, lengths| Error::Mismatch { op: "matmul", left, right, why, lengths };
        if k != inner {
            return Err(mismatch("inner lengths", Some((k, inner))));
        }
        if left.rank() != right.rank() || left[..batch] != right[..batch] {
            return Err(mismatch("the axes before the last two must be equal", None));
        }
        let bias = bias.map(|bias| bias.contiguous());
        if let Some(bias) = bias.as_ref().filter(|bias| **bias.shape() != [n]) {
            let why = "the bias must have one number for each column";
            return Err(Error::Unfit { op: "matmul", shape: *bias.shape(), why });
        }
        let (kernel, later) = in_registers(activation);
        let epilogue = Epilogue {
            bias: bias.as_ref().and_then(|bias| bias.as_slice()).map_or(Bias::None, Bias::Row),
            activation: kernel,
            ..Epilogue::PLAIN
        };
        let shape = left.with(batch, m)?.with(batch + 1, n)?;
        if shape.contains(&0) {
            return Self::zeros(shape); // no matrices at all, or empty ones
        }
        let y = Self::written(shape, |out| {
            product::product_batched(a.as_stack(), b.as_stack(), out, [m * n, n], &epilogue)
        });
        Ok(later.map_or_else(|| y.clone(), |map| y.map(map)))
    }

    /// All axes before the last two as one: a view where the layout allows it.
    fn as_matrices(&self, transposed: bool) -> Result<Self, Error> {
        let (op, shape, rank) = ("matmul", *self.shape(), self.rank());
        if rank < 2 {
            return Err(Error::Unfit { op, shape, why: "at least two axes are wanted" });
        }
        let stack =
            Shape::named(op, &[shape[..rank - 2].iter().product(), shape[rank - 2], shape[rank - 1]])?;
        let matrices = self.reshape(stack)?;
        if transposed { matrices.transpose(1, 2) } else { Ok(matrices) }
    }

    fn as_stack(&self) -> Stack<'_, T> {
        let (shape, strides) = (self.shape(), self.layout.strides());
        if self.len() == 0 {
            // Nothing is read; strides of nothing must not be followed.
            return Stack::new(Matrix::new(&[], 0, [shape[1], shape[2]], [0, 0]), shape[0], 0);
        }
        let numbers = self.buffer.as_slice();
        let size = [shape[1], shape[2]];
        let first = Matrix::new(numbers, self.layout.offset(), size, [strides[1], strides[2]]);
        Stack::new(first, shape[0], strides[0])
    }
}

/// Which activations the kernels apply before a number leaves its register; the others follow in a pass of their own.
pub(super) fn in_registers(activation: Option<Map>) -> (Option<Activation>, Option<Map>) {
    match activation {
        Some(Map::Relu) => (Some(Activation::Relu), None),
        Some(Map::Tanh) => (Some(Activation::Tanh), None),
        Some(Map::Sigmoid) => (Some(Activation::Sigmoid), None),
        later => (None, later),
    }
}
