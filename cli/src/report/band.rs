//! Learning curves as inline SVG: means over seeds, with the deviation as a band.

use std::fmt::Write;

use super::escape;
use super::frame::Frame;
use super::ticks::Axis;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = HEIGHT - 34.0;

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Band<'a> {
    /// Its name, for tooltips.
    pub(crate) name: &'a str,
    /// Its class in the style sheet.
    pub(crate) class: &'a str,
    /// For each epoch, counted from 1, the mean and the deviation over seeds.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Mean and deviation for each epoch of values by seed and epoch; epochs that a seed has not reached are left out.
pub(crate) fn over_seeds(curves: &[Vec<f64>]) -> Vec<(f64, f64)> {
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
pub(crate) fn common_axis<'a>(bands: impl Iterator<Item = &'a Band<'a>>) -> Axis {
    let settled = |band: &'a Band<'a>| {
        let from = if band.points.len() >= 5 { band.points.len() / 5 } else { 0 };
        band.points[from..].iter().flat_map(|&(mean, deviation)| [mean - deviation, mean + deviation])
    };
    Axis::around(bands.flat_map(settled), 4)
}

/// A chart of bands over epochs, as an `<svg>` element.
pub(crate) fn chart(description: &str, digits: usize, up: &Axis, bands: &[Band<'_>]) -> String {
    let epochs = bands.iter().map(|band| band.points.len()).max().unwrap_or(0).max(1);
    let frame = Frame {
        size: [WIDTH, HEIGHT],
        field: [LEFT, TOP, RIGHT, BOTTOM],
        across: Axis::epochs(1.0, epochs as f64, 6),
        up: up.clone(),
        is_crossed: false,
    };
    let (x, y) = (|epoch: usize| frame.x(epoch as f64 + 1.0), |value: f64| frame.y(value));
    let mut svg = String::new();
    frame.open(&mut svg, description, ["epoch", ""]);
    frame.open_field(&mut svg, 2.0);
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
        // Writing to a string cannot fail; the results are of no use here and above.
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
