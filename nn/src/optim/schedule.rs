//! Learning rates that change from step to step.

use crate::Error;

/// A learning rate for each step (or epoch: a step is whatever the caller counts).
///
/// ```
/// use tress_nn::optim::Schedule;
/// let schedule = Schedule::cosine(1e-3, 0.0, 100)?.after_warm_up(10);
/// assert_eq!(schedule.rate(9), 1e-3); // the last step of the warm-up
/// assert!(schedule.rate(60) < schedule.rate(50));
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    first: f64,
    warm_up: u64,
    course: Course,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Course {
    Constant,
    Cosine { lowest: f64, steps: u64 },
    Steps { factor: f64, every: u64 },
}

impl Schedule {
    /// The same rate for ever.
    pub fn constant(rate: f64) -> Self {
        Self { first: rate, warm_up: 0, course: Course::Constant }
    }

    /// From `first` to `lowest` in `steps` steps along half a cosine, and `lowest` from then on (Loshchilov & Hutter 2017,
    /// "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts).
    ///
    /// # Errors
    /// 0 steps.
    pub fn cosine(first: f64, lowest: f64, steps: u64) -> Result<Self, Error> {
        if steps == 0 {
            return Err(Error::Setting { of: "schedule", why: "a cosine needs at least one step" });
        }
        Ok(Self { first, warm_up: 0, course: Course::Cosine { lowest, steps } })
    }

    /// From `first` on, times `factor` after `every` so many steps.
    ///
    /// # Errors
    /// Every 0 steps.
    pub fn steps(first: f64, factor: f64, every: u64) -> Result<Self, Error> {
        if every == 0 {
            return Err(Error::Setting { of: "schedule", why: "the rate cannot change every 0 steps" });
        }
        Ok(Self { first, warm_up: 0, course: Course::Steps { factor, every } })
    }

    /// Puts a linear rise to the first rate in front, which takes `steps` steps: the rate of the first is one part in
    /// `steps` of it (Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2). The course itself then begins
    /// that much later, and takes as long as before.
    pub fn after_warm_up(self, steps: u64) -> Self {
        Self { warm_up: steps, ..self }
    }

    /// The rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let Some(step) = step.checked_sub(self.warm_up) else {
            return self.first * (step + 1) as f64 / self.warm_up as f64;
        };
        match self.course {
            Course::Constant => self.first,
            Course::Cosine { lowest, steps } => {
                let part = step.min(steps) as f64 / steps as f64;
                lowest + (self.first - lowest) * 0.5 * (1.0 + libm::cos(core::f64::consts::PI * part))
            }
            Course::Steps { factor, every } => self.first * libm::pow(factor, (step / every) as f64),
        }
    }
}
