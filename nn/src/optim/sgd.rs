//! Stochastic gradient descent.

use super::{Optimiser, Rules, moment};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// Gradient descent with momentum, Nesterov's or none, and weight decay, as PyTorch defines them (Sutskever et al. 2013,
/// "On the importance of initialization and momentum in deep learning", with the rate outside of the momentum).
///
/// With gradient `g`:
///
/// ```text
/// g += decay p
/// b = momentum b + g
/// p -= rate b                      or, with Nesterov,  p -= rate (g + momentum b)
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Float = f32> {
    rate: f64,
    momentum: f64,
    nesterov: bool,
    decay: f64,
    rules: Rules,
    velocity: Option<Tensor<T>>,
}

impl<T: Float> Sgd<T> {
    /// Without momentum and weight decay.
    pub fn new(rate: f64) -> Self {
        Self { rate, momentum: 0.0, nesterov: false, decay: 0.0, rules: Rules::new(), velocity: None }
    }

    /// With momentum; 0 is none.
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Looks ahead along the momentum (Nesterov 1983).
    pub fn nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }

    /// Weight decay, added to the gradient.
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// Which parameters are frozen or without decay.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The velocity `b [P]`; `None` without momentum and before the first step.
    pub fn velocity(&self) -> Option<&Tensor<T>> {
        self.velocity.as_ref()
    }

    /// Goes on where a stored run stopped: what [`velocity`](Sgd::velocity) gave there.
    pub fn resume(&mut self, velocity: Option<Tensor<T>>) {
        self.velocity = velocity;
    }
}

impl<T: Float> Sgd<T> {
    /// Settings with which a step would make the parameters NaN, or climb, are refused before anything is changed.
    fn check(&self) -> Result<(), Error> {
        let sound = |x: f64| x.is_finite() && x >= 0.0;
        match [self.rate, self.momentum, self.decay].into_iter().all(sound) {
            true => Ok(()),
            false => {
                let why = "rate, momentum and decay must be finite and not negative";
                Err(Error::Setting { of: "gradient descent", why })
            }
        }
    }
}

impl<T: Float> Optimiser<T> for Sgd<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        self.check()?;
        let velocity = match self.momentum == 0.0 {
            true => &mut [][..],
            false => moment(&mut self.velocity, params, "velocity of gradient descent")?.make_mut(),
        };
        let runs = self.rules.runs(params);
        let gradient = gradient.contiguous();
        let g = gradient.as_slice().unwrap_or_default();
        let p = params.block_mut();
        for (range, decays) in runs {
            let settings = block::Sgd {
                rate: self.rate,
                momentum: self.momentum,
                decay: if decays { self.decay } else { 0.0 },
                nesterov: self.nesterov,
            };
            let b = velocity.get_mut(range.clone()).unwrap_or_default(); // empty without momentum
            block::sgd(&settings, &mut p[range.clone()], &g[range], b);
        }
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        if self.momentum != 0.0 {
            moment(&mut self.velocity, params, "velocity of gradient descent")?;
        }
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }
}
