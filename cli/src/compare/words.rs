//! What a study says, in words that table and page share.

use super::plan::TUNED;
use super::results::{Results, Row, Verdict};
use crate::study::Figure;

/// What delta-m is, and which sign is the good one.
pub(super) const DELTA_M: &str = "delta-m is the mean over the tasks of the relative loss of the metric from the single-task networks \
                                  to the row, in percent: negative is better than single tasks.";

/// When a difference counts.
pub(super) const WHEN: &str = "A row wins or loses only where its mean delta-m differs by more than the larger of the two \
                               deviations over seeds; anything less is no difference. p is that of a paired t test over seeds, \
                               two-sided, without correction for how many rows there are.";

/// Delta-m with its sign and deviation.
pub(super) fn delta_m(figure: &Figure) -> String {
    match figure.deviation {
        Some(deviation) => format!("{:+.2} ± {deviation:.2}", figure.mean),
        None => format!("{:+.2}", figure.mean),
    }
}

/// A p, as far as it is known.
pub(super) fn p(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
        None => "-".to_owned(),
    }
}

/// A verdict against equal weights.
pub(super) fn verdict(row: &Row) -> &'static str {
    match row.against_equal.map(|against| against.verdict) {
        Some(Verdict::Win) => "better",
        Some(Verdict::Loss) => "worse",
        Some(Verdict::Level) => "no difference",
        Some(Verdict::Unknown) => "one seed",
        None if row.failed.is_some() => "failed",
        None => "",
    }
}

/// The finding, with its numbers.
pub(super) fn finding(results: &Results) -> String {
    let seeds = results.settings.seeds.len();
    if seeds == 1 {
        return "One seed has no deviation: nothing can be said about which row is better.".to_owned();
    }
    let others = || results.rows.iter().filter(|row| row.name != "equal" && row.name != TUNED);
    let named = |verdict: Verdict, tuned: bool| -> Vec<&str> {
        let against = |row: &&Row| if tuned { row.against_tuned } else { row.against_equal };
        others()
            .filter(|row| against(row).is_some_and(|against| against.verdict == verdict))
            .map(|row| row.name.as_str())
            .collect()
    };
    let count = others().count();
    let mut text = format!(
        "Over {seeds} seeds, {} of {count} methods {} better than equal weights by more than one deviation, and {} worse.",
        listed(&named(Verdict::Win, false)),
        if named(Verdict::Win, false).len() == 1 { "is" } else { "are" },
        listed(&named(Verdict::Loss, false)),
    );
    if results.row(TUNED).is_some_and(|row| row.failed.is_none()) {
        let wins = named(Verdict::Win, true);
        text.push_str(&format!(
            " Against equal weights tuned on the validation part {} {} better, and {} worse.",
            listed(&wins),
            if wins.len() == 1 { "is" } else { "are" },
            listed(&named(Verdict::Loss, true)),
        ));
    }
    let failed: Vec<&str> =
        results.rows.iter().filter(|row| row.failed.is_some()).map(|row| row.name.as_str()).collect();
    if !failed.is_empty() {
        text.push_str(&format!(" Training failed for {}.", failed.join(", ")));
    }
    text
}

/// What a search chose, in one sentence; `None` where there was none.
pub(super) fn chosen(results: &Results) -> Option<String> {
    let row = results.row(TUNED)?;
    let weights = match &row.weights {
        Some(weights) => {
            let each = results.tasks.iter().zip(weights).map(|(task, w)| format!("{} {w:.2}", task.name));
            format!("weights {}", each.collect::<Vec<_>>().join(", "))
        }
        None => "weights all alike".to_owned(),
    };
    Some(format!(
        "Of {} candidates the search on {} validation samples chose rate {} and {weights} for tuned equal weights.",
        results.search.iter().filter(|tried| tried.row == "equal" || tried.row == TUNED).count(),
        crate::report::thousands(results.samples[1]),
        row.rate,
    ))
}

/// Names with their number, `none` for none.
fn listed(names: &[&str]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        count => format!("{count} ({})", names.join(", ")),
    }
}
