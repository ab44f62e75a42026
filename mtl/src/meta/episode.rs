//! A task that is known by a few samples, and what it is judged by.

use alloc::vec::Vec;

use tress_autograd::op::Index;
use tress_autograd::{Eager, Fused, Value};
use tress_nn::{Bound, Layer};
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result, check_length};
use crate::network::{Score, Targets, Task};

/// Samples with their truth.
#[derive(Clone, Debug)]
pub struct Examples<T: Float = f32> {
    inputs: Tensor<T>,
    targets: Targets<T>,
}

/// A task for meta-learning: samples to adapt to, and others to be judged by.
#[derive(Clone, Debug)]
pub struct Episode<T: Float = f32> {
    /// What is adapted to.
    pub support: Examples<T>,
    /// What the adapted model is judged by.
    pub query: Examples<T>,
}

impl<T: Float> Examples<T> {
    /// Inputs `[N, ..]` and the truth of each.
    ///
    /// # Errors
    /// Another number of targets than of inputs, or none.
    pub fn new(inputs: Tensor<T>, targets: Targets<T>) -> Result<Self> {
        let samples = inputs.shape().first().copied().unwrap_or(0);
        check_length("targets of an episode", samples, targets.samples())?;
        match samples {
            0 => Err(Error::Setting { what: "support and query have at least one sample each" }),
            _ => Ok(Self { inputs, targets }),
        }
    }

    /// The inputs, `[N, ..]`.
    pub fn inputs(&self) -> &Tensor<T> {
        &self.inputs
    }

    /// The truth.
    pub fn targets(&self) -> &Targets<T> {
        &self.targets
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.targets.samples()
    }

    /// Some of the samples, in the order given.
    ///
    /// # Errors
    /// A sample that there is not, or none at all.
    pub fn of(&self, samples: &[usize]) -> Result<Self> {
        Self::new(rows(&self.inputs, samples)?, self.targets.of(samples)?)
    }

    /// The output and the loss of a model that is run with `bound`.
    pub(super) fn loss<V: Value<Elem = T>, M: Layer>(&self, task: &Task<M>, bound: &Bound<V>) -> Result<V> {
        task.loss(&self.output(task, bound)?, &self.targets)
    }

    /// The output alone.
    pub(super) fn output<V: Value<Elem = T>, M: Layer>(&self, task: &Task<M>, bound: &Bound<V>) -> Result<V> {
        Ok(task.head().apply(bound, &lifted(bound, &self.inputs)?))
    }

    /// Loss and metric of a model.
    ///
    /// # Errors
    /// Targets that do not fit the task, or the first mistake of the model.
    pub fn score<M: Layer>(&self, task: &Task<M>, bound: &Bound<Eager<T>>) -> Result<Score> {
        task.score(self.output(task, bound)?.tensor()?, &self.targets)
    }
}

/// A constant of the kind of some parameters, in their place.
pub(super) fn lifted<V: Value>(bound: &Bound<V>, constant: &Tensor<V::Elem>) -> Result<V> {
    match bound.values().next() {
        Some(value) => Ok(value.lift(constant.clone())),
        None => Err(Error::Setting { what: "a model that learns has at least one parameter" }),
    }
}

/// Some rows of `[N, ..]`, in the order given.
pub(super) fn rows<T: Float>(all: &Tensor<T>, samples: &[usize]) -> Result<Tensor<T>> {
    let missing = Error::Setting { what: "an episode names only samples that there are" };
    let places: Option<Vec<u32>> = samples.iter().map(|&i| u32::try_from(i).ok()).collect();
    let places = Index::new(&Tensor::vector(&places.ok_or(missing)?));
    Ok(Eager::new(all.clone()).gather(0, &places).tensor()?.clone())
}
