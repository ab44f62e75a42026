//! Training, validation and test rows, of which no row is in two.

use super::{Dataset, listed, shuffle};
use crate::{Error, Labels, mix};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Deref;
use tress_tensor::Float;

/// What is known to be the training part.
///
/// Whatever is learnt from data before training (means, deviations, weights of classes) must be learnt from the training
/// part alone, or the test tells of nothing. So what learns takes a `Train`, and a [`Split`] gives one. Where the parts
/// came as files of their own, [`declared`](Train::declared) says in writing which one is for training.
#[derive(Clone, Debug)]
pub struct Train<D>(D);

impl<D> Train<D> {
    /// This is the training part, and no part of what the model will be judged by: so says the caller.
    pub fn declared(part: D) -> Self {
        Self(part)
    }

    /// The part itself.
    pub fn into_inner(self) -> D {
        self.0
    }
}

impl<D> Deref for Train<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.0
    }
}

/// The parts of a data set, each with all columns.
#[derive(Clone, Debug)]
pub struct Parts<T: Float = f32> {
    /// What is trained on.
    pub train: Train<Dataset<T>>,
    /// What choices are made by.
    pub valid: Dataset<T>,
    /// What is looked at once, at the end.
    pub test: Dataset<T>,
}

/// Which rows are for training, which for validation, and which for the test. Within a part they rise.
///
/// ```
/// use tress_nn::data::Split;
///
/// let split = Split::random(10, [0.6, 0.2, 0.2], 1)?;
/// assert_eq!((split.train().len(), split.valid().len(), split.test().len()), (6, 2, 2));
/// let leak = Split::new(10, &[0, 1, 2], &[3], &[2, 4]).unwrap_err();
/// assert_eq!(leak.to_string(), "row 2 is in the training and in the test part; each row may be in one part only");
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    samples: usize,
    parts: [Vec<usize>; 3],
}

const NAMES: [&str; 3] = ["training", "validation", "test"];

impl Split {
    /// These rows of so many samples. A row may be in no part.
    ///
    /// # Errors
    /// A row that is in two parts, or twice in one, or that there is not; more samples than memory has room to list.
    pub fn new(samples: usize, train: &[usize], valid: &[usize], test: &[usize]) -> Result<Self, Error> {
        Self::checked(samples, [train, valid, test].map(<[usize]>::to_vec))
    }

    fn checked(samples: usize, mut parts: [Vec<usize>; 3]) -> Result<Self, Error> {
        let mut of = listed("split", (0..samples).map(|_| None))?;
        for (part, rows) in parts.iter().enumerate() {
            for &row in rows {
                let slot = of.get_mut(row).ok_or(Error::Row { row, samples })?;
                if let Some(first) = slot.replace(part) {
                    return Err(Error::Leak { row, first: NAMES[first], second: NAMES[part] });
                }
            }
        }
        parts.iter_mut().for_each(|rows| rows.sort_unstable());
        Ok(Self { samples, parts })
    }

    /// Random rows: these shares are for training, validation and test.
    ///
    /// # Errors
    /// Shares that are negative or do not add up to 1, or more samples than memory has room to list.
    pub fn random(samples: usize, shares: [f64; 3], seed: u64) -> Result<Self, Error> {
        let ends = ends(shares)?;
        Self::dealt(samples, strata(alloc::vec![(0, listed("split", 0..samples)?)], seed), ends)
    }

    /// Random rows such that each part has the share of every class that the whole has, but for less than one sample.
    /// Samples whose label is ignored count as one more class.
    ///
    /// # Errors
    /// As [`random`](Split::random).
    pub fn stratified(labels: &Labels, shares: [f64; 3], seed: u64) -> Result<Self, Error> {
        labels.expect_one_each("split")?;
        Self::dealt(labels.len(), strata(by_class(labels), seed), ends(shares)?)
    }

    /// Random groups, each whole in one part: pictures of one patient, sentences of one text. Large groups are placed
    /// first, each in the part that lacks most of its share.
    ///
    /// # Errors
    /// As [`random`](Split::random).
    pub fn grouped<G: Ord>(groups: &[G], shares: [f64; 3], seed: u64) -> Result<Self, Error> {
        let ends = ends(shares)?;
        let samples = groups.len() as f64;
        let wanted = [ends[0], ends[1] - ends[0], 1.0 - ends[1]].map(|share| share * samples);
        let mut parts = [const { Vec::new() }; 3];
        for (part, rows) in placed(groups, &wanted, seed) {
            parts[part].extend(rows);
        }
        Self::checked(groups.len(), parts)
    }

    /// Cuts each stratum, whose rows are in random order, where the shares end. What is rounded is the sum over strata, so
    /// that neither a stratum nor a part is off by a sample.
    fn dealt(samples: usize, strata: Vec<Vec<usize>>, ends: [f64; 2]) -> Result<Self, Error> {
        let mut parts = [const { Vec::new() }; 3];
        let mut before = 0;
        for rows in strata {
            let cut = |end: f64| {
                let upto = |count: usize| libm::round(end * count as f64) as usize;
                (upto(before + rows.len()) - upto(before)).min(rows.len())
            };
            let (first, second) = (cut(ends[0]), cut(ends[1]).max(cut(ends[0])));
            parts[0].extend_from_slice(&rows[..first]);
            parts[1].extend_from_slice(&rows[first..second]);
            parts[2].extend_from_slice(&rows[second..]);
            before += rows.len();
        }
        Self::checked(samples, parts)
    }

    /// `k` splits for cross-validation: each row is for validation once, and for training in the others. There is no test
    /// part; for one, [split](Split::random) first and take the folds of [its training rows](Split::folds_within).
    ///
    /// # Errors
    /// Fewer than two folds, or fewer samples than folds.
    pub fn folds(samples: usize, k: usize, seed: u64) -> Result<Vec<Self>, Error> {
        Self::turns(samples, strata(alloc::vec![(0, listed("folds", 0..samples)?)], seed), k)
    }

    /// As [`folds`](Split::folds), each with the classes in the shares of the whole, but for one sample.
    ///
    /// # Errors
    /// As [`folds`](Split::folds).
    pub fn stratified_folds(labels: &Labels, k: usize, seed: u64) -> Result<Vec<Self>, Error> {
        labels.expect_one_each("folds")?;
        Self::turns(labels.len(), strata(by_class(labels), seed), k)
    }

    /// As [`folds`](Split::folds), each group whole in one fold.
    ///
    /// # Errors
    /// As [`folds`](Split::folds), or fewer groups than folds.
    pub fn grouped_folds<G: Ord>(groups: &[G], k: usize, seed: u64) -> Result<Vec<Self>, Error> {
        enough(k, groups.len())?;
        let mut folds = alloc::vec![Vec::new(); k];
        for (fold, rows) in placed(groups, &alloc::vec![groups.len() as f64 / k as f64; k], seed) {
            folds[fold].extend(rows);
        }
        if folds.iter().any(Vec::is_empty) {
            return Err(Error::Setting {
                of: "folds",
                why: "there must be at least as many groups as folds",
            });
        }
        Self::each_held_out(groups.len(), &folds)
    }

    /// The folds of the rows that are for training here, with this test part, which stays out of all of them. What is for
    /// validation here is in no part.
    ///
    /// # Errors
    /// As [`folds`](Split::folds).
    pub fn folds_within(&self, k: usize, seed: u64) -> Result<Vec<Self>, Error> {
        let mut folds = Self::turns(self.samples, strata(alloc::vec![(0, self.train().to_vec())], seed), k)?;
        folds.iter_mut().for_each(|fold| fold.parts[2] = self.test().to_vec());
        Ok(folds)
    }

    /// Deals the rows of all strata to the folds in turn.
    fn turns(samples: usize, strata: Vec<Vec<usize>>, k: usize) -> Result<Vec<Self>, Error> {
        let rows: Vec<usize> = strata.into_iter().flatten().collect();
        enough(k, rows.len())?;
        let fold = |fold| rows.iter().copied().skip(fold).step_by(k).collect();
        Self::each_held_out(samples, &(0..k).map(fold).collect::<Vec<Vec<usize>>>())
    }

    fn each_held_out(samples: usize, folds: &[Vec<usize>]) -> Result<Vec<Self>, Error> {
        let split = |held: usize| {
            let others = folds.iter().enumerate().filter(|(fold, _)| *fold != held);
            let train = others.flat_map(|(_, rows)| rows).copied().collect();
            Self::checked(samples, [train, folds[held].clone(), Vec::new()])
        };
        (0..folds.len()).map(split).collect()
    }

    /// The rows for training, rising.
    pub fn train(&self) -> &[usize] {
        &self.parts[0]
    }

    /// The rows for validation, rising.
    pub fn valid(&self) -> &[usize] {
        &self.parts[1]
    }

    /// The rows for the test, rising.
    pub fn test(&self) -> &[usize] {
        &self.parts[2]
    }

    /// The number of samples that were split.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The parts of a data set.
    ///
    /// # Errors
    /// It has another number of samples.
    pub fn of<T: Float>(&self, data: &Dataset<T>) -> Result<Parts<T>, Error> {
        self.expect(data)?;
        let [train, valid, test] = [0, 1, 2].map(|part| data.rows(&self.parts[part]));
        Ok(Parts { train: Train(train?), valid: valid?, test: test? })
    }

    /// Rows of different parts that have the same numbers or integers in a column, bit for bit, as `(row, other row)`: a sample that
    /// was stored twice is a leak that no check of row numbers sees.
    ///
    /// # Errors
    /// The data set has another number of samples, or no column of numbers or integers of this name.
    pub fn repeated<T: Float>(&self, data: &Dataset<T>, column: &str) -> Result<Vec<(usize, usize)>, Error> {
        self.expect(data)?;
        let mut of = alloc::vec![None; self.samples];
        for (part, rows) in self.parts.iter().enumerate() {
            rows.iter().for_each(|&row| of[row] = Some(part));
        }
        // Each row is paired with the first one like it, which may be in no part: so rows like it are compared in turn.
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        for (first, again) in data.repeated(column)? {
            match groups.last_mut() {
                Some((other, rows)) if *other == first => rows.push(again),
                _ => groups.push((first, alloc::vec![first, again])),
            }
        }
        let mut pairs = Vec::new();
        for (_, rows) in groups {
            let mut placed = rows.into_iter().filter(|&row| of[row].is_some());
            let Some(first) = placed.next() else { continue };
            pairs.extend(placed.filter(|&row| of[row] != of[first]).map(|row| (first, row)));
        }
        Ok(pairs)
    }

    fn expect<T: Float>(&self, data: &Dataset<T>) -> Result<(), Error> {
        match data.len() == self.samples {
            true => Ok(()),
            false => Err(Error::Column {
                name: String::from("split"),
                why: alloc::format!("{} samples were split, but there are {}", self.samples, data.len()),
            }),
        }
    }
}

fn enough(k: usize, samples: usize) -> Result<(), Error> {
    match k >= 2 && samples >= k {
        true => Ok(()),
        false => {
            Err(Error::Setting { of: "folds", why: "two folds at least, and a sample for each of them" })
        }
    }
}

/// Where the first two of three shares end.
fn ends(shares: [f64; 3]) -> Result<[f64; 2], Error> {
    let [train, valid, test] = shares;
    match shares.iter().all(|&share| share >= 0.0) && (train + valid + test - 1.0).abs() < 1e-9 {
        // The last part is what is left, also where the sum is 1 but for rounding.
        true => Ok([train, if test == 0.0 { 1.0 } else { train + valid }]),
        false => {
            Err(Error::Setting { of: "split", why: "the three shares must be at least 0 and add up to 1" })
        }
    }
}

/// The rows of each class, and of those that are ignored.
fn by_class(labels: &Labels) -> Vec<(u64, Vec<usize>)> {
    let mut strata: Vec<(u64, Vec<usize>)> =
        (0..=labels.classes() as u64).map(|class| (class, Vec::new())).collect();
    for (row, label) in labels.iter().enumerate() {
        strata[label.unwrap_or(labels.classes())].1.push(row);
    }
    strata
}

/// The rows of each stratum in a random order of its own.
fn strata(strata: Vec<(u64, Vec<usize>)>, seed: u64) -> Vec<Vec<usize>> {
    let shuffled = |(stratum, mut rows): (u64, Vec<usize>)| {
        shuffle(&mut rows, mix(seed, stratum));
        rows
    };
    strata.into_iter().map(shuffled).collect()
}

/// The rows of each group, with the place it was given: the one that lacks most of what is wanted there.
fn placed<G: Ord>(groups: &[G], wanted: &[f64], seed: u64) -> Vec<(usize, Vec<usize>)> {
    let mut rows: Vec<usize> = (0..groups.len()).collect();
    rows.sort_by(|&a, &b| groups[a].cmp(&groups[b]).then(a.cmp(&b)));
    let mut members: Vec<Vec<usize>> =
        rows.chunk_by(|&a, &b| groups[a] == groups[b]).map(<[usize]>::to_vec).collect();
    shuffle(&mut members, seed);
    members.sort_by_key(|rows| core::cmp::Reverse(rows.len())); // groups of one size stay in random order
    let mut lacking = wanted.to_vec();
    let place = |rows: Vec<usize>| {
        let most = (0..lacking.len())
            .max_by(|&a, &b| lacking[a].total_cmp(&lacking[b]).then(b.cmp(&a)))
            .unwrap_or(0);
        lacking[most] -= rows.len() as f64;
        (most, rows)
    };
    members.into_iter().map(place).collect()
}
