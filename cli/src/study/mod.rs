//! Networks that are trained by one budget, each with a file of its own, so that a study goes on where it stopped: what
//! `tress compare` and `tress tune` have in common.

mod cell;
mod examples;
mod figure;
mod folder;
mod method;
mod noise;
mod record;
mod resume;
mod running;
mod subject;
mod trainer;
mod workers;

pub use cell::Family;
pub use folder::{CELLS, PAGE, STUDY};
pub use running::{Running, RunningArgs};
pub use subject::Subject;

pub(crate) use cell::{Cell, Kind, Recipe};
pub(crate) use figure::Figure;
pub(crate) use folder::StudyFolder;
pub(crate) use method::METHOD_SETTINGS;
#[cfg(test)]
pub(crate) use record::Judged;
pub(crate) use record::Layer;
pub(crate) use record::{Epoch, Record};
#[cfg(test)]
pub(crate) use resume::Halfway;
pub(crate) use subject::{Material, Metric, Question};
pub(crate) use workers::Workers;

/// What every network may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Passes over the training part; at least 1.
    pub(crate) epochs: usize,
    /// Samples in a step, where a network is not told otherwise; at least 1.
    pub(crate) batch: usize,
}
