//! A named place in the block of parameters.

use alloc::string::String;
use core::ops::Range;
use tress_tensor::Shape;

/// Where in the block a parameter lies, and its shape: what a layer holds instead of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    pub(crate) index: usize,
    pub(crate) start: usize,
    pub(crate) shape: Shape,
}

impl Handle {
    /// The shape of the parameter.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The places of its numbers in the block.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.shape.len()
    }
}

/// A parameter, or state that is not trained: a name, and where its numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(crate) name: String,
    pub(crate) handle: Handle,
    pub(crate) trained: bool,
    pub(crate) frozen: bool,
}

impl Entry {
    /// The whole name, such as `trunk.conv1.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What reaches its value in a [`Bound`](crate::Bound).
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.handle.shape
    }

    /// The places of its numbers in the block.
    pub fn range(&self) -> Range<usize> {
        self.handle.range()
    }

    /// Whether gradients are taken of it and optimisers change it: it is neither state nor [frozen](crate::Params::freeze).
    pub fn is_trained(&self) -> bool {
        self.trained && !self.frozen
    }

    /// Whether it is state, such as a running mean: stored, but never trained.
    pub fn is_state(&self) -> bool {
        !self.trained
    }

    /// Whether it is [frozen](crate::Params::freeze).
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether the entry is `path` or lies in the scope `path`; the empty path holds everything.
    pub fn is_in(&self, path: &str) -> bool {
        match self.name.strip_prefix(path) {
            Some(rest) => path.is_empty() || rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }
}
