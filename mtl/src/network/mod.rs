//! A network for several tasks: named inputs, fused; a trunk that all tasks share; a head for each.

mod input;
mod lenet;
mod task;

pub use input::Input;
pub use lenet::lenet;
pub use task::{Objective, Score, Targets, Task};

use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Value};
use tress_nn::{Bound, Layer, Sequential};

use crate::error::{Error, Result, check_length, check_tasks};

/// Inputs, a shared trunk, and K tasks with a head each ("hard sharing", Caruana 1997).
///
/// Everything before the heads is shared: the layers of each input as well as the trunk.
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
pub struct Network<Trunk = Sequential, Head = Sequential> {
    inputs: Vec<Input>,
    trunk: Trunk,
    tasks: Vec<Task<Head>>,
}

impl<Trunk: Layer, Head: Layer> Network<Trunk, Head> {
    /// A network; the features of several inputs are put side by side along axis 1 before the trunk.
    ///
    /// # Errors
    /// No input, no task or more than 32, or a name that is used twice.
    pub fn new(inputs: Vec<Input>, trunk: Trunk, tasks: Vec<Task<Head>>) -> Result<Self> {
        check_tasks(tasks.len())?;
        if inputs.is_empty() {
            return Err(Error::Setting { what: "a network has at least one input" });
        }
        let twice = |names: Vec<&str>| (1..names.len()).any(|i| names[..i].contains(&names[i]));
        if twice(inputs.iter().map(Input::name).collect()) || twice(tasks.iter().map(Task::name).collect()) {
            return Err(Error::Setting { what: "names of inputs, and of tasks, are each used once" });
        }
        Ok(Self { inputs, trunk, tasks })
    }

    /// A network with one input, named `input`, that goes into the trunk as it is.
    ///
    /// # Errors
    /// As [`new`](Network::new).
    pub fn single_input(trunk: Trunk, tasks: Vec<Task<Head>>) -> Result<Self> {
        Self::new(alloc::vec![Input::new("input", Sequential::new())], trunk, tasks)
    }

    /// The inputs, in the order in which their features are put side by side.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The tasks, in the order of outputs, losses and weights.
    pub fn tasks(&self) -> &[Task<Head>] {
        &self.tasks
    }

    /// The shared features of samples, from every input by name, in any order.
    ///
    /// # Errors
    /// A name that the network does not have, one that is missing or given twice, or features of several inputs that do
    /// not fit side by side: axes other than axis 1 differ.
    #[track_caller]
    pub fn features<V: Value>(&self, bound: &Bound<V>, given: &[(&str, &V)]) -> Result<V> {
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
        let fused = match &parts[..] {
            [only] => only.clone(),
            [first, others @ ..] => first.concat(1, others),
            [] => return Err(Error::Setting { what: "a network has at least one input" }),
        };
        Ok(self.trunk.apply(bound, &fused))
    }

    /// What each head makes of the features.
    #[track_caller]
    pub fn outputs<V: Value>(&self, bound: &Bound<V>, features: &V) -> Vec<V> {
        self.tasks.iter().map(|task| task.head().apply(bound, features)).collect()
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

    /// Features can be put side by side where all axes but axis 1 agree.
    fn check_fusion<V: Value>(&self, parts: &[V]) -> Result<()> {
        let first = parts[0].shape();
        for (input, part) in self.inputs.iter().zip(parts).skip(1) {
            let shape = part.shape();
            let agree = shape.rank() >= 2
                && shape.rank() == first.rank()
                && (0..shape.rank()).all(|axis| axis == 1 || shape[axis] == first[axis]);
            if !agree {
                let left = (String::from(self.inputs[0].name()), first);
                return Err(Error::Fusion { left, right: (String::from(input.name()), shape) });
            }
        }
        Ok(())
    }
}
