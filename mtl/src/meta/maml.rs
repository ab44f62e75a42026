//! MAML, its first-order form, and ANIL.

use tress_nn::{Gradient, Layer, Params};
use tress_tensor::{Float, Tensor};

use super::{Episode, Examples, InnerLoop, MetaGradient, MetaMethod, mean_over};
use crate::error::Result;
use crate::network::Task;
use tress_autograd::{Eager, Tape};

/// Model-agnostic meta-learning: C. Finn, P. Abbeel & S. Levine, "Model-agnostic meta-learning for fast adaptation of
/// deep networks", ICML 2017, algorithm 1.
///
/// With `θ'` the parameters after the inner steps on the support S, it descends on the loss of the query Q there:
///
/// ```text
/// θ' = θ - α ∇L_S(θ)           (once, or several times)
/// gradient = ∇_θ L_Q(θ')       = (I - α ∇²L_S(θ)) ∇L_Q(θ')  for one step
/// ```
///
/// The product with the Hessian is not approximated and not written down anywhere: it is the sweep through the recorded
/// inner steps.
///
/// * [`first_order`](Maml::first_order) leaves it out: the gradient is `∇L_Q(θ')` (section 5.2 there; "FOMAML" in Nichol
///   et al. 2018). One step then costs no more than two of plain training.
/// * [`within`](Maml::within) lets the inner steps move one scope alone. With that of the head it is ANIL: A. Raghu et
///   al., "Rapid learning or feature reuse?", ICLR 2020, section 4. The outer step still moves everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Maml {
    inner: InnerLoop,
    is_first_order: bool,
}

impl Maml {
    /// Inner steps of this rate, so many of them; second order.
    ///
    /// # Errors
    /// A rate that is not finite and above zero.
    pub fn new(rate: f64, steps: usize) -> Result<Self> {
        Ok(Self { inner: InnerLoop::new(rate, steps)?, is_first_order: false })
    }

    /// The inner gradients taken for constants.
    pub fn first_order(self) -> Self {
        Self { is_first_order: true, ..self }
    }

    /// Inner steps of what lies in the scope `path` alone, such as `head`: ANIL.
    pub fn within(self, path: &str) -> Self {
        Self { inner: self.inner.within(path), ..self }
    }

    /// How a new task is adapted to.
    pub fn inner(&self) -> &InnerLoop {
        &self.inner
    }
}

impl<T: Float> MetaMethod<T> for Maml {
    fn gradient<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episodes: &[Episode<T>],
    ) -> Result<MetaGradient<T>> {
        mean_over(params, episodes, |episode| match self.is_first_order {
            true => {
                let adapted = self.inner.adapt(task, params, &params.eager(), &episode.support)?;
                let tape = Tape::<Eager<T>>::new();
                let bound = adapted.map(|value, _| tape.leaf(value.clone()));
                let (loss, gradient) = episode.query.loss(task, &bound)?.value_and_gradient(&bound)?;
                Ok((loss.to_f64(), gradient))
            }
            false => self.inner.second_order(task, params, episode),
        })
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
