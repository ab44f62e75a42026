//! RAkEL: powersets of small random sets of tasks, which vote.

use alloc::vec::Vec;

use tress_nn::{Random, shuffle};
use tress_tensor::{Float, Tensor};

use super::{Powerset, Rare};
use crate::error::{Error, Result, check_length, check_tasks};

/// Random sets of tasks, each merged into one: G. Tsoumakas, I. Katakis & I. Vlahavas, "Random k-labelsets for
/// multilabel classification", 2011 (RAkEL), for tasks of any number of classes.
///
/// Each set is a task of its own, such as a head on a shared trunk. An answer is the mean of what the sets that hold the
/// task say of it: probabilities, where the paper counts votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomSets {
    sizes: Vec<usize>,
    sets: Vec<Vec<usize>>,
    merged: Vec<Powerset>,
}

impl RandomSets {
    /// Every task in one set of `of` tasks (the last may be smaller): RAkELd, section 3.1 of the paper.
    ///
    /// # Errors
    /// A set of no tasks, and as [`Powerset::fit`].
    pub fn disjoint(
        answers: &[&[u32]],
        sizes: &[usize],
        of: usize,
        least: usize,
        rare: Rare,
        seed: u64,
    ) -> Result<Self> {
        check_tasks(answers.len())?;
        if of == 0 {
            return Err(Error::Setting { what: "a set holds at least one task" });
        }
        let mut order: Vec<usize> = (0..answers.len()).collect();
        shuffle(&mut order, seed);
        Self::of_sets(answers, sizes, order.chunks(of).map(<[usize]>::to_vec).collect(), least, rare)
    }

    /// So many different sets of `of` tasks, which may overlap: RAkELo, section 3.2 of the paper. Sets are drawn until
    /// every task is in one; then the rest are drawn freely.
    ///
    /// # Errors
    /// A set of no tasks or of more than there are, more sets than there are different ones, too few to hold every task,
    /// and as [`Powerset::fit`].
    pub fn overlapping(
        answers: &[&[u32]],
        sizes: &[usize],
        of: usize,
        sets: usize,
        least: usize,
        rare: Rare,
        seed: u64,
    ) -> Result<Self> {
        let tasks = answers.len();
        check_tasks(tasks)?;
        if of == 0 || of > tasks || sets.saturating_mul(of) < tasks || sets > choices(tasks, of) {
            let what = "sets hold every task, each no more than there are, and no two hold the same";
            return Err(Error::Setting { what });
        }
        let mut random = Random::new(seed);
        let mut chosen: Vec<Vec<usize>> = Vec::with_capacity(sets);
        while chosen.len() < sets {
            let missing: Vec<usize> =
                (0..tasks).filter(|task| !chosen.iter().any(|set| set.contains(task))).collect();
            let mut order: Vec<usize> = (0..tasks).collect();
            shuffle(&mut order, random.bits());
            // As many sets as are left must be able to hold what is missing.
            let spare = (sets - chosen.len() - 1) * of;
            if missing.len() > spare {
                order.sort_by_key(|task| !missing.contains(task)); // stable: random among the missing
            }
            let mut set = order[..of].to_vec();
            set.sort_unstable();
            if !chosen.contains(&set) {
                chosen.push(set);
            }
        }
        Self::of_sets(answers, sizes, chosen, least, rare)
    }

    fn of_sets(
        answers: &[&[u32]],
        sizes: &[usize],
        mut sets: Vec<Vec<usize>>,
        least: usize,
        rare: Rare,
    ) -> Result<Self> {
        check_length("sizes of tasks", answers.len(), sizes.len())?;
        let mut merged = Vec::with_capacity(sets.len());
        for set in &mut sets {
            set.sort_unstable();
            let answers: Vec<&[u32]> = set.iter().map(|&task| answers[task]).collect();
            let sizes: Vec<usize> = set.iter().map(|&task| sizes[task]).collect();
            merged.push(Powerset::fit(&answers, &sizes, least, rare)?);
        }
        Ok(Self { sizes: sizes.to_vec(), sets, merged })
    }

    /// The tasks in each set, rising.
    pub fn sets(&self) -> &[Vec<usize>] {
        &self.sets
    }

    /// The merged task of each set.
    pub fn merged(&self) -> &[Powerset] {
        &self.merged
    }

    /// What all sets together say about each task, `[N, sizes[k]]`, from the probabilities `[N, classes]` of each set's
    /// merged classes.
    ///
    /// # Errors
    /// Another number of sets, or another shape.
    pub fn marginals<T: Float>(&self, probabilities: &[Tensor<T>]) -> Result<Vec<Tensor<T>>> {
        check_length("probabilities of sets", self.sets.len(), probabilities.len())?;
        let samples = probabilities.first().and_then(|p| p.shape().first().copied()).unwrap_or(0);
        let mut sums: Vec<Vec<T>> =
            self.sizes.iter().map(|size| alloc::vec![T::ZERO; samples * size]).collect();
        let mut voters = alloc::vec![0usize; self.sizes.len()];
        for ((set, merged), probabilities) in self.sets.iter().zip(&self.merged).zip(probabilities) {
            for (&task, marginal) in set.iter().zip(merged.marginals(probabilities)?) {
                check_length("samples of a set", samples, marginal.shape()[0])?;
                voters[task] += 1;
                for (sum, p) in sums[task].iter_mut().zip(marginal.to_vec()) {
                    *sum = *sum + p;
                }
            }
        }
        let mean = |((sums, &size), voters): ((Vec<T>, &usize), usize)| {
            let share = T::from_f64(1.0 / voters.max(1) as f64);
            let means: Vec<T> = sums.into_iter().map(|sum| sum * share).collect();
            Ok(Tensor::new([samples, size], &means)?)
        };
        sums.into_iter().zip(&self.sizes).zip(voters).map(mean).collect()
    }
}

/// How many different sets of `of` there are among `all`.
fn choices(all: usize, of: usize) -> usize {
    // Each partial product is a number of choices itself, so it divides exactly; 32 over 16 fits.
    (0..of.min(all - of)).fold(1usize, |product, i| product.saturating_mul(all - i) / (i + 1))
}
