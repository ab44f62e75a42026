//! Mean average precision of detected boxes.

use crate::Error;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// How many thresholds of overlap there are: 0.5, 0.55, .. 0.95.
const THRESHOLDS: usize = 10;

/// The most detections of one class in one picture that count.
const MOST: usize = 100;

/// Mean average precision, as the COCO benchmark defines it (Lin et al. 2014, "Microsoft COCO"): at ten thresholds of
/// overlap, with precisions at 101 recalls.
///
/// In each picture and for each class, the 100 detections with the highest scores go, highest first, each to the box that
/// it overlaps most of those that are still free, if intersection over union reaches the threshold; a detection without a
/// box is wrong. Then the detections of all pictures are sorted by score. At each recall `0, 0.01, .. 1` counts the highest
/// precision that is had there or at a higher recall, and average precision is the mean of those. It is averaged over the
/// classes that there are boxes of.
///
/// Recalls are compared exactly, in whole numbers; the benchmark's own program compares rounded ones. It also has boxes
/// that are to be ignored (crowds) and ranges of areas, which are not here.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPrecision {
    classes: Vec<Class>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Class {
    /// The score of each detection, and at which thresholds it has a box: bit `i` for `0.5 + 0.05 i`.
    detections: Vec<(f64, u16)>,
    boxes: u64,
}

/// What was detected in one picture.
#[derive(Clone, Copy, Debug)]
pub struct Detected<'a, T: Float> {
    /// Corners `x1, y1, x2, y2`: `[N, 4]`.
    pub boxes: &'a Tensor<T>,
    /// How sure each is: `N` numbers.
    pub scores: &'a [T],
    /// The class of each: `N` numbers.
    pub classes: &'a [u32],
}

impl BoxPrecision {
    /// Of nothing so far.
    ///
    /// # Errors
    /// So many classes that the counts do not fit into memory.
    pub fn new(classes: usize) -> Result<Self, Error> {
        let why = "the counts of so many classes do not fit into memory";
        let mut all = Vec::new();
        all.try_reserve_exact(classes).map_err(|_| Error::Setting { of: "box precision", why })?;
        all.resize_with(classes, Class::default);
        Ok(Self { classes: all })
    }

    /// Takes in one picture: what was detected, and the right boxes `[M, 4]` with their classes.
    ///
    /// # Errors
    /// Boxes that are not `[N, 4]`, lists of other lengths, a class that is none, or a score or corner that is infinite
    /// or NaN; then nothing is changed.
    pub fn add<T: Float>(
        &mut self,
        detected: Detected<'_, T>,
        boxes: &Tensor<T>,
        classes: &[u32],
    ) -> Result<(), Error> {
        let (found, right) = (corners(detected.boxes)?, corners(boxes)?);
        let lengths = [detected.scores.len(), detected.classes.len()];
        if lengths != [found.len(); 2] || classes.len() != right.len() {
            let why = "a class for each box is wanted, and a score for each that was detected";
            return Err(Error::Setting { of: "box precision", why });
        }
        if detected.scores.iter().any(|score| !score.is_finite()) {
            return Err(Error::Wild { what: "the score of a box" });
        }
        let known = |&class: &u32| (class as usize) < self.classes.len();
        if !detected.classes.iter().chain(classes).all(known) {
            return Err(Error::Setting {
                of: "box precision",
                why: "the class of a box is none of the classes",
            });
        }
        for (class, record) in self.classes.iter_mut().enumerate() {
            let of = |classes: &[u32]| -> Vec<usize> {
                (0..classes.len()).filter(|&i| classes[i] as usize == class).collect()
            };
            let (mut mine, right_ones) = (of(detected.classes), of(classes));
            let score = |i: usize| detected.scores[i].to_f64();
            mine.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            mine.truncate(MOST);
            record.boxes += right_ones.len() as u64;
            // At which thresholds each right box is taken.
            let mut taken = alloc::vec![0u16; right_ones.len()];
            for i in mine {
                let overlaps: Vec<f64> = right_ones.iter().map(|&j| overlap(&found[i], &right[j])).collect();
                let mut hits = 0;
                for bit in 0..THRESHOLDS {
                    let free = |&j: &usize| taken[j] >> bit & 1 == 0 && overlaps[j] >= threshold(bit);
                    // Of equal overlaps the last, as in the benchmark's own program.
                    let best =
                        (0..taken.len()).filter(free).max_by(|&a, &b| overlaps[a].total_cmp(&overlaps[b]));
                    if let Some(j) = best {
                        taken[j] |= 1 << bit;
                        hits |= 1 << bit;
                    }
                }
                record.detections.push((score(i), hits));
            }
        }
        Ok(())
    }

    /// Takes in all that another has.
    ///
    /// # Errors
    /// It is one of another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.classes.len() != other.classes.len() {
            let why = "precisions of different numbers of classes cannot be merged";
            return Err(Error::Setting { of: "box precision", why });
        }
        for (to, from) in self.classes.iter_mut().zip(&other.classes) {
            to.detections.extend_from_slice(&from.detections);
            to.boxes += from.boxes;
        }
        Ok(())
    }

    /// The average precision of a class at threshold number `at` (0 is 0.5, 9 is 0.95); `None` if there are no boxes of
    /// it, or no such threshold.
    pub fn average(&self, class: usize, at: usize) -> Option<f64> {
        let record = self.classes.get(class).filter(|record| record.boxes > 0 && at < THRESHOLDS)?;
        let mut sorted = record.detections.clone();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut right = 0u64;
        // How many are right among the first ones, and their precision.
        let mut curve: Vec<(u64, f64)> = Vec::with_capacity(sorted.len());
        for (i, (_, hits)) in sorted.iter().enumerate() {
            right += (hits >> at & 1) as u64;
            curve.push((right, right as f64 / (i + 1) as f64));
        }
        // The highest precision from each place on.
        for i in (1..curve.len()).rev() {
            curve[i - 1].1 = curve[i - 1].1.max(curve[i].1);
        }
        let at_recall = |hundredths: u64| {
            let enough = curve.partition_point(|&(right, _)| {
                (right as u128) * 100 < hundredths as u128 * record.boxes as u128
            });
            curve.get(enough).map_or(0.0, |&(_, precision)| precision)
        };
        Some((0..=100).map(at_recall).sum::<f64>() / 101.0)
    }

    fn mean_over(&self, thresholds: core::ops::Range<usize>) -> Option<f64> {
        let all = (0..self.classes.len()).flat_map(|class| thresholds.clone().map(move |at| (class, at)));
        let (mut sum, mut count) = (0.0, 0);
        for average in all.filter_map(|(class, at)| self.average(class, at)) {
            sum += average;
            count += 1;
        }
        (count > 0).then(|| sum / count as f64)
    }

    /// The mean over classes and all ten thresholds: AP, or mAP@0.5:0.95.
    pub fn value(&self) -> Option<f64> {
        self.mean_over(0..THRESHOLDS)
    }

    /// The mean over classes at the threshold 0.5: AP50.
    pub fn at_half(&self) -> Option<f64> {
        self.mean_over(0..1)
    }

    /// The mean over classes at the threshold 0.75: AP75.
    pub fn at_three_quarters(&self) -> Option<f64> {
        self.mean_over(5..6)
    }
}

/// Threshold number `i`: the nearest number to its decimal.
fn threshold(i: usize) -> f64 {
    (50 + 5 * i) as f64 / 100.0
}

fn corners<T: Float>(boxes: &Tensor<T>) -> Result<Vec<[f64; 4]>, Error> {
    let shape = *boxes.shape();
    if shape.rank() != 2 || shape[1] != 4 {
        let why = "boxes are [N, 4]: x1, y1, x2, y2";
        return Err(Error::Tensor(tress_tensor::Error::Unfit { op: "box precision", shape, why }));
    }
    let dense = boxes.contiguous();
    let numbers = dense.as_slice().unwrap_or_default();
    if numbers.iter().any(|x| !x.is_finite()) {
        return Err(Error::Wild { what: "the corner of a box" });
    }
    Ok(numbers.as_chunks::<4>().0.iter().map(|corners| corners.map(|x| x.to_f64())).collect())
}

/// Intersection over union; 0 for boxes without area.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let area = |[x1, y1, x2, y2]: &[f64; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
    let shared = area(&[a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}
