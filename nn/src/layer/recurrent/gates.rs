//! What follows the products in a step of a GRU or an LSTM: one operation, with a gradient that is one.
//!
//! As a program of the engine's operations it is ten to fifteen passes over few numbers, and twice as many in the sweep. These
//! operations are that program to all kinds of value but tensors (their `body`); on tensors they are kernels. Second
//! derivatives are those of the program.

use crate::layer::program::Program;
use alloc::vec::Vec;
use core::array::from_fn;
use std::sync::OnceLock;
use tress_autograd::op::{NonDifferentiable, Op};
use tress_autograd::rule::Term;
use tress_autograd::{Arrange, Custom, CustomOp, Mistake, Pointwise, Procedure, Value};
use tress_tensor::pointwise::{Gates, gates};
use tress_tensor::{Error as Wrong, Shape, Tensor};

/// The operation for steps of one shape; copies share what is found out about it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    gates: Gates,
    op: Custom,
}

impl Step {
    /// For so many samples and hidden numbers.
    pub(super) fn new(gates: Gates, samples: usize, hidden: usize) -> Self {
        Self { gates, op: Custom::new(StepOp::new(gates, [samples, hidden])) }
    }

    /// From the products with the input and with the hidden numbers, and what is carried: the hidden numbers of a GRU, the memory
    /// of an LSTM. It gives the next hidden numbers, and the next memory of an LSTM.
    #[track_caller]
    pub(super) fn on<V: Value>(&self, from_input: &V, from_hidden: &V, carried: &V) -> (V, Option<V>) {
        let y = V::apply(Op::Custom(self.op.clone()), &[from_input, from_hidden, carried]);
        match self.gates {
            Gates::Lstm => (y.at(0, 0), Some(y.at(0, 1))),
            _ => (y, None),
        }
    }
}

/// One of [`Gates`]. Programs are traced when they are first asked for: tensors without gradients need none.
#[derive(Debug)]
struct StepOp {
    gates: Gates,
    sizes: [usize; 2],
    body: OnceLock<Option<Procedure>>,
    reverse: OnceLock<Result<Procedure, Mistake>>,
}

impl StepOp {
    fn new(gates: Gates, sizes: [usize; 2]) -> Self {
        Self { gates, sizes, body: OnceLock::new(), reverse: OnceLock::new() }
    }

    /// The reverse rule: that of the program, or for a step itself one operation more.
    fn rule(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        let y = self.infer(xs).map_err(Mistake::here)?;
        let gates = match self.gates {
            Gates::Lstm => Gates::LstmGrad,
            Gates::Gru => Gates::GruGrad,
            Gates::LstmGrad | Gates::GruGrad => return self.reversed(xs, y),
        };
        let back = Custom::new(Self::new(gates, self.sizes));
        Procedure::new::<f64>(&[xs, &[y, y]].concat(), |all| {
            let flat = Value::apply(Op::Custom(back), &[&all[0], &all[1], &all[2], &all[4]]);
            let wide = xs[0].len();
            let cut = |start: usize, i: usize| flat.slice(0, start..start + xs[i].len()).reshape(xs[i]);
            match gates {
                // The products are added, so their cotangents are the same.
                Gates::LstmGrad => {
                    let product = cut(0, 0);
                    alloc::vec![product.clone(), product, cut(wide, 2)]
                }
                _ => alloc::vec![cut(0, 0), cut(wide, 1), cut(2 * wide, 2)],
            }
        })
    }
}

impl Program for StepOp {
    #[track_caller]
    fn program<V: Value>(&self, xs: &[V]) -> V {
        let hidden = self.sizes[1];
        let part = |i: usize, part: usize| xs[i].slice(1, part * hidden..(part + 1) * hidden);
        let flat = |all: &[V]| {
            let all: Vec<V> = all.iter().map(|x| x.reshape([x.shape().len()])).collect();
            all[0].concat(0, &all[1..])
        };
        let beside = |all: &[V]| all[0].concat(1, &all[1..]);
        match self.gates {
            Gates::Lstm => {
                let (hidden, memory) = super::cell::lstm(&xs[0], &xs[1], Some(&xs[2]), hidden);
                hidden.stack(0, &[memory])
            }
            Gates::Gru => super::cell::gru(&xs[0], &xs[1], &xs[2], hidden),
            Gates::LstmGrad => {
                let found = on_terms(gates::lstm_grad, |i| match i {
                    0..8 => part(i / 4, i % 4),
                    8 => xs[2].clone(),
                    _ => xs[3].at(0, i - 9),
                });
                flat(&[beside(&found[..4]), found[4].clone()])
            }
            Gates::GruGrad => {
                let found = on_terms(gates::gru_grad, |i| match i {
                    0..6 => part(i / 3, i % 3),
                    _ => xs[i - 4].clone(),
                });
                flat(&[beside(&found[..3]), beside(&found[3..6]), found[6].clone()])
            }
        }
    }
}

/// A formula on values, which are asked for by their place.
fn on_terms<V: Value, const IN: usize, const OUT: usize>(
    formula: impl FnOnce([Term<V>; IN]) -> [Term<V>; OUT],
    operand: impl Fn(usize) -> V,
) -> [V; OUT] {
    let first = operand(0);
    formula(from_fn(|i| Term::Value(operand(i)))).map(|term| match term {
        Term::Value(value) => value,
        Term::Constant(c) => first.constant(c),
    })
}

impl CustomOp for StepOp {
    fn name(&self) -> &'static str {
        self.gates.name()
    }

    fn infer(&self, xs: &[Shape]) -> Result<Shape, Wrong> {
        match xs.get(2).is_some_and(|x| x[..] == self.sizes) {
            true => self.gates.infer(xs),
            false => {
                let why = "the operands have other shapes than those that it was made for";
                Err(Wrong::Setting { op: self.name(), why })
            }
        }
    }

    fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Wrong> {
        Tensor::gates(self.gates, xs)
    }

    fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Wrong> {
        Tensor::gates(self.gates, xs)
    }

    fn differentiable(&self) -> Result<(), NonDifferentiable> {
        Ok(())
    }

    fn body(&self) -> Option<&Procedure> {
        let traced = || {
            let (shapes, count) = self.gates.operands(self.sizes[0], self.sizes[1]).ok()?;
            Procedure::new::<f64>(&shapes[..count], |xs| alloc::vec![self.program(xs)]).ok()
        };
        self.body.get_or_init(traced).as_ref()
    }

    fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        self.reverse.get_or_init(|| self.rule(xs)).clone()
    }
}

#[cfg(test)]
mod tests;
