//! Figures that compare a multi-task model with its single-task baselines, and methods with one another.
//!
//! * [`delta_m`], [`mean_rank`]: one number for a model, and for its place among others.
//! * [`Study`]: methods and single-task baselines, trained by the same budget over several seeds.
//! * [`Summary`], [`paired_t`], [`signed_rank`]: what several seeds say, and whether a difference is one.
//! * [`pareto_front`], [`hypervolume`]: what a sweep of preferences has reached.
//! * [`Conflicts`]: cosines, norms and conflicts of task gradients, layer by layer, over training.

mod conflict;
mod delta;
mod hypervolume;
mod pareto;
mod rank;
mod student;
mod study;
mod summary;
mod wilcoxon;

pub use conflict::{Conflicts, Pair, group_gramians, groups_of};
pub use delta::delta_m;
pub use hypervolume::hypervolume;
pub use pareto::{dominates, pareto_front};
pub use rank::mean_rank;
pub use student::{PairedTest, paired_t, student_cdf};
pub use study::{Budget, Comparison, Outcome, Run, Study};
pub use summary::Summary;
pub use tress_nn::train::Better;
pub use wilcoxon::{SignedRank, signed_rank};
