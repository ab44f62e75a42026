//! One line chart as inline SVG; its colours come from the page, so that it follows light and dark.

use std::fmt::Write;

use super::escape;
use super::frame::{Frame, apart};
use super::ticks::Axis;

/// The whole drawing, in its own units; the page scales it.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;

/// The field of the curves within the drawing.
const LEFT: f64 = 58.0;
const RIGHT: f64 = WIDTH - 62.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = HEIGHT - 44.0;

/// The least distance of two labels, so that none prints over another.
const LABEL_HEIGHT: f64 = 15.0;

/// Beyond this number of epochs the dots on a curve would hide it.
const MOST_DOTS: usize = 50;

/// From this number of epochs on the vertical axis fits the last four fifths of them, lest the steep start press the rest flat.
pub(super) const EPOCHS_TO_FIT: usize = 5;

/// How far beyond the field a curve is drawn, so that dots on its edge stay whole.
const MARGIN: f64 = 5.0;

/// One curve.
#[derive(Debug, Clone)]
pub(super) struct Series<'a> {
    /// Its name, for tooltips.
    pub(super) name: &'a str,
    /// Its classes in the style sheet of the page.
    pub(super) class: &'a str,
    /// Whether the last value is written at its end.
    pub(super) labelled: bool,
    /// Epoch and value, by rising epoch; a value that is not finite leaves a gap.
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart of curves over epochs.
#[derive(Debug, Clone)]
pub(super) struct Chart<'a> {
    /// What it shows, for readers who cannot see it.
    pub(super) description: &'a str,
    /// What the vertical axis means, with its unit.
    pub(super) measure: &'a str,
    /// Digits behind the point of a value.
    pub(super) digits: usize,
    /// The curves; later ones lie on top.
    pub(super) series: Vec<Series<'a>>,
}

impl Chart<'_> {
    /// The chart as an `<svg>` element.
    pub(super) fn draw(&self) -> String {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let (first, last) = points().fold((f64::INFINITY, 1.0_f64), |(f, l), (x, _)| (f.min(x), l.max(x)));
        let settled = first + 0.2 * (last - first);
        let fits = self.series.iter().any(|series| series.points.len() >= EPOCHS_TO_FIT);
        let frame = Frame {
            size: [WIDTH, HEIGHT],
            field: [LEFT, TOP, RIGHT, BOTTOM],
            across: Axis::epochs(if first.is_finite() { first } else { 1.0 }, last, 8),
            up: Axis::around(points().filter(|&(x, _)| !fits || x > settled).map(|(_, y)| y), 5),
            is_crossed: false,
        };
        let mut svg = String::new();
        frame.open(&mut svg, self.description, ["epoch", self.measure]);
        frame.open_field(&mut svg, MARGIN);
        for series in &self.series {
            curve(&mut svg, series, self.digits, &frame, "epoch");
        }
        svg.push_str("</svg>\n");
        self.labels(&mut svg, |value| frame.y(value));
        svg.push_str("</svg>\n");
        svg
    }

    /// The last values, beside the ends of their curves, pushed apart where they would overlap.
    fn labels(&self, svg: &mut String, y: impl Fn(f64) -> f64) {
        let mut ends: Vec<(f64, f64, &str)> = self
            .series
            .iter()
            .filter(|series| series.labelled)
            .filter_map(|series| Some((series.points.last()?.1, series.class)))
            .filter(|(value, _)| value.is_finite())
            .map(|(value, class)| (y(value), value, class))
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut heights: Vec<f64> = ends.iter().map(|end| end.0).collect();
        apart(&mut heights, LABEL_HEIGHT, BOTTOM);
        for (height, (_, value, class)) in heights.into_iter().zip(ends) {
            let _ = writeln!(
                svg,
                "<text class=\"end {class}\" x=\"{:.1}\" y=\"{:.1}\">{value:.*}</text>",
                RIGHT + 9.0,
                height + 4.5,
                self.digits,
            );
        }
    }
}

/// The line of one curve, and its dots with their tooltips; `unit` is what is counted from left to right.
pub(super) fn curve(svg: &mut String, series: &Series<'_>, digits: usize, frame: &Frame, unit: &str) {
    let (x, y) = (|value: f64| frame.x(value), |value: f64| frame.y(value));
    let mut path = String::new();
    let mut pen_down = false;
    for &(epoch, value) in &series.points {
        if value.is_finite() {
            let _ = write!(path, "{}{:.1} {:.1}", if pen_down { 'L' } else { 'M' }, x(epoch), y(value));
        }
        pen_down = value.is_finite();
    }
    let _ = writeln!(svg, "<path class=\"curve {}\" d=\"{path}\"/>", series.class);
    if series.points.len() > MOST_DOTS {
        return;
    }
    let inside = |value: f64| (frame.field[1] - 1.0..=frame.field[3] + 1.0).contains(&y(value));
    for &(epoch, value) in series.points.iter().filter(|(_, value)| inside(*value)) {
        let _ = writeln!(
            svg,
            "<circle class=\"dot {}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}, {unit} {epoch:.0}: {value:.digits$}</title></circle>",
            series.class,
            x(epoch),
            y(value),
            escape(series.name),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{BOTTOM, Chart, LABEL_HEIGHT, Series};

    fn chart(curves: &[&[f64]]) -> String {
        let series = |values: &&[f64]| Series {
            name: "test",
            class: "joint",
            labelled: true,
            points: values.iter().enumerate().map(|(k, &v)| (k as f64 + 1.0, v)).collect(),
        };
        let series = curves.iter().map(series).collect();
        Chart { description: "a < b", measure: "loss", digits: 3, series }.draw()
    }

    /// The vertical places of the labels at the ends, in the order written.
    fn label_heights(svg: &str) -> Vec<f64> {
        svg.lines()
            .filter(|line| line.starts_with("<text class=\"end"))
            .map(|line| line.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn labels_of_curves_that_meet_do_not_overlap() {
        let svg = chart(&[&[1.0, 0.0], &[0.9, 0.001], &[0.8, 0.0005]]);
        let heights = label_heights(&svg);
        assert_eq!(heights.len(), 3);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= LABEL_HEIGHT - 0.2), "{heights:?}");
        assert!(heights.iter().all(|&h| h <= BOTTOM + 5.0), "{heights:?}");
    }

    #[test]
    fn values_that_are_no_numbers_leave_a_gap_and_never_reach_the_page() {
        let svg = chart(&[&[1.0, f64::NAN, 0.5, 0.4], &[f64::INFINITY], &[]]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b"));
    }

    #[test]
    fn a_steep_start_is_cut_off_and_the_rest_fills_the_field() {
        let svg = chart(&[&[9.0, 0.5, 0.4, 0.3, 0.2, 0.1]]);
        assert!(!svg.contains("9.000"), "{svg}");
        assert!(svg.contains(">0.4</text>") && !svg.contains(">1.0</text>"), "{svg}");
        // Four epochs are too few to leave one out.
        assert!(chart(&[&[9.0, 0.5, 0.4, 0.3]]).contains("9.000"));
    }

    #[test]
    fn one_epoch_is_drawn_as_a_dot() {
        let svg = chart(&[&[0.25]]);
        assert!(svg.contains("<circle") && svg.contains("epoch 1: 0.250"), "{svg}");
    }
}
