//! The final table as plain text.

use std::fmt::Write;

use super::results::Results;
use super::words::{DELTA_M, WHEN, chosen, delta_m, finding, metric, p, verdict};
use crate::report::wrapped;

/// Lines of words are broken here; the table itself is as wide as its tasks need.
const COLUMNS: usize = 80;

/// The table and what it says, with a newline after each line but the last.
pub(super) fn table(results: &Results) -> String {
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(results.rows.len() + 2);
    let tasks = results.tasks.iter().map(|task| format!("{}, {}", task.name, task.metric.name()));
    let tail = ["delta-m %", "rank", "p", "against equal"].map(str::to_owned);
    lines.push([String::new()].into_iter().chain(tasks).chain(tail).collect());
    let alone = results.tasks.iter().map(|task| metric(&task.alone, task.metric));
    lines.push(["single tasks".to_owned()].into_iter().chain(alone).chain(vec![String::new(); 4]).collect());
    for row in &results.rows {
        let mut line = vec![row.name.clone()];
        match &row.delta_m {
            Some(delta) => {
                line.extend(row.metrics.iter().zip(&results.tasks).map(|(m, task)| metric(m, task.metric)));
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
    let mut text = drawn(&lines);
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

/// Lines with their columns below one another: the first and the last to the left, numbers to the right.
fn drawn(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mut drawn = String::new();
        for (column, (field, &width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(drawn, "{field:width$}"),
                _ if column + 1 == columns => write!(drawn, "  {field}"),
                _ => write!(drawn, "  {field:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", drawn.trim_end());
        if number == 0 || number + 1 == lines.len() {
            let _ = writeln!(text, "{rule}");
        }
    }
    text
}
