//! MoDo: weights moved by the products of two independent batches, whose noise does not correlate.

use alloc::vec::Vec;

use crate::balance::state::Saved;
use crate::balance::{
    Heads, Kept, Needs, Observation, Observes, Weighting, Weights, check_losses, check_setting, check_told,
};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS, onto_simplex};

/// Multi-objective gradient with double sampling: L. Chen et al., "Three-way trade-off in multi-objective learning:
/// optimization, generalization and conflict-avoidance", NeurIPS 2023, Algorithm 1.
///
/// Before a step, two batches tell how the weights should move ([`Observation::Products`]):
/// `λ ← Π(λ - γ (A Bᵀ λ + ρ λ))` with A and B the Jacobians on the two and Π the projection on the simplex. The product
/// of two independent estimates has no bias, where the square of one has. The step goes along `Jᵀ λ` on a third batch;
/// since λ is known beforehand, that takes one ordinary sweep. `γ = 1e-3`, `ρ = 0.1`.
///
/// **Scale.** The weights sum to one.
#[derive(Clone, Debug, PartialEq)]
pub struct MoDo {
    tasks: usize,
    gamma: f64,
    rho: f64,
    weights: [f64; MAX_TASKS],
    /// Whether there was a step since the last observation.
    waits: bool,
}

impl MoDo {
    /// For K tasks, with the settings above.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { tasks, gamma: 1e-3, rho: 0.1, weights: [1.0 / tasks as f64; MAX_TASKS], waits: false })
    }

    /// The same with another rate γ of the weights and another penalty ρ.
    ///
    /// # Errors
    /// When one is negative or not finite.
    pub fn rate(mut self, gamma: f64, rho: f64) -> Result<Self> {
        let holds = gamma.is_finite() && gamma >= 0.0 && rho.is_finite() && rho >= 0.0;
        check_setting(holds, "the rate and the penalty are numbers from 0 up")?;
        (self.gamma, self.rho) = (gamma, rho);
        Ok(self)
    }
}

impl Weighting for MoDo {
    fn name(&self) -> &'static str {
        "modo"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        check_told(self.name(), self.waits, "the products of two batches")?;
        let weights = Weights::new(&self.weights[..self.tasks])?;
        self.waits = true;
        Ok(weights)
    }

    fn observes(&self) -> Observes {
        Observes::Products
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        let products = match seen {
            Observation::Products(products) => products,
            Observation::EpochEnd => return Ok(()),
            other => return Err(Error::NotObserved { method: self.name(), what: other.name() }),
        };
        let mut slopes = [0.0; MAX_TASKS];
        products.along(&self.weights[..self.tasks], &mut slopes[..self.tasks])?;
        let mut weights = self.weights;
        for (weight, slope) in weights[..self.tasks].iter_mut().zip(slopes) {
            *weight -= self.gamma * (slope + self.rho * *weight);
        }
        crate::error::check_finite("products of two batches", &weights[..self.tasks])?;
        onto_simplex(&mut weights[..self.tasks]);
        self.weights = weights;
        self.waits = false;
        Ok(())
    }

    /// K weights, and whether a step waits for the next products.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(&self.weights[..self.tasks]);
        state.push(f64::from(u8::from(self.waits)));
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Shares, Kept::Common(1)]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, self.tasks + 1)?;
        let weights = saved.at_least(0.0, self.tasks)?;
        self.waits = saved.flag()?;
        self.weights[..self.tasks].copy_from_slice(weights);
        Ok(())
    }
}
