//! The final table as plain text.

use super::results::{Results, Trial};
use crate::report::{columns, wrapped};
use crate::study::Metric;

/// Lines of words are broken here; the tables are as wide as their contents need.
const COLUMNS: usize = 80;

/// How many trials are printed; the file of results has all.
const SHOWN: usize = 10;

/// A row of trials: what it was compared by, and how long it ran.
pub(super) fn outcome(trial: &Trial) -> String {
    match (&trial.failed, trial.score()) {
        (Some(_), _) | (None, None) => "failed".to_owned(),
        (None, Some(score)) => format!("{score:.4}"),
    }
}

/// The tables and what they say, with a newline after each line but the last.
pub(super) fn table(results: &Results) -> String {
    let mut lines = vec![["trial", "epochs", "validation", "setting"].map(str::to_owned).to_vec()];
    for trial in results.ranked().into_iter().take(SHOWN) {
        lines.push(vec![
            format!("{:>5}", trial.trial),
            trial.validation.len().to_string(),
            outcome(trial),
            trial.setting.to_string(),
        ]);
    }
    let mut text = columns(&lines);
    if results.trials.len() > SHOWN {
        text.push_str(&format!("and {} more\n", results.trials.len() - SHOWN));
    }
    text.push('\n');
    let head = results.tasks.iter().map(|task| format!("{}, {}", task.name, task.metric.name()));
    let mut lines: Vec<Vec<String>> = vec![["test part".to_owned()].into_iter().chain(head).collect()];
    lines[0].push("parameters".to_owned());
    for row in &results.tested {
        let metric = |(figure, metric): (&crate::study::Figure, Metric)| figure.text(metric);
        let metrics = row.metrics.iter().zip(results.tasks.iter().map(|task| task.metric)).map(metric);
        let mut line: Vec<String> = [row.name.to_owned()].into_iter().chain(metrics).collect();
        line.push(crate::report::thousands(row.parameters));
        lines.push(line);
    }
    text.push_str(&columns(&lines));
    text.push_str(&wrapped(&results.finding(), COLUMNS));
    text
}
