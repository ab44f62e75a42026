//! The order of samples in an epoch, and its cut into batches.

use crate::random::Random;
use crate::{Error, mix};
use alloc::vec::Vec;

/// Puts `items` into a random order that follows from the seed alone (Fisher & Yates, in the form of Durstenfeld 1964;
/// numbers from [`Random`]).
pub fn shuffle<I>(items: &mut [I], seed: u64) {
    let mut random = Random::new(seed);
    for last in (1..items.len()).rev() {
        let other = random.below(last as u64 + 1) as usize;
        items.swap(last, other);
    }
}

/// Batches of sample numbers.
///
/// ```
/// use tress_nn::Batches;
/// let batches = Batches::new(10, 4)?.shuffled(7, 0);
/// let sizes: Vec<usize> = batches.iter().map(<[usize]>::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    order: Vec<usize>,
    size: usize,
}

impl Batches {
    /// The samples `0..samples` in their order, `size` a batch; the last batch may be smaller.
    ///
    /// # Errors
    /// A size of 0.
    pub fn new(samples: usize, size: usize) -> Result<Self, Error> {
        if size == 0 {
            return Err(Error::Setting { of: "batches", why: "a batch must have at least one sample" });
        }
        Ok(Self { order: (0..samples).collect(), size })
    }

    /// In the random order of an epoch, which follows from seed and epoch alone.
    pub fn shuffled(mut self, seed: u64, epoch: u64) -> Self {
        self.order.sort_unstable();
        shuffle(&mut self.order, mix(seed, epoch));
        self
    }

    /// Without the last batch if that is smaller than the others.
    pub fn drop_last(mut self) -> Self {
        self.order.truncate(self.order.len() / self.size * self.size);
        self
    }

    /// The batches.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.order.chunks(self.size)
    }

    /// The number of batches.
    pub fn len(&self) -> usize {
        self.order.len().div_ceil(self.size)
    }

    /// Whether there are no batches.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_sample_comes_once() {
        let batches = Batches::new(103, 10).unwrap().shuffled(1, 0);
        assert_eq!(batches.len(), 11);
        let mut all: Vec<usize> = batches.iter().flatten().copied().collect();
        assert_ne!(all, (0..103).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..103).collect::<Vec<_>>());
        assert_eq!(batches.clone().drop_last().len(), 10);
        assert_eq!(Batches::new(0, 3).unwrap().len(), 0);
        assert!(Batches::new(3, 0).is_err());
    }

    #[test]
    fn the_order_follows_from_seed_and_epoch() {
        let order = |seed, epoch| Batches::new(50, 50).unwrap().shuffled(seed, epoch);
        assert_eq!(order(1, 2), order(1, 2));
        assert_eq!(order(1, 5).shuffled(1, 2), order(1, 2), "earlier shuffles leave no trace");
        assert_ne!(order(1, 2), order(1, 3));
        assert_ne!(order(1, 2), order(2, 2));
    }

    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = vec![0u32; 24];
        for seed in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            shuffle(&mut items, seed);
            // The rank of the permutation in lexicographic order.
            let smaller = |i: usize| items[i + 1..].iter().filter(|&&x| x < items[i]).count();
            counts[smaller(0) * 6 + smaller(1) * 2 + smaller(2)] += 1;
        }
        // Chi squared with 23 degrees of freedom: above 49.7 in one of 1000 cases.
        let chi: f64 = counts.iter().map(|&n| (n as f64 - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 49.7, "{chi}: {counts:?}");
    }
}
