//! Which networks a study trains: a search on the validation part, then the grid of methods and seeds, then a sweep of
//! preferences.

use super::settings::{CompareSettings, Tune};
use crate::settings::Balance;
use crate::study::{Cell, Family, Kind, Record};

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contender {
    /// Its name.
    pub(crate) name: String,
    /// What its networks are trained on.
    pub(crate) kind: Kind,
    /// Their learning rate.
    pub(crate) rate: f64,
}

impl Contender {
    /// Its network of a seed.
    pub(crate) fn cell(&self, seed: u64) -> Cell {
        Cell::new(self.kind.clone(), self.rate, seed)
    }
}

/// The name of the row whose rate and weights were searched for.
pub(crate) const TUNED: &str = "equal, tuned";

/// A candidate of the search, and how it did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Which row it is for.
    pub(crate) contender: String,
    /// The fixed weights; `None` for those of the method.
    pub(crate) weights: Option<Vec<f64>>,
    /// The learning rate.
    pub(crate) rate: f64,
    /// The mean metric over its tasks on the validation part; `None` where training failed.
    pub(crate) validation: Option<f64>,
    /// The standard error of that.
    pub(crate) error: Option<f64>,
}

/// The rows before any search: first a network for each task alone, then equal weights, then the other methods.
pub(crate) fn contenders(settings: &CompareSettings, tasks: &[&str]) -> Vec<Contender> {
    let rate = settings.lr;
    let single = |(task, name): (usize, &&str)| Contender {
        name: format!("{name} alone"),
        kind: Kind::Single(task),
        rate,
    };
    let method =
        |balance: Balance| Contender { name: balance.name().to_owned(), kind: Kind::Method(balance), rate };
    let others = settings.methods.iter().copied().filter(|&balance| balance != Balance::EQUAL);
    tasks.iter().enumerate().map(single).chain([method(Balance::EQUAL)]).chain(others.map(method)).collect()
}

/// The rates that are tried for a row, all at its own weights; empty where none is searched for. The row of equal weights
/// itself stays as it is, unless all rows are tuned: what is found for it makes a row of its own.
pub(crate) fn rates_for<'s>(settings: &'s CompareSettings, contender: &Contender) -> &'s [f64] {
    match (settings.tune, &contender.kind) {
        (Tune::All, _) | (Tune::Equal, Kind::Method(Balance::EQUAL)) => &settings.rates,
        _ => &[],
    }
}

/// The fixed weights that are tried for tuned equal weights beside equal ones: each task once twice as heavy as the others,
/// their sum K.
pub(crate) fn weightings(tasks: usize) -> Vec<Vec<f64>> {
    let share = tasks as f64 / (tasks as f64 + 1.0);
    let leaning = |heavy| (0..tasks).map(|task| if task == heavy { 2.0 * share } else { share }).collect();
    if tasks > 1 { (0..tasks).map(leaning).collect() } else { Vec::new() }
}

/// The best of some candidates by what they did on the **validation** part; the first of equals. `None` where all failed.
///
/// The `usual` one, where there is one among them, is left only for what is better by more than noise: by more than the
/// larger of the standard errors of the two, `error` of their records.
pub(crate) fn best(
    records: &[Record],
    usual: Option<usize>,
    error: impl Fn(&Record) -> Option<f64>,
) -> Option<usize> {
    let scores = records.iter().enumerate().filter_map(|(i, record)| Some((i, record.validation()?)));
    let (best, score) = scores.fold(None, |best: Option<(usize, f64)>, (i, score)| match best {
        Some((_, before)) if before >= score => best,
        _ => Some((i, score)),
    })?;
    let Some((usual, before)) = usual.and_then(|i| Some((i, records[i].validation()?))) else {
        return Some(best);
    };
    let error = |i: usize| error(&records[i]).unwrap_or(0.0);
    Some(if score - before > error(best).max(error(usual)) { best } else { usual })
}

/// The rays of a sweep, each with the sum one: for two tasks spread evenly from one to the other; for more the middle one
/// and, for each task, one that leans to it.
pub(crate) fn rays(tasks: usize, count: usize) -> Vec<Vec<f64>> {
    if count == 0 || tasks < 2 {
        return Vec::new();
    }
    if tasks == 2 {
        let first = |i: usize| (i as f64 + 1.0) / (count as f64 + 1.0);
        return (0..count).map(|i| vec![first(i), 1.0 - first(i)]).collect();
    }
    let leaning = |heavy: usize| {
        let sum = tasks as f64 + 3.0;
        (0..tasks).map(|task| if task == heavy { 4.0 / sum } else { 1.0 / sum }).collect()
    };
    [vec![1.0 / tasks as f64; tasks]].into_iter().chain((0..tasks).map(leaning)).collect()
}

/// The networks of a sweep, family by family, for one seed.
pub(crate) fn sweep(settings: &CompareSettings, rays: &[Vec<f64>]) -> Vec<Cell> {
    if rays.is_empty() {
        return Vec::new();
    }
    let ray = |family: Family| {
        (0..rays.len()).map(move |chosen| {
            let kind = Kind::Preference { family, rays: rays.to_vec(), chosen };
            Cell::new(kind, settings.lr, settings.first_seed())
        })
    };
    settings.families.iter().copied().flat_map(ray).collect()
}

#[cfg(test)]
mod tests {
    use super::{best, rays, weightings};
    use crate::study::{Epoch, Judged, Record};

    fn record(validation: f64, test: f64, failed: bool) -> Record {
        let judged = |metric| vec![Judged { loss: 1.0, metric }];
        Record {
            cell: String::new(),
            tasks: vec![0],
            parameters: 1,
            steps: 1,
            seconds: 0.0,
            epochs: vec![Epoch {
                train_loss: vec![1.0],
                weights: vec![1.0],
                validation: judged(validation),
                layers: Vec::new(),
            }],
            test: judged(test),
            failed: failed.then(|| "why".to_owned()),
        }
    }

    #[test]
    fn the_choice_looks_at_the_validation_part_alone() {
        let records = [record(0.5, 0.9, false), record(0.7, 0.1, false), record(0.7, 1.0, false)];
        let best = |records: &[Record]| best(records, None, |_| Some(9.0));
        assert_eq!(best(&records), Some(1));
        let other = [record(0.5, 0.0, false), record(0.7, 0.0, false), record(0.7, 0.0, false)];
        assert_eq!(best(&other), Some(1));
        assert_eq!(best(&[record(0.9, 0.9, true), record(0.1, 0.1, false)]), Some(1));
        assert_eq!(best(&[record(0.9, 0.9, true)]), None);
    }

    #[test]
    fn the_usual_candidate_stays_unless_another_is_better_by_more_than_noise() {
        let records = [record(0.7, 0.9, false), record(0.71, 0.1, false), record(0.69, 1.0, false)];
        let chosen = |usual, error: f64| best(&records, usual, |_| Some(error));
        assert_eq!(chosen(Some(0), 0.02), Some(0));
        assert_eq!(chosen(Some(2), 0.03), Some(2));
        assert_eq!(chosen(Some(0), 0.005), Some(1));
        assert_eq!(chosen(Some(2), 0.015), Some(1));
        assert_eq!(chosen(Some(1), 0.0), Some(1));
        assert_eq!(chosen(None, 0.5), Some(1));
        // The larger of the two errors counts.
        let error = |large: usize| {
            let large = records[large].clone();
            best(&records, Some(0), move |record| Some(if *record == large { 0.02 } else { 0.0 }))
        };
        assert_eq!([error(0), error(1), error(2)], [Some(0), Some(0), Some(1)]);
        // One that failed is no choice.
        let failed = [record(0.9, 0.9, true), record(0.1, 0.1, false)];
        assert_eq!(best(&failed, Some(0), |_| Some(1.0)), Some(1));
    }

    #[test]
    fn weights_and_rays_keep_their_sums() {
        assert_eq!(weightings(2), [[4.0 / 3.0, 2.0 / 3.0], [2.0 / 3.0, 4.0 / 3.0]]);
        for tasks in 2..6 {
            for weights in weightings(tasks) {
                assert!((weights.iter().sum::<f64>() - tasks as f64).abs() < 1e-12);
            }
            let rays = rays(tasks, 5);
            assert!(rays.iter().all(|ray| (ray.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            assert!((1..rays.len()).all(|i| !rays[..i].contains(&rays[i])));
        }
        assert_eq!(rays(2, 1), [[0.5, 0.5]]);
        assert!(rays(2, 0).is_empty() && weightings(1).is_empty());
    }
}
