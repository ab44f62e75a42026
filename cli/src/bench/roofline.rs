//! The roofline plot: what a second brings over operations a byte, under the roofs of the machine; as inline SVG.

use std::fmt::Write;

use tress_benches::limits::Limits;
use tress_benches::memory::Place;

use super::Figure;
use super::axes::{Decades, Frame, RIGHT};
use super::marks::{self, Taken, points};

/// Operations a byte and operations a second of what has both.
fn place(figure: &Figure) -> Option<(f64, f64)> {
    let (flops, bytes) = (figure.flops?, figure.bytes?);
    Some((flops / bytes, flops / figure.shortest))
}

/// The plot as an `<svg>` element: a mark for each figure that has operations and bytes, numbered as in the table; `None` where no
/// figure has both.
pub(super) fn draw(limits: &Limits, figures: &[Figure]) -> Option<String> {
    let points = points(figures, place);
    if points.is_empty() {
        return None;
    }
    let slowest = limits.memory.places.iter().map(|place| place.speed).fold(f64::INFINITY, f64::min);
    let across =
        Decades::around(points.iter().map(|point| point.across).chain([0.3, 2.0 * limits.peak / slowest]));
    let least = points.iter().map(|point| point.speed).fold(limits.peak / 20.0, f64::min);
    let most = points.iter().map(|point| point.speed).fold(limits.peak, f64::max);
    let up = Decades::around([least * 1e-9, 1.2e-9 * most].into_iter());
    let frame = Frame { across, up };
    let mut svg = frame.open(
        "Roofline: operations a second over operations a byte",
        ["floating-point operations for each byte read or written", "Gflop/s"],
        |tick| tick.to_string(),
    );
    let mut taken = Taken::default();
    roofs(&mut svg, limits, &frame, &mut taken);
    marks::draw(&mut svg, &points, &frame, "flop/s", taken);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Places whose roofs would lie on each other, as one: its names, and the speed of the fastest.
fn merged(places: &[Place]) -> Vec<(String, f64)> {
    let mut merged: Vec<(String, f64)> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some((names, speed)) if place.speed > *speed / 1.15 => {
                let _ = write!(names, ", {}", place.name);
            }
            _ => merged.push((place.name.to_owned(), place.speed)),
        }
    }
    merged
}

/// A slope for each place in memory, and the level roofs of arithmetic.
fn roofs(svg: &mut String, limits: &Limits, frame: &Frame, taken: &mut Taken) {
    let (least, most, floor) = (frame.across.low(), frame.across.high(), frame.up.low() * 1e9);
    let mut ridge = most;
    for (k, (names, speed)) in merged(&limits.memory.places).into_iter().enumerate() {
        let end = (limits.peak / speed).min(most);
        let begin = least.max(floor / speed);
        ridge = ridge.min(end);
        if begin >= end {
            continue;
        }
        let (x1, y1) = (frame.x(begin), frame.y(begin * speed * 1e-9));
        let (x2, y2) = (frame.x(end), frame.y(end * speed * 1e-9));
        let angle = (y2 - y1).atan2(x2 - x1).to_degrees();
        // Slopes may lie close together: each name stands a little further up than the one before.
        let along = 0.04 + 0.06 * k as f64;
        let (x, y) = (x1 + along * (x2 - x1) - 4.0, y1 + along * (y2 - y1) - 4.0);
        let name = format!("{names} {:.0} GB/s", speed * 1e-9);
        taken.text([x, y], name.len(), angle);
        let _ = writeln!(
            svg,
            "<line class=\"roof\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\
             <text class=\"roof\" transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\">{name}</text>"
        );
    }
    for (peak, of, class) in [(limits.peak, "f32", "roof"), (limits.peak_f64, "f64", "roof double")] {
        let (from, height) = (frame.x(ridge * peak / limits.peak).max(frame.x(least)), frame.y(peak * 1e-9));
        let name = format!("multiply-adds of {of}, {}: {:.0} Gflop/s", limits.level.name(), peak * 1e-9);
        taken.text([RIGHT - 4.0 - 6.6 * name.len() as f64, height - 6.0], name.len(), 0.0);
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{from:.1}\" y1=\"{height:.1}\" x2=\"{RIGHT}\" y2=\"{height:.1}\"/>\
             <text class=\"roof\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            RIGHT - 4.0,
            height - 6.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, machine};
    use super::{draw, merged};
    use tress_benches::memory::Place;

    #[test]
    fn each_roof_and_each_figure_with_operations_and_bytes_is_drawn() {
        let svg = draw(&machine(), &figures()).unwrap();
        assert_eq!(svg.matches("<line class=\"roof").count(), 4, "{svg}");
        assert_eq!(svg.matches("<title>").count(), 1, "only the product has both");
        assert!(svg.contains("a &lt; b: 50.0 Gflop/s, 50 % of the limit"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(draw(&machine(), &figures()[1..]).is_none());
    }

    #[test]
    fn roofs_that_would_lie_on_each_other_are_one() {
        let place = |name, speed| Place { name, bytes: 1e6, speed };
        let all = [place("L1", 9e10), place("L2", 3.2e10), place("L3", 3e10), place("DRAM", 1e10)];
        let names: Vec<String> = merged(&all).into_iter().map(|(names, _)| names).collect();
        assert_eq!(names, ["L1", "L2, L3", "DRAM"]);
    }
}
