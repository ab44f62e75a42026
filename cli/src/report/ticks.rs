//! Round numbers for the axis of a chart.

/// An axis: its ends and the round numbers between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// The lower end.
    pub(crate) low: f64,
    /// The upper end; above `low`.
    pub(crate) high: f64,
    /// Where lines and numbers go, rising.
    pub(crate) ticks: Vec<f64>,
    /// Digits behind the point that tell the ticks apart.
    pub(crate) digits: usize,
}

impl Axis {
    /// An axis around all of `values` with about `wanted` ticks, its ends on ticks. Values that are not finite are passed over.
    pub(crate) fn around(values: impl Iterator<Item = f64>, wanted: usize) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // Equal values still need a height to stand in, and one too small for the numbers' own precision is none.
        let least = f64::max(low.abs().max(high.abs()) * 1e-9, f64::MIN_POSITIVE * 1e9);
        if high - low < least {
            let half = if high == 0.0 { 0.5 } else { 0.05 * high.abs() };
            (low, high) = (low - half, high + half);
        }
        let step = step((high - low) / wanted.max(1) as f64);
        let (first, last) = ((low / step + 1e-6).floor(), (high / step - 1e-6).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as usize).map(|k| (first + k as f64) * step).collect();
        let digits = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        Axis { low: first * step, high: last * step, ticks, digits }
    }

    /// An axis over epochs, from `first` to `last`, with at most about `wanted` ticks on whole numbers.
    pub(crate) fn epochs(first: f64, last: f64, wanted: usize) -> Axis {
        let (low, high) = if last > first { (first, last) } else { (first - 0.5, first + 0.5) };
        let stride = step((last - first) / wanted.max(1) as f64).max(1.0).ceil();
        let mut ticks: Vec<f64> = (1..).map(|k| f64::from(k) * stride).take_while(|&t| t <= last).collect();
        ticks.retain(|&t| t >= first);
        // The first epoch is always named; a tick right beside it would print over it.
        if ticks.first().is_none_or(|&t| t > first) {
            ticks.insert(0, first);
            if ticks.len() > 2 && ticks[1] - first < 0.4 * stride {
                ticks.remove(1);
            }
        }
        Axis { low, high, ticks, digits: 0 }
    }

    /// Where `value` lies between the ends: 0 is the lower, 1 the upper.
    pub(crate) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `rough`.
fn step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|m| m * power)
        .find(|&s| s >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let axis = Axis::around([0.13, 0.87, f64::NAN, f64::INFINITY].into_iter(), 5);
        assert_eq!((axis.low, axis.high, axis.digits), (0.0, 1.0, 1));
        assert_eq!(axis.ticks.len(), 6);
        let axis = Axis::around([93.71, 94.12].into_iter(), 5);
        assert!(axis.low <= 93.71 && axis.high >= 94.12 && axis.digits == 1, "{axis:?}");
    }

    #[test]
    fn one_value_and_none_still_make_an_axis() {
        for values in [vec![], vec![0.0], vec![5.0; 3], vec![-2.0], vec![1e300], vec![f64::NAN]] {
            let axis = Axis::around(values.iter().copied(), 5);
            assert!(
                axis.low < axis.high && axis.ticks.len() >= 2 && axis.ticks.len() < 20,
                "{values:?}: {axis:?}"
            );
            for value in values.into_iter().filter(|v| v.is_finite()) {
                assert!((0.0..=1.0).contains(&axis.place(value)), "{value} in {axis:?}");
            }
        }
    }

    #[test]
    fn epochs_are_whole_numbers_and_the_first_is_named() {
        assert_eq!(Axis::epochs(1.0, 15.0, 8).ticks, [1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]);
        assert_eq!(Axis::epochs(1.0, 5.0, 8).ticks, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(Axis::epochs(1.0, 100.0, 8).ticks, [1.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let single = Axis::epochs(1.0, 1.0, 8);
        assert_eq!((single.ticks.as_slice(), single.place(1.0)), ([1.0].as_slice(), 0.5));
    }
}
