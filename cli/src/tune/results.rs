//! What a search has found: the numbers that table, page and JSON file all take from here.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tress::nn::search::{Choice, Halving, Setting};

use super::settings::TuneSettings;
use crate::error::Error;
use crate::study::{Figure, Material, Metric, Record};

/// A setting that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Trial {
    /// Its number, from 0.
    pub(super) trial: usize,
    /// What it was set to.
    #[serde(serialize_with = "by_name")]
    pub(super) setting: Setting,
    /// The mean metric over the tasks on the validation part after each epoch that it ran.
    pub(super) validation: Vec<f64>,
    /// The numbers that were trained.
    pub(super) parameters: usize,
    /// Wall-clock seconds.
    pub(super) seconds: f64,
    /// Why it ended early, such as a loss that ran away.
    pub(super) failed: Option<String>,
}

impl Trial {
    /// Before its first epoch.
    pub(super) fn new(trial: usize, setting: Setting) -> Self {
        Self { trial, setting, validation: Vec::new(), parameters: 0, seconds: 0.0, failed: None }
    }

    /// Takes over what its network has come to after `epochs`.
    pub(super) fn take(&mut self, record: &Record, epochs: usize) {
        self.validation = (1..=epochs).map_while(|epoch| record.validation_at(epoch)).collect();
        (self.parameters, self.seconds) = (record.parameters, record.seconds);
        self.failed = record.failed.clone().filter(|_| self.validation.len() < epochs);
    }

    /// What it was compared by last; `None` for one that failed.
    pub(super) fn score(&self) -> Option<f64> {
        self.validation.last().copied().filter(|_| self.failed.is_none())
    }
}

fn by_name<S: Serializer>(setting: &Setting, to: S) -> Result<S::Ok, S::Error> {
    let value = |choice: &Choice| match choice {
        Choice::Number(number) => serde_json::Value::from(*number),
        Choice::Name(name) => serde_json::Value::from(name.as_str()),
    };
    let each = setting.values().iter().map(|(name, choice)| (name, value(choice)));
    each.collect::<BTreeMap<_, _>>().serialize(to)
}

/// A task, and how it is judged; higher is better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TaskInfo {
    pub(super) name: &'static str,
    pub(super) metric: Metric,
}

/// A setting on the test part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tested {
    /// `usual` or `chosen`.
    pub(super) name: &'static str,
    /// What is not as usual.
    #[serde(serialize_with = "by_name")]
    pub(super) setting: Setting,
    /// The numbers that were trained.
    pub(super) parameters: usize,
    /// Each task on the test part.
    pub(super) metrics: Vec<Figure>,
    /// The mean over the tasks.
    pub(super) mean: Figure,
}

/// All of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Results {
    /// The choices of the search.
    pub(super) settings: TuneSettings,
    /// Samples in an epoch, in the validation part and in the test part.
    pub(super) samples: [usize; 3],
    /// The tasks.
    pub(super) tasks: Vec<TaskInfo>,
    /// For each rung how many trials ran up to how many epochs.
    pub(super) rungs: Vec<[usize; 2]>,
    /// The epochs that all trials ran.
    pub(super) epochs: usize,
    /// Every trial, by its number.
    pub(super) trials: Vec<Trial>,
    /// The number of the best.
    pub(super) chosen: usize,
    /// The usual setting and the chosen one.
    pub(super) tested: Vec<Tested>,
}

impl Results {
    /// # Errors
    /// [`Error::Training`] where a network that was to be tested failed.
    pub(super) fn of(
        settings: &TuneSettings,
        material: &Material,
        halving: &Halving,
        trials: Vec<Trial>,
        chosen: usize,
        rows: Vec<(&'static str, Setting, Vec<Record>)>,
    ) -> Result<Self, Error> {
        let mut tested = Vec::new();
        for (name, setting, records) in rows {
            let metrics = records.iter().map(|record| {
                record.test().ok_or_else(|| {
                    let why = record.failed.clone().unwrap_or_else(|| "no result".to_owned());
                    Error::Training(format!(
                        "{}, of the {name} setting: {why}; choose another --seed, or lower rates with --space",
                        record.cell
                    ))
                })
            });
            let metrics = metrics.collect::<Result<Vec<Vec<f64>>, Error>>()?;
            let tasks = metrics.first().map_or(0, Vec::len);
            let of_task = |task: usize| Figure::of(metrics.iter().map(|seed| seed[task]).collect());
            let mean = |seed: &Vec<f64>| seed.iter().sum::<f64>() / seed.len() as f64;
            tested.push(Tested {
                name,
                setting,
                parameters: records.first().map_or(0, |record| record.parameters),
                mean: Figure::of(metrics.iter().map(mean).collect())?,
                metrics: (0..tasks).map(of_task).collect::<Result<_, _>>()?,
            });
        }
        let task =
            |question: &crate::study::Question| TaskInfo { name: question.name, metric: question.metric };
        Ok(Self {
            settings: settings.clone(),
            samples: [material.samples(), material.validation.len(), material.test.len()],
            tasks: material.questions().iter().map(task).collect(),
            rungs: halving.rungs().iter().map(|rung| [rung.trials, rung.epochs]).collect(),
            epochs: trials.iter().map(|trial| trial.validation.len()).sum(),
            trials,
            chosen,
            tested,
        })
    }

    /// The trials, the ones that ran longest first, and of these the better ones first.
    pub(super) fn ranked(&self) -> Vec<&Trial> {
        let mut ranked: Vec<&Trial> = self.trials.iter().collect();
        let place = |trial: &Trial| (trial.score().is_some(), trial.validation.len(), trial.score());
        ranked.sort_by(|a, b| place(b).partial_cmp(&place(a)).unwrap_or(std::cmp::Ordering::Equal));
        ranked
    }

    /// What was chosen and what it is worth on the test part, in words.
    pub(super) fn finding(&self) -> String {
        let trial = &self.trials[self.chosen];
        let mut text = format!(
            "Of {} settings trial {} did best on {} validation samples ({:.4}): {}.",
            self.trials.len(),
            trial.trial,
            crate::report::thousands(self.samples[1]),
            trial.score().unwrap_or(f64::NAN),
            trial.setting,
        );
        let [usual, chosen] = &self.tested[..] else { return text };
        let difference = 100.0 * (chosen.mean.mean - usual.mean.mean);
        let deviation = usual.mean.deviation.zip(chosen.mean.deviation).map(|(a, b)| 100.0 * a.max(b));
        let seeds = self.settings.seeds.len();
        text.push_str(&match deviation {
            None => format!(
                " On the test part its mean metric differs from that of the usual setting by {difference:+.2} points; one seed \
                 cannot tell whether that is any difference."
            ),
            Some(deviation) => format!(
                " On the test part its mean metric differs from that of the usual setting by {difference:+.2} points, over \
                 {seeds} seeds that the search did not see: {} the larger of the two deviations ({deviation:.2}).",
                if difference.abs() > deviation { "more than" } else { "no difference, within" }
            ),
        });
        text
    }
}
