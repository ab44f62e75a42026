//! Label powerset: one class for each combination of answers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tress_nn::Labels;
use tress_tensor::{Float, Tensor};

use crate::data::Labelled;
use crate::error::{Error, Result, check_length, check_tasks};

/// What becomes of samples with a combination that is too rare for a class of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rare {
    /// They have no label.
    Drop,
    /// They take the class that answers most tasks as they do; of several, the most frequent one.
    Nearest,
}

/// The combinations of answers of K tasks that occur often enough, as classes of one task.
///
/// The label powerset of G. Tsoumakas & I. Katakis, "Multi-label classification: an overview", 2007, for tasks of any
/// number of classes; pruned as J. Read, "A pruned problem transformation method for multi-label classification", 2008.
/// Classes are numbered from the most frequent combination to the rarest, equal ones in the order of their answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Powerset {
    sizes: Vec<usize>,
    combinations: Vec<Vec<u32>>,
    class_of: BTreeMap<Vec<u32>, u32>,
    rare: Rare,
}

impl Powerset {
    /// The combinations in the answers of K tasks (`answers[k][sample]`, below `sizes[k]`) that occur `least` times or
    /// more.
    ///
    /// # Errors
    /// No task or more than 32, lists of different lengths, an answer that is no class of its task, or no combination
    /// that is frequent enough.
    pub fn fit(answers: &[&[u32]], sizes: &[usize], least: usize, rare: Rare) -> Result<Self> {
        check_tasks(answers.len())?;
        check_length("sizes of tasks", answers.len(), sizes.len())?;
        let mut counts: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for row in combinations(answers, sizes)? {
            *counts.entry(row).or_insert(0) += 1;
        }
        let mut frequent: Vec<(Vec<u32>, usize)> =
            counts.into_iter().filter(|(_, count)| *count >= least.max(1)).collect();
        if frequent.is_empty() {
            return Err(Error::Setting { what: "at least one combination of answers is frequent enough" });
        }
        frequent.sort_by(|(_, a), (_, b)| b.cmp(a)); // stable: equal ones stay in the order of the map
        let combinations: Vec<Vec<u32>> = frequent.into_iter().map(|(row, _)| row).collect();
        let class_of = combinations.iter().cloned().zip(0..).collect();
        Ok(Self { sizes: sizes.to_vec(), combinations, class_of, rare })
    }

    /// The number of merged classes.
    pub fn classes(&self) -> usize {
        self.combinations.len()
    }

    /// The number of tasks, K.
    pub fn tasks(&self) -> usize {
        self.sizes.len()
    }

    /// The class of a combination; `None` if it is rare and rare ones are dropped.
    ///
    /// # Errors
    /// Another number of answers than of tasks, or an answer that is no class of its task.
    pub fn encode(&self, answers: &[u32]) -> Result<Option<u32>> {
        check_length("answers of a sample", self.sizes.len(), answers.len())?;
        check_answers(answers, &self.sizes)?;
        let nearest = || {
            let same = |row: &[u32]| row.iter().zip(answers).filter(|(a, b)| a == b).count();
            let class = (0..self.classes()).rev().max_by_key(|&class| same(&self.combinations[class]))?;
            u32::try_from(class).ok()
        };
        Ok(match (self.class_of.get(answers), self.rare) {
            (Some(&class), _) => Some(class),
            (None, Rare::Drop) => None,
            (None, Rare::Nearest) => nearest(),
        })
    }

    /// The merged labels of samples, `answers[k][sample]`; dropped ones are missing.
    ///
    /// # Errors
    /// As [`fit`](Powerset::fit).
    pub fn labels<T: Float>(&self, answers: &[&[u32]]) -> Result<Labelled<T>> {
        check_length("tasks", self.sizes.len(), answers.len())?;
        let rows = combinations(answers, &self.sizes)?;
        let merged: Vec<Option<u32>> = rows.iter().map(|row| self.encode(row)).collect::<Result<_>>()?;
        Labelled::classes(&merged, self.classes())
    }

    /// The answers that a class stands for; `None` if there is no such class.
    pub fn decode(&self, class: usize) -> Option<&[u32]> {
        self.combinations.get(class).map(Vec::as_slice)
    }

    /// What probabilities of the merged classes, `[N, classes]`, say about each task: `[N, sizes[k]]`, the sums over the
    /// combinations with that answer. The largest of them is the better answer to one task alone; the answers of the
    /// largest merged class ([`decode`](Powerset::decode)) are the better ones to all at once.
    ///
    /// # Errors
    /// Another shape.
    pub fn marginals<T: Float>(&self, probabilities: &Tensor<T>) -> Result<Vec<Tensor<T>>> {
        let [samples, classes] = probabilities.shape()[..] else {
            return Err(Error::Setting { what: "probabilities of merged classes are [N, classes]" });
        };
        check_length("probabilities of merged classes", self.classes(), classes)?;
        let numbers = probabilities.to_vec();
        let marginal = |(task, &size): (usize, &usize)| {
            let mut sums = alloc::vec![T::ZERO; samples * size];
            for (sums, row) in sums.chunks_exact_mut(size).zip(numbers.chunks_exact(classes)) {
                for (combination, &p) in self.combinations.iter().zip(row) {
                    let sum = &mut sums[combination[task] as usize];
                    *sum = *sum + p;
                }
            }
            Ok(Tensor::new([samples, size], &sums)?)
        };
        self.sizes.iter().enumerate().map(marginal).collect()
    }

    /// The share of samples whose combination has a class of its own: the rest cannot be right in all tasks at once.
    ///
    /// # Errors
    /// As [`labels`](Powerset::labels).
    pub fn covered(&self, answers: &[&[u32]]) -> Result<f64> {
        check_length("tasks", self.sizes.len(), answers.len())?;
        let rows = combinations(answers, &self.sizes)?;
        let known = rows.iter().filter(|row| self.class_of.contains_key(*row)).count();
        Ok(known as f64 / rows.len().max(1) as f64)
    }
}

/// The answers sample by sample, checked.
fn combinations(answers: &[&[u32]], sizes: &[usize]) -> Result<Vec<Vec<u32>>> {
    let samples = answers.first().map_or(0, |first| first.len());
    for task in answers {
        check_length("answers of a task", samples, task.len())?;
    }
    let rows: Vec<Vec<u32>> =
        (0..samples).map(|sample| answers.iter().map(|task| task[sample]).collect()).collect();
    rows.iter().try_for_each(|row| check_answers(row, sizes))?;
    Ok(rows)
}

/// That each answer is a class of its task.
fn check_answers(answers: &[u32], sizes: &[usize]) -> Result<()> {
    for (&answer, &size) in answers.iter().zip(sizes) {
        Labels::new([answer], size)?;
    }
    Ok(())
}
