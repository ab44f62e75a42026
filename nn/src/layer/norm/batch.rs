//! Batch normalisation, with running statistics.

use super::Affine;
use super::fused;
use super::group::channels;
use crate::layer::Layer;
use crate::{Bound, Error, Handle, Init, Mode, Scope};
use alloc::vec::Vec;
use tress_autograd::{Arrange, Pointwise, Reduce, Value};
use tress_tensor::{Error as Wrong, Float, Shape};

/// `[N, C]`, `[N, C, L]` or `[N, C, H, W]` with each channel brought to mean 0 and variance 1, then scaled and shifted
/// (Ioffe & Szegedy 2015, "Batch normalization", algorithms 1 and 2).
///
/// In training, mean and variance are those of the channel over the batch, and the running ones move a part of the way
/// there: they are state, and what they become is [set aside](crate::Bound::renewed) for the end of the step, since running
/// a model changes nothing. In evaluation the running ones are taken, so a sample does not depend on its batch.
///
/// Its parameters are `weight [C]` (ones) and `bias [C]` (zeros), unless it is made without them; its state is
/// `running_mean [C]` (zeros) and `running_var [C]` (ones), the unbiased variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    affine: Affine,
    running_mean: Handle,
    running_var: Handle,
    momentum: f64,
    epsilon: f64,
}

impl BatchNorm {
    /// Epsilon 1e-5, momentum 0.1.
    ///
    /// # Errors
    /// A parameter of its exists in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, channels: usize) -> Result<Self, Error> {
        let affine = Affine::new(scope, Shape::new(&[channels])?, true)?;
        Self::with(scope, channels, affine)
    }

    /// Scaled, but not shifted.
    ///
    /// # Errors
    /// As [`new`](BatchNorm::new).
    pub fn without_bias<T: Float>(scope: &mut Scope<'_, T>, channels: usize) -> Result<Self, Error> {
        let affine = Affine::new(scope, Shape::new(&[channels])?, false)?;
        Self::with(scope, channels, affine)
    }

    /// Neither scaled nor shifted: there is the state alone.
    ///
    /// # Errors
    /// As [`new`](BatchNorm::new).
    pub fn without_parameters<T: Float>(scope: &mut Scope<'_, T>, channels: usize) -> Result<Self, Error> {
        Self::with(scope, channels, Affine::default())
    }

    fn with<T: Float>(scope: &mut Scope<'_, T>, channels: usize, affine: Affine) -> Result<Self, Error> {
        Ok(Self {
            affine,
            running_mean: scope.state("running_mean", [channels], Init::Zeros)?,
            running_var: scope.state("running_var", [channels], Init::Constant(1.0))?,
            momentum: 0.1,
            epsilon: 1e-5,
        })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Which part of the way to the statistics of the batch the running ones move in a step.
    ///
    /// # Errors
    /// It is not in `0.0..=1.0`.
    pub fn momentum(self, momentum: f64) -> Result<Self, Error> {
        match (0.0..=1.0).contains(&momentum) {
            true => Ok(Self { momentum, ..self }),
            false => Err(Error::Setting { of: "batch_norm", why: "the momentum must be between 0 and 1" }),
        }
    }

    /// The scales, `[C]`.
    pub fn weight(&self) -> Option<Handle> {
        self.affine.weight
    }

    /// The bias, `[C]`.
    pub fn bias(&self) -> Option<Handle> {
        self.affine.bias
    }

    /// The running mean and the running variance, `[C]` each.
    pub fn running(&self) -> [Handle; 2] {
        [self.running_mean, self.running_var]
    }

    /// What keeps the quotient finite.
    pub fn epsilon_value(&self) -> f64 {
        self.epsilon
    }

    /// Moves the running statistics to those of a batch of `count` numbers a channel.
    #[track_caller]
    fn renew<V: Value>(&self, bound: &Bound<V>, mean: &V, variance: &V, count: usize) {
        let unbiased = count as f64 / (count - 1) as f64;
        let moved = [(&self.running_mean, mean, 1.0), (&self.running_var, variance, unbiased)];
        for (handle, found, factor) in moved {
            let old = bound.latest(handle, found);
            let momentum = bound.pace(self.momentum);
            let found = found.stop().scale(momentum * factor);
            // What is left behind altogether may be anything, NaN included.
            let new = if momentum == 1.0 { found } else { old.stop().scale(1.0 - momentum) + found };
            bound.renew(handle, new);
        }
    }
}

impl Layer for BatchNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (op, shape) = ("batch_norm", x.shape());
        if let Err(error) = channels(op, &shape, self.running_mean.shape()) {
            return x.fail(error);
        }
        let [weight, bias] = self.affine.fetch(bound, x);
        let column = column(&shape);
        let Mode::Training { .. } = bound.mode_of(&self.running_mean) else {
            let (mean, variance) = (bound.fetch(&self.running_mean, x), bound.fetch(&self.running_var, x));
            let scale = times(variance.offset(self.epsilon).rsqrt(), weight);
            let shift = match bias {
                Some(bias) => bias - mean * scale.clone(),
                None => -(mean * scale.clone()),
            };
            return x.clone() * scale.reshape(column) + shift.reshape(column);
        };
        let count = shape.len() / shape[1].max(1);
        if count < 2 {
            let why = "in training, a channel needs at least two numbers: take a larger batch, or evaluate";
            return x.fail(Wrong::Unfit { op, shape, why });
        }
        let own = [weight.as_ref(), bias.as_ref()];
        let (y, [mean, variance]) = if fused::is_worth_it(&shape) {
            match fused::apply(x, own, self.epsilon) {
                Ok(found) => found,
                Err(mistake) => return x.wrong(mistake),
            }
        } else {
            let (centred, found) = statistics(x);
            (scaled(centred, &found[1], own, self.epsilon), found)
        };
        self.renew(bound, &mean, &variance, count);
        y
    }
}

/// A batch less the mean of each channel, and the mean and the variance of each.
#[track_caller]
pub(super) fn statistics<V: Value>(x: &V) -> (V, [V; 2]) {
    let shape = x.shape();
    let mean = x.mean(&others(&shape));
    let centred = x.clone() - mean.reshape(column(&shape));
    let variance = centred.square().mean(&others(&shape));
    (centred, [mean, variance])
}

/// What is made of a centred batch.
#[track_caller]
pub(super) fn scaled<V: Value>(centred: V, variance: &V, [weight, bias]: [Option<&V>; 2], epsilon: f64) -> V {
    let column = column(&centred.shape());
    let scale = times(variance.offset(epsilon).rsqrt(), weight.cloned());
    let y = centred * scale.reshape(column);
    match bias {
        Some(bias) => y + bias.reshape(column),
        None => y,
    }
}

/// All axes but that of the channels.
pub(super) fn others(shape: &Shape) -> Vec<usize> {
    (0..shape.rank()).filter(|&axis| axis != 1).collect()
}

#[track_caller]
fn times<V: Value>(scale: V, weight: Option<V>) -> V {
    match weight {
        Some(weight) => scale * weight,
        None => scale,
    }
}

/// `[C]` as it lies under `[N, C, ..]`: `[C, 1, ..]`.
pub(super) fn column(x: &Shape) -> Shape {
    let mut column = *x;
    for axis in (0..x.rank()).filter(|&axis| axis != 1) {
        column = column.with(axis, 1).unwrap_or(column);
    }
    column
}
