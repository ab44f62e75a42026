//! The multi-gate mixture of experts.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Scope, Sequential};
use tress_tensor::Float;

use super::experts::Experts;
use super::gate::{Gate, both};
use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// Experts that all tasks share, mixed by a gate of each task: `f^k(x) = sum_i g^k(x)_i f_i(x)` with
/// `g^k(x) = softmax(W_gk x)` (J. Ma et al., "Modeling task relationships in multi-task learning with multi-gate
/// mixture-of-experts", KDD 2018, equations 7 and 8). One expert is hard sharing.
///
/// Parameters are declared as `expert<i>.*` and `gate<k>.weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmoe<L = Sequential> {
    experts: Vec<L>,
    gates: Vec<Gate>,
}

impl<L: Layer> Mmoe<L> {
    /// Experts built alike, and a linear gate for each task on samples read as `inputs` numbers.
    ///
    /// # Errors
    /// No task or more than 32, no expert, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        experts: usize,
        inputs: usize,
        mut build: impl FnMut(&mut Scope<'_, T>) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        let mut all = Vec::with_capacity(experts);
        for i in 0..experts {
            all.push(build(&mut scope.scope(&format!("expert{i}")))?);
        }
        let gate = |task| Gate::linear(&mut scope.scope(&format!("gate{task}")), inputs, experts);
        Self::of(all, (0..tasks).map(gate).collect::<Result<_>>()?)
    }

    /// Any experts, and any gate for each task.
    ///
    /// # Errors
    /// No task or more than 32, no expert, or a gate for another number of experts.
    pub fn of(experts: Vec<L>, gates: Vec<Gate>) -> Result<Self> {
        check_tasks(gates.len())?;
        if experts.is_empty() || gates.iter().any(|gate| gate.experts() != experts.len()) {
            return Err(Error::Setting {
                what: "there is at least one expert, and each gate is for as many",
            });
        }
        Ok(Self { experts, gates })
    }

    /// The experts.
    pub fn experts(&self) -> &[L] {
        &self.experts
    }
}

impl<L: Layer> Architecture for Mmoe<L> {
    fn tasks(&self) -> usize {
        self.gates.len()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut outputs = Vec::with_capacity(self.experts.len());
        for expert in &self.experts {
            outputs.push(expert.apply(bound, x));
        }
        let experts = Experts::of(&outputs);
        let (mut tasks, mut gates, mut penalty) = (Vec::new(), Vec::new(), None);
        for gate in &self.gates {
            let (weights, more) = gate.weights(bound, x);
            tasks.push(experts.mixed(&weights));
            gates.push(weights);
            penalty = both(penalty, more);
        }
        Features::new(tasks).with_gates(gates).with_penalty(penalty)
    }
}
