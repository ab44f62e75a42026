//! PCGrad, gradient surgery: each task gradient loses what it has against the others, then they are added.

use alloc::vec::Vec;

use crate::balance::state::{Draws, Saved, order};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_gramian};
use crate::error::{Error, Result, check_length};
use crate::solve::{Gramian, MAX_TASKS};

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
/// [`Equal::sum`](crate::balance::Equal::sum); each conflict adds a positive multiple of some `g_j`, so no weight is below 1. For
/// two tasks `d` conflicts with neither; for three and more it still may.
///
/// **Order.** Drawn from `seed` and the number of the step: step n draws the same order on every machine, and after
/// [`restore`](Weighting::restore). For two tasks there is no order to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcGrad {
    draws: Draws,
}

impl PcGrad {
    /// The method with the seed of its random orders.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { draws: Draws::new(seed) }
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
        let mut random = self.draws.stream();
        let mut weights = [0.0; MAX_TASKS];
        for i in 0..tasks {
            project(gramian, i, &order(tasks, &mut random)[..tasks], &mut weights);
        }
        let weights = Weights::new(&weights[..tasks])?;
        self.draws.advance();
        Ok(weights)
    }

    fn save(&self) -> Vec<f64> {
        Vec::from([self.draws.save()])
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Common(1)]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        self.draws.restore(Saved::new(state, 1)?.count()?);
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
