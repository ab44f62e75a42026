//! A set of axes.

use crate::{Error, Shape};
use core::fmt;

/// A set of axes of a tensor, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Axes(u8);

impl Axes {
    /// No axis.
    pub const NONE: Axes = Axes(0);

    /// All axes of a shape.
    pub fn all(shape: &Shape) -> Self {
        Self(((1u16 << shape.rank()) - 1) as u8)
    }

    /// The axes of a list.
    ///
    /// # Errors
    /// An axis that `shape` does not have, or one that is named twice.
    pub fn of(op: &'static str, axes: &[usize], shape: &Shape) -> Result<Self, Error> {
        let mut set = 0;
        for &axis in axes {
            if axis >= shape.rank() {
                return Err(Error::Axis { op, axis, shape: *shape });
            }
            if set >> axis & 1 == 1 {
                return Err(Error::Setting { op, why: "an axis is named twice; name each once" });
            }
            set |= 1 << axis;
        }
        Ok(Self(set))
    }

    /// With one axis more; `axis` is below [`Shape::MAX_RANK`].
    pub fn and(self, axis: usize) -> Self {
        debug_assert!(axis < Shape::MAX_RANK);
        Self(self.0 | 1 << axis)
    }

    /// Whether an axis is in the set.
    pub fn contains(self, axis: usize) -> bool {
        axis < Shape::MAX_RANK && self.0 >> axis & 1 == 1
    }

    /// Whether no axis is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes, rising.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..Shape::MAX_RANK).filter(move |&axis| self.contains(axis))
    }

    /// The same axes when a new axis is put in front of all.
    pub fn behind_one(self) -> Self {
        Self(self.0 << 1)
    }

    /// `shape` without these axes.
    ///
    /// # Errors
    /// An axis that the shape does not have.
    pub fn remove_from(self, op: &'static str, shape: &Shape) -> Result<Shape, Error> {
        self.check(op, shape)?;
        let mut lengths = [0; Shape::MAX_RANK];
        let mut rank = 0;
        for axis in (0..shape.rank()).filter(|&axis| !self.contains(axis)) {
            lengths[rank] = shape[axis];
            rank += 1;
        }
        Shape::named(op, &lengths[..rank])
    }

    /// `shape` with the lengths of these axes set to 1.
    ///
    /// # Errors
    /// An axis that the shape does not have.
    pub fn flatten_in(self, op: &'static str, shape: &Shape) -> Result<Shape, Error> {
        self.check(op, shape)?;
        let mut lengths = [0; Shape::MAX_RANK];
        for axis in 0..shape.rank() {
            lengths[axis] = if self.contains(axis) { 1 } else { shape[axis] };
        }
        Shape::named(op, &lengths[..shape.rank()])
    }

    fn check(self, op: &'static str, shape: &Shape) -> Result<(), Error> {
        match self.iter().next_back() {
            Some(axis) if axis >= shape.rank() => Err(Error::Axis { op, axis, shape: *shape }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
