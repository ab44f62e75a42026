//! Hard parameter sharing: one trunk for all tasks.

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Sequential};

use super::{Architecture, Features};
use crate::error::{Result, check_tasks};

/// One trunk, whose features go to every head (R. Caruana, "Multitask learning", Machine Learning 28, 1997).
#[derive(Clone, Debug, PartialEq)]
pub struct HardSharing<L = Sequential> {
    trunk: L,
    tasks: usize,
}

impl<L: Layer> HardSharing<L> {
    /// A trunk for so many tasks.
    ///
    /// # Errors
    /// No task or more than 32.
    pub fn new(trunk: L, tasks: usize) -> Result<Self> {
        check_tasks(tasks)?;
        Ok(Self { trunk, tasks })
    }

    /// The trunk.
    pub fn trunk(&self) -> &L {
        &self.trunk
    }
}

impl<L: Layer> Architecture for HardSharing<L> {
    fn tasks(&self) -> usize {
        self.tasks
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        Features::shared(&self.trunk.apply(bound, x), self.tasks)
    }
}
