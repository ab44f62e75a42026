//! Classes of different size.

use crate::{Error, Labels};
use alloc::vec::Vec;

/// How the weight of a class follows from the number `n_c` of its samples; weights are scaled so that their mean over
/// the samples is 1, which leaves the size of the loss as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassWeights {
    /// `1 / n_c` ("balanced": G. King & L. Zeng, "Logistic regression in rare events data", 2001, section 4.2).
    Inverse,
    /// `1 / sqrt(n_c)`: half way.
    InverseRoot,
    /// `(1 - beta) / (1 - beta^n_c)`: one over the effective number of samples (Y. Cui, M. Jia, T.-Y. Lin, Y. Song & S.
    /// Belongie, "Class-balanced loss based on effective number of samples", CVPR 2019, equation 3; beta 0.99 to 0.9999).
    Effective(f64),
}

impl ClassWeights {
    /// The weight of each class, for [`CrossEntropy::weights`](crate::CrossEntropy::weights). A class without samples
    /// has the weight 0: nothing is known of it. Where each sample has several labels, such as one for each pixel, all of
    /// them are counted.
    ///
    /// ```
    /// use tress_nn::data::ClassWeights;
    /// use tress_nn::Labels;
    ///
    /// let labels = Labels::new([0, 0, 0, 1], 2)?;
    /// assert_eq!(ClassWeights::Inverse.of(&labels)?, [2.0 / 3.0, 2.0]); // samples / (classes n_c)
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// No label that counts, or a beta that is not in `0.0..1.0`.
    pub fn of(self, labels: &Labels) -> Result<Vec<f64>, Error> {
        let counted = labels.iter().flatten().count();
        if counted == 0 {
            return Err(Error::Setting {
                of: "class weights",
                why: "class weights are counted from at least one label",
            });
        }
        if matches!(self, ClassWeights::Effective(beta) if !(0.0..1.0).contains(&beta)) {
            return Err(Error::Setting {
                of: "class weights",
                why: "beta of the effective number is in 0.0..1.0",
            });
        }
        let mut counts = alloc::vec![0usize; labels.classes()];
        labels.iter().flatten().for_each(|label| counts[label] += 1);
        let weight = |&count: &usize| match (count as f64, self) {
            (0.0, _) => 0.0,
            (n, ClassWeights::Inverse) => 1.0 / n,
            (n, ClassWeights::InverseRoot) => 1.0 / libm::sqrt(n),
            (n, ClassWeights::Effective(beta)) => (1.0 - beta) / (1.0 - libm::pow(beta, n)),
        };
        let weights: Vec<f64> = counts.iter().map(weight).collect();
        let total: f64 = weights.iter().zip(&counts).map(|(w, &n)| w * n as f64).sum();
        let scale = counted as f64 / total;
        Ok(weights.iter().map(|w| w * scale).collect())
    }
}
