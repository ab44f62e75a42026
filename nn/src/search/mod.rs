//! Looking for good settings: a declared space, settings drawn from it, and which trials go on.
//!
//! Only the decisions are here; what a trial is, and how it is judged, is the caller's. Judge trials on a **validation**
//! part, and look at the test part once, with the setting that was chosen.
//!
//! * [`Space`] is what may be set, each in a [`Range`]. Trial `i` of a seed is [`draw(seed, i)`](Space::draw): random
//!   search (J. Bergstra & Y. Bengio, "Random search for hyper-parameter optimization", JMLR 2012).
//! * [`Halving`] says how long trials run: all of them a little, the better part longer, few to the end (K. Jamieson &
//!   A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016; the inner loop
//!   of Hyperband, L. Li et al., JMLR 2018, algorithm 1).
//!
//! Every number follows from the seed, the number of the trial and the name of what is set: a search can stop anywhere and
//! go on, and a further name in the space changes nothing of the others.
//!
//! ```
//! use tress_nn::search::{Halving, Space};
//!
//! let space = Space::new().with("rate=0.001..1:log")?.with("batch=16,32,64")?;
//! let halving = Halving::new(9, 9, 1, 3)?; // 9 trials for 1 epoch, 3 for 3, and 1 for all 9
//!
//! // A make-believe training, best at a rate of 0.1, that shows more clearly the longer it runs.
//! let score = |trial: usize, epochs: usize| {
//!     let rate = space.draw(7, trial as u64).number("rate")?;
//!     Some(-(rate.log10() + 1.0).powi(2) - 1.0 / epochs as f64)
//! };
//! let mut running: Vec<usize> = (0..9).collect();
//! for (i, rung) in halving.rungs().iter().enumerate() {
//!     let scores: Vec<_> = running.iter().map(|&trial| score(trial, rung.epochs)).collect();
//!     running = halving.promoted(i, &scores).into_iter().map(|place| running[place]).collect();
//! }
//! let best = space.draw(7, running[0] as u64);
//! assert!((0.03..0.3).contains(&best.number("rate").unwrap()), "{best}");
//! # Ok::<(), tress_nn::Error>(())
//! ```

mod halving;
mod space;

pub use halving::{Halving, Rung};
pub use space::{Choice, Dimension, Range, Setting, Space};
