//! Products, convolutions, pooling, indexing and the functions along the last axis.

use super::pointwise::{settle, spread};
use super::{Pointwise, Value};
use crate::op::{Conv, ConvRole, Dropout, Epilogue, Index, MaxRole, Op, Product, Role};
use core::borrow::Borrow;
use tress_tensor::pointwise::{Keep, Map};
use tress_tensor::{Shape, Window};

/// The operations that do the work of a network.
pub trait Fused: Value {
    /// `a [.., m, k]` times `b [.., k, n]`: `[.., m, n]`; the axes before the last two broadcast.
    #[track_caller]
    fn matmul(&self, other: impl Borrow<Self>) -> Self {
        let other = other.borrow();
        let (a, b) = (self.shape(), other.shape());
        let op = Op::Product(Product::default());
        if a.rank() < 2 || b.rank() < 2 || a[..a.rank() - 2] == b[..b.rank() - 2] {
            return Self::apply(op, &[self, other]);
        }
        let batch = |x: &Shape| Shape::named("matmul", &x[..x.rank() - 2]);
        let left = settle!(self, batch(&a));
        let batch = settle!(self, batch(&b).and_then(|right| left.broadcast(&right, "matmul")));
        let whole = |x: &Shape| {
            let rows = batch.insert(batch.rank(), x[x.rank() - 2])?;
            rows.insert(batch.rank() + 1, x[x.rank() - 1])
        };
        let (a, b) = (settle!(self, whole(&a)), settle!(self, whole(&b)));
        Self::apply(op, &[&spread(self, a), &spread(other, b)])
    }

    /// `activation(x w + bias)` in one pass: `x [m, k]`, `w [k, n]`, `bias [n]`.
    #[track_caller]
    fn affine(&self, w: impl Borrow<Self>, bias: Option<&Self>, activation: Option<Map>) -> Self {
        let (epilogue, after) = fusable(bias.is_some(), activation);
        let op = Op::Product(Product { epilogue, ..Product::default() });
        let y = match bias {
            Some(bias) => Self::apply(op, &[self, w.borrow(), bias]),
            None => Self::apply(op, &[self, w.borrow()]),
        };
        match after {
            Some(map) => y.map(map),
            None => y,
        }
    }

    /// Two-dimensional convolution: images `[N, C, H, W]`, weights `[O, C / groups, kh, kw]`, bias `[O]`; the window's
    /// sizes are those of the image and the kernel.
    #[track_caller]
    fn conv2d(
        &self,
        w: impl Borrow<Self>,
        bias: Option<&Self>,
        window: Window,
        groups: usize,
        activation: Option<Map>,
    ) -> Self {
        let (epilogue, after) = fusable(bias.is_some(), activation);
        let op = Op::Conv(Conv { window, groups, role: ConvRole::Output, epilogue });
        let y = match bias {
            Some(bias) => Self::apply(op, &[self, w.borrow(), bias]),
            None => Self::apply(op, &[self, w.borrow()]),
        };
        match after {
            Some(map) => y.map(map),
            None => y,
        }
    }

    /// The largest in each window of `[N, C, H, W]`.
    #[track_caller]
    fn max_pool(&self, window: Window) -> Self {
        Self::apply(Op::MaxPool(window, MaxRole::Output), &[self])
    }

    /// The mean of each window of `[N, C, H, W]`; padding counts as zeros.
    #[track_caller]
    fn mean_pool(&self, window: Window) -> Self {
        Self::apply(Op::MeanPool(window, Role::Output), &[self])
    }

    /// `x[index]` along an axis, which becomes the axes of the index.
    #[track_caller]
    fn gather(&self, axis: usize, index: &Index) -> Self {
        Self::apply(Op::Gather(axis, index.clone()), &[self])
    }

    /// `exp(x) / sum exp(x)` along the last axis.
    #[track_caller]
    fn softmax(&self) -> Self {
        Self::apply(Op::Softmax, &[self])
    }

    /// `x - ln sum exp(x)` along the last axis.
    #[track_caller]
    fn log_softmax(&self) -> Self {
        Self::apply(Op::LogSoftmax, &[self])
    }

    /// Zero with probability `rate`, else `x / (1 - rate)` (Srivastava et al. 2014, "inverted"). The same seed drops
    /// the same places of a shape.
    #[track_caller]
    fn dropout(&self, rate: f64, seed: u64) -> Self {
        Self::apply(Op::Dropout(Dropout { rate, seed }), &[self])
    }
}

impl<V: Value> Fused for V {}

/// What of an activation goes into the epilogue, and what has to follow as an operation of its own.
fn fusable(bias: bool, activation: Option<Map>) -> (Epilogue, Option<Map>) {
    match activation {
        Some(map) if map.keep() == Keep::Output => (Epilogue { bias, activation }, None),
        later => (Epilogue { bias, activation: None }, later),
    }
}
