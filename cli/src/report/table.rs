//! The final table as plain text, for a terminal of 80 columns.

use std::fmt::Write;

use super::words::{DELTA_M, gist, signed, thousands, verdict, wrapped};
use crate::history::{Mean, RunResult, TaskMetrics};

/// The columns of a terminal.
const COLUMNS: usize = 80;

/// The label of the row that divides accuracy by size.
pub(super) const PER_PARAMETERS: &str = "per 10,000 parameters";

/// The table and what it says, with a newline after each line.
pub fn table(result: &RunResult) -> String {
    let widest = result.tasks.iter().map(|task| task.chars().count()).max().unwrap_or(0);
    let first = widest.clamp(PER_PARAMETERS.len(), 24);
    let mut text = String::new();
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = writeln!(text, "{:first$}  {:>25}  {:>25}", "", "one joint network", separate(result));
    let _ = writeln!(
        text,
        "{:first$}  {:>12} {:>12}  {:>12} {:>12}",
        "task", "test loss", "accuracy", "test loss", "accuracy"
    );
    let rule = "-".repeat(first + 2 + 25 + 2 + 25);
    let _ = writeln!(text, "{rule}");
    let pair = |numbers: Option<(f64, f64)>| match numbers {
        Some((loss, accuracy)) => format!("{loss:>12.4} {:>10.2} %", 100.0 * accuracy),
        None => format!("{:>12} {:>12}", "-", "-"),
    };
    let task = |metrics: &TaskMetrics| (metrics.test_loss, metrics.test_accuracy);
    for (k, name) in result.tasks.iter().enumerate() {
        let single = result.single.get(k).and_then(|history| history.last(name));
        let _ = writeln!(
            text,
            "{name:first$}  {}  {}",
            pair(result.joint.last(name).map(task)),
            pair(single.map(task))
        );
    }
    let mean = |mean: Mean| (mean.test_loss, mean.test_accuracy);
    let (joint, single) = (result.joint_mean(), result.single_mean());
    let _ = writeln!(text, "{:first$}  {}  {}", "mean", pair(joint.map(mean)), pair(single.map(mean)));
    let _ = writeln!(text, "{rule}");
    let mut row = |name: &str, joint: String, single: String| {
        let _ = writeln!(text, "{name:first$}  {joint:>25}  {single:>25}");
    };
    row("parameters", thousands(result.joint.parameters), thousands(result.single_parameters()));
    row(PER_PARAMETERS, points(joint, result.joint.parameters), points(single, result.single_parameters()));
    row("seconds", format!("{:.1}", result.joint.seconds), format!("{:.1}", result.single_seconds()));
    row("delta-m", format!("{} %", signed(result.delta_m)), verdict(result.delta_m).to_owned());
    let _ = writeln!(text, "{rule}");
    if let Some(gist) = gist(result) {
        let _ = writeln!(text, "{}", wrapped(&gist, COLUMNS));
    }
    let _ = writeln!(text, "{}", wrapped(DELTA_M, COLUMNS));
    text
}

/// The mean accuracy divided by the size of the model.
pub(super) fn points(mean: Option<Mean>, parameters: usize) -> String {
    mean.map_or_else(|| "-".to_owned(), |mean| format!("{:.1} points", mean.points_per_10_000(parameters)))
}

fn separate(result: &RunResult) -> String {
    format!("{} single-task networks", result.single.len())
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::report::tests::made_up;

    #[test]
    fn the_table_is_aligned_and_fits_80_columns() {
        let text = table(&made_up(15));
        let expected = [
            "                               one joint network     2 single-task networks",
            "task                      test loss     accuracy     test loss     accuracy",
            "---------------------------------------------------------------------------",
            "left                         0.2013      94.05 %        0.2150      93.60 %",
            "right                        0.2550      92.31 %        0.2718      92.02 %",
            "mean                         0.2282      93.18 %        0.2434      92.81 %",
            "---------------------------------------------------------------------------",
            "parameters                                27,450                     48,780",
            "per 10,000 parameters                33.9 points                19.0 points",
            "seconds                                     20.4                       38.1",
            "delta-m                                  -0.40 %  negative: joint is better",
            "---------------------------------------------------------------------------",
            "On average the joint network is 0.37 points above the separate ones, with 56 %",
            "of their parameters and 54 % of their training time.",
            "delta-m is the mean relative loss of accuracy from the separate networks to the",
            "joint one; negative: the joint network is better.",
            "",
        ]
        .join("\n");
        assert_eq!(text, expected, "\n{text}");
        assert!(text.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn a_run_without_epochs_shows_dashes() {
        let text = table(&made_up(0));
        assert!(text.contains("left                              -            -"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("On average"), "{text}");
    }
}
