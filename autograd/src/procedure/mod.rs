//! A program as data: traced once, run on values of any kind.
//!
//! A rule of differentiation is generic over the kind of value, and nothing that is handed over behind a pointer can be. A
//! [`Procedure`] can: it is a list of operations, and whoever has a kind of value runs the list on it. So an operation that
//! is defined outside of this crate ([`Custom`]) states its reverse rule as a procedure, and is closed under
//! differentiation like any other: the rule consists of operations.

mod constant;
mod custom;
mod flow;

pub use custom::{Custom, CustomOp};

use crate::Mistake;
use crate::kinds::Sketch;
use crate::op::Op;
use crate::tape::Tape;
use crate::transform::Traced;
use crate::value::Value;
use alloc::rc::Rc;
use alloc::vec::Vec;
use constant::Constant;
use core::panic::Location;
use tress_tensor::{Error, Float, Shape};

/// A straight-line program: steps that name earlier values, without branches or loops.
///
/// ```
/// use tress_autograd::{Eager, Pointwise, Procedure, Reduce};
/// use tress_tensor::{Shape, Tensor};
///
/// let norm = Procedure::new::<f64>(&[Shape::new(&[3])?], |xs| vec![xs[0].square().sum_all().sqrt()])?;
/// let x = Eager::new(Tensor::vector(&[2.0f64, 3.0, 6.0]));
/// let results = norm.run(&[&x]);
/// assert_eq!(results[0].as_ref().unwrap().item()?, 7.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Procedure {
    /// The shapes of the inputs: values `0 .. inputs.len()`. Each step makes one value more.
    inputs: Vec<Shape>,
    steps: Vec<Step>,
    /// The values that come out; `None` stands for zeros.
    outputs: Vec<Option<usize>>,
}

#[derive(Clone, Debug)]
enum Step {
    Constant(Constant),
    Apply(Op, Vec<usize>, &'static Location<'static>),
}

impl Step {
    fn operands(&self) -> &[usize] {
        match self {
            Step::Constant(_) => &[],
            Step::Apply(_, operands, _) => operands,
        }
    }
}

impl Procedure {
    /// The procedure that `program` is on inputs of these shapes: what it does to them, and the constants that it lifts.
    ///
    /// # Errors
    /// The first mistake of the program, with its place; a result that was not computed from the arguments.
    #[track_caller]
    pub fn new<T: Float>(
        inputs: &[Shape],
        program: impl FnOnce(&[Traced<Sketch<T>>]) -> Vec<Traced<Sketch<T>>>,
    ) -> Result<Self, Mistake> {
        Self::trace(inputs, |xs| Ok(program(xs).into_iter().map(Some).collect()))
    }

    /// As [`new`](Procedure::new), for a program that can fail and knows of zeros.
    #[track_caller]
    pub(crate) fn trace<T: Float>(
        inputs: &[Shape],
        program: impl FnOnce(&[Traced<Sketch<T>>]) -> Result<Vec<Option<Traced<Sketch<T>>>>, Mistake>,
    ) -> Result<Self, Mistake> {
        let tape = Rc::new(Tape::new());
        let mut arguments = Vec::with_capacity(inputs.len());
        for &shape in inputs {
            arguments.push(Traced::leaf(&tape, Sketch::new(shape))); // no closure: the place is that of the caller
        }
        let results = program(&arguments)?;
        if let Some(mistake) = tape.mistake() {
            return Err(mistake);
        }
        if results.iter().flatten().any(|result| !result.is_on(&tape)) {
            let why = "a result is not computed from the arguments; hand over all that the program uses";
            return Err(Mistake::here(Error::Setting { op: "procedure", why }));
        }
        let outputs: Vec<_> = results.iter().map(|result| result.as_ref().and_then(Traced::entry)).collect();
        Ok(Self::recorded(inputs, &tape, &outputs))
    }

    /// What a tape holds behind its first leaves, as far as `outputs` need it.
    fn recorded<T: Float>(inputs: &[Shape], tape: &Tape<Sketch<T>>, outputs: &[Option<usize>]) -> Self {
        let entries: Vec<_> = tape.entries().collect();
        let mut needed = alloc::vec![false; entries.len()];
        outputs.iter().flatten().for_each(|&index| needed[index] = true);
        for entry in entries.iter().rev() {
            if needed[entry.index] {
                entry.operands.iter().for_each(|&x| needed[x] = true);
            }
        }
        let mut steps = Vec::new();
        // The number of each entry among the values of the procedure.
        let mut numbers: Vec<usize> = (0..inputs.len()).collect();
        for entry in entries.into_iter().skip(inputs.len()) {
            numbers.push(inputs.len() + steps.len());
            if !needed[entry.index] {
                continue;
            }
            match (entry.op, entry.value.constant()) {
                (Some(op), _) => {
                    let operands = entry.operands.iter().map(|&x| numbers[x]).collect();
                    steps.push(Step::Apply(op, operands, entry.place));
                }
                (None, Some(constant)) => steps.push(Step::Constant(Constant::new(constant))),
                (None, None) => {} // nobody but `trace` makes a leaf that is no constant
            }
        }
        let outputs = outputs.iter().map(|output| output.map(|index| numbers[index])).collect();
        Self { inputs: inputs.to_vec(), steps, outputs }
    }

    /// The shapes of the inputs.
    pub fn inputs(&self) -> &[Shape] {
        &self.inputs
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The number of results.
    pub fn results(&self) -> usize {
        self.outputs.len()
    }

    /// Runs the steps on values of one kind, at least one; a result that is zero by its form is `None`. No value lives
    /// longer than the last step that needs it.
    ///
    /// Another number of inputs, or other shapes than the procedure was traced for, make a mistake.
    #[track_caller]
    pub fn run<V: Value>(&self, inputs: &[&V]) -> Vec<Option<V>> {
        self.run_for(inputs, &|_| true)
    }

    /// As [`run`](Procedure::run), for those results alone that are `wanted`.
    #[track_caller]
    pub(crate) fn run_for<V: Value>(&self, inputs: &[&V], wanted: &dyn Fn(usize) -> bool) -> Vec<Option<V>> {
        if let Some(failed) = inputs.iter().find(|input| input.mistake().is_some()) {
            return self.outputs.iter().map(|_| Some(V::clone(failed))).collect();
        }
        if !inputs.iter().map(|input| input.shape()).eq(self.inputs.iter().copied()) {
            let why = "the operands have other shapes than those that the procedure was traced for";
            let failed = inputs[0].fail(Error::Setting { op: "procedure", why });
            return self.outputs.iter().map(|_| Some(failed.clone())).collect();
        }
        let ends = self.ends(wanted);
        let mut values: Vec<Option<V>> = inputs.iter().map(|&input| Some(input.clone())).collect();
        for (i, step) in self.steps.iter().enumerate() {
            if ends[self.inputs.len() + i] == Self::NEVER {
                values.push(None);
                continue;
            }
            let value = match step {
                Step::Constant(constant) => inputs[0].lift(constant.numbers()),
                Step::Apply(op, operands, place) => {
                    // Whatever a step needs is there: `ends` has kept it.
                    let xs: Vec<&V> = operands.iter().filter_map(|&x| values[x].as_ref()).collect();
                    V::apply_at(op.clone(), &xs, place)
                }
            };
            values.push(Some(value));
            step.operands().iter().filter(|&&x| ends[x] == i + 1).for_each(|&x| values[x] = None);
        }
        let result = |(i, output): (usize, &Option<usize>)| {
            output.filter(|_| wanted(i)).and_then(|value| values[value].clone())
        };
        self.outputs.iter().enumerate().map(result).collect()
    }

    /// What [`ends`](Procedure::ends) says of a value that nobody needs.
    const NEVER: usize = 0;

    /// For each value, one more than the step after which nobody needs it; results that are `wanted` are needed for good.
    fn ends(&self, wanted: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let mut ends = alloc::vec![Self::NEVER; self.inputs.len() + self.steps.len()];
        for (_, output) in self.outputs.iter().enumerate().filter(|(i, _)| wanted(*i)) {
            output.iter().for_each(|&value| ends[value] = usize::MAX);
        }
        for (i, step) in self.steps.iter().enumerate().rev() {
            if ends[self.inputs.len() + i] != Self::NEVER {
                step.operands().iter().for_each(|&x| ends[x] = ends[x].max(i + 1));
            }
        }
        ends
    }

    /// The shape of its result on inputs of these shapes.
    ///
    /// # Errors
    /// They are not those that it was traced for.
    pub(crate) fn infer(&self, inputs: &[Shape]) -> Result<Shape, Mistake> {
        let sketches: Vec<_> = inputs.iter().map(|&shape| Sketch::<f64>::new(shape)).collect();
        let results = self.run(&sketches.iter().collect::<Vec<_>>());
        let none = || Mistake::here(Error::Setting { op: "procedure", why: "it has no result" });
        let y = results.into_iter().next().flatten().ok_or_else(none)?;
        y.mistake().map_or(Ok(y.shape()), Err)
    }

    /// The shape of its first result.
    pub(crate) fn result_shape(&self) -> Result<Shape, Mistake> {
        self.infer(&self.inputs)
    }

    /// The reverse rule of the procedure, which has one result `y`: from the inputs, `y` and its cotangent to a cotangent
    /// of each input. The steps are taken once more, so nothing but the inputs needs to be kept. Inputs of which the
    /// gradient is lost inside get none: [`flows`](Procedure::flows) says which, and why.
    ///
    /// # Errors
    /// The first mistake of a rule.
    pub(crate) fn reverse(&self) -> Result<Self, Mistake> {
        let y = self.result_shape()?;
        let shapes = [&self.inputs[..], &[y, y]].concat();
        Self::trace::<f64>(&shapes, |all| {
            let (xs, g) = (&all[..self.inputs.len()], &all[self.inputs.len() + 1]);
            let tape = Tape::new();
            let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
            let results = self.run(&leaves.iter().collect::<Vec<_>>());
            match results.first() {
                Some(Some(y)) => tape.flowing(&[(*y, g.clone())], &leaves),
                _ => Ok(xs.iter().map(|_| None).collect()),
            }
        })
    }
}
