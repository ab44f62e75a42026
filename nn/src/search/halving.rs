//! Successive halving: how many trials run how long.

use crate::Error;
use alloc::vec::Vec;

/// A number of trials that run up to a number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// How many trials get here.
    pub trials: usize,
    /// The epochs that they have run in all when they are compared.
    pub epochs: usize,
}

/// Which trials go on. See the [module](super).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halving {
    rungs: Vec<Rung>,
}

impl Halving {
    /// Rungs whose epochs fall from `epochs` by `factor`, as long as there are `least` or more; on the first there are
    /// `trials`, and on each a `factor`th of those before, rounded up.
    ///
    /// # Errors
    /// [`Error::Setting`]: no trial, no epoch, a least number that is 0 or above `epochs`, or a factor below 2.
    pub fn new(trials: usize, epochs: usize, least: usize, factor: usize) -> Result<Self, Error> {
        let wrong = |why| Err(Error::Setting { of: "successive halving", why });
        if trials == 0 || epochs == 0 {
            return wrong("at least one trial and one epoch are wanted");
        }
        if least == 0 || least > epochs {
            return wrong("the first trials run for one epoch at least and for all of them at most");
        }
        if factor < 2 {
            return wrong("the factor must be 2 or more, or all trials would go on");
        }
        let mut lengths = alloc::vec![epochs];
        while let Some(&last) = lengths.last()
            && last / factor >= least
        {
            lengths.push(last / factor);
        }
        let mut rungs = Vec::with_capacity(lengths.len());
        let mut left = trials;
        for &epochs in lengths.iter().rev() {
            rungs.push(Rung { trials: left, epochs });
            left = left.div_ceil(factor);
        }
        Ok(Self { rungs })
    }

    /// Plain random search: all trials run to the end.
    ///
    /// # Errors
    /// [`Error::Setting`]: no trial or no epoch.
    pub fn none(trials: usize, epochs: usize) -> Result<Self, Error> {
        Self::new(trials, epochs, epochs.max(1), 2)
    }

    /// From the first, which all trials take, to the last, which has the full length.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The epochs that all trials run together.
    pub fn total_epochs(&self) -> usize {
        let before = [0].into_iter().chain(self.rungs.iter().map(|rung| rung.epochs));
        self.rungs.iter().zip(before).map(|(rung, before)| rung.trials * (rung.epochs - before)).sum()
    }

    /// The places of those that go on from a rung, in their order, by their scores there (higher is better; `None` for one
    /// that failed, which never goes on): as many as the next rung has, or the best one after the last rung. Of equals the
    /// earlier one goes on. Empty where all failed.
    pub fn promoted(&self, rung: usize, scores: &[Option<f64>]) -> Vec<usize> {
        let keep = self.rungs.get(rung + 1).map_or(1, |next| next.trials);
        let mut places: Vec<(usize, f64)> =
            (0..).zip(scores).filter_map(|(place, score)| Some((place, (*score)?))).collect();
        places.retain(|(_, score)| !score.is_nan());
        places.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: equals stay in their order
        places.truncate(keep);
        let mut kept: Vec<usize> = places.into_iter().map(|(place, _)| place).collect();
        kept.sort_unstable();
        kept
    }
}
