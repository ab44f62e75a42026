//! What a workload makes, in a few sums that other engines can be held against.

use super::{Run, Workload};
use serde_json::{Value, json};

/// Number `place` of `seed`: a hash of both (lowbias32 of Wellons, in 32 bits), its upper 24 bits over 2^23, less one; in
/// `[-1, 1)` and exact in single precision. Every engine of `benches/peers` makes its inputs with it.
pub fn number(place: u32, seed: u32) -> f32 {
    let mut hash = place.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x7FEB_352D);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x846C_A68B);
    hash ^= hash >> 16;
    (hash >> 8) as f32 / (1u32 << 23) as f32 - 1.0
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Of the numbers of one run: how many there are, their sum, the sum of their sizes, and the sum of each times the number
    /// of seed 99 at its place.
    Sums {
        /// How many.
        count: usize,
        /// Their sum.
        sum: f64,
        /// The sum of their sizes.
        size: f64,
        /// The sum of each times a number of its place.
        weighted: f64,
    },
    /// Of training steps: the losses of the first ones.
    Losses(Vec<f64>),
}

/// How many training steps are looked at.
const STEPS: usize = 5;

impl Outcome {
    /// What the run makes of the workload.
    pub fn of(workload: &Workload, run: &mut Run) -> Self {
        if matches!(workload.group.as_str(), "train" | "mtl") {
            return Self::Losses((0..STEPS).flat_map(|_| run.numbers()).map(f64::from).collect());
        }
        let numbers = run.numbers();
        let (mut sum, mut size, mut weighted) = (0.0, 0.0, 0.0);
        for (place, &x) in numbers.iter().enumerate() {
            let x = f64::from(x);
            sum += x;
            size += x.abs();
            weighted += x * f64::from(number(place as u32, 99));
        }
        Self::Sums { count: numbers.len(), sum, size, weighted }
    }

    /// As `benches/peers/run.py` reads it.
    pub fn json(&self) -> Value {
        match self {
            Self::Sums { count, sum, size, weighted } => {
                json!({ "count": count, "sum": sum, "size": size, "weighted": weighted })
            }
            Self::Losses(losses) => json!({ "losses": losses }),
        }
    }
}
