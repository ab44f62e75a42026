//! Chebyshev scalarisation: the worst task alone, or a smooth maximum over the tasks.

use super::Preference;
use crate::balance::state::softmax;
use crate::balance::{Heads, Needs, Weighting, Weights, check_setting};
use crate::error::Result;
use crate::solve::{Gramian, MAX_TASKS};

/// The Chebyshev scalarisation `max_k r_k (l_k - z_k)`: every Pareto-optimal point is a minimum for some preference r,
/// also where the front is not convex.
///
/// V. Bowman, "On the relationship of the Tchebycheff norm and the efficient frontier of multiple-criteria objectives",
/// 1976; K. Miettinen, "Nonlinear multiobjective optimization", 1999, section 3.4. The preference is brought to the sum
/// one; z are the ideal losses, zero if not said.
///
/// **Scale.** `w_k = r_k` for the worst task and zero for the others; tasks that tie share: each gets `r_k` over their
/// number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chebyshev {
    preference: Preference,
}

impl Chebyshev {
    /// With a preference over the tasks.
    ///
    /// # Errors
    /// When K is not in `1..=32` or a number is not above zero.
    pub fn new(preference: &[f64]) -> Result<Self> {
        Ok(Self { preference: Preference::new(preference)? })
    }

    /// The same, measured from other ideal losses than zero.
    ///
    /// # Errors
    /// When there are not K of them or one is not finite.
    pub fn ideal(mut self, ideal: &[f64]) -> Result<Self> {
        self.preference = self.preference.with_ideal(ideal)?;
        Ok(self)
    }
}

impl Weighting for Chebyshev {
    fn name(&self) -> &'static str {
        "chebyshev"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        let above = self.preference.above_ideal(losses)?;
        let ray = self.preference.ray();
        let worst = ray.iter().zip(above).map(|(r, a)| r * a).fold(f64::NEG_INFINITY, f64::max);
        let ties = ray.iter().zip(above).filter(|(r, a)| *r * a == worst).count() as f64;
        let mut weights = [0.0; MAX_TASKS];
        for (k, &r) in ray.iter().enumerate() {
            weights[k] = if r * above[k] == worst { r / ties } else { 0.0 };
        }
        Weights::new(&weights[..losses.len()])
    }
}

/// The smooth Chebyshev scalarisation `μ log Σ exp(r_k (l_k - z_k) / μ)`.
///
/// X. Lin et al., "Smooth Tchebycheff scalarization for multi-objective optimization", ICML 2024, STCH. For
/// `μ → 0` it is [`Chebyshev`]'s, for `μ → ∞` the fixed weights `r_k / K`. LibMTL warms up with logarithms of the losses
/// for four epochs and multiplies by K; here neither is done. The best μ depends on the scale of the losses: it is about the
/// difference of two `r_k (l_k - z_k)` that should count as a tie.
///
/// **Scale.** `w_k = r_k p_k` with p a softmax: `Σ w_k / r_k = 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothChebyshev {
    preference: Preference,
    smoothing: f64,
}

impl SmoothChebyshev {
    /// With a preference over the tasks and the smoothing μ.
    ///
    /// # Errors
    /// When K is not in `1..=32`, a number is not above zero, or μ is not.
    pub fn new(preference: &[f64], smoothing: f64) -> Result<Self> {
        check_setting(smoothing.is_finite() && smoothing > 0.0, "the smoothing is a number above 0")?;
        Ok(Self { preference: Preference::new(preference)?, smoothing })
    }

    /// The same, measured from other ideal losses than zero.
    ///
    /// # Errors
    /// When there are not K of them or one is not finite.
    pub fn ideal(mut self, ideal: &[f64]) -> Result<Self> {
        self.preference = self.preference.with_ideal(ideal)?;
        Ok(self)
    }
}

impl Weighting for SmoothChebyshev {
    fn name(&self) -> &'static str {
        "smooth-chebyshev"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        let mut weights = self.preference.above_ideal(losses)?;
        let ray = self.preference.ray();
        // From the worst task on, so that nothing overflows for a small μ.
        let worst = ray.iter().zip(weights).map(|(r, a)| r * a).fold(f64::NEG_INFINITY, f64::max);
        weights.iter_mut().zip(ray).for_each(|(w, r)| *w = (r * *w - worst) / self.smoothing);
        softmax(&mut weights[..losses.len()]);
        weights.iter_mut().zip(ray).for_each(|(w, r)| *w *= r);
        Weights::new(&weights[..losses.len()])
    }
}
