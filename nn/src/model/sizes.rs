//! Shapes whose batch axis is open.

use core::fmt;
use tress_tensor::{Error, Shape};

/// The batches that a layer is looked at with: two give the length of every axis, and the third must agree.
pub(crate) const PROBES: [usize; 3] = [2, 3, 5];

/// A shape in which the number of samples, N, is open: each axis has a length of its own and one that N is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    fixed: Shape,
    /// How often N goes into each axis.
    each: [usize; Shape::MAX_RANK],
}

impl Sizes {
    /// `[N, ..]`: samples of the shape `sample`.
    ///
    /// # Errors
    /// Too many axes.
    pub fn of_samples(sample: &Shape) -> Result<Self, Error> {
        let mut each = [0; Shape::MAX_RANK];
        each[0] = 1;
        Ok(Self { fixed: sample.insert(0, 0)?, each })
    }

    /// The shape of rows of a table, by an index of this shape.
    pub(super) fn of_rows(index: &Self, width: usize) -> Result<Self, Error> {
        Ok(Self { fixed: index.fixed.insert(index.rank(), width)?, each: index.each })
    }

    /// A shape without an open axis.
    pub(crate) fn fixed(shape: Shape) -> Self {
        Self { fixed: shape, each: [0; Shape::MAX_RANK] }
    }

    /// What has these shapes at the batches [`PROBES`]; `None` if no axis lengths explain all of them.
    pub(super) fn seen(shapes: &[Shape; 3]) -> Option<Self> {
        Self::seen_at(&PROBES, shapes)
    }

    /// What has these shapes at three batches, rising or all the same.
    pub(crate) fn seen_at(batches: &[usize; 3], shapes: &[Shape; 3]) -> Option<Self> {
        let [a, b, c] = shapes;
        if a.rank() != b.rank() || a.rank() != c.rank() {
            return None;
        }
        let (mut fixed, mut each) = ([0; Shape::MAX_RANK], [0; Shape::MAX_RANK]);
        for axis in 0..a.rank() {
            each[axis] = b[axis].checked_sub(a[axis])? / (batches[1] - batches[0]).max(1);
            fixed[axis] = a[axis].checked_sub(each[axis].checked_mul(batches[0])?)?;
        }
        let sizes = Self { fixed: Shape::new(&fixed[..a.rank()]).ok()?, each };
        (batches.iter().zip(shapes)).all(|(&batch, shape)| sizes.at(batch) == Ok(*shape)).then_some(sizes)
    }

    /// The shape for a number of samples.
    ///
    /// # Errors
    /// It would be too large.
    pub fn at(&self, batch: usize) -> Result<Shape, Error> {
        let mut lengths = [0; Shape::MAX_RANK];
        for axis in 0..self.rank() {
            let open = self.each[axis].checked_mul(batch).and_then(|open| open.checked_add(self.fixed[axis]));
            lengths[axis] = open.ok_or(Error::TooLarge { op: "model", shape: self.fixed })?;
        }
        Shape::named("model", &lengths[..self.rank()])
    }

    /// The number of axes, that of the batch included.
    pub fn rank(&self) -> usize {
        self.fixed.rank()
    }

    /// The length of an axis that does not depend on N; `None` for one that does, or that there is not.
    pub fn len(&self, axis: usize) -> Option<usize> {
        self.fixed.get(axis).copied().filter(|_| self.each[axis] == 0)
    }

    /// Whether it is `[N, ..]` with nothing else that depends on N.
    pub fn is_batch(&self) -> bool {
        self.rank() > 0
            && (self.fixed[0], self.each[0]) == (0, 1)
            && self.each[1..].iter().all(|&each| each == 0)
    }

    /// As many axes as `rank`, of length 1 in front.
    pub(crate) fn raised(&self, rank: usize) -> Self {
        let (mut fixed, mut each) = ([1; Shape::MAX_RANK], [0; Shape::MAX_RANK]);
        let front = rank.saturating_sub(self.rank());
        for axis in 0..self.rank() {
            (fixed[front + axis], each[front + axis]) = self.axis(axis);
        }
        Self { fixed: Shape::new(&fixed[..rank.max(self.rank())]).unwrap_or(self.fixed), each }
    }

    /// What both are when an axis of length 1 is repeated; for two that [broadcast](Sizes::broadcasts).
    pub(crate) fn broadcast(&self, other: &Self) -> Self {
        let mut both = *self;
        let (mut fixed, rank) = ([0; Shape::MAX_RANK], self.rank());
        for axis in 0..rank {
            let one = self.axis(axis) == (1, 0);
            (fixed[axis], both.each[axis]) = if one { other.axis(axis) } else { self.axis(axis) };
        }
        both.fixed = Shape::new(&fixed[..rank]).unwrap_or(self.fixed);
        both
    }

    /// With another length of an axis.
    pub(crate) fn with(&self, axis: usize, length: usize) -> Self {
        let mut changed = *self;
        changed.fixed = self.fixed.with(axis, length).unwrap_or(self.fixed);
        changed.each[axis] = 0;
        changed
    }

    /// Whether both have the same axes, but for `axis`.
    pub(super) fn agree_but(&self, other: &Self, axis: usize) -> bool {
        self.rank() == other.rank() && (0..self.rank()).all(|i| i == axis || self.axis(i) == other.axis(i))
    }

    /// Whether the two can be added: of two axes that differ, one has length 1.
    pub(crate) fn broadcasts(&self, other: &Self) -> bool {
        let one = (1, 0);
        let fits = |a, b| a == b || a == one || b == one;
        self.rank() == other.rank() && (0..self.rank()).all(|i| fits(self.axis(i), other.axis(i)))
    }

    /// The fixed length of an axis, and how often N goes into it.
    pub(crate) fn axis(&self, axis: usize) -> (usize, usize) {
        (self.fixed[axis], self.each[axis])
    }
}

/// As `[N, 8, 13, 13]`; an axis that samples are folded into as `13N`.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for axis in 0..self.rank() {
            f.write_str(if axis == 0 { "" } else { ", " })?;
            match self.axis(axis) {
                (fixed, 0) => write!(f, "{fixed}")?,
                (0, 1) => f.write_str("N")?,
                (0, each) => write!(f, "{each}N")?,
                (fixed, 1) => write!(f, "N + {fixed}")?,
                (fixed, each) => write!(f, "{each}N + {fixed}")?,
            }
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn axes_are_recovered_from_three_batches() {
        let seen =
            |shape: fn(usize) -> [usize; 3]| Sizes::seen(&PROBES.map(|n| Shape::new(&shape(n)).unwrap()));
        let sizes = seen(|n| [7 * n, 4, n + 2]).unwrap();
        assert_eq!(sizes.to_string(), "[7N, 4, N + 2]");
        assert_eq!(**sizes.at(10).as_ref().unwrap(), [70, 4, 12]);
        assert_eq!((sizes.len(0), sizes.len(1), sizes.len(3)), (None, Some(4), None));
        assert!(!sizes.is_batch() && seen(|n| [n, 1, 2]).unwrap().is_batch());
        assert!(seen(|n| [n * n, 1, 1]).is_none(), "no axis grows so");
        assert!(seen(|n| [9 - n, 1, 1]).is_none());
        assert!(sizes.at(usize::MAX).is_err());
    }
}
