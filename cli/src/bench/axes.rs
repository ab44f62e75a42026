//! Logarithmic axes, and the frame that the two plots of `tress bench` have in common.

use std::fmt::Write;

pub(super) const WIDTH: f64 = 980.0;
pub(super) const HEIGHT: f64 = 520.0;
pub(super) const LEFT: f64 = 70.0;
pub(super) const RIGHT: f64 = WIDTH - 24.0;
pub(super) const TOP: f64 = 18.0;
pub(super) const BOTTOM: f64 = HEIGHT - 52.0;

/// A logarithmic axis whose ends are 1, 2 or 5 times a power of ten.
pub(super) struct Decades {
    pub(super) ticks: Vec<f64>,
}

impl Decades {
    /// Around all values that have a logarithm; with at most two decades every tick is kept, else the powers of ten.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Decades {
        let values = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, 0.0), |(l, h): (f64, f64), x| (l.min(x), h.max(x)));
        let (low, high) = if low <= high { (low, high.max(1.01 * low)) } else { (1.0, 10.0) };
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let all: Vec<f64> =
            decades.flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(power))).collect();
        let first = all.iter().rposition(|&tick| tick <= low * (1.0 + 1e-9)).unwrap_or(0);
        let last = all.iter().position(|&tick| tick >= high * (1.0 - 1e-9)).unwrap_or(all.len() - 1);
        let mut ticks = all[first..=last].to_vec();
        if ticks.len() > 7 {
            let ends = (ticks[0], ticks[ticks.len() - 1]);
            ticks.retain(|&tick| {
                let whole = (tick.log10() - tick.log10().round()).abs() < 1e-9;
                tick == ends.0 || tick == ends.1 || whole
            });
        }
        Decades { ticks }
    }

    pub(super) fn low(&self) -> f64 {
        self.ticks[0]
    }

    pub(super) fn high(&self) -> f64 {
        self.ticks[self.ticks.len() - 1]
    }

    /// 0 at the lower end, 1 at the upper.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value / self.low()).ln() / (self.high() / self.low()).ln()
    }
}

/// Two axes, drawn: what lies across and what goes up.
pub(super) struct Frame {
    pub(super) across: Decades,
    pub(super) up: Decades,
}

impl Frame {
    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + self.across.place(value) * (RIGHT - LEFT)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        BOTTOM - self.up.place(value) * (BOTTOM - TOP)
    }

    /// The beginning of the picture: grid, numbers and what they mean. `spell` writes a number of the axis across.
    pub(super) fn open(&self, about: &str, meanings: [&str; 2], spell: impl Fn(f64) -> String) -> String {
        // Writing to a string cannot fail; the results are of no use here and below.
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{about}\">\n"
        );
        for &tick in &self.up.ticks {
            let height = self.y(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                LEFT - 8.0,
                height + 4.0
            );
        }
        for &tick in &self.across.ticks {
            let along = self.x(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{along:.1}\" x2=\"{along:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"tick\" x=\"{along:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 20.0,
                spell(tick)
            );
        }
        let [across, up] = meanings;
        let _ = writeln!(
            svg,
            "<text class=\"meaning\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>\
             <text class=\"meaning\" transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{up}</text>",
            (LEFT + RIGHT) / 2.0,
            HEIGHT - 10.0,
            (TOP + BOTTOM) / 2.0
        );
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::Decades;

    #[test]
    fn axes_enclose_what_they_show_and_ignore_what_has_no_logarithm() {
        let axis = Decades::around([0.3, 40.0, 0.0, f64::INFINITY, f64::NAN].into_iter());
        assert_eq!((axis.low(), axis.high()), (0.2, 50.0));
        assert!((axis.place(0.2)).abs() < 1e-12 && (axis.place(50.0) - 1.0).abs() < 1e-12);
        assert!(axis.place(1.0) > 0.0 && axis.place(1.0) < 0.5);
        assert_eq!(Decades::around([2.0].into_iter()).ticks, [2.0, 5.0]);
        let nothing = Decades::around(std::iter::empty());
        assert!(nothing.low() < nothing.high());
    }

    #[test]
    fn long_axes_keep_the_powers_of_ten_below_1_as_well() {
        let axis = Decades::around([0.003, 300.0].into_iter());
        let near = |a: &f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        let wanted = [0.002, 0.01, 0.1, 1.0, 10.0, 100.0, 500.0];
        assert!(
            axis.ticks.len() == 7 && axis.ticks.iter().zip(wanted).all(|(a, b)| near(a, b)),
            "{:?}",
            axis.ticks
        );
    }
}
