//! DB-MTL: losses brought to one size by logarithms, their averaged gradients by normalisation.

use alloc::vec::Vec;

use super::memory::Memory;
use crate::balance::panel::BLOCK;
use crate::balance::state::Saved;
use crate::balance::{Heads, Kept, Needs, Panel, Weighting, Weights, check_losses, check_setting};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// Keeps the logarithm of a loss of zero finite.
const TINY: f64 = 1e-8;

/// Dual-balancing: B. Lin et al., "Dual-balancing for multi-task learning", 2023, Algorithm 1.
///
/// The gradients are those of `log (l_k + 1e-8)`; each is averaged, `ĝ_k ← β_t ĝ_k + (1 - β_t) g_k / (l_k + 1e-8)`, and
/// all averages are brought to the length of the longest: `d = max |ĝ| Σ ĝ_k / |ĝ_k|`. The averages start at zero, and
/// `β_t = β / t^σ` with `β = 0.9`, `σ = 0`. A zero average counts nothing.
///
/// **Scale.** `|d| <= K max |ĝ|`: sum convention, of relative gradients. The heads are trained on the logarithms too: the
/// weights that come back are theirs, `1 / (l_k + 1e-8)`. The state has the size of the Jacobian, in `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct DbMtl {
    tasks: usize,
    beta: f64,
    sigma: f64,
    steps: u64,
    averages: Memory,
}

impl DbMtl {
    /// For K tasks, with the settings above.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { tasks, beta: 0.9, sigma: 0.0, steps: 0, averages: Memory::default() })
    }

    /// The same with another share β of the past, and its decay σ.
    ///
    /// # Errors
    /// When β is not in `0..1`, or σ is negative or not finite.
    pub fn average(mut self, beta: f64, sigma: f64) -> Result<Self> {
        check_setting((0.0..1.0).contains(&beta), "the share of the past is from 0 to below 1")?;
        check_setting(sigma.is_finite() && sigma >= 0.0, "the decay is a number from 0 up")?;
        (self.beta, self.sigma) = (beta, sigma);
        Ok(self)
    }
}

impl Weighting for DbMtl {
    fn name(&self) -> &'static str {
        "db-mtl"
    }

    fn needs(&self) -> Needs {
        Needs::Jacobian
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, _losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        Err(Error::MissingJacobian { method: self.name() })
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        self.averages.check(self.tasks, panel)?;
        let tasks = self.tasks;
        let beta = self.beta / libm::pow((self.steps + 1) as f64, self.sigma);
        let mut slopes = [0.0; MAX_TASKS];
        for (k, loss) in losses.iter().enumerate() {
            if loss + TINY <= 0.0 {
                return Err(Error::LossRange { method: self.name(), task: k, range: "from 0 up" });
            }
            slopes[k] = 1.0 / (loss + TINY);
        }
        let weights = Weights::new(&slopes[..tasks])?;
        let moved = |y: f64, k: usize, g: f64| beta * y + (1.0 - beta) * slopes[k] * g;

        let (mut norms, mut values) = ([0.0; MAX_TASKS], [0.0; BLOCK]);
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            for (k, norm) in norms[..tasks].iter_mut().enumerate() {
                panel.read(k, first, &mut values[..count]);
                for (p, &g) in values[..count].iter().enumerate() {
                    let y = moved(self.averages.at(k, first + p), k, g);
                    *norm += y * y;
                }
            }
        }
        norms = norms.map(libm::sqrt);
        check_finite("averaged gradients", &norms[..tasks])?;
        let longest = norms.iter().copied().fold(0.0, f64::max);

        self.averages.grow(panel);
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            let mut direction = [0.0; BLOCK];
            for k in 0..tasks {
                panel.read(k, first, &mut values[..count]);
                let factor = if norms[k] > 0.0 { longest / norms[k] } else { 0.0 };
                let part = self.averages.part(k, first, count);
                for ((y, &g), d) in part.iter_mut().zip(&values).zip(&mut direction) {
                    *y = moved(*y, k, g);
                    *d += factor * *y;
                }
            }
            panel.write(first, &direction[..count]);
        }
        self.steps += 1;
        Ok(weights)
    }

    /// The number of steps, then K averages.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from([self.steps as f64]);
        self.averages.save(&mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Common(1), Kept::Rows]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, state.len().max(1))?;
        let steps = saved.count()?;
        self.averages = Memory::restored(self.tasks, saved.take(state.len() - 1))?;
        self.steps = steps;
        Ok(())
    }
}
