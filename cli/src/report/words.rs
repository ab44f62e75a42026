//! What the numbers of a run say, in words that table and page share.

use crate::history::RunResult;

/// What delta-m is, and which sign is the good one.
pub(super) const DELTA_M: &str = "delta-m is the mean relative loss of accuracy from the separate networks to the joint one; \
                                  negative: the joint network is better.";

/// From this size on, in percent, delta-m has a sign when it is shown with two digits.
const LEAST_SHOWN: f64 = 0.005;

/// Whether the joint network is better (`Some(true)`) or worse by delta-m, as far as two digits show.
pub(super) fn better(delta_m: f64) -> Option<bool> {
    (delta_m.abs() >= LEAST_SHOWN).then_some(delta_m < 0.0)
}

/// What the sign of delta-m says.
pub(super) fn verdict(delta_m: f64) -> &'static str {
    match better(delta_m) {
        Some(true) => "negative: joint is better",
        Some(false) => "positive: joint is worse",
        None if delta_m.is_nan() => "not measured",
        None => "zero: no difference",
    }
}

/// What one network for all tasks costs and brings beside one for each; `None` for a run without epochs.
pub(super) fn gist(result: &RunResult) -> Option<String> {
    let (joint, single) = (result.joint_mean()?, result.single_mean()?);
    // Compared as printed, so that the sentence never disagrees with the table above it.
    let printed = |share: f64| (1e4 * share).round() / 100.0;
    let points = printed(joint.test_accuracy) - printed(single.test_accuracy);
    let place = match points {
        p if p >= LEAST_SHOWN => format!("{p:.2} points above the separate ones"),
        p if p <= -LEAST_SHOWN => format!("{:.2} points below the separate ones", -p),
        _ => "level with the separate ones".to_owned(),
    };
    let share = |part: f64, whole: f64| format!("{:.0} %", 100.0 * part / whole);
    let parameters = share(result.joint.parameters as f64, result.single_parameters() as f64);
    let seconds = share(result.joint.seconds, result.single_seconds());
    Some(format!(
        "On average the joint network is {place}, with {parameters} of their parameters and {seconds} of their \
         training time."
    ))
}

/// By how many percentage points chance alone moves an accuracy (a share) over `pictures` test pictures: one standard error of
/// a binomial share; `None` where there are no pictures.
pub(super) fn standard_error(accuracy: f64, pictures: usize) -> Option<f64> {
    (pictures > 0).then(|| 100.0 * (accuracy * (1.0 - accuracy) / pictures as f64).sqrt())
}

/// A number with its sign and two digits.
pub(super) fn signed(number: f64) -> String {
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

/// `text` broken between words into lines of at most `width` characters (a longer word keeps a line of its own).
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 {
            let fits = column + 1 + length <= width;
            lines.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{gist, standard_error, thousands, verdict, wrapped};
    use crate::report::tests::made_up;

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1000, 65_010, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "65,010", "1,234,567"]);
    }

    #[test]
    fn a_negative_delta_m_is_the_good_one() {
        for (delta_m, expected) in [
            (-0.4, "negative: joint is better"),
            (0.4, "positive: joint is worse"),
            (0.004, "zero: no difference"),
            (-0.004, "zero: no difference"),
            (f64::NAN, "not measured"),
        ] {
            assert_eq!(verdict(delta_m), expected, "{delta_m}");
        }
    }

    #[test]
    fn the_gist_names_points_parameters_and_time_and_turns_with_the_result() {
        let mut result = made_up(15);
        let text = gist(&result).unwrap();
        assert_eq!(
            text,
            "On average the joint network is 0.37 points above the separate ones, with 56 % of their parameters and \
             54 % of their training time."
        );
        for history in &mut result.single {
            for task in &mut history.epochs.last_mut().unwrap().tasks {
                task.test_accuracy += 0.0087;
            }
        }
        assert!(
            gist(&result).unwrap().contains("is 0.50 points below the separate ones"),
            "{:?}",
            gist(&result)
        );
        assert_eq!(gist(&made_up(0)), None);
    }

    #[test]
    fn the_standard_error_is_that_of_a_coin_thrown_many_times() {
        assert_eq!(standard_error(0.5, 2500), Some(1.0));
        assert_eq!(standard_error(0.5, 0), None);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two  three fourteen", 8), "one two\nthree\nfourteen");
        assert_eq!(wrapped("unbreakable a b", 3), "unbreakable\na b");
        assert_eq!(wrapped("", 8), "");
    }
}
