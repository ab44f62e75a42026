//! Losses: how far predictions are from what was wanted, as one number to make small.
//!
//! Each loss is a small struct that holds its settings and implements [`Loss`]: it gives the losses of the samples, and
//! [`Over`] says how they become one, with weights and masks. All run on every kind of value.
//!
//! | predictions | targets | losses |
//! |---|---|---|
//! | numbers | numbers | [`Mse`], [`Mae`], [`Huber`], [`LogCosh`] |
//! | logits of classes | [`Labels`] or distributions | [`CrossEntropy`]; with labels [`Focal`], [`Hinge`] |
//! | logits of yes or no | 0 or 1 | [`BinaryCrossEntropy`], [`Focal`] |
//! | scores | -1 or 1 | [`Hinge`] |
//! | logarithms of probabilities | distributions | [`Kl`] |
//! | rates of counts | counts | [`Poisson`] |
//! | means | targets and variances | [`Gaussian`] |
//! | embeddings | other embeddings | [`Cosine`], [`Contrastive`], [`Triplet`] |
//! | corners of boxes | corners of boxes | [`Iou`] |
//! | probabilities of pixels | 0 or 1 | [`Dice`] |
//!
//! Classes lie along the last axis; of `[N, C, H, W]` and the like, [`Along`] takes a loss along another one.

mod along;
mod binary;
mod boxes;
mod dice;
mod distance;
mod embedding;
mod entropy;
mod hinge;
mod labels;
mod likelihood;
mod over;

pub use along::Along;
pub use binary::{BinaryCrossEntropy, Focal};
pub use boxes::Iou;
pub use dice::Dice;
pub use distance::{Huber, LogCosh, Mae, Mse, mse};
pub use embedding::{Contrastive, Cosine, Triplet};
pub use entropy::{CrossEntropy, cross_entropy};
pub use hinge::Hinge;
pub use labels::Labels;
pub use likelihood::{Gaussian, Kl, Poisson};
pub use over::{Loss, Over, Reduction, Target, Terms};

use crate::Error as Wrong;
use tress_autograd::{Arrange, Fused, Value};
use tress_tensor::{Error, Shape};

/// A mistake if predictions and targets are not of one shape: broadcasting one against the other is nearly always wrong.
#[track_caller]
fn unfit<V: Value>(op: &'static str, x: &V, target: &V) -> Option<V> {
    let (left, right) = (x.shape(), target.shape());
    let why = "predictions and targets must have one shape";
    match left == right {
        true => None,
        false => Some(x.fail(Error::Mismatch { op, left, right, why, lengths: None })),
    }
}

/// A mistake unless `numbers` has one number for each row of `x [.., d]`.
#[track_caller]
fn uneven<V: Value>(op: &'static str, x: &V, numbers: &V, why: &'static str) -> Option<V> {
    let (left, right) = (x.shape(), numbers.shape());
    match left.rank() > 0 && left[..left.rank() - 1] == right[..] {
        true => None,
        false => Some(x.fail(Error::Mismatch { op, left, right, why, lengths: None })),
    }
}

/// A mistake unless `x` has rows: an axis along which a loss is taken.
#[track_caller]
fn rowless<V: Value>(op: &'static str, x: &V) -> Option<V> {
    match x.shape().rank() {
        0 => Some(x.fail(Error::Unfit { op, shape: x.shape(), why: "rows are wanted, [.., n]" })),
        _ => None,
    }
}

/// A mistake unless `x [.., classes]` has one row for each label.
#[track_caller]
fn unlabelled<V: Value>(op: &'static str, x: &V, labels: &Labels) -> Option<V> {
    let (left, classes) = (x.shape(), labels.classes());
    if left.last() == Some(&classes) && Some(left.len()) == labels.len().checked_mul(classes) {
        return None;
    }
    let why = "the logits must be [labels, classes]";
    Some(match Shape::named(op, &[labels.len(), classes]) {
        Ok(right) => x.fail(Error::Mismatch { op, left, right, why, lengths: None }),
        Err(error) => x.fail(error),
    })
}

/// Of each row of `table [.., classes]` the number of its label: `[labels]`.
#[track_caller]
fn at_labels<V: Value>(table: &V, labels: &Labels) -> V {
    match labels.places() {
        Some(places) => table.reshape([labels.len() * labels.classes()]).gather(0, &places),
        None => {
            let why = "labels times classes must fit 32 bits, of one batch; take fewer labels at a time";
            table.fail(Error::Unfit { op: "labels", shape: table.shape(), why })
        }
    }
}

/// `x [rows]` in the shape of the rows of `like [.., n]`.
#[track_caller]
fn as_rows<V: Value>(x: V, like: &V) -> V {
    let shape = like.shape();
    let rows = &shape[..shape.rank().saturating_sub(1)];
    if x.shape()[..] == *rows { x } else { x.reshape(rows) }
}

/// A setting that must be finite and not negative.
fn sound(of: &'static str, why: &'static str, setting: f64) -> Result<f64, Wrong> {
    match setting >= 0.0 && setting.is_finite() {
        true => Ok(setting),
        false => Err(Wrong::Setting { of, why }),
    }
}

/// Weights of classes, each finite and not negative.
fn sound_weights(of: &'static str, weights: &[f64]) -> Result<alloc::vec::Vec<f64>, Wrong> {
    match weights.iter().all(|&w| w >= 0.0 && w.is_finite()) {
        true => Ok(weights.to_vec()),
        false => Err(Wrong::Setting { of, why: "class weights must be finite and not negative" }),
    }
}

/// A mistake unless there is one weight for each class.
#[track_caller]
fn unweighted<V: Value>(op: &'static str, x: &V, weights: Option<&[f64]>) -> Option<V> {
    let (left, weights) = (x.shape(), weights?);
    if left.last() == Some(&weights.len()) {
        return None;
    }
    let why = "one weight for each class is wanted";
    Some(match Shape::named(op, &[weights.len()]) {
        Ok(right) => x.fail(Error::Mismatch { op, left, right, why, lengths: None }),
        Err(error) => x.fail(error),
    })
}

/// Leaves the function with a mistake, if there is one.
macro_rules! refuse {
    ($($mistake:expr),+ $(,)?) => {
        $(if let Some(mistake) = $mistake {
            return mistake.into();
        })+
    };
}
use refuse;
