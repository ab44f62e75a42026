//! How far a figure on the validation part can be off: what a search needs to tell a better setting from luck.

use tress::mtl::network::Targets;

use super::examples::Examples;
use super::record::Record;
use super::subject::{Material, Metric};

impl Material {
    /// The standard error of [`Record::validation`], the mean metric over the tasks of a network; `None` for one that failed.
    /// The errors of the tasks are taken as independent.
    pub(crate) fn validation_error(&self, record: &Record) -> Option<f64> {
        record.validation()?;
        let judged = &record.epochs.last()?.validation;
        let square = |(&task, metric): (&usize, f64)| match self.questions()[task].metric {
            Metric::Accuracy => of_share(metric, self.validation.len()),
            Metric::Area => {
                let [yes, no] = counts(&self.validation, task);
                of_area(metric, yes, no)
            }
        };
        let metrics = judged.iter().map(|judged| judged.metric);
        let sum: f64 = record.tasks.iter().zip(metrics).map(square).sum();
        Some(sum.sqrt() / record.tasks.len() as f64)
    }
}

/// The variance of a share of right answers. Several answers about one sample, which are not independent, count as one.
fn of_share(share: f64, samples: usize) -> f64 {
    share * (1.0 - share) / samples as f64
}

/// The variance of an area under the ROC curve: J. Hanley and B. McNeil, "The meaning and use of the area under a receiver
/// operating characteristic (ROC) curve", Radiology 143 (1982), with exponential scores.
fn of_area(area: f64, yes: usize, no: usize) -> f64 {
    let (yes, no) = (yes as f64, no as f64);
    let two_yes = area / (2.0 - area) - area * area;
    let two_no = 2.0 * area * area / (1.0 + area) - area * area;
    (area * (1.0 - area) + (yes - 1.0) * two_yes + (no - 1.0) * two_no) / (yes * no)
}

/// How often the answer to a question of yes or no is yes, and no.
fn counts(examples: &Examples, task: usize) -> [usize; 2] {
    let yes = match examples {
        Examples::Rows { targets, .. } => match &targets[task] {
            Targets::Numbers(truth) => truth.to_vec().iter().filter(|&&bit| bit > 0.5).count(),
            Targets::Classes(_) => 0,
        },
        Examples::Pictures(_) => 0,
    };
    [yes, examples.len() - yes]
}

#[cfg(test)]
mod tests {
    use super::{counts, of_area, of_share};
    use crate::data::Library;
    use crate::study::{Epoch, Judged, Record, Subject};

    #[test]
    fn errors_are_those_of_the_formulas() {
        assert!((of_share(0.9, 100).sqrt() - 0.03).abs() < 1e-15);
        // A ranking by chance of equally many: (n + n + 1) / (12 n n), the variance of Mann and Whitney.
        assert!((of_area(0.5, 50, 50) - 101.0 / (12.0 * 2500.0)).abs() < 1e-15);
        assert!(of_area(1.0, 50, 50).abs() < 1e-15);
        assert!(of_area(0.9, 10, 990) > of_area(0.9, 500, 500));
    }

    #[test]
    fn the_error_of_a_network_is_that_of_its_tasks() {
        let record = |tasks: Vec<usize>, metric: f64| Record {
            cell: String::new(),
            parameters: 1,
            steps: 1,
            seconds: 0.0,
            epochs: vec![Epoch {
                train_loss: Vec::new(),
                weights: Vec::new(),
                validation: tasks.iter().map(|_| Judged { loss: 1.0, metric }).collect(),
                layers: Vec::new(),
            }],
            test: Vec::new(),
            failed: None,
            tasks,
        };
        let leaves = Subject::Leaves.read(&Library::BuiltIn, None).unwrap();
        let expected = (0.9f64 * 0.1 / 280.0 / 5.0).sqrt();
        let found = leaves.validation_error(&record((0..5).collect(), 0.9)).unwrap();
        assert!((found - expected).abs() < 1e-15);
        let census = Subject::Income.read(&Library::BuiltIn, None).unwrap();
        let [yes, no] = counts(&census.validation, 0);
        assert!(yes + no == 4000 && yes > 100 && yes < 1000, "{yes}");
        let alone = census.validation_error(&record(vec![0], 0.94)).unwrap();
        assert!((alone - of_area(0.94, yes, no).sqrt()).abs() < 1e-15 && alone > 0.003 && alone < 0.02);
        let failed = Record { failed: Some("why".to_owned()), ..record(vec![0], 0.94) };
        assert_eq!(census.validation_error(&failed), None);
    }
}
