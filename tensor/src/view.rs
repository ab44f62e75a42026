//! A borrowed tensor: what kernels read.

use crate::Layout;

/// Numbers and where among them the elements of a tensor lie.
///
/// Invariant, checked when it is made: every index that the layout reaches is inside of `data`.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    data: &'a [T],
    layout: &'a Layout,
}

impl<'a, T> View<'a, T> {
    /// # Panics
    /// If the layout reaches outside of `data`; tensors never hold such a pair.
    pub(crate) fn new(data: &'a [T], layout: &'a Layout) -> Self {
        assert!(layout.span().1 <= data.len(), "a layout reaches outside of its buffer");
        Self { data, layout }
    }

    pub(crate) fn data(&self) -> &'a [T] {
        self.data
    }

    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// The numbers in order, if they lie densely in row-major order.
    pub(crate) fn as_slice(&self) -> Option<&'a [T]> {
        let start = self.layout.offset();
        self.layout.is_contiguous().then(|| &self.data[start..start + self.layout.len()])
    }
}
