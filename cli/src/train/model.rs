//! A network for some tasks with its parameters, its optimiser and its balancing, and one step of all of them.

use std::ops::Range;

use tress::autograd::{Eager, Tape};
use tress::mtl::Error as MtlError;
use tress::mtl::balance::{Observation, Observes, Weighting};
use tress::mtl::measure::{Conflicts, group_gramians, groups_of};
use tress::mtl::network::{Network, Targets};
use tress::mtl::{sharing, sweep};
use tress::nn::{Adam, Optimiser, Params};
use tress::tensor::Tensor;

use super::{diverged, training};
use crate::error::Error;

/// All that a training step changes.
pub(crate) struct Model {
    pub(crate) params: Params,
    pub(crate) network: Network,
    pub(crate) adam: Adam,
    pub(crate) balance: Box<dyn Weighting>,
    /// Whether gradients are compared at the features, and not over parameters.
    at_features: bool,
    pub(super) tape: Tape<Eager>,
}

/// Cosines and norms of the task gradients of each layer of the trunk, over the steps that were watched.
pub(crate) struct Watch {
    groups: Vec<(String, Vec<Range<usize>>)>,
    pub(crate) conflicts: Conflicts,
}

impl Watch {
    /// Nothing seen yet of the layers whose parameters' names begin with `trunk.`.
    pub(crate) fn new(params: &Params, tasks: usize) -> Result<Self, Error> {
        let groups = groups_of(params, |name| name.starts_with("trunk."));
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.trim_start_matches("trunk.")).collect();
        let conflicts = Conflicts::new(tasks, &names).map_err(training)?;
        Ok(Self { groups, conflicts })
    }
}

impl Model {
    /// Before its first step.
    pub(crate) fn new(
        params: Params,
        network: Network,
        mut adam: Adam,
        balance: Box<dyn Weighting>,
    ) -> Result<Self, Error> {
        adam.prepare(&params).map_err(training)?;
        Ok(Self { params, network, adam, balance, at_features: false, tape: Tape::new() })
    }

    /// The same with gradients compared at the features.
    pub(super) fn at_features(self) -> Self {
        Self { at_features: true, ..self }
    }

    /// One step on a batch; gives the loss and the weight of each task. `seed` is that of dropout. A watch looks at the task
    /// gradients before the step and changes nothing.
    pub(crate) fn step(
        &mut self,
        input: Tensor,
        targets: &[Targets],
        seed: u64,
        watch: Option<&mut Watch>,
    ) -> Result<Vec<(f64, f64)>, Error> {
        let balanced = {
            let bound = self.params.on(&self.tape).training(seed);
            let features = self
                .network
                .features(&bound, &[("input", &self.tape.var(input.clone()))])
                .map_err(training)?;
            let outputs = self.network.outputs(&bound, &features);
            let losses = self.network.losses(&outputs, targets).map_err(training)?;
            let shared = sharing::cut(&outputs, &bound).map_err(training)?;
            if let Some(watch) = watch {
                let gradients =
                    sweep::task_gradients(&losses, &shared, &bound, &self.params).map_err(diverged)?;
                let gramians = group_gramians(&gradients, &watch.groups).map_err(diverged)?;
                watch.conflicts.record(&gramians).map_err(diverged)?;
            }
            let method = &mut *self.balance;
            match self.at_features {
                true => sweep::balanced_at_features(&losses, &shared, &bound, &self.params, method),
                false => sweep::balanced(&losses, &shared, &bound, &self.params, method),
            }
            .map_err(diverged)?
        };
        // Nothing looks at the parameters any more, so the optimiser may write in place.
        self.tape.reset();
        self.adam.step(&mut self.params, &balanced.gradient).map_err(training)?;
        if self.balance.observes() == Observes::LossesAfter {
            // The same batch and the same dropout, so that the losses differ by the step alone.
            let bound = self.params.eager().training(seed);
            let features =
                self.network.features(&bound, &[("input", &Eager::new(input))]).map_err(training)?;
            let outputs = self.network.outputs(&bound, &features);
            let losses = self.network.losses(&outputs, targets).map_err(training)?;
            let after = losses.iter().map(|loss| Ok(f64::from(loss.item()?)));
            let after = after.collect::<Result<Vec<f64>, MtlError>>().map_err(diverged)?;
            self.balance.observe(Observation::LossesAfter(&after)).map_err(diverged)?;
        }
        Ok(balanced.losses.iter().copied().zip(balanced.weights.iter().copied()).collect())
    }

    /// What the heads say of samples, in judging mode.
    pub(crate) fn outputs(&self, input: Tensor) -> Result<Vec<Eager>, Error> {
        let bound = self.params.eager();
        let features = self.network.features(&bound, &[("input", &Eager::new(input))]).map_err(training)?;
        Ok(self.network.outputs(&bound, &features))
    }
}
