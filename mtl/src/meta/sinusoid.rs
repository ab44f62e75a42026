//! Regression of sine waves: the small problem on which meta-learning is shown.

use alloc::vec::Vec;

use tress_nn::{Random, mix};
use tress_tensor::{Float, Tensor};

use super::{Episode, Examples};
use crate::error::Result;
use crate::network::Targets;

/// The waves of Finn, Abbeel & Levine (ICML 2017, section 5.1): amplitude uniform in `0.1..5`, phase in `0..π`, inputs
/// uniform in `-5..5`. Wave number `i` follows from seed and `i` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sinusoids {
    seed: u64,
}

/// One wave, `amplitude sin(x - phase)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sinusoid {
    /// Between 0.1 and 5.
    pub amplitude: f64,
    /// Between 0 and π.
    pub phase: f64,
}

impl Sinusoid {
    /// The height of the wave at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.amplitude * libm::sin(x - self.phase)
    }
}

impl Sinusoids {
    /// The waves of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Wave number `i`.
    pub fn wave(&self, i: u64) -> Sinusoid {
        self.drawn(i).0
    }

    /// Wave number `i`, known by `shots` samples and judged by `queries` others.
    ///
    /// # Errors
    /// No shots or no queries.
    pub fn episode<T: Float>(&self, i: u64, shots: usize, queries: usize) -> Result<Episode<T>> {
        let (wave, mut random) = self.drawn(i);
        let mut samples = |count: usize| {
            let xs: Vec<f64> = (0..count).map(|_| -5.0 + 10.0 * random.uniform()).collect();
            let column = |of: &dyn Fn(f64) -> f64| {
                let numbers: Vec<T> = xs.iter().map(|&x| T::from_f64(of(x))).collect();
                Tensor::new([count, 1], &numbers)
            };
            Examples::new(column(&|x| x)?, Targets::Numbers(column(&|x| wave.at(x))?))
        };
        Ok(Episode { support: samples(shots)?, query: samples(queries)? })
    }

    fn drawn(&self, i: u64) -> (Sinusoid, Random) {
        let mut random = Random::new(mix(self.seed, i));
        let amplitude = 0.1 + 4.9 * random.uniform();
        let phase = core::f64::consts::PI * random.uniform();
        (Sinusoid { amplitude, phase }, random)
    }
}
