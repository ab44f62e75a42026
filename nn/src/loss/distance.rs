//! Distances between predictions and targets: squared, absolute, and Huber's.

use super::unfit;
use tress_autograd::{Pointwise, Reduce, Value};

/// The mean of `(x - target)^2`; both of one shape.
#[track_caller]
pub fn mse<V: Value>(x: &V, target: &V) -> V {
    if let Some(mistake) = unfit("mse", x, target) {
        return mistake;
    }
    (x.clone() - target.clone()).square().mean_all()
}

/// The mean of `|x - target|`; both of one shape. The gradient is 0 where they are equal.
#[track_caller]
pub fn l1<V: Value>(x: &V, target: &V) -> V {
    if let Some(mistake) = unfit("l1", x, target) {
        return mistake;
    }
    (x.clone() - target.clone()).abs().mean_all()
}

/// The mean of `d^2 / 2` where the distance `d` is below `delta`, and of `delta (d - delta / 2)` elsewhere (Huber 1964,
/// "Robust estimation of a location parameter"); both of one shape.
#[track_caller]
pub fn huber<V: Value>(x: &V, target: &V, delta: f64) -> V {
    if let Some(mistake) = unfit("huber", x, target) {
        return mistake;
    }
    let distance = (x.clone() - target.clone()).abs();
    let near = distance.clamp(0.0, delta);
    (near.clone() * (distance - near.scale(0.5))).mean_all()
}
