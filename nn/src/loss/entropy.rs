//! Cross entropies: with labels, with distributions, and of yes or no.

use super::{Labels, unfit};
use crate::Error;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Fused, Pointwise, Reduce, Value};
use tress_tensor::{Element, Shape, Tensor};

/// The mean over samples of `-ln softmax(logits)[label]`; logits `[.., classes]`, one label a row.
///
/// For label smoothing, class weights and other reductions see [`CrossEntropy`].
#[track_caller]
pub fn cross_entropy<V: Value>(logits: &V, labels: &Labels) -> V {
    CrossEntropy::new().loss(logits, labels)
}

/// How the losses of the samples become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean; with class weights the weighted mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Not at all: one loss a sample.
    None,
}

/// Cross entropy with options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    smoothing: f64,
    weights: Option<Vec<f64>>,
    reduction: Reduction,
}

impl CrossEntropy {
    /// The mean over samples, without smoothing and weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Label smoothing: the target is `(1 - s)` at the label plus `s / classes` everywhere (Szegedy et al. 2016,
    /// "Rethinking the Inception architecture for computer vision", section 7).
    ///
    /// # Errors
    /// `s` is not in `0.0..=1.0`.
    pub fn smoothing(self, s: f64) -> Result<Self, Error> {
        match (0.0..=1.0).contains(&s) {
            true => Ok(Self { smoothing: s, ..self }),
            false => Err(Error::Setting { of: "cross_entropy", why: "smoothing must be between 0 and 1" }),
        }
    }

    /// A weight for each class. The mean then divides by the sum of the weights of the labels, as PyTorch does.
    ///
    /// # Errors
    /// A weight that is negative, infinite or NaN.
    pub fn weights(self, weights: &[f64]) -> Result<Self, Error> {
        if weights.iter().all(|&w| w >= 0.0 && w.is_finite()) {
            return Ok(Self { weights: Some(weights.to_vec()), ..self });
        }
        Err(Error::Setting { of: "cross_entropy", why: "class weights must be finite and not negative" })
    }

    /// How the losses of the samples become one.
    pub fn reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The loss of logits `[.., classes]` with one label a row.
    #[track_caller]
    pub fn loss<V: Value>(&self, logits: &V, labels: &Labels) -> V {
        let shape = logits.shape();
        let (rows, classes) = (labels.len(), labels.classes());
        let wrong = |right: &[usize], why| match Shape::named("cross_entropy", right) {
            Ok(right) => {
                tress_tensor::Error::Mismatch { op: "cross_entropy", left: shape, right, why, lengths: None }
            }
            Err(error) => error,
        };
        if shape.last() != Some(&classes) || shape.len() != rows * classes {
            let why = "the logits must be [labels, classes]";
            return logits.fail(wrong(&[rows, classes], why));
        }
        if let Some(weights) = self.weights.as_ref().filter(|weights| weights.len() != classes) {
            return logits.fail(wrong(&[weights.len()], "one weight for each class is wanted"));
        }

        let logs = logits.log_softmax();
        // The logarithm of the probability of each label, [rows].
        let mut likelihood = logs.reshape([rows * classes]).gather(0, labels.places());
        let mut total = rows as f64;
        let weights = self.weights.as_deref();
        if let Some(weights) = weights {
            let each: Vec<f64> = labels.as_slice().iter().map(|&label| weights[label as usize]).collect();
            total = each.iter().sum();
            likelihood = likelihood * logits.lift(constant::<V>(&each));
        }
        if self.smoothing > 0.0 {
            let table = logs.reshape([rows, classes]);
            let spread = match weights {
                Some(weights) => (table * logits.lift(constant::<V>(weights))).sum(&[1]),
                None => table.sum(&[1]),
            };
            likelihood =
                likelihood.scale(1.0 - self.smoothing) + spread.scale(self.smoothing / classes as f64);
        }
        match self.reduction {
            Reduction::Mean => likelihood.sum_all().scale(-1.0 / total),
            Reduction::Sum => -likelihood.sum_all(),
            Reduction::None => (-likelihood).reshape(&shape[..shape.rank() - 1]),
        }
    }
}

fn constant<V: Value>(numbers: &[f64]) -> Tensor<V::Elem> {
    let numbers: Vec<V::Elem> = numbers.iter().map(|&x| <V::Elem as Element>::from_f64(x)).collect();
    Tensor::vector(&numbers)
}

/// The mean over rows of `-sum target ln softmax(logits)`; logits and targets `[.., classes]`, each row of the target a
/// distribution.
#[track_caller]
pub fn soft_cross_entropy<V: Value>(logits: &V, target: &V) -> V {
    if let Some(mistake) = unfit("soft_cross_entropy", logits, target) {
        return mistake;
    }
    // The mean over all numbers, times the classes, is the mean over rows.
    let classes = logits.shape().last().map_or(1.0, |&classes| classes as f64);
    (logits.log_softmax() * target.clone()).mean_all().scale(-classes)
}

/// The mean over all numbers of `-t ln sigmoid(x) - (1 - t) ln(1 - sigmoid(x))`, without overflow; `t` between 0 and 1.
#[track_caller]
pub fn binary_cross_entropy<V: Value>(logits: &V, target: &V) -> V {
    if let Some(mistake) = unfit("binary_cross_entropy", logits, target) {
        return mistake;
    }
    // -ln sigmoid(x) = softplus(x) - x, and -ln(1 - sigmoid(x)) = softplus(x).
    (logits.softplus() - logits.clone() * target.clone()).mean_all()
}
