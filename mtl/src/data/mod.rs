//! Data as it comes: labels that are missing, tasks with data sets of their own, tasks that begin late and stop early.
//! What has nothing to do with several tasks (splits, scales, weights of classes) is in [`tress_nn::data`].
//!
//! * [`Labelled`]: targets of which some samples have none.
//! * [`TaskSampler`]: which task's data set the next batch is from, by [`Sampling`].
//! * [`Cycle`] and [`TaskLoaders`]: endless batches of one data set, and of one for each task.
//! * [`Agenda`], [`EarlyStopping`], [`Unfreezing`]: when a task, or a part of the network, is trained.
//!
//! Everything random follows from a seed and a position, so that to resume is to set the position.

mod agenda;
mod labelled;
mod loader;
mod sampler;

pub use agenda::{Agenda, Unfreezing};
pub use labelled::Labelled;
pub use loader::{Cycle, TaskLoaders, Turn};
pub use sampler::{Sampling, TaskSampler};
pub use tress_nn::train::{EarlyStopping, Verdict};
