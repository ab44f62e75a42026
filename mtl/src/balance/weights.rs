//! The answer of a weighting: K finite numbers, on the stack.

use core::fmt;
use core::ops::Deref;

use crate::error::{Result, check_finite, check_tasks};
use crate::solve::MAX_TASKS;

/// K weights, one for each task; a slice of `f64` in all but name.
#[derive(Clone, Copy, PartialEq)]
pub struct Weights {
    tasks: usize,
    values: [f64; MAX_TASKS],
}

impl Weights {
    /// Copies K weights.
    ///
    /// # Errors
    /// When K is not in `1..=32` or a weight is not finite.
    pub fn new(values: &[f64]) -> Result<Self> {
        check_tasks(values.len())?;
        check_finite("weights", values)?;
        let mut copy = [0.0; MAX_TASKS];
        copy[..values.len()].copy_from_slice(values);
        Ok(Self { tasks: values.len(), values: copy })
    }
}

impl Deref for Weights {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values[..self.tasks]
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}
