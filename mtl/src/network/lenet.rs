//! The network of the MultiMNIST experiments: a LeNet trunk under small dense heads.

use alloc::vec::Vec;

use tress_nn::{Conv2d, Dense, Dropout, Flatten, MaxPool2d, Params, Sequential};
use tress_tensor::Float;
use tress_tensor::pointwise::Map;

use super::{Network, Objective, Task};
use crate::error::{Error, Result};

/// The LeNet that Sener & Koltun (2018, "Multi-task learning as multi-objective optimization", section 5.1) share among
/// tasks, for grey images `[N, 1, 28, 28]`: convolutions 5x5 to 10 and to 20 channels, each pooled by two and rectified,
/// a dense layer to 50 features; each head is 50 -> 50 -> outputs. Without their dropout: it costs more epochs than it
/// gains on small sets.
///
/// Parameters are declared as `trunk.*` and `<task>.*`.
///
/// # Errors
/// No task or more than 32, or a task name that is taken.
///
/// ```
/// use tress_mtl::network::{Objective, lenet};
/// use tress_nn::Params;
///
/// let mut params = Params::<f32>::new(1);
/// let network = lenet(&mut params, &[("left", Objective::Classes(10)), ("right", Objective::Classes(10))])?;
/// assert_eq!(params.range_of("trunk")?.len(), 21_330);
/// assert_eq!(network.tasks().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lenet<T: Float>(params: &mut Params<T>, tasks: &[(&str, Objective)]) -> Result<Network> {
    lenet_of(params, tasks, 1.0, 0.0)
}

/// [`lenet`] with all its layers but the outputs `width` times as wide, rounded, and with the share `dropout` of its features
/// dropped in training.
///
/// # Errors
/// As [`lenet`]; a width that is not finite and above 0, a dropout that is not in `0.0..1.0`.
pub fn lenet_of<T: Float>(
    params: &mut Params<T>,
    tasks: &[(&str, Objective)],
    width: f64,
    dropout: f64,
) -> Result<Network> {
    if !(width > 0.0 && width <= 1e3) {
        return Err(Error::Setting { what: "the width of a network is above 0 and 1000 at most" });
    }
    let wide = |usual: usize| (libm::round(usual as f64 * width) as usize).max(1);
    let [first, second, features] = [10, 20, 50].map(wide);
    let mut trunk = params.scope("trunk");
    let mut shared = Sequential::new()
        .then(Conv2d::new(&mut trunk.scope("conv1"), 1, first, [5, 5])?)
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Conv2d::new(&mut trunk.scope("conv2"), first, second, [5, 5])?)
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Flatten)
        .then(Dense::new(&mut trunk.scope("dense"), second * 16, features)?.activation(Map::Relu));
    if dropout != 0.0 {
        shared = shared.then(Dropout::new(&mut trunk.scope("dropout"), dropout)?);
    }
    let mut heads = Vec::with_capacity(tasks.len());
    for &(name, objective) in tasks {
        let (Objective::Classes(outputs) | Objective::Numbers(outputs) | Objective::Bits(outputs)) =
            objective;
        let mut scope = params.scope(name);
        let head = Sequential::new()
            .then(Dense::new(&mut scope.scope("dense1"), features, features)?.activation(Map::Relu))
            .then(Dense::new(&mut scope.scope("dense2"), features, outputs)?);
        heads.push(Task::new(name, objective, head));
    }
    Network::single_input(shared, heads)
}
