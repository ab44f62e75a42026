//! COSMOS: one network for the whole Pareto front, told at each step which ray to serve.

use alloc::vec::Vec;

use tress_nn::Random;

use crate::balance::state::{Draws, Saved};
use crate::balance::{Heads, Kept, Needs, Observes, Weighting, Weights, check_losses, check_setting};
use crate::error::{Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Conditioned one-shot multi-objective search: `Σ r_k l_k - λ cos(r, l)` for a ray r drawn anew for each step from
/// Dirichlet's distribution.
///
/// M. Ruchte and J. Grabocka, "Scalable Pareto front approximation for deep multi-objective learning", ICDM 2021,
/// the objective of COSMOS. The network must be given the ray as an input: take it from [`ray`](Cosmos::ray) before the forward
/// pass. Without that there is nothing that could learn to follow it. The cosine keeps the losses on the ray.
///
/// **Scale.** `w_k = r_k - λ ∂cos/∂l_k`; r sums to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Cosmos {
    tasks: usize,
    concentration: f64,
    penalty: f64,
    draws: Draws,
}

impl Cosmos {
    /// For K tasks, with the concentration α of the distribution (1 is uniform on the simplex, more is closer to its
    /// middle), the penalty λ, and the seed of the rays. The paper takes 1.2 and 2 for MultiMNIST.
    ///
    /// # Errors
    /// When K is not in `1..=32`, α is not above zero, or λ is negative or not finite.
    pub fn new(tasks: usize, concentration: f64, penalty: f64, seed: u64) -> Result<Self> {
        check_tasks(tasks)?;
        check_setting(
            concentration.is_finite() && concentration > 0.0,
            "a concentration is a number above 0",
        )?;
        check_setting(penalty.is_finite() && penalty >= 0.0, "a penalty is a number from 0 up")?;
        Ok(Self { tasks, concentration, penalty, draws: Draws::new(seed) })
    }

    /// The ray of the next step: K numbers from 0 up with sum one, to be given to the network.
    ///
    /// # Errors
    /// Never: the numbers are finite.
    pub fn ray(&self) -> Result<Weights> {
        let mut random = self.draws.stream();
        let mut logs = [f64::NEG_INFINITY; MAX_TASKS];
        logs[..self.tasks].iter_mut().for_each(|log| *log = log_gamma(self.concentration, &mut random));
        crate::balance::state::softmax(&mut logs[..self.tasks]);
        Weights::new(&logs[..self.tasks])
    }
}

/// The logarithm of a number with the gamma distribution: G. Marsaglia and W. Tsang, "A simple method for generating
/// gamma variables", ACM TOMS 26 (2000); below shape 1 by their remark that `gamma(a) = gamma(a + 1) U^(1/a)`.
fn log_gamma(shape: f64, random: &mut Random) -> f64 {
    if shape < 1.0 {
        return log_gamma(shape + 1.0, random) + libm::log(1.0 - random.uniform()) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = random.normal();
        let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
        if v > 0.0 && libm::log(1.0 - random.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return libm::log(d * v);
        }
    }
}

impl Weighting for Cosmos {
    fn name(&self) -> &'static str {
        "cosmos"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        let ray = self.ray()?;
        let norm = |x: &[f64]| libm::sqrt(x.iter().map(|x| x * x).sum());
        let (ray_norm, loss_norm) = (norm(&ray), norm(losses));
        let cosine: f64 = ray.iter().zip(losses).map(|(r, l)| (r / ray_norm) * (l / loss_norm)).sum();
        let mut weights = [0.0; MAX_TASKS];
        for (k, loss) in losses.iter().enumerate() {
            // Losses of zero have no direction to turn.
            let slope = if loss_norm > 0.0 {
                (ray[k] / ray_norm - cosine * loss / loss_norm) / loss_norm
            } else {
                0.0
            };
            weights[k] = ray[k] - self.penalty * slope;
        }
        let weights = Weights::new(&weights[..losses.len()])?;
        self.draws.advance();
        Ok(weights)
    }

    fn observes(&self) -> Observes {
        Observes::Ray
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
