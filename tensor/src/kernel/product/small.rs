//! The product where there are neither vectors nor threads, nor room for more than one way to multiply: three loops.
//!
//! Each element is the same chain of multiplications and additions as in [`loops`](super::loops), cut at the same k: a
//! microcontroller gives the bits of the scalar path.

use super::chain::{Run, four, single};
use super::loops::Depth;
use super::operand::{Matrix, Operand, Place};
use super::plan::{Many, One};
use super::target::Disjoint;
use super::{Activation, Bias, Epilogue};
use crate::Float;
use crate::pointwise::{relu, sigmoid};

/// One product.
pub(super) fn one<T: Float>(product: &One<'_, T>) {
    let One { a, b, c, row_stride, k, epilogue } = *product;
    multiply(*a, *b, c, row_stride, k, epilogue);
}

/// One after the other.
pub(super) fn many<T: Float>(products: &Many<'_, T>) {
    let Many { a, b, c, stride, row_stride, k, epilogue } = *products;
    for i in 0..a.count() {
        multiply(a.at(i), b.at(i), c.at(i * stride), row_stride, k, epilogue);
    }
}

#[inline(never)]
fn multiply<T: Float>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: Disjoint<T>,
    row_stride: usize,
    k: usize,
    epilogue: &Epilogue<'_, T>,
) {
    let (Some(rows), Some(columns)) = (a.by_rows().place(), b.by_columns().place()) else { return };
    let depth = Depth::new::<T>(k);
    let sums = Sums { rows, columns, depth, blocks: depth.count(), epilogue };
    let dense = b.strides()[1] == 1;
    for i in 0..a.rows() {
        let mut j = 0;
        while j < b.cols() {
            let c = c.at(i * row_stride + j).0;
            // SAFETY: sizes have been checked: both operands have k numbers in this row and these columns, C has these
            // elements, and nobody else has C.
            unsafe {
                if dense && j + 4 <= b.cols() {
                    sums.of(c, i, j, |from, count| four(from, count));
                    j += 4;
                } else {
                    sums.of(c, i, j, |from, count| [single(from, count)]);
                    j += 1;
                }
            }
        }
    }
}

/// What all elements of C have in common.
struct Sums<'a, T> {
    rows: Place<T>,
    columns: Place<T>,
    depth: Depth,
    blocks: usize,
    epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Sums<'_, T> {
    /// Elements `[i, j..j + W]`, which lie at `c`, by `sum` of each block of k.
    ///
    /// # Safety
    /// Both operands have this row and these columns; C has the elements, for the caller alone.
    #[inline(always)]
    unsafe fn of<const W: usize>(
        &self,
        c: *mut T,
        i: usize,
        j: usize,
        sum: impl Fn(Run<T>, usize) -> [T; W],
    ) {
        let (a_step, b_step) = (self.rows.step_stride, self.columns.step_stride);
        for index in 0..self.blocks {
            let block = self.depth.block(index);
            let (a, b) = (self.rows.at(i, block.start), self.columns.at(j, block.start));
            let sums = sum(Run { a, b, a_step, b_step }, block.len());
            for (w, &sum) in sums.iter().enumerate() {
                // SAFETY: as the caller promises.
                unsafe {
                    let at = c.add(w);
                    let x = if index > 0 || self.epilogue.accumulate {
                        sum.mul_add(self.epilogue.scale, *at)
                    } else {
                        sum * self.epilogue.scale // by one, as a rule: exact
                    };
                    at.write(if index + 1 == self.blocks { self.finish(x, i, j + w) } else { x });
                }
            }
        }
    }

    fn finish(&self, x: T, row: usize, column: usize) -> T {
        let x = match self.epilogue.bias {
            Bias::None => x,
            Bias::Row(bias) => x + bias[column],
            Bias::Column(bias) => x + bias[row],
        };
        match self.epilogue.activation {
            None => x,
            Some(Activation::Relu) => relu(x),
            Some(Activation::Tanh) => x.tanh(),
            Some(Activation::Sigmoid) => sigmoid(x),
        }
    }
}
