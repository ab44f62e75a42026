//! SDMGrad: MGDA with double sampling, held near the mean gradient.

use alloc::vec::Vec;

use crate::balance::state::Saved;
use crate::balance::{
    Heads, Kept, Needs, Observation, Observes, Weighting, Weights, check_losses, check_setting, check_told,
};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS, onto_simplex};

/// Stochastic direction-oriented multi-objective gradient descent: P. Xiao, H. Ban and K. Ji, "Direction-oriented
/// multi-objective learning: simple and provable stochastic algorithms", NeurIPS 2023, Algorithm 1.
///
/// Before a step, two batches move the weights ([`Observation::Products`]) by some steps of momentum on
/// `½ |Jᵀ w + λ g_0|²`, each projected on the simplex; the slope is `A Bᵀ (w + λ / K)` with A and B the Jacobians on the
/// two. As in the authors' program, `A Bᵀ` is divided by the square of the mean of the roots of its diagonal (negative
/// ones count as zero), so that the rate has no unit, and the momentum starts afresh each time. `λ = 0.3`, 20 steps of
/// rate 5, momentum 0.5. The step goes along `Jᵀ w + λ g_0` on a third batch, one ordinary sweep.
///
/// **Scale.** That of the paper: the weights sum to `1 + λ`; programs divide by that.
#[derive(Clone, Debug, PartialEq)]
pub struct SdmGrad {
    tasks: usize,
    lambda: f64,
    steps: usize,
    rate: f64,
    momentum: f64,
    weights: [f64; MAX_TASKS],
    /// Whether there was a step since the last observation.
    waits: bool,
}

impl SdmGrad {
    /// For K tasks, with the settings above.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self {
            tasks,
            lambda: 0.3,
            steps: 20,
            rate: 5.0,
            momentum: 0.5,
            weights: [1.0 / tasks as f64; MAX_TASKS],
            waits: false,
        })
    }

    /// The same with another pull λ towards the mean gradient.
    ///
    /// # Errors
    /// When it is negative or not finite.
    pub fn lambda(mut self, lambda: f64) -> Result<Self> {
        check_setting(lambda.is_finite() && lambda >= 0.0, "lambda is a number from 0 up")?;
        self.lambda = lambda;
        Ok(self)
    }

    /// The same with another number of steps of the weights, their rate and momentum.
    ///
    /// # Errors
    /// When the rate is negative or not finite, or the momentum is not in `0..1`.
    pub fn descent(mut self, steps: usize, rate: f64, momentum: f64) -> Result<Self> {
        check_setting(rate.is_finite() && rate >= 0.0, "the rate is a number from 0 up")?;
        check_setting((0.0..1.0).contains(&momentum), "the momentum is from 0 to below 1")?;
        (self.steps, self.rate, self.momentum) = (steps, rate, momentum);
        Ok(self)
    }

    /// `w + λ / K`.
    fn pulled(&self, weights: &[f64; MAX_TASKS]) -> [f64; MAX_TASKS] {
        weights.map(|w| w + self.lambda / self.tasks as f64)
    }
}

impl Weighting for SdmGrad {
    fn name(&self) -> &'static str {
        "sdmgrad"
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
        let weights = Weights::new(&self.pulled(&self.weights)[..self.tasks])?;
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
        let tasks = self.tasks;
        check_length("tasks of the products", tasks, products.tasks())?;
        let mean = (0..tasks).map(|k| libm::sqrt(products.at(k, k).max(0.0))).sum::<f64>() / tasks as f64;
        let scale = if mean > 0.0 { 1.0 / (mean * mean) } else { 0.0 };
        let (mut weights, mut velocity, mut slopes) = (self.weights, [0.0; MAX_TASKS], [0.0; MAX_TASKS]);
        for _ in 0..self.steps {
            products.along(&self.pulled(&weights)[..tasks], &mut slopes[..tasks])?;
            for k in 0..tasks {
                velocity[k] = self.momentum * velocity[k] + slopes[k] * scale;
                weights[k] -= self.rate * velocity[k];
            }
            check_finite("products of two batches", &weights[..tasks])?;
            onto_simplex(&mut weights[..tasks]);
        }
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
