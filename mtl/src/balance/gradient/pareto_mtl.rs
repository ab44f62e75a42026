//! Pareto MTL: MGDA held inside a sector of preferences, so that K rays give K different solutions.

use alloc::vec::Vec;

use crate::balance::state::Saved;
use crate::balance::{Heads, Needs, Observation, Observes, Weighting, Weights, check_gramian, check_setting};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS, min_norm};

/// Pareto multi-task learning: X. Lin et al., NeurIPS 2019, Algorithm 1.
///
/// Several rays `u_0 .. u_{m-1}` cut the space of losses into sectors; a run belongs to one of them, c, and is to end where
/// the losses are closer to `u_c` than to any other ray: `a_i · l <= 0` with `a_i = u_i - u_c` (unit rays). Each
/// constraint has the gradient `Jᵀ a_i`, so it is a row more:
///
/// 1. until the losses have been in the sector once, d is the least-norm point of the hull of the violated constraints'
///    gradients;
/// 2. from then on, of those of the tasks and of the constraints that are violated or tight.
///
/// The first phase ends after two epochs ([`Observation::EpochEnd`]) all the same, as in the authors' program
/// ([`first_phase`](ParetoMtl::first_phase) sets another number): a sector that the network cannot reach would else be all that is
/// ever looked for, and no task would be learned.
///
/// **Scale.** The convex weights of the rows sum to one, in terms of the tasks `w_k = β_k + Σ_i γ_i a_ik`. Those may be
/// negative, which drives the losses into the sector; so, unlike in the authors' program, which weighs the heads too,
/// heads are trained plainly. That program also divides by `Σ |w_k| / K`, which is not done here.
#[derive(Clone, Debug, PartialEq)]
pub struct ParetoMtl {
    tasks: usize,
    /// The differences `a_i`, each of length K.
    constraints: Vec<f64>,
    entered: bool,
    /// The epochs of the first phase so far, and how many it may take.
    epochs: u64,
    limit: u64,
}

impl ParetoMtl {
    /// With rays over K tasks, numbers from 0 up, and the one that this run belongs to.
    ///
    /// # Errors
    /// When there are no rays, their lengths differ or are not in `1..=32`, a ray is zero, has a number below zero
    /// or the direction of the chosen one, `chosen` is not among them, or tasks and constraints together are more than 32.
    pub fn new<R: AsRef<[f64]>>(rays: &[R], chosen: usize) -> Result<Self> {
        let tasks = rays.first().map_or(0, |ray| ray.as_ref().len());
        check_tasks(tasks)?;
        check_setting(chosen < rays.len(), "the chosen ray is one of the rays")?;
        check_setting(tasks + rays.len() - 1 <= MAX_TASKS, "tasks and other rays are at most 32 together")?;
        let unit = |ray: &[f64]| -> Result<[f64; MAX_TASKS]> {
            check_length("ray", tasks, ray.len())?;
            check_finite("ray", ray)?;
            let norm = libm::sqrt(ray.iter().map(|u| u * u).sum());
            let fits = ray.iter().all(|&u| u >= 0.0) && norm > 0.0 && norm.is_finite();
            check_setting(fits, "a ray is K numbers from 0 up, not all zero")?;
            let mut unit = [0.0; MAX_TASKS];
            unit.iter_mut().zip(ray).for_each(|(unit, u)| *unit = u / norm);
            Ok(unit)
        };
        let own = unit(rays[chosen].as_ref())?;
        let mut constraints = Vec::with_capacity((rays.len() - 1) * tasks);
        for (i, ray) in rays.iter().enumerate() {
            let other = unit(ray.as_ref())?;
            if i != chosen {
                let differs = other.iter().zip(own).any(|(u, own)| (u - own).abs() > 1e-9);
                check_setting(differs, "the rays point in different directions")?;
                constraints.extend(other.iter().zip(own).take(tasks).map(|(u, own)| u - own));
            }
        }
        Ok(Self { tasks, constraints, entered: false, epochs: 0, limit: 2 })
    }

    /// The same with a first phase of at most so many epochs; with none, the tasks count from the start.
    #[must_use]
    pub fn first_phase(mut self, epochs: u64) -> Self {
        self.limit = epochs;
        self
    }

    /// Whether the tasks count: the losses have been in the sector, or the first phase has lasted as long as it may.
    #[must_use]
    pub fn has_entered(&self) -> bool {
        self.entered || self.epochs >= self.limit
    }
}

impl Weighting for ParetoMtl {
    fn name(&self) -> &'static str {
        "pareto-mtl"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        check_length("losses", self.tasks, losses.len())?;
        let tasks = self.tasks;
        let distance = |a: &[f64]| -> f64 { a.iter().zip(losses).map(|(a, l)| a * l).sum() };
        let entered = self.has_entered() || self.constraints.chunks_exact(tasks).all(|a| distance(a) <= 0.0);

        // The rows of the problem in terms of the tasks.
        let mut rows = [[0.0; MAX_TASKS]; MAX_TASKS];
        let mut count = 0;
        if entered {
            for k in 0..tasks {
                rows[k][k] = 1.0;
            }
            count = tasks;
        }
        let active = |a: &&[f64]| if entered { distance(a) >= 0.0 } else { distance(a) > 0.0 };
        for a in self.constraints.chunks_exact(tasks).filter(active) {
            rows[count][..tasks].copy_from_slice(a);
            count += 1;
        }
        let nearest = min_norm(&gramian.of_combinations(&rows[..count]))?;
        let mut weights = [0.0; MAX_TASKS];
        for (share, row) in nearest.weights().iter().zip(&rows) {
            weights.iter_mut().zip(row).for_each(|(w, a)| *w += share * a);
        }
        let weights = Weights::new(&weights[..tasks])?;
        self.entered = entered;
        Ok(weights)
    }

    fn observes(&self) -> Observes {
        Observes::Epochs
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        let Observation::EpochEnd = seen else {
            return Err(Error::NotObserved { method: self.name(), what: seen.name() });
        };
        if !self.has_entered() {
            self.epochs += 1;
        }
        Ok(())
    }

    /// 1 when the tasks count, 0 before; and the epochs before.
    fn save(&self) -> Vec<f64> {
        Vec::from([f64::from(u8::from(self.entered)), self.epochs as f64])
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, 2)?;
        let (entered, epochs) = (saved.count()?, saved.count()?);
        if entered > 1 {
            return Err(Error::State { what: "the sector has been entered or not: 1 or 0" });
        }
        (self.entered, self.epochs) = (entered == 1, epochs);
        Ok(())
    }
}
