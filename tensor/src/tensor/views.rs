//! Views: other looks at the same numbers.

use super::Tensor;
use crate::{Element, Error, IntoShape, Layout};

impl<T: Element> Tensor<T> {
    fn looking(&self, layout: Layout) -> Self {
        // A view of nothing may start anywhere, even outside of the buffer; let it be at the front.
        let layout = if layout.len() == 0 { Layout::contiguous(*layout.shape()) } else { layout };
        Self { buffer: self.buffer.clone(), layout }
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this one. A view.
    ///
    /// # Errors
    /// `order` is not a permutation of the axes.
    pub fn permute(&self, order: &[usize]) -> Result<Self, Error> {
        Ok(self.looking(self.layout.permute(order)?))
    }

    /// Two axes exchanged. A view.
    ///
    /// # Errors
    /// No such axis.
    pub fn transpose(&self, a: usize, b: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.transpose(a, b)?))
    }

    /// Every `step`-th index of `axis` in `start..end`. A view.
    ///
    /// # Errors
    /// No such axis, a range outside of it, or a step of 0.
    pub fn slice(&self, axis: usize, start: usize, end: usize, step: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.slice(axis, start, end, step)?))
    }

    /// The part at one index of an axis, without that axis. A view.
    ///
    /// # Errors
    /// No such axis or index.
    pub fn at(&self, axis: usize, index: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.slice(axis, index, index.saturating_add(1), 1)?.squeeze(axis)?))
    }

    /// An axis run backwards. A view.
    ///
    /// # Errors
    /// No such axis.
    pub fn flip(&self, axis: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.flip(axis)?))
    }

    /// Axes of length 1 repeated, and new axes put in front, until the shape is `shape`. A view.
    ///
    /// # Errors
    /// An axis that is neither of the wanted length nor of length 1.
    pub fn expand(&self, shape: impl IntoShape) -> Result<Self, Error> {
        Ok(self.looking(self.layout.expand(shape.into_shape()?)?))
    }

    /// An axis of length 1 taken away. A view.
    ///
    /// # Errors
    /// No such axis, or its length is not 1.
    pub fn squeeze(&self, axis: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.squeeze(axis)?))
    }

    /// A new axis of length 1 before `axis`. A view.
    ///
    /// # Errors
    /// No such place, or too many axes.
    pub fn unsqueeze(&self, axis: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.unsqueeze(axis)?))
    }

    /// Windows of `size` taken every `step` along `axis`, the inside of a window as a new last axis. A view.
    ///
    /// # Errors
    /// No such axis, a size of 0 or beyond the axis, a step of 0, or too many axes.
    pub fn windows(&self, axis: usize, size: usize, step: usize) -> Result<Self, Error> {
        Ok(self.looking(self.layout.windows(axis, size, step)?))
    }

    /// The same numbers in the same order under another shape: a view where the layout allows it, else a copy.
    ///
    /// # Errors
    /// The shapes hold different numbers of elements.
    pub fn reshape(&self, shape: impl IntoShape) -> Result<Self, Error> {
        let shape = shape.into_shape()?;
        match self.layout.reshape(shape)? {
            Some(layout) => Ok(self.looking(layout)),
            None => Ok(Self::dense(shape, self.to_dense().buffer)),
        }
    }

    /// The same tensor with its numbers dense in row-major order: itself if they are, else a copy.
    pub fn contiguous(&self) -> Self {
        if self.layout.is_contiguous() { self.clone() } else { self.to_dense() }
    }
}
