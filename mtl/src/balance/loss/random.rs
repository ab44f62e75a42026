//! Random loss weighting: new weights for each step.

use alloc::vec::Vec;

use crate::balance::state::{Draws, Saved, softmax};
use crate::balance::{Heads, Kept, Needs, Weighting, Weights, check_losses};
use crate::error::Result;
use crate::solve::{Gramian, MAX_TASKS};

/// Random loss weighting: `w = softmax(n)` with K normal numbers, drawn anew for each step.
///
/// B. Lin et al., "Reasonable effectiveness of random weighting: a litmus test for multi-task learning", TMLR 2022,
/// section 3: a method that learns nothing about the tasks and that others have to beat.
///
/// **Scale.** The weights sum to one, so the direction is K times shorter than the sum's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomWeights {
    draws: Draws,
}

impl RandomWeights {
    /// The method with the seed of its numbers. Step n draws the same on every machine, and after a restart.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { draws: Draws::new(seed) }
    }
}

impl Weighting for RandomWeights {
    fn name(&self) -> &'static str {
        "random"
    }

    fn needs(&self) -> Needs {
        Needs::Losses
    }

    fn heads(&self) -> Heads {
        Heads::Weighted
    }

    fn weights(&mut self, losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        check_losses(losses)?;
        let mut random = self.draws.stream();
        let mut weights = [0.0; MAX_TASKS];
        weights[..losses.len()].iter_mut().for_each(|w| *w = random.normal());
        softmax(&mut weights[..losses.len()]);
        self.draws.advance();
        Weights::new(&weights[..losses.len()])
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
