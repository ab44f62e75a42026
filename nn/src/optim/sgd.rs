//! Stochastic gradient descent.

use super::state::Blocks;
use super::{Optimiser, Rules, State, check, each_run};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// Gradient descent with momentum, Nesterov's or none, and weight decay, as PyTorch defines them (Sutskever et al. 2013,
/// "On the importance of initialization and momentum in deep learning", with the rate outside of the momentum).
///
/// With gradient `g`:
///
/// ```text
/// g += decay p
/// b = momentum b + (1 - dampening) g          in the first step b = g
/// p -= rate b                                 or, with Nesterov,  p -= rate (g + momentum b)
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Float = f32> {
    rate: f64,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    decay: f64,
    rules: Rules,
    steps: u64,
    velocity: Blocks<T, 1>,
}

impl<T: Float> Sgd<T> {
    /// Without momentum and weight decay.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            decay: 0.0,
            rules: Rules::new(),
            steps: 0,
            velocity: Blocks::new(["velocity"]),
        }
    }

    /// With momentum; 0 is none.
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// What part of the gradient does not get into the velocity, from the second step on.
    pub fn dampening(self, dampening: f64) -> Self {
        Self { dampening, ..self }
    }

    /// Looks ahead along the momentum (Nesterov 1983).
    pub fn nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }

    /// Weight decay, added to the gradient.
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// Groups of parameters with rates and decays of their own, or frozen.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The velocity `b [P]`; `None` without momentum and before the first step.
    pub fn velocity(&self) -> Option<&Tensor<T>> {
        self.velocity.tensors().map(|[velocity]| velocity).filter(|velocity| velocity.len() > 0)
    }

    fn check(&self) -> Result<(), Error> {
        let why = "rate, momentum, dampening and decay must be finite and not negative";
        check("gradient descent", why, [self.rate, self.momentum, self.dampening, self.decay])?;
        if self.nesterov && self.dampening != 0.0 {
            let why = "Nesterov's momentum has no dampening; leave out one of them";
            return Err(Error::Setting { of: "gradient descent", why });
        }
        Ok(())
    }
}

impl<T: Float> Optimiser<T> for Sgd<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        self.check()?;
        let runs = self.rules.runs(params)?;
        let velocity = self.velocity.ready(params, [self.momentum != 0.0], 0.0)?;
        let mut settings = block::Sgd {
            rate: self.rate,
            momentum: self.momentum,
            dampening: if self.steps == 0 { 0.0 } else { self.dampening },
            decay: self.decay,
            nesterov: self.nesterov,
        };
        each_run(runs, params, gradient, velocity, |tuning, p, g, [b]| {
            settings.rate = self.rate * tuning.factor;
            settings.decay = tuning.decay.unwrap_or(self.decay);
            block::sgd(&settings, p, g, b);
        });
        self.steps = self.steps.saturating_add(1);
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.velocity.ready(params, [self.momentum != 0.0], 0.0)?;
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
        self.velocity.store(State::new("sgd").with_count("steps", self.steps).with_number("rate", self.rate))
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("sgd")?;
        let (steps, rate) = (state.count("steps")?, state.number("rate")?);
        self.velocity = self.velocity.restored(state, params)?;
        (self.steps, self.rate) = (steps, rate);
        Ok(())
    }
}
