//! Normalisation over groups of channels, and over each channel, of each sample.

use crate::layer::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Fused, Value};
use tress_tensor::{Error as Wrong, Float, Shape};

/// `[N, C, ..]` with each of several runs of channels of each sample brought to mean 0 and variance 1 (Wu & He 2018, "Group
/// normalization", equation 7), then scaled and shifted by channel. It does not depend on the size of the batch.
///
/// Its parameters are `weight [C]` (ones) and `bias [C]` (zeros).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    weight: Handle,
    bias: Handle,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// `groups` groups of neighbouring channels; epsilon 1e-5.
    ///
    /// # Errors
    /// Channels that do not fall into the groups, `weight` or `bias` that exist in this scope, or a shape that is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, groups: usize, channels: usize) -> Result<Self, Error> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::Setting { of: "group_norm", why: "the channels must fall into the groups" });
        }
        let weight = scope.parameter("weight", [channels], Init::Constant(1.0))?;
        let bias = scope.parameter("bias", [channels], Init::Zeros)?;
        Ok(Self { weight, bias, groups, epsilon: 1e-5 })
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The scales, `[C]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[C]`.
    pub fn bias(&self) -> Handle {
        self.bias
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
        if let Err(error) = channels("group_norm", &x.shape(), self.weight.shape()) {
            return x.fail(error);
        }
        let (weight, bias) = (bound.fetch(&self.weight, x), bound.fetch(&self.bias, x));
        x.group_norm(self.groups, Some(&weight), Some(&bias), self.epsilon)
    }
}

/// `[N, C, ..]` with each channel of each sample brought to mean 0 and variance 1 (Ulyanov, Vedaldi & Lempitsky 2016,
/// "Instance normalization", equation 2), without parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNorm {
    epsilon: f64,
}

impl InstanceNorm {
    /// Epsilon 1e-5.
    pub fn new() -> Self {
        Self { epsilon: 1e-5 }
    }

    /// What keeps the quotient finite.
    pub fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon }
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
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        match shape.rank() {
            0..3 => {
                let why = "at least three axes are wanted: N, C, and those to normalise over";
                x.fail(Wrong::Unfit { op: "instance_norm", shape, why })
            }
            _ => x.group_norm(shape[1], None, None, self.epsilon),
        }
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
