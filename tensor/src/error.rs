//! What can be wrong with a request, in numbers: every message names the operation, the sizes, and what differs.

use crate::Shape;
use core::fmt;

/// A request that cannot be carried out.
///
/// Small and `Copy`: no allocation and no float formatting, so that embedded builds can afford it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// More axes than [`Shape::MAX_RANK`].
    Rank {
        /// The operation asked for.
        op: &'static str,
        /// The number of axes it would need.
        rank: usize,
    },
    /// The number of elements, or of bytes, overflows.
    TooLarge {
        /// The operation asked for.
        op: &'static str,
        /// The shape that is too large.
        shape: Shape,
    },
    /// A list of numbers of the wrong length for a shape.
    Length {
        /// The operation asked for.
        op: &'static str,
        /// The shape to fill.
        shape: Shape,
        /// How many numbers came.
        len: usize,
    },
    /// A shape that one operation cannot take.
    Unfit {
        /// The operation asked for.
        op: &'static str,
        /// The shape.
        shape: Shape,
        /// What it would have to be.
        why: &'static str,
    },
    /// Two shapes that do not fit each other.
    Mismatch {
        /// The operation asked for.
        op: &'static str,
        /// The shape of the first operand.
        left: Shape,
        /// The shape of the second operand.
        right: Shape,
        /// What differs.
        why: &'static str,
        /// The two lengths that differ, where there are two.
        lengths: Option<(usize, usize)>,
    },
    /// An axis that the shape does not have.
    Axis {
        /// The operation asked for.
        op: &'static str,
        /// The axis asked for.
        axis: usize,
        /// The shape.
        shape: Shape,
    },
    /// A range or index outside of an axis.
    Range {
        /// The operation asked for.
        op: &'static str,
        /// The axis.
        axis: usize,
        /// The first index asked for.
        start: usize,
        /// One past the last index asked for.
        end: usize,
        /// The length of the axis.
        len: usize,
    },
    /// A gradient that was asked for, and that an operation without a derivative has lost.
    Lost {
        /// The operation.
        op: &'static str,
        /// The number of the entry whose gradient was asked for.
        entry: usize,
        /// Why the operation has no derivative.
        why: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// An index of a formula, such as the `k` of `"ik,kj->ij"`, that does not make sense.
    Subscript {
        /// The operation asked for.
        op: &'static str,
        /// The index, or the sign that should not be there.
        index: char,
        /// What is wrong with it.
        why: &'static str,
        /// The two lengths that differ, where there are two.
        lengths: Option<(usize, usize)>,
    },
    /// A setting outside of what makes sense.
    Setting {
        /// The operation asked for.
        op: &'static str,
        /// What it would have to be.
        why: &'static str,
    },
}

impl Error {
    /// The operation that was asked for.
    pub fn op(&self) -> &'static str {
        match *self {
            Error::Rank { op, .. }
            | Error::TooLarge { op, .. }
            | Error::Length { op, .. }
            | Error::Unfit { op, .. }
            | Error::Mismatch { op, .. }
            | Error::Axis { op, .. }
            | Error::Range { op, .. }
            | Error::Lost { op, .. }
            | Error::Subscript { op, .. }
            | Error::Setting { op, .. } => op,
        }
    }

    /// The same error, of the operation that the user asked for: what it is made of may have found it.
    pub fn named(mut self, name: &'static str) -> Self {
        match &mut self {
            Error::Rank { op, .. }
            | Error::TooLarge { op, .. }
            | Error::Length { op, .. }
            | Error::Unfit { op, .. }
            | Error::Mismatch { op, .. }
            | Error::Axis { op, .. }
            | Error::Range { op, .. }
            | Error::Lost { op, .. }
            | Error::Subscript { op, .. }
            | Error::Setting { op, .. } => *op = name,
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rank { op, rank } => {
                write!(f, "{op}: {rank} axes, but a tensor has at most {}", Shape::MAX_RANK)
            }
            Error::TooLarge { op, shape } => {
                write!(f, "{op}: a tensor of shape {shape} has more elements than memory can address")
            }
            Error::Length { op, shape, len } => {
                write!(f, "{op}: {len} numbers for shape {shape}, which holds {}", shape.len())
            }
            Error::Unfit { op, shape, why } => write!(f, "{op}: {shape}: {why}"),
            Error::Mismatch { op, left, right, why, lengths } => {
                write!(f, "{op}: {left} x {right}: {why}")?;
                match lengths {
                    Some((a, b)) => write!(f, " {a} and {b} differ"),
                    None => Ok(()),
                }
            }
            Error::Axis { op, axis, shape } if shape.rank() == 0 => {
                write!(f, "{op}: a single number has no axes, and so no axis {axis}")
            }
            Error::Axis { op, axis, shape } => {
                write!(f, "{op}: {shape} has no axis {axis}; its axes are 0 to {}", shape.rank() - 1)
            }
            Error::Range { op, axis, start, end, len } => {
                write!(f, "{op}: {start}..{end} reaches outside of axis {axis}, which has length {len}")
            }
            Error::Lost { op, entry, why, instead } => {
                write!(
                    f,
                    "{op}: no gradient gets through to %{entry}: {why}; use {instead}, or stop() if none is meant"
                )
            }
            Error::Subscript { op, index, why, lengths } => {
                write!(f, "{op}: '{index}': {why}")?;
                match lengths {
                    Some((a, b)) => write!(f, " {a} and {b} differ"),
                    None => Ok(()),
                }
            }
            Error::Setting { op, why } => write!(f, "{op}: {why}"),
        }
    }
}

impl core::error::Error for Error {}
