//! IMTL-G: the direction that has one and the same angle with every task gradient.

use crate::balance::{Heads, Needs, Weighting, Weights, check_gramian};
use crate::error::Result;
use crate::solve::{Eigen, Gramian, MAX_TASKS, min_norm};

/// Impartial learning of gradients: `d · g_k / |g_k|` equal for all k, weights with sum one.
///
/// L. Liu et al., "Towards impartial multi-task learning", ICLR 2021, IMTL-G. With C the cosines the weights are
/// `w_k ∝ (C⁻¹ 1)_k / |g_k|`; where C is singular, the least-norm least-squares solution takes the place of `C⁻¹ 1`. The
/// pseudo-inverse is taken of C, not of G, so that a short row is not mistaken for a dependent one.
///
/// A zero gradient gets the weight zero. Where the sum of the solution is zero to rounding no weights of sum one do it;
/// the answer is then that of [`Mgda`](super::Mgda). Weights may be negative, and near such points large: the equal
/// products are then negative too, and the step makes every task worse. That is the method, not a mistake.
///
/// **Scale.** The weights sum to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImtlG;

impl ImtlG {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Weighting for ImtlG {
    fn name(&self) -> &'static str {
        "imtl-g"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        let tasks = gramian.tasks();
        let mut weights = [0.0; MAX_TASKS];
        for (k, weight) in weights[..tasks].iter_mut().enumerate() {
            *weight = gramian.cosine(k, k);
        }
        let shortest = (0..tasks).map(|k| gramian.norm(k)).filter(|&n| n > 0.0).fold(f64::INFINITY, f64::min);
        weights = Eigen::of_cosines(gramian).apply(&weights[..tasks], |value| 1.0 / value);
        for (k, weight) in weights[..tasks].iter_mut().enumerate() {
            *weight *= if gramian.norm(k) > 0.0 { shortest / gramian.norm(k) } else { 0.0 };
        }
        let sum: f64 = weights[..tasks].iter().sum();
        let size: f64 = weights[..tasks].iter().map(|w| w.abs()).sum();
        if sum.abs() <= 16.0 * tasks as f64 * f64::EPSILON * size.max(1.0) {
            return Weights::new(min_norm(gramian)?.weights());
        }
        weights[..tasks].iter_mut().for_each(|w| *w /= sum);
        Weights::new(&weights[..tasks])
    }
}
