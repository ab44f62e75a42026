//! Learning curves as inline SVG: means over seeds, with the deviation as a band.

use std::fmt::Write;

use crate::report::escape;
use crate::report::ticks::Axis;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = HEIGHT - 34.0;

/// One curve.
#[derive(Debug, Clone)]
pub(super) struct Band<'a> {
    /// Its name, for tooltips.
    pub(super) name: &'a str,
    /// Its class in the style sheet.
    pub(super) class: &'a str,
    /// For each epoch, counted from 1, the mean and the deviation over seeds.
    pub(super) points: Vec<(f64, f64)>,
}

/// Mean and deviation for each epoch of values by seed and epoch; epochs that a seed has not reached are left out.
pub(super) fn over_seeds(curves: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let epochs = curves.iter().map(Vec::len).min().unwrap_or(0);
    let at = |epoch: usize| {
        let values: Vec<f64> = curves.iter().map(|curve| curve[epoch]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let deviation = if values.len() > 1 { (squares / (values.len() as f64 - 1.0)).sqrt() } else { 0.0 };
        (mean, deviation)
    };
    (0..epochs).map(at).collect()
}

/// What a set of charts that are to be compared shows on its vertical axis: all of the last four fifths of the training.
pub(super) fn common_axis<'a>(bands: impl Iterator<Item = &'a Band<'a>>) -> Axis {
    let settled = |band: &'a Band<'a>| {
        let from = if band.points.len() >= 5 { band.points.len() / 5 } else { 0 };
        band.points[from..].iter().flat_map(|&(mean, deviation)| [mean - deviation, mean + deviation])
    };
    Axis::around(bands.flat_map(settled), 4)
}

/// A chart of bands over epochs, as an `<svg>` element.
pub(super) fn chart(description: &str, digits: usize, up: &Axis, bands: &[Band<'_>]) -> String {
    let epochs = bands.iter().map(|band| band.points.len()).max().unwrap_or(0).max(1);
    let across = Axis::epochs(1.0, epochs as f64, 6);
    let x = |epoch: usize| LEFT + across.place(epoch as f64 + 1.0) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - up.place(value) * (BOTTOM - TOP);
    let mut svg = String::new();
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = writeln!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(description)
    );
    for &tick in &up.ticks {
        let (height, digits) = (y(tick), up.digits);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.digits$}</text>",
            LEFT - 5.0,
            height + 4.0,
        );
    }
    for &tick in &across.ticks {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.0}</text>",
            x(tick as usize - 1),
            BOTTOM + 16.0,
        );
    }
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">epoch</text>",
        0.5 * (LEFT + RIGHT),
        HEIGHT - 4.0
    );
    // An inner drawing cuts off what lies outside of it.
    let (width, height) = (RIGHT - LEFT + 4.0, BOTTOM - TOP + 4.0);
    let (left, top) = (LEFT - 2.0, TOP - 2.0);
    let _ = writeln!(
        svg,
        "<svg x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" viewBox=\"{left} {top} {width} {height}\">"
    );
    for band in bands {
        let edge = |sign: f64| band.points.iter().enumerate().map(move |(i, p)| (i, p.0 + sign * p.1));
        let mut outline = String::new();
        for (i, value) in edge(1.0).chain(edge(-1.0).collect::<Vec<_>>().into_iter().rev()) {
            let _ = write!(outline, "{:.1},{:.1} ", x(i), y(value));
        }
        let mut line = String::new();
        for (i, (mean, _)) in band.points.iter().enumerate() {
            let _ = write!(line, "{:.1},{:.1} ", x(i), y(*mean));
        }
        let last = band.points.last().map_or(String::new(), |(mean, deviation)| {
            format!(": {mean:.digits$} ± {deviation:.digits$} at the end")
        });
        let _ = writeln!(
            svg,
            "<g class=\"{}\"><title>{}{last}</title><polygon class=\"band\" points=\"{outline}\"/>\
             <polyline class=\"curve {}\" points=\"{line}\"/></g>",
            band.class,
            escape(band.name),
            band.class
        );
    }
    svg.push_str("</svg>\n</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::over_seeds;

    #[test]
    fn a_band_is_the_mean_and_the_deviation_of_each_epoch() {
        let band = over_seeds(&[vec![1.0, 4.0, 9.0], vec![3.0, 4.0]]);
        assert_eq!(band, [(2.0, 2f64.sqrt()), (4.0, 0.0)]);
        assert_eq!(over_seeds(&[vec![5.0]]), [(5.0, 0.0)]);
        assert!(over_seeds(&[]).is_empty());
    }
}
