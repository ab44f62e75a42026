//! DSelect-k: a gate that is smooth while it learns and comes to choose k experts.

use alloc::vec::Vec;

use tress_autograd::{Arrange, Fused, Pointwise, Reduce, Value};
use tress_nn::layer::Flatten;
use tress_nn::{Bound, Dense, Handle, Init, Layer, Scope};
use tress_tensor::Float;

use crate::error::{Error, Result};

/// What the logarithm of a probability is kept from zero by.
const TINY: f64 = 1e-6;

/// Whether one choice serves all samples, or each sample has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Every sample of a task goes to the same experts: the parameters are the codes themselves.
    Static,
    /// The codes are linear in the sample, read as so many numbers.
    PerSample(usize),
}

/// `q = sum_{i=1..k} softmax(alpha)_i r(z_i)`: k selectors, each of which writes the number of one expert with
/// `ceil(log2 experts)` bits (H. Hazimeh et al., "DSelect-k: differentiable selection in the mixture of experts with
/// applications to multi-task learning", NeurIPS 2021). Of expert `e`, a selector gives
/// `r_e = prod_{bits j in e} S(z_j) prod_{others} (1 - S(z_j))` where the smooth step `S` is a cubic from 0
/// at `-gamma / 2` to 1 at `gamma / 2`, and flat outside: a bit that has got there is exactly 0 or 1.
///
/// The penalty is `entropy sum_i H(r(z_i))`, which pushes the bits there, a mean over samples; if the number of experts
/// is no power of two, plus `1 / sum_e r_e` for each selector, which pushes it away from codes of no expert.
///
/// Codes begin uniform in `±gamma / 100`, so near equal weights; `alpha` in `±0.05`: the defaults of the authors' program,
/// `dselect_k_moe` of `google-research`. That program sums both penalties over the samples of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DSelect {
    codes: Codes,
    experts: usize,
    k: usize,
    bits: usize,
    gamma: f64,
    entropy: f64,
}

#[allow(clippy::large_enum_variant)] // a network has a few of them
#[derive(Clone, Copy, Debug, PartialEq)]
enum Codes {
    Static { z: Handle, alpha: Handle },
    PerSample { z: Dense, alpha: Dense },
}

impl DSelect {
    /// A gate that chooses `k` of `experts`, with gamma 1 and without a penalty on the entropy.
    ///
    /// # Errors
    /// As [`with_gamma`](DSelect::with_gamma).
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        experts: usize,
        k: usize,
        routing: Routing,
    ) -> Result<Self> {
        Self::with_gamma(scope, experts, k, routing, 1.0)
    }

    /// With another width of the smooth step.
    ///
    /// # Errors
    /// Fewer than two experts, a `k` that is not in `1..=experts`, a gamma that is not positive and finite, or names that
    /// are taken in the scope.
    pub fn with_gamma<T: Float>(
        scope: &mut Scope<'_, T>,
        experts: usize,
        k: usize,
        routing: Routing,
        gamma: f64,
    ) -> Result<Self> {
        if experts < 2 || !(1..=experts).contains(&k) {
            return Err(Error::Setting { what: "DSelect-k chooses 1..=experts of at least 2 experts" });
        }
        if !(gamma > 0.0 && gamma.is_finite()) {
            return Err(Error::Setting { what: "gamma of DSelect-k is positive and finite" });
        }
        let bits = (usize::BITS - (experts - 1).leading_zeros()) as usize;
        let (near, small) = (Init::Uniform(gamma / 100.0), Init::Uniform(0.05));
        let codes = match routing {
            Routing::Static => Codes::Static {
                z: scope.parameter("z", [k, bits], near)?,
                alpha: scope.parameter("alpha", [k], small)?,
            },
            Routing::PerSample(inputs) => {
                let dense = |outputs, init| Dense::builder(inputs, outputs).init(init).bias_init(init);
                Codes::PerSample {
                    z: dense(k * bits, near).build(&mut scope.scope("z"))?,
                    alpha: dense(k, small).build(&mut scope.scope("alpha"))?,
                }
            }
        };
        Ok(Self { codes, experts, k, bits, gamma, entropy: 0.0 })
    }

    /// With a penalty on the entropy of the selectors.
    ///
    /// # Errors
    /// A strength that is negative or not finite.
    pub fn entropy(self, strength: f64) -> Result<Self> {
        match strength >= 0.0 && strength.is_finite() {
            true => Ok(Self { entropy: strength, ..self }),
            false => Err(Error::Setting { what: "the strength of the entropy is finite and from 0 up" }),
        }
    }

    /// The number of experts.
    pub fn experts(&self) -> usize {
        self.experts
    }

    /// The weights `[N or 1, experts]`, and the penalty.
    #[track_caller]
    pub(super) fn weights<V: Value>(&self, bound: &Bound<V>, x: &V) -> (V, Option<V>) {
        let (z, alpha) = match &self.codes {
            // [1, k, bits] and [1, k].
            Codes::Static { z, alpha } => {
                (bound.fetch(z, x).unsqueeze(0), bound.fetch(alpha, x).unsqueeze(0))
            }
            Codes::PerSample { z, alpha } => {
                let flat = Flatten.apply(bound, x);
                let z = z.apply(bound, &flat);
                let rows = z.shape().first().copied().unwrap_or(0);
                (z.reshape([rows, self.k, self.bits]), alpha.apply(bound, &flat))
            }
        };
        let selectors = self.selectors(&z);
        let weights = alpha.softmax().unsqueeze(1).matmul(&selectors).squeeze(1);
        let penalty = self.penalty(&selectors);
        (weights, penalty)
    }

    /// `r [.., k, experts]` of codes `z [.., k, bits]`.
    #[track_caller]
    fn selectors<V: Value>(&self, z: &V) -> V {
        let step = smooth_step(z, self.gamma);
        let last = z.shape().rank().saturating_sub(1);
        let mut products: Vec<V> = Vec::with_capacity(self.bits);
        for bit in 0..self.bits {
            let one = step.slice(last, bit..bit + 1);
            let zero = one.scale(-1.0).offset(1.0);
            // Codes with this bit are behind those without: expert e stands at place e.
            products.push(match products.last() {
                None => zero.concat(last, &[&one]),
                Some(before) => (before.clone() * zero).concat(last, &[&(before.clone() * one)]),
            });
        }
        match products.pop() {
            Some(all) if self.experts < 1 << self.bits => all.slice(last, 0..self.experts),
            Some(all) => all,
            None => step,
        }
    }

    #[track_caller]
    fn penalty<V: Value>(&self, selectors: &V) -> Option<V> {
        let samples = selectors.shape().first().copied().unwrap_or(1).max(1) as f64;
        let mut total = None;
        if self.entropy > 0.0 {
            let entropy = (selectors.clone() * selectors.offset(TINY).ln()).sum_all();
            total = Some(entropy.scale(-self.entropy / samples));
        }
        if !self.experts.is_power_of_two() {
            let inside = selectors.sum(&[2]).recip().sum_all().scale(1.0 / samples);
            total = super::gate::both(total, Some(inside));
        }
        total
    }
}

/// `-2 t^3 / gamma^3 + 3 t / (2 gamma) + 1/2` for `|t| <= gamma / 2`, 0 below and 1 above.
#[track_caller]
fn smooth_step<V: Value>(t: &V, gamma: f64) -> V {
    // On the bounds, where clamping passes the gradient on, the slope of the cubic is zero.
    let t = t.clamp(-0.5 * gamma, 0.5 * gamma);
    let cubic = t.square() * t.scale(-2.0 / (gamma * gamma * gamma));
    // Rounding may leave the bounds by one digit, and a weight below zero has no logarithm.
    (cubic + t.scale(1.5 / gamma)).offset(0.5).clamp(0.0, 1.0)
}
