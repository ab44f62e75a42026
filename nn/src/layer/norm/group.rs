//! Normalisation over groups of channels, and over each channel, of each sample.

use super::Affine;
use crate::layer::Layer;
use crate::{Bound, Error, Handle, Scope};
use tress_autograd::{Fused, Value};
use tress_tensor::{Error as Wrong, Float, Shape};

/// `[N, C, ..]` with each of several runs of channels of each sample brought to mean 0 and variance 1 (Wu & He 2018, "Group
/// normalization", equation 7), then scaled and shifted by channel. It does not depend on the size of the batch.
///
/// Its parameters are `weight [C]` (ones) and `bias [C]` (zeros), unless it is made without them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    affine: Affine,
    channels: Shape,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// `groups` groups of neighbouring channels; epsilon 1e-5.
    ///
    /// # Errors
    /// Channels that do not fall into the groups, `weight` or `bias` that exist in this scope, or a shape that is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, groups: usize, channels: usize) -> Result<Self, Error> {
        let plain = Self::without_parameters(groups, channels)?;
        Ok(Self { affine: Affine::new(scope, plain.channels, true)?, ..plain })
    }

    /// Scaled, but not shifted.
    ///
    /// # Errors
    /// As [`new`](GroupNorm::new).
    pub fn without_bias<T: Float>(
        scope: &mut Scope<'_, T>,
        groups: usize,
        channels: usize,
    ) -> Result<Self, Error> {
        let plain = Self::without_parameters(groups, channels)?;
        Ok(Self { affine: Affine::new(scope, plain.channels, false)?, ..plain })
    }

    /// Neither scaled nor shifted.
    ///
    /// # Errors
    /// Channels that do not fall into the groups.
    pub fn without_parameters(groups: usize, channels: usize) -> Result<Self, Error> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::Setting { of: "group_norm", why: "the channels must fall into the groups" });
        }
        let channels = Shape::new(&[channels])?;
        Ok(Self { affine: Affine::default(), channels, groups, epsilon: 1e-5 })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales, `[C]`.
    pub fn weight(&self) -> Option<Handle> {
        self.affine.weight
    }

    /// The bias, `[C]`.
    pub fn bias(&self) -> Option<Handle> {
        self.affine.bias
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// What keeps the quotient finite.
    pub fn epsilon_value(&self) -> f64 {
        self.epsilon
    }
}

impl Layer for GroupNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        if let Err(error) = channels("group_norm", &x.shape(), &self.channels) {
            return x.fail(error);
        }
        let [weight, bias] = self.affine.fetch(bound, x);
        x.group_norm(self.groups, weight.as_ref(), bias.as_ref(), self.epsilon)
    }
}

/// `[N, C, ..]` with each channel of each sample brought to mean 0 and variance 1 (Ulyanov, Vedaldi & Lempitsky 2016,
/// "Instance normalization", equation 2), without parameters; or with `weight [C]` (ones) and `bias [C]` (zeros).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNorm {
    affine: Affine,
    epsilon: f64,
}

impl InstanceNorm {
    /// Epsilon 1e-5, for any number of channels.
    pub fn new() -> Self {
        Self { affine: Affine::default(), epsilon: 1e-5 }
    }

    /// Then scaled and shifted by channel.
    ///
    /// # Errors
    /// `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn with_parameters<T: Float>(scope: &mut Scope<'_, T>, channels: usize) -> Result<Self, Error> {
        Ok(Self { affine: Affine::new(scope, Shape::new(&[channels])?, true)?, ..Self::new() })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales, `[C]`.
    pub fn weight(&self) -> Option<Handle> {
        self.affine.weight
    }

    /// The bias, `[C]`.
    pub fn bias(&self) -> Option<Handle> {
        self.affine.bias
    }

    /// What keeps the quotient finite.
    pub fn epsilon_value(&self) -> f64 {
        self.epsilon
    }
}

impl Default for InstanceNorm {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for InstanceNorm {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (op, shape) = ("instance_norm", x.shape());
        if shape.rank() < 3 {
            let why = "at least three axes are wanted: N, C, and those to normalise over";
            return x.fail(Wrong::Unfit { op, shape, why });
        }
        if let Some(weight) = &self.affine.weight
            && let Err(error) = channels(op, &shape, weight.shape())
        {
            return x.fail(error);
        }
        let [weight, bias] = self.affine.fetch(bound, x);
        x.group_norm(shape[1], weight.as_ref(), bias.as_ref(), self.epsilon)
    }
}

/// That `x` is `[N, C, ..]` with the channels of a layer.
pub(super) fn channels(op: &'static str, x: &Shape, own: &Shape) -> Result<(), Wrong> {
    match x[..] {
        [_, found, ..] if found == own[0] => Ok(()),
        [_, found, ..] => {
            let (why, lengths) = ("give the layer as many channels as the input has;", Some((found, own[0])));
            Err(Wrong::Mismatch { op, left: *x, right: *own, why, lengths })
        }
        _ => Err(Wrong::Unfit { op, shape: *x, why: "at least two axes are wanted: N, C" }),
    }
}
