//! Reptile: towards where plain training on a task would end.

use tress_autograd::Eager;
use tress_nn::{Bound, Layer, Params};
use tress_tensor::{Float, Tensor};

use super::{Episode, Examples, InnerLoop, MetaGradient, MetaMethod, mean_over};
use crate::error::{Error, Result};
use crate::network::Task;

/// Reptile: A. Nichol, J. Achiam & J. Schulman, "On first-order meta-learning algorithms", 2018, algorithm 2 (batched).
///
/// Plain descent on a task leads from `θ` to `θ'`; the gradient is the mean of `θ - θ'`, so that
/// [`Sgd`](tress_nn::Sgd) with the rate ε takes the paper's step `θ + ε mean(θ' - θ)`.
///
/// It tells support and query not apart (section 3: no split is needed). An episode is two batches, which the inner steps
/// take in turn, and there are two steps at least: one step on one batch would be plain training on all tasks at once.
/// New tasks are adapted to on their support alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Reptile {
    inner: InnerLoop,
}

impl Reptile {
    /// Inner steps of this rate, so many of them.
    ///
    /// # Errors
    /// A rate that is not finite and above zero, or fewer than two steps.
    pub fn new(rate: f64, steps: usize) -> Result<Self> {
        match steps {
            0 | 1 => Err(Error::Setting { what: "Reptile takes at least two inner steps" }),
            _ => Ok(Self { inner: InnerLoop::new(rate, steps)? }),
        }
    }

    /// How a new task is adapted to.
    pub fn inner(&self) -> &InnerLoop {
        &self.inner
    }
}

impl<T: Float> MetaMethod<T> for Reptile {
    /// The loss is that before the last inner step, on its batch.
    fn gradient<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episodes: &[Episode<T>],
    ) -> Result<MetaGradient<T>> {
        let before = block(&params.eager())?;
        mean_over(params, episodes, |episode| {
            let (mut now, mut last) = (params.eager(), 0.0);
            for step in 0..self.inner.steps() {
                let batch = if step % 2 == 0 { &episode.support } else { &episode.query };
                let (next, loss) = self.inner.step(task, params, &now, batch)?;
                (now, last) = (next, loss.item()?.to_f64());
            }
            let after = block(&now)?.to_vec();
            let way: alloc::vec::Vec<T> =
                before.to_vec().into_iter().zip(after).map(|(a, b)| a - b).collect();
            Ok((last, Tensor::new([way.len()], &way)?))
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

/// What is trained of some parameters, in the layout of the block.
fn block<T: Float>(bound: &Bound<Eager<T>>) -> Result<Tensor<T>> {
    let leaves = bound.leaves();
    let numbers = leaves.values().iter().map(|value| value.tensor().cloned().map(Some));
    Ok(leaves.block(&numbers.collect::<core::result::Result<alloc::vec::Vec<_>, _>>()?)?)
}
