//! The inner loop: a few steps of descent on the support, on any kind of value.

use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::{Eager, Pointwise, Tape, Value, Var};
use tress_nn::{Bound, Entry, Gradient, Layer, Params};
use tress_tensor::{Float, Tensor};

use super::{Episode, Examples};
use crate::error::{Error, Result, check_length};
use crate::network::{Score, Task};

/// How a model adapts to the support of an episode: so many steps `θ ← θ - α ∇L(θ)` on all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct InnerLoop {
    rate: Rate,
    steps: usize,
    /// The scope whose parameters move; the empty one holds all.
    scope: String,
}

/// The rate α of the inner steps.
#[derive(Clone, Debug, PartialEq)]
enum Rate {
    /// One number.
    Fixed(f64),
    /// One number for each number that moves: pairs of the names of a parameter and of its rates.
    Learnt(Vec<(String, String)>),
}

/// What an inner step does to the parameter at a place of the block.
#[derive(Clone, Copy)]
enum Move {
    Stays,
    By(f64),
    /// By the rates in the parameter of this number.
    ByRates(usize),
}

impl InnerLoop {
    /// So many steps of this rate, of all parameters that are trained.
    ///
    /// # Errors
    /// A rate that is not finite and above zero.
    pub fn new(rate: f64, steps: usize) -> Result<Self> {
        match rate.is_finite() && rate > 0.0 {
            true => Ok(Self { rate: Rate::Fixed(rate), steps, scope: String::new() }),
            false => Err(Error::Setting { what: "the rate of inner steps is a number above 0" }),
        }
    }

    /// With rates that are parameters themselves: pairs of the names of a parameter and of its rates.
    pub(super) fn learnt(pairs: Vec<(String, String)>, steps: usize) -> Self {
        Self { rate: Rate::Learnt(pairs), steps, scope: String::new() }
    }

    /// Only what lies in the scope `path` moves.
    pub fn within(self, path: &str) -> Self {
        Self { scope: String::from(path), ..self }
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// With another number of steps, for new tasks say.
    pub fn with_steps(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    /// The parameters after the steps. On the variables of a tape, what comes out is recorded there with all that the
    /// steps computed, gradients included: so a gradient of it is one of second order.
    ///
    /// # Errors
    /// Nothing lies in the scope that moves, `bound` is not of `params`, targets that do not fit the task, or the first
    /// mistake of the model.
    pub fn adapt<V: Value, M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<V::Elem>,
        bound: &Bound<V>,
        support: &Examples<V::Elem>,
    ) -> Result<Bound<V>> {
        let moves = self.moves(params)?;
        check_length("bound parameters", moves.len(), bound.values().len())?;
        let mut now = bound.clone();
        for _ in 0..self.steps {
            now = descended(task, &now, &moves, support)?.0;
        }
        Ok(now)
    }

    /// One step, and the loss before it.
    pub(super) fn step<V: Value, M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<V::Elem>,
        bound: &Bound<V>,
        support: &Examples<V::Elem>,
    ) -> Result<(Bound<V>, V)> {
        descended(task, bound, &self.moves(params)?, support)
    }

    /// The loss of the query after the steps, and its gradient `[P]` with respect to the parameters before them: of second
    /// order.
    pub(super) fn second_order<T: Float, M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episode: &Episode<T>,
    ) -> Result<(f64, Tensor<T>)> {
        let tape = Tape::new();
        let bound = params.on(&tape);
        let adapted = self.adapt(task, params, &bound, &episode.support)?;
        let (loss, gradient) = episode.query.loss(task, &adapted)?.value_and_gradient(&bound)?;
        Ok((loss.to_f64(), gradient))
    }

    /// The outputs for new inputs after the steps.
    ///
    /// # Errors
    /// As [`adapt`](InnerLoop::adapt).
    pub fn predict<T: Float, M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        support: &Examples<T>,
        inputs: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        let adapted = self.adapt(task, params, &params.eager(), support)?;
        Ok(task.head().apply(&adapted, &Eager::new(inputs.clone())).tensor()?.clone())
    }

    /// The adaptation curve: how well the model does on the query before the first step, and after each of `steps`.
    ///
    /// # Errors
    /// As [`adapt`](InnerLoop::adapt).
    pub fn curve<T: Float, M: Layer>(
        &self,
        task: &Task<M>,
        params: &Params<T>,
        episode: &Episode<T>,
        steps: usize,
    ) -> Result<Vec<Score>> {
        let moves = self.moves(params)?;
        let mut now: Bound<Eager<T>> = params.eager();
        let mut curve = Vec::with_capacity(steps.saturating_add(1));
        curve.push(episode.query.score(task, &now)?);
        for _ in 0..steps {
            now = descended(task, &now, &moves, &episode.support)?.0;
            curve.push(episode.query.score(task, &now)?);
        }
        Ok(curve)
    }

    /// What happens to each entry of the block, in its order.
    fn moves<T: Float>(&self, params: &Params<T>) -> Result<Vec<Move>> {
        let place = |name: &str| params.entries().position(|entry| entry.name() == name);
        let one = |entry: &Entry| match &self.rate {
            _ if !entry.is_trained() || !entry.is_in(&self.scope) => Move::Stays,
            Rate::Fixed(rate) => Move::By(*rate),
            Rate::Learnt(pairs) => {
                let rates = pairs.iter().find(|(name, _)| name == entry.name());
                rates.and_then(|(_, rates)| place(rates)).map_or(Move::Stays, Move::ByRates)
            }
        };
        let moves: Vec<Move> = params.entries().map(one).collect();
        match moves.iter().any(|moves| !matches!(moves, Move::Stays)) {
            true => Ok(moves),
            false => {
                let what = "inner steps move at least one parameter; check the name of their scope";
                Err(Error::Setting { what })
            }
        }
    }
}

/// One step of descent, and the loss before it. The gradient is taken on a tape of values of the kind given, so it is a
/// program of that kind.
fn descended<V: Value, M: Layer>(
    task: &Task<M>,
    bound: &Bound<V>,
    moves: &[Move],
    support: &Examples<V::Elem>,
) -> Result<(Bound<V>, V)> {
    let tape = Tape::<V>::new();
    let inner = bound.map(|value, _| tape.leaf(value.clone()));
    let loss = support.loss(task, &inner)?;
    let value = loss.value()?;
    let moving = inner.values().zip(moves).filter(|(_, moves)| !matches!(moves, Move::Stays));
    let wanted: Vec<Var<'_, V>> = moving.map(|(value, _)| *value).collect();
    let found = tape.cotangents(&[(loss, value.constant(1.0))], &wanted, &[])?;

    let (mut found, mut moves) = (found.into_iter(), moves.iter());
    let values: Vec<&V> = bound.values().collect();
    let stepped = bound.map(|value, _| {
        let way = match moves.next() {
            Some(Move::By(rate)) => found.next().flatten().map(|slope| slope.scale(*rate)),
            Some(Move::ByRates(rates)) => found.next().flatten().map(|slope| slope * values[*rates].clone()),
            Some(Move::Stays) | None => None,
        };
        way.map_or_else(|| value.clone(), |way| value.clone() - way)
    });
    Ok((stepped, value))
}
