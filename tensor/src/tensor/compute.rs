//! The arithmetic of tensors: shape checks, then a kernel.

use super::Tensor;
use crate::{Element, Shape};

impl<T: Element> Tensor<T> {
    /// A dense copy in row-major order.
    pub(super) fn to_dense(&self) -> Self {
        let mut index = [0; Shape::MAX_RANK];
        let (shape, data) = (*self.shape(), self.buffer.as_slice());
        Self::written(shape, |out| {
            for slot in out {
                if let Some(place) = self.layout.place(&index[..shape.rank()]) {
                    *slot = data[place];
                }
                for axis in (0..shape.rank()).rev() {
                    index[axis] += 1;
                    if index[axis] < shape[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
            }
        })
    }
}
