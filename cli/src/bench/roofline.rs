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

/// A logarithmic axis between two powers of ten.
struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    fn around(values: impl Iterator<Item = f64>) -> Decades {
        let exponents = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log10);
        let (low, high) =
            exponents.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        match low <= high {
            true => {
                Decades { low: low.floor() as i32, high: (high.ceil() as i32).max(low.floor() as i32 + 1) }
            }
            false => Decades { low: 0, high: 1 },
        }
    }

    /// 0 at the lower end, 1 at the upper.
    fn place(&self, value: f64) -> f64 {
        (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10f64.powi(power))
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
    let least = points.iter().map(|point| point.3).fold(limits.peak / 100.0, f64::min);
    let up = Decades::around([least * 1e-9, limits.peak * 1e-9].into_iter());
    let x = |value: f64| LEFT + across.place(value) * (RIGHT - LEFT);
    let y = |flops: f64| BOTTOM - up.place(flops * 1e-9) * (BOTTOM - TOP);

    // Writing to a string cannot fail; the results are of no use here and below.
    let mut svg = format!(
        "<svg class=\"roofline\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Roofline: operations a second over \
         operations a byte\">\n"
    );
    for tick in up.ticks() {
        let height = y(tick * 1e9);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 8.0,
            height + 4.0
        );
    }
    for tick in across.ticks() {
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
    let (least, most) = (10f64.powi(across.low), 10f64.powi(across.high));
    let floor = 10f64.powi(up.low) * 1e9;
    let mut ridge = most;
    for place in &limits.memory {
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
            x1 + 0.04 * (x2 - x1) + 4.0,
            y1 + 0.04 * (y2 - y1) - 5.0,
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
        assert_eq!((axis.low, axis.high), (-1, 2));
        assert!((axis.place(1.0) - 1.0 / 3.0).abs() < 1e-12);
        let nothing = Decades::around(std::iter::empty());
        assert!(nothing.low < nothing.high);
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
