//! Customised gate control: experts of each task beside experts that all share.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Scope, Sequential};
use tress_tensor::Float;

use super::experts::Experts;
use super::gate::Gate;
use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// `g^k(x) = w^k(x) S^k(x)`: a gate `w^k = softmax(W_g^k x)` mixes the experts of task `k` and the shared ones, and sees
/// no expert of another task (H. Tang, J. Liu, M. Zhao & X. Gong, "Progressive layered extraction (PLE): a novel
/// multi-task learning model for personalized recommendations", RecSys 2020, customized gate control). Without shared experts
/// the tasks are separate networks, without own ones it is MMoE.
///
/// Parameters are declared as `task<k>.expert<i>.*`, `shared.expert<i>.*` and `task<k>.gate.weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cgc<L = Sequential> {
    level: Level<L>,
}

impl<L: Layer> Cgc<L> {
    /// `own` experts for each task and `shared` ones for all, built alike; samples are `inputs` numbers to the gates.
    ///
    /// # Errors
    /// No task or more than 32, no expert, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        own: usize,
        shared: usize,
        inputs: usize,
        build: impl FnMut(&mut Scope<'_, T>) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        Ok(Self { level: Level::new(scope, tasks, own, shared, inputs, false, build)? })
    }
}

impl<L: Layer> Architecture for Cgc<L> {
    fn tasks(&self) -> usize {
        self.level.gates.len()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let (tasks, _, gates) = self.level.apply(bound, &alloc::vec![x.clone(); self.tasks()], x);
        Features::new(tasks).with_gates(gates)
    }
}

/// One extraction network: experts and gates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Level<L> {
    /// The experts of each task.
    own: Vec<Vec<L>>,
    shared: Vec<L>,
    gates: Vec<Gate>,
    /// Mixes all experts, where another level follows.
    shared_gate: Option<Gate>,
}

impl<L: Layer> Level<L> {
    pub(super) fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        own: usize,
        shared: usize,
        inputs: usize,
        shared_gate: bool,
        mut build: impl FnMut(&mut Scope<'_, T>) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        check_tasks(tasks)?;
        if own.saturating_add(shared) == 0 {
            return Err(Error::Setting { what: "each task has at least one expert, its own or shared" });
        }
        let mut experts = |owner: &str, count: usize, scope: &mut Scope<'_, T>| -> Result<Vec<L>> {
            let mut place = scope.scope(owner);
            let expert = |i| Ok(build(&mut place.scope(&format!("expert{i}")))?);
            (0..count).map(expert).collect()
        };
        let mut all = Vec::with_capacity(tasks);
        for task in 0..tasks {
            all.push(experts(&format!("task{task}"), own, scope)?);
        }
        let common = experts("shared", shared, scope)?;
        let gate = |owner: &str, count: usize, scope: &mut Scope<'_, T>| {
            Gate::linear(&mut scope.scope(&format!("{owner}.gate")), inputs, count)
        };
        let mut gates = Vec::with_capacity(tasks);
        for task in 0..tasks {
            gates.push(gate(&format!("task{task}"), own + shared, scope)?);
        }
        let shared_gate = match shared_gate {
            true => Some(gate("shared", tasks * own + shared, scope)?),
            false => None,
        };
        Ok(Self { own: all, shared: common, gates, shared_gate })
    }

    pub(super) fn tasks(&self) -> usize {
        self.gates.len()
    }

    /// What goes on for each task, for the shared experts of the next level, and all gate weights.
    #[track_caller]
    pub(super) fn apply<V: Value>(
        &self,
        bound: &Bound<V>,
        xs: &[V],
        shared: &V,
    ) -> (Vec<V>, Option<V>, Vec<V>) {
        let common = outputs(&self.shared, bound, shared);
        let mut own = Vec::with_capacity(xs.len());
        for (experts, x) in self.own.iter().zip(xs) {
            own.push(outputs(experts, bound, x));
        }
        let (mut tasks, mut gates) = (Vec::with_capacity(xs.len()), Vec::with_capacity(xs.len() + 1));
        for (k, gate) in self.gates.iter().enumerate() {
            let (weights, _) = gate.weights(bound, &xs[k]);
            // S^k: the task's own experts, then the shared ones.
            let seen = join(own[k].as_ref(), common.as_ref());
            tasks.extend(seen.map(|seen| seen.mixed(&weights)));
            gates.push(weights);
        }
        let next = match &self.shared_gate {
            Some(gate) => {
                let (weights, _) = gate.weights(bound, shared);
                let mut all: Option<Experts<V>> = None;
                for experts in own.iter().chain([&common]) {
                    all = join(all.as_ref(), experts.as_ref());
                }
                gates.push(weights.clone());
                all.map(|all| all.mixed(&weights))
            }
            None => None,
        };
        (tasks, next, gates)
    }
}

#[track_caller]
fn outputs<L: Layer, V: Value>(experts: &[L], bound: &Bound<V>, x: &V) -> Option<Experts<V>> {
    let mut all = Vec::with_capacity(experts.len());
    for expert in experts {
        all.push(expert.apply(bound, x));
    }
    if all.is_empty() { None } else { Some(Experts::of(&all)) }
}

#[track_caller]
fn join<V: Value>(a: Option<&Experts<V>>, b: Option<&Experts<V>>) -> Option<Experts<V>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.and(b)),
        (a, b) => a.or(b).cloned(),
    }
}
