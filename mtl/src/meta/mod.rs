//! Learning to learn: a start from which a few samples of a new task are enough.
//!
//! A new task is an [`Episode`]: a few labelled samples to adapt to, the *support*, and others to be judged by, the
//! *query*. A method learns from many episodes; each gives it a block of numbers to step along, laid out as the
//! parameters are, so any optimiser of [`tress_nn`] takes the outer step.
//!
//! | method | what is learnt | what a new task takes | order |
//! |---|---|---|---|
//! | [`Maml::new`] | the start | a few steps of descent | second, exact |
//! | [`Maml::first_order`] | the start | the same | first |
//! | [`Maml::within`] (ANIL) | the start | the same, in the head alone | either |
//! | [`MetaSgd`] | the start, and a rate for each number of it | one or a few steps | second, exact |
//! | [`Reptile`] | the start | a few steps of descent | first |
//! | [`Prototypes`] | an embedding | class means of the support: no step at all | first |
//!
//! The second order is the chain rule through the inner steps. Kinds of value nest, so it takes no rule of its own: the
//! inner tape records values of the outer one, the inner gradient is a program on the outer tape, and the outer sweep goes
//! through it. The model and its loss are written once and never told.
//!
//! The model is the head of a [`Task`], which also says the loss and the metric. Models run in evaluation mode: dropout
//! does not act inside of episodes.
//!
//! ```
//! use tress_mtl::meta::{Maml, MetaMethod, Sinusoids};
//! use tress_mtl::network::{Objective, Task};
//! use tress_nn::{Adam, Dense, Optimiser, Params, Sequential};
//! use tress_tensor::pointwise::Map;
//!
//! let mut params = Params::<f32>::new(1);
//! let model = Sequential::new()
//!     .then(Dense::new(&mut params.scope("hidden"), 1, 40)?.activation(Map::Relu))
//!     .then(Dense::new(&mut params.scope("output"), 40, 1)?);
//! let task = Task::new("wave", Objective::Numbers(1), model);
//!
//! let (waves, mut maml, mut adam) = (Sinusoids::new(7), Maml::new(0.01, 1)?, Adam::new(0.001));
//! for step in 0..3 {
//!     let episodes: Vec<_> = (0..4).map(|i| waves.episode(4 * step + i, 10, 10)).collect::<Result<_, _>>()?;
//!     let found = maml.gradient(&task, &params, &episodes)?;
//!     adam.step(&mut params, &found.gradient)?;
//! }
//! let new = waves.episode(1_000, 10, 100)?;
//! let curve = maml.inner().curve(&task, &params, &new, 5)?;
//! assert_eq!(curve.len(), 6, "before the first step, and after each of five");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod episode;
mod few_shot;
mod inner;
mod maml;
mod meta_sgd;
mod prototypes;
mod reptile;
mod sinusoid;

pub use episode::{Episode, Examples};
pub use few_shot::{Drawn, FewShot};
pub use inner::InnerLoop;
pub use maml::Maml;
pub use meta_sgd::MetaSgd;
pub use prototypes::Prototypes;
pub use reptile::Reptile;
pub use sinusoid::{Sinusoid, Sinusoids};

use alloc::vec::Vec;

use tress_nn::{Layer, Params};
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result};
use crate::network::Task;

/// What a batch of episodes asks of the parameters.
#[derive(Clone, Debug)]
pub struct MetaGradient<T: Float = f32> {
    /// The block `[P]` that an optimiser steps against: a mean over the episodes.
    pub gradient: Tensor<T>,
    /// The mean loss over the episodes: on the query after adapting, or what the method says of itself.
    pub loss: f64,
}

/// A way to learn from episodes.
pub trait MetaMethod<T: Float = f32> {
    /// Where the outer step is to go, from a batch of episodes.
    ///
    /// # Errors
    /// No episode, parameters of another model, targets that do not fit the task, or the first mistake of the model.
    fn gradient<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episodes: &[Episode<T>],
    ) -> Result<MetaGradient<T>>;

    /// The outputs for new inputs `[N, ..]` of a task that is known by its support alone.
    ///
    /// # Errors
    /// As [`gradient`](MetaMethod::gradient).
    fn predict<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        support: &Examples<T>,
        inputs: &Tensor<T>,
    ) -> Result<Tensor<T>>;
}

/// The mean over episodes of a loss and of a block each.
fn mean_over<T: Float>(
    params: &Params<T>,
    episodes: &[Episode<T>],
    mut one: impl FnMut(&Episode<T>) -> Result<(f64, Tensor<T>)>,
) -> Result<MetaGradient<T>> {
    if episodes.is_empty() {
        return Err(Error::Setting { what: "a meta-gradient is a mean over at least one episode" });
    }
    let share = 1.0 / episodes.len() as f64;
    let mut mean: Vec<T> = alloc::vec![T::ZERO; params.len()];
    let mut loss = 0.0;
    for episode in episodes {
        let (found, block) = one(episode)?;
        loss += share * found;
        for (sum, number) in mean.iter_mut().zip(block.to_vec()) {
            *sum = *sum + number * T::from_f64(share);
        }
    }
    Ok(MetaGradient { gradient: Tensor::new([mean.len()], &mean)?, loss })
}
