//! Losses of classes whose axis is not the last: maps of pixels, the steps of a sequence behind its channels.

use super::{Labels, Loss, Over, Terms};
use tress_autograd::{Arrange, Value};
use tress_tensor::{Error, Shape};

/// A loss of classes that lie along another axis than the last: for images `[N, C, H, W]` the axis 1, with labels for
/// `N H W` pixels in that order. Losses, weights and masks have the shape without it, `[N, H, W]`, or that of its first
/// axes.
///
/// [`CrossEntropy::along`](super::CrossEntropy::along) and [`Focal::along`](super::Focal::along) make it; it is for any loss
/// of rows.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::loss::{CrossEntropy, Labels, Loss, Over};
/// use tress_tensor::Tensor;
///
/// // One image of three pixels, two classes.
/// let logits = Eager::new(Tensor::new([1, 2, 1, 3], &[0.0f32, 5.0, 0.0, 0.0, 0.0, 0.0])?);
/// let labels = Labels::new([0, 0, 1], 2)?;
/// let losses = CrossEntropy::new().along(1).over(&logits, &labels, &Over::each());
/// assert_eq!(**losses.tensor()?.shape(), [1, 1, 3]);
/// assert!(losses.tensor()?[[0, 0, 1]] < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Along<L> {
    loss: L,
    axis: usize,
}

impl<L> Along<L> {
    /// A loss of rows, along this axis of the predictions.
    pub fn new(loss: L, axis: usize) -> Self {
        Self { loss, axis }
    }

    /// `x` with the classes along the last axis: a view.
    #[track_caller]
    fn rows<V: Value>(&self, op: &'static str, x: &V) -> V {
        let shape = x.shape();
        match self.axis < shape.rank() {
            true => x.move_axis(self.axis, shape.rank() - 1),
            false => x.fail(Error::Axis { op, axis: self.axis, shape }),
        }
    }

    /// The rows for labels, of which there must be one for each.
    #[track_caller]
    fn rows_of<V: Value>(&self, op: &'static str, x: &V, labels: &Labels) -> V {
        let (left, classes) = (x.shape(), labels.classes());
        if left.get(self.axis) != Some(&classes) || Some(left.len()) != labels.len().checked_mul(classes) {
            let why = "there must be as many logits along the axis of the classes as classes, and a label for each place";
            return match Shape::named(op, &[labels.len(), classes]) {
                Ok(right) => x.fail(Error::Mismatch { op, left, right, why, lengths: None }),
                Err(error) => x.fail(error),
            };
        }
        self.rows(op, x)
    }
}

impl<V: Value, L: Loss<V, Labels>> Loss<V, Labels> for Along<L> {
    const NAME: &'static str = L::NAME;

    #[track_caller]
    fn terms(&self, x: &V, labels: &Labels) -> Terms<V> {
        self.loss.terms(&self.rows_of(L::NAME, x, labels), labels)
    }

    #[track_caller]
    fn over(&self, x: &V, labels: &Labels, over: &Over<V>) -> V {
        let rows = self.rows_of(L::NAME, x, labels);
        if rows.mistake().is_some() { rows } else { self.loss.over(&rows, labels, over) }
    }
}

impl<V: Value, L: Loss<V>> Loss<V> for Along<L> {
    const NAME: &'static str = L::NAME;

    #[track_caller]
    fn terms(&self, x: &V, target: &V) -> Terms<V> {
        self.loss.terms(&self.rows(L::NAME, x), &self.rows(L::NAME, target))
    }

    #[track_caller]
    fn over(&self, x: &V, target: &V, over: &Over<V>) -> V {
        self.loss.over(&self.rows(L::NAME, x), &self.rows(L::NAME, target), over)
    }
}
