//! Where the elements of a tensor lie in its buffer: shape, signed strides, offset. Every view is made here.

use crate::{Error, Shape};

/// A shape, a signed stride for each axis, and the place of the first element; all in elements, not bytes.
///
/// Element `[i, j, ..]` lies at `offset + i strides[0] + j strides[1] + ..`. A stride of 0 repeats the same elements
/// (expanded axes), a negative one runs backwards (flipped axes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    /// Strides; those from the rank on are zero.
    strides: [isize; Shape::MAX_RANK],
    offset: usize,
}

impl Layout {
    /// Row-major and dense from the start of a buffer.
    #[inline]
    pub fn contiguous(shape: Shape) -> Self {
        let mut strides = [0; Shape::MAX_RANK];
        let mut stride = 1isize;
        for axis in (0..shape.rank()).rev() {
            strides[axis] = stride;
            stride *= shape[axis].max(1) as isize;
        }
        Self { shape, strides, offset: 0 }
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The step, in elements, from one index of an axis to the next.
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.shape.rank()]
    }

    /// The place of the first element.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// The number of elements (repeated ones counted as often as they are seen).
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether the elements lie densely in row-major order, wherever they start.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1isize;
        for axis in (0..self.rank()).rev() {
            if self.shape[axis] != 1 && self.strides[axis] != expected {
                return self.len() == 0;
            }
            expected *= self.shape[axis].max(1) as isize;
        }
        true
    }

    /// The lowest place that is reached, and one past the highest: `(offset, offset)` where there are no elements.
    pub fn span(&self) -> (usize, usize) {
        if self.len() == 0 {
            return (self.offset, self.offset);
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize);
        for (&length, &stride) in self.shape.iter().zip(self.strides()) {
            let reach = stride * (length as isize - 1);
            if reach < 0 { low += reach } else { high += reach }
        }
        (low as usize, high as usize + 1)
    }

    /// The place of one element, or `None` if an index is out of range or their number is not the rank.
    pub fn place(&self, index: &[usize]) -> Option<usize> {
        if index.len() != self.rank() || index.iter().zip(self.shape.iter()).any(|(i, n)| i >= n) {
            return None;
        }
        let steps: isize = index.iter().zip(self.strides()).map(|(&i, &s)| i as isize * s).sum();
        Some((self.offset as isize + steps) as usize)
    }

    fn check_axis(&self, op: &'static str, axis: usize) -> Result<(), Error> {
        if axis < self.rank() { Ok(()) } else { Err(Error::Axis { op, axis, shape: self.shape }) }
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this one.
    ///
    /// # Errors
    /// `order` is not a permutation of the axes.
    pub fn permute(&self, order: &[usize]) -> Result<Self, Error> {
        let op = "permute";
        let unfit = Error::Unfit { op, shape: self.shape, why: "the order must name each axis once" };
        if order.len() != self.rank() {
            return Err(unfit);
        }
        let mut seen = [false; Shape::MAX_RANK];
        let (mut lengths, mut strides) = ([0; Shape::MAX_RANK], [0; Shape::MAX_RANK]);
        for (to, &from) in order.iter().enumerate() {
            self.check_axis(op, from)?;
            if core::mem::replace(&mut seen[from], true) {
                return Err(unfit);
            }
            lengths[to] = self.shape[from];
            strides[to] = self.strides[from];
        }
        Ok(Self { shape: Shape::named(op, &lengths[..self.rank()])?, strides, offset: self.offset })
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// No such axis.
    pub fn transpose(&self, a: usize, b: usize) -> Result<Self, Error> {
        self.check_axis("transpose", a)?;
        self.check_axis("transpose", b)?;
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        order.swap(a, b);
        self.permute(&order[..self.rank()])
    }

    /// Every `step`-th index of `axis` from `start` up to but not including `end`.
    ///
    /// # Errors
    /// No such axis, a range outside of it, or a step of 0.
    pub fn slice(&self, axis: usize, start: usize, end: usize, step: usize) -> Result<Self, Error> {
        let op = "slice";
        self.check_axis(op, axis)?;
        let len = self.shape[axis];
        if start > end || end > len {
            return Err(Error::Range { op, axis, start, end, len });
        }
        if step == 0 {
            return Err(Error::Setting { op, why: "the step must be at least 1" });
        }
        let mut layout = *self;
        layout.shape =
            self.shape.with(axis, (end - start).div_ceil(step)).map_err(|error| error.named(op))?;
        if start < end && self.len() > 0 {
            // (Of nothing there is no first element to move on to.)
            layout.offset = (self.offset as isize + start as isize * self.strides[axis]) as usize;
        }
        // Over one index nothing steps; and where there are more, the step is smaller than the axis.
        if layout.shape[axis] > 1 {
            layout.strides[axis] = self.strides[axis] * step as isize;
        }
        Ok(layout)
    }

    /// `axis` run backwards.
    ///
    /// # Errors
    /// No such axis.
    pub fn flip(&self, axis: usize) -> Result<Self, Error> {
        self.check_axis("flip", axis)?;
        let mut layout = *self;
        if self.len() > 0 {
            let reach = self.strides[axis] * (self.shape[axis] as isize - 1);
            layout.offset = (self.offset as isize + reach) as usize;
            layout.strides[axis] = -self.strides[axis];
        }
        Ok(layout)
    }

    /// Axes of length 1 repeated, and new axes put in front, until the shape is `shape`.
    ///
    /// # Errors
    /// An axis that is neither of the wanted length nor of length 1.
    pub fn expand(&self, shape: Shape) -> Result<Self, Error> {
        let op = "expand";
        let mismatch =
            |lengths| Error::Mismatch { op, left: self.shape, right: shape, why: "lengths", lengths };
        if shape.rank() < self.rank() {
            let why = "the target has fewer axes";
            return Err(Error::Mismatch { op, left: self.shape, right: shape, why, lengths: None });
        }
        let front = shape.rank() - self.rank();
        let mut strides = [0; Shape::MAX_RANK];
        for axis in 0..self.rank() {
            let (from, to) = (self.shape[axis], shape[front + axis]);
            strides[front + axis] = match (from, to) {
                (from, to) if from == to => self.strides[axis],
                (1, _) => 0,
                _ => return Err(mismatch(Some((from, to)))),
            };
        }
        Ok(Self { shape, strides, offset: self.offset })
    }

    /// An axis of length 1 taken away.
    ///
    /// # Errors
    /// No such axis, or its length is not 1.
    pub fn squeeze(&self, axis: usize) -> Result<Self, Error> {
        self.check_axis("squeeze", axis)?;
        if self.shape[axis] != 1 {
            let why = "only an axis of length 1 can be squeezed away";
            return Err(Error::Unfit { op: "squeeze", shape: self.shape, why });
        }
        let mut strides = [0; Shape::MAX_RANK];
        strides[..axis].copy_from_slice(&self.strides[..axis]);
        strides[axis..self.rank() - 1].copy_from_slice(&self.strides[axis + 1..self.rank()]);
        Ok(Self { shape: self.shape.remove(axis)?, strides, offset: self.offset })
    }

    /// A new axis of length 1 before `axis` (`axis` may be the rank).
    ///
    /// # Errors
    /// No such place, or too many axes.
    pub fn unsqueeze(&self, axis: usize) -> Result<Self, Error> {
        let shape = self.shape.insert(axis, 1).map_err(|error| error.named("unsqueeze"))?;
        let mut strides = [0; Shape::MAX_RANK];
        strides[..axis].copy_from_slice(&self.strides[..axis]);
        strides[axis + 1..shape.rank()].copy_from_slice(&self.strides[axis..self.rank()]);
        Ok(Self { shape, strides, offset: self.offset })
    }

    /// The same elements in the same order under another shape, as a view: `None` where only a copy can do it.
    ///
    /// # Errors
    /// The shapes hold different numbers of elements.
    pub fn reshape(&self, shape: Shape) -> Result<Option<Self>, Error> {
        if shape.len() != self.len() {
            let (op, left, why) = ("reshape", self.shape, "numbers of elements");
            let lengths = Some((self.len(), shape.len()));
            return Err(Error::Mismatch { op, left, right: shape, why, lengths });
        }
        if self.is_contiguous() {
            return Ok(Some(Self { offset: self.offset, ..Self::contiguous(shape) }));
        }
        // Match groups of old axes with groups of new ones of the same product; each old group must itself be dense.
        let mut strides = [0; Shape::MAX_RANK];
        let (mut old, mut new) = (0, 0);
        while new < shape.rank() {
            if shape[new] == 1 {
                new += 1; // the stride of an axis of length 1 is never used
                continue;
            }
            while old < self.rank() && self.shape[old] == 1 {
                old += 1;
            }
            let (first_old, first_new) = (old, new);
            let (mut product_old, mut product_new) = (self.shape[old], shape[new]);
            old += 1;
            new += 1;
            while product_old != product_new {
                if product_old < product_new {
                    product_old *= self.shape[old];
                    old += 1;
                } else {
                    product_new *= shape[new];
                    new += 1;
                }
            }
            let mut inner = None;
            for axis in (first_old..old).filter(|&axis| self.shape[axis] != 1).rev() {
                if let Some((inner_axis, stride)) = inner
                    && self.strides[axis] != stride * self.shape[inner_axis] as isize
                {
                    return Ok(None);
                }
                inner = Some((axis, self.strides[axis]));
            }
            let last = (first_old..old).rev().find(|&axis| self.shape[axis] != 1);
            let mut stride = last.map_or(0, |axis| self.strides[axis]);
            for axis in (first_new..new).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as isize;
            }
        }
        Ok(Some(Self { shape, strides, offset: self.offset }))
    }

    /// Windows of `size` taken every `step` along `axis`: the axis becomes the number of windows, and a last axis of
    /// length `size` runs inside of each window. Windows that overlap share elements.
    ///
    /// # Errors
    /// No such axis, a size of 0 or beyond the axis, a step of 0, or too many axes.
    pub fn windows(&self, axis: usize, size: usize, step: usize) -> Result<Self, Error> {
        let op = "windows";
        self.check_axis(op, axis)?;
        let len = self.shape[axis];
        if step == 0 || size == 0 {
            return Err(Error::Setting { op, why: "size and step must be at least 1" });
        }
        if size > len {
            return Err(Error::Range { op, axis, start: 0, end: size, len });
        }
        let mut layout = *self;
        layout.shape = self.shape.with(axis, (len - size) / step + 1)?.insert(self.rank(), size)?;
        // Over one window nothing steps, as in `slice`.
        if layout.shape[axis] > 1 {
            layout.strides[axis] = self.strides[axis] * step as isize;
        }
        layout.strides[self.rank()] = self.strides[axis];
        Ok(layout)
    }
}

#[cfg(test)]
mod tests;
