//! Meta-SGD: the start, and a rate for each number of it.

use alloc::string::String;
use alloc::vec::Vec;

use tress_nn::{Init, Layer, Params};
use tress_tensor::{Float, Shape, Tensor};

use super::{Episode, Examples, InnerLoop, MetaGradient, MetaMethod, mean_over};
use crate::error::{Error, Result};
use crate::network::Task;

/// Meta-SGD: Z. Li et al., "Meta-SGD: learning to learn quickly for few-shot learning", 2017, equation (3).
///
/// `θ' = θ - α ∘ ∇L_S(θ)`, with a rate for each number; both θ and α descend on `L_Q(θ')`. The rates are parameters of
/// the model, named `rate.` and the name of the parameter that they belong to: optimisers, rules and files treat them as
/// any others. They may become negative: the direction is learnt too.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaSgd {
    inner: InnerLoop,
}

impl MetaSgd {
    /// Declares rates, all of them `rate` at first (the paper draws them from `0.005..0.1`), for every trained parameter
    /// that there is now. Adaptation takes so many steps, one in the paper.
    ///
    /// # Errors
    /// A rate that is not finite and above zero, no parameters, or parameters that begin with `rate.` already.
    pub fn new<T: Float>(params: &mut Params<T>, rate: f64, steps: usize) -> Result<Self> {
        InnerLoop::new(rate, steps)?;
        let trained: Vec<(String, Shape)> = params
            .entries()
            .filter(|entry| entry.is_trained())
            .map(|entry| (String::from(entry.name()), *entry.shape()))
            .collect();
        if trained.is_empty() {
            return Err(Error::Setting {
                what: "Meta-SGD learns rates of parameters that are declared before",
            });
        }
        let mut pairs = Vec::with_capacity(trained.len());
        let mut scope = params.scope("rate");
        for (name, shape) in trained {
            scope.parameter(&name, shape, Init::Constant(rate))?;
            let rates = alloc::format!("rate.{name}");
            pairs.push((name, rates));
        }
        Ok(Self { inner: InnerLoop::learnt(pairs, steps) })
    }

    /// How a new task is adapted to.
    pub fn inner(&self) -> &InnerLoop {
        &self.inner
    }
}

impl<T: Float> MetaMethod<T> for MetaSgd {
    fn gradient<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episodes: &[Episode<T>],
    ) -> Result<MetaGradient<T>> {
        mean_over(params, episodes, |episode| self.inner.second_order(task, params, episode))
    }

    fn predict<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        support: &Examples<T>,
        inputs: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        self.inner.predict(task, params, support, inputs)
    }
}
