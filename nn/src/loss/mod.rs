//! Losses: how far predictions are from what was wanted, as one number to make small.

mod distance;
mod entropy;
mod labels;

pub use distance::{huber, l1, mse};
pub use entropy::{CrossEntropy, Reduction, binary_cross_entropy, cross_entropy, soft_cross_entropy};
pub use labels::Labels;

use tress_autograd::Value;
use tress_tensor::Error;

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
