//! The roofline plot: what a second brings over operations a byte, under the roofs of the machine; as inline SVG.

use std::fmt::Write;

use tress_benches::limits::Limits;

use super::Figure;
use crate::report::escape;

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = HEIGHT - 52.0;

/// A logarithmic axis whose ends are 1, 2 or 5 times a power of ten.
struct Decades {
    ticks: Vec<f64>,
}

impl Decades {
    /// Around all values that have a logarithm; with at most two decades every tick is kept, else the powers of ten.
    fn around(values: impl Iterator<Item = f64>) -> Decades {
        let values = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, 0.0), |(l, h): (f64, f64), x| (l.min(x), h.max(x)));
        let (low, high) = if low <= high { (low, high.max(1.01 * low)) } else { (1.0, 10.0) };
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let all: Vec<f64> =
            decades.flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(power))).collect();
        let first = all.iter().rposition(|&tick| tick <= low * (1.0 + 1e-9)).unwrap_or(0);
        let last = all.iter().position(|&tick| tick >= high * (1.0 - 1e-9)).unwrap_or(all.len() - 1);
        let mut ticks = all[first..=last].to_vec();
        if ticks.len() > 7 {
            let ends = (ticks[0], ticks[ticks.len() - 1]);
            ticks.retain(|&tick| tick == ends.0 || tick == ends.1 || tick.log10().fract().abs() < 1e-9);
        }
        Decades { ticks }
    }

    fn low(&self) -> f64 {
        self.ticks[0]
    }

    fn high(&self) -> f64 {
        self.ticks[self.ticks.len() - 1]
    }

    /// 0 at the lower end, 1 at the upper.
    fn place(&self, value: f64) -> f64 {
        (value / self.low()).ln() / (self.high() / self.low()).ln()
    }
}

/// Operations a byte and operations a second of what has both.
fn point(figure: &Figure) -> Option<(f64, f64)> {
    let (flops, bytes) = (figure.flops?, figure.bytes?);
    Some((flops / bytes, flops / figure.shortest))
}

/// The plot as an `<svg>` element: a dot for each figure that has operations and bytes, numbered as in the table.
pub(super) fn draw(limits: &Limits, figures: &[Figure]) -> String {
    let points: Vec<(usize, &Figure, f64, f64)> = figures
        .iter()
        .enumerate()
        .filter_map(|(k, figure)| point(figure).map(|(x, y)| (k + 1, figure, x, y)))
        .collect();
    let slowest = limits.memory.iter().map(|place| place.speed).fold(f64::INFINITY, f64::min);
    let across =
        Decades::around(points.iter().map(|point| point.2).chain([0.1, 2.0 * limits.peak / slowest]));
    let least = points.iter().map(|point| point.3).fold(limits.peak / 10.0, f64::min);
    let most = points.iter().map(|point| point.3).fold(limits.peak, f64::max);
    let up = Decades::around([least * 1e-9, 1.2e-9 * most].into_iter());
    let x = |value: f64| LEFT + across.place(value) * (RIGHT - LEFT);
    let y = |flops: f64| BOTTOM - up.place(flops * 1e-9) * (BOTTOM - TOP);

    // Writing to a string cannot fail; the results are of no use here and below.
    let mut svg = format!(
        "<svg class=\"roofline\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Roofline: operations a second over \
         operations a byte\">\n"
    );
    for &tick in &up.ticks {
        let height = y(tick * 1e9);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 8.0,
            height + 4.0
        );
    }
    for &tick in &across.ticks {
        let along = x(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{along:.1}\" x2=\"{along:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"tick\" x=\"{along:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
            BOTTOM + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"meaning\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">floating-point operations for each byte \
         read or written</text><text class=\"meaning\" transform=\"translate(16 {:.1}) rotate(-90)\" \
         text-anchor=\"middle\">Gflop/s</text>",
        (LEFT + RIGHT) / 2.0,
        HEIGHT - 10.0,
        (TOP + BOTTOM) / 2.0
    );
    roofs(&mut svg, limits, [&across, &up], x, y);
    for (number, figure, intensity, flops) in points {
        let part = figure
            .fraction()
            .map_or_else(String::new, |part| format!(", {:.0} % of the limit", 100.0 * part));
        let _ = writeln!(
            svg,
            "<g class=\"mark {}\"><title>{}: {:.1} Gflop/s{part}</title><circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"8.5\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{number}</text></g>",
            figure.group(),
            escape(figure.short()),
            flops * 1e-9,
            x(intensity),
            y(flops),
            x(intensity),
            y(flops) + 3.6,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A slope for each place in memory, and the level roof of arithmetic.
fn roofs(
    svg: &mut String,
    limits: &Limits,
    [across, up]: [&Decades; 2],
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) {
    let (least, most, floor) = (across.low(), across.high(), up.low() * 1e9);
    let mut ridge = most;
    for (k, place) in limits.memory.iter().enumerate() {
        let end = (limits.peak / place.speed).min(most);
        let begin = least.max(floor / place.speed);
        ridge = ridge.min(end);
        if begin >= end {
            continue;
        }
        let (x1, y1, x2, y2) = (x(begin), y(begin * place.speed), x(end), y(end * place.speed));
        let angle = (y2 - y1).atan2(x2 - x1).to_degrees();
        let _ = writeln!(
            svg,
            "<line class=\"roof\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\
             <text class=\"roof\" transform=\"translate({:.1} {:.1}) rotate({angle:.1})\">{} {:.0} GB/s</text>",
            // Slopes may lie close together: each name stands a little further up than the one before.
            x1 + (0.05 + 0.2 * k as f64) * (x2 - x1) - 4.0,
            y1 + (0.05 + 0.2 * k as f64) * (y2 - y1) - 4.0,
            place.name,
            place.speed * 1e-9
        );
    }
    let _ = writeln!(
        svg,
        "<line class=\"roof\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{RIGHT}\" y2=\"{:.1}\"/>\
         <text class=\"roof\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">multiply-adds, {}: {:.0} Gflop/s</text>",
        x(ridge),
        y(limits.peak),
        y(limits.peak),
        RIGHT - 4.0,
        y(limits.peak) - 6.0,
        limits.level.name(),
        limits.peak * 1e-9
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, machine};
    use super::{Decades, draw};

    #[test]
    fn axes_enclose_what_they_show_and_ignore_what_has_no_logarithm() {
        let axis = Decades::around([0.3, 40.0, 0.0, f64::INFINITY, f64::NAN].into_iter());
        assert_eq!((axis.low(), axis.high()), (0.2, 50.0));
        assert!((axis.place(0.2)).abs() < 1e-12 && (axis.place(50.0) - 1.0).abs() < 1e-12);
        assert!(axis.place(1.0) > 0.0 && axis.place(1.0) < 0.5);
        assert_eq!(Decades::around([2.0].into_iter()).ticks, [2.0, 5.0]);
        let nothing = Decades::around(std::iter::empty());
        assert!(nothing.low() < nothing.high());
    }

    #[test]
    fn each_roof_and_each_figure_with_operations_and_bytes_is_drawn() {
        let svg = draw(&machine(), &figures());
        assert_eq!(svg.matches("<line class=\"roof\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 1, "only the product has both");
        assert!(svg.contains("a &lt; b: 50.0 Gflop/s, 50 % of the limit"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
