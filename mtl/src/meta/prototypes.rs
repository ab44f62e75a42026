//! Prototypical networks: classes are the means of their embeddings.

use alloc::vec::Vec;

use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Tape, Value};
use tress_nn::{Gradient, Labels, Layer, Params};
use tress_tensor::{Element, Float, Tensor};

use super::episode::lifted;
use super::{Episode, Examples, MetaGradient, MetaMethod, mean_over};
use crate::error::{Error, Result};
use crate::network::{Targets, Task};

/// Prototypical networks: J. Snell, K. Swersky & R. Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017,
/// algorithm 1, with the squared Euclidean distance.
///
/// The head of the task is an embedding, `[N, d]`. The prototype of a class is the mean of its support (equation 1); the
/// logits of a sample are its negative squared distances to the prototypes (equation 2). The objective is the number of
/// classes of an episode; a new episode may have other classes, or more of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prototypes;

impl Prototypes {
    /// The mean embedding of each class, `[classes, d]`, from embeddings `[N, d]`.
    ///
    /// # Errors
    /// A class without a sample. Embeddings of another shape make a mistake in the value.
    #[track_caller]
    pub fn centres<V: Value>(embeddings: &V, labels: &Labels) -> Result<V> {
        let (classes, samples) = (labels.classes(), labels.len());
        let mut counts = alloc::vec![0usize; classes];
        labels.iter().flatten().for_each(|class| counts[class] += 1);
        if counts.contains(&0) {
            return Err(Error::Setting {
                what: "each class of an episode has at least one sample of support",
            });
        }
        let mut shares = alloc::vec![V::Elem::ZERO; classes * samples];
        for (sample, class) in labels.iter().enumerate() {
            if let Some(class) = class {
                shares[class * samples + sample] = V::Elem::from_f64(1.0 / counts[class] as f64);
            }
        }
        let shares = embeddings.lift(Tensor::new([classes, samples], &shares)?);
        Ok(shares.matmul(embeddings))
    }

    /// The negative squared distances `[N, classes]` of embeddings `[N, d]` from centres `[classes, d]`.
    #[track_caller]
    pub fn logits<V: Value>(embeddings: &V, centres: &V) -> V {
        let products = embeddings.matmul(centres.transpose(0, 1)).scale(2.0);
        let own = embeddings.square().sum_keep(&[1]);
        let theirs = centres.square().sum(&[1]);
        products - own - theirs
    }
}

/// The classes of a support.
fn classes<T: Float>(support: &Examples<T>) -> Result<&Labels> {
    match support.targets() {
        Targets::Classes(labels) => Ok(labels),
        Targets::Numbers(_) => Err(Error::Setting { what: "prototypes are of classes, not of numbers" }),
    }
}

impl<T: Float> MetaMethod<T> for Prototypes {
    fn gradient<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episodes: &[Episode<T>],
    ) -> Result<MetaGradient<T>> {
        mean_over(params, episodes, |episode| {
            let tape = Tape::new();
            let bound = params.on(&tape);
            let support = episode.support.output(task, &bound)?;
            let query = episode.query.output(task, &bound)?;
            let logits = Self::logits(&query, &Self::centres(&support, classes(&episode.support)?)?);
            let loss = task.loss(&logits, episode.query.targets())?;
            let (loss, gradient) = loss.value_and_gradient(&bound)?;
            Ok((loss.to_f64(), gradient))
        })
    }

    fn predict<M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        support: &Examples<T>,
        inputs: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        let bound = params.eager();
        let embedded: Vec<Eager<T>> = [support.inputs(), inputs]
            .into_iter()
            .map(|x| Ok(task.head().apply(&bound, &lifted(&bound, x)?)))
            .collect::<Result<_>>()?;
        Ok(Self::logits(&embedded[1], &Self::centres(&embedded[0], classes(support)?)?).tensor()?.clone())
    }
}
