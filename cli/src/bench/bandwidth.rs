//! The plot of passes: bytes a second over the bytes that they lie in, under what memory gives at each footprint; as inline SVG.

use std::fmt::Write;

use tress_benches::limits::Limits;
use tress_benches::memory::Way;

use super::Figure;
use super::axes::{BOTTOM, Decades, Frame, LEFT, RIGHT, TOP};
use super::marks::{self, Taken, points};

/// Bytes in the unit that leaves a whole number.
fn size(bytes: f64) -> String {
    match bytes {
        b if b < 0.999e6 => format!("{:.0} kB", b * 1e-3),
        b if b < 0.999e9 => format!("{:.0} MB", b * 1e-6),
        b => format!("{:.0} GB", b * 1e-9),
    }
}

/// Where it lies and what a second moves, of what counts bytes alone.
fn place(figure: &Figure) -> Option<(f64, f64)> {
    let (None, Some(bytes), Some(footprint)) = (figure.flops, figure.bytes, figure.footprint) else {
        return None;
    };
    Some((footprint, bytes / figure.shortest))
}

/// The plot as an `<svg>` element: a mark for each figure that has bytes and no operations, numbered as in the table; `None` where
/// there is no such figure.
pub(super) fn draw(limits: &Limits, figures: &[Figure]) -> Option<String> {
    let points = points(figures, place);
    if points.is_empty() {
        return None;
    }
    let memory = &limits.memory;
    let across = Decades::around(
        points.iter().map(|point| point.across).chain(memory.points.iter().map(|p| p.footprint)),
    );
    // Above the curves stand the names of places.
    let speeds = memory.points.iter().flat_map(|p| [p.apart, 1.3 * p.in_place]);
    let up = Decades::around(speeds.chain(points.iter().map(|point| point.speed)).map(|speed| speed * 1e-9));
    let frame = Frame { across, up };
    let mut svg = frame.open(
        "Bandwidth: bytes a second over the bytes that a pass lies in",
        ["bytes that are read and written, each counted once", "GB/s"],
        size,
    );
    let mut taken = Taken::default();
    places(&mut svg, limits, &frame, &mut taken);
    curve(&mut svg, limits, &frame, Way::InPlace);
    curve(&mut svg, limits, &frame, Way::Apart);
    marks::draw(&mut svg, &points, &frame, "B/s", taken);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Where each place ends, with its name.
fn places(svg: &mut String, limits: &Limits, frame: &Frame, taken: &mut Taken) {
    let mut from = LEFT;
    for place in &limits.memory.places {
        let to = frame.x(place.bytes.min(frame.across.high())).clamp(LEFT, RIGHT);
        let (middle, letters) = (0.5 * (from + to), place.name.len());
        // A place may be too narrow for its name.
        if to - from > 9.0 * letters as f64 {
            taken.text([middle - 3.5 * letters as f64, TOP + 14.0], letters, 0.0);
            let _ = writeln!(
                svg,
                "<text class=\"roof\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                TOP + 14.0,
                place.name
            );
        }
        if to < RIGHT {
            let _ = writeln!(
                svg,
                "<line class=\"edge\" x1=\"{to:.1}\" x2=\"{to:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>"
            );
        }
        from = to;
    }
}

/// What memory gives at each footprint.
fn curve(svg: &mut String, limits: &Limits, frame: &Frame, way: Way) {
    let (low, high) = (frame.across.low(), frame.across.high());
    let mut before = None;
    let mut places = Vec::new();
    let inner = limits.memory.points.iter().map(|point| point.footprint);
    for footprint in inner.chain([high]).filter(|footprint| (low..=high).contains(footprint)) {
        let (x, y) = (frame.x(footprint), frame.y(limits.memory.speed(footprint, way) * 1e-9));
        // It holds from its footprint on: steps.
        if let Some(before) = before.replace(y) {
            places.push(format!("{x:.1},{before:.1}"));
        } else {
            places.push(format!("{LEFT},{y:.1}"));
        }
        places.push(format!("{x:.1},{y:.1}"));
    }
    let class = if way == Way::Apart { "roof" } else { "roof inplace" };
    let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", places.join(" "));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, machine};
    use super::{draw, size};

    #[test]
    fn each_pass_is_drawn_under_both_curves_and_each_place_has_its_name() {
        let svg = draw(&machine(), &figures()).unwrap();
        assert_eq!(svg.matches("<title>").count(), 1, "only the pass has bytes alone");
        assert!(svg.contains("add: 10.0 GB/s, 10 % of the limit"), "{svg}");
        assert_eq!(svg.matches("<polyline class=\"roof").count(), 2);
        assert!(svg.contains(">L1<") && svg.contains(">DRAM<"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(draw(&machine(), &figures()[..1]).is_none());
    }

    #[test]
    fn sizes_are_spelt_short() {
        assert_eq!([1e4, 1e6, 2e7, 5e9].map(size), ["10 kB", "1 MB", "20 MB", "5 GB"]);
    }
}
