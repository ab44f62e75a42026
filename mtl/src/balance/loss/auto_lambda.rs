//! Auto-lambda: weights learned so that a step on them lowers a validation loss.

use alloc::vec::Vec;

use crate::balance::state::{Adam, Saved};
use crate::balance::{
    Heads, Kept, Needs, Observation, Observes, Weighting, Weights, check_losses, check_setting, check_told,
};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Auto-λ: S. Liu et al., "Auto-lambda: disentangling dynamic task relationships", TMLR 2022.
///
/// The weights λ descend on the validation loss L after a trial step, `L(θ')` with `θ' = θ - α Σ λ_k ∇l_k(θ)`. Its slope
/// along λ_k is exactly `-α ∇l_k(θ) · ∇L(θ')`, so what the method has to be told ([`Observation::Slopes`]) are these K
/// inner products. They cost K gradients; or, as in the paper, two forward passes at `θ ± ε ∇L(θ')` from which
/// [`AutoLambda::slopes`] takes differences. α is a factor in front of all of them and means nothing to Adam, which
/// moves λ. Weights below zero are set to zero, as the authors' program does.
///
/// **Scale.** All weights start at 0.1, as in the paper; nothing normalises them.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoLambda {
    tasks: usize,
    weights: [f64; MAX_TASKS],
    /// Whether there was a step since the last observation.
    waits: bool,
    adam: Adam,
}

impl AutoLambda {
    /// For K tasks, with the paper's first weights 0.1 and Adam's rate for them (1e-4 there).
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite.
    pub fn new(tasks: usize, rate: f64) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { tasks, weights: [0.1; MAX_TASKS], waits: false, adam: Adam::new(rate)? })
    }

    /// The same with other weights to start from.
    ///
    /// # Errors
    /// When there are not K of them or one is negative or not finite.
    pub fn starting_at(mut self, weights: &[f64]) -> Result<Self> {
        check_length("weights", self.tasks, weights.len())?;
        check_setting(weights.iter().all(|w| w.is_finite() && *w >= 0.0), "weights are numbers from 0 up")?;
        self.weights[..self.tasks].copy_from_slice(weights);
        Ok(self)
    }

    /// The slopes `∇l_k(θ) · ∇L` by central differences: from the K training losses at `θ + ε ∇L` and `θ - ε ∇L`. The
    /// paper takes `ε = 0.01 / |∇L|`.
    ///
    /// # Errors
    /// When the lengths differ, a slope is not finite, or ε is zero.
    pub fn slopes(ahead: &[f64], behind: &[f64], epsilon: f64) -> Result<Weights> {
        check_losses(ahead)?;
        check_length("losses behind", ahead.len(), behind.len())?;
        let mut slopes = [0.0; MAX_TASKS];
        for (k, slope) in slopes[..ahead.len()].iter_mut().enumerate() {
            *slope = (ahead[k] - behind[k]) / (2.0 * epsilon);
        }
        Weights::new(&slopes[..ahead.len()])
    }
}

impl Weighting for AutoLambda {
    fn name(&self) -> &'static str {
        "auto-lambda"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        check_told(self.name(), self.waits, "the slopes of a validation loss")?;
        let weights = Weights::new(&self.weights[..self.tasks])?;
        self.waits = true;
        Ok(weights)
    }

    fn held(&self) -> Option<Weights> {
        Weights::new(&self.weights[..self.tasks]).ok()
    }

    fn observes(&self) -> Observes {
        Observes::Slopes
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        let slopes = match seen {
            Observation::Slopes(slopes) => slopes,
            Observation::EpochEnd => return Ok(()),
            other => return Err(Error::NotObserved { method: self.name(), what: other.name() }),
        };
        check_length("slopes", self.tasks, slopes.len())?;
        check_finite("slopes", slopes)?;
        Adam::check(slopes)?;
        let mut along = [0.0; MAX_TASKS];
        along.iter_mut().zip(slopes).for_each(|(along, slope)| *along = -slope);
        self.adam.descend(&mut self.weights[..self.tasks], &along[..self.tasks]);
        self.weights.iter_mut().for_each(|w| *w = w.max(0.0));
        self.waits = false;
        Ok(())
    }

    /// K weights, whether a step waits for the next slopes, then the state of Adam.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(&self.weights[..self.tasks]);
        state.push(f64::from(u8::from(self.waits)));
        self.adam.save(self.tasks, &mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task, Kept::Common(1), Kept::Task, Kept::Task, Kept::Task]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, self.tasks + 1 + Adam::saved_length(self.tasks))?;
        let weights = saved.at_least(0.0, self.tasks)?;
        let waits = saved.flag()?;
        self.adam = self.adam.restored(self.tasks, &mut saved)?;
        self.waits = waits;
        self.weights[..self.tasks].copy_from_slice(weights);
        Ok(())
    }
}
