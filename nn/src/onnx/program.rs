//! A program with an open batch: recorded with batches of three sizes, and put together from what they have in common.

use super::fault;
use crate::model::Sizes;
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

/// One thing for each of the three batches.
type Thrice<A> = [A; 3];

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
    Constant(Thrice<Tensor<T>>),
    /// The same operation, with settings that may depend on the batch.
    Op(Thrice<Op>),
}

/// The shapes at three batches.
pub(super) fn shapes(sizes: &Sizes, batches: &Thrice<usize>) -> Result<Thrice<Shape>, Error> {
    Ok([sizes.at(batches[0])?, sizes.at(batches[1])?, sizes.at(batches[2])?])
}

impl<T: Float> Program<T> {
    /// What `record` does with parameters and inputs of these shapes; it is told which batch it is.
    pub(super) fn record(
        params: &Params<T>,
        inputs: &[Sizes],
        batches: &Thrice<usize>,
        record: impl for<'t> Fn(
            usize,
            &Bound<Recorded<'t, T>>,
            &[Recorded<'t, T>],
        ) -> Result<Vec<Recorded<'t, T>>, Error>,
    ) -> Result<Self, Error> {
        let mut seen = Vec::with_capacity(3);
        for (which, &batch) in batches.iter().enumerate() {
            let tape = Tape::new();
            let bound = params.bind(|_, numbers| tape.leaf(Sketch::new(*numbers.shape())));
            let mut xs = Vec::with_capacity(inputs.len());
            for sizes in inputs {
                xs.push(tape.leaf(Sketch::new(sizes.at(batch)?)));
            }
            let outputs = record(which, &bound, &xs)?;
            seen.push(taken(&tape, &outputs)?);
        }
        Self::together(seen, batches)
    }

    /// What `run` does with operands of these shapes, without parameters.
    pub(super) fn inside(
        operands: &Thrice<Vec<Shape>>,
        batches: &Thrice<usize>,
        run: impl for<'t> Fn(usize, &[Recorded<'t, T>]) -> Vec<Recorded<'t, T>>,
    ) -> Result<Self, Error> {
        let mut seen = Vec::with_capacity(3);
        for (which, shapes) in operands.iter().enumerate() {
            let tape = Tape::new();
            let xs: Vec<_> = shapes.iter().map(|&shape| tape.leaf(Sketch::new(shape))).collect();
            let outputs = run(which, &xs);
            seen.push(taken(&tape, &outputs)?);
        }
        Self::together(seen, batches)
    }

    fn together(seen: Vec<Taken<T>>, batches: &Thrice<usize>) -> Result<Self, Error> {
        let [(a, outputs), (b, others), (c, more)] = &seen[..] else {
            return Ok(Self { steps: Vec::new(), outputs: Vec::new() }); // there are three batches
        };
        let differs = |place| {
            let why = "it does something else for another number of samples; export with `fixed_batch`";
            Err(fault("program", why, place))
        };
        let Some(first) = a.first() else { return Ok(Self { steps: Vec::new(), outputs: Vec::new() }) };
        if a.len() != b.len() || a.len() != c.len() || outputs != others || outputs != more {
            // The first step at which they part, if one has it.
            let part = a.iter().zip(b).find(|(a, b)| a.name() != b.name());
            return differs(part.map_or(first.place, |(a, _)| a.place));
        }
        let mut steps = Vec::with_capacity(a.len());
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            let all = [a, b, c];
            if all.iter().any(|entry| entry.name() != a.name() || entry.operands != a.operands) {
                return differs(a.place);
            }
            let what = match (&a.op, &b.op, &c.op, all.map(|entry| entry.value.constant().cloned())) {
                (Some(a), Some(b), Some(c), _) => What::Op([a.clone(), b.clone(), c.clone()]),
                (.., [Some(a), Some(b), Some(c)]) => What::Constant([a, b, c]),
                _ => What::Argument,
            };
            let Some(sizes) = Sizes::seen_at(batches, &all.map(|entry| entry.value.shape())) else {
                let why = "the shape of its result does not grow evenly with the number of samples; export with \
                           `fixed_batch`";
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
