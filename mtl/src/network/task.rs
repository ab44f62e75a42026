//! A task: a head, a loss, and a metric by which it is judged.

use alloc::string::String;

use tress_autograd::Value;
use tress_nn::{Labels, Layer, Sequential, cross_entropy, metric, mse};
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result};
use crate::measure::Better;

/// What a task wants of its head, and so its loss and its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// One of so many classes. Loss: cross entropy of the head's `[N, classes]` as logits. Metric: accuracy.
    Classes(usize),
    /// So many real numbers. Loss: mean squared error of the head's `[N, numbers]`. Metric: its square root.
    Numbers(usize),
}

/// The truth for a batch of samples.
#[derive(Clone, Debug)]
pub enum Targets<T: Float = f32> {
    /// One class a sample.
    Classes(Labels),
    /// `[N, numbers]`.
    Numbers(Tensor<T>),
}

/// A task of a [`Network`](super::Network): a name, an objective, a head.
#[derive(Clone, Debug)]
pub struct Task<Head = Sequential> {
    name: String,
    objective: Objective,
    head: Head,
}

/// Loss and metric of a task, summed up over batches of any size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    samples: usize,
    loss: f64,
    /// Right answers, or the sum of squared errors.
    metric: f64,
    /// How many numbers each sample has; 0 for classes.
    numbers: usize,
}

impl<Head: Layer> Task<Head> {
    /// A task.
    pub fn new(name: &str, objective: Objective, head: Head) -> Self {
        Self { name: String::from(name), objective, head }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The objective.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Which way the metric improves.
    pub fn better(&self) -> Better {
        match self.objective {
            Objective::Classes(_) => Better::Higher,
            Objective::Numbers(_) => Better::Lower,
        }
    }

    /// The loss of outputs `[N, ..]`, a mean over the samples.
    ///
    /// # Errors
    /// Targets of another kind or size than the objective's. Outputs of another shape make a mistake in the value.
    #[track_caller]
    pub fn loss<V: Value>(&self, output: &V, targets: &Targets<V::Elem>) -> Result<V> {
        self.check(targets)?;
        Ok(match targets {
            Targets::Classes(labels) => cross_entropy(output, labels),
            Targets::Numbers(numbers) => mse(output, &output.lift(numbers.clone())),
        })
    }

    /// Loss and metric of outputs, for sums over batches.
    ///
    /// # Errors
    /// As [`loss`](Task::loss); outputs of another shape than the targets.
    pub fn score<T: Float>(&self, output: &Tensor<T>, targets: &Targets<T>) -> Result<Score> {
        let eager = tress_autograd::Eager::new(output.clone());
        let loss = self.loss(&eager, targets)?.item()?.to_f64();
        let (samples, metric, numbers) = match targets {
            Targets::Classes(labels) => (labels.len(), metric::correct(output, labels)? as f64, 0),
            Targets::Numbers(truth) => {
                let samples = truth.shape()[0];
                (samples, loss * truth.len() as f64, truth.len() / samples.max(1))
            }
        };
        Ok(Score { samples, loss: loss * samples as f64, metric, numbers })
    }

    /// Checks the kind and the width of targets.
    fn check<T: Float>(&self, targets: &Targets<T>) -> Result<()> {
        let why = match (self.objective, targets) {
            (Objective::Classes(classes), Targets::Classes(labels)) if labels.classes() != classes => {
                "the labels are of another number of classes"
            }
            (Objective::Numbers(numbers), Targets::Numbers(truth))
                if truth.shape().get(1..) != Some(&[numbers][..]) =>
            {
                "the targets must be [samples, numbers]"
            }
            (Objective::Classes(_), Targets::Numbers(_)) => "its targets must be classes",
            (Objective::Numbers(_), Targets::Classes(_)) => "its targets must be numbers",
            _ => return Ok(()),
        };
        Err(Error::Target { task: self.name.clone(), why })
    }
}

impl<T: Float> Targets<T> {
    /// The truth of some samples, in the order given.
    ///
    /// # Errors
    /// A sample that there is not.
    pub fn of(&self, samples: &[usize]) -> Result<Self> {
        let missing = || Error::Setting { what: "a batch names only samples that there are" };
        match self {
            Targets::Classes(labels) => {
                let all = labels.as_slice();
                let chosen = samples.iter().map(|&i| all.get(i).copied().ok_or_else(missing));
                let chosen = chosen.collect::<Result<alloc::vec::Vec<u32>>>()?;
                Ok(Targets::Classes(Labels::new(chosen, labels.classes())?))
            }
            Targets::Numbers(truth) => {
                let places: alloc::vec::Vec<u32> = samples
                    .iter()
                    .map(|&i| u32::try_from(i).map_err(|_| missing()))
                    .collect::<Result<_>>()?;
                let index = tress_autograd::op::Index::new(&Tensor::vector(&places));
                let rows =
                    tress_autograd::Fused::gather(&tress_autograd::Eager::new(truth.clone()), 0, &index);
                Ok(Targets::Numbers(rows.tensor()?.clone()))
            }
        }
    }
}

impl Score {
    /// With another batch counted in.
    pub fn add(&mut self, other: &Score) {
        self.samples += other.samples;
        self.loss += other.loss;
        self.metric += other.metric;
        self.numbers = self.numbers.max(other.numbers);
    }

    /// The mean loss; NaN over no samples.
    pub fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// Accuracy (0 to 1), or the root of the mean squared error; NaN over no samples.
    pub fn metric(&self) -> f64 {
        match self.numbers {
            0 => self.metric / self.samples as f64,
            numbers => libm::sqrt(self.metric / (self.samples * numbers) as f64),
        }
    }
}
