//! What a recurrent network ends with, as a layer.

use super::{Carried, Recurrent};
use crate::Bound;
use crate::layer::Layer;
use tress_autograd::{Arrange, Value};

/// What the last layer of a [`Recurrent`] network ends with: `[N, T, inputs]` to `[N, directions hidden]`, each sequence
/// after its own last step, the other direction after the first.
///
/// ```
/// use tress_nn::{Dense, Params, Recurrent, Sequential};
/// let mut params = Params::<f32>::new(0);
/// let gru = Recurrent::gru(3, 8).both_ways().build(&mut params.scope("gru"))?;
/// let head = Dense::new(&mut params.scope("head"), 16, 2)?;
/// let reader = Sequential::new().then(gru.ending()).then(head);
/// # let _ = reader;
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    network: Recurrent,
}

impl Recurrent {
    /// A layer of what the network ends with, in place of the outputs of all steps.
    pub fn ending(self) -> Ending {
        Ending { network: self }
    }
}

impl Ending {
    /// The network.
    pub fn network(&self) -> &Recurrent {
        &self.network
    }

    /// As [`Recurrent::run_where`]: of the steps that count, `counts [N, T]`.
    #[track_caller]
    pub fn run_where<V: Value>(&self, bound: &Bound<V>, x: &V, counts: &V) -> V {
        self.last(self.network.run_where(bound, x, None, counts).1)
    }

    /// The hidden numbers of the last layer, its directions side by side.
    #[track_caller]
    fn last<V: Value>(&self, end: Carried<V>) -> V {
        let (count, ways) = (self.network.cells.len(), self.network.ways);
        match ways {
            1 => end.hidden.at(0, count - 1),
            _ => end.hidden.at(0, count - 2).concat(1, &[end.hidden.at(0, count - 1)]),
        }
    }
}

impl Layer for Ending {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        self.last(self.network.run(bound, x, None, None).1)
    }
}
