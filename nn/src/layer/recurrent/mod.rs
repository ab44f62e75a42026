//! Recurrent layers: simple, gated, long short-term memory; several layers, both directions, sequences of several lengths.

mod cell;
mod ending;
#[cfg(feature = "std")]
mod gates;

pub use cell::{Cell, CellKind};
pub use ending::Ending;

use super::lengths::{Counting, fit_counts};
use super::{Dropout, Layer, Lengths};
use crate::{Bound, Error, Scope};
use alloc::format;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::pointwise::Map;
use tress_tensor::{Error as Wrong, Float, Shape};

/// A recurrent network over sequences: `[N, T, inputs]` to `[N, T, hidden]`, or to `[N, T, 2 hidden]` in both directions.
///
/// [`Recurrent::simple`], [`Recurrent::gru`] and [`Recurrent::lstm`] start the settings of one. The equations are those of
/// [`CellKind`], and the parameters those of a [`Cell`] in `layer0.forward`, and for more layers and the other direction
/// in `layer0.backward`, `layer1.forward` and so on.
///
/// As a [`Layer`] it begins with zeros and gives the outputs of all steps. [`run`](Recurrent::run) takes a beginning and
/// lengths, and also gives what each layer ends with.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{Layer, Lengths, Params, Recurrent};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(0);
/// let gru = Recurrent::gru(3, 8).layers(2).both_ways().build(&mut params.root())?;
/// let x = Eager::new(Tensor::full([5, 7, 3], 0.5)?);
/// assert_eq!(**gru.apply(&params.eager(), &x).tensor()?.shape(), [5, 7, 16]);
///
/// let lengths = Lengths::new([7, 2, 5, 7, 1], 7)?;
/// let (outputs, end) = gru.run(&params.eager(), &x, None, Some(&lengths));
/// assert_eq!(**outputs.tensor()?.shape(), [5, 7, 16]); // zeros beyond the lengths
/// assert_eq!(**end.hidden.tensor()?.shape(), [4, 5, 8]); // layers times directions, samples, hidden
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// Forward and, where it goes both ways, backward, layer by layer.
    cells: Vec<Cell>,
    ways: usize,
    inputs: usize,
    hidden: usize,
    dropout: Vec<Dropout>,
}

/// What a recurrent network carries from step to step, for all its layers and directions.
///
/// Their order is forward and then backward, layer by layer.
#[derive(Clone, Debug)]
pub struct Carried<V> {
    /// The outputs, `[layers directions, N, hidden]`.
    pub hidden: V,
    /// The memories of an LSTM, of the same shape.
    pub memory: Option<V>,
}

impl Recurrent {
    /// The settings of a simple recurrent network with the hyperbolic tangent (Elman 1990).
    pub fn simple(inputs: usize, hidden: usize) -> RecurrentBuilder {
        RecurrentBuilder::new(CellKind::Simple(Map::Tanh), inputs, hidden)
    }

    /// The settings of a network of gated recurrent units (Cho et al. 2014).
    #[doc(alias = "Gru")]
    pub fn gru(inputs: usize, hidden: usize) -> RecurrentBuilder {
        RecurrentBuilder::new(CellKind::Gru, inputs, hidden)
    }

    /// The settings of a network with long short-term memory (Hochreiter & Schmidhuber 1997).
    #[doc(alias = "Lstm")]
    pub fn lstm(inputs: usize, hidden: usize) -> RecurrentBuilder {
        RecurrentBuilder::new(CellKind::Lstm, inputs, hidden)
    }

    /// The cells: forward and, where it goes both ways, backward, layer by layer.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The number of directions, 1 or 2.
    pub fn directions(&self) -> usize {
        self.ways
    }

    /// The number of layers.
    pub fn layers(&self) -> usize {
        self.cells.len() / self.ways
    }

    /// The outputs of all steps, `[N, T, directions hidden]`, and what each layer and direction ends with.
    ///
    /// It begins with `start`, or with zeros. With `lengths`, a sequence ends after as many steps: beyond them outputs are
    /// zeros, the end is that of its own last step, and the other direction begins there.
    #[track_caller]
    pub fn run<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        start: Option<&Carried<V>>,
        lengths: Option<&Lengths>,
    ) -> (V, Carried<V>) {
        self.run_by(bound, x, start, lengths.map_or(Counting::All, Counting::Lengths))
    }

    /// As [`run`](Recurrent::run), but which steps count is a value: `counts [N, T]`, 0 for padding. A step that does not
    /// count is passed over: its output is zeros, and what is carried stays as it is. So the lengths of sequences can be an
    /// input of a model, and it exports to ONNX with an open number of samples. No gradient flows to `counts`.
    #[track_caller]
    pub fn run_where<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        start: Option<&Carried<V>>,
        counts: &V,
    ) -> (V, Carried<V>) {
        self.run_by(bound, x, start, Counting::Value(counts))
    }

    #[track_caller]
    fn run_by<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        start: Option<&Carried<V>>,
        counting: Counting<'_, V>,
    ) -> (V, Carried<V>) {
        let shape = x.shape();
        if let Err(error) = self.fit(&shape, start, counting) {
            let wrong = x.fail(error);
            return (wrong.clone(), Carried { hidden: wrong, memory: None });
        }
        let (samples, steps) = (shape[0], shape[1]);
        // The steps one behind the other, [T N, ..]: what does not depend on what is carried is done for all at once.
        let mut all = x.transpose(0, 1).reshape([steps * samples, shape[2]]);
        let mut ends = Vec::with_capacity(self.cells.len());
        for layer in 0..self.layers() {
            if layer > 0
                && let Some(dropout) = self.dropout.get(layer - 1)
            {
                all = dropout.apply(bound, &all);
            }
            let mut outputs: Vec<V> = Vec::with_capacity(self.ways);
            for way in 0..self.ways {
                let index = layer * self.ways + way;
                let cell = &self.cells[index];
                let begin = match start {
                    Some(start) => cell::State {
                        hidden: start.hidden.at(0, index),
                        memory: start.memory.as_ref().map(|memory| memory.at(0, index)),
                    },
                    None => cell.zeros(x, samples),
                };
                let prepared = cell.prepare(bound, &all, steps);
                let (found, end) = pass(cell, &prepared, steps, way == 1, begin, counting);
                ends.push(end);
                outputs.push(found[0].concat(0, &found[1..]));
            }
            all = match &outputs[..] {
                [one] => one.clone(),
                _ => outputs[0].concat(1, &outputs[1..]),
            };
        }
        let hidden: Vec<V> = ends.iter().map(|end| end.hidden.clone()).collect();
        let memory: Option<Vec<V>> = ends.iter().map(|end| end.memory.clone()).collect();
        let memory = match memory.as_deref() {
            Some([first, others @ ..]) => Some(first.stack(0, others)),
            _ => None,
        };
        let outputs = all.reshape([steps, samples, self.ways * self.hidden]).transpose(0, 1);
        (outputs, Carried { hidden: hidden[0].stack(0, &hidden[1..]), memory })
    }

    fn fit<V: Value>(
        &self,
        x: &Shape,
        start: Option<&Carried<V>>,
        counting: Counting<'_, V>,
    ) -> Result<(), Wrong> {
        let kind = self.cells[0].kind();
        let op = kind.name();
        let why = "sequences are [N, T, inputs], of at least one step";
        let (n, inputs) = match x[..] {
            [n, steps, inputs] if steps > 0 => (n, inputs),
            _ => return Err(Wrong::Unfit { op, shape: *x, why }),
        };
        if inputs != self.inputs {
            let right = *self.cells[0].weight_input().shape();
            let why = "give the layer as many inputs as each step has numbers;";
            return Err(Wrong::Mismatch { op, left: *x, right, why, lengths: Some((inputs, self.inputs)) });
        }
        if let Some(start) = start {
            let right = Shape::named(op, &[self.cells.len(), n, self.hidden])?;
            if start.memory.is_some() != (kind == CellKind::Lstm) {
                let why = "an LSTM begins with hidden numbers and memories, others with hidden numbers alone";
                return Err(Wrong::Setting { op, why });
            }
            for left in core::iter::once(&start.hidden).chain(&start.memory).map(Value::shape) {
                if left != right {
                    let why = "a beginning is [layers directions, N, hidden]";
                    return Err(Wrong::Mismatch { op, left, right, why, lengths: None });
                }
            }
        }
        match counting {
            Counting::All => Ok(()),
            Counting::Lengths(lengths) => lengths.fit(op, x),
            Counting::Value(counts) => fit_counts(op, counts, x),
        }
    }
}

impl Layer for Recurrent {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        self.run(bound, x, None, None).0
    }
}

/// One cell along all steps, each `[N, ..]`: the outputs in the order of the steps, and the end.
#[track_caller]
fn pass<V: Value>(
    cell: &Cell,
    prepared: &cell::Prepared<V>,
    steps: usize,
    backward: bool,
    mut state: cell::State<V>,
    counting: Counting<'_, V>,
) -> (Vec<V>, cell::State<V>) {
    let mut outputs: Vec<V> = Vec::with_capacity(steps);
    for i in 0..steps {
        let step = if backward { steps - 1 - i } else { i };
        let new = cell.step(prepared, step, &state);
        let Some(going) = counting.at(step, &new.hidden) else {
            outputs.push(new.hidden.clone());
            state = new;
            continue;
        };
        // A sequence that is over keeps its state, and its output is nothing.
        outputs.push(going.select(&new.hidden, new.hidden.constant(0.0)));
        let memory = match (&new.memory, &state.memory) {
            (Some(new), Some(old)) => Some(going.select(new, old)),
            _ => None,
        };
        state = cell::State { hidden: going.select(&new.hidden, &state.hidden), memory };
    }
    if backward {
        outputs.reverse();
    }
    (outputs, state)
}

/// The settings of a [`Recurrent`] network.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentBuilder {
    kind: CellKind,
    inputs: usize,
    hidden: usize,
    layers: usize,
    ways: usize,
    dropout: f64,
    biased: bool,
}

impl RecurrentBuilder {
    fn new(kind: CellKind, inputs: usize, hidden: usize) -> Self {
        Self { kind, inputs, hidden, layers: 1, ways: 1, dropout: 0.0, biased: true }
    }

    /// With another function than the hyperbolic tangent, in a simple network.
    pub fn activation(self, map: Map) -> Self {
        match self.kind {
            CellKind::Simple(_) => Self { kind: CellKind::Simple(map), ..self },
            _ => self,
        }
    }

    /// So many layers, each over the outputs of the one before.
    pub fn layers(self, layers: usize) -> Self {
        Self { layers, ..self }
    }

    /// In both directions, with parameters for each.
    pub fn both_ways(self) -> Self {
        Self { ways: 2, ..self }
    }

    /// Without `bias_input` and `bias_hidden`.
    pub fn without_bias(self) -> Self {
        Self { biased: false, ..self }
    }

    /// Dropout of the outputs between layers, in training.
    pub fn dropout(self, rate: f64) -> Self {
        Self { dropout: rate, ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// No hidden numbers or no layers, a rate that is not in `0.0..1.0`, names that exist in this scope, or a shape that is
    /// too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<Recurrent, Error> {
        let Self { kind, inputs, hidden, layers, ways, dropout: rate, biased } = self;
        if hidden == 0 || layers == 0 {
            let why = "at least one hidden number and one layer are wanted";
            return Err(Error::Setting { of: kind.name(), why });
        }
        let (mut cells, mut dropout) = (Vec::new(), Vec::new());
        for layer in 0..layers {
            let scope = &mut scope.scope(&format!("layer{layer}"));
            if layer > 0 && rate != 0.0 {
                dropout.push(Dropout::new(scope, rate)?);
            }
            let below = if layer == 0 { inputs } else { hidden * ways };
            for way in ["forward", "backward"].into_iter().take(ways) {
                cells.push(Cell::new(&mut scope.scope(way), kind, below, hidden, biased)?);
            }
        }
        Ok(Recurrent { cells, ways, inputs, hidden, dropout })
    }
}
