//! The sum of the logarithms of the losses: no unit in which a loss is measured changes anything.

use crate::balance::{Heads, Needs, TINY_LOSS, Weighting, Weights, check_from_zero};
use crate::error::Result;
use crate::solve::{Gramian, MAX_TASKS};

/// The scale-invariant baseline: `Σ log l_k`, so `w_k = 1 / l_k`.
///
/// A. Navon et al., "Multi-task learning as a bargaining game", ICML 2022, section 5 (baseline SI). Its direction is K
/// times the gradient of the logarithm of [`Geometric`](super::Geometric)'s mean. A loss that gets close to zero takes
/// over. So that a batch whose loss is exactly zero does not end a training, `1e-8` is added to each loss, as in
/// [`Famo`](super::Famo): `w_k = 1 / (l_k + 1e-8)`, at most `1e8`. Losses must not be negative.
///
/// **Scale.** `d = Σ g_k / l_k`: the sum convention, of relative gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScaleInvariant;

impl ScaleInvariant {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Weighting for ScaleInvariant {
    fn name(&self) -> &'static str {
        "scale-invariant"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        check_from_zero(self.name(), losses)?;
        let mut weights = [0.0; MAX_TASKS];
        weights.iter_mut().zip(losses).for_each(|(w, l)| *w = 1.0 / (l + TINY_LOSS));
        Weights::new(&weights[..losses.len()])
    }
}
