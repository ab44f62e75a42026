//! Metrics of scores for yes or no, over all thresholds.

use super::expect_rows;
use crate::{Error, Labels};
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// How well scores tell yes from no, whatever the threshold: the area under the ROC curve, and average precision.
///
/// All scores are kept and sorted when a result is asked for, so equal scores are treated exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    scores: Vec<(f64, bool)>,
}

impl Ranking {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in scores of any shape, and for each in row-major order whether it is one of a yes.
    ///
    /// # Errors
    /// Another number of truths than of scores, or a score that is NaN; then nothing is changed.
    pub fn add<T: Float>(&mut self, scores: &Tensor<T>, truth: &[bool]) -> Result<(), Error> {
        let dense = scores.contiguous();
        let numbers = dense.as_slice().unwrap_or_default();
        if numbers.len() != truth.len() {
            return Err(Error::Setting { of: "ranking", why: "one truth for each score is wanted" });
        }
        if numbers.iter().any(|score| score.to_f64().is_nan()) {
            return Err(Error::Wild { what: "a score" });
        }
        self.scores.extend(numbers.iter().zip(truth).map(|(score, &truth)| (score.to_f64(), truth)));
        Ok(())
    }

    /// Takes in all that another has.
    pub fn merge(&mut self, other: &Self) {
        self.scores.extend_from_slice(&other.scores);
    }

    /// Yes and no for each different score, from the highest on.
    fn groups(&self) -> Vec<[u64; 2]> {
        let mut sorted = self.scores.clone();
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        // Minus zero and zero are one score.
        sorted
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| {
                let yes = group.iter().filter(|(_, truth)| *truth).count() as u64;
                [yes, group.len() as u64 - yes]
            })
            .collect()
    }

    /// The area under the curve of the true positive rate over the false positive rate: the probability that a yes has
    /// a higher score than a no, where equal scores count half (Hanley & McNeil 1982, "The meaning and use of the area
    /// under a receiver operating characteristic (ROC) curve"). `None` unless there are both.
    pub fn area(&self) -> Option<f64> {
        let (mut above, mut no, mut twice) = (0u64, 0u64, 0u128);
        for [yes_here, no_here] in self.groups() {
            twice += no_here as u128 * (2 * above as u128 + yes_here as u128);
            above += yes_here;
            no += no_here;
        }
        let pairs = above as u128 * no as u128;
        (pairs > 0).then(|| twice as f64 / (2.0 * pairs as f64))
    }

    /// Average precision: the sum over thresholds of the precision times the recall that is gained there. `None` if there
    /// is no yes.
    pub fn average_precision(&self) -> Option<f64> {
        let (mut yes, mut all, mut sum) = (0, 0, 0.0);
        for [yes_here, no_here] in self.groups() {
            yes += yes_here;
            all += yes_here + no_here;
            sum += yes_here as f64 * (yes as f64 / all as f64);
        }
        (yes > 0).then(|| sum / yes as f64)
    }
}

/// For each class how well its scores tell it from all other classes: a [`Ranking`] of one against the rest.
///
/// ```
/// use tress_nn::Labels;
/// use tress_nn::metric::OneVsRest;
/// use tress_tensor::Tensor;
///
/// let mut rankings = OneVsRest::new();
/// let scores = Tensor::new([4, 2], &[0.9f32, 0.1, 0.6, 0.4, 0.7, 0.3, 0.2, 0.8])?;
/// rankings.add(&scores, &Labels::new([0, 0, 1, 1], 2)?)?;
/// assert_eq!(rankings.area(), Some(0.75));
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OneVsRest {
    classes: Vec<Ranking>,
}

impl OneVsRest {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in scores `[.., classes]`, logits or probabilities, with one label a row. Within a class only the order of its
    /// scores matters, so logits of rows that differ by a constant are not the same as their probabilities.
    ///
    /// # Errors
    /// Another shape, labels of another number of classes than here or before, or a score that is NaN where the label
    /// counts; then nothing is changed.
    pub fn add<T: Float>(&mut self, scores: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
        expect_rows("one against the rest", scores, labels)?;
        let classes = labels.classes();
        if !self.classes.is_empty() && self.classes.len() != classes {
            let why = "the labels have another number of classes than those before";
            return Err(Error::Setting { of: "one against the rest", why });
        }
        let dense = scores.contiguous();
        let rows = dense.as_slice().unwrap_or_default().chunks_exact(classes.max(1));
        let known = || rows.clone().zip(labels.iter()).filter_map(|(row, label)| Some((row, label?)));
        if known().any(|(row, _)| row.iter().any(|score| score.to_f64().is_nan())) {
            return Err(Error::Wild { what: "a score" });
        }
        self.classes.resize_with(classes, Ranking::new);
        for (row, label) in known() {
            for (class, (ranking, score)) in self.classes.iter_mut().zip(row).enumerate() {
                ranking.scores.push((score.to_f64(), class == label));
            }
        }
        Ok(())
    }

    /// Takes in all that another has.
    ///
    /// # Errors
    /// It is of another number of classes; then nothing is changed.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.classes.is_empty() {
            self.classes.resize_with(other.classes.len(), Ranking::new);
        }
        if !other.classes.is_empty() && self.classes.len() != other.classes.len() {
            let why = "both must be of as many classes";
            return Err(Error::Setting { of: "one against the rest", why });
        }
        self.classes.iter_mut().zip(&other.classes).for_each(|(own, other)| own.merge(other));
        Ok(())
    }

    /// The ranking of each class.
    pub fn classes(&self) -> &[Ranking] {
        &self.classes
    }

    /// The mean area under the ROC curve of the classes that have one. `None` if none has.
    pub fn area(&self) -> Option<f64> {
        mean(self.classes.iter().filter_map(Ranking::area))
    }

    /// The mean average precision of the classes that were met. `None` if none was.
    pub fn average_precision(&self) -> Option<f64> {
        mean(self.classes.iter().filter_map(Ranking::average_precision))
    }
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0u32), |(sum, count), number| (sum + number, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
