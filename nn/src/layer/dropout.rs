//! Dropout, of numbers and of whole channels.

use super::Layer;
use crate::{Bound, Error, Mode, Scope, mix};
use tress_autograd::{Fused, Value};
use tress_tensor::{Error as Wrong, Float, Shape, Tensor};

/// In training, zero with probability `rate`, else `x / (1 - rate)`; in evaluation, `x` (Srivastava et al. 2014,
/// "Dropout: a simple way to prevent neural networks from overfitting", section 10: the inverted form).
///
/// Which numbers are dropped follows from the seed of the step, the layer and the place of the number, not from the
/// number of threads or from what other layers did. A layer that is applied twice in a step to values of one shape drops
/// the same places twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f64,
    stream: u64,
}

impl Dropout {
    /// A layer with random numbers of its own, by the name of the scope.
    ///
    /// # Errors
    /// The rate is not in `0.0..1.0`.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, rate: f64) -> Result<Self, Error> {
        Ok(Self { rate: checked(rate)?, stream: scope.stream() })
    }

    /// The probability of a zero.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

impl Layer for Dropout {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        match bound.mode_of_stream(self.stream) {
            Mode::Training { seed } if self.rate > 0.0 => x.dropout(self.rate, mix(seed, self.stream)),
            _ => x.clone(),
        }
    }
}

/// Dropout of whole channels of `[N, C, L]` or `[N, C, H, W]`, whose places are too alike to be dropped one by one (Tompson
/// et al. 2015, "Efficient object localization using convolutional networks", section 3.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpatialDropout {
    rate: f64,
    stream: u64,
}

impl SpatialDropout {
    /// A layer with random numbers of its own, by the name of the scope.
    ///
    /// # Errors
    /// The rate is not in `0.0..1.0`.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, rate: f64) -> Result<Self, Error> {
        Ok(Self { rate: checked(rate)?, stream: scope.stream() })
    }

    /// The probability of a zero.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

impl Layer for SpatialDropout {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        if shape.rank() < 3 {
            let why = "at least three axes are wanted: N, C, and those to drop together";
            return x.fail(Wrong::Unfit { op: "spatial_dropout", shape, why });
        }
        let mut channels = [1; Shape::MAX_RANK];
        channels[..2].copy_from_slice(&shape[..2]);
        match (
            bound.mode_of_stream(self.stream),
            Tensor::full(&channels[..shape.rank()], <V::Elem as Float>::ONE),
        ) {
            (Mode::Training { seed }, Ok(ones)) if self.rate > 0.0 => {
                x.clone() * x.lift(ones).dropout(self.rate, mix(seed, self.stream))
            }
            (_, Err(error)) => x.fail(error),
            _ => x.clone(),
        }
    }
}

fn checked(rate: f64) -> Result<f64, Error> {
    match (0.0..1.0).contains(&rate) {
        true => Ok(rate),
        false => Err(Error::Setting { of: "dropout", why: "the rate must be at least 0 and below 1" }),
    }
}
