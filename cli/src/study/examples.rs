//! Samples with the truth of all tasks, as batches.

use tress::autograd::op::Index;
use tress::autograd::{Eager, Fused};
use tress::mtl::network::{Objective, Targets, Task};
use tress::nn::Sequential;
use tress::nn::metric::Ranking;
use tress::tensor::Tensor;

use super::subject::{Metric, Question};
use crate::error::Error;
use crate::train::{Samples, training};

/// Composed pictures, or the rows of a table.
#[derive(Debug)]
pub(crate) enum Examples {
    /// Pictures of two things.
    Pictures(Box<Samples>),
    /// Rows of numbers.
    Rows {
        /// `[N, inputs]`.
        inputs: Tensor,
        /// The truth of each task.
        targets: Vec<Targets>,
    },
}

impl Examples {
    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        match self {
            Examples::Pictures(samples) => samples.len(),
            Examples::Rows { inputs, .. } => inputs.shape()[0],
        }
    }

    /// What the network is given of some samples.
    pub(super) fn input(&self, batch: &[usize]) -> Result<Tensor, Error> {
        match self {
            Examples::Pictures(samples) => samples.images(batch),
            Examples::Rows { inputs, .. } => {
                let rows: Vec<u32> = batch.iter().map(|&row| row as u32).collect();
                let chosen = Eager::new(inputs.clone()).gather(0, &Index::new(&Tensor::vector(&rows)));
                Ok(chosen.tensor().map_err(training)?.clone())
            }
        }
    }

    /// The truth of some samples for some tasks.
    pub(super) fn targets(&self, tasks: &[usize], batch: &[usize]) -> Result<Vec<Targets>, Error> {
        match self {
            Examples::Pictures(samples) => samples.targets(tasks, batch),
            Examples::Rows { targets, .. } => {
                tasks.iter().map(|&task| targets[task].of(batch).map_err(training)).collect()
            }
        }
    }
}

/// The judgement of one task, batch by batch.
pub(super) struct Judge {
    task: Task,
    metric: Metric,
    score: tress::mtl::network::Score,
    ranking: Ranking,
}

impl Judge {
    pub(super) fn new(question: &Question) -> Self {
        Self {
            // Losses are those of the objective; the head is not asked.
            task: Task::new(question.name, question.objective, Sequential::new()),
            metric: question.metric,
            score: Default::default(),
            ranking: Ranking::new(),
        }
    }

    /// Counts in the outputs of a batch.
    pub(super) fn add(&mut self, output: &Tensor, target: &Targets) -> Result<(), Error> {
        self.score.add(&self.task.score(output, target).map_err(training)?);
        if let (Metric::Area, Objective::Bits(_), Targets::Numbers(truth)) =
            (self.metric, self.task.objective(), target)
        {
            let truth: Vec<bool> = truth.to_vec().iter().map(|&bit| bit > 0.5).collect();
            self.ranking.add(output, &truth).map_err(training)?;
        }
        Ok(())
    }

    /// Mean loss and metric. An area without a yes or without a no is not a number.
    pub(super) fn result(&self) -> (f64, f64) {
        let metric = match self.metric {
            Metric::Accuracy => self.score.metric(),
            Metric::Area => self.ranking.area().unwrap_or(f64::NAN),
        };
        (self.score.loss(), metric)
    }
}
