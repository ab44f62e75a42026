//! Nash-MTL: the step is the bargain that K players settle on.

use crate::balance::{Heads, Needs, Weighting, Weights, check_gramian};
use crate::error::Result;
use crate::solve::{Gramian, fair_share};

/// Nash's bargaining solution: `G w = 1 / w`, `w > 0`.
///
/// A. Navon et al., "Multi-task learning as a bargaining game", ICML 2022, section 3: the direction of fixed length
/// that makes `Σ log (g_k · d)` largest. Solved exactly as a convex problem ([`fair_share`]) instead of by a sequence of
/// convex programs. Multiplying a task's gradient by any factor does not change the direction.
///
/// **Scale.** `|d| = √K` whatever the gradients are (K counts those that are not zero). Programs then shorten d to a norm
/// of at most 1; here nothing does, and [`Rescaled`](crate::balance::Rescaled) can. At a Pareto-stationary point there is
/// no bargain; the answer is the least-norm point of the hull, and d is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NashMtl;

impl NashMtl {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Weighting for NashMtl {
    fn name(&self) -> &'static str {
        "nash"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        Weights::new(fair_share(gramian, 1.0)?.weights())
    }
}
