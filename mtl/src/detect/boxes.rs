//! Boxes that are there, boxes that were found, and what is left of several on one place.

use alloc::vec::Vec;

use tress_nn::metric::{BoxPrecision, Detected};
use tress_tensor::Tensor;

use crate::error::Result;

/// An object of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Left, top, right and bottom in pixels: `x1, y1, x2, y2`, where right and bottom are the first pixels outside.
    pub corners: [f64; 4],
    /// Its class.
    pub class: u32,
}

/// An object that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// As those of an [`Object`].
    pub corners: [f64; 4],
    /// Its class.
    pub class: u32,
    /// How sure it is, between 0 and 1.
    pub score: f64,
}

/// Intersection over union of two boxes: 0 if they do not touch, 1 if they are the same. Empty boxes overlap nothing.
pub fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |c: &[f64; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let shared = side(0) * side(1);
    let union = area(a) + area(b) - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

/// Greedy non-maximum suppression: from the highest score to the lowest, a detection stays unless it overlaps one of its
/// class that stays by more than `most`. They come out in that order; of equal scores the first stays first.
pub fn suppress(mut detections: Vec<Detection>, most: f64) -> Vec<Detection> {
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::with_capacity(detections.len());
    for detection in detections {
        let hides = |other: &Detection| {
            other.class == detection.class && overlap(&other.corners, &detection.corners) > most
        };
        if !kept.iter().any(hides) {
            kept.push(detection);
        }
    }
    kept
}

/// Takes one picture into mean average precision: what was found, and what is there.
///
/// # Errors
/// A class that the metric does not have, or a number that is not finite.
pub fn count(precision: &mut BoxPrecision, found: &[Detection], there: &[Object]) -> Result<()> {
    let table = |corners: Vec<[f64; 4]>| Tensor::new([corners.len(), 4], &corners.concat());
    let boxes = table(found.iter().map(|found| found.corners).collect())?;
    let scores: Vec<f64> = found.iter().map(|found| found.score).collect();
    let classes: Vec<u32> = found.iter().map(|found| found.class).collect();
    let truth: Vec<u32> = there.iter().map(|object| object.class).collect();
    let detected = Detected { boxes: &boxes, scores: &scores, classes: &classes };
    Ok(precision.add(detected, &table(there.iter().map(|object| object.corners).collect())?, &truth)?)
}
