//! ExcessMTL: weight by how far each task is from the best it could do, not by its loss.

use alloc::vec::Vec;

use super::memory::Memory;
use crate::balance::panel::BLOCK;
use crate::balance::state::{Saved, softmax};
use crate::balance::{Heads, Kept, Needs, Panel, Weighting, Weights, check_losses, check_setting};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Robust multi-task learning with excess risks: Y. He et al., ICML 2024, Algorithm 1.
///
/// The excess risk of a task is estimated by a second-order expansion with the diagonal of Adagrad for its Hessian:
/// `e_k = Σ_p g_kp² / √H_kp` with `H_kp` the sum of all `g_kp²` so far, this step's included (elements whose H is zero
/// count nothing). It is divided by its first value (section 3.2), and the weights move by exponentiated gradients,
/// `w_k ∝ w_k exp(η e_k / e_k(0))`, so that tasks far from converged gain. `η = 0.01`. The weights of a step are those
/// after the move. A loss that label noise keeps high does not draw weight.
///
/// Weights are kept as logarithms, so none is lost to rounding.
///
/// **Scale.** The weights sum to one, as in the paper; LibMTL multiplies by K. The state has the size of the Jacobian, in
/// `f64`. The estimate depends on the axes of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ExcessMtl {
    tasks: usize,
    rate: f64,
    logs: [f64; MAX_TASKS],
    /// The first excess that was not zero; zero before.
    first: [f64; MAX_TASKS],
    squares: Memory,
}

impl ExcessMtl {
    /// For K tasks, with the rate η of the weights.
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite.
    pub fn new(tasks: usize, rate: f64) -> Result<Self> {
        check_tasks(tasks)?;
        check_setting(rate.is_finite() && rate >= 0.0, "the rate of the task weights is a number from 0 up")?;
        Ok(Self { tasks, rate, logs: [0.0; MAX_TASKS], first: [0.0; MAX_TASKS], squares: Memory::default() })
    }
}

impl Weighting for ExcessMtl {
    fn name(&self) -> &'static str {
        "excess-mtl"
    }

    fn needs(&self) -> Needs {
        Needs::Jacobian
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, _losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        Err(Error::MissingJacobian { method: self.name() })
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        self.squares.check(self.tasks, panel)?;
        let tasks = self.tasks;
        let (mut excess, mut values) = ([0.0; MAX_TASKS], [0.0; BLOCK]);
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            for (k, excess) in excess[..tasks].iter_mut().enumerate() {
                panel.read(k, first, &mut values[..count]);
                for (p, g) in values[..count].iter().enumerate() {
                    let square = g * g;
                    let sum = self.squares.at(k, first + p) + square;
                    if sum != 0.0 {
                        *excess += square / libm::sqrt(sum);
                    }
                }
            }
        }
        check_finite("squares of gradients", &excess[..tasks])?;
        let (mut logs, mut base) = (self.logs, self.first);
        for k in 0..tasks {
            if base[k] == 0.0 {
                base[k] = excess[k];
            }
            if base[k] > 0.0 {
                logs[k] += self.rate * (excess[k] / base[k]);
            }
        }
        // Only differences count; taken from the largest they stay small for ever.
        let largest = logs[..tasks].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logs[..tasks].iter_mut().for_each(|log| *log -= largest);
        let mut weights = logs;
        softmax(&mut weights[..tasks]);
        let weights = Weights::new(&weights[..tasks])?;
        check_finite("logarithms of weights", &logs[..tasks])?;

        self.squares.grow(panel);
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            for k in 0..tasks {
                panel.read(k, first, &mut values[..count]);
                let sums = self.squares.part(k, first, count);
                sums.iter_mut().zip(values).for_each(|(sum, g)| *sum += g * g);
            }
        }
        panel.combine(&weights)?;
        (self.logs, self.first) = (logs, base);
        Ok(weights)
    }

    /// K logarithms of weights, K first excesses, then K rows of sums of squares.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from(&self.logs[..self.tasks]);
        state.extend_from_slice(&self.first[..self.tasks]);
        self.squares.save(&mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::LogShares, Kept::Task, Kept::Rows]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, state.len().max(2 * self.tasks))?;
        let logs = saved.take(self.tasks);
        let first = saved.at_least(0.0, self.tasks)?;
        self.squares = Memory::restored(self.tasks, saved.at_least(0.0, state.len() - 2 * self.tasks)?)?;
        self.logs[..self.tasks].copy_from_slice(logs);
        self.first[..self.tasks].copy_from_slice(first);
        Ok(())
    }
}
