//! The order of samples in an epoch, and its cut into batches.

use super::listed;
use crate::random::Random;
use crate::{Error, Labels, mix};
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

/// Batches of rows: the order of an epoch, cut.
///
/// The order follows from a seed and the number of the epoch alone, so a run that was stopped goes on where it was by
/// skipping the batches that it has had:
///
/// ```
/// use tress_nn::Batches;
/// let batches = Batches::new(10, 4)?.shuffled(7, 0);
/// let sizes: Vec<usize> = batches.iter().map(<[usize]>::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// let resumed = Batches::new(10, 4)?.shuffled(7, 0);
/// assert_eq!(resumed.iter().skip(2).next(), batches.iter().last());
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    order: Vec<usize>,
    size: usize,
    /// Whether a last batch that is smaller than the others is left out.
    whole: bool,
}

impl Batches {
    /// The samples `0..samples` in their order, `size` a batch; the last batch may be smaller.
    ///
    /// # Errors
    /// A size of 0, or more samples than memory has room to list.
    pub fn new(samples: usize, size: usize) -> Result<Self, Error> {
        if size == 0 {
            return Err(Error::Setting { of: "batches", why: "a batch must have at least one sample" });
        }
        Ok(Self { order: listed("batches", 0..samples)?, size, whole: false })
    }

    /// In the random order of an epoch, which follows from seed and epoch alone.
    pub fn shuffled(mut self, seed: u64, epoch: u64) -> Self {
        self.order.sort_unstable();
        shuffle(&mut self.order, mix(seed, epoch));
        self
    }

    /// These rows in their order, `size` a batch.
    ///
    /// # Errors
    /// A size of 0.
    pub fn of(rows: impl IntoIterator<Item = usize>, size: usize) -> Result<Self, Error> {
        Ok(Self { order: rows.into_iter().collect(), ..Self::new(0, size)? })
    }

    /// In a random order in which the classes are spread evenly, so that each batch has the share of each class that the
    /// whole has, but for a sample: the j-th of the n rows of a class, which are in random order, is put at about `j / n`
    /// of the epoch. Rows whose label is ignored are spread like one more class.
    ///
    /// # Errors
    /// A row that has no label, or several labels a row.
    pub fn stratified(mut self, labels: &Labels, seed: u64, epoch: u64) -> Result<Self, Error> {
        labels.expect_one_each("batches")?;
        self.expect(labels.len())?;
        self = self.shuffled(seed, epoch);
        let classes: Vec<Option<usize>> = labels.iter().collect();
        let class = |row: usize| classes[row].unwrap_or(labels.classes());
        let mut counts = alloc::vec![0usize; labels.classes() + 1];
        self.order.iter().for_each(|&row| counts[class(row)] += 1);
        let mut random = Random::new(mix(seed, mix(epoch, 1)));
        let offsets: Vec<f64> = counts.iter().map(|_| random.uniform()).collect();
        let mut met = alloc::vec![0usize; counts.len()];
        let mut keyed = Vec::with_capacity(self.order.len());
        for &row in &self.order {
            let class = class(row);
            keyed.push(((met[class] as f64 + offsets[class]) / counts[class] as f64, class, row));
            met[class] += 1;
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.order = keyed.into_iter().map(|(_, _, row)| row).collect();
        Ok(self)
    }

    /// `draws` rows drawn with replacement, each with a probability in proportion to its weight: `weights` has one for
    /// each row of the data set. Weights of one over the size of its class make classes equally frequent.
    ///
    /// # Errors
    /// A row that has no weight, a weight that is negative or not finite, no weight above 0, or more draws than memory has
    /// room to list.
    pub fn weighted(mut self, weights: &[f64], draws: usize, seed: u64, epoch: u64) -> Result<Self, Error> {
        self.expect(weights.len())?;
        let mut sums = Vec::with_capacity(self.order.len());
        let mut sum = 0.0;
        self.order.sort_unstable();
        for &row in &self.order {
            if !(weights[row] >= 0.0 && weights[row].is_finite()) {
                return Err(Error::Setting { of: "batches", why: "weights must be finite and not negative" });
            }
            sum += weights[row];
            sums.push(sum);
        }
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(Error::Setting {
                of: "batches",
                why: "one weight at least must be above 0, and their sum finite",
            });
        }
        let mut random = Random::new(mix(seed, epoch));
        let draw = |_| {
            let at = random.uniform() * sum;
            // The first row whose sum is beyond: one of weight 0 adds nothing, and is never it. Where rounding takes the
            // product to the end, the last row that weighs anything.
            let place = sums.partition_point(|&sum| sum <= at);
            place.min(sums.partition_point(|&other| other < sum))
        };
        let drawn = listed("batches", (0..draws).map(draw))?;
        self.order = drawn.into_iter().map(|place| self.order[place]).collect();
        Ok(self)
    }

    fn expect(&self, samples: usize) -> Result<(), Error> {
        match self.order.iter().find(|&&row| row >= samples) {
            Some(&row) => Err(Error::Row { row, samples }),
            None => Ok(()),
        }
    }

    /// Without the last batch if that is smaller than the others. Which rows those are is up to the order, so that in a
    /// random one each row has its turn, whether this is asked for before or after the shuffle.
    pub fn drop_last(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The rows that batches have, in their order.
    fn kept(&self) -> &[usize] {
        match self.whole {
            true => &self.order[..self.order.len() / self.size * self.size],
            false => &self.order,
        }
    }

    /// The batches.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.kept().chunks(self.size)
    }

    /// The number of batches.
    pub fn len(&self) -> usize {
        self.kept().len().div_ceil(self.size)
    }

    /// Whether there are no batches.
    pub fn is_empty(&self) -> bool {
        self.kept().is_empty()
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
    fn dropping_the_last_batch_leaves_every_row_its_turn() {
        let mut met = [false; 10];
        for epoch in 0..40 {
            let batches = Batches::new(10, 4).unwrap().drop_last().shuffled(3, epoch);
            assert_eq!(batches, Batches::new(10, 4).unwrap().shuffled(3, epoch).drop_last());
            assert!(batches.len() == 2 && batches.iter().all(|batch| batch.len() == 4));
            batches.iter().flatten().for_each(|&row| met[row] = true);
        }
        assert_eq!(met, [true; 10]);
        assert!(Batches::new(3, 4).unwrap().drop_last().is_empty());
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
    fn stratified_batches_have_the_shares_of_the_whole() {
        let labels =
            Labels::new((0..120).map(|i| u32::from(i % 10 == 0) + u32::from(i % 5 == 1)), 2).unwrap();
        let batches = Batches::new(120, 20).unwrap().stratified(&labels, 3, 1).unwrap();
        let mut all: Vec<usize> = batches.iter().flatten().copied().collect();
        for batch in batches.iter() {
            let ones = batch.iter().filter(|&&row| labels.as_slice()[row] == 1).count();
            assert!((5..=7).contains(&ones), "{ones} where 6 are the share");
        }
        assert_ne!(batches, Batches::new(120, 20).unwrap().stratified(&labels, 3, 2).unwrap());
        all.sort_unstable();
        assert_eq!(all, (0..120).collect::<Vec<_>>());
        let few = Labels::new([0], 1).unwrap();
        assert_eq!(
            Batches::new(2, 1).unwrap().stratified(&few, 0, 0),
            Err(Error::Row { row: 1, samples: 1 })
        );
    }

    #[test]
    fn weighted_draws_come_as_often_as_they_weigh() {
        let weights = [0.0, 3.0, 1.0, 0.0];
        let drawn = Batches::new(4, 100).unwrap().weighted(&weights, 40_000, 5, 0).unwrap();
        let mut counts = [0.0; 4];
        drawn.iter().flatten().for_each(|&row| counts[row] += 1.0);
        assert_eq!((counts[0], counts[3], drawn.len()), (0.0, 0.0, 400));
        // A standard deviation is sqrt(40000 * 3 / 16) = 87.
        assert!((counts[1] - 30_000.0f64).abs() < 350.0, "{counts:?}");
        let part = Batches::of([2, 3], 1).unwrap();
        assert!(part.clone().weighted(&weights, 9, 0, 0).unwrap().iter().flatten().all(|&row| row == 2));
        for wrong in [&[0.0; 4][..], &[1.0, 1.0, -1.0, 1.0], &[1.0, 1.0, f64::NAN, 1.0], &[1.0; 3]] {
            assert!(part.clone().weighted(wrong, 1, 0, 0).is_err(), "{wrong:?}");
        }
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
