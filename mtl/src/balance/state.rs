//! Pieces of the state that several methods keep: saved numbers read back with care, draws by step, Adam on K numbers.

use alloc::vec::Vec;

use tress_nn::{Random, mix};

use crate::error::{Error, Result, check_finite, check_length};
use crate::solve::MAX_TASKS;

/// Counts are saved as `f64`, which holds every whole number up to here.
const MOST_STEPS: u64 = 1 << 53;

/// Saved state being read back, front to back.
pub(super) struct Saved<'a>(&'a [f64]);

impl<'a> Saved<'a> {
    /// Checks that there are `expected` numbers, all finite.
    pub(super) fn new(state: &'a [f64], expected: usize) -> Result<Self> {
        check_length("state", expected, state.len())?;
        check_finite("state", state)?;
        Ok(Self(state))
    }

    /// The next `count` numbers.
    pub(super) fn take(&mut self, count: usize) -> &'a [f64] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    /// The next number, which must be a whole one from 0 up.
    pub(super) fn count(&mut self) -> Result<u64> {
        let value = self.take(1)[0];
        // The cast saturates and cuts off, so only a whole number from 0 up comes back as itself.
        let count = value as u64;
        if count >= MOST_STEPS || (count as f64).to_bits() != value.to_bits() {
            return Err(Error::State { what: "the number of steps is not a whole number from 0 up" });
        }
        Ok(count)
    }

    /// The next number, which says whether a step waits for an observation.
    pub(super) fn flag(&mut self) -> Result<bool> {
        match self.count()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::State { what: "a step waits for an observation or does not: 1 or 0" }),
        }
    }

    /// The next K numbers, which must be from `least` up.
    pub(super) fn at_least(&mut self, least: f64, count: usize) -> Result<&'a [f64]> {
        let values = self.take(count);
        if values.iter().all(|&value| value >= least) {
            Ok(values)
        } else {
            Err(Error::State { what: "a number is below the range that this method can reach" })
        }
    }
}

/// Random numbers that belong to a seed and to the number of the step: step n draws the same on every machine, and
/// after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draws {
    seed: u64,
    step: u64,
}

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, step: 0 }
    }

    /// The stream of the present step.
    pub(super) fn stream(&self) -> Random {
        Random::new(mix(self.seed, self.step))
    }

    pub(super) fn advance(&mut self) {
        self.step = (self.step + 1) % MOST_STEPS;
    }

    pub(super) fn save(&self) -> f64 {
        self.step as f64
    }

    pub(super) fn restore(&mut self, step: u64) {
        self.step = step;
    }
}

/// A random order of `0..tasks`, by Fisher and Yates.
pub(super) fn order(tasks: usize, random: &mut Random) -> [usize; MAX_TASKS] {
    let mut order: [usize; MAX_TASKS] = core::array::from_fn(|j| j);
    for last in (1..tasks).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

/// Adam on K numbers, with its usual decays 0.9 and 0.999, 1e-8 added to the root, and bias correction. Each number
/// counts its own steps, since a task may be absent from some.
///
/// D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Adam {
    rate: f64,
    steps: [u64; MAX_TASKS],
    means: [f64; MAX_TASKS],
    squares: [f64; MAX_TASKS],
}

impl Adam {
    const MEAN_DECAY: f64 = 0.9;
    const SQUARE_DECAY: f64 = 0.999;
    const TINY: f64 = 1e-8;

    /// A rate of zero keeps every number where it is.
    pub(super) fn new(rate: f64) -> Result<Self> {
        if !(rate.is_finite() && rate >= 0.0) {
            return Err(Error::Setting { what: "the rate of the task weights is a number from 0 up" });
        }
        Ok(Self { rate, steps: [0; MAX_TASKS], means: [0.0; MAX_TASKS], squares: [0.0; MAX_TASKS] })
    }

    /// Refuses slopes whose squares overflow, before they reach any state.
    pub(super) fn check(slopes: &[f64]) -> Result<()> {
        match slopes.iter().position(|slope| !(slope * slope).is_finite()) {
            Some(index) => Err(Error::NotFinite { what: "slopes of the task weights", index }),
            None => Ok(()),
        }
    }

    /// One step down the slopes, which [`Adam::check`] has passed.
    pub(super) fn descend(&mut self, values: &mut [f64], slopes: &[f64]) {
        for (k, (value, &slope)) in values.iter_mut().zip(slopes).enumerate() {
            self.steps[k] += 1;
            let steps = self.steps[k] as f64;
            let mean_bias = 1.0 - libm::pow(Self::MEAN_DECAY, steps);
            let square_bias = 1.0 - libm::pow(Self::SQUARE_DECAY, steps);
            self.means[k] = Self::MEAN_DECAY * self.means[k] + (1.0 - Self::MEAN_DECAY) * slope;
            self.squares[k] =
                Self::SQUARE_DECAY * self.squares[k] + (1.0 - Self::SQUARE_DECAY) * slope * slope;
            let root = libm::sqrt(self.squares[k] / square_bias) + Self::TINY;
            *value -= self.rate * (self.means[k] / mean_bias) / root;
        }
    }

    /// How many numbers [`Adam::save`] appends for K tasks.
    pub(super) fn saved_length(tasks: usize) -> usize {
        3 * tasks
    }

    pub(super) fn save(&self, tasks: usize, state: &mut Vec<f64>) {
        state.extend(self.steps[..tasks].iter().map(|&steps| steps as f64));
        state.extend_from_slice(&self.means[..tasks]);
        state.extend_from_slice(&self.squares[..tasks]);
    }

    /// The same optimiser with the numbers that were saved.
    pub(super) fn restored(&self, tasks: usize, saved: &mut Saved<'_>) -> Result<Self> {
        let mut adam = Self::new(self.rate)?;
        for steps in &mut adam.steps[..tasks] {
            *steps = saved.count()?;
        }
        adam.means[..tasks].copy_from_slice(saved.take(tasks));
        adam.squares[..tasks].copy_from_slice(saved.at_least(0.0, tasks)?);
        Ok(adam)
    }
}

/// `softmax(x)` on K numbers, written over them.
pub(super) fn softmax(values: &mut [f64]) {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|v| *v = libm::exp(*v - largest));
    let total: f64 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_drawn_about_equally_often() {
        // 24 orders of 4 tasks, 48 000 draws: 2000 each, standard deviation about 44.
        let mut counts = alloc::collections::BTreeMap::new();
        let mut draws = Draws::new(7);
        for _ in 0..48_000 {
            *counts.entry(order(4, &mut draws.stream())).or_insert(0) += 1;
            draws.advance();
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|&n: &i32| (1780..2220).contains(&n)), "{counts:?}");
    }

    #[test]
    fn steps_and_seeds_draw_different_numbers() {
        let drawn = |seed, step| Draws { seed, step }.stream().bits();
        assert_ne!(drawn(1, 0), drawn(1, 1));
        assert_ne!(drawn(1, 0), drawn(2, 0));
        assert_eq!(drawn(1, 5), drawn(1, 5));
    }
}
