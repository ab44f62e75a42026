//! UPGrad: each task gradient without its conflicts, then their mean.

use crate::balance::{Heads, Needs, Weighting, Weights, check_gramian};
use crate::error::Result;
use crate::solve::{DualCone, Gramian, MAX_TASKS};

/// Unconflicting projection of gradients: `d = (1/K) Σ_k Π(g_k)` with Π the projection on the dual cone
/// `{x : J x >= 0}`.
///
/// P. Quinton and V. Rey, "Jacobian descent for multi-objective optimization", 2024, the aggregator UPGrad, solved exactly
/// ([`dual_cone`](crate::solve::dual_cone)), without the regularisation that makes other programs conflict on about every fourth matrix. A mean of
/// members of a cone is one: no task gets worse. Multiplying a gradient by a factor multiplies its part of d by it and
/// leaves the other parts alone.
///
/// **Scale.** Mean convention: without conflicts d is the mean gradient. For two tasks it is half of
/// [`PcGrad`](super::PcGrad)'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpGrad;

impl UpGrad {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Weighting for UpGrad {
    fn name(&self) -> &'static str {
        "upgrad"
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
        let cone = DualCone::of(gramian);
        for k in 0..tasks {
            let mut target = [0.0; MAX_TASKS];
            target[k] = 1.0 / tasks as f64;
            let projection = cone.project(&target[..tasks])?;
            weights.iter_mut().zip(projection.weights()).for_each(|(w, v)| *w += v);
        }
        Weights::new(&weights[..tasks])
    }
}
