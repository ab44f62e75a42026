//! The geometric mean of the losses.

use crate::balance::{Heads, Needs, TINY_LOSS, Weighting, Weights, check_from_zero};
use crate::error::Result;
use crate::solve::{Gramian, MAX_TASKS};

/// The geometric loss strategy: `(Π l_k)^(1/K)`, so `w_k = GLS / (K l_k)`.
///
/// S. Chennupati et al., "MultiNet++: multi-stream feature aggregation and geometric loss strategy for multi-task
/// learning", CVPR workshops 2019. The mean is formed as `exp(mean log l)`: the product itself leaves the
/// range of numbers for a few dozen small losses. `1e-8` is added to each loss, as in [`Famo`](super::Famo), so that a
/// batch whose loss is exactly zero has a mean and weights; losses must not be negative.
///
/// **Scale.** Mean convention: for equal losses every weight is `1 / K`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometric;

impl Geometric {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// The geometric mean of the losses, `1e-8` added to each.
    ///
    /// # Errors
    /// When K is not in `1..=32`, or a loss is not finite or negative.
    pub fn objective(losses: &[f64]) -> Result<f64> {
        check_from_zero("geometric", losses)?;
        Ok(libm::exp(losses.iter().map(|&l| libm::log(l + TINY_LOSS)).sum::<f64>() / losses.len() as f64))
    }
}

impl Weighting for Geometric {
    fn name(&self) -> &'static str {
        "geometric"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        let mean = Self::objective(losses)?;
        let mut weights = [0.0; MAX_TASKS];
        weights.iter_mut().zip(losses).for_each(|(w, l)| *w = mean / (l + TINY_LOSS) / losses.len() as f64);
        Weights::new(&weights[..losses.len()])
    }
}
