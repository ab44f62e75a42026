//! Errors of two tasks against one another as inline SVG: points of several methods, and the front of each.

use std::fmt::Write;

use super::escape;
use super::frame::{Frame, apart};
use super::ticks::Axis;

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 48.0;

/// A point.
#[derive(Debug, Clone)]
pub(crate) struct Dot {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// What a tooltip says.
    pub(crate) says: String,
    /// Whether it lies on the front of its series.
    pub(crate) on_front: bool,
}

/// The points of one method.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    /// Its class in the style sheet.
    pub(crate) class: String,
    pub(crate) dots: Vec<Dot>,
    /// Whether its front is drawn: the stairs under which nothing of it lies.
    pub(crate) stairs: bool,
    /// Whether what is not on the front is hollow.
    pub(crate) hollow: bool,
}

/// A plot of clouds, smaller being better on both axes; `marks` are points with a name written beside them. What lies
/// beyond `corner` is left out, lest one far point press the others together.
pub(crate) fn plot(
    description: &str,
    names: [&str; 2],
    clouds: &[Cloud],
    marks: &[(f64, f64, String)],
    corner: [f64; 2],
) -> String {
    let inside = |x: f64, y: f64| x <= corner[0] && y <= corner[1];
    let dots = || clouds.iter().flat_map(|cloud| &cloud.dots).filter(|dot| inside(dot.x, dot.y));
    let frame = Frame {
        size: [WIDTH, HEIGHT],
        field: [LEFT, TOP, RIGHT, BOTTOM],
        across: Axis::around(dots().map(|dot| dot.x).chain(marks.iter().map(|mark| mark.0)), 6),
        up: Axis::around(dots().map(|dot| dot.y).chain(marks.iter().map(|mark| mark.1)), 5),
        is_crossed: true,
    };
    let (x, y) = (|value: f64| frame.x(value), |value: f64| frame.y(value));
    let mut svg = String::new();
    frame.open(&mut svg, description, names);
    for cloud in clouds {
        let _ = writeln!(svg, "<g class=\"{}\">", cloud.class);
        if cloud.stairs {
            let mut front: Vec<(f64, f64)> = cloud
                .dots
                .iter()
                .filter(|dot| dot.on_front && inside(dot.x, dot.y))
                .map(|dot| (dot.x, dot.y))
                .collect();
            front.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut path = String::new();
            for (i, &(px, py)) in front.iter().enumerate() {
                let _ = match i {
                    0 => write!(path, "M{:.1} {:.1}", x(px), y(py)),
                    _ => write!(path, "H{:.1}V{:.1}", x(px), y(py)),
                };
            }
            let _ = writeln!(svg, "<path class=\"stairs\" d=\"{path}\"/>");
        }
        for dot in cloud.dots.iter().filter(|dot| inside(dot.x, dot.y)) {
            let class = if dot.on_front || !cloud.hollow { "point" } else { "point beaten" };
            let _ = writeln!(
                svg,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}</title></circle>",
                x(dot.x),
                y(dot.y),
                escape(&dot.says)
            );
        }
        svg.push_str("</g>\n");
    }
    labels(&mut svg, marks.iter().map(|(px, py, name)| (x(*px), y(*py), name.as_str())).collect());
    svg.push_str("</svg>\n");
    svg
}

/// The least distance of two names, so that none prints over another.
const LABEL_HEIGHT: f64 = 14.0;

/// Crosses with their names in a column beside them, pushed apart, each with a line to its cross.
fn labels(svg: &mut String, mut marks: Vec<(f64, f64, &str)>) {
    marks.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut heights: Vec<f64> = marks.iter().map(|mark| mark.1).collect();
    apart(&mut heights, LABEL_HEIGHT, BOTTOM - 4.0);
    let rightmost = marks.iter().map(|mark| mark.0).fold(LEFT, f64::max);
    let longest = marks.iter().map(|mark| mark.2.chars().count()).max().unwrap_or(0) as f64 * 6.8;
    // To the right of all crosses where there is room, or else to their left.
    let to_right = rightmost + 22.0 + longest < WIDTH;
    let leftmost = marks.iter().map(|mark| mark.0).fold(RIGHT, f64::min);
    let (column, anchor, gap) =
        if to_right { (rightmost + 22.0, "start", -4.0) } else { (leftmost - 22.0, "end", 4.0) };
    for (&(px, py, name), height) in marks.iter().zip(heights) {
        let _ = writeln!(
            svg,
            "<line class=\"leader\" x1=\"{px:.1}\" y1=\"{py:.1}\" x2=\"{:.1}\" y2=\"{height:.1}\"/>\
             <path class=\"mark\" d=\"M{px:.1} {py:.1}m-5 0h10m-5 -5v10\"><title>{}</title></path>\
             <text class=\"mark\" x=\"{column:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            column + gap,
            escape(name),
            height + 4.0,
            escape(name)
        );
    }
}
