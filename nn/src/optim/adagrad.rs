//! Adagrad.

use super::state::Blocks;
use super::{Optimiser, Rules, State, check, each_run};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// Adagrad (Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization",
/// figure 1, diagonal), as PyTorch defines it.
///
/// With gradient `g` at step `t`:
///
/// ```text
/// g += decay p
/// s += g^2
/// p -= rate / (1 + (t - 1) slowing) g / (sqrt(s) + epsilon)
/// ```
#[derive(Clone, Debug)]
pub struct Adagrad<T: Float = f32> {
    rate: f64,
    slowing: f64,
    epsilon: f64,
    decay: f64,
    first: f64,
    rules: Rules,
    steps: u64,
    sum: Blocks<T, 1>,
}

impl<T: Float> Adagrad<T> {
    /// Epsilon 1e-10; no slowing, no decay; sums that start at 0.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            slowing: 0.0,
            epsilon: 1e-10,
            decay: 0.0,
            first: 0.0,
            rules: Rules::new(),
            steps: 0,
            sum: Blocks::new(["sum of squares"]),
        }
    }

    /// How the rate falls besides.
    pub fn slowing(self, slowing: f64) -> Self {
        Self { slowing, ..self }
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Weight decay, added to the gradient.
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// Where the sums of squares start.
    pub fn start(self, first: f64) -> Self {
        Self { first, ..self }
    }

    /// Groups of parameters with rates and decays of their own, or frozen.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }
}

impl<T: Float> Optimiser<T> for Adagrad<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        let why = "rate, slowing, epsilon, decay and start must be finite and not negative";
        check("Adagrad", why, [self.rate, self.slowing, self.epsilon, self.decay, self.first])?;
        let runs = self.rules.runs(params)?;
        let sum = self.sum.ready(params, [true], self.first)?;
        let rate = self.rate / (1.0 + self.steps as f64 * self.slowing);
        each_run(runs, params, gradient, sum, |tuning, p, g, [s]| {
            let decay = tuning.decay.unwrap_or(self.decay);
            let settings = block::Adagrad { rate: rate * tuning.factor, epsilon: self.epsilon, decay };
            block::adagrad(&settings, p, g, s);
        });
        self.steps = self.steps.saturating_add(1);
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.sum.ready(params, [true], self.first)?;
        Ok(())
    }

    fn groups(&self) -> &Rules {
        &self.rules
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    fn state(&self) -> State<T> {
        self.sum.store(State::new("adagrad").with_count("steps", self.steps).with_number("rate", self.rate))
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("adagrad")?;
        let (steps, rate) = (state.count("steps")?, state.number("rate")?);
        self.sum = self.sum.restored(state, params)?;
        (self.steps, self.rate) = (steps, rate);
        Ok(())
    }
}
