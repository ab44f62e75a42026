//! What a trained network has come to: one JSON file for each cell.

use serde::{Deserialize, Serialize};
use tress::mtl::measure::Conflicts;

/// Loss and metric of one task over a part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// The mean loss.
    pub(crate) loss: f64,
    /// The metric of the task; higher is better.
    pub(crate) metric: f64,
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// The mean loss of each task over the steps.
    pub(crate) train_loss: Vec<f64>,
    /// The mean weight of each task over the steps.
    pub(crate) weights: Vec<f64>,
    /// Each task on the validation part, after the epoch.
    pub(crate) validation: Vec<Judged>,
    /// Each layer of the trunk; empty for one task.
    pub(crate) layers: Vec<Layer>,
}

/// The task gradients of a layer over the watched steps of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// Its name.
    pub(crate) name: String,
    /// The mean norm of each task's gradient.
    pub(crate) norms: Vec<f64>,
    /// The mean cosine of each pair `i > j`, in the order (1, 0), (2, 0), (2, 1), ..; `None` where one was always zero.
    pub(crate) cosines: Vec<Option<f64>>,
    /// The share of pairs and steps with a negative cosine.
    pub(crate) conflicts: Option<f64>,
}

impl Layer {
    /// Every layer that was watched.
    pub(crate) fn all(watched: &Conflicts, tasks: usize) -> Vec<Layer> {
        let finite = |x: f64| x.is_finite().then_some(x);
        let layer = |(group, name): (usize, &String)| {
            let pairs = (0..tasks).flat_map(|i| (0..i).map(move |j| (i, j)));
            let cosine = |(i, j)| watched.pair(group, i, j).ok().and_then(|pair| finite(pair.cosine));
            Layer {
                name: name.clone(),
                norms: (0..tasks).map(|task| watched.norm(group, task).unwrap_or(0.0)).collect(),
                cosines: pairs.map(cosine).collect(),
                conflicts: watched.rate(group).ok().and_then(finite),
            }
        };
        watched.groups().iter().enumerate().map(layer).collect()
    }

    /// The mean cosine over the pairs.
    pub(crate) fn cosine(&self) -> Option<f64> {
        let known: Vec<f64> = self.cosines.iter().copied().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// A finished cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its name.
    pub(crate) cell: String,
    /// The tasks that it learned, by their place in the subject.
    pub(crate) tasks: Vec<usize>,
    /// The numbers that were trained.
    pub(crate) parameters: usize,
    /// The optimiser steps that were taken.
    pub(crate) steps: u64,
    /// Wall-clock seconds, those before an interruption included.
    pub(crate) seconds: f64,
    /// One for each epoch.
    pub(crate) epochs: Vec<Epoch>,
    /// Each task on the test part, after the last epoch; empty for one that failed.
    pub(crate) test: Vec<Judged>,
    /// Why there is no result, such as a loss that ran away.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) failed: Option<String>,
}

impl Record {
    /// The mean metric over the tasks on the validation part after the last epoch: what settings are chosen by.
    pub(crate) fn validation(&self) -> Option<f64> {
        self.validation_at(self.epochs.len()).filter(|_| self.failed.is_none())
    }

    /// The mean metric over the tasks on the validation part after an epoch, counted from 1; `None` where it did not come so far.
    pub(crate) fn validation_at(&self, epoch: usize) -> Option<f64> {
        let judged = &self.epochs.get(epoch.checked_sub(1)?)?.validation;
        Some(judged.iter().map(|judged| judged.metric).sum::<f64>() / judged.len() as f64)
    }

    /// The metric of each task on the test part; `None` for one that failed.
    pub(crate) fn test(&self) -> Option<Vec<f64>> {
        (self.failed.is_none() && !self.test.is_empty())
            .then(|| self.test.iter().map(|judged| judged.metric).collect())
    }
}
