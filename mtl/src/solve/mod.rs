//! Exact solvers for the small problems over K tasks that balancing poses: no heap, no tolerance to tune.
//!
//! | problem | solver | by | used by |
//! |---|---|---|---|
//! | `min |Jᵀ w|²` on the simplex | [`min_norm`] | active set (Wolfe) | MGDA, Pareto MTL |
//! | `min |Jᵀ v|²` over `v >= c` | [`dual_cone`] | active set (Lawson and Hanson) | UPGrad, DualProj |
//! | `G w = w^(-1/a)`, `w > 0` | [`fair_share`] | damped Newton on a convex function | Nash-MTL, FairGrad |
//! | `max min_k g_k · d` in a ball about the mean | [`worst_case`] | min-norm of shifted rows, one root | CAGrad |
//! | `G = V Λ Vᵀ`, and solutions by it | [`Eigen`] | cyclic Jacobi | Aligned-MTL, ConFIG, IMTL-G |
//! | the nearest point of the simplex | [`onto_simplex`] | sorting | MoCo, MoDo, SDMGrad |
//!
//! All work on the Gramian alone, in `f64`, up to [`MAX_TASKS`] tasks. All but the eigenvalues work on **cosines**, so
//! multiplying a row by any factor from 1e-150 to 1e150 changes the answer by that factor and no more than rounding;
//! those of [`Eigen`] are told from rounding by a bound that follows the lengths of the rows.
//!
//! **Policy.** Zero rows take no part, but for [`min_norm`], where they share all of the weight and the point is zero, and
//! [`worst_case`], where one is a row like others, whose product with `d` is always zero. Equal rows are weighed equally
//! where the problem leaves the choice, but for [`dual_cone`], where the first of equal rows takes all that is added, and
//! [`worst_case`] at a stationary point, whose answer is such a projection: the point is unique, the weights are not. Rows
//! that are dependent to the precision of the Gramian are not told apart from dependent ones: since its entries are squares, two
//! rows at an angle below about 1e-7 count as parallel.

mod cholesky;
mod cross;
mod dual_cone;
mod eigen;
mod fair;
mod gramian;
mod simplex;
mod worst_case;

pub use cross::CrossGramian;
pub(crate) use dual_cone::DualCone;
pub use dual_cone::{Projection, dual_cone};
pub use eigen::Eigen;
pub use fair::{FairShare, fair_share};
pub use gramian::Gramian;
pub use simplex::{MinNorm, min_norm, onto_simplex};
pub use worst_case::{WorstCase, worst_case};

/// The most tasks that the solvers take: their work space is arrays of this length on the stack. It is 32, or 4 on a
/// microcontroller, whose whole memory 32 x 32 numbers would fill.
pub const MAX_TASKS: usize =
    if cfg!(all(not(feature = "std"), target_os = "none", target_pointer_width = "32")) { 4 } else { 32 };
