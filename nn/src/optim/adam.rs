//! Adam, and Adam with decoupled weight decay.

use super::{Optimiser, Rules, moment};
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
    first: Option<Tensor<T>>,
    second: Option<Tensor<T>>,
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
            first: None,
            second: None,
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

    /// Which parameters are frozen or without decay.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The two moments `m` and `v`, each `[P]`; `None` before the first step.
    pub fn moments(&self) -> Option<[&Tensor<T>; 2]> {
        Some([self.first.as_ref()?, self.second.as_ref()?])
    }

    /// Goes on where a stored run stopped: what [`steps`](Adam::steps) and [`moments`](Adam::moments) gave there.
    pub fn resume(&mut self, steps: u64, moments: [Tensor<T>; 2]) {
        let [first, second] = moments;
        (self.steps, self.first, self.second) = (steps, Some(first), Some(second));
    }
}

impl<T: Float> Adam<T> {
    /// Settings with which a step would make the parameters NaN, or climb, are refused before anything is changed.
    fn check(&self) -> Result<(), Error> {
        let in_unit = |beta: &f64| (0.0..1.0).contains(beta);
        let sound = |x: f64| x.is_finite() && x >= 0.0;
        let why = match self {
            _ if !sound(self.rate) => "the rate must be finite and not negative",
            _ if !self.betas.iter().all(in_unit) => "both betas must be at least 0 and below 1",
            _ if !sound(self.epsilon) => "epsilon must be finite and not negative",
            _ if !sound(self.decay) => "the decay must be finite and not negative",
            _ => return Ok(()),
        };
        Err(Error::Setting { of: "Adam", why })
    }
}

impl<T: Float> Optimiser<T> for Adam<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        self.check()?;
        let first = moment(&mut self.first, params, "first moment of Adam")?;
        let second = moment(&mut self.second, params, "second moment of Adam")?;
        self.steps = self.steps.saturating_add(1);
        let runs = self.rules.runs(params);
        let gradient = gradient.contiguous();
        let (m, v, g) = (first.make_mut(), second.make_mut(), gradient.as_slice().unwrap_or_default());
        let p = params.block_mut();
        for (range, decays) in runs {
            let settings = block::Adam {
                rate: self.rate,
                betas: self.betas,
                epsilon: self.epsilon,
                decay: if decays { self.decay } else { 0.0 },
                decoupled: self.decoupled,
            };
            let r = || range.clone();
            block::adam(&settings, self.steps, &mut p[r()], &g[r()], &mut m[r()], &mut v[r()]);
        }
        Ok(())
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        moment(&mut self.first, params, "first moment of Adam")?;
        moment(&mut self.second, params, "second moment of Adam")?;
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }
}
