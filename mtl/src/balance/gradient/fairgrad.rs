//! FairGrad: the bargain under alpha-fairness.

use crate::balance::{Heads, Needs, Weighting, Weights, check_gramian, check_setting};
use crate::error::Result;
use crate::solve::{Gramian, fair_share};

/// Alpha-fair gradients: `G w = w^(-1/a)`, `w > 0`.
///
/// H. Ban and K. Ji, "Fair resource allocation in multi-task learning", ICML 2024, Algorithm 1: the direction of fixed
/// length that makes `Σ (g_k · d)^(1-a) / (1-a)` largest. For `a = 1` it is [`NashMtl`](super::NashMtl), for `a → ∞` it
/// turns to that of [`Mgda`](super::Mgda), under which the worst-off task falls most. Solved as a convex problem ([`fair_share`]) instead of by
/// least squares.
///
/// **Scale.** Multiplying all gradients by s multiplies d by `s^((1-a)/(1+a))`: for `a > 1` small gradients give long
/// steps. At a Pareto-stationary point the answer is the least-norm point of the hull, and d is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FairGrad {
    alpha: f64,
}

impl FairGrad {
    /// With the fairness a: 1 is proportional, 2 minimises the potential delay, more comes close to max-min.
    ///
    /// # Errors
    /// When a is not in `0.01..=100`: below, weights leave the range of numbers; above, they are those of 100 to rounding.
    pub fn new(alpha: f64) -> Result<Self> {
        check_setting((0.01..=100.0).contains(&alpha), "the fairness is from 0.01 to 100")?;
        Ok(Self { alpha })
    }
}

impl Weighting for FairGrad {
    fn name(&self) -> &'static str {
        "fairgrad"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        Weights::new(fair_share(gramian, self.alpha)?.weights())
    }
}
