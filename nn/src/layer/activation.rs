//! Activations that are more than a function by name: of rows, of halves, with a parameter.

use super::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_tensor::{Error as Wrong, Float, Shape};

/// Functions between layers that [`Map`](tress_tensor::pointwise::Map), which is a layer as well, does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `exp(x) / sum exp(x)` along the last axis.
    Softmax,
    /// `x - ln sum exp(x)` along the last axis.
    LogSoftmax,
    /// `ln sigmoid(x)`.
    LogSigmoid,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `1.0507 x` where positive, `1.0507 * 1.6733 (exp(x) - 1)` elsewhere (Klambauer et al. 2017, "Self-normalizing neural
    /// networks", equation 2).
    Selu,
    /// `x tanh(softplus(x))` (Misra 2019, "Mish").
    Mish,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x min(max(x + 3, 0), 6) / 6` (Howard et al. 2019, "Searching for MobileNetV3", section 5.2).
    HardSwish,
    /// `a sigmoid(b)` of the two halves `a`, `b` of the last axis (Dauphin et al. 2017, "Language modeling with gated
    /// convolutional networks", equation 1): `[.., 2 n]` to `[.., n]`.
    Glu,
    /// `a silu(b)` of the two halves of the last axis (Shazeer 2020, "GLU variants improve transformer", equation 6).
    SwiGlu,
}

/// Scale and steepness of the self-normalising unit.
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.673_263_242_354_377_2];

impl Layer for Activation {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match self {
            Activation::Softmax => x.softmax(),
            Activation::LogSoftmax => x.log_softmax(),
            Activation::LogSigmoid => x.log_sigmoid(),
            Activation::Softsign => x.clone() / x.abs().offset(1.0),
            Activation::Selu => x.elu(SELU[1]).scale(SELU[0]),
            Activation::Mish => x.clone() * x.softplus().tanh(),
            Activation::HardSigmoid => hard(x),
            Activation::HardSwish => x.clone() * hard(x),
            Activation::Glu => {
                let [a, b] = halves("glu", x);
                a * b.sigmoid()
            }
            Activation::SwiGlu => {
                let [a, b] = halves("swiglu", x);
                a * b.silu()
            }
        }
    }
}

#[track_caller]
fn hard<V: Value>(x: &V) -> V {
    x.offset(3.0).clamp(0.0, 6.0).scale(1.0 / 6.0)
}

#[track_caller]
fn halves<V: Value>(op: &'static str, x: &V) -> [V; 2] {
    let shape = x.shape();
    match shape[..] {
        [.., last] if last % 2 == 0 => {
            let axis = shape.rank() - 1;
            [x.slice(axis, 0..last / 2), x.slice(axis, last / 2..last)]
        }
        _ => {
            let wrong = x.fail(Wrong::Unfit { op, shape, why: "the last axis must have two halves" });
            [wrong.clone(), wrong]
        }
    }
}

/// `x` where positive, `a x` elsewhere, with an `a` that is learned, one for each channel or one for all (He et al. 2015,
/// "Delving deep into rectifiers", equation 1): `[N, C, ..]`, or any shape with one for all.
///
/// Its parameter is `weight [channels]`, 0.25 to begin with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prelu {
    weight: Handle,
}

impl Prelu {
    /// One number for each of `channels` channels; with 1, one for all.
    ///
    /// # Errors
    /// `weight` exists in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, channels: usize) -> Result<Self, Error> {
        Ok(Self { weight: scope.parameter("weight", [channels], Init::Constant(0.25))? })
    }

    /// The slopes, `[channels]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }
}

impl Layer for Prelu {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (op, shape, own) = ("prelu", x.shape(), *self.weight.shape());
        let mut column = [1; Shape::MAX_RANK];
        column[0] = own[0];
        let column = match shape[..] {
            _ if own[0] == 1 => &column[..1],
            [_, channels, ..] if channels == own[0] => &column[..shape.rank() - 1],
            _ => {
                let why = "one slope for each channel is wanted, or one for all";
                return x.fail(Wrong::Mismatch { op, left: shape, right: own, why, lengths: None });
            }
        };
        let slope = bound.fetch(&self.weight, x).reshape(column);
        // At 0 the slope is that of the left side, as for the functions by name.
        x.relu() + x.clamp(f64::NEG_INFINITY, 0.0) * slope
    }
}
