//! The frame of a chart as inline SVG: the field of its curves or points, grid, numbers, and what its axes mean.

use std::fmt::Write;

use super::escape;
use super::ticks::Axis;

/// A field within a drawing; the page scales the whole.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Width and height of the drawing.
    pub(crate) size: [f64; 2],
    /// The left, upper, right and lower end of the field.
    pub(crate) field: [f64; 4],
    /// From left to right.
    pub(crate) across: Axis,
    /// From the lower end to the upper.
    pub(crate) up: Axis,
    /// Whether there are lines from the numbers of the lower axis up, or short marks.
    pub(crate) is_crossed: bool,
}

impl Frame {
    /// Where a value of the lower axis lies.
    pub(crate) fn x(&self, value: f64) -> f64 {
        let [left, _, right, _] = self.field;
        left + self.across.place(value) * (right - left)
    }

    /// Where a value of the upright axis lies.
    pub(crate) fn y(&self, value: f64) -> f64 {
        let [_, top, _, bottom] = self.field;
        bottom - self.up.place(value) * (bottom - top)
    }

    /// Opens the drawing, with grid, numbers, and what the lower and the upright axis mean; an empty meaning is left out.
    /// Whoever asks for it closes the `<svg>`.
    pub(crate) fn open(&self, svg: &mut String, description: &str, meanings: [&str; 2]) {
        let ([width, height], [left, top, right, bottom]) = (self.size, self.field);
        // Writing to a string cannot fail; the results are of no use here and below.
        let _ = writeln!(
            svg,
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
            escape(description)
        );
        for &tick in &self.up.ticks {
            let (at, digits) = (self.y(tick), self.up.digits);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.digits$}</text>",
                left - 7.0,
                at + 4.0,
            );
        }
        for &tick in &self.across.ticks {
            let (at, digits) = (self.x(tick), self.across.digits);
            let (class, from, to) =
                if self.is_crossed { ("grid", top, bottom) } else { ("axis", bottom, bottom + 5.0) };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.digits$}</text>",
                bottom + 18.0,
            );
        }
        if !self.is_crossed {
            let _ = writeln!(
                svg,
                "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"
            );
        }
        let (middle, centre) = (0.5 * (left + right), 0.5 * (top + bottom));
        if !meanings[0].is_empty() {
            let _ = writeln!(
                svg,
                "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - 5.0,
                escape(meanings[0])
            );
        }
        if !meanings[1].is_empty() {
            let _ = writeln!(
                svg,
                "<text transform=\"translate(14 {centre:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                escape(meanings[1])
            );
        }
    }

    /// Opens an inner drawing, to be closed as well: it cuts off what lies more than `margin` outside of the field, and needs
    /// no name that another chart on the page could share.
    pub(crate) fn open_field(&self, svg: &mut String, margin: f64) {
        let [left, top, right, bottom] = self.field;
        let [left, top, right, bottom] = [left - margin, top - margin, right + margin, bottom + margin];
        let (width, height) = (right - left, bottom - top);
        let _ = writeln!(
            svg,
            "<svg x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" viewBox=\"{left} {top} {width} {height}\">"
        );
    }
}

/// Pushes the heights of labels, which rise, apart, so that none prints over another: `least` is the distance that they need, and
/// none is left below `floor`.
pub(crate) fn apart(heights: &mut [f64], least: f64, mut floor: f64) {
    for k in 1..heights.len() {
        heights[k] = heights[k].max(heights[k - 1] + least);
    }
    // Pushed down only, the lowest may have left the field: back up from below, as far as is needed.
    for height in heights.iter_mut().rev() {
        *height = height.min(floor);
        floor = *height - least;
    }
}
