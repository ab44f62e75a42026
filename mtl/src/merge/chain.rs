//! Classifier chains: each task is told the answers to those before it.

use alloc::vec::Vec;

use tress_autograd::op::Index;
use tress_autograd::{Arrange, Eager, Fused, Value};
use tress_nn::{Bound, Labels, Layer, Sequential, shuffle};
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result, check_length, check_tasks};

/// Heads in a row: J. Read et al., "Classifier chains for multi-label classification", 2011, for tasks of any number of
/// classes. The head of a task sees the features and, one-hot, the answers of the tasks before it in the chain: the true
/// ones in training, its own when it predicts.
///
/// The chain factors the probability of all answers, `p(y_1) p(y_2 | y_1) ..`, so it can say that two answers exclude
/// each other, which heads side by side cannot.
#[derive(Clone, Debug)]
pub struct Chain<Head = Sequential> {
    /// Which task comes first, second, ..
    order: Vec<usize>,
    sizes: Vec<usize>,
    /// In the order of the chain.
    heads: Vec<Head>,
}

/// A beginning of answers, and the logarithm of its probability.
#[derive(Clone)]
struct Beginning {
    answers: Vec<u32>,
    logarithm: f64,
}

impl<Head: Layer> Chain<Head> {
    /// A chain over tasks of these sizes, in this order. `head` makes the head of a task: it is told the task, the number
    /// of numbers that stand before its features go in (the one-hot answers) and how many classes it has.
    ///
    /// # Errors
    /// No task or more than 32, an order that does not name each task once, or what `head` refuses.
    pub fn new(
        sizes: &[usize],
        order: &[usize],
        mut head: impl FnMut(usize, usize, usize) -> Result<Head>,
    ) -> Result<Self> {
        check_tasks(sizes.len())?;
        check_length("tasks in the order of the chain", sizes.len(), order.len())?;
        if (0..sizes.len()).any(|task| !order.contains(&task)) {
            return Err(Error::Setting { what: "the order of a chain names each task once" });
        }
        let (mut heads, mut told) = (Vec::with_capacity(sizes.len()), 0);
        for &task in order {
            heads.push(head(task, told, sizes[task])?);
            told += sizes[task];
        }
        Ok(Self { order: order.to_vec(), sizes: sizes.to_vec(), heads })
    }

    /// A random order of so many tasks. Which one is best is not known beforehand: the paper averages several chains with
    /// random ones.
    pub fn random_order(tasks: usize, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..tasks).collect();
        shuffle(&mut order, seed);
        order
    }

    /// The order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The logits of each task, `[N, sizes[k]]`, given the truth about the tasks before it: what the losses of training
    /// are taken of. Features are `[N, F]`.
    ///
    /// # Errors
    /// Another number of labels than of tasks, or labels of other classes. Shapes make mistakes in the values.
    #[track_caller]
    pub fn logits<V: Value>(&self, bound: &Bound<V>, features: &V, truth: &[Labels]) -> Result<Vec<V>> {
        check_length("labels of tasks", self.sizes.len(), truth.len())?;
        for (labels, &size) in truth.iter().zip(&self.sizes) {
            check_length("classes of a task", size, labels.classes())?;
        }
        let mut told: Vec<V> = Vec::with_capacity(self.sizes.len());
        let mut logits: Vec<Option<V>> = alloc::vec![None; self.sizes.len()];
        for (&task, head) in self.order.iter().zip(&self.heads) {
            logits[task] = Some(head.apply(bound, &features.concat(1, &told)));
            let answers: Tensor<u32> = Tensor::vector(truth[task].as_slice());
            told.push(features.one_hot(&Index::new(&answers), self.sizes[task]));
        }
        Ok(logits.into_iter().flatten().collect())
    }

    /// The answers `[sample][task]` for features `[N, F]`: the likeliest combination that a search of `width` beginnings
    /// at a time finds. A width of 1 is the greedy search of the paper; one of the number of combinations is exact (A.
    /// Kumar et al., "Beam search algorithms for multilabel learning", 2013).
    ///
    /// # Errors
    /// A width of 0, or the first mistake of a head.
    pub fn predict<T: Float>(
        &self,
        bound: &Bound<Eager<T>>,
        features: &Tensor<T>,
        width: usize,
    ) -> Result<Vec<Vec<u32>>> {
        if width == 0 {
            return Err(Error::Setting { what: "a search keeps at least one beginning" });
        }
        let samples = features.shape().first().copied().unwrap_or(0);
        let nothing = Beginning { answers: Vec::new(), logarithm: 0.0 };
        let mut beams: Vec<Vec<Beginning>> = alloc::vec![alloc::vec![nothing]; samples];
        for (place, head) in self.heads.iter().enumerate() {
            // All beginnings of all samples are one batch.
            let rows: Vec<u32> =
                (0u32..).zip(&beams).flat_map(|(row, beam)| beam.iter().map(move |_| row)).collect();
            let begun: Vec<&Beginning> = beams.iter().flatten().collect();
            let mut told = Vec::with_capacity(place);
            let repeated = Eager::new(features.clone()).gather(0, &Index::new(&Tensor::vector(&rows)));
            for before in 0..place {
                let answers: Vec<u32> = begun.iter().map(|beginning| beginning.answers[before]).collect();
                let index = Index::new(&Tensor::vector(&answers));
                told.push(repeated.one_hot(&index, self.sizes[self.order[before]]));
            }
            let logarithms = head.apply(bound, &repeated.concat(1, &told)).log_softmax();
            let logarithms = logarithms.tensor()?.to_vec();
            let size = self.sizes[self.order[place]];
            let mut rows = logarithms.chunks_exact(size);
            for beam in &mut beams {
                let mut longer = Vec::with_capacity(beam.len() * size);
                for (beginning, row) in beam.iter().zip(rows.by_ref()) {
                    for (answer, logarithm) in (0u32..).zip(row) {
                        let mut next = beginning.clone();
                        next.answers.push(answer);
                        next.logarithm += logarithm.to_f64();
                        longer.push(next);
                    }
                }
                longer.sort_by(|a, b| b.logarithm.total_cmp(&a.logarithm)); // stable: the first of equal ones
                longer.truncate(width);
                *beam = longer;
            }
        }
        let answers = |beam: Vec<Beginning>| {
            let best = beam.into_iter().next().map(|beginning| beginning.answers).unwrap_or_default();
            let mut answers = alloc::vec![0; best.len()];
            for (&task, answer) in self.order.iter().zip(best) {
                answers[task] = answer;
            }
            answers
        };
        Ok(beams.into_iter().map(answers).collect())
    }
}
