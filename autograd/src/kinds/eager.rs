//! The value that computes at once and records nothing: inference, and the inside of every other kind.

use super::Stacked;
use crate::Mistake;
use crate::op::{Conv, ConvRole, Op, Operation, Pick};
use crate::value::{Value, operators};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::panic::Location;
use tress_tensor::{Float, Shape, Tensor};

/// A tensor, or the first mistake that was made on the way to it.
#[derive(Clone, Debug)]
// A mistake is rare and larger than a tensor: behind a pointer, it makes no tape longer.
pub struct Eager<T: Float = f32>(Result<Tensor<T>, Box<Mistake>>);

impl<T: Float> Eager<T> {
    /// A value from a tensor.
    pub fn new(tensor: Tensor<T>) -> Self {
        Self(Ok(tensor))
    }

    /// The tensor.
    ///
    /// # Errors
    /// The first mistake of the computation, with its place in the source.
    pub fn tensor(&self) -> Result<&Tensor<T>, Mistake> {
        self.0.as_ref().map_err(|mistake| **mistake)
    }

    /// The only number.
    ///
    /// # Errors
    /// The first mistake of the computation, or there is not exactly one number.
    #[track_caller]
    pub fn item(&self) -> Result<T, Mistake> {
        match self.tensor()?.item() {
            Ok(number) => Ok(number),
            Err(error) => Err(Mistake::here(error)),
        }
    }
}

impl<T: Float> From<Tensor<T>> for Eager<T> {
    fn from(tensor: Tensor<T>) -> Self {
        Self::new(tensor)
    }
}

impl<T: Float> Value for Eager<T> {
    type Elem = T;

    #[track_caller]
    fn apply(op: Op, xs: &[&Self]) -> Self {
        Self::apply_at(op, xs, Location::caller())
    }

    #[inline(always)]
    #[track_caller]
    fn perform(op: impl Operation, xs: &[&Self]) -> Self {
        let place = Location::caller();
        let computed = match xs {
            [Eager(Ok(a)), Eager(Ok(b))] => op.compute(&[a, b]),
            [Eager(Ok(a)), Eager(Ok(b)), Eager(Ok(c))] => op.compute(&[a, b, c]),
            _ => match xs.iter().map(|x| x.tensor()).collect::<Result<Vec<_>, _>>() {
                Ok(tensors) => op.compute(&tensors),
                Err(mistake) => return Self(Err(Box::new(mistake))),
            },
        };
        match computed {
            Ok(tensor) => Self(Ok(tensor)),
            Err(error) => Self(Err(Box::new(Mistake { error, place }))),
        }
    }

    fn apply_at(op: Op, xs: &[&Self], place: &'static Location<'static>) -> Self {
        // Most operations have one to three operands: no list on the heap for them.
        let computed = match xs {
            [Eager(Ok(a))] => op.eval(&[a]),
            [Eager(Ok(a)), Eager(Ok(b))] => op.eval(&[a, b]),
            [Eager(Ok(a)), Eager(Ok(b)), Eager(Ok(c))] => op.eval(&[a, b, c]),
            _ => match xs.iter().map(|x| x.tensor()).collect::<Result<Vec<_>, _>>() {
                Ok(tensors) => op.eval(&tensors),
                Err(mistake) => return Self(Err(Box::new(mistake))),
            },
        };
        match computed {
            Ok(tensor) => Self(Ok(tensor)),
            Err(error) => Self(Err(Box::new(Mistake { error, place }))),
        }
    }

    fn on_stack(op: &Op, xs: &[&Stacked<Self>]) -> Option<Self> {
        // K cotangents of one image: it is gathered, or looked through for its maxima, where it lies.
        let [Stacked::Shared(Eager(Ok(x))), Stacked::Each(Eager(Ok(g)))] = xs else { return None };
        let computed = match op {
            Op::Conv(Conv { window, groups, role: ConvRole::Weight, .. }) => {
                x.conv2d_weights(g, *window, *groups)
            }
            Op::MaxPool(window, Pick::Scatter) => x.max_pool_scatters(g, *window),
            _ => return None,
        };
        computed.ok().map(Self::new)
    }

    fn shape(&self) -> Shape {
        self.0.as_ref().map_or(Shape::SCALAR, |tensor| *tensor.shape())
    }

    fn lift(&self, constant: Tensor<T>) -> Self {
        Self(self.0.as_ref().map(|_| constant).map_err(Box::clone))
    }

    fn mistake(&self) -> Option<Mistake> {
        self.tensor().err()
    }

    fn wrong(&self, mistake: Mistake) -> Self {
        Self(Err(Box::new(self.mistake().unwrap_or(mistake))))
    }
}

operators!([T: Float] Eager<T>);
