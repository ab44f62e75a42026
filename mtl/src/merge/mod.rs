//! Several tasks of classes merged into one, and taken apart again.
//!
//! Heads of their own take the answers of K tasks for independent once the features are known. Where they are not (a
//! leaf with a round base seldom has a lobed edge), one class for each *combination* of answers says more, and there may
//! be too many of them. The three ways of the literature on labels in sets, for tasks of any number of classes:
//!
//! | | classes | what it costs |
//! |---|---|---|
//! | [`Powerset`] | one for each combination that occurs often enough | rare ones are unknown to it |
//! | [`RandomSets`] (RAkEL) | the same for small random sets of tasks, which vote | several heads |
//! | [`Chain`] | those of the tasks, each told the answers before it | heads in a row, and an order |
//!
//! ```
//! use tress_mtl::merge::{Powerset, Rare};
//!
//! // Colour and size of six things: one combination of four occurs once, one never.
//! let (colour, size) = ([0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 1, 1]);
//! let merged = Powerset::fit(&[&colour, &size], &[2, 2], 2, Rare::Drop)?;
//! assert_eq!(merged.classes(), 2);
//! assert_eq!(merged.encode(&[1, 1])?, Some(0), "the most frequent one is the first");
//! assert_eq!(merged.encode(&[0, 1])?, None);
//! assert_eq!(merged.decode(1), Some(&[0, 0][..]));
//! # Ok::<(), tress_mtl::Error>(())
//! ```

mod chain;
mod powerset;
mod random_sets;

pub use chain::Chain;
pub use powerset::{Powerset, Rare};
pub use random_sets::RandomSets;
