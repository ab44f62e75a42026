//! Residual connections.

use super::{Layer, Step};
use crate::Bound;
use alloc::boxed::Box;
use tress_autograd::Value;
use tress_tensor::Error;

/// `x + f(x)` for a layer `f` that keeps the shape (He et al. 2016, "Deep residual learning for image recognition",
/// equation 1), or `s(x) + f(x)` with a shortcut that brings `x` to the shape of `f(x)` (equation 2).
///
/// ```
/// use tress_nn::{Conv2d, Params, Residual, Sequential};
/// use tress_tensor::pointwise::Map;
///
/// let mut params = Params::<f32>::new(0);
/// let mut block = params.scope("block");
/// let inside = Sequential::new()
///     .then(Conv2d::builder(8, 16, [3, 3]).same().activation(Map::Relu).build(&mut block.scope("first"))?)
///     .then(Conv2d::builder(16, 16, [3, 3]).same().build(&mut block.scope("second"))?);
/// let shortcut = Conv2d::new(&mut block.scope("shortcut"), 8, 16, [1, 1])?;
/// let block = Residual::new(inside).shortcut(shortcut);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    inside: Box<Step>,
    shortcut: Option<Box<Step>>,
}

impl Residual {
    /// Around a layer, or a [`Sequential`](super::Sequential) of some.
    pub fn new(inside: impl Into<Step>) -> Self {
        Self { inside: Box::new(inside.into()), shortcut: None }
    }

    /// With a layer on the way around.
    pub fn shortcut(self, shortcut: impl Into<Step>) -> Self {
        Self { shortcut: Some(Box::new(shortcut.into())), ..self }
    }

    /// The layer inside.
    pub fn inside(&self) -> &Step {
        &self.inside
    }

    /// The layer on the way around.
    pub fn around(&self) -> Option<&Step> {
        self.shortcut.as_deref()
    }
}

impl Layer for Residual {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let y = self.inside.apply(bound, x);
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.apply(bound, x),
            None => x.clone(),
        };
        if let Some(failed) = [&y, &around].into_iter().find(|value| value.mistake().is_some()) {
            return failed.clone();
        }
        let (left, right) = (around.shape(), y.shape());
        if left != right {
            let why = "what goes around must have the shape of what the layer inside gives: add a shortcut";
            return x.fail(Error::Mismatch { op: "residual", left, right, why, lengths: None });
        }
        around + y
    }
}
