//! A program with an open batch, and perhaps with open steps: recorded for several numbers of them, and put together from what
//! they have in common.

use super::fault;
use crate::model::{Point, Sizes};
use crate::{Bound, Error, Params};
use alloc::vec::Vec;
use core::panic::Location;
use tress_autograd::op::Op;
use tress_autograd::{Entry, Sketch, Tape, Value, Var};
use tress_tensor::{Float, Shape, Tensor};

/// A value of a program that is recorded to be exported: its shape, and its numbers where they are constants.
pub type Recorded<'t, T = f32> = Var<'t, Sketch<T>>;

/// The entries of a tape, and which of them are outputs.
type Taken<T> = (Vec<Entry<Sketch<T>>>, Vec<usize>);

/// What is done, in order; each step names earlier ones.
pub(super) struct Program<T: Float> {
    pub(super) steps: Vec<Step<T>>,
    pub(super) outputs: Vec<usize>,
}

pub(super) struct Step<T: Float> {
    pub(super) what: What<T>,
    pub(super) operands: Vec<usize>,
    pub(super) sizes: Sizes,
    pub(super) place: &'static Location<'static>,
}

pub(super) enum What<T: Float> {
    /// An argument of the program: a parameter or an input.
    Argument,
    Constant(Vec<Tensor<T>>),
    /// The same operation, with settings that may depend on batch and steps: for each point.
    Op(Vec<Op>),
}

impl<T: Float> Program<T> {
    /// What `record` does with parameters and inputs of these shapes; it is told which point it is.
    pub(super) fn record(
        params: &Params<T>,
        inputs: &[Sizes],
        points: &[Point],
        record: impl for<'t> Fn(
            usize,
            &Bound<Recorded<'t, T>>,
            &[Recorded<'t, T>],
        ) -> Result<Vec<Recorded<'t, T>>, Error>,
    ) -> Result<Self, Error> {
        let mut seen = Vec::with_capacity(points.len());
        for (which, &point) in points.iter().enumerate() {
            let tape = Tape::new();
            let bound = params.bind(|_, numbers| tape.leaf(Sketch::new(*numbers.shape())));
            let mut xs = Vec::with_capacity(inputs.len());
            for sizes in inputs {
                xs.push(tape.leaf(Sketch::new(sizes.at_point(point)?)));
            }
            let outputs = record(which, &bound, &xs)?;
            seen.push(taken(&tape, &outputs)?);
        }
        Self::together(&seen, points)
    }

    /// What `run` does with operands of these shapes, without parameters.
    pub(super) fn inside(
        operands: &[Vec<Shape>],
        points: &[Point],
        run: impl for<'t> Fn(usize, &[Recorded<'t, T>]) -> Vec<Recorded<'t, T>>,
    ) -> Result<Self, Error> {
        let mut seen = Vec::with_capacity(points.len());
        for (which, shapes) in operands.iter().enumerate() {
            let tape = Tape::new();
            let xs: Vec<_> = shapes.iter().map(|&shape| tape.leaf(Sketch::new(shape))).collect();
            let outputs = run(which, &xs);
            seen.push(taken(&tape, &outputs)?);
        }
        Self::together(&seen, points)
    }

    fn together(seen: &[Taken<T>], points: &[Point]) -> Result<Self, Error> {
        let nothing = || Ok(Self { steps: Vec::new(), outputs: Vec::new() });
        let Some((a, outputs)) = seen.first() else { return nothing() }; // there are at least three points
        let differs = |which: usize, place| {
            let why = match points[which].1 == points[0].1 {
                true => "it does something else for another number of samples; export with `fixed_batch`",
                false => {
                    "it does something else for another number of steps, as recurrent layers do, which are written step by \
                     step; export with `fixed_length`"
                }
            };
            Err(fault("program", why, place))
        };
        let Some(first) = a.first() else { return nothing() };
        for (which, (b, others)) in seen.iter().enumerate().skip(1) {
            if a.len() != b.len() || outputs != others {
                // The first step at which they part, if one has it.
                let part = a.iter().zip(b).find(|(a, b)| a.name() != b.name());
                return differs(which, part.map_or(first.place, |(a, _)| a.place));
            }
        }
        let mut steps = Vec::with_capacity(a.len());
        for (i, a) in a.iter().enumerate() {
            let all: Vec<&Entry<Sketch<T>>> = seen.iter().map(|(entries, _)| &entries[i]).collect();
            let other = |entry: &&Entry<Sketch<T>>| entry.name() != a.name() || entry.operands != a.operands;
            if let Some(which) = all.iter().position(other) {
                return differs(which, a.place);
            }
            let ops: Option<Vec<Op>> = all.iter().map(|entry| entry.op.clone()).collect();
            let constants: Option<Vec<Tensor<T>>> =
                all.iter().map(|entry| entry.value.constant().cloned()).collect();
            let what = match (ops, constants) {
                (Some(ops), _) => What::Op(ops),
                (None, Some(constants)) => What::Constant(constants),
                (None, None) => What::Argument,
            };
            let shapes: Vec<Shape> = all.iter().map(|entry| entry.value.shape()).collect();
            let Some(sizes) = Sizes::seen_at(points, &shapes) else {
                let why = match points.len() {
                    3 => {
                        "the shape of its result does not grow evenly with the number of samples; export with \
                         `fixed_batch`"
                    }
                    _ => {
                        "the shape of its result does not grow evenly with the number of samples and of steps; export \
                         with `fixed_length`"
                    }
                };
                return Err(fault(a.name(), why, a.place));
            };
            steps.push(Step { what, operands: a.operands.clone(), sizes, place: a.place });
        }
        Ok(Self { steps, outputs: outputs.clone() })
    }
}

/// The entries of a tape, and the numbers of the outputs.
fn taken<T: Float>(tape: &Tape<Sketch<T>>, outputs: &[Recorded<'_, T>]) -> Result<Taken<T>, Error> {
    tape.mistake().map_or(Ok(()), Err)?;
    Ok((tape.entries().collect(), outputs.iter().filter_map(|output| output.index()).collect()))
}
