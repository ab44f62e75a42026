//! Functions of one and two tensors, element by element, and copies.

use super::super::Tensor;
use super::same;
use crate::kernel::{self, Kernels};
use crate::pointwise::{Map, Zip};
use crate::{Element, Error, Float};

impl<T: Element> Tensor<T> {
    /// A dense copy in row-major order.
    pub(in crate::tensor) fn to_dense(&self) -> Self {
        Self::written(*self.shape(), |out| kernel::copy::copy(self.view(), out))
    }

    /// The same numbers as another type: exact where they fit, else as [`Element::from_f64`] says.
    pub fn cast<U: Element>(&self) -> Tensor<U> {
        Tensor::written(*self.shape(), |out| kernel::copy::cast(self.view(), out))
    }
}

impl<T: Float> Tensor<T> {
    /// `f(x)`.
    pub fn map(&self, map: Map) -> Self {
        Self::written(*self.shape(), |out| T::map(map, self.view(), out))
    }

    /// `f(x)`, in place if the numbers are dense and nobody else sees them.
    pub fn map_mut(&mut self, map: Map) {
        T::map_in_place(map, self.make_mut());
    }

    /// `g f'(kept)` in one pass, where `kept` is what [`Map::keep`] says.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn map_grad(map: Map, kept: &Self, g: &Self) -> Result<Self, Error> {
        same("map_grad", kept.shape(), g.shape())?;
        Ok(Self::written(*kept.shape(), |out| T::map_grad(map, kept.view(), g.view(), out)))
    }

    /// `f(a, b)` for tensors of one shape; [`expand`](Tensor::expand) makes them so without copying.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn zip(&self, zip: Zip, other: &Self) -> Result<Self, Error> {
        same(zip.name(), self.shape(), other.shape())?;
        Ok(Self::written(*self.shape(), |out| T::zip(zip, self.view(), other.view(), out)))
    }

    /// `f(self, other)`, over `self`; in place if its numbers are dense and nobody else sees them.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn zip_mut(&mut self, zip: Zip, other: &Self) -> Result<(), Error> {
        same(zip.name(), self.shape(), other.shape())?;
        T::zip_in_place(zip, self.make_mut(), other.view());
        Ok(())
    }

    /// `a` where `self` is not zero, else `b`.
    ///
    /// # Errors
    /// The shapes differ.
    pub fn select(&self, a: &Self, b: &Self) -> Result<Self, Error> {
        same("select", self.shape(), a.shape())?;
        same("select", self.shape(), b.shape())?;
        let views = (self.view(), a.view(), b.view());
        Ok(Self::written(*self.shape(), |out| <T as Kernels>::select(views.0, views.1, views.2, out)))
    }

    /// Zero with probability `rate`, else `x / (1 - rate)`. Whether an element is zero follows from the seed and its
    /// place in row-major order alone.
    ///
    /// # Errors
    /// The rate is not in `0.0..1.0`.
    pub fn dropout(&self, rate: f64, seed: u64) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::Setting { op: "dropout", why: "the rate must be at least 0 and below 1" });
        }
        Ok(Self::written(*self.shape(), |out| T::dropout(self.view(), rate, seed, out)))
    }
}
