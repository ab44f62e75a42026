//! Elements picked by index, put back, and joined.

use super::super::Tensor;
use crate::kernel::{copy, index};
use crate::{Element, Error, Float, Layout, Shape};
use core::ops::Range;

impl<T: Element> Tensor<T> {
    /// Tensors end to end along an axis; all other axes are equal.
    ///
    /// # Errors
    /// No tensor at all, no such axis, or another axis that differs.
    pub fn concat(tensors: &[&Self], axis: usize) -> Result<Self, Error> {
        let op = "concat";
        let first =
            tensors.first().ok_or(Error::Setting { op, why: "at least one tensor is wanted" })?.shape();
        let mut total = 0usize;
        for tensor in tensors {
            let shape = tensor.shape();
            let len = *shape.get(axis).ok_or(Error::Axis { op, axis, shape: *shape })?;
            super::same(op, &shape.with(axis, *first.get(axis).unwrap_or(&0))?, first)?;
            total = total.saturating_add(len);
        }
        let whole = Layout::contiguous(first.with(axis, total)?);
        let mut parts = alloc::vec::Vec::with_capacity(tensors.len());
        let mut start = 0;
        for tensor in tensors {
            let end = start + tensor.shape()[axis];
            parts.push(whole.slice(axis, start, end, 1)?);
            start = end;
        }
        Ok(Self::written(*whole.shape(), |out| {
            for (tensor, part) in tensors.iter().zip(&parts) {
                copy::place(tensor.view(), out, part);
            }
        }))
    }

    /// `len` numbers: those of each part in its place, zeros between. Nothing is written twice.
    ///
    /// # Errors
    /// A place that begins before the last one ends or reaches past the end, or that is not as long as its part.
    pub fn assembled<'a>(
        len: usize,
        parts: impl Iterator<Item = (Range<usize>, &'a Self)> + Clone,
    ) -> Result<Self, Error> {
        let op = "assembled";
        let mut end = 0;
        for (place, part) in parts.clone() {
            if place.start < end || place.end > len || place.len() != part.len() {
                let why = "parts must be as long as their places, which ascend";
                return Err(Error::Unfit { op, shape: *part.shape(), why });
            }
            end = place.end;
        }
        Ok(Self::written(Shape::named(op, &[len])?, |out| {
            let mut end = 0;
            for (place, part) in parts {
                out[end..place.start].fill(T::default());
                end = place.end;
                copy::copy(part.view(), &mut out[place]);
            }
            out[end..].fill(T::default());
        }))
    }

    /// Zeros, with `self` at the places that [`slice`](Tensor::slice) would take from an axis of length `len`: the
    /// transpose of slicing.
    ///
    /// # Errors
    /// No such axis or range, or `self` does not have its shape.
    pub fn unslice(
        &self,
        axis: usize,
        start: usize,
        end: usize,
        step: usize,
        len: usize,
    ) -> Result<Self, Error> {
        let whole = Layout::contiguous(self.shape().with(axis, len)?);
        let part = whole.slice(axis, start, end, step)?;
        super::same("unslice", self.shape(), part.shape())?;
        let mut out = Self::zeros(*whole.shape())?;
        copy::place(self.view(), out.make_mut(), &part);
        Ok(out)
    }

    /// `x[index]` along an axis, which becomes the axes of the index.
    ///
    /// # Errors
    /// No such axis, an index beyond it, or too many axes.
    pub fn gather(&self, axis: usize, index: &Tensor<u32>) -> Result<Self, Error> {
        let op = "gather";
        let shape = *self.shape();
        let len = *shape.get(axis).ok_or(Error::Axis { op, axis, shape })?;
        let places = index.contiguous();
        let places = places.as_slice().unwrap_or_default();
        in_range(op, axis, places, len)?;
        let result = splice(op, &shape, axis, 1, index.shape())?;
        let inner = shape[axis + 1..].iter().product();
        let x = self.contiguous();
        let numbers = x.as_slice().unwrap_or_default();
        Ok(Self::written(result, |out| index::gather(numbers, places, len, inner, out)))
    }
}

impl<T: Float> Tensor<T> {
    /// 1 at each index and 0 elsewhere, along a new last axis of length `classes`.
    ///
    /// # Errors
    /// An index that is not below `classes`, or too many axes.
    pub fn one_hot(index: &Tensor<u32>, classes: usize) -> Result<Self, Error> {
        let (op, rank) = ("one_hot", index.rank());
        let shape = index.shape().insert(rank, classes).map_err(|error| error.named(op))?;
        let places = index.contiguous();
        let places = places.as_slice().unwrap_or_default();
        in_range(op, rank, places, classes)?;
        let mut out = Self::zeros(shape)?;
        if classes > 0 {
            let rows = out.make_mut().chunks_exact_mut(classes);
            rows.zip(places).for_each(|(row, &place)| row[place as usize] = T::ONE);
        }
        Ok(out)
    }

    /// Zeros of length `len` along an axis, with each part of `self` added at its index: the transpose of
    /// [`gather`](Tensor::gather). Parts with one index are added in their order.
    ///
    /// # Errors
    /// `self` does not have the axes of the index at `axis`, or an index is not below `len`.
    pub fn scatter(&self, axis: usize, index: &Tensor<u32>, len: usize) -> Result<Self, Error> {
        let op = "scatter";
        let (shape, places) = (*self.shape(), index.contiguous());
        if axis > shape.rank() || shape.get(axis..axis + index.rank()) != Some(&**index.shape()) {
            let why = "the operand must have the axes of the index at its axis";
            return Err(Error::Mismatch { op, left: shape, right: *index.shape(), why, lengths: None });
        }
        let places = places.as_slice().unwrap_or_default();
        in_range(op, axis, places, len)?;
        let result = splice(op, &shape, axis, index.rank(), &Shape::named(op, &[len])?)?;
        let inner = shape[axis + index.rank()..].iter().product();
        let g = self.contiguous();
        let numbers = g.as_slice().unwrap_or_default();
        Ok(Self::written(result, |out| index::scatter_add(numbers, places, len, inner, out)))
    }
}

pub(super) fn in_range(op: &'static str, axis: usize, places: &[u32], len: usize) -> Result<(), Error> {
    match places.iter().find(|&&place| place as usize >= len) {
        Some(&place) => {
            let start = place as usize;
            Err(Error::Range { op, axis, start, end: start.saturating_add(1), len })
        }
        None => Ok(()),
    }
}

/// `shape` with `count` axes from `axis` on replaced by those of `middle`.
fn splice(
    op: &'static str,
    shape: &Shape,
    axis: usize,
    count: usize,
    middle: &Shape,
) -> Result<Shape, Error> {
    let rank = shape.rank() - count + middle.rank();
    if rank > Shape::MAX_RANK {
        return Err(Error::Rank { op, rank });
    }
    let mut lengths = [0; Shape::MAX_RANK];
    lengths[..axis].copy_from_slice(&shape[..axis]);
    lengths[axis..axis + middle.rank()].copy_from_slice(middle);
    lengths[axis + middle.rank()..rank].copy_from_slice(&shape[axis + count..]);
    Shape::named(op, &lengths[..rank])
}
