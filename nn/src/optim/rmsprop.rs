//! RMSprop.

use super::state::Blocks;
use super::{Optimiser, Rules, State, check, check_parts, each_run};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// RMSprop (Tieleman & Hinton 2012, "Lecture 6.5: divide the gradient by a running average of its recent magnitude"),
/// with a mean as Graves 2013 ("Generating sequences with recurrent neural networks", equations 38 to 41) and a velocity,
/// as PyTorch defines them.
///
/// With gradient `g`:
///
/// ```text
/// g += decay p
/// s = smoothing s + (1 - smoothing) g^2
/// m = smoothing m + (1 - smoothing) g          centred: s - m^2 instead of s in the root
/// v = momentum v + g / (sqrt(s) + epsilon)
/// p -= rate v
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp<T: Float = f32> {
    rate: f64,
    smoothing: f64,
    epsilon: f64,
    decay: f64,
    momentum: f64,
    centred: bool,
    rules: Rules,
    blocks: Blocks<T, 3>,
}

impl<T: Float> RmsProp<T> {
    /// Smoothing 0.99, epsilon 1e-8; neither centred nor with momentum or decay.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            smoothing: 0.99,
            epsilon: 1e-8,
            decay: 0.0,
            momentum: 0.0,
            centred: false,
            rules: Rules::new(),
            blocks: Blocks::new(["mean square", "mean", "velocity"]),
        }
    }

    /// How slowly the mean square forgets.
    pub fn smoothing(self, smoothing: f64) -> Self {
        Self { smoothing, ..self }
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Weight decay, added to the gradient.
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// With momentum; 0 is none.
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Divides by the standard deviation of the gradient instead of its root mean square.
    pub fn centred(self) -> Self {
        Self { centred: true, ..self }
    }

    /// Groups of parameters with rates and decays of their own, or frozen.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    fn wanted(&self) -> [bool; 3] {
        [true, self.centred, self.momentum != 0.0]
    }
}

impl<T: Float> Optimiser<T> for RmsProp<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        check_parts("RMSprop", "the smoothing must be at least 0 and below 1", [self.smoothing])?;
        let why = "rate, epsilon, decay and momentum must be finite and not negative";
        check("RMSprop", why, [self.rate, self.epsilon, self.decay, self.momentum])?;
        let runs = self.rules.runs(params)?;
        let blocks = self.blocks.ready(params, self.wanted(), 0.0)?;
        each_run(runs, params, gradient, blocks, |tuning, p, g, [s, m, v]| {
            let settings = block::RmsProp {
                rate: self.rate * tuning.factor,
                smoothing: self.smoothing,
                epsilon: self.epsilon,
                decay: tuning.decay.unwrap_or(self.decay),
                momentum: self.momentum,
            };
            block::rmsprop(&settings, p, g, s, m, v);
        });
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.blocks.ready(params, self.wanted(), 0.0)?;
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
        self.blocks.store(State::new("rmsprop").with_number("rate", self.rate))
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("rmsprop")?;
        let rate = state.number("rate")?;
        self.blocks = self.blocks.restored(state, params)?;
        self.rate = rate;
        Ok(())
    }
}
