//! FAMO: all losses fall at one relative rate, learned from what each step did.

use alloc::vec::Vec;

use crate::balance::state::{Adam, Saved, softmax};
use crate::balance::{
    Heads, Kept, Needs, Observation, Observes, Weighting, Weights, check_losses, check_setting, check_told,
};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Keeps the logarithm of a loss at its bound finite.
const TINY: f64 = 1e-8;

/// Fast adaptive multitask optimization: B. Liu et al., NeurIPS 2023, Algorithm 1.
///
/// With `z = softmax(ξ)` and `D_k = l_k - b_k + 1e-8`, the step goes along the gradient of `c Σ z_k log D_k`, with
/// `c = 1 / Σ (z_k / D_k)` held fixed: `w_k = c z_k / D_k`. After the step the same batch is judged again
/// ([`Observation::LossesAfter`]): `δ_k = log D_k(before) - log D_k(after)` is how much each task gained, and ξ descends
/// along `(∂z/∂ξ)ᵀ δ` plus a decay, by Adam. Tasks that gained less than the others get more weight.
///
/// The two losses must come from the same function: the same batch, the same mode of the network, the same dropout.
/// Where there was no step since the last observation there is nothing to learn from, which is an error, and so are two
/// steps without an observation between them. With one task alone, as where others are [absent](crate::presence), there is
/// nothing to shift: ξ stays, its decay too, which Adam would blow up to steps of its full rate.
///
/// **Scale.** The weights sum to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Famo {
    tasks: usize,
    decay: f64,
    bounds: [f64; MAX_TASKS],
    logits: [f64; MAX_TASKS],
    /// `log D` of the last step; only looked at while it waits for the losses after.
    before: [f64; MAX_TASKS],
    waits: bool,
    adam: Adam,
}

impl Famo {
    /// For K tasks, with the settings of the paper: rate 0.025, decay 0.001, bounds zero.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self {
            tasks,
            decay: 1e-3,
            bounds: [0.0; MAX_TASKS],
            logits: [0.0; MAX_TASKS],
            before: [0.0; MAX_TASKS],
            waits: false,
            adam: Adam::new(0.025)?,
        })
    }

    /// The same with another rate of Adam and another decay of ξ, which pulls the weights to `c / D`. Results depend on
    /// the decay strongly.
    ///
    /// # Errors
    /// When one is negative or not finite.
    pub fn rate(mut self, rate: f64, decay: f64) -> Result<Self> {
        check_setting(decay.is_finite() && decay >= 0.0, "a decay is a number from 0 up")?;
        self.adam = Adam::new(rate)?;
        self.decay = decay;
        Ok(self)
    }

    /// The same with a lower bound of each loss, which no loss may fall below.
    ///
    /// # Errors
    /// When there are not K bounds or one is not finite.
    pub fn bounds(mut self, bounds: &[f64]) -> Result<Self> {
        check_length("bounds", self.tasks, bounds.len())?;
        check_finite("bounds", bounds)?;
        self.bounds[..self.tasks].copy_from_slice(bounds);
        Ok(self)
    }

    /// The shares `z = softmax(ξ)` of the tasks.
    ///
    /// # Errors
    /// Never, as ξ is finite.
    pub fn shares(&self) -> Result<Weights> {
        let mut shares = self.logits;
        softmax(&mut shares[..self.tasks]);
        Weights::new(&shares[..self.tasks])
    }

    /// `l - b + 1e-8`.
    fn distances(&self, losses: &[f64]) -> Result<[f64; MAX_TASKS]> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        let mut distances = [1.0; MAX_TASKS];
        for (k, loss) in losses.iter().enumerate() {
            distances[k] = loss - self.bounds[k] + TINY;
            if distances[k] <= 0.0 {
                return Err(Error::LossRange { method: "famo", task: k, range: "from its bound up" });
            }
        }
        check_finite("losses above their bounds", &distances[..self.tasks])?;
        Ok(distances)
    }
}

impl Weighting for Famo {
    fn name(&self) -> &'static str {
        "famo"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        let distances = self.distances(losses)?;
        check_told(self.name(), self.waits, "the losses after the step")?;
        let mut weights = self.logits;
        softmax(&mut weights[..self.tasks]);
        weights.iter_mut().zip(distances).for_each(|(w, distance)| *w /= distance);
        let total: f64 = weights[..self.tasks].iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        let weights = Weights::new(&weights[..self.tasks])?;
        self.before = distances.map(libm::log);
        self.waits = true;
        Ok(weights)
    }

    fn observes(&self) -> Observes {
        Observes::LossesAfter
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        let losses = match seen {
            Observation::LossesAfter(losses) => losses,
            Observation::EpochEnd => return Ok(()),
            other => return Err(Error::NotObserved { method: self.name(), what: other.name() }),
        };
        let distances = self.distances(losses)?;
        if !self.waits {
            return Err(Error::State {
                what: "losses after a step were given, and there was no step before them",
            });
        }
        if self.tasks == 1 {
            // Its gain says nothing about the others, and the slope would be the decay alone.
            self.waits = false;
            return Ok(());
        }
        let shares = self.shares()?;
        let gains = |k: usize| self.before[k] - libm::log(distances[k]);
        let mean: f64 = (0..self.tasks).map(|k| shares[k] * gains(k)).sum();
        let mut slopes = [0.0; MAX_TASKS];
        for k in 0..self.tasks {
            // The Jacobian of the softmax is diag(z) - z zᵀ.
            slopes[k] = shares[k] * (gains(k) - mean) + self.decay * self.logits[k];
        }
        Adam::check(&slopes[..self.tasks])?;
        self.adam.descend(&mut self.logits[..self.tasks], &slopes[..self.tasks]);
        self.waits = false;
        Ok(())
    }

    /// K logits ξ, whether a step waits for its losses after, K logarithms of its losses before, the state of Adam.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(&self.logits[..self.tasks]);
        state.push(f64::from(u8::from(self.waits)));
        let before = if self.waits { &self.before } else { &[0.0; MAX_TASKS] };
        state.extend_from_slice(&before[..self.tasks]);
        self.adam.save(self.tasks, &mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task, Kept::Common(1), Kept::Task, Kept::Task, Kept::Task, Kept::Task]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, 2 * self.tasks + 1 + Adam::saved_length(self.tasks))?;
        let logits = saved.take(self.tasks);
        let waits = saved.flag()?;
        let before = saved.take(self.tasks);
        self.adam = self.adam.restored(self.tasks, &mut saved)?;
        self.logits[..self.tasks].copy_from_slice(logits);
        self.before[..self.tasks].copy_from_slice(before);
        self.waits = waits;
        Ok(())
    }
}
