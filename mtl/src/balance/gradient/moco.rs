//! MoCo: weights and direction from running averages of the gradients, which one batch cannot mislead.

use alloc::vec::Vec;

use super::memory::Memory;
use crate::balance::panel::BLOCK;
use crate::balance::state::Saved;
use crate::balance::{Heads, Kept, Needs, Panel, Weighting, Weights, check_losses, check_setting};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS, onto_simplex};

/// Multi-objective gradient correction: H. Fernando et al., "Mitigating gradient bias in multi-objective learning: a
/// provably convergent approach", ICLR 2023, Algorithm 1.
///
/// At step t, counted from 1: each task's average moves, `y_k ← y_k - β_t (y_k - g_k)`; the weights take a step on
/// `½ |Yᵀ λ|²` and return to the simplex, `λ ← Π(λ - γ_t (Y Yᵀ + ρ I) λ)`; the direction is `d = Yᵀ λ`. The weights start
/// uniform, the averages at zero. `β_t = 0.5 / √t`, `γ_t = 0.1 / √t`, `ρ = 0` as in the authors' program; that program
/// has a softmax in place of the projection Π, and averages `l_k g_k / |g_k|`, which [`MoCo::normalised`] does as well.
///
/// **Scale.** The weights sum to one; in the first steps d is short by the factor β. It is a combination of averages, not
/// of the present gradients. The state has the size of the Jacobian, in `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct MoCo {
    tasks: usize,
    rates: [f64; 2],
    decays: [f64; 2],
    rho: f64,
    normalised: bool,
    steps: u64,
    weights: [f64; MAX_TASKS],
    averages: Memory,
}

impl MoCo {
    /// For K tasks, with the settings above.
    ///
    /// # Errors
    /// When K is not in `1..=32`.
    pub fn new(tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self {
            tasks,
            rates: [0.5, 0.1],
            decays: [0.5, 0.5],
            rho: 0.0,
            normalised: false,
            steps: 0,
            weights: [1.0 / tasks as f64; MAX_TASKS],
            averages: Memory::default(),
        })
    }

    /// The same with `β_t = β / t^b`, `γ_t = γ / t^c` and the penalty ρ on the weights.
    ///
    /// # Errors
    /// When β is not in `0..=1`, or another number is negative or not finite.
    pub fn rates(mut self, [beta, b]: [f64; 2], [gamma, c]: [f64; 2], rho: f64) -> Result<Self> {
        check_setting((0.0..=1.0).contains(&beta), "beta is from 0 to 1")?;
        let rest = [b, gamma, c, rho];
        check_setting(
            rest.iter().all(|x| x.is_finite() && *x >= 0.0),
            "rates and decays are numbers from 0 up",
        )?;
        (self.rates, self.decays, self.rho) = ([beta, gamma], [b, c], rho);
        Ok(self)
    }

    /// The same with averages of `l_k g_k / |g_k|`, so that a task counts by its loss and not by its gradient's length.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.normalised = true;
        self
    }
}

impl Weighting for MoCo {
    fn name(&self) -> &'static str {
        "moco"
    }

    fn needs(&self) -> Needs {
        Needs::Jacobian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, _losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        Err(Error::MissingJacobian { method: self.name() })
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", self.tasks, losses.len())?;
        self.averages.check(self.tasks, panel)?;
        let tasks = self.tasks;
        let t = (self.steps + 1) as f64;
        let beta = self.rates[0] / libm::pow(t, self.decays[0]);
        let gamma = self.rates[1] / libm::pow(t, self.decays[1]);
        let mut factors = [1.0; MAX_TASKS];
        if self.normalised {
            let gramian = panel.gramian()?;
            for k in 0..tasks {
                let norm = gramian.norm(k);
                factors[k] = if norm > 0.0 { losses[k] / norm } else { 0.0 };
            }
        }
        // The Gramian of the averages to be, before any of them moves: a refusal must change nothing.
        let mut rows = [[0.0; BLOCK]; MAX_TASKS];
        let mut products = [0.0; MAX_TASKS * MAX_TASKS];
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            for (k, row) in rows[..tasks].iter_mut().enumerate() {
                panel.read(k, first, &mut row[..count]);
                for (p, g) in row[..count].iter_mut().enumerate() {
                    let y = self.averages.at(k, first + p);
                    *g = y - beta * (y - factors[k] * *g);
                }
            }
            for i in 0..tasks {
                for j in 0..tasks {
                    products[i * tasks + j] +=
                        rows[i][..count].iter().zip(&rows[j]).map(|(a, b)| a * b).sum::<f64>();
                }
            }
        }
        let gramian = Gramian::new(tasks, &products[..tasks * tasks])?;
        let mut weights = self.weights;
        let mut slopes = [0.0; MAX_TASKS];
        gramian.along(&weights[..tasks], &mut slopes[..tasks])?;
        for (weight, slope) in weights[..tasks].iter_mut().zip(slopes) {
            *weight -= gamma * (slope + self.rho * *weight);
        }
        onto_simplex(&mut weights[..tasks]);
        let answer = Weights::new(&weights[..tasks])?;

        self.averages.grow(panel);
        let mut values = [0.0; BLOCK];
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            let mut direction = [0.0; BLOCK];
            for k in 0..tasks {
                panel.read(k, first, &mut values[..count]);
                let part = self.averages.part(k, first, count);
                for ((y, g), d) in part.iter_mut().zip(values).zip(&mut direction) {
                    *y -= beta * (*y - factors[k] * g);
                    *d += weights[k] * *y;
                }
            }
            panel.write(first, &direction[..count]);
        }
        self.weights = weights;
        self.steps += 1;
        Ok(answer)
    }

    /// The number of steps, K weights, then K averages.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from([self.steps as f64]);
        state.extend_from_slice(&self.weights[..self.tasks]);
        self.averages.save(&mut state);
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Common(1), Kept::Shares, Kept::Rows]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, state.len().max(1 + self.tasks))?;
        let steps = saved.count()?;
        let weights = saved.at_least(0.0, self.tasks)?;
        self.averages = Memory::restored(self.tasks, saved.take(state.len() - 1 - self.tasks))?;
        self.steps = steps;
        self.weights[..self.tasks].copy_from_slice(weights);
        Ok(())
    }
}
