//! Stochastic gradient descent.

use super::{Optimiser, Rules, moment};
use crate::{Error, Params};
use tress_tensor::{Float, Tensor};

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

impl<T: Float> Optimiser<T> for Sgd<T> {
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error> {
        params.expect_block("gradient", gradient)?;
        let runs = self.rules.runs(params);
        let gradient = gradient.contiguous();
        let g = gradient.as_slice().unwrap_or_default();
        let of = T::from_f64;
        let decay = |decays: bool| of(if decays { self.decay } else { 0.0 });
        if self.momentum == 0.0 {
            let p = params.block_mut();
            for (range, decays) in runs {
                plain(&mut p[range.clone()], &g[range], of(self.rate), decay(decays));
            }
            return Ok(());
        }
        let velocity = moment(&mut self.velocity, params, "velocity of gradient descent")?.make_mut();
        let p = params.block_mut();
        let (rate, momentum) = (of(self.rate), of(self.momentum));
        for (range, decays) in runs {
            let (p, b, g) = (&mut p[range.clone()], &mut velocity[range.clone()], &g[range]);
            match self.nesterov {
                true => ahead(p, b, g, rate, momentum, decay(decays)),
                false => heavy(p, b, g, rate, momentum, decay(decays)),
            }
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

/// The pass without momentum.
fn plain<T: Float>(p: &mut [T], g: &[T], rate: T, decay: T) {
    for (p, &g) in p.iter_mut().zip(g) {
        *p = *p - rate * (g + decay * *p);
    }
}

/// The pass with momentum.
fn heavy<T: Float>(p: &mut [T], b: &mut [T], g: &[T], rate: T, momentum: T, decay: T) {
    for ((p, b), &g) in p.iter_mut().zip(b).zip(g) {
        *b = momentum * *b + (g + decay * *p);
        *p = *p - rate * *b;
    }
}

/// The pass with Nesterov's momentum.
fn ahead<T: Float>(p: &mut [T], b: &mut [T], g: &[T], rate: T, momentum: T, decay: T) {
    for ((p, b), &g) in p.iter_mut().zip(b).zip(g) {
        let g = g + decay * *p;
        *b = momentum * *b + g;
        *p = *p - rate * (g + momentum * *b);
    }
}
