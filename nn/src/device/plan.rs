//! A plan: every call of a kernel, and where in one arena each value lies.
//!
//! Two values that are alive at the same time must not overlap. Values are placed by falling size, each at the lowest
//! offset where it fits (Y. Pisarchyk & J. Lee, "Efficient memory management for deep neural net inference", arXiv
//! 2001.03288, "greedy by size"). A value that only changes its shape lies where it lay; a function of one number is computed
//! where its operand lies, if nobody else looks at that; outputs are written where the caller wants them.

use super::program::{Operand, Program, Step};
use crate::Error;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use tress_autograd::Op;
use tress_autograd::op::{Conv, Product, RowNorm};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Shape, Window};

/// More numbers than any device of 32 bits could address.
const MOST: usize = 1 << 30;

/// Where a value lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the input of this number.
    Input(usize),
    /// In the arena, by numbers, not bytes.
    Arena(Range<usize>),
    /// In the output of this number.
    Output(usize),
}

/// What a call does. Weights and biases are numbers of the program's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `x [m, k]` by a weight `[k, n]`.
    Dense {
        /// The weight.
        weight: usize,
        /// The bias.
        bias: Option<usize>,
        /// The number of outputs.
        n: usize,
        /// Applied last.
        activation: Option<Map>,
    },
    /// A product of two values, of a step of learning.
    Product {
        /// Whether each is read with its axes exchanged.
        transposed: [bool; 2],
        /// Rows, the length of the sums, columns.
        lengths: [usize; 3],
        /// Whether a third value is added to each row.
        bias: bool,
        /// Applied last.
        activation: Option<Map>,
    },
    /// The slope of a function at the first value, times the second.
    MapGrad(Map),
    /// A number as often as it is wanted.
    Expand,
    /// Of each so many neighbours.
    LogSumExp(usize),
    /// The softmax of so many neighbours in the first value, times the second.
    LogSumExpGrad(usize),
    /// A convolution.
    Conv {
        /// The weight.
        weight: usize,
        /// The bias.
        bias: Option<usize>,
        /// How the windows lie.
        window: Window,
        /// Independent parts of the channels.
        groups: usize,
        /// The numbers under one window of one group.
        column: usize,
        /// Applied last.
        activation: Option<Map>,
    },
    /// The largest in each window.
    MaxPool(Window),
    /// The mean of each window.
    MeanPool(Window),
    /// The sums of runs of neighbours.
    Sums,
    /// A function of one number; where it lies, if that is said.
    Map(Map, bool),
    /// A function of two numbers.
    Zip(Zip),
    /// Of each so many neighbours.
    Softmax(usize),
    /// Of each so many neighbours.
    LogSoftmax(usize),
    /// Layer norm or RMS norm, of rows.
    RowNorm {
        /// What their numbers are multiplied by.
        weight: Option<usize>,
        /// What is added then.
        bias: Option<usize>,
        /// The length of a row.
        n: usize,
        /// What keeps the quotient finite, and whether the mean is taken off.
        norm: RowNorm,
    },
    /// Values end to end.
    Concat,
    /// A value as it is, to an output.
    Copy,
}

/// A call with the places of what it looks at and what it makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// What is done.
    pub call: Call,
    /// The values that it looks at, and where they lie.
    pub from: Vec<(usize, Place)>,
    /// The value that it makes, and where that goes.
    pub to: (usize, Place),
}

/// Every call of a program, and the size of its arena.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    calls: Vec<Placed>,
    values: usize,
    column: usize,
    multiply_adds: usize,
}

impl Plan {
    /// The calls, in order.
    pub fn calls(&self) -> &[Placed] {
        &self.calls
    }

    /// The numbers that values take in the arena.
    pub fn values(&self) -> usize {
        self.values
    }

    /// The numbers of the room for what lies under one window.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The bytes of the arena for numbers of one type, in whole words of eight, as allocators of devices give them: all
    /// memory that an evaluation writes, but for its outputs and a few words of stack.
    pub fn arena<T>(&self) -> usize {
        ((self.values + self.column) * size_of::<T>()).next_multiple_of(8)
    }

    /// Multiplications with an addition, in products and convolutions.
    pub fn multiply_adds(&self) -> usize {
        self.multiply_adds
    }
}

impl Program {
    /// Where each value lies.
    ///
    /// # Errors
    /// More numbers than a device of 32 bits could address.
    pub fn plan(&self) -> Result<Plan, Error> {
        let inputs = self.inputs.iter().map(|input| (&input.name, input.shape.len()));
        let outputs = self.outputs.iter().map(|(name, value)| (name, self.len_of(*value)));
        for (name, len) in inputs.chain(outputs) {
            if len > MOST {
                let why = format!("`{name}` has {len} numbers; devices of 32 bits cannot address so much");
                return Err(Error::Device { why });
            }
        }
        Planner::new(self).plan()
    }
}

struct Planner<'p> {
    program: &'p Program,
    /// For each value, the one whose place it shares.
    roots: Vec<usize>,
    /// For each root, the last call that looks at it.
    ends: Vec<usize>,
    /// For each root, the output that it is written to.
    outputs: Vec<Option<usize>>,
}

impl<'p> Planner<'p> {
    fn new(program: &'p Program) -> Self {
        let first = program.inputs.len();
        let count = first + program.steps.len();
        let mut roots: Vec<usize> = (0..count).collect();
        let mut ends = alloc::vec![0; count];
        for (at, step) in program.steps.iter().enumerate() {
            let same = matches!(step.op, Op::Reshape(_) | Op::Stop);
            for value in step.values() {
                if same {
                    roots[first + at] = roots[value];
                } else {
                    ends[roots[value]] = at + 1;
                }
            }
        }
        let mut outputs = alloc::vec![None; count];
        for (number, &(_, value)) in program.outputs.iter().enumerate() {
            let root = roots[value];
            // What nobody else looks at is written to where it is wanted; the rest is copied at the end.
            if root >= first && ends[root] == 0 && outputs[root].is_none() {
                outputs[root] = Some(number);
            }
        }
        for (number, &(_, value)) in program.outputs.iter().enumerate() {
            if outputs[roots[value]] != Some(number) {
                ends[roots[value]] = usize::MAX;
            }
        }
        Self { program, roots, ends, outputs }
    }

    fn plan(mut self) -> Result<Plan, Error> {
        let first = self.program.inputs.len();
        // A function of one number takes the place of its operand, where this is the last look at it.
        for (at, step) in self.program.steps.iter().enumerate() {
            let (value, Some(operand)) = (first + at, step.values().next()) else { continue };
            let root = self.roots[operand];
            let free = root >= first && self.ends[root] == at + 1 && self.outputs[root].is_none();
            if matches!(step.op, Op::Map(_)) && free && self.outputs[value].is_none() {
                let end = self.ends[value];
                self.roots.iter_mut().filter(|other| **other == value).for_each(|other| *other = root);
                self.ends[root] = end;
            }
        }
        let places = self.places()?;
        let mut calls = Vec::new();
        let (mut column, mut multiply_adds) = (0, 0usize);
        for (at, step) in self.program.steps.iter().enumerate() {
            let value = first + at;
            let from: Vec<_> = step.values().map(|value| (value, places[value].clone())).collect();
            let to = (value, places[value].clone());
            let in_place = from.first().is_some_and(|(_, place)| *place == to.1);
            if let Some(call) = self.call(step, in_place) {
                let rows = step.shape.len();
                let each = match call {
                    Call::Conv { column: taps, .. } => {
                        column = column.max(taps);
                        taps
                    }
                    Call::Dense { weight, n, .. } => self.program.weights[weight].numbers.len() / n.max(1),
                    Call::Product { lengths, .. } => lengths[1],
                    _ => 0,
                };
                multiply_adds = multiply_adds.saturating_add(rows.saturating_mul(each));
                calls.push(Placed { call, from, to });
            }
        }
        for (number, &(_, value)) in self.program.outputs.iter().enumerate() {
            if places[value] != Place::Output(number) {
                let from = alloc::vec![(value, places[value].clone())];
                calls.push(Placed { call: Call::Copy, from, to: (value, Place::Output(number)) });
            }
        }
        let ends = places.iter().map(|place| if let Place::Arena(range) = place { range.end } else { 0 });
        let values = ends.max().unwrap_or(0);
        Ok(Plan { calls, values, column, multiply_adds })
    }

    /// The place of each value.
    fn places(&self) -> Result<Vec<Place>, Error> {
        let first = self.program.inputs.len();
        let count = self.roots.len();
        let mut order: Vec<usize> = (first..count)
            .filter(|&value| self.roots[value] == value && self.outputs[value].is_none())
            .collect();
        order.sort_by_key(|&value| (core::cmp::Reverse(self.program.len_of(value)), value));
        let mut placed: Vec<(usize, Range<usize>)> = Vec::with_capacity(order.len());
        for value in order {
            let len = self.program.len_of(value);
            let mut others: Vec<_> = placed
                .iter()
                .filter(|(other, _)| self.meet(value, *other))
                .map(|(_, range)| range.clone())
                .collect();
            others.sort_by_key(|range| range.start);
            let mut start = 0;
            for other in others {
                if start + len <= other.start {
                    break;
                }
                start = start.max(other.end);
            }
            if len > MOST || start + len > MOST {
                let why = format!("a value of {len} numbers; devices of 32 bits cannot address so much");
                return Err(Error::Device { why });
            }
            placed.push((value, start..start + len));
        }
        let place = |value: usize| {
            let root = self.roots[value];
            match (self.outputs[root], placed.iter().find(|(other, _)| *other == root)) {
                _ if root < first => Place::Input(root),
                (Some(number), _) => Place::Output(number),
                (None, Some((_, range))) => Place::Arena(range.clone()),
                (None, None) => Place::Arena(0..0), // every root of the arena has been placed
            }
        };
        Ok((0..count).map(place).collect())
    }

    /// Whether two values are alive at one time. A value is alive from the step that makes it to the last that looks at it,
    /// both included: a kernel must not write where it still reads.
    fn meet(&self, a: usize, b: usize) -> bool {
        let first = self.program.inputs.len();
        let life = |value: usize| (value - first + 1, self.ends[value].max(value - first + 1));
        let ((a_from, a_to), (b_from, b_to)) = (life(a), life(b));
        a_from <= b_to && b_from <= a_to
    }

    fn call(&self, step: &Step, in_place: bool) -> Option<Call> {
        let weights: Vec<usize> = step.weights().collect();
        let lengths = |operand: usize| match step.operands.get(operand) {
            Some(&Operand::Weight(weight)) => self.program.weights[weight].shape,
            _ => step.shape,
        };
        let last = |shape: Shape| shape.last().copied().unwrap_or(1);
        let of = |operand: usize| match step.operands.get(operand) {
            Some(&Operand::Value(value)) => self.program.shape(value).unwrap_or(step.shape),
            _ => step.shape,
        };
        Some(match &step.op {
            Op::Product(Product { epilogue, transposed }) if self.program.learning => Call::Product {
                transposed: *transposed,
                lengths: [step.shape[0], of(0)[usize::from(!transposed[0])], step.shape[1]],
                bias: epilogue.bias,
                activation: epilogue.activation,
            },
            Op::MapGrad(map) => Call::MapGrad(*map),
            Op::Expand(_) => Call::Expand,
            Op::LogSumExp(_) => Call::LogSumExp(last(of(0))),
            Op::LogSumExpGrad(_) => Call::LogSumExpGrad(last(of(0))),
            Op::Product(Product { epilogue, .. }) => Call::Dense {
                weight: weights[0],
                bias: epilogue.bias.then(|| weights[1]),
                n: lengths(1)[1],
                activation: epilogue.activation,
            },
            Op::Conv(Conv { window, groups, epilogue, .. }) => Call::Conv {
                weight: weights[0],
                bias: epilogue.bias.then(|| weights[1]),
                window: *window,
                groups: *groups,
                column: lengths(1)[1..].iter().product(),
                activation: epilogue.activation,
            },
            Op::MaxPool(window, _) => Call::MaxPool(*window),
            Op::MeanPool(window, _) => Call::MeanPool(*window),
            Op::Sum(_) => Call::Sums,
            Op::Map(map) => Call::Map(*map, in_place),
            Op::Zip(zip) => Call::Zip(*zip),
            Op::Softmax => Call::Softmax(step.shape.last().copied().unwrap_or(1)),
            Op::LogSoftmax => Call::LogSoftmax(last(step.shape)),
            Op::RowNorm(norm) => Call::RowNorm {
                weight: weights.first().copied(),
                bias: weights.get(1).copied(),
                n: last(step.shape),
                norm: *norm,
            },
            Op::Concat(_) => Call::Concat,
            _ => return None, // a value under another shape
        })
    }
}
