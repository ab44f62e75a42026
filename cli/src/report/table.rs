//! The final table as plain text, for a terminal of 80 columns.

use std::fmt::Write;

use crate::history::{RunResult, TaskMetrics};

/// The table, with a newline after each line.
pub fn table(result: &RunResult) -> String {
    let widest = result.tasks.iter().map(|task| task.chars().count()).max().unwrap_or(0);
    let first = widest.clamp(10, 24);
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
    for (k, task) in result.tasks.iter().enumerate() {
        let single = result.single.get(k).and_then(|history| history.last(task));
        let _ = writeln!(text, "{task:first$}  {}  {}", pair(result.joint.last(task)), pair(single));
    }
    let _ = writeln!(text, "{rule}");
    let (joint, single) = (thousands(result.joint.parameters), thousands(result.single_parameters()));
    let _ = writeln!(text, "{:first$}  {joint:>25}  {single:>25}", "parameters");
    let _ = writeln!(
        text,
        "{:first$}  {:>25.1}  {:>25.1}",
        "seconds",
        result.joint.seconds,
        result.single_seconds()
    );
    let _ =
        writeln!(text, "{:first$}  {:>23} %  {}", "delta-m", signed(result.delta_m), verdict(result.delta_m));
    text
}

fn separate(result: &RunResult) -> String {
    format!("{} single-task networks", result.single.len())
}

fn pair(metrics: Option<&TaskMetrics>) -> String {
    match metrics {
        Some(m) => format!("{:>12.4} {:>10.2} %", m.test_loss, 100.0 * m.test_accuracy),
        None => format!("{:>12} {:>12}", "-", "-"),
    }
}

/// What the sign of delta-m says.
pub(crate) fn verdict(delta_m: f64) -> &'static str {
    match delta_m {
        d if d >= 0.005 => "joint is better on average",
        d if d <= -0.005 => "joint is worse on average",
        d if d.is_nan() => "not measured",
        _ => "no difference",
    }
}

/// A number with its sign and two digits.
pub(crate) fn signed(number: f64) -> String {
    format!("{number:+.2}")
}

/// A count with a comma at each thousand.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{table, thousands};
    use crate::report::tests::made_up;

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1000, 65_010, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "65,010", "1,234,567"]);
    }

    #[test]
    fn the_table_is_aligned_and_fits_80_columns() {
        let text = table(&made_up(15));
        let expected = [
            "                    one joint network     2 single-task networks",
            "task           test loss     accuracy     test loss     accuracy",
            "----------------------------------------------------------------",
            "left              0.2013      94.05 %        0.2150      93.60 %",
            "right             0.2550      92.31 %        0.2718      92.02 %",
            "----------------------------------------------------------------",
            "parameters                     33,060                     64,820",
            "seconds                          20.4                       38.1",
            "delta-m                       +0.40 %  joint is better on average",
            "",
        ]
        .join("\n");
        assert_eq!(text, expected, "\n{text}");
        assert!(text.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn a_run_without_epochs_shows_dashes() {
        let text = table(&made_up(0));
        assert!(text.contains("left                   -            -"), "{text}");
    }
}
