//! PCGrad, gradient surgery: each task gradient loses what it has against the others, then they are added.

use alloc::vec::Vec;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::{Heads, Needs, Weighting, Weights, check_gramian};
use crate::error::{Error, Result, check_length};
use crate::solve::{Gramian, MAX_TASKS};

/// Steps are counted in an `f64` when saved, which holds every whole number up to here.
const MOST_STEPS: u64 = 1 << 53;

/// Projecting conflicting gradients: T. Yu et al., "Gradient surgery for multi-task learning", NeurIPS 2020,
/// Algorithm 1.
///
/// For each task i, a copy `p` of `g_i` meets the other tasks j in random order; where `p · g_j < 0` it loses its part
/// along `g_j`: `p -= (p · g_j / |g_j|²) g_j`. It is always the *original* `g_j` that is projected on. The direction is
/// the sum of the K copies. Each copy stays a combination of the rows of J, so the whole algorithm runs on K
/// coefficients per task and the Gramian, and never sees the parameters. A zero `g_j` has nothing to project on and is
/// passed over.
///
/// **Scale.** Sum convention, as in Algorithm 1: without conflicts all weights are 1 and `d` equals that of
/// [`Equal::sum`](super::Equal::sum); each conflict adds a positive multiple of some `g_j`, so no weight is below 1. For
/// two tasks `d` conflicts with neither; for three and more it still may.
///
/// **Order.** From xoshiro256++, seeded at each step from `seed` and the number of the step: step n draws the same
/// order on every machine, and after [`restore`](Weighting::restore). For two tasks there is no order to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcGrad {
    seed: u64,
    step: u64,
}

impl PcGrad {
    /// The method with the seed of its random orders.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, step: 0 }
    }

    /// The weights for given orders: `orders[i]` says in which order task i meets the others, each once; i itself is
    /// passed over where it is named. This is the deterministic part of the algorithm; [`Weighting::weights`] draws
    /// the orders.
    ///
    /// # Errors
    /// When there are not K orders, an order does not hold each other task exactly once, or the projections overflow.
    pub fn with_orders<O: AsRef<[usize]>>(gramian: &Gramian, orders: &[O]) -> Result<Weights> {
        let tasks = gramian.tasks();
        check_length("orders", tasks, orders.len())?;
        let mut weights = [0.0; MAX_TASKS];
        for (i, order) in orders.iter().enumerate() {
            let order = order.as_ref();
            let mut met = [0usize; MAX_TASKS];
            for &j in order {
                match met[..tasks].get_mut(j) {
                    Some(times) => *times += 1,
                    None => return Err(Error::Setting { what: "an order names tasks from 0 to K - 1" }),
                }
            }
            if (0..tasks).any(|j| j != i && met[j] != 1) {
                return Err(Error::Setting { what: "an order holds each other task exactly once" });
            }
            project(gramian, i, order, &mut weights);
        }
        Weights::new(&weights[..tasks])
    }

    /// The generator of this step's orders.
    fn generator(&self) -> Xoshiro256PlusPlus {
        // `seed_from_u64` spreads its argument by SplitMix64, whose own increment is another odd number: with this
        // one, neighbouring steps do not share words of the state.
        Xoshiro256PlusPlus::seed_from_u64(
            self.seed.wrapping_add(self.step.wrapping_mul(0xD134_2543_DE82_EF95)),
        )
    }
}

impl Weighting for PcGrad {
    fn name(&self) -> &'static str {
        "pcgrad"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        let tasks = gramian.tasks();
        let mut generator = self.generator();
        let mut weights = [0.0; MAX_TASKS];
        for i in 0..tasks {
            let mut order: [usize; MAX_TASKS] = core::array::from_fn(|j| j);
            shuffle(&mut order[..tasks], &mut generator);
            project(gramian, i, &order[..tasks], &mut weights);
        }
        let weights = Weights::new(&weights[..tasks])?;
        self.step = (self.step + 1) % MOST_STEPS;
        Ok(weights)
    }

    fn save(&self) -> Vec<f64> {
        Vec::from([self.step as f64])
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        check_length("state", 1, state.len())?;
        let step = state[0] as u64;
        // The cast saturates and cuts off, so only a whole number from 0 up comes back as itself.
        if step >= MOST_STEPS || (step as f64).to_bits() != state[0].to_bits() {
            return Err(Error::State { what: "the number of steps is not a whole number from 0 up" });
        }
        self.step = step;
        Ok(())
    }
}

/// The inner loop of Algorithm 1 for task i, on coefficients; adds those of the projected gradient to `weights`.
fn project(gramian: &Gramian, i: usize, order: &[usize], weights: &mut [f64; MAX_TASKS]) {
    let tasks = gramian.tasks();
    let mut own = [0.0; MAX_TASKS];
    own[i] = 1.0;
    for &j in order {
        if j == i {
            continue;
        }
        let product: f64 = own.iter().zip(gramian.row(j)).map(|(c, g)| c * g).sum();
        // A zero row has product zero with everything and is passed over here, before it could divide anything.
        if product < 0.0 {
            own[j] -= product / gramian.at(j, j);
        }
    }
    for (weight, coefficient) in weights[..tasks].iter_mut().zip(own) {
        *weight += coefficient;
    }
}

/// Fisher and Yates, from the end. The product of a 64-bit draw and the bound, shifted down, is uniform to 2⁻⁵⁸.
fn shuffle(order: &mut [usize], generator: &mut Xoshiro256PlusPlus) {
    for last in (1..order.len()).rev() {
        let drawn = (u128::from(generator.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, drawn as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_drawn_about_equally_often() {
        // 24 orders of 4 tasks, 48 000 draws: 2000 each, standard deviation about 44.
        let mut counts = alloc::collections::BTreeMap::new();
        for step in 0..48_000 {
            let mut generator = PcGrad { seed: 7, step }.generator();
            let mut order = [0, 1, 2, 3];
            shuffle(&mut order, &mut generator);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|&n: &i32| (1780..2220).contains(&n)), "{counts:?}");
    }

    #[test]
    fn steps_and_seeds_draw_different_orders() {
        let drawn = |seed, step| PcGrad { seed, step }.generator().next_u64();
        assert_ne!(drawn(1, 0), drawn(1, 1));
        assert_ne!(drawn(1, 0), drawn(2, 0));
        assert_eq!(drawn(1, 5), drawn(1, 5));
    }
}
