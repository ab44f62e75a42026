//! A step along a direction that is neither too short nor too long: the strong conditions of Wolfe.

use crate::Error;
use tress_tensor::{Float, Tensor};

/// How much of the decrease that the slope promises must be had (Nocedal & Wright 2006, equation 3.7a).
const DECREASE: f64 = 1e-4;
/// How much of the slope may be left (ibid., equation 3.7b).
const CURVATURE: f64 = 0.9;
/// The most points that are tried.
const MOST: u32 = 25;

/// What is known of the loss at one point of the line.
#[derive(Clone, Debug)]
pub(super) struct Point<T: Float> {
    /// The length of the step.
    pub(super) t: f64,
    pub(super) loss: f64,
    /// The derivative along the direction.
    pub(super) slope: f64,
    pub(super) gradient: Tensor<T>,
}

/// From `start` (with `t` 0) on, the first step length tried being `t`; `reach` is the largest number of the direction, and
/// `tolerance` the smallest change of a parameter that is worth a try.
///
/// The search brackets a good length and then narrows the bracket (Nocedal & Wright 2006, algorithms 3.5 and 3.6), by the
/// minimum of the cubic through values and slopes of its ends (ibid., equation 3.59), which is kept away from the ends
/// where that makes no progress. Returns the best point. One whose loss or slope is not finite is none to stay at.
pub(super) fn strong_wolfe<T: Float, E: From<Error>>(
    start: &Point<T>,
    t: f64,
    reach: f64,
    tolerance: f64,
    mut at: impl FnMut(f64) -> Result<Point<T>, E>,
) -> Result<Point<T>, E> {
    // A finite loss with a gradient that is NaN somewhere is no place to go on from either.
    let mut at = |t| {
        at(t).map(|point| match point.slope.is_finite() {
            true => point,
            false => Point { loss: f64::NAN, ..point },
        })
    };
    // A NaN is not low enough.
    let low_enough = |point: &Point<T>| point.loss <= start.loss + DECREASE * point.t * start.slope;
    let flat = |point: &Point<T>| point.slope.abs() <= -CURVATURE * start.slope;

    let (mut before, mut now, mut tried) = (start.clone(), at(t)?, 1);
    // The ends of the bracket: the lower one first.
    let (mut low, mut high) = loop {
        if tried > MOST {
            break ordered(start.clone(), now);
        }
        if !low_enough(&now) || (tried > 2 && now.loss >= before.loss) {
            break ordered(before, now);
        }
        if flat(&now) {
            return Ok(now);
        }
        if now.slope >= 0.0 {
            break ordered(before, now);
        }
        // Still falling: further on, but at most ten times as far.
        let bounds = [now.t + 0.01 * (now.t - before.t), now.t * 10.0];
        let next = cubic_minimum(&before, &now, bounds);
        before = core::mem::replace(&mut now, at(next)?);
        tried += 1;
    };

    let mut slow = false;
    while tried <= MOST && (high.t - low.t).abs() * reach >= tolerance {
        let (left, right) = (low.t.min(high.t), low.t.max(high.t));
        let mut next = cubic_minimum(&low, &high, [left, right]);
        let margin = 0.1 * (right - left);
        if (right - next).min(next - left) < margin {
            // Near an end: borne once, unless it is the end itself.
            if slow || next >= right || next <= left {
                let nearer_right = (next - right).abs() < (next - left).abs();
                next = if nearer_right { right - margin } else { left + margin };
                slow = false;
            } else {
                slow = true;
            }
        } else {
            slow = false;
        }
        let now = at(next)?;
        tried += 1;
        if !low_enough(&now) || now.loss >= low.loss {
            (low, high) = ordered(low, now);
        } else {
            if flat(&now) {
                return Ok(now);
            }
            // The minimum is on the side to which the slope falls.
            if now.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = now;
        }
    }
    Ok(low)
}

/// The point with the lower loss, then the other.
fn ordered<T: Float>(a: Point<T>, b: Point<T>) -> (Point<T>, Point<T>) {
    if b.loss < a.loss { (b, a) } else { (a, b) }
}

/// Where the cubic with the values and slopes of two points has its minimum, within bounds; the middle of these if it has
/// none.
fn cubic_minimum<T: Float>(a: &Point<T>, b: &Point<T>, [low, high]: [f64; 2]) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let width = b.t - a.t;
    let sum = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = sum * sum - a.slope * b.slope;
    if square >= 0.0 {
        let root = libm::sqrt(square);
        let t = b.t - width * ((b.slope + root - sum) / (b.slope - a.slope + 2.0 * root));
        return t.max(low).min(high);
    }
    (low + high) / 2.0
}
