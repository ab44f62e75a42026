//! Hierarchical heads: what one task has made of the trunk feeds the next.

use alloc::vec::Vec;

use tress_autograd::{Arrange, Pointwise, Value};
use tress_nn::{Bound, Layer, Sequential};

use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// The layers of one task, and the tasks whose features they are given beside those of the trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<L = Sequential> {
    /// What makes the features of the task.
    pub layers: L,
    /// Earlier tasks.
    pub below: Vec<usize>,
}

/// A trunk, and tasks in an order: task `k` is given the features of the trunk and, side by side along axis 1, those of
/// the tasks below it (A. Søgaard & Y. Goldberg, "Deep multi-task learning with low level tasks supervised at lower
/// layers", ACL 2016; the shortcut from the trunk is that of K. Hashimoto et al., "A joint many-task model:
/// growing a neural network for multiple NLP tasks", EMNLP 2017).
///
/// What feeds another task is trained by it as well, and so is shared; [`stopped`](Hierarchy::stopped) keeps it to its
/// own task.
#[derive(Clone, Debug, PartialEq)]
pub struct Hierarchy<T = Sequential, L = Sequential> {
    trunk: T,
    nodes: Vec<Node<L>>,
    stopped: bool,
}

impl<T: Layer, L: Layer> Hierarchy<T, L> {
    /// One node for each task.
    ///
    /// # Errors
    /// No task or more than 32; a task that is not below in the order; one that is named twice.
    pub fn new(trunk: T, nodes: Vec<Node<L>>) -> Result<Self> {
        check_tasks(nodes.len())?;
        for (task, node) in nodes.iter().enumerate() {
            let twice = (1..node.below.len()).any(|i| node.below[..i].contains(&node.below[i]));
            if twice || node.below.iter().any(|&other| other >= task) {
                return Err(Error::Setting { what: "a task is fed by earlier tasks, by each of them once" });
            }
        }
        Ok(Self { trunk, nodes, stopped: false })
    }

    /// No gradient flows from a task into the features of those below it.
    pub fn stopped(self) -> Self {
        Self { stopped: true, ..self }
    }
}

impl<T: Layer, L: Layer> Architecture for Hierarchy<T, L> {
    fn tasks(&self) -> usize {
        self.nodes.len()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let trunk = self.trunk.apply(bound, x);
        let mut tasks: Vec<V> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let mut below = Vec::with_capacity(node.below.len());
            for &other in &node.below {
                below.push(if self.stopped { tasks[other].stop() } else { tasks[other].clone() });
            }
            let input = if below.is_empty() { trunk.clone() } else { trunk.concat(1, &below) };
            tasks.push(node.layers.apply(bound, &input));
        }
        Features::new(tasks)
    }
}
