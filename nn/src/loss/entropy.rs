//! Cross entropy of classes, with labels or with distributions.

use super::over::vector;
use super::rowless;
use super::{Along, Labels, Loss, Terms, as_rows, refuse, sound_weights, unfit, unlabelled, unweighted};
use crate::Error;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Fused, Pointwise, Reduce, Value};

/// The mean over samples of `-ln softmax(logits)[label]`; logits `[.., classes]`, one label a row. A short form of
/// [`CrossEntropy`].
#[track_caller]
pub fn cross_entropy<V: Value>(logits: &V, labels: &Labels) -> V {
    CrossEntropy::new().loss(logits, labels)
}

/// Cross entropy: `-sum target ln softmax(logits)` for each row of the logits `[.., classes]`; losses of shape `[..]`.
///
/// The target is one label a row ([`Labels`], of which some may be ignored), or a distribution a row, in the shape of the
/// logits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    smoothing: f64,
    weights: Option<Vec<f64>>,
}

impl CrossEntropy {
    /// Without smoothing and weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Label smoothing: the target is `(1 - s)` of what it was plus `s / classes` everywhere (Szegedy et al. 2016,
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

    /// A weight for each class. With labels the mean then divides by the sum of the weights of the labels; with
    /// distributions by the number of rows. Both as PyTorch does.
    ///
    /// # Errors
    /// A weight that is negative, infinite or NaN.
    pub fn weights(self, weights: &[f64]) -> Result<Self, Error> {
        Ok(Self { weights: Some(sound_weights("cross_entropy", weights)?), ..self })
    }

    /// For classes along another axis than the last, such as 1 of `[N, C, H, W]`: see [`Along`].
    pub fn along(self, axis: usize) -> Along<Self> {
        Along::new(self, axis)
    }
}

impl<V: Value> Loss<V, Labels> for CrossEntropy {
    const NAME: &'static str = "cross_entropy";

    #[track_caller]
    fn terms(&self, logits: &V, labels: &Labels) -> Terms<V> {
        let (name, weights) = (<Self as Loss<V>>::NAME, self.weights.as_deref());
        refuse!(unlabelled(name, logits, labels), unweighted(name, logits, weights));
        let (rows, classes) = (labels.len(), labels.classes());
        let table = logits.reshape([rows, classes]);
        let mut share = None;
        // Each label's own loss in one pass, [rows].
        let mut losses = table.cross_entropy(labels.rows());
        if let Some(weights) = weights {
            let of = labels.iter().map(|label| label.map_or(0.0, |label| weights[label]));
            let each = vector(logits, of);
            losses = losses * each.clone();
            share = Some(as_rows(each, logits));
        }
        if self.smoothing > 0.0 {
            let logs = table.log_softmax();
            let spread = match weights {
                Some(weights) => (logs * vector(logits, weights.iter().copied())).sum(&[1]),
                None => logs.sum(&[1]),
            };
            losses = losses.scale(1.0 - self.smoothing) - spread.scale(self.smoothing / classes as f64);
        }
        let terms = Terms::new(as_rows(losses, logits));
        match share {
            Some(share) => terms.counting(share),
            None => terms,
        }
    }
}

impl<V: Value> Loss<V> for CrossEntropy {
    const NAME: &'static str = "cross_entropy";

    #[track_caller]
    fn terms(&self, logits: &V, target: &V) -> Terms<V> {
        let (name, weights) = (<Self as Loss<V>>::NAME, self.weights.as_deref());
        refuse!(unfit(name, logits, target), rowless(name, logits), unweighted(name, logits, weights));
        let classes = logits.shape().rank() - 1; // the axis
        let mut target = target.clone();
        if self.smoothing > 0.0 {
            let even = self.smoothing / logits.shape()[classes].max(1) as f64;
            target = target.scale(1.0 - self.smoothing).offset(even);
        }
        if let Some(weights) = weights {
            target = target * vector(logits, weights.iter().copied());
        }
        (-(logits.log_softmax() * target).sum(&[classes])).into()
    }
}
