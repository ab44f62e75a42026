//! What became of each wanted gradient: fine, missing, zero or not finite, and by which operation.

use super::lost::{Lost, Ways};
use super::sweep::Step;
use super::{Tape, Var};
use crate::Mistake;
use crate::kinds::Eager;
use crate::value::{Pointwise, Value};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;
use tress_tensor::{Float, Tensor};

/// What became of the gradient of one wanted entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The entry on the tape.
    pub index: usize,
    /// The line of the source that made it.
    pub place: &'static Location<'static>,
    /// What became of its gradient.
    pub state: State,
}

impl Coverage {
    /// Whether there is a gradient, finite and not zero everywhere.
    pub fn is_fine(&self) -> bool {
        self.state == State::Fine
    }
}

/// What became of a gradient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Finite, and not all of it zero.
    Fine,
    /// None: the seeds were not computed from the entry. The last operation that was, if there is one.
    Unreached(Option<Site>),
    /// None: every way passes an operand that no gradient flows to. The first such operation, and why.
    Cut(Site, &'static str),
    /// Zero everywhere: the operation whose rule first gave nothing but zeros. `None` where summands cancel, or where a
    /// derivative is zero by its form, as the second one of `relu` is.
    Zero(Option<Site>),
    /// Some of it is infinite or NaN: where that began.
    NotFinite(Origin),
}

/// Where numbers that are not finite began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a leaf: a parameter, an input or a constant.
    Leaf(Site),
    /// In the result of an operation on finite numbers.
    Forward(Site),
    /// In the cotangent that the rule of this operation gave, from finite numbers.
    Cotangent(Site),
    /// In the sum of finite cotangents at the entry itself, or in a seed.
    Sum,
}

/// An entry of the tape, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The number of the entry.
    pub index: usize,
    /// The name of the operation.
    pub op: &'static str,
    /// The line of the source.
    pub place: &'static Location<'static>,
}

impl<T: Float> Tape<Eager<T>> {
    /// Sweeps as [`cotangents`](Tape::cotangents) does, and says what became of each wanted gradient.
    ///
    /// A gradient that a non-differentiable operation loses is here no error but [`State::Cut`]. Every cotangent on the way
    /// is looked at, so this takes longer than a sweep: it is for finding out.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape; a cotangent that is not of the shape of its seed.
    #[track_caller]
    pub fn coverage(
        &self,
        seeds: &[(Var<'_, Eager<T>>, Eager<T>)],
        wanted: &[Var<'_, Eager<T>>],
    ) -> Result<Vec<Coverage>, Mistake> {
        // Who first gave zeros, or numbers that are not finite, on the way to each entry.
        let mut zeros: Vec<Option<usize>> = alloc::vec![None; self.len()];
        let mut wild = zeros.clone();
        let found = self.swept(
            seeds,
            wanted,
            &[],
            |value| Cow::Borrowed(value),
            Some(|step: Step<'_, Eager<T>>| {
                let blame = |list: &mut Vec<Option<usize>>, is: fn(&Eager<T>) -> bool| {
                    if is(step.cotangent) && list[step.to].is_none() {
                        list[step.to] = if is(step.g) { list[step.from] } else { Some(step.from) };
                    }
                };
                blame(&mut zeros, is_zero);
                blame(&mut wild, is_wild);
            }),
        )?;
        let record = self.record.borrow();
        let ways = Ways::new(&record, seeds.iter().map(|(var, _)| var.index as usize), core::iter::empty());
        let site = |index: usize| {
            let op = record.op(index).map_or("leaf", |op| op.name());
            Site { index, op, place: record.nodes[index].place }
        };
        let origin = |index: usize| {
            // Back along values that are not finite, to one that was made from finite ones.
            let wild_among = |index: usize| {
                let mut operands = record.operands(index).iter().map(|&x| x as usize);
                operands.find(|&x| is_wild(&record.nodes[x].value))
            };
            let mut at = index;
            while let Some(before) = wild_among(at) {
                at = before;
            }
            match () {
                () if !is_wild(&record.nodes[at].value) => Origin::Cotangent(site(index)),
                () if record.op(at).is_none() => Origin::Leaf(site(at)),
                () => Origin::Forward(site(at)),
            }
        };
        let state = |(var, found): (&Var<'_, Eager<T>>, &Option<Eager<T>>)| {
            let index = var.index as usize;
            let state = match found {
                Some(g) if is_wild(g) => State::NotFinite(wild[index].map_or(Origin::Sum, origin)),
                Some(g) if is_zero(g) => State::Zero(zeros[index].map(site)),
                Some(_) => State::Fine,
                None => match ways.lost(index) {
                    Lost::Unreached(last) => State::Unreached(last.map(site)),
                    Lost::Cut(at, _, none) => State::Cut(site(at), none.reason),
                    Lost::Stopped(at, why) => State::Cut(site(at), why),
                    Lost::Zero => State::Zero(None),
                },
            };
            Coverage { index, place: record.nodes[index].place, state }
        };
        Ok(wanted.iter().zip(&found).map(state).collect())
    }
}

impl<'t, T: Float> Var<'t, Eager<T>> {
    /// What becomes of the gradient of this value with respect to each of `wanted`: see [`Tape::coverage`]. (Of a value
    /// with several numbers, that of their sum.)
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape.
    #[track_caller]
    pub fn coverage(&self, wanted: &[Var<'t, Eager<T>>]) -> Result<Vec<Coverage>, Mistake> {
        let ones = self.value()?.constant(1.0);
        self.tape().coverage(&[(*self, ones)], wanted)
    }
}

fn all<T: Float>(value: &Eager<T>, is: impl Fn(T) -> bool) -> bool {
    let numbers = value.tensor().map(Tensor::contiguous);
    numbers.is_ok_and(|numbers| numbers.as_slice().is_some_and(|all| all.iter().all(|&x| is(x))))
}

/// All zeros. Of no numbers at all nothing is missing.
fn is_zero<T: Float>(value: &Eager<T>) -> bool {
    let count = value.shape().len();
    count != 0 && all(value, |x| x == T::ZERO)
}

fn is_wild<T: Float>(value: &Eager<T>) -> bool {
    !all(value, T::is_finite)
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} {} ({}:{})", self.index, self.op, self.place.file(), self.place.line())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Fine => f.write_str("fine"),
            State::Unreached(None) => f.write_str("no gradient: nothing is computed from it"),
            State::Unreached(Some(last)) => {
                write!(
                    f,
                    "no gradient: what is computed from it ends at {last}, which the result does not need"
                )
            }
            State::Cut(site, why) => write!(f, "no gradient: cut at {site}: {why}"),
            State::Zero(None) => f.write_str("all zero"),
            State::Zero(Some(site)) => write!(f, "all zero, from the rule of {site} on"),
            State::NotFinite(origin) => write!(f, "not finite: {origin}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Leaf(site) => write!(f, "{site} is not finite"),
            Origin::Forward(site) => write!(f, "{site} is the first result that is not"),
            Origin::Cotangent(site) => write!(f, "the rule of {site} gives the first cotangent that is not"),
            Origin::Sum => f.write_str("the sum of its cotangents overflows"),
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} ({}:{}): {}", self.index, self.place.file(), self.place.line(), self.state)
    }
}
