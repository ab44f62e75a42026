//! Adam, and Adam with decoupled weight decay.

use super::state::Blocks;
use super::{Optimiser, Rules, State, check, check_parts, each_run};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// Adam (Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1), and AdamW (Loshchilov & Hutter
/// 2019, "Decoupled weight decay regularization", algorithm 2).
///
/// With gradient `g` at step `t`:
///
/// ```text
/// Adam:  g += decay p          AdamW:  p -= rate decay p
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g^2
/// p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Float = f32> {
    rate: f64,
    betas: [f64; 2],
    epsilon: f64,
    decay: f64,
    decoupled: bool,
    rules: Rules,
    steps: u64,
    moments: Blocks<T, 2>,
}

impl<T: Float> Adam<T> {
    /// Adam without weight decay; betas 0.9 and 0.999, epsilon 1e-8.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            decay: 0.0,
            decoupled: false,
            rules: Rules::new(),
            steps: 0,
            moments: Blocks::new(["first moment", "second moment"]),
        }
    }

    /// AdamW: weight decay that does not go through the moments.
    pub fn decoupled(rate: f64, decay: f64) -> Self {
        Self { decay, decoupled: true, ..Self::new(rate) }
    }

    /// How slowly the two moments forget.
    pub fn betas(self, first: f64, second: f64) -> Self {
        Self { betas: [first, second], ..self }
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Weight decay: added to the gradient, or decoupled after [`Adam::decoupled`].
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// Groups of parameters with rates and decays of their own, or frozen.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The two moments `m` and `v`, each `[P]`; `None` before the first step.
    pub fn moments(&self) -> Option<&[Tensor<T>; 2]> {
        self.moments.tensors()
    }

    fn check(&self) -> Result<(), Error> {
        check_parts("Adam", "both betas must be at least 0 and below 1", self.betas)?;
        let why = "rate, epsilon and decay must be finite and not negative";
        check("Adam", why, [self.rate, self.epsilon, self.decay])
    }
}

impl<T: Float> Optimiser<T> for Adam<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        self.check()?;
        let runs = self.rules.runs(params)?;
        let moments = self.moments.ready(params, [true; 2], 0.0)?;
        self.steps = self.steps.saturating_add(1);
        each_run(runs, params, gradient, moments, |tuning, p, g, [m, v]| {
            let settings = block::Adam {
                rate: self.rate * tuning.factor,
                betas: self.betas,
                epsilon: self.epsilon,
                decay: tuning.decay.unwrap_or(self.decay),
                decoupled: self.decoupled,
            };
            block::adam(&settings, self.steps, p, g, m, v);
        });
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.moments.ready(params, [true; 2], 0.0)?;
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
        self.moments.store(State::new("adam").with_count("steps", self.steps).with_number("rate", self.rate))
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("adam")?;
        let (steps, rate) = (state.count("steps")?, state.number("rate")?);
        self.moments = self.moments.restored(state, params)?;
        (self.steps, self.rate) = (steps, rate);
        Ok(())
    }
}
