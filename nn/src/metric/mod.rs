//! What is reported about a model, and not trained for.
//!
//! Metrics are streams: each takes in batches, two of one kind can be merged, and the result can be asked for at any time.
//! Batches that are taken in one by one give what all samples at once would. A result is `None` where there is nothing to
//! report about. Samples whose label is [ignored](Labels::with_ignored) do not count.
//!
//! | | |
//! |---|---|
//! | [`Mean`] | losses, shares |
//! | [`Confusion`] | accuracy; precision, recall and F1 by class, macro, micro and weighted; intersection over union |
//! | [`TopK`], [`LogLoss`] | rankings and probabilities of classes |
//! | [`Calibration`] | whether probabilities mean what they say |
//! | [`Ranking`], [`OneVsRest`] | area under the ROC curve and average precision, of yes or no and of classes |
//! | [`Regression`] | MAE, RMSE, R2 |
//! | [`BoxPrecision`] | mean average precision of boxes |
//! | [`Clusters`] | NMI and ARI of clusters |
//!
//! Classes lie along the last axis. For others, such as the axis 1 of maps `[N, C, H, W]`, it is moved there, which copies
//! nothing:
//!
//! ```
//! use tress_nn::{Labels, metric::Confusion};
//! use tress_tensor::Tensor;
//!
//! // One map of three pixels, two classes.
//! let logits = Tensor::new([1, 2, 1, 3], &[0.0f32, 5.0, 0.0, 1.0, 0.0, 2.0])?;
//! let mut confusion = Confusion::new(2)?;
//! confusion.add(&logits.permute(&[0, 2, 3, 1])?, &Labels::new([1, 0, 0], 2)?)?;
//! assert_eq!(confusion.accuracy(), Some(2.0 / 3.0));
//! assert_eq!(confusion.overlap(0), Some(0.5)); // intersection over union
//! # Ok::<(), tress_nn::Error>(())
//! ```
//!
//! Sums and counts need the same memory however many samples there are; [`Ranking`], [`OneVsRest`] and [`BoxPrecision`] keep
//! a few bytes of each.

mod boxes;
mod calibration;
mod classes;
mod clusters;
mod ranking;
mod regression;

pub use boxes::{BoxPrecision, Detected};
pub use calibration::{Bin, Calibration};
pub use classes::{Confusion, LogLoss, Scores, TopK};
pub use clusters::Clusters;
pub use ranking::{OneVsRest, Ranking};
pub use regression::Regression;

use crate::{Error, Labels};
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// The index of the largest number along the last axis, for each row; the first of equal ones. A row with a NaN in it has
/// no largest number.
pub fn argmax<T: Float>(x: &Tensor<T>) -> Vec<Option<usize>> {
    let dense = x.contiguous();
    let numbers = dense.as_slice().unwrap_or_default();
    let length = x.shape().last().copied().unwrap_or(1).max(1);
    let largest = |row: &[T]| {
        let mut best = 0;
        for (i, &number) in row.iter().enumerate() {
            if number.to_f64().is_nan() {
                return None;
            }
            if number > row[best] {
                best = i;
            }
        }
        Some(best)
    };
    numbers.chunks_exact(length).map(largest).collect()
}

/// For how many rows of the logits `[.., classes]` the largest is that of the label; rows whose label is ignored are not
/// among them.
///
/// # Errors
/// Logits of another shape than `[.., classes]` with one row a label.
pub fn correct<T: Float>(logits: &Tensor<T>, labels: &Labels) -> Result<usize, Error> {
    expect_rows("correct", logits, labels)?;
    let predicted = argmax(logits);
    Ok(predicted.iter().zip(labels.iter()).filter(|&(&p, label)| label.is_some() && p == label).count())
}

/// That there is one row `[classes]` for each label.
fn expect_rows<T: Float>(op: &'static str, rows: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
    let (shape, classes) = (rows.shape(), labels.classes());
    if shape.last() != Some(&classes) || Some(shape.len()) != labels.len().checked_mul(classes) {
        let why = "one row of as many numbers as there are classes is wanted for each label";
        return Err(Error::Tensor(tress_tensor::Error::Unfit { op, shape: *shape, why }));
    }
    Ok(())
}

/// The mean of a stream of numbers, kept in `f64`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a number that stands for `weight` samples, such as the mean loss of a batch of that size.
    pub fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    /// Takes in that `right` of `all` samples had some property: the mean is then their share.
    pub fn count(&mut self, right: usize, all: usize) {
        self.sum += right as f64;
        self.weight += all as f64;
    }

    /// Takes in all that another mean has.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.weight += other.weight;
    }

    /// The mean; `None` of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_ones_wins_and_nan_has_no_largest() {
        let x = Tensor::new([4, 3], &[1.0, 3.0, 3.0, 2.0, 2.0, 2.0, f32::NAN, 1.0, 0.0, -5.0, -4.0, -3.0]);
        let x = x.unwrap();
        assert_eq!(argmax(&x), [Some(1), Some(0), None, Some(2)]);
        let labels = Labels::new([1, 1, 0, 2], 3).unwrap();
        assert_eq!(correct(&x, &labels), Ok(2));
        assert!(correct(&x, &Labels::new([1, 1], 3).unwrap()).is_err());
        assert!(correct(&x, &Labels::new([1, 1, 0, 1, 0, 0], 2).unwrap()).is_err());
        assert_eq!(argmax(&x.transpose(0, 1).unwrap()).len(), 3, "any layout");
    }

    #[test]
    fn means_weigh_batches_by_their_size() {
        let mut mean = Mean::new();
        assert_eq!(mean.value(), None);
        mean.add(1.0, 3.0);
        mean.add(5.0, 1.0);
        assert_eq!(mean.value(), Some(2.0));
        let mut share = Mean::new();
        share.count(3, 4);
        share.count(0, 2);
        assert_eq!(share.value(), Some(0.5));
    }
}
