//! One step of a recurrent network.

#[cfg(feature = "std")]
use super::gates::Step;
use crate::{Bound, Error, Handle, Init, Scope};
use core::ops::Range;
use tress_autograd::{Arrange, Fused, Pointwise, Value};
#[cfg(feature = "std")]
use tress_tensor::pointwise::Gates;
use tress_tensor::pointwise::Map;
use tress_tensor::{Element, Float, Tensor};

/// How a recurrent network goes from step to step: from the input `x` and what it carries, `h` (and `c`), to what it
/// carries on.
///
/// Each letter with two weights has a row of parts of `weight_input` (`W`) and `weight_hidden` (`U`), in this order, with
/// their biases; they are laid out as PyTorch's, transposed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellKind {
    /// `h' = f(W x + b + U h + d)` (Elman 1990, "Finding structure in time").
    Simple(Map),
    /// `r, z = sigmoid(W x + b + U h + d)`, `n = tanh(W x + b + r (U h + d))`, `h' = (1 - z) n + z h` (Cho et al. 2014,
    /// "Learning phrase representations using RNN encoder-decoder", section 2.3, with the reset after the product, as cuDNN
    /// and PyTorch have it). Parts: `r`, `z`, `n`.
    Gru,
    /// `i, f, o = sigmoid(..)`, `g = tanh(..)` of `W x + b + U h + d`, `c' = f c + i g`, `h' = o tanh(c')` (Hochreiter &
    /// Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers et al. 2000). Parts: `i`, `f`, `g`, `o`.
    Lstm,
}

impl CellKind {
    /// The name as messages print it.
    pub fn name(self) -> &'static str {
        match self {
            CellKind::Simple(_) => "rnn",
            CellKind::Gru => "gru",
            CellKind::Lstm => "lstm",
        }
    }

    /// How many parts the weights have.
    pub fn parts(self) -> usize {
        match self {
            CellKind::Simple(_) => 1,
            CellKind::Gru => 3,
            CellKind::Lstm => 4,
        }
    }
}

/// One step of a recurrent network, in one direction: its parameters.
///
/// They are `weight_input [inputs, parts hidden]`, `weight_hidden [hidden, parts hidden]`, and, unless it is without them,
/// `bias_input` and `bias_hidden [parts hidden]`, all uniform in `±1 / sqrt(hidden)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    kind: CellKind,
    weight_input: Handle,
    weight_hidden: Handle,
    biases: Option<[Handle; 2]>,
}

/// What is carried from step to step, `[N, hidden]` each.
#[derive(Clone, Debug)]
pub(super) struct State<V> {
    pub(super) hidden: V,
    pub(super) memory: Option<V>,
}

/// What is the same for all steps, or can be computed for all at once.
pub(super) struct Prepared<V> {
    /// `W x + b`, `[T, N, parts hidden]`.
    projected: V,
    hidden: V,
    bias_hidden: Option<V>,
    /// What follows the products of a step, as one operation. (Programs for devices do without: they are small, not fast.)
    #[cfg(feature = "std")]
    gates: Option<Step>,
}

impl Cell {
    /// Declares the parameters of a step.
    ///
    /// # Errors
    /// Their names exist in this scope, or a shape is too large.
    pub(super) fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        kind: CellKind,
        inputs: usize,
        hidden: usize,
        biased: bool,
    ) -> Result<Self, Error> {
        let wide = hidden.saturating_mul(kind.parts());
        let init = Init::FanIn.for_fans(hidden, hidden);
        Ok(Self {
            kind,
            weight_input: scope.parameter("weight_input", [inputs, wide], init)?,
            weight_hidden: scope.parameter("weight_hidden", [hidden, wide], init)?,
            biases: match biased {
                true => Some([
                    scope.parameter("bias_input", [wide], init)?,
                    scope.parameter("bias_hidden", [wide], init)?,
                ]),
                false => None,
            },
        })
    }

    /// What it does.
    pub fn kind(&self) -> CellKind {
        self.kind
    }

    /// The weights of the input, `[inputs, parts hidden]`.
    pub fn weight_input(&self) -> Handle {
        self.weight_input
    }

    /// The weights of what is carried, `[hidden, parts hidden]`.
    pub fn weight_hidden(&self) -> Handle {
        self.weight_hidden
    }

    /// The biases beside the two, `[parts hidden]` each; `None` if it is without them.
    pub fn biases(&self) -> Option<[Handle; 2]> {
        self.biases
    }

    /// Zeros to begin with, for `samples` sequences.
    #[track_caller]
    pub(super) fn zeros<V: Value>(&self, like: &V, samples: usize) -> State<V> {
        let hidden = match Tensor::full([samples, self.weight_hidden.shape()[0]], V::Elem::from_f64(0.0)) {
            Ok(zeros) => like.lift(zeros),
            Err(error) => like.fail(error),
        };
        State { memory: (self.kind == CellKind::Lstm).then(|| hidden.clone()), hidden }
    }

    /// The parameters, and what the inputs of all steps add: from `x [T N, inputs]`, the `T` steps one behind the other.
    ///
    /// One product for all steps is several times as fast as one for each, and so is its gradient.
    #[track_caller]
    pub(super) fn prepare<V: Value>(&self, bound: &Bound<V>, x: &V, steps: usize) -> Prepared<V> {
        let [input, hidden] = [self.weight_input, self.weight_hidden].map(|handle| bound.fetch(&handle, x));
        // Where both biases are added in one place they can be added before; the new part of a GRU resets one of them.
        let (bias, bias_hidden) = match self.biases.map(|both| both.map(|handle| bound.fetch(&handle, x))) {
            Some([first, second]) if self.kind == CellKind::Gru => (Some(first), Some(second)),
            Some([first, second]) => (Some(first + second), None),
            None => (None, None),
        };
        let projected = x.affine(&input, bias.as_ref(), None);
        let (rows, wide) = match projected.shape()[..] {
            [rows, wide] => (rows, wide),
            _ => (0, 0), // a mistake
        };
        let samples = rows / steps.max(1);
        Prepared {
            projected: projected.reshape([steps, samples, wide]),
            hidden,
            bias_hidden,
            #[cfg(feature = "std")]
            gates: match self.kind {
                CellKind::Gru => Some(Step::new(Gates::Gru, samples, self.weight_hidden.shape()[0])),
                CellKind::Lstm => Some(Step::new(Gates::Lstm, samples, self.weight_hidden.shape()[0])),
                CellKind::Simple(_) => None,
            },
        }
    }

    /// From a state to the next, by step `step` of those prepared. What follows the product is one operation where there is one
    /// for it; the programs below are what that stands for.
    #[track_caller]
    pub(super) fn step<V: Value>(&self, prepared: &Prepared<V>, step: usize, state: &State<V>) -> State<V> {
        let size = self.weight_hidden.shape()[0];
        let from_input = prepared.projected.at(0, step);
        let from_hidden = state.hidden.affine(&prepared.hidden, prepared.bias_hidden.as_ref(), None);
        #[cfg(feature = "std")]
        if let Some(gates) = &prepared.gates {
            let carried = state.memory.as_ref().unwrap_or(&state.hidden);
            let (hidden, memory) = gates.on(&from_input, &from_hidden, carried);
            return State { hidden, memory };
        }
        match self.kind {
            CellKind::Simple(map) => State { hidden: (from_input + from_hidden).map(map), memory: None },
            CellKind::Gru => {
                State { hidden: gru(&from_input, &from_hidden, &state.hidden, size), memory: None }
            }
            CellKind::Lstm => {
                let (hidden, memory) = lstm(&from_input, &from_hidden, state.memory.as_ref(), size);
                State { hidden, memory: Some(memory) }
            }
        }
    }
}

/// What follows the products in a step of a GRU: its next hidden numbers.
#[track_caller]
pub(super) fn gru<V: Value>(from_input: &V, from_hidden: &V, hidden: &V, size: usize) -> V {
    let gates = (part(from_input, 0..2, size) + part(from_hidden, 0..2, size)).sigmoid();
    let (reset, keep) = (part(&gates, 0..1, size), part(&gates, 1..2, size));
    let new = (part(from_input, 2..3, size) + reset * part(from_hidden, 2..3, size)).tanh();
    keep * (hidden.clone() - new.clone()) + new
}

/// What follows the products in a step of an LSTM: its next hidden numbers and memory.
#[track_caller]
pub(super) fn lstm<V: Value>(from_input: &V, from_hidden: &V, memory: Option<&V>, size: usize) -> (V, V) {
    let all = from_input.clone() + from_hidden.clone();
    let gates = part(&all, 0..2, size).sigmoid();
    let (take, keep) = (part(&gates, 0..1, size), part(&gates, 1..2, size));
    let new = take * part(&all, 2..3, size).tanh();
    let memory = match memory {
        Some(memory) => keep * memory.clone() + new,
        None => new,
    };
    (part(&all, 3..4, size).sigmoid() * memory.tanh(), memory)
}

/// Some parts of those that lie beside each other, of `size` numbers each.
#[track_caller]
fn part<V: Value>(all: &V, parts: Range<usize>, size: usize) -> V {
    all.slice(1, parts.start * size..parts.end * size)
}
