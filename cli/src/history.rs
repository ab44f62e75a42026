//! What a training run measures: the numbers that progress, metrics file, table and report all take from here.

use serde::Serialize;

use crate::data::digits::PIXELS;

/// One task after one epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskMetrics {
    /// The name of the task.
    pub task: String,
    /// Mean cross entropy in nats over the training pictures of this epoch, as met during the steps.
    pub train_loss: f64,
    /// Mean cross entropy in nats over the test pictures, after the epoch.
    pub test_loss: f64,
    /// The share of test pictures put into the right class, 0 to 1.
    pub test_accuracy: f64,
    /// The mean weight that the balancing gave this task's loss or gradient; `None` where there is no balancing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// One network after one epoch; one line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochMetrics {
    /// The name of the network: `joint`, or that of its only task.
    pub model: String,
    /// Which epoch, counted from 1.
    pub epoch: usize,
    /// Wall-clock seconds that the epoch took, training and testing.
    pub seconds: f64,
    /// The tasks of the network, in the order of its heads.
    pub tasks: Vec<TaskMetrics>,
}

/// One network over its whole training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The name of the network: `joint`, or that of its only task.
    pub model: String,
    /// The number of its trained numbers.
    pub parameters: usize,
    /// Wall-clock seconds of its training.
    pub seconds: f64,
    /// One entry for each epoch done.
    pub epochs: Vec<EpochMetrics>,
}

impl History {
    /// `task` after the last epoch; `None` where no epoch was done or the network has no such task.
    pub fn last(&self, task: &str) -> Option<&TaskMetrics> {
        self.epochs.last()?.tasks.iter().find(|metrics| metrics.task == task)
    }

    /// One number of `task` for each epoch: `(epoch, number)`.
    pub fn curve(&self, task: &str, number: impl Fn(&TaskMetrics) -> Option<f64>) -> Vec<(f64, f64)> {
        let at = |epoch: &EpochMetrics| {
            let metrics = epoch.tasks.iter().find(|metrics| metrics.task == task)?;
            Some((epoch.epoch as f64, number(metrics)?))
        };
        self.epochs.iter().filter_map(at).collect()
    }
}

/// A test picture with its true classes and those that the joint network says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// 28x28 grey bytes, row by row.
    pub image: [u8; PIXELS],
    /// The true class of each task.
    pub truth: Vec<u8>,
    /// The class that the joint network finds likeliest, for each task.
    pub answer: Vec<u8>,
}

/// What a finished run has to show.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// The names of the tasks.
    pub tasks: Vec<String>,
    /// The network that learned all tasks.
    pub joint: History,
    /// The network that learned only that task, for each task in the order of `tasks`.
    pub single: Vec<History>,
    /// delta-m: the mean over the tasks of the relative change in test accuracy from the single-task networks to the joint
    /// one, **for the worse**, in percent: negative where the joint network is better (Maninis, Radosavovic and Kokkinos
    /// 2019, equation 4, with the sign of Navon et al. 2022). Not a number where there is nothing to compare with.
    pub delta_m: f64,
    /// How many pictures each network learned from in an epoch.
    pub train_pictures: usize,
    /// How many test pictures the losses and accuracies are means over.
    pub test_pictures: usize,
    /// Some test pictures.
    pub samples: Vec<Sample>,
}

impl RunResult {
    /// The trained numbers of all single-task networks together.
    pub fn single_parameters(&self) -> usize {
        self.single.iter().map(|history| history.parameters).sum()
    }

    /// The training seconds of all single-task networks together.
    pub fn single_seconds(&self) -> f64 {
        self.single.iter().map(|history| history.seconds).sum()
    }

    /// The joint network over all tasks, after the last epoch; `None` where a task has no number.
    pub fn joint_mean(&self) -> Option<Mean> {
        Mean::of(self.tasks.iter().map(|task| self.joint.last(task)))
    }

    /// The single-task networks, each on its task, after the last epoch; `None` where a task has no number.
    pub fn single_mean(&self) -> Option<Mean> {
        let last = |(k, task): (usize, &String)| self.single.get(k).and_then(|history| history.last(task));
        Mean::of(self.tasks.iter().enumerate().map(last))
    }
}

/// A model over all tasks, each counting alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Cross entropy in nats over the test pictures.
    pub test_loss: f64,
    /// The share of test pictures put into the right class, 0 to 1.
    pub test_accuracy: f64,
}

impl Mean {
    /// The mean of `tasks`; `None` where one is missing, or there are none.
    fn of<'a>(tasks: impl Iterator<Item = Option<&'a TaskMetrics>>) -> Option<Mean> {
        let (mut sum, mut count) = ((0.0, 0.0), 0.0);
        for task in tasks {
            let task = task?;
            sum = (sum.0 + task.test_loss, sum.1 + task.test_accuracy);
            count += 1.0;
        }
        (count > 0.0).then(|| Mean { test_loss: sum.0 / count, test_accuracy: sum.1 / count })
    }

    /// Percentage points of accuracy for each 10 000 of `parameters`; not a number where there are none.
    pub fn points_per_10_000(&self, parameters: usize) -> f64 {
        if parameters == 0 { f64::NAN } else { 100.0 * self.test_accuracy / (parameters as f64 / 1e4) }
    }
}
