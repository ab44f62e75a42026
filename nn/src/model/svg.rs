//! The picture as an SVG file.

use super::drawing::{Card, Drawing, Look};
use super::layout::Placed;
use alloc::string::String;
use core::fmt::Write;

/// A character of a font of fixed width at this size takes six tenths of it.
const FONT: f64 = 12.0;
const CHARACTER: f64 = 0.62 * FONT;
const LINE: f64 = 1.35 * FONT;

/// The width and height of a box for its text.
pub(super) fn size(card: &Card) -> [f64; 2] {
    let longest = card.lines.iter().map(|line| line.chars().map(columns).sum::<usize>()).max().unwrap_or(0);
    [longest as f64 * CHARACTER + 20.0, card.lines.len() as f64 * LINE + 12.0]
}

/// How many columns a character takes: two in the scripts of East Asia.
fn columns(c: char) -> usize {
    if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..)
    {
        2
    } else {
        1
    }
}

pub(super) fn write(drawing: &Drawing, placed: &Placed) -> String {
    let [width, height] = placed.size;
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.1} {height:.1}\" font-family=\"monospace\" font-size=\"{FONT}\" text-anchor=\"middle\">"
    );
    svg.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555\"/></marker></defs>\n",
    );
    let _ = writeln!(svg, "<rect width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#fff\"/>");
    for route in &placed.routes {
        let mut path = String::new();
        for (i, [x, y]) in route.iter().enumerate() {
            let before = route.get(i.wrapping_sub(1));
            let _ = match (i, before) {
                (0, _) | (_, None) => write!(path, "M{x:.1} {y:.1}"),
                // A line of no length would turn the tip of the arrow.
                (_, Some([x0, y0])) if (x - x0).abs() + (y - y0).abs() < 0.05 => Ok(()),
                // Down along a rank, and by a curve with upright ends to the next one.
                (i, _) if i % 2 == 1 => write!(path, "L{x:.1} {y:.1}"),
                (_, Some([x0, y0])) => {
                    let middle = (y0 + y) / 2.0;
                    write!(path, "C{x0:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}")
                }
            };
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#555\" stroke-width=\"1.2\" marker-end=\"url(#tip)\"/>"
        );
    }
    for (card, corner) in drawing.boxes.iter().zip(&placed.corners) {
        write_box(&mut svg, card, *corner);
    }
    svg.push_str("</svg>\n");
    svg
}

fn write_box(svg: &mut String, card: &Card, [x, y]: [f64; 2]) {
    let [width, height] = size(card);
    let (fill, stroke, round) = match card.look {
        Look::Input => ("#e8f0fe", "#3b6fb6", height / 2.0),
        Look::Layer => ("#fff", "#333", 4.0),
        Look::Plain => ("#f3f3f3", "#999", 4.0),
        Look::Merge => ("#fdf3e1", "#b7791f", 12.0),
        Look::Output => ("#e7f6ec", "#2f855a", height / 2.0),
    };
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.1}\" \
         fill=\"{fill}\" stroke=\"{stroke}\"/>"
    );
    for (i, line) in card.lines.iter().enumerate() {
        let (x, y) = (x + width / 2.0, y + 6.0 + (i as f64 + 0.78) * LINE);
        let style = if i == 0 { " font-weight=\"bold\"" } else { " fill=\"#444\"" };
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{style}>{}</text>", escaped(line));
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
