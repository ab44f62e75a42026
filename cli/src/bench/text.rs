//! Figures as lines of a terminal, and as JSON.

use serde_json::json;
use tress_benches::limits::Limits;

use super::Figure;

/// Seconds in the unit that leaves one to three digits before the point.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A rate with its unit: thousands and millions of samples or operations are spelt short.
pub(super) fn rate(figure: &Figure) -> String {
    match figure.rate() {
        (rate, "/s") if rate >= 1e6 => format!("{:.2} M/s", rate * 1e-6),
        (rate, "/s") => format!("{:.2} k/s", rate * 1e-3),
        (rate, unit) => format!("{rate:.1} {unit}"),
    }
}

/// The time of a figure, with a mark where it was disturbed.
pub(super) fn time_marked(figure: &Figure) -> String {
    format!("{}{}", if figure.is_disturbed() { "~" } else { "" }, time(figure.shortest))
}

/// What the marks mean, if there are any.
pub(super) fn disturbed(figures: &[Figure]) -> Option<String> {
    let marked = figures.iter().filter(|figure| figure.is_disturbed()).count();
    let most = figures.iter().map(|figure| figure.waited).fold(0.0, f64::max);
    (marked > 0).then(|| {
        format!(
            "~ marks {marked} of {} times: other programs held the cores for more than {:.0} % of that measurement (at most {:.0} %), \
             so it may be slower than this machine is; measure again when it is quiet.",
            figures.len(),
            100.0 * super::DISTURBED,
            100.0 * most
        )
    })
}

/// What the machine can do, in a few lines.
pub(super) fn limits(limits: &Limits) -> String {
    let threads = if limits.threads == 1 { "one thread" } else { &format!("{} threads", limits.threads) };
    let memory: Vec<String> = limits
        .memory
        .places
        .iter()
        .map(|place| format!("{} {:.0}", place.name, place.speed * 1e-9))
        .collect();
    let mut text = format!(
        "{} on {threads}: multiply-adds of f32 {:.1} Gflop/s, of f64 {:.1}; copied or read, GB/s: {}; fresh pages {:.1} GB/s",
        limits.level.name(),
        limits.peak * 1e-9,
        limits.peak_f64 * 1e-9,
        memory.join(", "),
        limits.fresh * 1e-9,
    );
    if let Some(wake) = limits.wake {
        text.push_str(&format!("; waking a thread {}", time(wake)));
    }
    text
}

/// The head of a group.
pub(super) fn heading(title: &str) -> String {
    format!("\n{title:<46} {:>10} {:>14}   of the limit", "time", "rate")
}

/// One figure.
pub(super) fn line(figure: &Figure) -> String {
    let part = match (figure.fraction(), figure.bound) {
        (Some(part), Some(bound)) => format!("   {:>4.0} % {bound}", 100.0 * part),
        _ => String::new(),
    };
    format!("{:<46} {:>10} {:>14}{part}", figure.short(), time_marked(figure), rate(figure))
}

/// All of it for programs: the limits and the figures, in seconds, bytes and operations.
pub(super) fn json(limits: &Limits, figures: &[Figure]) -> String {
    let memory: Vec<_> = limits
        .memory
        .places
        .iter()
        .map(|place| {
            let bytes = place.bytes.is_finite().then_some(place.bytes);
            json!({ "name": place.name, "bytes": bytes, "bytes_per_second": place.speed })
        })
        .collect();
    let points: Vec<_> = limits
        .memory
        .points
        .iter()
        .map(|point| {
            json!({
                "footprint": point.footprint,
                "bytes_per_second": point.apart,
                "bytes_per_second_in_place": point.in_place,
            })
        })
        .collect();
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "instruction_set": limits.level.name(),
        "threads": limits.threads,
        "flops_per_second": limits.peak,
        "flops_per_second_f64": limits.peak_f64,
        "memory": memory,
        "bandwidth": points,
        "fresh_bytes_per_second": limits.fresh,
        "wake_seconds": limits.wake,
        "figures": figures,
    });
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, machine};

    #[test]
    fn a_line_has_time_rate_and_part_of_the_limit() {
        let lines: Vec<String> = figures().iter().map(super::line).collect();
        assert!(lines[0].contains("20.0 us") && lines[0].contains("50.0 Gflop/s"), "{}", lines[0]);
        assert!(lines[0].ends_with("50 % arithmetic") && lines[1].ends_with("10 % L1"), "{lines:?}");
        assert!(lines[2].contains("64.00 k/s") && lines[3].ends_with("10.00 M/s"), "{lines:?}");
    }

    #[test]
    fn json_holds_every_figure_and_no_infinity() {
        let text = super::json(&machine(), &figures());
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["figures"].as_array().unwrap().len(), 4);
        assert_eq!(read["memory"][1]["bytes"], serde_json::Value::Null);
        assert_eq!(read["figures"][0]["name"], "gemm/a < b");
        assert_eq!(read["figures"][0]["bound"], "arithmetic");
        assert_eq!(read["bandwidth"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_was_disturbed_is_marked_and_one_sentence_says_so() {
        let mut all = figures();
        assert!(super::disturbed(&all).is_none());
        all[1].waited = 0.3;
        assert!(super::line(&all[1]).contains(" ~1.0 us"), "{}", super::line(&all[1]));
        assert!(!super::line(&all[0]).contains('~'));
        let sentence = super::disturbed(&all).unwrap();
        assert!(sentence.contains("1 of 4") && sentence.contains("30 %"), "{sentence}");
    }
}
