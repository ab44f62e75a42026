//! A program as a whole: forward against reverse exactly, both against finite differences, to the second order.

use super::Program;
use super::random::{Random, dot};
use crate::{Dual, Eager, Mistake, Reduce, Tape, Value, Var};
use alloc::vec::Vec;
use core::fmt;
use tress_tensor::Tensor;

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// `<g, J t>` by forward mode against `<J^T g, t>` by reverse mode.
    Adjoint,
    /// Forward mode against a central difference of the function.
    Difference,
    /// `<t, H t>` by forward over reverse against a central difference of the gradient.
    SecondDifference,
    /// `H t` by forward over reverse against reverse over reverse.
    SecondAdjoint,
}

/// Two numbers that should have been equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discrepancy {
    /// What was compared.
    pub test: Test,
    /// What the rules gave.
    pub found: f64,
    /// What it should have been.
    pub expected: f64,
}

/// Why a check failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// The program itself made a mistake.
    Mistake(Mistake),
    /// A derivative is wrong.
    Wrong(Discrepancy),
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Failure::Mistake(mistake)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Mistake(mistake) => mistake.fmt(f),
            Failure::Wrong(Discrepancy { test, found, expected }) => {
                write!(f, "{test:?}: the rules give {found:e}, but it should be {expected:e}")
            }
        }
    }
}

impl core::error::Error for Failure {}

/// A program on each kind of value that a check runs it on, behind a pointer: what compares is then compiled once, and not once a
/// program.
trait Kinds {
    fn eager(&self, xs: &[Eager<f64>]) -> Eager<f64>;
    fn dual(&self, xs: &[Dual<Eager<f64>>]) -> Dual<Eager<f64>>;
    fn taped<'t>(&self, xs: &[Var<'t, Eager<f64>>]) -> Var<'t, Eager<f64>>;
    fn taped_dual<'t>(&self, xs: &[Var<'t, Dual<Eager<f64>>>]) -> Var<'t, Dual<Eager<f64>>>;
    fn taped_twice<'i, 'o>(&self, xs: &[Twice<'i, 'o>]) -> Twice<'i, 'o>;
}

/// A value on an inner tape, whose sweep is recorded on an outer one.
type Twice<'i, 'o> = Var<'i, Var<'o, Eager<f64>>>;

impl<P: Program> Kinds for P {
    fn eager(&self, xs: &[Eager<f64>]) -> Eager<f64> {
        self.run(xs)
    }

    fn dual(&self, xs: &[Dual<Eager<f64>>]) -> Dual<Eager<f64>> {
        self.run(xs)
    }

    fn taped<'t>(&self, xs: &[Var<'t, Eager<f64>>]) -> Var<'t, Eager<f64>> {
        self.run(xs)
    }

    fn taped_dual<'t>(&self, xs: &[Var<'t, Dual<Eager<f64>>>]) -> Var<'t, Dual<Eager<f64>>> {
        self.run(xs)
    }

    fn taped_twice<'i, 'o>(&self, xs: &[Twice<'i, 'o>]) -> Twice<'i, 'o> {
        self.run(xs)
    }
}

/// Checks the first derivatives of `program` at `xs`, along directions drawn from `seed`.
///
/// # Errors
/// A mistake of the program, or the first comparison that fails.
pub fn first_order(program: &impl Program, xs: &[Tensor<f64>], seed: u64) -> Result<(), Failure> {
    first_order_of(program, xs, seed)
}

fn first_order_of(program: &dyn Kinds, xs: &[Tensor<f64>], seed: u64) -> Result<(), Failure> {
    let mut random = Random(seed);
    let directions = random.like(xs)?;
    let forward = tangent(program, xs, &directions)?;
    let g = random.tensor(*forward.shape())?;

    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
    let pulled = program.taped(&leaves).pull(Eager::new(g.clone()), &leaves)?;
    let reverse = pulled
        .iter()
        .zip(&directions)
        .try_fold(0.0, |sum, (c, t)| Ok::<_, Mistake>(sum + dot(c.tensor()?, t)))?;
    agree(Test::Adjoint, reverse, dot(&g, &forward), 1e-11)?;

    let quotient = difference(xs, &directions, &|moved| Ok(dot(&g, value(program, moved)?.tensor()?)))?;
    agree(Test::Difference, dot(&g, &forward), quotient, 2e-7)
}

/// Checks the first and second derivatives of `<g, program>` at `xs`, along directions drawn from `seed`.
///
/// # Errors
/// A mistake of the program, or the first comparison that fails.
pub fn second_order(program: &impl Program, xs: &[Tensor<f64>], seed: u64) -> Result<(), Failure> {
    second_order_of(program, xs, seed)
}

fn second_order_of(program: &dyn Kinds, xs: &[Tensor<f64>], seed: u64) -> Result<(), Failure> {
    first_order_of(program, xs, seed)?;
    let mut random = Random(seed ^ 0x5EED);
    let directions = random.like(xs)?;
    let g = random.tensor(value(program, xs)?.shape())?;

    let forward = forward_over_reverse_of(program, xs, &directions, &g)?;
    let quotient = difference(xs, &directions, &|moved| {
        let tape = Tape::new();
        let leaves: Vec<_> = moved.iter().map(|x| tape.var(x.clone())).collect();
        let gradient = program.taped(&leaves).pull(Eager::new(g.clone()), &leaves)?;
        inner(&gradient, &directions)
    })?;
    agree(Test::SecondDifference, inner(&forward, &directions)?, quotient, 2e-7)?;

    let reverse = reverse_over_reverse_of(program, xs, &directions, &g)?;
    let probes = random.like(xs)?;
    agree(Test::SecondAdjoint, inner(&reverse, &probes)?, inner(&forward, &probes)?, 1e-10)
}

/// `H t` of `<g, program>` by forward over reverse: a reverse sweep of values that carry tangents.
///
/// # Errors
/// A mistake of the program.
pub fn forward_over_reverse(
    program: &impl Program,
    xs: &[Tensor<f64>],
    t: &[Tensor<f64>],
    g: &Tensor<f64>,
) -> Result<Vec<Eager<f64>>, Mistake> {
    forward_over_reverse_of(program, xs, t, g)
}

fn forward_over_reverse_of(
    program: &dyn Kinds,
    xs: &[Tensor<f64>],
    t: &[Tensor<f64>],
    g: &Tensor<f64>,
) -> Result<Vec<Eager<f64>>, Mistake> {
    let tape = Tape::new();
    let moving =
        |(x, t): (&Tensor<f64>, &Tensor<f64>)| Dual::new(Eager::new(x.clone()), Eager::new(t.clone()));
    let leaves: Vec<_> = xs.iter().zip(t).map(|pair| tape.leaf(moving(pair))).collect();
    let gradient = program.taped_dual(&leaves).pull(Dual::constant(Eager::new(g.clone())), &leaves)?;
    Ok(gradient.iter().map(Dual::tangent_or_zeros).collect())
}

/// `H t` of `<g, program>` by reverse over reverse: the gradient is recorded on a second tape and swept again.
///
/// # Errors
/// A mistake of the program.
pub fn reverse_over_reverse(
    program: &impl Program,
    xs: &[Tensor<f64>],
    t: &[Tensor<f64>],
    g: &Tensor<f64>,
) -> Result<Vec<Eager<f64>>, Mistake> {
    reverse_over_reverse_of(program, xs, t, g)
}

fn reverse_over_reverse_of(
    program: &dyn Kinds,
    xs: &[Tensor<f64>],
    t: &[Tensor<f64>],
    g: &Tensor<f64>,
) -> Result<Vec<Eager<f64>>, Mistake> {
    let outer = Tape::new();
    let parameters: Vec<Var<'_, Eager<f64>>> = xs.iter().map(|x| outer.var(x.clone())).collect();
    let inner = Tape::new();
    let leaves: Vec<_> = parameters.iter().map(|&x| inner.leaf(x)).collect();
    let gradient = program.taped_twice(&leaves).pull(outer.var(g.clone()), &leaves)?;
    let along =
        gradient.iter().zip(t).map(|(g, t)| (*g * outer.var(t.clone())).sum_all()).reduce(|a, b| a + b);
    match along {
        Some(along) => along.gradients(&parameters),
        None => Ok(Vec::new()),
    }
}

fn value(program: &dyn Kinds, xs: &[Tensor<f64>]) -> Result<Eager<f64>, Mistake> {
    let y = program.eager(&xs.iter().map(|x| Eager::new(x.clone())).collect::<Vec<_>>());
    y.tensor()?;
    Ok(y)
}

fn tangent(program: &dyn Kinds, xs: &[Tensor<f64>], t: &[Tensor<f64>]) -> Result<Tensor<f64>, Mistake> {
    let moving =
        |(x, t): (&Tensor<f64>, &Tensor<f64>)| Dual::new(Eager::new(x.clone()), Eager::new(t.clone()));
    let y = program.dual(&xs.iter().zip(t).map(moving).collect::<Vec<_>>());
    y.primal.tensor()?;
    y.tangent_or_zeros().tensor().cloned()
}

/// A function of some tensors whose value is one number.
type Scalar<'a> = dyn Fn(&[Tensor<f64>]) -> Result<f64, Mistake> + 'a;

/// The derivative of `f` along a direction, by differences of fourth order.
fn difference(xs: &[Tensor<f64>], directions: &[Tensor<f64>], f: &Scalar<'_>) -> Result<f64, Mistake> {
    // The error of the formula falls with h^4, rounding grows with 1/h: about 1e-10 of each here.
    let h = 1e-3;
    let at = |step: f64| {
        let moved = xs.iter().zip(directions).map(|(x, t)| {
            let (x_all, t_all) = (x.to_vec(), t.to_vec());
            let moved: Vec<f64> = x_all.iter().zip(&t_all).map(|(x, t)| x + step * t).collect();
            Tensor::new(*x.shape(), &moved).map_err(Mistake::here)
        });
        f(&moved.collect::<Result<Vec<_>, _>>()?)
    };
    Ok((8.0 * (at(h)? - at(-h)?) - (at(2.0 * h)? - at(-2.0 * h)?)) / (12.0 * h))
}

fn inner(values: &[Eager<f64>], directions: &[Tensor<f64>]) -> Result<f64, Mistake> {
    values.iter().zip(directions).try_fold(0.0, |sum, (v, t)| Ok(sum + dot(v.tensor()?, t)))
}

fn agree(test: Test, found: f64, expected: f64, tolerance: f64) -> Result<(), Failure> {
    // Written so that a NaN on either side does not pass.
    let near = (found - expected).abs() <= tolerance * (1.0 + expected.abs());
    if near { Ok(()) } else { Err(Failure::Wrong(Discrepancy { test, found, expected })) }
}
