//! The lengths of a tensor's axes.

use crate::Error;
use core::fmt;
use core::ops::Deref;

/// The lengths of up to [`Shape::MAX_RANK`] axes, held inline: a shape is `Copy` and never allocates.
///
/// The product of the lengths, and the bytes of a tensor of that shape, always fit an `isize`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Lengths; those from `rank` on are zero, so that equality can compare them all.
    lengths: [usize; Shape::MAX_RANK],
    /// As wide as a length, though it needs less: a copy reads whole words, and one that has just been written in part makes
    /// it wait.
    rank: usize,
}

impl Shape {
    /// The largest number of axes: 8, or 5 on a microcontroller, where each costs memory that is scarce. That is an image's
    /// four, and one for K cotangents in front of them.
    pub const MAX_RANK: usize = if crate::SMALL { 5 } else { 8 };

    /// The shape without axes: that of a single number.
    pub const SCALAR: Shape = Shape { lengths: [0; Shape::MAX_RANK], rank: 0 };

    /// A shape from the lengths of its axes.
    ///
    /// # Errors
    /// Too many axes, or more elements than memory can address.
    pub fn new(lengths: &[usize]) -> Result<Self, Error> {
        Self::named("shape", lengths)
    }

    /// As [`new`](Shape::new), with the operation that the error shall name.
    pub fn named(op: &'static str, lengths: &[usize]) -> Result<Self, Error> {
        if lengths.len() > Self::MAX_RANK {
            return Err(Error::Rank { op, rank: lengths.len() });
        }
        let mut shape = Self { lengths: [0; Self::MAX_RANK], rank: lengths.len() };
        shape.lengths[..lengths.len()].copy_from_slice(lengths);
        // Strides skip zero lengths, so the product is taken over the others: [0, 2^63] must not overflow later either.
        let mut total = 8usize; // bytes of the largest element
        for &length in lengths {
            total = match total.checked_mul(length.max(1)) {
                Some(total) if total <= isize::MAX as usize => total,
                _ => return Err(Error::TooLarge { op, shape }),
            };
        }
        Ok(shape)
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of elements: 1 for a scalar, 0 if any length is 0.
    #[allow(clippy::len_without_is_empty)] // `is_empty` comes with the slice that this dereferences to: no axes
    pub fn len(&self) -> usize {
        self.iter().product()
    }

    /// The shape with `length` put in before `axis` (`axis <= rank`).
    ///
    /// # Errors
    /// Too many axes, no such place, or too many elements.
    pub fn insert(&self, axis: usize, length: usize) -> Result<Self, Error> {
        if axis > self.rank() {
            return Err(Error::Axis { op: "insert", axis, shape: *self });
        }
        let mut lengths = [0; Self::MAX_RANK + 1];
        lengths[..axis].copy_from_slice(&self[..axis]);
        lengths[axis] = length;
        lengths[axis + 1..=self.rank()].copy_from_slice(&self[axis..]);
        Self::named("insert", &lengths[..=self.rank()])
    }

    /// The shape without `axis`.
    ///
    /// # Errors
    /// No such axis.
    pub fn remove(&self, axis: usize) -> Result<Self, Error> {
        if axis >= self.rank() {
            return Err(Error::Axis { op: "remove", axis, shape: *self });
        }
        let mut lengths = [0; Self::MAX_RANK];
        lengths[..axis].copy_from_slice(&self[..axis]);
        lengths[axis..self.rank() - 1].copy_from_slice(&self[axis + 1..]);
        // A zero length may have kept the other product small; taking it away must be checked again.
        Self::named("remove", &lengths[..self.rank() - 1])
    }

    /// The shape with the length of `axis` replaced.
    ///
    /// # Errors
    /// No such axis, or too many elements.
    pub fn with(&self, axis: usize, length: usize) -> Result<Self, Error> {
        if axis >= self.rank() {
            return Err(Error::Axis { op: "with", axis, shape: *self });
        }
        let mut lengths = self.lengths;
        lengths[axis] = length;
        Self::named("with", &lengths[..self.rank()])
    }

    /// Whether two shapes are equal, as the gate of an operation that asks for that.
    ///
    /// # Errors
    /// They are not; the message says where they differ first.
    #[inline]
    pub fn agree(&self, other: &Shape, op: &'static str) -> Result<(), Error> {
        if self == other { Ok(()) } else { Err(self.difference(other, op)) }
    }

    #[cold]
    fn difference(&self, other: &Shape, op: &'static str) -> Error {
        let (why, lengths) = match self.iter().zip(other.iter()).find(|(a, b)| a != b) {
            _ if self.rank() != other.rank() => ("numbers of axes", Some((self.rank(), other.rank()))),
            lengths => ("lengths", lengths.map(|(&a, &b)| (a, b))),
        };
        Error::Mismatch { op, left: *self, right: *other, why, lengths }
    }

    /// The shape that two shapes broadcast to: aligned at the last axis, lengths equal or one of them 1.
    ///
    /// # Errors
    /// Lengths that neither agree nor are 1.
    pub fn broadcast(&self, other: &Shape, op: &'static str) -> Result<Shape, Error> {
        let rank = self.rank().max(other.rank());
        let mut lengths = [1; Self::MAX_RANK];
        for back in 1..=rank {
            let a = if back <= self.rank() { self[self.rank() - back] } else { 1 };
            let b = if back <= other.rank() { other[other.rank() - back] } else { 1 };
            lengths[rank - back] = match (a, b) {
                (1, b) => b,
                (a, 1) => a,
                (a, b) if a == b => a,
                _ => {
                    let (left, right) = (*self, *other);
                    return Err(Error::Mismatch { op, left, right, why: "lengths", lengths: Some((a, b)) });
                }
            };
        }
        Shape::named(op, &lengths[..rank])
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.lengths[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, length) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{length}")?;
        }
        f.write_str("]")
    }
}

/// What can be given as a shape: an array, a slice of lengths, or a shape.
pub trait IntoShape {
    /// The shape.
    ///
    /// # Errors
    /// As [`Shape::new`].
    fn into_shape(self) -> Result<Shape, Error>;
}

impl IntoShape for Shape {
    fn into_shape(self) -> Result<Shape, Error> {
        Ok(self)
    }
}

impl IntoShape for &Shape {
    fn into_shape(self) -> Result<Shape, Error> {
        Ok(*self)
    }
}

impl IntoShape for &[usize] {
    fn into_shape(self) -> Result<Shape, Error> {
        Shape::new(self)
    }
}

impl<const N: usize> IntoShape for [usize; N] {
    fn into_shape(self) -> Result<Shape, Error> {
        Shape::new(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn overflow_is_an_error_even_beside_a_zero() {
        assert!(Shape::new(&[usize::MAX, 2]).is_err());
        assert!(Shape::new(&[0, usize::MAX, 2]).is_err());
        assert!(Shape::new(&[1 << (usize::BITS - 4)]).is_err(), "8 bytes each are one more than isize::MAX");
        assert!(Shape::new(&[1; 9]).is_err());
    }

    #[test]
    fn broadcasting_aligns_at_the_last_axis() {
        let shape = |s: &[usize]| Shape::new(s).unwrap();
        let both = shape(&[4, 1, 3]).broadcast(&shape(&[5, 1]), "add").unwrap();
        assert_eq!(both, shape(&[4, 5, 3]));
        let error = shape(&[2, 3]).broadcast(&shape(&[2]), "add").unwrap_err();
        assert_eq!(error.to_string(), "add: [2, 3] x [2]: lengths 3 and 2 differ");
    }

    #[test]
    fn axes_go_in_and_out() {
        let shape = Shape::new(&[2, 3]).unwrap();
        assert_eq!(*shape.insert(1, 7).unwrap(), [2, 7, 3]);
        assert_eq!(shape.insert(1, 7).unwrap().remove(1).unwrap(), shape);
        assert_eq!(shape.len(), 6);
        assert_eq!(Shape::SCALAR.len(), 1);
    }
}
