//! Metrics of classes: the confusion matrix and what follows from it, top-k accuracy, log loss.

use super::{Mean, argmax, expect_rows};
use crate::{Error, Labels};
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// How often each class was taken for each: rows are what is right, columns what was predicted.
///
/// ```
/// use tress_nn::{Labels, metric::Confusion};
/// use tress_tensor::Tensor;
/// let mut confusion = Confusion::new(2)?;
/// let logits = Tensor::new([3, 2], &[2.0f32, 1.0, 0.0, 1.0, 3.0, 0.0])?;
/// confusion.add(&logits, &Labels::new([0, 1, 1], 2)?)?;
/// assert_eq!(confusion.count(1, 0), 1); // one sample of class 1 was taken for class 0
/// assert_eq!(confusion.accuracy(), Some(2.0 / 3.0));
/// assert_eq!(confusion.scores(0).precision, 0.5);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
    /// Samples of each class for which nothing was predicted, because there was a NaN among their logits.
    unpredicted: Vec<u64>,
}

/// Precision, recall and F1; 0 where there would be nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Which part of what was predicted is right.
    pub precision: f64,
    /// Which part of what is right was predicted.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Scores {
    /// From the numbers of samples that are right, predicted, and both.
    fn of(both: u64, predicted: u64, right: u64) -> Self {
        let part = |below: u64| if below == 0 { 0.0 } else { both as f64 / below as f64 };
        // The harmonic mean, without a quotient of quotients.
        let f1 = if predicted + right == 0 { 0.0 } else { 2.0 * both as f64 / (predicted + right) as f64 };
        Self { precision: part(predicted), recall: part(right), f1 }
    }
}

impl Confusion {
    /// Of nothing so far.
    ///
    /// # Errors
    /// So many classes that the matrix does not fit into memory.
    pub fn new(classes: usize) -> Result<Self, Error> {
        let why = "the matrix of so many classes does not fit into memory";
        let wrong = || Error::Setting { of: "confusion", why };
        let cells = classes.checked_mul(classes).ok_or_else(wrong)?;
        let mut counts = Vec::new();
        counts.try_reserve_exact(cells).map_err(|_| wrong())?;
        counts.resize(cells, 0);
        Ok(Self { classes, counts, unpredicted: alloc::vec![0; classes] })
    }

    /// Takes in logits `[.., classes]`, of which the largest is the prediction, with one label a row.
    ///
    /// # Errors
    /// Another shape, or labels of another number of classes; then nothing is changed.
    pub fn add<T: Float>(&mut self, logits: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
        expect_rows("confusion", logits, labels)?;
        self.add_predicted(&argmax(logits), labels)
    }

    /// Takes in predicted classes, `None` where there is no prediction, with one label each.
    ///
    /// # Errors
    /// Another number of them than of labels, a class that is none, or labels of another number of classes; then nothing
    /// is changed.
    pub fn add_predicted(&mut self, predicted: &[Option<usize>], labels: &Labels) -> Result<(), Error> {
        if labels.classes() != self.classes || predicted.len() != labels.len() {
            let why = "one prediction for each label is wanted, of as many classes as the matrix has";
            return Err(Error::Setting { of: "confusion", why });
        }
        if predicted.iter().flatten().any(|&class| class >= self.classes) {
            return Err(Error::Setting { of: "confusion", why: "a predicted class is none of the classes" });
        }
        for (predicted, label) in predicted.iter().zip(labels.iter()) {
            match (label, predicted) {
                (Some(label), Some(predicted)) => self.counts[label * self.classes + predicted] += 1,
                (Some(label), None) => self.unpredicted[label] += 1,
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Takes in all that another matrix has.
    ///
    /// # Errors
    /// It is one of another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.classes != other.classes {
            let why = "matrices of different numbers of classes cannot be merged";
            return Err(Error::Setting { of: "confusion", why });
        }
        let add = |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut self.counts, &other.counts);
        add(&mut self.unpredicted, &other.unpredicted);
        Ok(())
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many samples of the class `right` were taken for `predicted`; 0 for what is no class.
    pub fn count(&self, right: usize, predicted: usize) -> u64 {
        let inside = right < self.classes && predicted < self.classes;
        if inside { self.counts[right * self.classes + predicted] } else { 0 }
    }

    /// How many samples are of a class.
    pub fn support(&self, class: usize) -> u64 {
        let predicted: u64 = (0..self.classes).map(|other| self.count(class, other)).sum();
        predicted + self.unpredicted.get(class).copied().unwrap_or(0)
    }

    /// How many samples there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.unpredicted.iter().sum::<u64>()
    }

    /// The part of the samples that was predicted right.
    pub fn accuracy(&self) -> Option<f64> {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        (self.total() > 0).then(|| right as f64 / self.total() as f64)
    }

    fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|right| self.count(right, class)).sum()
    }

    /// The scores of one class against all others.
    pub fn scores(&self, class: usize) -> Scores {
        Scores::of(self.count(class, class), self.predicted(class), self.support(class))
    }

    /// The intersection over union of what is of a class and what was predicted to be (Jaccard 1901; the IoU of
    /// segmentation): `None` for a class that occurs neither as label nor as prediction.
    pub fn overlap(&self, class: usize) -> Option<f64> {
        let both = self.count(class, class);
        let either = self.predicted(class) + self.support(class) - both;
        (either > 0).then(|| both as f64 / either as f64)
    }

    /// The mean of the overlaps of all classes that occur (mean IoU).
    pub fn mean_overlap(&self) -> Option<f64> {
        let found: Vec<f64> = (0..self.classes).filter_map(|class| self.overlap(class)).collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    }

    /// The mean of the scores of classes, each counting `weight`; `None` if nothing counts.
    fn mean(&self, weight: impl Fn(usize) -> f64) -> Option<Scores> {
        let (mut sum, mut total) = (Scores::default(), 0.0);
        for class in 0..self.classes {
            let (scores, weight) = (self.scores(class), weight(class));
            sum.precision += weight * scores.precision;
            sum.recall += weight * scores.recall;
            sum.f1 += weight * scores.f1;
            total += weight;
        }
        let part = |x: f64| x / total;
        (total > 0.0).then(|| Scores {
            precision: part(sum.precision),
            recall: part(sum.recall),
            f1: part(sum.f1),
        })
    }

    /// The mean of the scores of all classes that occur, as labels or as predictions.
    pub fn macro_scores(&self) -> Option<Scores> {
        self.mean(|class| if self.support(class) + self.predicted(class) > 0 { 1.0 } else { 0.0 })
    }

    /// The mean of the scores of all classes, each counting by its samples.
    pub fn weighted_scores(&self) -> Option<Scores> {
        self.mean(|class| self.support(class) as f64)
    }

    /// The scores of the counts of all classes together. Where each sample has a prediction all three are the accuracy.
    pub fn micro_scores(&self) -> Option<Scores> {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        let predicted: u64 = self.counts.iter().sum();
        (self.total() > 0).then(|| Scores::of(right, predicted, self.total()))
    }
}

/// Top-k accuracy: for which part of the samples the label is among the `k` classes with the largest logits. Of equal
/// logits the first ones are taken, as [`argmax`] does; a row with a NaN is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopK {
    k: usize,
    share: Mean,
}

impl TopK {
    /// Of nothing so far.
    ///
    /// # Errors
    /// `k` is 0.
    pub fn new(k: usize) -> Result<Self, Error> {
        match k {
            0 => Err(Error::Setting { of: "top-k", why: "k must be at least 1" }),
            _ => Ok(Self { k, share: Mean::new() }),
        }
    }

    /// Takes in logits `[.., classes]` with one label a row.
    ///
    /// # Errors
    /// Another shape; then nothing is changed.
    pub fn add<T: Float>(&mut self, logits: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
        expect_rows("top-k", logits, labels)?;
        let dense = logits.contiguous();
        let rows = dense.as_slice().unwrap_or_default().chunks_exact(labels.classes().max(1));
        let (mut right, mut all) = (0, 0);
        for (row, label) in rows.zip(labels.iter()) {
            let Some(label) = label else { continue };
            let before = |&(class, &x): &(usize, &T)| x > row[label] || (x == row[label] && class < label);
            let nan = row.iter().any(|x| x.to_f64().is_nan());
            right += (!nan && row.iter().enumerate().filter(before).count() < self.k) as usize;
            all += 1;
        }
        self.share.count(right, all);
        Ok(())
    }

    /// Takes in all that another has, of the same `k`.
    ///
    /// # Errors
    /// It has another `k`.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.k != other.k {
            return Err(Error::Setting { of: "top-k", why: "accuracies of different k cannot be merged" });
        }
        self.share.merge(&other.share);
        Ok(())
    }

    /// The part that is right.
    pub fn value(&self) -> Option<f64> {
        self.share.value()
    }
}

/// Log loss: the mean of `-ln p` of the probabilities given to the labels, where `p` counts as at least the resolution of
/// its type of number and at most one minus that, as scikit-learn has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogLoss(Mean);

impl LogLoss {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in probabilities `[.., classes]` with one label a row.
    ///
    /// # Errors
    /// Another shape, or a number that is no probability; then nothing is changed.
    pub fn add<T: Float>(&mut self, probabilities: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
        expect_rows("log loss", probabilities, labels)?;
        let dense = probabilities.contiguous();
        let numbers = dense.as_slice().unwrap_or_default();
        let rows = || numbers.chunks_exact(labels.classes().max(1)).zip(labels.iter());
        let known = || rows().filter_map(|(row, label)| Some((row, label?)));
        if known().any(|(row, _)| row.iter().any(|p| !(0.0..=1.0).contains(&p.to_f64()))) {
            let why = "probabilities are between 0 and 1; of logits take the softmax first";
            return Err(Error::Setting { of: "log loss", why });
        }
        let least = T::EPSILON.to_f64();
        for (row, label) in known() {
            self.0.add(-libm::log(row[label].to_f64().clamp(least, 1.0 - least)), 1.0);
        }
        Ok(())
    }

    /// Takes in all that another has.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The mean.
    pub fn value(&self) -> Option<f64> {
        self.0.value()
    }
}
