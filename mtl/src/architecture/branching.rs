//! Learning to branch: which block follows which is drawn while it is learned, and fixed afterwards.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Fused, Pointwise, Reduce, Value};
use tress_nn::{Bound, Handle, Init, Layer, Mode, Params, Random, Scope, Sequential, metric, mix};
use tress_tensor::pointwise::Zip;
use tress_tensor::{Element, Float, Tensor};

use super::experts::Experts;
use super::{Architecture, Features};
use crate::error::{Error, Result, check_length, check_tasks};

/// Levels of blocks. Every block, and in the end every task, draws its parent among the blocks of the level before:
/// in training by the Gumbel-softmax `d_j = softmax((theta_j + G) / tau)` with fresh `G = -ln(-ln U)` in every step,
/// its input being `sum_i d_ji y_i` (P. Guo, C.-Y. Lee & D. Ulbricht, "Learning to branch for multi-task learning",
/// ICML 2020; E. Jang, S. Gu & B. Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017). In
/// evaluation every child takes its most likely parent.
///
/// When the `theta` have settled, [`tree`](Branching::tree) reads the tree off, and [`fixed`](Branching::fixed) keeps it:
/// then only blocks that lead to a task are computed, and the tree is trained as the paper does.
///
/// Parameters are declared as `level<l>.block<j>.*` and `choice<l> [children, parents]`, near zero: all parents are
/// about equally likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Branching<L = Sequential> {
    levels: Vec<Vec<L>>,
    /// For each level but the first, and then for the tasks.
    choices: Vec<Handle>,
    tasks: usize,
    temperature: f64,
    straight: bool,
    stream: u64,
    tree: Option<Vec<Vec<usize>>>,
}

impl<L: Layer> Branching<L> {
    /// So many blocks on each level; `build(scope, level)` declares one. The temperature is 1.
    ///
    /// # Errors
    /// No task or more than 32, no level, a level without blocks, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        blocks: &[usize],
        mut build: impl FnMut(&mut Scope<'_, T>, usize) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        check_tasks(tasks)?;
        if blocks.is_empty() || blocks.contains(&0) {
            return Err(Error::Setting { what: "there is at least one level, and a block on each" });
        }
        let mut levels = Vec::with_capacity(blocks.len());
        for (level, &count) in blocks.iter().enumerate() {
            let mut place = scope.scope(&format!("level{level}"));
            let block = |j| build(&mut place.scope(&format!("block{j}")), level);
            levels.push((0..count).map(block).collect::<core::result::Result<Vec<L>, _>>()?);
        }
        let children = blocks[1..].iter().copied().chain([tasks]);
        let mut choices = Vec::with_capacity(blocks.len());
        for (level, (children, &parents)) in children.zip(blocks).enumerate() {
            // Not all equal: the most likely parent shall be one.
            let near = Init::Uniform(1e-3);
            choices.push(scope.parameter(&format!("choice{level}"), [children, parents], near)?);
        }
        let stream = scope.stream();
        Ok(Self { levels, choices, tasks, temperature: 1.0, straight: false, stream, tree: None })
    }

    /// With another temperature, which a search lowers from step to step: high draws near equal weights, low near one
    /// parent.
    ///
    /// # Errors
    /// A temperature that is not positive and finite.
    pub fn set_temperature(&mut self, temperature: f64) -> Result<()> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::Setting { what: "the temperature is positive and finite" });
        }
        self.temperature = temperature;
        Ok(())
    }

    /// Draws one parent in the forward pass, with the gradient of the smooth weights (the straight-through estimator
    /// of Jang et al. 2017).
    pub fn straight_through(self) -> Self {
        Self { straight: true, ..self }
    }

    /// The most likely parent of every block, level by level from the second on, and in the last list of every task.
    ///
    /// # Errors
    /// Parameters of another model.
    pub fn tree<T: Float>(&self, params: &Params<T>) -> Result<Vec<Vec<usize>>> {
        let bound = params.eager();
        let mut tree = Vec::with_capacity(self.choices.len());
        for handle in &self.choices {
            let Some(theta) = bound.get(handle) else {
                return Err(Error::Setting { what: "the parameters are those of the branching network" });
            };
            // A theta that ran away chooses nothing; the first parent is as good as any.
            tree.push(metric::argmax(theta.tensor()?).into_iter().map(Option::unwrap_or_default).collect());
        }
        Ok(tree)
    }

    /// With this tree from now on: nothing is drawn.
    ///
    /// # Errors
    /// A tree of another form, or a parent that there is not.
    pub fn fixed(self, tree: Vec<Vec<usize>>) -> Result<Self> {
        check_length("levels of the tree", self.choices.len(), tree.len())?;
        for (parents, handle) in tree.iter().zip(&self.choices) {
            check_length("children of a level", handle.shape()[0], parents.len())?;
            if parents.iter().any(|&parent| parent >= handle.shape()[1]) {
                return Err(Error::Setting { what: "each parent in a tree is a block of the level before" });
            }
        }
        Ok(Self { tree: Some(tree), ..self })
    }

    /// The weights of the parents of all children of a level, `[children, parents]`.
    #[track_caller]
    fn weights<V: Value>(&self, bound: &Bound<V>, level: usize, x: &V) -> V {
        let theta = bound.fetch(&self.choices[level], x);
        let Mode::Training { seed } = bound.mode_of(&self.choices[level]) else {
            return one_hot(&theta);
        };
        let shape = *self.choices[level].shape();
        let mut random = Random::new(mix(mix(seed, self.stream), level as u64));
        let gumbel = Tensor::from_fn(shape, |_| {
            // Between the multiples of 2^-53, so that neither logarithm is one of zero.
            let u = random.uniform() + 0.5 / (1u64 << 53) as f64;
            <V::Elem as Element>::from_f64(-libm::log(-libm::log(u)))
        });
        let noise = match gumbel {
            Ok(gumbel) => theta.lift(gumbel),
            Err(error) => return theta.fail(error),
        };
        let soft = (theta + noise).scale(1.0 / self.temperature).softmax();
        match self.straight {
            true => (one_hot(&soft) - soft.clone()).stop() + soft,
            false => soft,
        }
    }

    /// The features along a tree: each needed block once.
    #[track_caller]
    fn along<V: Value>(&self, bound: &Bound<V>, x: &V, tree: &[Vec<usize>]) -> Vec<V> {
        let mut needed: Vec<Vec<bool>> =
            self.levels.iter().map(|blocks| alloc::vec![false; blocks.len()]).collect();
        for level in (0..tree.len()).rev() {
            for (child, &parent) in tree[level].iter().enumerate() {
                // The last list is that of the tasks, all of which are needed.
                needed[level][parent] |= needed.get(level + 1).is_none_or(|next| next[child]);
            }
        }
        let mut outputs: Vec<Option<V>> = Vec::new();
        for (level, blocks) in self.levels.iter().enumerate() {
            let mut next = Vec::with_capacity(blocks.len());
            for (j, block) in
                blocks.iter().enumerate().map(|(j, block)| (j, needed[level][j].then_some(block)))
            {
                let input = match level {
                    0 => Some(x),
                    _ => outputs[tree[level - 1][j]].as_ref(),
                };
                next.push(match (block, input) {
                    (Some(block), Some(input)) => Some(block.apply(bound, input)),
                    _ => None,
                });
            }
            outputs = next;
        }
        let parents = tree.last().map_or(&[][..], |parents| &parents[..]);
        parents.iter().filter_map(|&parent| outputs[parent].clone()).collect()
    }
}

impl<L: Layer> Architecture for Branching<L> {
    fn tasks(&self) -> usize {
        self.tasks
    }

    /// The gates of the features are the weights of parents, level by level, each `[children, parents]`.
    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        if let Some(tree) = &self.tree {
            return Features::new(self.along(bound, x, tree));
        }
        let mut inputs = alloc::vec![x.clone(); self.levels[0].len()];
        let mut gates = Vec::with_capacity(self.choices.len());
        for (level, blocks) in self.levels.iter().enumerate() {
            let mut outputs = Vec::with_capacity(blocks.len());
            for (block, input) in blocks.iter().zip(&inputs) {
                outputs.push(block.apply(bound, input));
            }
            let parents = Experts::of(&outputs);
            let weights = self.weights(bound, level, x);
            inputs = Vec::with_capacity(self.choices[level].shape()[0]);
            for child in 0..self.choices[level].shape()[0] {
                inputs.push(parents.mixed(&weights.slice(0, child..child + 1)));
            }
            gates.push(weights);
        }
        Features::new(inputs).with_gates(gates)
    }
}

/// 1 at the largest of each row, shared where several are; without gradient.
#[track_caller]
fn one_hot<V: Value>(rows: &V) -> V {
    let most = rows.zip(Zip::GreaterEqual, rows.max(&[1]).unsqueeze(1));
    let count = most.sum_keep(&[1]);
    (most / count).stop()
}
