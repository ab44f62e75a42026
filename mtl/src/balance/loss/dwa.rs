//! Dynamic weight average: tasks whose losses fall slowly get more weight.

use alloc::vec::Vec;

use crate::balance::state::{Saved, softmax};
use crate::balance::{
    Heads, Kept, Needs, Observation, Observes, TINY_LOSS, Weighting, Weights, check_losses, check_setting,
};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Dynamic weight average: `w = K softmax(r / T)`, `r_k` the mean loss of the last epoch over that of the one before.
///
/// S. Liu, E. Johns and A. Davison, "End-to-end multi-task learning with attention", CVPR 2019, equation (7), with
/// `T = 2` as there. Weights are one during the first two epochs; a task that has fewer behind it than the others counts as one
/// whose loss stays. The method averages the losses of its steps by
/// itself; it must be told when an epoch ends ([`Observation::EpochEnd`]). An epoch without a step of a task is none to it. Only means over
/// an epoch are looked at: a batch may have a loss of zero, a mean below `1e-8` counts as `1e-8`, and one that is
/// negative is an error at the end of the epoch.
///
/// **Scale.** The weights sum to K.
#[derive(Clone, Debug, PartialEq)]
pub struct Dwa {
    tasks: usize,
    temperature: f64,
    /// Of the present epoch, for each task.
    steps: [u64; MAX_TASKS],
    sums: [f64; MAX_TASKS],
    /// How many epochs each task had, and its mean losses in the last and in the one before, as far as there were any.
    epochs: [u64; MAX_TASKS],
    means: [[f64; MAX_TASKS]; 2],
}

impl Dwa {
    /// For K tasks, with the temperature 2 of the paper.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self {
            tasks,
            temperature: 2.0,
            steps: [0; MAX_TASKS],
            sums: [0.0; MAX_TASKS],
            epochs: [0; MAX_TASKS],
            means: [[0.0; MAX_TASKS]; 2],
        })
    }

    /// The same with another temperature: the higher, the more equal the weights.
    ///
    /// # Errors
    /// When it is not a number above zero.
    pub fn temperature(mut self, temperature: f64) -> Result<Self> {
        check_setting(temperature.is_finite() && temperature > 0.0, "a temperature is a number above 0")?;
        self.temperature = temperature;
        Ok(self)
    }
}

impl Weighting for Dwa {
    fn name(&self) -> &'static str {
        "dwa"
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
        let mut sums = self.sums;
        sums.iter_mut().zip(losses).for_each(|(sum, l)| *sum += l);
        check_finite("sums of losses", &sums[..self.tasks])?;
        let mut weights = [1.0; MAX_TASKS];
        if self.epochs[..self.tasks].iter().any(|&epochs| epochs >= 2) {
            for k in (0..self.tasks).filter(|&k| self.epochs[k] >= 2) {
                weights[k] = self.means[0][k].max(TINY_LOSS) / self.means[1][k].max(TINY_LOSS);
            }
            weights.iter_mut().for_each(|ratio| *ratio /= self.temperature);
            softmax(&mut weights[..self.tasks]);
            weights.iter_mut().for_each(|w| *w *= self.tasks as f64);
        }
        let weights = Weights::new(&weights[..self.tasks])?;
        self.sums = sums;
        self.steps[..self.tasks].iter_mut().for_each(|steps| *steps += 1);
        Ok(weights)
    }

    fn observes(&self) -> Observes {
        Observes::Epochs
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        let Observation::EpochEnd = seen else {
            return Err(Error::NotObserved { method: self.name(), what: seen.name() });
        };
        if let Some(task) = self.sums[..self.tasks].iter().position(|&sum| sum < 0.0) {
            let range = "whose mean over an epoch is from 0 up";
            return Err(Error::LossRange { method: self.name(), task, range });
        }
        for k in 0..self.tasks {
            if self.steps[k] == 0 {
                continue;
            }
            self.means[1][k] = self.means[0][k];
            self.means[0][k] = self.sums[k] / self.steps[k] as f64;
            (self.sums[k], self.steps[k]) = (0.0, 0);
            self.epochs[k] += 1;
        }
        Ok(())
    }

    /// For each task its steps in this epoch, its epochs, the sum of its losses, and its means of the last two epochs.
    fn save(&self) -> Vec<f64> {
        let counts = self.steps[..self.tasks].iter().chain(&self.epochs[..self.tasks]);
        let mut state: Vec<f64> = counts.map(|&count| count as f64).collect();
        for part in [&self.sums, &self.means[0], &self.means[1]] {
            state.extend_from_slice(&part[..self.tasks]);
        }
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Task; 5]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, 5 * self.tasks)?;
        let mut own = Self::new(self.tasks)?;
        own.temperature = self.temperature;
        for counts in [&mut own.steps, &mut own.epochs] {
            for count in &mut counts[..self.tasks] {
                *count = saved.count()?;
            }
        }
        own.sums[..self.tasks].copy_from_slice(saved.take(self.tasks));
        for mean in &mut own.means {
            mean[..self.tasks].copy_from_slice(saved.at_least(0.0, self.tasks)?);
        }
        *self = own;
        Ok(())
    }
}
