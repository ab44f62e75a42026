//! Whether probabilities mean what they say.

use super::expect_rows;
use crate::{Error, Labels};
use alloc::vec;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// Calibration errors: predictions that are given the probability p should be right in a share p of cases.
///
/// The confidence of a sample is its largest probability. Samples are put into bins of equal width by it, `(i / B, (i + 1) /
/// B]` (C. Guo et al., "On calibration of modern neural networks", ICML 2017, section 2).
///
/// ```
/// use tress_nn::{Labels, metric::Calibration};
/// use tress_tensor::Tensor;
/// let sure = Tensor::new([2, 2], &[0.9f32, 0.1, 0.9, 0.1])?;
/// let mut calibration = Calibration::new(10)?;
/// calibration.add(&sure, &Labels::new([0, 1], 2)?)?;
/// assert!((calibration.expected().unwrap() - 0.4).abs() < 1e-6, "0.9 was said, and a half was right");
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    bins: Vec<Bin>,
}

/// The samples of similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many there are.
    pub samples: u64,
    /// How many of them are right.
    pub right: u64,
    /// The sum of their confidences.
    pub confidence: f64,
}

impl Bin {
    /// The part that is right, minus the mean confidence: negative if too much was promised. `None` of nothing.
    pub fn gap(&self) -> Option<f64> {
        (self.samples > 0).then(|| (self.right as f64 - self.confidence) / self.samples as f64)
    }
}

impl Calibration {
    /// Of nothing so far, in so many bins; 15 are usual.
    ///
    /// # Errors
    /// No bins, or more than a million.
    pub fn new(bins: usize) -> Result<Self, Error> {
        match bins {
            1..=1_000_000 => Ok(Self { bins: vec![Bin::default(); bins] }),
            _ => Err(Error::Setting { of: "calibration", why: "there are between 1 and a million bins" }),
        }
    }

    /// Takes in probabilities `[.., classes]` with one label a row; of equal probabilities the first is the prediction.
    ///
    /// # Errors
    /// Another shape, or a number that is no probability; then nothing is changed.
    pub fn add<T: Float>(&mut self, probabilities: &Tensor<T>, labels: &Labels) -> Result<(), Error> {
        expect_rows("calibration", probabilities, labels)?;
        let dense = probabilities.contiguous();
        let numbers = dense.as_slice().unwrap_or_default();
        if numbers.iter().any(|p| !(0.0..=1.0).contains(&p.to_f64())) {
            let why = "probabilities are between 0 and 1; of logits take the softmax first";
            return Err(Error::Setting { of: "calibration", why });
        }
        let count = self.bins.len();
        let rows = numbers.chunks_exact(labels.classes().max(1)).zip(labels.iter());
        for (row, label) in rows.filter_map(|(row, label)| Some((row, label?))) {
            let (mut best, mut confidence) = (0, f64::NEG_INFINITY);
            for (class, p) in row.iter().enumerate() {
                if p.to_f64() > confidence {
                    (best, confidence) = (class, p.to_f64());
                }
            }
            let place = (libm::ceil(confidence * count as f64) as usize).clamp(1, count) - 1;
            let bin = &mut self.bins[place];
            bin.samples += 1;
            bin.right += u64::from(best == label);
            bin.confidence += confidence;
        }
        Ok(())
    }

    /// Takes in all that another has.
    ///
    /// # Errors
    /// It has another number of bins.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.bins.len() != other.bins.len() {
            return Err(Error::Setting { of: "calibration", why: "both must have as many bins" });
        }
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.samples += other.samples;
            bin.right += other.right;
            bin.confidence += other.confidence;
        }
        Ok(())
    }

    /// The bins, from no confidence to full: a reliability diagram.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Expected calibration error: the mean size of the gaps of the bins, each counting by its samples (equation 3 there).
    /// `None` of nothing.
    pub fn expected(&self) -> Option<f64> {
        let all: u64 = self.bins.iter().map(|bin| bin.samples).sum();
        let sizes = self.bins.iter().filter_map(|bin| Some(bin.gap()?.abs() * bin.samples as f64));
        (all > 0).then(|| sizes.sum::<f64>() / all as f64)
    }

    /// Maximum calibration error: the largest gap (equation 5 there). `None` of nothing.
    pub fn maximum(&self) -> Option<f64> {
        self.bins.iter().filter_map(|bin| Some(bin.gap()?.abs())).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_definition() {
        // Confidences 0.6, 0.7 (bin 2 of 4), 0.9, 1.0 (bin 3), 0.75 (the end of bin 2).
        let p = [0.6, 0.4, 0.3, 0.7, 0.9, 0.1, 0.0, 1.0, 0.75, 0.25];
        let p = Tensor::new([5, 2], &p).unwrap();
        let labels = Labels::new([0, 0, 0, 1, 0], 2).unwrap();
        let mut all = Calibration::new(4).unwrap();
        all.add(&p, &labels).unwrap();
        assert_eq!(all.bins().iter().map(|bin| bin.samples).collect::<Vec<_>>(), [0, 0, 3, 2]);
        let gaps: [f64; 2] = [2.0 / 3.0 - 2.05 / 3.0, 1.0 - 0.95];
        let expected = (3.0 * gaps[0].abs() + 2.0 * gaps[1].abs()) / 5.0;
        assert!((all.expected().unwrap() - expected).abs() < 1e-12);
        assert!((all.maximum().unwrap() - 0.05).abs() < 1e-12);

        let mut parts = Calibration::new(4).unwrap();
        for i in 0..5 {
            let mut part = Calibration::new(4).unwrap();
            let row = p.slice(0, i, i + 1, 1).unwrap();
            part.add(&row, &Labels::new([labels.as_slice()[i]], 2).unwrap()).unwrap();
            parts.merge(&part).unwrap();
        }
        assert_eq!(parts, all);
        assert!(parts.merge(&Calibration::new(5).unwrap()).is_err() && Calibration::new(0).is_err());
        assert_eq!(Calibration::new(3).unwrap().expected(), None);
        assert!(all.add(&Tensor::new([1, 2], &[2.0, -1.0]).unwrap(), &Labels::new([0], 2).unwrap()).is_err());
        let ignored = Labels::with_ignored([9], 2, 9).unwrap();
        all.add(&p.slice(0, 0, 1, 1).unwrap(), &ignored).unwrap();
        assert_eq!(parts, all, "ignored labels do not count");
    }

    #[test]
    fn honest_probabilities_have_no_error() {
        let mut random = crate::Random::new(5);
        let n = 40_000;
        let (mut numbers, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let p = random.uniform();
            numbers.extend([1.0 - p, p]);
            labels.push(u32::from(random.uniform() < p));
        }
        let mut calibration = Calibration::new(15).unwrap();
        let labels = Labels::new(labels, 2).unwrap();
        calibration.add(&Tensor::new([n, 2], &numbers).unwrap(), &labels).unwrap();
        // A bin of 5000 has a standard error below 0.007.
        assert!(calibration.expected().unwrap() < 0.01, "{:?}", calibration.expected());
    }
}
