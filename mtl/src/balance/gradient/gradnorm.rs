//! GradNorm: weights learned until the weighted gradients have the lengths that they should.

use alloc::vec::Vec;

use crate::balance::state::{Adam, Saved};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_from_zero, check_gramian, check_setting};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Gradient normalisation: Z. Chen et al., "GradNorm: gradient normalization for adaptive loss balancing in deep
/// multitask networks", ICML 2018, Algorithm 1.
///
/// With `n_k = w_k |g_k|`, their mean `n`, and the relative inverse training rate `r_k = (l_k / l_k(0)) / mean`, the
/// weights descend on `Σ |n_k - n r_k^α|`, the target `n r_k^α` held fixed. The slope is `± |g_k|`: no second derivative is
/// needed, since the norm of an unweighted gradient does not depend on the weights. Then the weights, kept from zero
/// up, are brought back to the sum K; where some tasks are absent, those of the others to the sum that they had. `α = 1.5`, as
/// in the paper for tasks that differ; `l(0)` are the losses of the first step of each task, which must be above zero. Later ones may be zero, and where all are zero every `r_k` is one. The paper
/// takes the gradients at the last shared layer; here they are those that are balanced.
///
/// **Scale.** The weights sum to K.
#[derive(Clone, Debug, PartialEq)]
pub struct GradNorm {
    tasks: usize,
    alpha: f64,
    weights: [f64; MAX_TASKS],
    /// The loss of the first step of each task; zero before.
    first: [f64; MAX_TASKS],
    adam: Adam,
}

impl GradNorm {
    /// For K tasks, with the rate of Adam for the weights (0.025 in the paper).
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite.
    pub fn new(tasks: usize, rate: f64) -> Result<Self> {
        check_tasks(tasks)?;
        let (weights, first) = ([1.0; MAX_TASKS], [0.0; MAX_TASKS]);
        Ok(Self { tasks, alpha: 1.5, weights, first, adam: Adam::new(rate)? })
    }

    /// The same with another α: 0 asks for equal lengths, more gives slow tasks more.
    ///
    /// # Errors
    /// When it is negative or not finite.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        check_setting(alpha.is_finite() && alpha >= 0.0, "alpha is a number from 0 up")?;
        self.alpha = alpha;
        Ok(self)
    }

    /// The lengths that the weighted gradients should have: `n r_k^α`.
    fn targets(&self, losses: &[f64], gramian: &Gramian) -> [f64; MAX_TASKS] {
        let mut targets = [0.0; MAX_TASKS];
        for k in 0..self.tasks {
            targets[k] = if self.first[k] == 0.0 { 1.0 } else { losses[k] / self.first[k] };
        }
        let rate = targets.iter().sum::<f64>() / self.tasks as f64;
        let relative = |trained: f64| if rate > 0.0 { trained / rate } else { 1.0 };
        let length =
            (0..self.tasks).map(|k| self.weights[k] * gramian.norm(k)).sum::<f64>() / self.tasks as f64;
        targets.iter_mut().for_each(|t| *t = length * libm::pow(relative(*t), self.alpha));
        targets
    }
}

impl Weighting for GradNorm {
    fn name(&self) -> &'static str {
        "gradnorm"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        check_length("losses", self.tasks, losses.len())?;
        check_from_zero(self.name(), losses)?;
        let begins = |k: usize| self.first[k] == 0.0 && losses[k] == 0.0;
        if let Some(task) = (0..self.tasks).find(|&k| begins(k)) {
            return Err(Error::LossRange { method: self.name(), task, range: "above 0 at the first step" });
        }
        let weights = Weights::new(&self.weights[..self.tasks])?;
        let targets = self.targets(losses, gramian);
        let mut slopes = [0.0; MAX_TASKS];
        for k in 0..self.tasks {
            let excess = self.weights[k] * gramian.norm(k) - targets[k];
            slopes[k] = if excess == 0.0 { 0.0 } else { gramian.norm(k).copysign(excess) };
        }
        Adam::check(&slopes[..self.tasks])?;
        for (first, &loss) in self.first.iter_mut().zip(losses) {
            *first = if *first == 0.0 { loss } else { *first };
        }
        let own = &mut self.weights[..self.tasks];
        let before: f64 = own.iter().sum();
        self.adam.descend(own, &slopes[..self.tasks]);
        own.iter_mut().for_each(|w| *w = w.max(0.0));
        let total: f64 = own.iter().sum();
        // A rate so large that all weights ran out starts again.
        own.iter_mut().for_each(|w| *w = if total > 0.0 { *w * before / total } else { 1.0 });
        Ok(weights)
    }

    /// K weights, K first losses, the state of Adam.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(&self.weights[..self.tasks]);
        state.extend_from_slice(&self.first[..self.tasks]);
        self.adam.save(self.tasks, &mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task; 5]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, 2 * self.tasks + Adam::saved_length(self.tasks))?;
        let weights = saved.at_least(0.0, self.tasks)?;
        let first = saved.at_least(0.0, self.tasks)?;
        self.adam = self.adam.restored(self.tasks, &mut saved)?;
        self.weights[..self.tasks].copy_from_slice(weights);
        self.first[..self.tasks].copy_from_slice(first);
        Ok(())
    }
}
