//! Numbered marks of a plot: each beside its point where others, or labels, are already.

use std::fmt::Write;

use super::Figure;
use super::axes::{BOTTOM, Frame, LEFT, RIGHT, TOP};
use crate::report::escape;

/// What a mark with its edge needs around its middle.
const RADIUS: f64 = 9.0;

/// A figure with the number that the table gives it, and where it belongs.
pub(super) struct Point<'a> {
    number: usize,
    figure: &'a Figure,
    /// On the axis across.
    pub(super) across: f64,
    /// What a second brings.
    pub(super) speed: f64,
}

/// The figures that have a place, which `place` says: across, and what a second brings.
pub(super) fn points(figures: &[Figure], place: impl Fn(&Figure) -> Option<(f64, f64)>) -> Vec<Point<'_>> {
    let numbered = (1..).zip(figures);
    let point =
        |(number, figure)| place(figure).map(|(across, speed)| Point { number, figure, across, speed });
    numbered.filter_map(point).collect()
}

/// What is taken already: circles.
#[derive(Default)]
pub(super) struct Taken(Vec<([f64; 2], f64)>);

impl Taken {
    /// Takes the room of a text of so many letters that begins at a place and is turned by an angle, in degrees.
    pub(super) fn text(&mut self, [x, y]: [f64; 2], letters: usize, degrees: f64) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        // Letters are about 7 wide and 9 high, and stand on their line.
        for k in 0..letters {
            let (along, above) = (7.0 * k as f64 + 3.5, -4.5);
            self.0.push(([x + along * cos - above * sin, y + along * sin + above * cos], 6.0));
        }
    }

    fn is_free(&self, at: [f64; 2]) -> bool {
        let inside = (LEFT + RADIUS..=RIGHT - RADIUS).contains(&at[0])
            && (TOP + RADIUS..=BOTTOM - RADIUS).contains(&at[1]);
        inside
            && self
                .0
                .iter()
                .all(|(other, radius)| (at[0] - other[0]).hypot(at[1] - other[1]) >= RADIUS + radius)
    }

    /// The nearest free place to a point, on circles around it; the point itself where there is none.
    fn nearest(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let around = |step: usize| {
            let (radius, parts) = (5.0 * step as f64, 8 + 4 * step);
            (0..if step == 0 { 1 } else { parts }).map(move |k| {
                let angle = std::f64::consts::TAU * k as f64 / parts as f64;
                [x + radius * angle.cos(), y + radius * angle.sin()]
            })
        };
        (0..40).flat_map(around).find(|&at| self.is_free(at)).unwrap_or([x, y])
    }
}

/// Draws a mark for each point, of which none covers another or what is taken; a mark that had to move aside is tied to its point.
/// The axis that goes up has 10^9 of the `unit`s that a second brings.
pub(super) fn draw(svg: &mut String, points: &[Point<'_>], frame: &Frame, unit: &str, mut taken: Taken) {
    let (mut ties, mut above) = (String::new(), String::new());
    for &Point { number, figure, across, speed } in points {
        let (billions, at) = (speed * 1e-9, [frame.x(across), frame.y(speed * 1e-9)]);
        let ([x, y], [px, py]) = (taken.nearest(at), at);
        taken.0.push(([x, y], RADIUS));
        let group = figure.group();
        let part = figure.fraction().map(|part| format!(", {:.0} % of the limit", 100.0 * part));
        if [x, y] != at {
            let _ = writeln!(
                ties,
                "<g class=\"mark {group}\"><line x1=\"{px:.1}\" y1=\"{py:.1}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>\
                 <circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\"/></g>"
            );
        }
        let _ = writeln!(
            above,
            "<g class=\"mark {group}\"><title>{}: {billions:.1} G{unit}{}</title><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8.5\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
            escape(figure.short()),
            part.unwrap_or_default(),
            y + 3.6,
            number
        );
    }
    // All numbers are above all ties.
    svg.push_str(&ties);
    svg.push_str(&above);
}

#[cfg(test)]
mod tests {
    use super::super::axes::{BOTTOM, Decades, Frame, LEFT, RIGHT, TOP};
    use super::super::tests::figures;
    use super::{RADIUS, Taken, draw, points};

    #[test]
    fn a_mark_lies_where_both_axes_say() {
        let axis = |high: f64| Decades::around([1.0, high].into_iter());
        let (frame, figures, mut svg) =
            (Frame { across: axis(1000.0), up: axis(100.0) }, figures(), String::new());
        // Of two figures the second alone: a third of the way across, and half of the way up.
        let points = points(&figures[..2], |figure| figure.flops.is_none().then_some((10.0, 1e10)));
        draw(&mut svg, &points, &frame, "B/s", Taken::default());
        let (x, y) = (LEFT + (RIGHT - LEFT) / 3.0, 0.5 * (TOP + BOTTOM));
        assert!(svg.contains(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\"")), "{svg}");
        assert!(svg.contains(">2</text>") && svg.contains(": 10.0 GB/s"), "{svg}");
    }

    #[test]
    fn marks_stand_where_their_points_are_or_beside_and_never_on_each_other() {
        let mut taken = Taken::default();
        taken.text([300.0, 200.0], 4, 0.0);
        let mut placed: Vec<[f64; 2]> = Vec::new();
        for _ in 0..30 {
            let at = taken.nearest([400.0, 200.0]);
            taken.0.push((at, RADIUS));
            placed.push(at);
        }
        assert_eq!(placed[0], [400.0, 200.0]);
        for (k, a) in placed.iter().enumerate() {
            for b in &placed[..k] {
                assert!((a[0] - b[0]).hypot(a[1] - b[1]) >= 2.0 * RADIUS, "{a:?} {b:?}");
            }
        }
        // Nor on the text.
        let [x, y] = taken.nearest([310.0, 195.0]);
        assert!((y - 195.5).abs() > RADIUS || !(300.0..328.0).contains(&x), "{x} {y}");
    }
}
