//! The final table as plain text.

use std::fmt::Write;

use super::results::Results;
use super::words::{DELTA_M, WHEN, chosen, delta_m, finding, p, verdict};
use crate::report::{columns, wrapped};

/// Lines of words are broken here; the table itself is as wide as its tasks need.
const COLUMNS: usize = 80;

/// The table and what it says, with a newline after each line but the last.
pub(super) fn table(results: &Results) -> String {
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(results.rows.len() + 2);
    let tasks = results.tasks.iter().map(|task| format!("{}, {}", task.name, task.metric.name()));
    let tail = ["delta-m %", "rank", "p", "against equal"].map(str::to_owned);
    lines.push([String::new()].into_iter().chain(tasks).chain(tail).collect());
    let alone = results.tasks.iter().map(|task| task.alone.text(task.metric));
    lines.push(["single tasks".to_owned()].into_iter().chain(alone).chain(vec![String::new(); 4]).collect());
    for row in &results.rows {
        let mut line = vec![row.name.clone()];
        match &row.delta_m {
            Some(delta) => {
                line.extend(row.metrics.iter().zip(&results.tasks).map(|(m, task)| m.text(task.metric)));
                line.push(delta_m(delta));
            }
            None => line.extend(vec!["-".to_owned(); results.tasks.len() + 1]),
        }
        line.push(row.mean_rank.map_or_else(|| "-".to_owned(), |rank| format!("{rank:.1}")));
        line.push(match row.against_equal {
            Some(against) => p(against.p),
            None => String::new(),
        });
        line.push(verdict(row).to_owned());
        lines.push(line);
    }
    let mut text = columns(&lines);
    let _ = writeln!(text, "{}", wrapped(&finding(results), COLUMNS));
    if let Some(chosen) = chosen(results) {
        let _ = writeln!(text, "{}", wrapped(&chosen, COLUMNS));
    }
    let _ = writeln!(text, "{}", wrapped(DELTA_M, COLUMNS));
    let _ = writeln!(text, "{}", wrapped(WHEN, COLUMNS));
    if let Some(sweep) = &results.sweep {
        let each = sweep.families.iter().map(|swept| format!("{} {:.3}", swept.name, swept.hypervolume));
        let words = format!(
            "Hypervolume of the sweep of preferences (seed {}; the share of the box up to twice the single-task errors): {}.",
            sweep.seed,
            each.collect::<Vec<_>>().join(", "),
        );
        let _ = writeln!(text, "{}", wrapped(&words, COLUMNS));
    }
    text.truncate(text.trim_end().len());
    text
}
