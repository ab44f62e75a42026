//! Stopping what no longer gets better.

use crate::Error;
use alloc::string::String;
use alloc::vec::Vec;

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Better {
    /// Smaller is better: a loss, an error.
    Lower,
    /// Larger is better: an accuracy, an area under a curve.
    Higher,
}

/// What a new measurement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: worth keeping.
    Best,
    /// No improvement for so many measurements.
    Waiting(u64),
    /// No improvement for as many as the patience allows; it stays so.
    Stopped,
}

/// Early stopping by patience (L. Prechelt, "Early stopping - but when?", 1998, section 2.1, criterion UP in its usual
/// form), for one metric, or the loss of one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    better: Better,
    patience: u64,
    least: f64,
    best: Option<f64>,
    waited: u64,
}

impl EarlyStopping {
    /// Stops after `patience` measurements in a row that are not better than the best by more than `least`.
    ///
    /// # Errors
    /// No patience, or a least improvement that is negative or not finite.
    pub fn new(better: Better, patience: u64, least: f64) -> Result<Self, Error> {
        if patience == 0 || !(least >= 0.0 && least.is_finite()) {
            let why = "patience is at least 1, and the least improvement finite and from 0 up";
            return Err(Error::Setting { of: "early stopping", why });
        }
        Ok(Self { better, patience, least, best: None, waited: 0 })
    }

    /// Takes in a measurement. One that is not a number is no improvement.
    pub fn measure(&mut self, value: f64) -> Verdict {
        if self.waited >= self.patience {
            return Verdict::Stopped;
        }
        let gain = match (self.best, self.better) {
            (None, _) => f64::INFINITY,
            (Some(best), Better::Higher) => value - best,
            (Some(best), Better::Lower) => best - value,
        };
        // Written so that a NaN counts as waiting.
        if !value.is_nan() && gain > self.least {
            (self.best, self.waited) = (Some(value), 0);
            return Verdict::Best;
        }
        self.waited += 1;
        if self.waited >= self.patience { Verdict::Stopped } else { Verdict::Waiting(self.waited) }
    }

    /// The best measurement.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Whether the patience has run out.
    pub fn is_stopped(&self) -> bool {
        self.waited >= self.patience
    }

    /// The best measurement, NaN before the first, and how many came since.
    pub fn save(&self) -> Vec<f64> {
        alloc::vec![self.best.unwrap_or(f64::NAN), self.waited as f64]
    }

    /// Takes back what [`save`](EarlyStopping::save) gave.
    ///
    /// # Errors
    /// Another length, or a count that is none; nothing is changed then.
    pub fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        let sound =
            |waited: f64| waited >= 0.0 && waited <= self.patience as f64 && waited == libm::trunc(waited);
        let (best, waited) = match *state {
            [best, waited] if sound(waited) => (best, waited),
            _ => {
                let why = "early stopping is stored as the best measurement and a count up to the patience";
                return Err(Error::State { why: String::from(why) });
            }
        };
        self.best = (!best.is_nan()).then_some(best);
        self.waited = waited as u64;
        Ok(())
    }
}
