//! Any method on one common scale, so that methods can be compared at one learning rate.

use alloc::vec::Vec;

use super::panel::{BLOCK, Part};
use super::{Heads, Kept, Needs, Observation, Observes, Panel, Weighting, Weights};
use crate::error::{Error, Result, check_length};
use crate::solve::{Gramian, MAX_TASKS};

/// The common scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// `|d| = |g_0|`: the direction is as long as the mean gradient.
    Mean,
    /// The weights sum to this number. Where their sum is not above zero they stay as they are.
    Sum(f64),
}

/// A method whose direction is brought to a common length.
///
/// Papers differ in scale by factors of K and more (see the table in [`balance`](super)). Under SGD a comparison at one
/// learning rate then compares these factors; so this wrapper multiplies the direction, and the weights with it, by one
/// number. `|g_0|` is taken from the Gramian, so the Jacobian is not formed for it. A direction of zero stays zero. Weighted heads are trained with the weights after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rescaled<W> {
    method: W,
    scale: Scale,
}

impl<W: Weighting> Rescaled<W> {
    /// Wraps a method.
    ///
    /// # Errors
    /// When a sum is not a number above zero, or is asked for where the direction is no sum of rows.
    pub fn new(method: W, scale: Scale) -> Result<Self> {
        if let Scale::Sum(sum) = scale {
            if !(sum.is_finite() && sum > 0.0) {
                return Err(Error::Setting { what: "the sum of the weights is a number above 0" });
            }
            if method.needs() == Needs::Jacobian {
                return Err(Error::Setting {
                    what: "a direction that is no sum of rows is scaled by its length",
                });
            }
        }
        Ok(Self { method, scale })
    }

    /// The method inside.
    #[must_use]
    pub fn method(&self) -> &W {
        &self.method
    }
}

impl<W: Weighting> Weighting for Rescaled<W> {
    fn name(&self) -> &'static str {
        self.method.name()
    }

    fn needs(&self) -> Needs {
        match self.scale {
            Scale::Mean => self.method.needs().max(Needs::Gramian),
            Scale::Sum(_) => self.method.needs(),
        }
    }

    fn heads(&self) -> Heads {
        self.method.heads()
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        if self.scale == Scale::Mean {
            super::check_gramian(self.method.name(), losses, gramian)?;
        }
        let weights = self.method.weights(losses, gramian)?;
        let factor = match (self.scale, gramian) {
            (Scale::Sum(sum), _) => factor_to(sum, &weights),
            (Scale::Mean, Some(gramian)) => ratio(mean_square(gramian)?, gramian.squared_norm(&weights)?),
            (Scale::Mean, None) => 1.0,
        };
        times(&weights, factor)
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        let (factor, weights) = match self.scale {
            Scale::Sum(sum) => {
                let weights = self.method.direction(losses, panel)?;
                (factor_to(sum, &weights), weights)
            }
            Scale::Mean => {
                check_length("losses", panel.tasks(), losses.len())?;
                let (gramian, width) = (panel.gramian()?, panel.width());
                let wanted = mean_square(&gramian)?;
                let part = &mut Part { whole: &mut *panel, first: 0, width, gramian: &gramian };
                let weights = self.method.direction(losses, part)?;
                (ratio(wanted, squared_norm(panel)), weights)
            }
        };
        multiply(panel, factor);
        times(&weights, factor)
    }

    /// The weights that the method inside holds. For [`Scale::Sum`] they sum to that; for [`Scale::Mean`] they are as they
    /// are, since the Gramian of the step, which decides their scale, is not known before it.
    fn held(&self) -> Option<Weights> {
        let held = self.method.held()?;
        match self.scale {
            Scale::Sum(sum) => times(&held, factor_to(sum, &held)).ok(),
            Scale::Mean => Some(held),
        }
    }

    fn observes(&self) -> Observes {
        self.method.observes()
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        self.method.observe(seen)
    }

    fn save(&self) -> Vec<f64> {
        self.method.save()
    }

    fn kept(&self) -> &'static [Kept] {
        self.method.kept()
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        self.method.restore(state)
    }
}

/// What brings the sum of the weights to `sum`.
fn factor_to(sum: f64, weights: &[f64]) -> f64 {
    let present: f64 = weights.iter().sum();
    let factor = sum / present;
    if present > 0.0 && factor.is_finite() { factor } else { 1.0 }
}

/// `|g_0|²`.
fn mean_square(gramian: &Gramian) -> Result<f64> {
    let tasks = gramian.tasks();
    gramian.squared_norm(&[1.0 / tasks as f64; MAX_TASKS][..tasks])
}

/// `|d|²` of the direction that was written.
fn squared_norm(panel: &dyn Panel) -> f64 {
    let mut values = [0.0; BLOCK];
    let mut sum = 0.0;
    for first in (0..panel.width()).step_by(BLOCK) {
        let count = BLOCK.min(panel.width() - first);
        panel.written(first, &mut values[..count]);
        sum += values[..count].iter().map(|d| d * d).sum::<f64>();
    }
    sum
}

/// Multiplies the direction that was written.
fn multiply(panel: &mut dyn Panel, factor: f64) {
    let mut values = [0.0; BLOCK];
    for first in (0..panel.width()).step_by(BLOCK) {
        let count = BLOCK.min(panel.width() - first);
        panel.written(first, &mut values[..count]);
        values[..count].iter_mut().for_each(|d| *d *= factor);
        panel.write(first, &values[..count]);
    }
}

/// The root of a ratio of squares; 1 where that has no meaning.
fn ratio(wanted: f64, present: f64) -> f64 {
    let ratio = libm::sqrt(wanted / present);
    if ratio.is_finite() { ratio } else { 1.0 }
}

fn times(weights: &[f64], factor: f64) -> Result<Weights> {
    let mut scaled = [0.0; MAX_TASKS];
    scaled.iter_mut().zip(weights).for_each(|(scaled, w)| *scaled = w * factor);
    Weights::new(&scaled[..weights.len()])
}
