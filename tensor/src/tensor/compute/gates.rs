//! Recurrent networks: what follows the products of a step.

use super::super::Tensor;
use crate::pointwise::Gates;
use crate::{Error, Float, Shape};
use alloc::vec::Vec;

impl<T: Float> Tensor<T> {
    /// What follows the products in a step of a recurrent network, or its gradient, in one pass; [`Gates`] says of what operands.
    ///
    /// # Errors
    /// Other operands.
    pub fn gates(gates: Gates, operands: &[&Self]) -> Result<Self, Error> {
        let shapes: Vec<Shape> = operands.iter().map(|x| *x.shape()).collect();
        let shape = gates.infer(&shapes)?;
        let dense: Vec<Self> = operands.iter().map(|x| x.contiguous()).collect();
        let numbers: Vec<&[T]> = dense.iter().map(|x| x.as_slice().unwrap_or_default()).collect();
        let sizes = [shapes[2][0], shapes[2][1]];
        Ok(Self::written(shape, |out| T::gates(gates, &numbers, sizes, out)))
    }
}
