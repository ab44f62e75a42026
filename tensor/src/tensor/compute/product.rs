//! Products of matrices, and of stacks of them.

use super::super::Tensor;
use super::same;
use crate::kernel::product::{self, Activation, Bias, Epilogue, Matrix, Stack};
use crate::pointwise::Map;
use crate::storage::Buffer;
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
    // Inlined, so that a program that names its activation links no other function.
    #[inline(always)]
    pub fn product(
        &self,
        other: &Self,
        transposed: [bool; 2],
        bias: Option<&Self>,
        activation: Option<Map>,
    ) -> Result<Self, Error> {
        let (kernel, later) = in_registers(activation);
        let y = self.multiply(other, transposed, bias, kernel);
        match later {
            Some(map) => Ok(y?.map(map)),
            None => y,
        }
    }

    fn multiply(
        &self,
        other: &Self,
        transposed: [bool; 2],
        bias: Option<&Self>,
        activation: Option<Activation>,
    ) -> Result<Self, Error> {
        if let ([_, _], [_, _]) = (&**self.shape(), &**other.shape()) {
            return self.multiply_one(other, transposed, bias, activation);
        }
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
        let mut room = None;
        let epilogue = Epilogue { bias: row(bias, n, &mut room)?, activation, ..Epilogue::PLAIN };
        let shape = left.with(batch, m)?.with(batch + 1, n)?;
        if shape.contains(&0) {
            return Self::zeros(shape); // no matrices at all, or empty ones
        }
        Ok(Self::written(shape, |out| {
            product::product_batched(a.as_stack(), b.as_stack(), out, [m * n, n], &epilogue)
        }))
    }

    /// Of two matrices.
    fn multiply_one(
        &self,
        other: &Self,
        transposed: [bool; 2],
        bias: Option<&Self>,
        activation: Option<Activation>,
    ) -> Result<Self, Error> {
        let (a, b) = (self.as_matrix(transposed[0]), other.as_matrix(transposed[1]));
        let (m, n) = (a.rows(), b.cols());
        if a.cols() != b.rows() {
            let lengths = Some((a.cols(), b.rows()));
            let (left, right) = (*self.shape(), *other.shape());
            return Err(Error::Mismatch { op: "matmul", left, right, why: "inner lengths", lengths });
        }
        let mut room = None;
        let bias = if bias.is_some() { row(bias, n, &mut room)? } else { Bias::None };
        let epilogue = Epilogue { bias, activation, ..Epilogue::PLAIN };
        let shape = Shape::named("matmul", &[m, n])?;
        Ok(Self::written(shape, |out| product::product(a, b, out, n, &epilogue)))
    }

    #[inline(always)]
    fn as_matrix(&self, transposed: bool) -> Matrix<'_, T> {
        let (shape, strides) = (self.shape(), self.layout.strides());
        let (i, j) = if transposed { (1, 0) } else { (0, 1) };
        let size = [shape[i], shape[j]];
        match self.len() {
            // Nothing is read; strides of nothing must not be followed.
            0 => Matrix::new(&[], 0, size, [0, 0]),
            _ => Matrix::new(self.buffer.as_slice(), self.layout.offset(), size, [strides[i], strides[j]]),
        }
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

/// A bias as numbers that lie densely (where they do not, they are copied into `room`), if it has one for each of `n`
/// columns.
fn row<'a, T: Float>(
    bias: Option<&'a Tensor<T>>,
    n: usize,
    room: &'a mut Option<Buffer<T>>,
) -> Result<Bias<'a, T>, Error> {
    let Some(bias) = bias else { return Ok(Bias::None) };
    same("matmul", bias.shape(), &Shape::named("matmul", &[n])?)?;
    if let Some(dense) = bias.as_slice() {
        return Ok(Bias::Row(dense));
    }
    let (numbers, start, step) = (bias.buffer.as_slice(), bias.layout.offset(), bias.layout.strides()[0]);
    let copy = room.insert(Buffer::stale(n)).make_mut();
    for (i, to) in copy.iter_mut().enumerate() {
        *to = numbers[start.wrapping_add_signed(i as isize * step)];
    }
    Ok(Bias::Row(copy))
}

/// Which activations the kernels apply before a number leaves its register; the others follow in a pass of their own.
#[inline(always)]
pub(super) fn in_registers(activation: Option<Map>) -> (Option<Activation>, Option<Map>) {
    match activation {
        Some(Map::Relu) => (Some(Activation::Relu), None),
        Some(Map::Tanh) => (Some(Activation::Tanh), None),
        Some(Map::Sigmoid) => (Some(Activation::Sigmoid), None),
        later => (None, later),
    }
}
