//! Sorting along an axis, and the places of what is largest.

use super::super::Tensor;
use crate::kernel::sort::Sort;
use crate::{Error, Float, Shape};

impl<T: Float> Tensor<T> {
    /// The first numbers of each row along the last axis in an order: sorted, or the largest or smallest of them. NaN is
    /// the largest of all; equal numbers keep their order.
    ///
    /// # Errors
    /// There is no axis, or more numbers are wanted than it has.
    pub fn sort(&self, sort: Sort) -> Result<Self, Error> {
        self.sort_gather(self, sort)
    }

    /// The elements of `of` at the places of [`sort`](Tensor::sort)'s numbers.
    ///
    /// # Errors
    /// As there, or the shapes differ.
    pub fn sort_gather(&self, of: &Self, sort: Sort) -> Result<Self, Error> {
        let op = "sort_gather";
        super::same(op, self.shape(), of.shape())?;
        let (x, width, shape) = self.rows(op, sort)?;
        let of = of.contiguous();
        let numbers = (x.as_slice().unwrap_or_default(), of.as_slice().unwrap_or_default());
        Ok(Self::written(shape, |out| T::sort_gather(sort, numbers.0, numbers.1, width, out)))
    }

    /// Zeros, with each of `g` at the place of its number of [`sort`](Tensor::sort): the transpose of
    /// [`sort_gather`](Tensor::sort_gather) in its second operand.
    ///
    /// # Errors
    /// As there, or `g` does not have the shape of the sorted numbers.
    pub fn sort_scatter(&self, g: &Self, sort: Sort) -> Result<Self, Error> {
        let op = "sort_scatter";
        let (x, width, shape) = self.rows(op, sort)?;
        super::same(op, &shape, g.shape())?;
        let g = g.contiguous();
        let numbers = (x.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default());
        Ok(Self::written(*self.shape(), |out| T::sort_scatter(sort, numbers.0, numbers.1, width, out)))
    }

    /// The places of [`sort`](Tensor::sort)'s numbers along the last axis.
    ///
    /// # Errors
    /// As there.
    pub fn argsort(&self, sort: Sort) -> Result<Tensor<u32>, Error> {
        let (x, width, shape) = self.rows("argsort", sort)?;
        let numbers = x.as_slice().unwrap_or_default();
        Ok(Tensor::written(shape, |out| T::sort_places(sort, numbers, width, out)))
    }

    /// The place of the first largest number along an axis, which vanishes; that of the first NaN if there is one.
    ///
    /// # Errors
    /// No such axis, or it is empty.
    pub fn argmax(&self, axis: usize) -> Result<Tensor<u32>, Error> {
        self.extreme("argmax", axis, true)
    }

    /// The place of the first smallest number along an axis, which vanishes; NaN is the largest of all.
    ///
    /// # Errors
    /// No such axis, or it is empty.
    pub fn argmin(&self, axis: usize) -> Result<Tensor<u32>, Error> {
        self.extreme("argmin", axis, false)
    }

    fn extreme(&self, op: &'static str, axis: usize, descending: bool) -> Result<Tensor<u32>, Error> {
        let shape = *self.shape();
        match shape.get(axis) {
            None => return Err(Error::Axis { op, axis, shape }),
            Some(0) => {
                return Err(Error::Unfit { op, shape, why: "an axis is empty, and nothing has no extreme" });
            }
            _ => {}
        }
        let (len, inner) = (shape[axis], shape[axis + 1..].iter().product());
        let x = self.contiguous();
        let (numbers, shape) = (x.as_slice().unwrap_or_default(), shape.remove(axis)?);
        Ok(Tensor::written(shape, |out| T::extreme(descending, numbers, len, inner, out)))
    }

    /// The numbers, dense; the length of the last axis; the shape of a result of sorting.
    fn rows(&self, op: &'static str, sort: Sort) -> Result<(Self, usize, Shape), Error> {
        let width = self.width(op)?;
        if sort.keep > width {
            let (axis, start) = (self.rank() - 1, 0);
            return Err(Error::Range { op, axis, start, end: sort.keep, len: width });
        }
        Ok((self.contiguous(), width, self.shape().with(self.rank() - 1, sort.keep)?))
    }
}
