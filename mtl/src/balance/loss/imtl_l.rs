//! IMTL-L: each loss times a learned factor that brings all of them to one size.

use alloc::vec::Vec;

use crate::balance::state::{Adam, Saved};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_losses};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Logarithms of factors stay within this.
const LARGEST: f64 = 50.0;

/// Impartial learning of losses: `Σ (exp(s_k) l_k - s_k)`, with `s` learned along with the network.
///
/// L. Liu et al., "Towards impartial multi-task learning", ICLR 2021, IMTL-L with base e. For fixed losses the
/// minimum is `s_k = -log l_k`, where every weighted loss is one. It is twice [`Uncertainty`](super::Uncertainty)'s
/// objective with `s` turned round.
///
/// **Scale.** `w_k = exp(s_k)`: the sum of the gradients at the start (`s = 0`), `Σ g_k / l_k` at the minimum.
///
/// **Training of s.** As for [`Uncertainty`](super::Uncertainty): by Adam with the given rate, after the weights of the
/// step have been taken; `s` is kept within ±50.
#[derive(Clone, Debug, PartialEq)]
pub struct ImtlL {
    tasks: usize,
    logs: [f64; MAX_TASKS],
    adam: Adam,
}

impl ImtlL {
    /// For K tasks, with the rate of Adam for `s`, which starts at zero.
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite.
    pub fn new(tasks: usize, rate: f64) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { tasks, logs: [0.0; MAX_TASKS], adam: Adam::new(rate)? })
    }

    /// The same with another `s` to start from.
    ///
    /// # Errors
    /// When there are not K numbers or one is not within ±50.
    pub fn starting_at(mut self, logs: &[f64]) -> Result<Self> {
        check_length("logarithms of factors", self.tasks, logs.len())?;
        crate::balance::check_setting(
            logs.iter().all(|s| s.abs() <= LARGEST),
            "factors are exp(s), s within 50",
        )?;
        self.logs[..self.tasks].copy_from_slice(logs);
        Ok(self)
    }

    /// The present `s`.
    #[must_use]
    pub fn logs(&self) -> &[f64] {
        &self.logs[..self.tasks]
    }

    /// The objective `Σ (exp(s_k) l_k - s_k)`.
    ///
    /// # Errors
    /// When there are not K losses, or one is negative or not finite.
    pub fn objective(&self, losses: &[f64]) -> Result<f64> {
        self.check(losses)?;
        Ok(losses.iter().zip(self.logs()).map(|(l, &s)| libm::exp(s) * l - s).sum())
    }

    fn check(&self, losses: &[f64]) -> Result<()> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        match losses.iter().position(|&l| l < 0.0) {
            Some(task) => Err(Error::NegativeLoss { method: "imtl-l", task }),
            None => Ok(()),
        }
    }
}

impl Weighting for ImtlL {
    fn name(&self) -> &'static str {
        "imtl-l"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        self.check(losses)?;
        let (mut weights, mut slopes) = ([0.0; MAX_TASKS], [0.0; MAX_TASKS]);
        for (k, loss) in losses.iter().enumerate() {
            weights[k] = libm::exp(self.logs[k]);
            slopes[k] = weights[k] * loss - 1.0;
        }
        Adam::check(&slopes[..self.tasks])?;
        let weights = Weights::new(&weights[..self.tasks])?;
        self.adam.descend(&mut self.logs[..self.tasks], &slopes[..self.tasks]);
        self.logs.iter_mut().for_each(|s| *s = s.clamp(-LARGEST, LARGEST));
        Ok(weights)
    }

    /// K numbers `s`, then the state of Adam.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(self.logs());
        self.adam.save(self.tasks, &mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task; 4]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, self.tasks + Adam::saved_length(self.tasks))?;
        let logs = saved.take(self.tasks);
        if !logs.iter().all(|s| s.abs() <= LARGEST) {
            return Err(Error::State { what: "the logarithm of a factor is beyond 50" });
        }
        self.adam = self.adam.restored(self.tasks, &mut saved)?;
        self.logs[..self.tasks].copy_from_slice(logs);
        Ok(())
    }
}
