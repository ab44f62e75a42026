//! Heat maps as inline SVG: layers by epochs, or tasks by tasks, with the numbers in tooltips.

use std::fmt::Write;

use crate::report::escape;
use crate::report::ticks::Axis;

/// What the colours of a map mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From -1 (conflict) over 0 (no colour) to 1 (agreement).
    Cosine,
    /// From 0 to 1.
    Share,
    /// From the least to the greatest of the map, or of several maps that are to be compared.
    Between(f64, f64),
}

impl Scale {
    /// The class that colours a cell, and how strongly, 0 to 1.
    fn paint(self, value: f64) -> (&'static str, f64) {
        match self {
            Scale::Cosine if value < 0.0 => ("against", (-value).min(1.0)),
            Scale::Cosine => ("along", value.min(1.0)),
            Scale::Share => ("against", value.clamp(0.0, 1.0)),
            Scale::Between(low, high) => {
                let place = if high > low { (value - low) / (high - low) } else { 0.5 };
                ("amount", place.clamp(0.0, 1.0))
            }
        }
    }
}

/// A map: rows with names, columns with names, values or nothing.
#[derive(Debug, Clone)]
pub(super) struct HeatMap<'a> {
    /// What it shows, for readers who cannot see it.
    pub(super) description: &'a str,
    pub(super) rows: Vec<String>,
    /// One name for each column.
    pub(super) columns: Vec<String>,
    /// What the columns are; empty where their names say it.
    pub(super) across: &'a str,
    /// By row and column; `None` has no colour.
    pub(super) values: Vec<Vec<Option<f64>>>,
    pub(super) scale: Scale,
    /// Digits behind the point in tooltips.
    pub(super) digits: usize,
    /// Whether the numbers are written into the cells.
    pub(super) written: bool,
}

const WIDTH: f64 = 300.0;
const ROW: f64 = 26.0;
/// Room for one letter of a row's name.
const LETTER: f64 = 6.6;

impl HeatMap<'_> {
    /// The map as an `<svg>` element.
    pub(super) fn draw(&self) -> String {
        let longest = self.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
        let left = (longest as f64 * LETTER + 10.0).min(0.45 * WIDTH);
        let bottom = ROW * self.rows.len() as f64;
        let height = bottom + if self.across.is_empty() { 22.0 } else { 36.0 };
        let cell = (WIDTH - left) / self.columns.len().max(1) as f64;
        let mut svg = String::new();
        // Writing to a string cannot fail; the results are of no use here and below.
        let _ = writeln!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">",
            escape(self.description)
        );
        for (i, (row, values)) in self.rows.iter().zip(&self.values).enumerate() {
            let top = ROW * i as f64;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}<title>{}</title></text>",
                left - 7.0,
                top + 0.5 * ROW + 4.0,
                escape(&shortened(row, ((left - 10.0) / LETTER + 0.01) as usize)),
                escape(row)
            );
            for (j, value) in values.iter().enumerate() {
                let (x, column) = (left + cell * j as f64, self.columns.get(j).map_or("", String::as_str));
                let Some(value) = value else { continue };
                let (class, strength) = self.scale.paint(*value);
                let digits = self.digits;
                let _ = writeln!(
                    svg,
                    "<rect class=\"cell\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>\
                     <rect class=\"{class}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" opacity=\"{strength:.3}\">\
                     <title>{}, {} {column}: {value:.digits$}</title></rect>",
                    x + 0.5,
                    top + 0.5,
                    cell - 1.0,
                    ROW - 1.0,
                    x + 0.5,
                    top + 0.5,
                    cell - 1.0,
                    ROW - 1.0,
                    escape(row),
                    escape(self.across),
                );
                if self.written {
                    let _ = writeln!(
                        svg,
                        "<text class=\"value\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value:.digits$}</text>",
                        x + 0.5 * cell,
                        top + 0.5 * ROW + 4.0,
                    );
                }
            }
        }
        self.columns(&mut svg, left, bottom, cell);
        svg.push_str("</svg>\n");
        svg
    }

    /// The names of the columns: all, or where they are numbered as many as fit.
    fn columns(&self, svg: &mut String, left: f64, bottom: f64, cell: f64) {
        let numbered = !self.across.is_empty();
        let shown: Vec<usize> = if numbered {
            let ticks = Axis::epochs(1.0, self.columns.len() as f64, 8).ticks;
            ticks.iter().map(|&tick| tick as usize - 1).collect()
        } else {
            (0..self.columns.len()).collect()
        };
        for j in shown {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                left + cell * (j as f64 + 0.5),
                bottom + 16.0,
                escape(self.columns.get(j).map_or("", String::as_str)),
            );
        }
        if numbered {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                left + 0.5 * (WIDTH - left),
                bottom + 32.0,
                escape(self.across)
            );
        }
    }
}

/// The text, cut where it has more characters than fit.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{HeatMap, Scale, shortened};

    #[test]
    fn colours_say_sign_and_size() {
        assert_eq!(Scale::Cosine.paint(-0.25), ("against", 0.25));
        assert_eq!(Scale::Cosine.paint(2.0), ("along", 1.0));
        assert_eq!(Scale::Share.paint(0.5), ("against", 0.5));
        assert_eq!(Scale::Between(1.0, 5.0).paint(2.0), ("amount", 0.25));
        assert_eq!(Scale::Between(3.0, 3.0).paint(3.0), ("amount", 0.5));
        assert_eq!((shortened("dense", 5), shortened("dense1", 5)), ("dense".to_owned(), "dens…".to_owned()));
    }

    #[test]
    fn a_value_that_is_not_known_has_no_cell() {
        let svg = HeatMap {
            description: "a < b",
            rows: vec!["one".to_owned(), "two".to_owned()],
            columns: vec!["1".to_owned(), "2".to_owned()],
            across: "epoch",
            values: vec![vec![Some(0.5), None], vec![Some(-1.0), Some(0.0)]],
            scale: Scale::Cosine,
            digits: 2,
            written: true,
        }
        .draw();
        assert_eq!((svg.matches("class=\"cell\"").count(), svg.matches("class=\"value\"").count()), (3, 3));
        assert!(svg.contains("<title>one, epoch 1: 0.50</title>") && svg.contains("a &lt; b"));
    }
}
