//! A network for several tasks: named inputs, fused; an architecture that says what tasks share; a head for each.

mod fusion;
mod input;
mod lenet;
mod task;

pub use fusion::{Attention, Fusion, Gated};
pub use input::Input;
pub use lenet::{lenet, lenet_of};
pub use task::{Criterion, Objective, Score, Targets, Task};

use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Sequential};

use crate::architecture::{Architecture, Features, HardSharing};
use crate::data::Labelled;
use crate::error::{Error, Result, check_length, check_tasks};

/// Inputs, what lies between them and the heads, and K tasks with a head each.
///
/// The usual architecture is one trunk for all tasks, for which [`new`](Network::new) is a short way;
/// [`of`](Network::of) takes any [`Architecture`].
///
/// ```
/// use tress_autograd::Eager;
/// use tress_mtl::network::{Input, Network, Objective, Task};
/// use tress_nn::{Dense, Flatten, Params, Sequential};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(1);
/// let image = Sequential::new().then(Flatten).then(Dense::new(&mut params.scope("image"), 16, 8)?);
/// let vector = Sequential::new();
/// let trunk = Sequential::new().then(Dense::new(&mut params.scope("trunk"), 8 + 3, 6)?);
/// let digit = Sequential::new().then(Dense::new(&mut params.scope("digit"), 6, 10)?);
/// let angle = Sequential::new().then(Dense::new(&mut params.scope("angle"), 6, 1)?);
/// let network = Network::new(
///     vec![Input::new("image", image), Input::new("vector", vector)],
///     trunk,
///     vec![Task::new("digit", Objective::Classes(10), digit), Task::new("angle", Objective::Numbers(1), angle)],
/// )?;
///
/// let bound = params.eager();
/// let image = Eager::new(Tensor::zeros([5, 1, 4, 4])?);
/// let vector = Eager::new(Tensor::zeros([5, 3])?);
/// let features = network.features(&bound, &[("vector", &vector), ("image", &image)])?;
/// let outputs = network.outputs(&bound, &features);
/// assert_eq!(**outputs[0].tensor()?.shape(), [5, 10]);
/// assert_eq!(**outputs[1].tensor()?.shape(), [5, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network<A = HardSharing, Head = Sequential> {
    inputs: Vec<Input>,
    fusion: Fusion,
    architecture: A,
    tasks: Vec<Task<Head>>,
}

impl<Trunk: Layer, Head: Layer> Network<HardSharing<Trunk>, Head> {
    /// A network with one trunk for all tasks; the features of several inputs are put side by side along axis 1 before
    /// it.
    ///
    /// # Errors
    /// As [`of`](Network::of).
    pub fn new(inputs: Vec<Input>, trunk: Trunk, tasks: Vec<Task<Head>>) -> Result<Self> {
        let architecture = HardSharing::new(trunk, tasks.len())?;
        Self::of(inputs, architecture, tasks)
    }

    /// A network with one trunk and one input, named `input`, that goes into the trunk as it is.
    ///
    /// # Errors
    /// As [`of`](Network::of).
    pub fn single_input(trunk: Trunk, tasks: Vec<Task<Head>>) -> Result<Self> {
        Self::new(alloc::vec![Input::new("input", Sequential::new())], trunk, tasks)
    }
}

impl<A: Architecture, Head: Layer> Network<A, Head> {
    /// A network of any architecture; the features of several inputs are put side by side along axis 1 before it.
    ///
    /// # Errors
    /// No input, no task or more than 32, a name that is used twice, or an architecture for another number of tasks.
    pub fn of(inputs: Vec<Input>, architecture: A, tasks: Vec<Task<Head>>) -> Result<Self> {
        check_tasks(tasks.len())?;
        check_length("tasks of the architecture", tasks.len(), architecture.tasks())?;
        if inputs.is_empty() {
            return Err(Error::Setting { what: "a network has at least one input" });
        }
        let twice = |names: Vec<&str>| (1..names.len()).any(|i| names[..i].contains(&names[i]));
        if twice(inputs.iter().map(Input::name).collect()) || twice(tasks.iter().map(Task::name).collect()) {
            return Err(Error::Setting { what: "names of inputs, and of tasks, are each used once" });
        }
        Ok(Self { inputs, fusion: Fusion::Concat, architecture, tasks })
    }

    /// With another way to make one value of several inputs.
    ///
    /// # Errors
    /// A fusion that is made for another number of inputs.
    pub fn fused_by(self, fusion: Fusion) -> Result<Self> {
        match fusion.takes(self.inputs.len()) {
            true => Ok(Self { fusion, ..self }),
            false => Err(Error::Setting { what: "the fusion is made for as many inputs as the network has" }),
        }
    }

    /// The inputs, in the order in which their features are fused.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What lies between the inputs and the heads.
    pub fn architecture(&self) -> &A {
        &self.architecture
    }

    /// The architecture, for settings that change in training.
    pub fn architecture_mut(&mut self) -> &mut A {
        &mut self.architecture
    }

    /// The tasks, in the order of outputs, losses and weights.
    pub fn tasks(&self) -> &[Task<Head>] {
        &self.tasks
    }

    /// The features of samples for every head, from every input by name, in any order.
    ///
    /// # Errors
    /// A name that the network does not have, one that is missing or given twice, or features of several inputs that
    /// cannot be fused.
    #[track_caller]
    pub fn features<V: Value>(&self, bound: &Bound<V>, given: &[(&str, &V)]) -> Result<Features<V>> {
        let wrong = |name: &str, why| Err(Error::Input { name: String::from(name), why });
        if let Some((name, _)) =
            given.iter().find(|(name, _)| !self.inputs.iter().any(|input| input.name() == *name))
        {
            return wrong(name, "the network has no input of this name");
        }
        let mut parts = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let mut found = given.iter().filter(|(name, _)| *name == input.name());
            let Some((_, value)) = found.next() else { return wrong(input.name(), "not given") };
            if found.next().is_some() {
                return wrong(input.name(), "given twice");
            }
            parts.push(input.layers().apply(bound, value));
        }
        self.check_fusion(&parts)?;
        Ok(self.architecture.features(bound, &self.fusion.fuse(bound, &parts)))
    }

    /// What each head makes of its features.
    #[track_caller]
    pub fn outputs<V: Value>(&self, bound: &Bound<V>, features: &Features<V>) -> Vec<V> {
        let mut outputs = Vec::with_capacity(self.tasks.len());
        for (task, features) in self.tasks.iter().zip(features.tasks()) {
            outputs.push(task.head().apply(bound, features));
        }
        outputs
    }

    /// The loss of each task: the mean over the samples.
    ///
    /// # Errors
    /// Numbers of outputs or targets that are not that of the tasks; targets of another kind than their task; labels
    /// that are no class; numbers of samples that differ.
    #[track_caller]
    pub fn losses<V: Value>(&self, outputs: &[V], targets: &[Targets<V::Elem>]) -> Result<Vec<V>> {
        check_length("outputs", self.tasks.len(), outputs.len())?;
        check_length("targets", self.tasks.len(), targets.len())?;
        let each = self.tasks.iter().zip(outputs.iter().zip(targets));
        each.map(|(task, (output, target))| task.loss(output, target)).collect()
    }

    /// The loss of each task where labels may be missing: the mean over the samples that have one; `None` for a task
    /// that has none at all in this batch. See [`presence`](crate::presence) for what balancing makes of it.
    ///
    /// # Errors
    /// As [`losses`](Network::losses).
    #[track_caller]
    pub fn losses_of_labelled<V: Value>(
        &self,
        outputs: &[V],
        targets: &[Labelled<V::Elem>],
    ) -> Result<Vec<Option<V>>> {
        check_length("outputs", self.tasks.len(), outputs.len())?;
        check_length("targets", self.tasks.len(), targets.len())?;
        let each = self.tasks.iter().zip(outputs.iter().zip(targets));
        each.map(|(task, (output, target))| target.loss(task, output)).collect()
    }

    fn check_fusion<V: Value>(&self, parts: &[V]) -> Result<()> {
        let first = parts[0].shape();
        for (input, part) in self.inputs.iter().zip(parts).skip(1) {
            let shape = part.shape();
            if !self.fusion.fits(&first, &shape) {
                let left = (String::from(self.inputs[0].name()), first);
                return Err(Error::Fusion { left, right: (String::from(input.name()), shape) });
            }
        }
        Ok(())
    }
}
