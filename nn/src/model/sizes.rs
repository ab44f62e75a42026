//! Shapes whose batch axis is open.

use alloc::vec::Vec;
use core::fmt;
use tress_tensor::{Error, Shape};

/// The batches that a layer is looked at with: two give the length of every axis, and the third must agree.
pub(crate) const PROBES: [usize; 3] = [2, 3, 5];

/// A number of samples, and a number of steps of sequences.
pub(crate) type Point = (usize, usize);

/// The length of an axis: a part that is fixed, and how often the number of samples N, the number of steps T and both times
/// each other go into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) fixed: isize,
    pub(crate) each: isize,
    pub(crate) step: isize,
    pub(crate) both: isize,
}

impl Extent {
    pub(crate) const ONE: Self = Self::of(1);

    pub(crate) const fn of(fixed: isize) -> Self {
        Self { fixed, each: 0, step: 0, both: 0 }
    }

    /// T.
    pub(crate) const STEPS: Self = Self { step: 1, ..Self::of(0) };

    pub(crate) fn is_open(self) -> bool {
        self != Self::of(self.fixed)
    }

    /// The length; `None` if it is none, or too large.
    fn at(self, (samples, steps): Point) -> Option<usize> {
        let (n, t) = (isize::try_from(samples).ok()?, isize::try_from(steps).ok()?);
        let times = |count: isize, of: isize| if count == 0 { Some(0) } else { count.checked_mul(of) };
        let both = if self.both == 0 { 0 } else { times(self.both, n)?.checked_mul(t)? };
        let sum = self.fixed.checked_add(times(self.each, n)?)?.checked_add(times(self.step, t)?)?;
        usize::try_from(sum.checked_add(both)?).ok()
    }

    /// This length for so many samples; `None` if it is too large.
    fn of_samples(self, samples: usize) -> Option<Self> {
        let samples = isize::try_from(samples).ok()?;
        let fixed = self.fixed.checked_add(self.each.checked_mul(samples)?)?;
        Some(Self { fixed, each: 0, step: self.step.checked_add(self.both.checked_mul(samples)?)?, both: 0 })
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            fixed: self.fixed - other.fixed,
            each: self.each - other.each,
            step: self.step - other.step,
            both: self.both - other.both,
        }
    }

    /// Whether it leaves the same rest after groups of so many, whatever N and T are.
    pub(crate) fn parts_into(self, runs: usize) -> bool {
        [self.each, self.step, self.both].iter().all(|count| count.unsigned_abs().is_multiple_of(runs.max(1)))
    }

    pub(crate) fn times(self, count: isize) -> Self {
        let Self { fixed, each, step, both } = self;
        Self { fixed: fixed * count, each: each * count, step: step * count, both: both * count }
    }

    /// What has these lengths at the points: three with one number of steps, or at least six of which the fourth has one step fewer and
    /// the first number of samples, the fifth two fewer and the second, and the sixth two fewer and the first. More points are
    /// held against what was found.
    fn seen(points: &[Point], lengths: &[isize]) -> Option<Self> {
        let [n, m] = [points[0].0 as isize, points[1].0 as isize];
        let samples = (m - n).max(1);
        let more = (lengths[1] - lengths[0]) / samples;
        let found = match (points, lengths) {
            ([(_, longest), _, _, _, _, _, ..], &[a, b, _, shorter, shortest, _, ..]) => {
                let longest = *longest as isize;
                let (first, second) = (a - shorter, (b - shortest) / 2);
                let both = (second - first) / samples;
                let step = first - both * n;
                let each = more - both * longest;
                Self { fixed: a - each * n - step * longest - both * n * longest, each, step, both }
            }
            _ => Self { fixed: lengths[0] - more * n, each: more, step: 0, both: 0 },
        };
        // Without steps nothing is cut off a number of samples.
        let sound = found.each >= 0
            && found.step >= 0
            && found.both >= 0
            && (found.step + found.both > 0 || found.fixed >= 0);
        let explains = |(point, length): (&Point, &isize)| found.at(*point) == usize::try_from(*length).ok();
        (sound && points.iter().zip(lengths).all(explains)).then_some(found)
    }
}

/// A shape in which the number of samples, N, is open: each axis has a length of its own and one that N is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    rank: usize,
    axes: [Extent; Shape::MAX_RANK],
}

impl Sizes {
    /// `[N, ..]`: samples of the shape `sample`.
    ///
    /// # Errors
    /// Too many axes.
    pub fn of_samples(sample: &Shape) -> Result<Self, Error> {
        let mut sizes = Self::fixed(sample.insert(0, 0)?);
        sizes.axes[0] = Extent { each: 1, ..Extent::of(0) };
        Ok(sizes)
    }

    /// The shape of rows of a table, by an index of this shape.
    pub(super) fn of_rows(index: &Self, width: usize) -> Result<Self, Error> {
        let mut sizes = *index;
        Self::fixed(index.lengths_alone().insert(index.rank, width)?); // whether there is room for one more axis
        sizes.axes[index.rank] = Extent::of(width as isize);
        sizes.rank += 1;
        Ok(sizes)
    }

    /// A shape without an open axis.
    pub(crate) fn fixed(shape: Shape) -> Self {
        let mut axes = [Extent::default(); Shape::MAX_RANK];
        axes.iter_mut().zip(shape.iter()).for_each(|(axis, &length)| *axis = Extent::of(length as isize));
        Self { rank: shape.rank(), axes }
    }

    /// A shape of as many axes, of length 1.
    fn lengths_alone(&self) -> Shape {
        Shape::new(&[1; Shape::MAX_RANK][..self.rank]).unwrap_or(Shape::SCALAR)
    }

    /// What has these shapes at the batches [`PROBES`]; `None` if no axis lengths explain all of them.
    pub(super) fn seen(shapes: &[Shape; 3]) -> Option<Self> {
        Self::seen_at(&PROBES.map(|batch| (batch, 0)), shapes)
    }

    /// What has these shapes at three points whose batches rise or are the same; or at six and more, see [`Extent::seen`].
    pub(crate) fn seen_at(points: &[Point], shapes: &[Shape]) -> Option<Self> {
        let rank = shapes.first()?.rank();
        if points.len() != shapes.len() || shapes.iter().any(|shape| shape.rank() != rank) {
            return None;
        }
        let mut axes = [Extent::default(); Shape::MAX_RANK];
        for (axis, extent) in axes.iter_mut().take(rank).enumerate() {
            let lengths: Vec<isize> = shapes.iter().map(|shape| shape[axis] as isize).collect();
            *extent = Extent::seen(points, &lengths)?;
        }
        Some(Self { rank, axes })
    }

    /// The shape for a number of samples.
    ///
    /// # Errors
    /// It would be too large.
    pub fn at(&self, batch: usize) -> Result<Shape, Error> {
        self.at_point((batch, 0))
    }

    /// The shape for a number of samples and of steps.
    pub(crate) fn at_point(&self, point: Point) -> Result<Shape, Error> {
        let mut lengths = [0; Shape::MAX_RANK];
        for (length, extent) in lengths.iter_mut().zip(&self.axes[..self.rank]) {
            *length = extent.at(point).ok_or(Error::TooLarge { op: "model", shape: self.lengths_alone() })?;
        }
        Shape::named("model", &lengths[..self.rank])
    }

    /// The shape for a number of samples, the number of steps open.
    pub(crate) fn with_samples(&self, samples: usize) -> Result<Self, Error> {
        let mut known = *self;
        for extent in &mut known.axes {
            let too_large = Error::TooLarge { op: "model", shape: self.lengths_alone() };
            *extent = extent.of_samples(samples).ok_or(too_large)?;
        }
        Ok(known)
    }

    /// The number of axes, that of the batch included.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The length of an axis that does not depend on N; `None` for one that does, or that there is not.
    pub fn len(&self, axis: usize) -> Option<usize> {
        let extent = self.axes[..self.rank].get(axis).filter(|extent| !extent.is_open())?;
        usize::try_from(extent.fixed).ok()
    }

    /// Whether it is `[N, ..]` with nothing else that depends on N.
    pub fn is_batch(&self) -> bool {
        let rest = self.axes[..self.rank].get(1..).unwrap_or_default();
        self.rank > 0 && self.axes[0] == SAMPLES && !rest.iter().any(|extent| extent.is_open())
    }

    /// As many axes as `rank`, of length 1 in front.
    pub(crate) fn raised(&self, rank: usize) -> Self {
        let rank = rank.max(self.rank);
        let mut axes = [Extent::ONE; Shape::MAX_RANK];
        axes[rank - self.rank..rank].copy_from_slice(&self.axes[..self.rank]);
        axes[rank..].fill(Extent::default());
        Self { rank, axes }
    }

    /// What both are when an axis of length 1 is repeated; for two that [broadcast](Sizes::broadcasts).
    pub(crate) fn broadcast(&self, other: &Self) -> Self {
        let mut both = *self;
        for (axis, extent) in both.axes.iter_mut().take(self.rank).enumerate() {
            if *extent == Extent::ONE {
                *extent = other.axes[axis];
            }
        }
        both
    }

    /// With another length of an axis.
    pub(crate) fn with(&self, axis: usize, length: usize) -> Self {
        self.with_extent(axis, Extent::of(length as isize))
    }

    pub(crate) fn with_extent(&self, axis: usize, extent: Extent) -> Self {
        let mut changed = *self;
        changed.axes[axis] = extent;
        changed
    }

    /// Whether both have the same axes, but for `axis`.
    pub(super) fn agree_but(&self, other: &Self, axis: usize) -> bool {
        self.rank == other.rank && (0..self.rank).all(|i| i == axis || self.axes[i] == other.axes[i])
    }

    /// Whether the two can be added: of two axes that differ, one has length 1.
    pub(crate) fn broadcasts(&self, other: &Self) -> bool {
        let fits = |a, b| a == b || a == Extent::ONE || b == Extent::ONE;
        self.rank == other.rank && (0..self.rank).all(|i| fits(self.axes[i], other.axes[i]))
    }

    /// The length of an axis.
    pub(crate) fn extent(&self, axis: usize) -> Extent {
        self.axes[axis]
    }
}

/// N.
pub(crate) const SAMPLES: Extent = Extent { each: 1, ..Extent::of(0) };

/// As `[N, 8, 13, 13]`; an axis that samples are folded into as `13N`, steps of sequences as `T`.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, extent) in self.axes[..self.rank].iter().enumerate() {
            f.write_str(if axis == 0 { "" } else { ", " })?;
            extent.fmt(f)?;
        }
        f.write_str("]")
    }
}

/// As `13`, `N`, `2N + 3`, `NT`, `T - 2`.
impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = false;
        for (count, name) in [(self.both, "NT"), (self.each, "N"), (self.step, "T")] {
            match (count, before) {
                (0, _) => continue,
                (_, true) => f.write_str(" + ")?,
                _ => {}
            }
            before = true;
            match count {
                1 => f.write_str(name)?,
                _ => write!(f, "{count}{name}")?,
            }
        }
        match (self.fixed, before) {
            (fixed, false) => write!(f, "{fixed}"),
            (0, true) => Ok(()),
            (fixed, true) if fixed < 0 => write!(f, " - {}", fixed.unsigned_abs()),
            (fixed, true) => write!(f, " + {fixed}"),
        }
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

    #[test]
    fn axes_are_recovered_from_samples_and_steps() {
        let points = [(2, 9), (3, 9), (5, 9), (2, 8), (3, 7), (2, 7)];
        let seen = |shape: fn(usize, usize) -> [usize; 4]| {
            let shapes = points.map(|(n, t)| Shape::new(&shape(n, t)).unwrap());
            Sizes::seen_at(&points, &shapes)
        };
        let sizes = seen(|n, t| [n * t, n, t - 2, 3 * t * n + 2 * n + t + 1]).unwrap();
        assert_eq!(sizes.to_string(), "[NT, N, T - 2, 3NT + 2N + T + 1]");
        assert_eq!(**sizes.at_point((4, 6)).as_ref().unwrap(), [24, 4, 4, 87]);
        assert_eq!(sizes.with_samples(4).unwrap().to_string(), "[4T, 4, T - 2, 13T + 9]");
        assert_eq!(sizes.extent(2), Extent::STEPS.less(Extent::of(2)));
        assert!(seen(|n, t| [n, t * t, 1, 1]).is_none() && seen(|n, t| [n * n, t, 1, 1]).is_none());
        assert!(seen(|n, t| [n, 20 - t, 1, 1]).is_none());
        assert!(seen(|n, t| [n, t / 2, 1, 1]).is_none(), "no steps of two");
        // From 9, 8 and 7 steps alone a third that is rounded up looks fixed; what is far off tells.
        let third = |n: usize, t: usize| Shape::new(&[n, t.div_ceil(3), t]).unwrap();
        assert!(Sizes::seen_at(&points, &points.map(|(n, t)| third(n, t))).is_some());
        let mut more = points.to_vec();
        more.push((2, 4));
        assert!(Sizes::seen_at(&more, &more.iter().map(|&(n, t)| third(n, t)).collect::<Vec<_>>()).is_none());
        assert!(sizes.at_point((1, 1)).is_err(), "fewer steps than are cut off");
    }
}
