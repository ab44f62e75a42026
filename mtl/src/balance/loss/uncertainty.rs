//! Uncertainty weighting: each loss is divided by a variance that is learned with the network.

use alloc::vec::Vec;

use crate::balance::state::{Adam, Saved};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_losses};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Log-variances stay within this, so that `exp(-s)` stays finite however long a loss is zero. A loss that calls for
/// more would be below 2e-22 or above 5e21.
const LARGEST: f64 = 50.0;

/// Homoscedastic uncertainty: A. Kendall, Y. Gal and R. Cipolla, "Multi-task learning using uncertainty to weigh losses
/// for scene geometry and semantics", CVPR 2018, in the log-variances `s_k = log σ_k²` that the paper advises.
///
/// Every task is taken as a regression with Gaussian noise, as is common; for a classification the paper's own
/// formula lacks the half before `exp(-s)`, which only moves its log-variance by `log 2`.
///
/// The objective is `½ Σ (exp(-s_k) l_k + s_k)`, so the weights are `w_k = ½ exp(-s_k)` and the slopes along the
/// log-variances `½ (1 - exp(-s_k) l_k)`. For fixed losses its minimum is `s_k = log l_k`, where every `w_k l_k` is a
/// half and the objective `½ Σ (1 + log l_k)`: in the end the method divides each gradient by its loss.
///
/// **Scale.** `d = Jᵀ w` is half the sum of the gradients at the start (`s = 0`) and half of `Σ g_k / l_k` at the
/// minimum. The objective may become negative; that is no mistake.
///
/// **Training of s.** Each call of [`Weighting::weights`] first takes the weights at the present `s`, then moves `s` by
/// one step of Adam (decays 0.9 and 0.999, 1e-8 added to the root, bias corrected) with the rate given, without weight
/// decay, which would pull the weights to a half for no reason. This is what a joint step on network and
/// log-variances does. `s` is kept within ±50.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainty {
    tasks: usize,
    log_variances: [f64; MAX_TASKS],
    adam: Adam,
}

impl Uncertainty {
    /// For K tasks, with the rate of Adam for the log-variances, which start at zero. A rate of zero keeps them.
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite.
    pub fn new(tasks: usize, rate: f64) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { tasks, log_variances: [0.0; MAX_TASKS], adam: Adam::new(rate)? })
    }

    /// The same with other log-variances to start from.
    ///
    /// # Errors
    /// When there are not K of them or one is not within ±50.
    pub fn starting_at(mut self, log_variances: &[f64]) -> Result<Self> {
        check_length("log-variances", self.tasks, log_variances.len())?;
        if !log_variances.iter().all(|s| s.abs() <= LARGEST) {
            return Err(Error::Setting { what: "log-variances are between -50 and 50" });
        }
        self.log_variances[..self.tasks].copy_from_slice(log_variances);
        Ok(self)
    }

    /// The present log-variances `s`, one for each task.
    #[must_use]
    pub fn log_variances(&self) -> &[f64] {
        &self.log_variances[..self.tasks]
    }

    /// The objective `½ Σ (exp(-s_k) l_k + s_k)` at the present log-variances.
    ///
    /// # Errors
    /// When there are not K losses, or one is negative or not finite.
    pub fn objective(&self, losses: &[f64]) -> Result<f64> {
        self.check(losses)?;
        Ok(losses.iter().zip(self.log_variances()).map(|(l, s)| 0.5 * (libm::exp(-s) * l + s)).sum())
    }

    /// The slopes `½ (1 - exp(-s_k) l_k)` of the objective along the log-variances.
    ///
    /// # Errors
    /// As for [`objective`](Uncertainty::objective).
    pub fn slopes(&self, losses: &[f64]) -> Result<Weights> {
        self.check(losses)?;
        let mut slopes = [0.0; MAX_TASKS];
        for ((slope, l), s) in slopes.iter_mut().zip(losses).zip(self.log_variances()) {
            *slope = 0.5 * (1.0 - libm::exp(-s) * l);
        }
        Weights::new(&slopes[..self.tasks])
    }

    fn check(&self, losses: &[f64]) -> Result<()> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        match losses.iter().position(|&l| l < 0.0) {
            Some(task) => Err(Error::NegativeLoss { method: "uncertainty", task }),
            None => Ok(()),
        }
    }
}

impl Weighting for Uncertainty {
    fn name(&self) -> &'static str {
        "uncertainty"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        let slopes = self.slopes(losses)?;
        Adam::check(&slopes)?;
        let mut weights = [0.0; MAX_TASKS];
        for (weight, s) in weights.iter_mut().zip(self.log_variances()) {
            *weight = 0.5 * libm::exp(-s);
        }
        let weights = Weights::new(&weights[..self.tasks])?;
        self.adam.descend(&mut self.log_variances, &slopes);
        self.log_variances.iter_mut().for_each(|s| *s = s.clamp(-LARGEST, LARGEST));
        Ok(weights)
    }

    /// K log-variances, then the state of Adam.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(self.log_variances());
        self.adam.save(self.tasks, &mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task; 4]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, self.tasks + Adam::saved_length(self.tasks))?;
        let log_variances = saved.take(self.tasks);
        if !log_variances.iter().all(|s| s.abs() <= LARGEST) {
            return Err(Error::State { what: "a log-variance is beyond 50" });
        }
        self.adam = self.adam.restored(self.tasks, &mut saved)?;
        self.log_variances[..self.tasks].copy_from_slice(log_variances);
        Ok(())
    }
}
