//! Samples: kept together, split, put in order, changed.
//!
//! | | |
//! |---|---|
//! | [`Dataset`] | columns of numbers, integers and labels that stay aligned |
//! | [`Split`], [`Parts`] | training, validation and test: random, stratified, by group, in folds; no row in two of them |
//! | [`Train`] | what is known to be the training part: the only thing that statistics are taken from |
//! | [`Batches`] | rows in the order of an epoch, cut; shuffled, stratified, weighted |
//! | [`prefetched`] | batches made by a thread while the one before is trained on |
//! | [`Standard`], [`ClassWeights`], [`one_hot`] | scales, sizes of classes, classes as numbers |
//! | [`Augment`] | pictures cropped, flipped, shifted, cut out, with noise; for each row its own random numbers |
//!
//! Everything random follows from a seed, an epoch and the number of a row, so it is the same for any number of threads,
//! and to resume is to go on at a position.
//!
//! ```
//! use tress_nn::data::{Batches, Dataset, Split, Standard};
//! use tress_nn::Labels;
//! use tress_tensor::Tensor;
//!
//! let x = Tensor::from_fn([100, 3], |i| (i[0] * 3 + i[1]) as f32)?;
//! let labels = Labels::new((0..100).map(|i| i % 2), 2)?;
//! let data = Dataset::new().numbers("x", x)?.labels("y", labels.clone())?;
//!
//! let parts = Split::stratified(&labels, [0.7, 0.1, 0.2], 7)?.of(&data)?;
//! let standard = Standard::fit(&parts.train, "x")?; // of the training part, and of nothing else
//! let (train, test) = (standard.dataset(&parts.train, "x")?, standard.dataset(&parts.test, "x")?);
//! assert_eq!((train.len(), test.len()), (70, 20));
//!
//! for rows in Batches::new(train.len(), 16)?.shuffled(7, 0).iter() {
//!     let batch = train.rows(rows)?; // numbers and labels of the same samples
//!     assert_eq!(batch.tensor("x")?.shape()[0], batch.labels_of("y")?.len());
//! }
//! # Ok::<(), tress_nn::Error>(())
//! ```

mod augment;
mod batches;
mod dataset;
mod prefetch;
mod scale;
mod split;
mod weights;

pub use augment::{Augment, Change};
pub use batches::{Batches, shuffle};
pub use dataset::{Column, Dataset};
pub use prefetch::prefetched;
pub use scale::{Standard, one_hot};
pub use split::{Parts, Split, Train};
pub use weights::ClassWeights;

use crate::Error;
use alloc::vec::Vec;

/// These things as a list, of which there may be more than memory has room for.
fn listed<I>(of: &'static str, things: impl ExactSizeIterator<Item = I>) -> Result<Vec<I>, Error> {
    let mut list = Vec::new();
    if list.try_reserve_exact(things.len()).is_err() {
        return Err(Error::Setting { of, why: "memory has no room for a list of so many rows" });
    }
    list.extend(things);
    Ok(list)
}
