//! A number over seeds, with its deviation.

use serde::{Deserialize, Serialize};
use tress::mtl::measure::Summary;

use super::subject::Metric;
use crate::error::Error;
use crate::train::training;

/// A number over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// In the order of the seeds.
    pub(crate) by_seed: Vec<f64>,
    /// Their mean.
    pub(crate) mean: f64,
    /// Their standard deviation; `None` for one seed.
    pub(crate) deviation: Option<f64>,
}

impl Figure {
    /// Of the numbers of some seeds.
    ///
    /// # Errors
    /// [`Error::Training`] for no number, or one that is not finite.
    pub(crate) fn of(by_seed: Vec<f64>) -> Result<Self, Error> {
        let summary = Summary::of(&by_seed).map_err(training)?;
        let deviation = summary.deviation.is_finite().then_some(summary.deviation);
        Ok(Self { by_seed, mean: summary.mean, deviation })
    }

    /// The mean with its deviation, as its metric is written.
    pub(crate) fn text(&self, metric: Metric) -> String {
        let (scale, digits) = match metric {
            Metric::Accuracy => (100.0, 2),
            Metric::Area => (1.0, 4),
        };
        self.spread(scale, digits)
    }

    /// The mean with its deviation, both times `scale`; what is the same for all seeds has none.
    pub(crate) fn spread(&self, scale: f64, digits: usize) -> String {
        let is_constant = self.by_seed.iter().all(|x| *x == self.by_seed[0]); // its mean is rounded, and seems to deviate
        match self.deviation.filter(|_| !is_constant) {
            Some(deviation) => format!("{:.digits$} ± {:.digits$}", scale * self.mean, scale * deviation),
            None => format!("{:.digits$}", scale * self.mean),
        }
    }
}
