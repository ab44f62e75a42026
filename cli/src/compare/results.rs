//! What a study has found: the numbers that table, page and JSON file all take from here.

use serde::Serialize;
use tress::mtl::measure::{Better, Study, hypervolume, pareto_front};
use tress::tensor::simd;

use super::plan::{Candidate, Contender, TUNED};
use super::settings::CompareSettings;
use crate::error::Error;
use crate::study::{Cell, Epoch, Figure, Kind, Material, Metric, Record};
use crate::train::training;

/// What a difference is, once noise is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Better by more than the larger of the two deviations.
    Win,
    /// Worse by more than that.
    Loss,
    /// Neither: no difference that these seeds can show.
    Level,
    /// One seed has no deviation, so nothing can be said.
    Unknown,
}

/// A row against another one, by delta-m, seed against seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Against {
    /// The mean of the differences of delta-m; negative where the row is better.
    pub(crate) difference: f64,
    /// Student's t of the pairs.
    pub(crate) t: Option<f64>,
    /// Its two-sided p; with few seeds a large p says little.
    pub(crate) p: Option<f64>,
    /// The exact two-sided p of Wilcoxon's signed ranks.
    pub(crate) wilcoxon_p: Option<f64>,
    /// What the difference is.
    pub(crate) verdict: Verdict,
}

/// A task of the study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TaskInfo {
    /// Its name.
    pub(crate) name: &'static str,
    /// How it is judged; higher is better.
    pub(crate) metric: Metric,
    /// The single-task networks on the test part.
    pub(crate) alone: Figure,
}

/// A row: one method over all tasks and seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The method.
    pub(crate) name: String,
    /// Its learning rate.
    pub(crate) rate: f64,
    /// Its fixed weights, where it has any.
    pub(crate) weights: Option<Vec<f64>>,
    /// Seconds of one training, the mean over seeds.
    pub(crate) seconds: f64,
    /// For each task the metric on the test part; empty where a training failed.
    pub(crate) metrics: Vec<Figure>,
    /// In percent: the mean over the tasks of the relative loss from the single-task networks to this row; negative where
    /// this row is better. Each seed is set against the single-task networks averaged over seeds.
    pub(crate) delta_m: Option<Figure>,
    /// The mean over the tasks of its place among the rows; 1 is best.
    pub(crate) mean_rank: Option<f64>,
    /// Against equal weights.
    pub(crate) against_equal: Option<Against>,
    /// Against tuned equal weights, where there are any.
    pub(crate) against_tuned: Option<Against>,
    /// Why a training failed.
    pub(crate) failed: Option<String>,
    /// The epochs of each seed.
    #[serde(skip)]
    pub(crate) epochs: Vec<Vec<Epoch>>,
}

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The preference; the sum is one.
    pub(crate) ray: Vec<f64>,
    /// For each task one minus its metric on the test part.
    pub(crate) errors: Vec<f64>,
    /// Whether no other point of the same method is better in everything.
    pub(crate) on_front: bool,
}

/// A method over all preferences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Swept {
    /// The method.
    pub(crate) name: &'static str,
    /// One for each preference whose training did not fail.
    pub(crate) points: Vec<Point>,
    /// The share of the box between no error and the reference that the points dominate.
    pub(crate) hypervolume: f64,
}

/// A sweep of preferences, with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Sweep {
    /// The seed.
    pub(crate) seed: u64,
    /// The corner of the hypervolume: for each task twice the error of its single-task networks.
    pub(crate) reference: Vec<f64>,
    /// For each method.
    pub(crate) families: Vec<Swept>,
}

/// A candidate of the search on the validation part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Tried {
    /// The row that it was tried for.
    pub(crate) row: String,
    /// The learning rate.
    pub(crate) rate: f64,
    /// The fixed weights, where they were searched for.
    pub(crate) weights: Option<Vec<f64>>,
    /// The mean metric on the validation part; `None` where training failed.
    pub(crate) validation: Option<f64>,
    /// The standard error of that: a difference below it is noise.
    pub(crate) error: Option<f64>,
}

/// All of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Results {
    /// The choices of the study.
    pub(crate) settings: CompareSettings,
    /// The instruction set of the kernels, on which the last bits depend.
    pub(crate) instruction_set: &'static str,
    /// Samples in an epoch, in the validation part and in the test part.
    pub(crate) samples: [usize; 3],
    /// The trained numbers of the joint network, and of all single-task networks together.
    pub(crate) parameters: [usize; 2],
    /// The tasks.
    pub(crate) tasks: Vec<TaskInfo>,
    /// The search.
    pub(crate) search: Vec<Tried>,
    /// The rows, equal weights first.
    pub(crate) rows: Vec<Row>,
    /// The sweep; `None` where there was none.
    pub(crate) sweep: Option<Sweep>,
    /// The epochs of the single-task networks, by task and seed.
    #[serde(skip)]
    pub(crate) alone: Vec<Vec<Vec<Epoch>>>,
}

impl Results {
    /// # Errors
    /// [`Error::Training`] where a single-task network failed, or one that is never right leaves nothing to compare with.
    pub(crate) fn of(
        settings: &CompareSettings,
        material: &Material,
        candidates: Vec<Candidate>,
        rows: Vec<(Contender, Vec<Record>)>,
        swept: &[(Cell, Record)],
    ) -> Result<Self, Error> {
        let questions = material.questions();
        let count = questions.len();
        let (singles, joint) = rows.split_at(count);
        let mut tasks = Vec::with_capacity(count);
        for (question, (contender, records)) in questions.iter().zip(singles) {
            let alone = tests(records).map_err(|why| {
                Error::Training(format!(
                    "{}, on which all figures rest: {why}; choose a lower --lr",
                    contender.name
                ))
            })?;
            let alone = Figure::of(alone.into_iter().flatten().collect())?;
            tasks.push(TaskInfo { name: question.name, metric: question.metric, alone });
        }
        let rows = rank(settings, &tasks, joint)?;
        let first = |records: &[Record]| records.first().map_or(0, |record| record.parameters);
        let parameters = [
            joint.first().map_or(0, |(_, records)| first(records)),
            singles.iter().map(|(_, records)| first(records)).sum(),
        ];
        Ok(Self {
            settings: settings.clone(),
            instruction_set: simd::level().name(),
            samples: [material.samples(), material.validation.len(), material.test.len()],
            parameters,
            search: candidates
                .into_iter()
                .map(|c| Tried {
                    row: c.contender,
                    rate: c.rate,
                    weights: c.weights,
                    validation: c.validation,
                    error: c.error,
                })
                .collect(),
            sweep: sweep(settings, &tasks, swept)?,
            alone: singles.iter().map(|(_, records)| epochs(records)).collect(),
            tasks,
            rows,
        })
    }

    /// The row of that name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

fn epochs(records: &[Record]) -> Vec<Vec<Epoch>> {
    records.iter().map(|record| record.epochs.clone()).collect()
}

/// The metrics of every seed, or why one failed.
fn tests(records: &[Record]) -> Result<Vec<Vec<f64>>, String> {
    let one = |record: &Record| {
        record.test().ok_or_else(|| record.failed.clone().unwrap_or_else(|| "no result".to_owned()))
    };
    records.iter().map(one).collect()
}

/// The rows with all that sets them against one another.
fn rank(
    settings: &CompareSettings,
    tasks: &[TaskInfo],
    joint: &[(Contender, Vec<Record>)],
) -> Result<Vec<Row>, Error> {
    let metrics: Vec<Result<Vec<Vec<f64>>, String>> =
        joint.iter().map(|(_, records)| tests(records)).collect();
    let names: Vec<&str> = joint
        .iter()
        .zip(&metrics)
        .filter(|(_, found)| found.is_ok())
        .map(|((contender, _), _)| contender.name.as_str())
        .collect();
    let alone = (0..settings.seeds.len())
        .map(|seed| tasks.iter().map(|task| task.alone.by_seed[seed]).collect())
        .collect();
    let whole = metrics.iter().filter_map(|found| found.clone().ok()).collect();
    let better = vec![Better::Higher; tasks.len()];
    let study = Study::from_parts(&better, &names, &settings.seeds, alone, whole).map_err(training)?;
    let ranks = if names.is_empty() { Vec::new() } else { study.mean_ranks().map_err(training)? };
    let place = |name: &str| names.iter().position(|other| *other == name);

    let mut rows = Vec::with_capacity(joint.len());
    for ((contender, records), found) in joint.iter().zip(metrics) {
        let seconds = records.iter().map(|record| record.seconds).sum::<f64>() / records.len() as f64;
        let weights = match &contender.kind {
            Kind::Fixed(weights) => Some(weights.clone()),
            _ => None,
        };
        let mut row = Row {
            name: contender.name.clone(),
            rate: contender.rate,
            weights,
            seconds,
            metrics: Vec::new(),
            delta_m: None,
            mean_rank: None,
            against_equal: None,
            against_tuned: None,
            failed: found.as_ref().err().cloned(),
            epochs: epochs(records),
        };
        if let (Ok(found), Some(own)) = (found, place(&contender.name)) {
            for task in 0..tasks.len() {
                row.metrics.push(Figure::of(found.iter().map(|metrics| metrics[task]).collect())?);
            }
            row.delta_m = Some(Figure::of(study.delta_m_by_seed(own).map_err(training)?)?);
            row.mean_rank = Some(ranks[own]);
            let other = |name: &str| place(name).filter(|&other| other != own);
            row.against_equal = other("equal").map(|equal| against(&study, own, equal)).transpose()?;
            row.against_tuned = other(TUNED).map(|tuned| against(&study, own, tuned)).transpose()?;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Two rows of a study.
fn against(study: &Study, first: usize, second: usize) -> Result<Against, Error> {
    let there = study.compare(first, second).map_err(training)?;
    let back = study.compare(second, first).map_err(training)?;
    let verdict = match (study.seeds().len(), there.is_win(), back.is_win()) {
        (1, _, _) => Verdict::Unknown,
        (_, true, _) => Verdict::Win,
        (_, _, true) => Verdict::Loss,
        _ => Verdict::Level,
    };
    let difference = there.first.mean - there.second.mean;
    let several = study.seeds().len() > 1;
    Ok(Against {
        difference,
        t: there.t.map(|test| test.t).filter(|t| t.is_finite()),
        p: there.t.map(|test| test.p),
        wilcoxon_p: several.then_some(there.signed_rank.p),
        verdict,
    })
}

fn sweep(
    settings: &CompareSettings,
    tasks: &[TaskInfo],
    swept: &[(Cell, Record)],
) -> Result<Option<Sweep>, Error> {
    if swept.is_empty() {
        return Ok(None);
    }
    // A single-task network that is never wrong would leave no room at all.
    let reference: Vec<f64> = tasks.iter().map(|task| (2.0 * (1.0 - task.alone.mean)).max(1e-6)).collect();
    let room: f64 = reference.iter().product();
    let mut families = Vec::new();
    for &family in &settings.families {
        let mut points = Vec::new();
        for (cell, record) in swept {
            if let (Kind::Preference { family: own, rays, chosen }, Some(metrics)) =
                (&cell.kind, record.test())
                && *own == family
            {
                let errors = metrics.iter().map(|metric| 1.0 - metric).collect();
                points.push(Point { ray: rays[*chosen].clone(), errors, on_front: false });
            }
        }
        let errors: Vec<&[f64]> = points.iter().map(|point| point.errors.as_slice()).collect();
        let volume = hypervolume(&errors, &reference).map_err(training)?;
        for place in pareto_front(&errors).map_err(training)? {
            points[place].on_front = true;
        }
        families.push(Swept { name: family.name(), points, hypervolume: volume / room });
    }
    Ok(Some(Sweep { seed: settings.first_seed(), reference, families }))
}
