//! Curves over steps as a picture of its own, an SVG file that any browser shows.

use std::fmt::Write;

use super::chart::{Series, curve};
use super::escape;
use super::frame::{Frame, apart};
use super::ticks::Axis;

const WIDTH: f64 = 740.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
/// Beyond it stand the names of the curves.
const RIGHT: f64 = WIDTH - 190.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// The least distance of two names, so that none prints over another.
const NAME_HEIGHT: f64 = 16.0;

/// The colours of the curves in their order, on a light ground and on a dark one; beyond the last they begin anew.
const COLOURS: [[&str; 2]; 8] = [
    ["#5c6470", "#9aa4b2"],
    ["#b08900", "#e3c04d"],
    ["#c2500f", "#ffa15c"],
    ["#2458d3", "#7ea6ff"],
    ["#0b8296", "#5fd0e0"],
    ["#7a3fc4", "#c39bff"],
    ["#1a7f4b", "#5fd39a"],
    ["#c02675", "#ff8fc4"],
];

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// The value before the first step, and after each that follows; a value that is not finite leaves a gap. A single value is
    /// that of something that takes no step: a dashed level over all of them.
    pub points: Vec<f64>,
}

/// A picture of curves over steps: `measure` is what their values are, with its unit, and `digits` are those behind the point.
pub fn curves(title: &str, measure: &str, digits: usize, curves: &[Curve]) -> String {
    let last = curves.iter().map(|curve| curve.points.len().saturating_sub(1)).max().unwrap_or(0) as f64;
    let frame = Frame {
        size: [WIDTH, HEIGHT],
        field: [LEFT, TOP, RIGHT, BOTTOM],
        across: Axis::epochs(0.0, last, 10),
        up: Axis::around(curves.iter().flat_map(|curve| curve.points.iter().copied()), 6),
        is_crossed: false,
    };
    // Writing to a string cannot fail; the results are of no use here and below.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\n\
         <title>{0}</title>\n<style>\n{1}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"24\">{0}</text>\n",
        escape(title),
        style(),
    );
    frame.open(&mut svg, title, ["step", measure]);
    frame.open_field(&mut svg, 5.0);
    let mut ends = Vec::new();
    for (place, one) in curves.iter().enumerate() {
        let is_level = one.points.len() == 1;
        let class = format!("c{}{}", place % COLOURS.len(), if is_level { " level" } else { "" });
        let values = one.points.iter().enumerate().map(|(step, &value)| (step as f64, value));
        let points: Vec<(f64, f64)> = values.collect();
        let end = points.iter().rev().find(|(_, value)| value.is_finite()).copied();
        let points = if is_level { vec![points[0], (last, points[0].1)] } else { points };
        if let Some((step, value)) = end {
            ends.push((
                frame.y(value),
                frame.x(if is_level { last } else { step }),
                class.clone(),
                &one.name,
            ));
        }
        let series = Series { name: &one.name, class: &class, labelled: true, points };
        curve(&mut svg, &series, digits, &frame, "step");
    }
    svg.push_str("</svg>\n");
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut heights: Vec<f64> = ends.iter().map(|end| end.0).collect();
    apart(&mut heights, NAME_HEIGHT, BOTTOM);
    for (height, (y, x, class, name)) in heights.into_iter().zip(ends) {
        let _ = writeln!(
            svg,
            "<path class=\"leader {class}\" d=\"M{:.1} {y:.1}L{:.1} {y:.1}L{:.1} {height:.1}\"/>\
             <text class=\"end {class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 4.0,
            RIGHT + 4.0,
            RIGHT + 18.0,
            RIGHT + 22.0,
            height + 4.5,
            escape(name),
        );
    }
    svg.push_str("</svg>\n</svg>\n");
    svg
}

/// The style sheet: a file of its own has no page to take its colours from, and still follows light and dark.
fn style() -> String {
    let colours = |dark: usize| -> String {
        COLOURS.iter().enumerate().map(|(i, pair)| format!(".c{i} {{ color: {}; }}\n", pair[dark])).collect()
    };
    format!(
        "{}{}@media (prefers-color-scheme: dark) {{\n{}{}}}\n",
        include_str!("curves.css"),
        colours(0),
        "svg { --ground: #171b22; --ink: #e8ebf0; --soft: #9aa4b2; --grid: #252b34; }\n",
        colours(1),
    )
}

#[cfg(test)]
mod tests {
    use super::{Curve, curves};

    fn picture(all: &[(&str, &[f64])]) -> String {
        let all: Vec<Curve> = all
            .iter()
            .map(|(name, points)| Curve { name: (*name).to_owned(), points: points.to_vec() })
            .collect();
        curves("a < b", "error", 3, &all)
    }

    /// The places of the numbers in what follows `what`.
    fn numbers(text: &str, what: &str) -> Vec<f64> {
        let text = text.split(what).nth(1).unwrap().split('"').next().unwrap();
        text.split(['M', 'L', ' '])
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().unwrap())
            .collect()
    }

    #[test]
    fn each_curve_has_a_line_a_dot_a_step_and_its_name() {
        let svg = picture(&[("rises", &[0.0, 0.5, 1.0]), ("falls", &[1.0, 0.5, 0.0])]);
        assert_eq!(svg.matches("<circle").count(), 6);
        for said in
            ["rises, step 0: 0.000", "falls, step 2: 0.000", ">rises</text>", ">falls</text>", "a &lt; b"]
        {
            assert!(svg.contains(said), "{said}: {svg}");
        }
        // Steps go from the left to the right, and high values lie above low ones.
        let rises = numbers(&svg, "<path class=\"curve c0\" d=\"");
        assert!(rises[0] < rises[2] && rises[2] < rises[4] && rises[1] > rises[3] && rises[3] > rises[5]);
        let falls = numbers(&svg, "<path class=\"curve c1\" d=\"");
        assert_eq!((falls[1], falls[3], falls[5]), (rises[5], rises[3], rises[1]));
    }

    #[test]
    fn what_takes_no_step_is_a_level_and_what_ends_early_ends_early() {
        let svg = picture(&[("no step", &[0.25]), ("one step", &[1.0, 0.5]), ("all", &[1.0, 0.6, 0.4, 0.3])]);
        let level = numbers(&svg, "<path class=\"curve c0 level\" d=\"");
        let (early, all) = (numbers(&svg, "\"curve c1\" d=\""), numbers(&svg, "\"curve c2\" d=\""));
        assert_eq!((level[0], level[2]), (all[0], all[6]), "from the first step to the last");
        assert_eq!(level[1], level[3]);
        assert_eq!((early.len(), early[2]), (4, all[2]), "its end is step 1");
    }

    #[test]
    fn nothing_but_numbers_reaches_the_picture_and_names_stand_apart() {
        let svg = picture(&[
            ("lost", &[f64::NAN, f64::INFINITY]),
            ("a", &[1.0, 0.5]),
            ("b", &[1.0, 0.5]),
            ("none", &[]),
        ]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let heights: Vec<f64> = svg
            .lines()
            .filter_map(|line| {
                Some(line.split("<text class=\"end").nth(1)?.split("y=\"").nth(1)?.split('"').next()?.parse())
            })
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(heights.len() == 2 && heights[1] - heights[0] >= 15.9, "{heights:?}");
        assert!(picture(&[]).ends_with("</svg>\n</svg>\n"));
    }
}
