//! Exact solvers for the small problems over K tasks that balancing poses: no heap, no tolerance to tune.

mod gramian;
mod simplex;

pub use gramian::Gramian;
pub use simplex::{MinNorm, min_norm};

/// The most tasks that the solvers take: their work space is arrays of this length on the stack.
pub const MAX_TASKS: usize = 32;
