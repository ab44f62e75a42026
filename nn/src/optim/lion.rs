//! Lion.

use super::state::Blocks;
use super::{Optimiser, Rules, State, check, check_parts, each_run};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2): every parameter moves by the
/// rate, up or down. The rate is best three to ten times below that of Adam, and the decay as much above (section 5).
///
/// With gradient `g`:
///
/// ```text
/// p -= rate (sign(beta1 m + (1 - beta1) g) + decay p)
/// m = beta2 m + (1 - beta2) g
/// ```
#[derive(Clone, Debug)]
pub struct Lion<T: Float = f32> {
    rate: f64,
    betas: [f64; 2],
    decay: f64,
    rules: Rules,
    moment: Blocks<T, 1>,
}

impl<T: Float> Lion<T> {
    /// Betas 0.9 and 0.99, without weight decay.
    pub fn new(rate: f64) -> Self {
        let moment = Blocks::new(["moment"]);
        Self { rate, betas: [0.9, 0.99], decay: 0.0, rules: Rules::new(), moment }
    }

    /// How much of the moment there is in the direction of a step, and how much of it stays.
    pub fn betas(self, first: f64, second: f64) -> Self {
        Self { betas: [first, second], ..self }
    }

    /// Decoupled weight decay.
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// Groups of parameters with rates and decays of their own, or frozen.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }
}

impl<T: Float> Optimiser<T> for Lion<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        check_parts("Lion", "both betas must be at least 0 and below 1", self.betas)?;
        check("Lion", "rate and decay must be finite and not negative", [self.rate, self.decay])?;
        let runs = self.rules.runs(params)?;
        let moment = self.moment.ready(params, [true], 0.0)?;
        each_run(runs, params, gradient, moment, |tuning, p, g, [m]| {
            let decay = tuning.decay.unwrap_or(self.decay);
            let settings = block::Lion { rate: self.rate * tuning.factor, betas: self.betas, decay };
            block::lion(&settings, p, g, m);
        });
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.moment.ready(params, [true], 0.0)?;
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
        self.moment.store(State::new("lion").with_number("rate", self.rate))
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("lion")?;
        let rate = state.number("rate")?;
        self.moment = self.moment.restored(state, params)?;
        self.rate = rate;
        Ok(())
    }
}
