//! GradVac: pairs of gradients are turned towards each other until their angle is what it usually is.

use alloc::vec::Vec;

use crate::balance::state::{Draws, Saved, order};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_gramian, check_setting};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// A target beyond this cosine is taken as it: gradients cannot be made parallel by a finite step.
const LARGEST: f64 = 0.99;

/// Gradient vaccine: Z. Wang et al., "Gradient vaccine: investigating and improving multi-task optimization in massively
/// multilingual models", ICLR 2021, Algorithm 1.
///
/// As [`PcGrad`](super::PcGrad), but the copy `p` of `g_i` meets `g_j` with a target cosine `t_ij` instead of zero: where
/// `cos(p, g_j) = c < t`, it gets `|p| (t √(1 - c²) - c √(1 - t²)) / (|g_j| √(1 - t²))` times `g_j`, after
/// which the cosine is t. Targets start at zero and follow the cosines met: `t ← (1 - β) t + β c`. `β = 0.01`
/// in the paper (programs often take 0.5, with which a target is the mean of the last few cosines); with `β = 0` the method is PCGrad. For groups of parameters of their own, as in the paper, see
/// [`PerGroup`](crate::balance::PerGroup).
///
/// A target above 0.99 counts as 0.99: towards 1 the factor grows without bound. A zero gradient is passed over.
///
/// **Scale.** Sum convention: without anything to mend all weights are 1, and none is below.
#[derive(Clone, Debug, PartialEq)]
pub struct GradVac {
    tasks: usize,
    beta: f64,
    targets: [[f64; MAX_TASKS]; MAX_TASKS],
    draws: Draws,
}

impl GradVac {
    /// For K tasks, with the share β of the present cosine in the targets (0.01 in the paper), and the seed of the random orders.
    ///
    /// # Errors
    /// When K is not in `1..=32` or β is not in `0..=1`.
    pub fn new(tasks: usize, beta: f64, seed: u64) -> Result<Self> {
        check_tasks(tasks)?;
        check_setting((0.0..=1.0).contains(&beta), "beta is from 0 to 1")?;
        Ok(Self { tasks, beta, targets: [[0.0; MAX_TASKS]; MAX_TASKS], draws: Draws::new(seed) })
    }

    /// The target cosine of a pair. Panics, as a slice does, when a task is not below K.
    #[must_use]
    pub fn target(&self, i: usize, j: usize) -> f64 {
        self.targets[..self.tasks][i][..self.tasks][j]
    }
}

impl Weighting for GradVac {
    fn name(&self) -> &'static str {
        "gradvac"
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
        let mut random = self.draws.stream();
        let mut targets = self.targets;
        let mut weights = [0.0; MAX_TASKS];
        for i in 0..tasks {
            let mut own = [0.0; MAX_TASKS];
            own[i] = 1.0;
            for &j in order(tasks, &mut random)[..tasks].iter().filter(|&&j| j != i) {
                let product: f64 = own.iter().zip(gramian.row(j)).map(|(c, g)| c * g).sum();
                let norm = libm::sqrt(gramian.squared_norm(&own[..tasks])?);
                if norm == 0.0 || gramian.norm(j) == 0.0 {
                    continue;
                }
                let cosine = (product / norm / gramian.norm(j)).clamp(-1.0, 1.0);
                let target = targets[i][j].min(LARGEST);
                if cosine < target {
                    let (sine, target_sine) =
                        (libm::sqrt(1.0 - cosine * cosine), libm::sqrt(1.0 - target * target));
                    own[j] += norm / gramian.norm(j) * (target * sine / target_sine - cosine);
                }
                targets[i][j] = (1.0 - self.beta) * targets[i][j] + self.beta * cosine;
            }
            weights.iter_mut().zip(own).for_each(|(w, c)| *w += c);
        }
        let weights = Weights::new(&weights[..tasks])?;
        self.targets = targets;
        self.draws.advance();
        Ok(weights)
    }

    /// The number of steps, then K * K target cosines.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::from([self.draws.save()]);
        self.targets[..self.tasks].iter().for_each(|row| state.extend_from_slice(&row[..self.tasks]));
        state
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Common(1), Kept::Pairs]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let mut saved = Saved::new(state, 1 + self.tasks * self.tasks)?;
        let step = saved.count()?;
        let targets = saved.take(self.tasks * self.tasks);
        if targets.iter().any(|t| t.abs() > 1.0) {
            return Err(Error::State { what: "a target is no cosine" });
        }
        for (row, saved) in self.targets.iter_mut().zip(targets.chunks_exact(self.tasks)) {
            row[..self.tasks].copy_from_slice(saved);
        }
        self.draws.restore(step);
        Ok(())
    }
}
