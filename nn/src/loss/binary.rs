//! Yes or no: binary cross entropy, and the focal loss for rare classes.

use super::over::{epsilon, vector};
use super::{
    Along, Labels, Loss, Terms, as_rows, at_labels, refuse, sound, sound_weights, unfit, unlabelled,
    unweighted,
};
use crate::Error;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_tensor::{Error as Wrong, Shape};

/// Binary cross entropy: `-p t ln sigmoid(x) - (1 - t) ln(1 - sigmoid(x))` of each logit, without overflow; targets `t`
/// between 0 and 1, of the same shape, and `p` the weight of yes, which is 1 unless it is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropy {
    positive: Option<Vec<f64>>,
}

impl BinaryCrossEntropy {
    /// Yes and no weigh alike.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weight of yes, for each index of the last axis (or one for all): above 1 it asks for more recall.
    ///
    /// # Errors
    /// A weight that is negative, infinite or NaN.
    pub fn positive(self, weights: &[f64]) -> Result<Self, Error> {
        Ok(Self { positive: Some(sound_weights("binary_cross_entropy", weights)?) })
    }
}

impl<V: Value> Loss<V> for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";

    #[track_caller]
    fn terms(&self, x: &V, target: &V) -> Terms<V> {
        let name = <Self as Loss<V>>::NAME;
        refuse!(unfit(name, x, target));
        let Some(positive) = &self.positive else {
            // -ln sigmoid(x) = softplus(x) - x, and -ln(1 - sigmoid(x)) = softplus(x).
            return (x.softplus() - x.clone() * target.clone()).into();
        };
        if positive.len() != 1 {
            refuse!(unweighted(name, x, Some(positive)));
        }
        let shape =
            if positive.len() == 1 { Ok(Shape::SCALAR) } else { Shape::named(name, &[positive.len()]) };
        let weights = match shape {
            Ok(shape) => vector(x, positive.iter().copied()).reshape(shape),
            Err(error) => return x.fail(error).into(),
        };
        // softplus(-x) for yes and softplus(-x) + x for no: (1 - t) x + (1 + (p - 1) t) softplus(-x).
        let yes = (-x.clone()).softplus();
        let share = (target.clone() * weights.offset(-1.0)).offset(1.0);
        ((-target.clone()).offset(1.0) * x.clone() + share * yes).into()
    }
}

/// The focal loss (Lin et al. 2017, "Focal loss for dense object detection", equations 4 and 5): cross entropy times
/// `(1 - p)^gamma`, where `p` is the probability of what is right, so that what is easy hardly counts.
///
/// With a target in the shape of the logits, 0 or 1 each, a loss for each logit. With [`Labels`], a loss for each row of
/// logits `[.., classes]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Focal {
    gamma: f64,
    alpha: Option<f64>,
    weights: Option<Vec<f64>>,
}

impl Focal {
    /// With exponent `gamma`; 0 is plain cross entropy, 2 is usual.
    ///
    /// # Errors
    /// `gamma` is negative, infinite or NaN.
    pub fn new(gamma: f64) -> Result<Self, Error> {
        let gamma = sound("focal", "gamma must be finite and not negative", gamma)?;
        Ok(Self { gamma, alpha: None, weights: None })
    }

    /// For yes or no: yes weighs `alpha`, no weighs `1 - alpha`.
    ///
    /// # Errors
    /// `alpha` is not in `0.0..=1.0`.
    pub fn alpha(self, alpha: f64) -> Result<Self, Error> {
        match (0.0..=1.0).contains(&alpha) {
            true => Ok(Self { alpha: Some(alpha), ..self }),
            false => Err(Error::Setting { of: "focal", why: "alpha must be between 0 and 1" }),
        }
    }

    /// For classes: a weight for each. The mean divides by the number of rows all the same, as equation 5 does.
    ///
    /// # Errors
    /// A weight that is negative, infinite or NaN.
    pub fn weights(self, weights: &[f64]) -> Result<Self, Error> {
        Ok(Self { weights: Some(sound_weights("focal", weights)?), ..self })
    }

    /// For classes along another axis than the last, such as 1 of `[N, C, H, W]`: see [`Along`].
    pub fn along(self, axis: usize) -> Along<Self> {
        Along::new(self, axis)
    }
}

impl<V: Value> Loss<V> for Focal {
    const NAME: &'static str = "focal";

    #[track_caller]
    fn terms(&self, x: &V, target: &V) -> Terms<V> {
        refuse!(unfit(<Self as Loss<V>>::NAME, x, target));
        if self.weights.is_some() {
            let why = "class weights are for labels; use `alpha` for yes or no";
            return x.fail(Wrong::Setting { op: <Self as Loss<V>>::NAME, why }).into();
        }
        // The logit of what is right: x for yes, -x for no. Then p = sigmoid(right), 1 - p = exp(-softplus(right)).
        let right = x.clone() * target.scale(2.0).offset(-1.0);
        let hardness = right.softplus().scale(-self.gamma).exp();
        let losses = hardness * (-right).softplus();
        match self.alpha {
            Some(alpha) => (losses * target.scale(2.0 * alpha - 1.0).offset(1.0 - alpha)).into(),
            None => losses.into(),
        }
    }
}

impl<V: Value> Loss<V, Labels> for Focal {
    const NAME: &'static str = "focal";

    #[track_caller]
    fn terms(&self, logits: &V, labels: &Labels) -> Terms<V> {
        let (name, weights) = (<Self as Loss<V>>::NAME, self.weights.as_deref());
        refuse!(unlabelled(name, logits, labels), unweighted(name, logits, weights));
        if self.alpha.is_some() {
            let why = "`alpha` is for yes or no; use class weights for labels";
            return logits.fail(Wrong::Setting { op: name, why }).into();
        }
        let likelihood = at_labels(&logits.log_softmax(), labels);
        // Below the resolution of 1 - p its powers may have infinite slopes, and the loss is 0 to all digits.
        let hardness = (-likelihood.exp_m1()).clamp(epsilon::<V>(), 1.0).powf(self.gamma);
        let mut losses = -(hardness * likelihood);
        if let Some(weights) = weights {
            let of = labels.iter().map(|label| label.map_or(0.0, |label| weights[label]));
            losses = losses * vector(logits, of);
        }
        as_rows(losses, logits).into()
    }
}
