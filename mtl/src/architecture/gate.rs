//! Gates: how much each expert counts.

use tress_autograd::{Fused, Value};
use tress_nn::layer::Flatten;
use tress_nn::{Bound, Dense, Init, Layer, Scope, Sequential};
use tress_tensor::{Error, Float};

use super::dselect::DSelect;
use crate::error::Result;

/// From what a gate looks at to a weight for each expert.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    kind: Kind,
    experts: usize,
}

#[allow(clippy::large_enum_variant)] // a network has a few of them
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Softmax(Sequential),
    DSelect(DSelect),
}

impl Gate {
    /// `softmax(W x)` of a sample read as `inputs` numbers, without a bias (Ma et al. 2018, the gate of MMoE).
    ///
    /// # Errors
    /// No expert, or a name that is taken in the scope.
    pub fn linear<T: Float>(scope: &mut Scope<'_, T>, inputs: usize, experts: usize) -> Result<Self> {
        let dense = Dense::builder(inputs, experts).init(Init::FanIn).without_bias().build(scope)?;
        Self::of(Sequential::new().then(Flatten).then(dense), experts)
    }

    /// The softmax of what any layers give, `[N, experts]`: for pictures, say, convolutions and a global mean before the
    /// last dense layer.
    ///
    /// # Errors
    /// No expert.
    pub fn of(layers: Sequential, experts: usize) -> Result<Self> {
        match experts {
            0 => Err(crate::Error::Setting { what: "a gate has at least one expert" }),
            _ => Ok(Self { kind: Kind::Softmax(layers), experts }),
        }
    }

    /// A gate that comes to choose k experts.
    pub fn dselect(selector: DSelect) -> Self {
        Self { experts: selector.experts(), kind: Kind::DSelect(selector) }
    }

    /// The number of experts.
    pub fn experts(&self) -> usize {
        self.experts
    }

    /// The weights `[N or 1, experts]`, and what the gate wants to be penalised for.
    #[track_caller]
    pub(super) fn weights<V: Value>(&self, bound: &Bound<V>, x: &V) -> (V, Option<V>) {
        match &self.kind {
            Kind::Softmax(layers) => {
                let logits = layers.apply(bound, x);
                let shape = logits.shape();
                if logits.mistake().is_none()
                    && shape[..] != [x.shape().first().copied().unwrap_or(0), self.experts]
                {
                    let why = "the layers of a gate give [N, experts]";
                    return (logits.fail(Error::Unfit { op: "gate", shape, why }), None);
                }
                (logits.softmax(), None)
            }
            Kind::DSelect(selector) => selector.weights(bound, x),
        }
    }
}

/// The sum of two penalties.
pub(super) fn both<V: Value>(a: Option<V>, b: Option<V>) -> Option<V> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
