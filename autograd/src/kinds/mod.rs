//! The kinds of value: the interpreters that a model can be run by.

mod dual;
mod eager;
mod outline;
mod stacked;

pub use dual::Dual;
pub use eager::Eager;
pub use outline::Outline;
pub use stacked::Stacked;
