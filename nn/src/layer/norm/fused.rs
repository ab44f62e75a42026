//! Batch norm of a large batch in training: operations that pass over its numbers once, forward and in the sweep.
//!
//! As a program of the engine's operations the layer is ten passes forward and eighteen back, each of which waits for memory.
//! These operations are that program to all kinds of value but tensors (their `body`); on tensors they are kernels, and their
//! first derivatives are operations of the same family. Second derivatives are those of the program.

use super::batch::{column, others, scaled, statistics};
use crate::layer::program::Program;
use alloc::vec::Vec;
use tress_autograd::op::NonDifferentiable;
use tress_autograd::{Arrange, CustomOp, Mistake, Pointwise, Procedure, Reduce, Value};
use tress_tensor::{Error as Wrong, Float, Shape, Tensor};

/// From so many numbers on the operations are taken; their rules are traced anew in each sweep, which smaller batches feel.
const LARGE: usize = 1 << 17;
/// So many neighbours of one channel at least: a plane is read in registers.
const PLANE: usize = 16;

/// Whether a batch of this shape is worth it. (Programs for devices have smaller ones, and need no second way.)
pub(super) fn is_worth_it(shape: &Shape) -> bool {
    cfg!(feature = "std") && shape.len() >= LARGE && shape[2..].iter().product::<usize>() >= PLANE
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// `(x, weight?, bias?)`: the normalised batch.
    Norm { epsilon: f64 },
    /// `(x, g, weight?)`: the cotangent of `x`.
    Back { epsilon: f64 },
    /// `(x, g)`: the cotangents of weight and bias, `[2, C]`.
    Sums { epsilon: f64 },
    /// `(x)`: means and variances, `[2, C]`; they move nothing.
    Moments,
}

#[derive(Debug)]
struct BatchOp {
    what: What,
    body: Procedure,
}

/// The normalised batch, and the statistics of its channels.
#[track_caller]
pub(super) fn apply<V: Value>(x: &V, own: [Option<&V>; 2], epsilon: f64) -> Result<(V, [V; 2]), Mistake> {
    let operands: Vec<&V> = [Some(x), own[0], own[1]].into_iter().flatten().collect();
    let y = on(What::Norm { epsilon }, &operands)?;
    let moments = on(What::Moments, &[&x.stop()])?;
    Ok((y, [0, 1].map(|row| moments.slice(0, row..row + 1).reshape([x.shape()[1]]))))
}

#[track_caller]
fn on<V: Value>(what: What, xs: &[&V]) -> Result<V, Mistake> {
    let shapes: Vec<Shape> = xs.iter().map(|x| x.shape()).collect();
    Ok(BatchOp::new(what, &shapes)?.on(xs))
}

impl BatchOp {
    fn new(what: What, xs: &[Shape]) -> Result<Self, Mistake> {
        Ok(Self { what, body: Procedure::new::<f64>(xs, |xs| alloc::vec![what.program(xs)])? })
    }
}

impl Program for What {
    fn program<V: Value>(&self, xs: &[V]) -> V {
        let (x, shape) = (&xs[0], xs[0].shape());
        let both = |a: V, b: V| a.reshape([1, shape[1]]).concat(0, &[b.reshape([1, shape[1]])]);
        let (axes, column, (centred, [mean, variance])) = (others(&shape), column(&shape), statistics(x));
        match *self {
            What::Moments => both(mean, variance),
            What::Norm { epsilon } => scaled(centred, &variance, [xs.get(1), xs.get(2)], epsilon),
            What::Sums { epsilon } => {
                let y = scaled(centred, &variance, [None; 2], epsilon);
                both((xs[1].clone() * y).sum(&axes), xs[1].sum(&axes))
            }
            What::Back { epsilon } => {
                let g = match xs.get(2) {
                    Some(weight) => xs[1].clone() * weight.reshape(column),
                    None => xs[1].clone(),
                };
                let y = scaled(centred, &variance, [None; 2], epsilon);
                let along = (g.clone() * y.clone()).mean(&axes).reshape(column);
                let rest = g.clone() - g.mean(&axes).reshape(column) - y * along;
                rest * variance.offset(epsilon).rsqrt().reshape(column)
            }
        }
    }
}

impl What {
    fn eval<T: Float>(self, xs: &[&Tensor<T>]) -> Result<Tensor<T>, Wrong> {
        match self {
            What::Norm { epsilon } => xs[0].channel_norm(epsilon, xs.get(1).copied(), xs.get(2).copied()),
            What::Back { epsilon } => xs[0].channel_norm_grad(epsilon, xs[1], xs.get(2).copied()),
            What::Sums { epsilon } => xs[0].channel_norm_sums(epsilon, xs[1]),
            What::Moments => xs[0].channel_moments(),
        }
    }
}

impl CustomOp for BatchOp {
    fn name(&self) -> &'static str {
        match self.what {
            What::Norm { .. } => "batch_norm",
            What::Back { .. } => "batch_norm_grad",
            What::Sums { .. } => "batch_norm_sums",
            What::Moments => "batch_moments",
        }
    }

    fn infer(&self, xs: &[Shape]) -> Result<Shape, Wrong> {
        if xs != self.body.inputs() {
            let why = "the operands have other shapes than those that it was made for";
            return Err(Wrong::Setting { op: self.name(), why });
        }
        match self.what {
            What::Norm { .. } | What::Back { .. } => Ok(xs[0]),
            What::Sums { .. } | What::Moments => Shape::named(self.name(), &[2, xs[0][1]]),
        }
    }

    fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Wrong> {
        self.what.eval(xs)
    }

    fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Wrong> {
        self.what.eval(xs)
    }

    fn differentiable(&self) -> Result<(), NonDifferentiable> {
        match self.what {
            What::Moments => Err(NonDifferentiable {
                reason: "running statistics move with no gradient",
                instead: "the mean and the variance of the batch",
            }),
            _ => Ok(()),
        }
    }

    fn body(&self) -> Option<&Procedure> {
        Some(&self.body)
    }

    fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        let What::Norm { epsilon } = self.what else {
            return self.what.reversed(xs, self.infer(xs).map_err(Mistake::here)?);
        };
        let y = xs[0];
        let back = BatchOp::new(What::Back { epsilon }, &[&[y, y], &xs[1..xs.len().min(2)]].concat())?;
        let sums = BatchOp::new(What::Sums { epsilon }, &[y, y])?;
        Procedure::new::<f64>(&[xs, &[y, y]].concat(), |all| {
            let (x, g) = (&all[0], &all[xs.len() + 1]);
            let operands: Vec<_> = [Some(x), Some(g), all[..xs.len()].get(1)].into_iter().flatten().collect();
            let mut cotangents = alloc::vec![back.on(&operands)];
            if xs.len() > 1 {
                let sums = sums.on(&[x, g]);
                cotangents.extend((1..xs.len()).map(|i| sums.slice(0, i - 1..i).reshape(xs[i])));
            }
            cotangents
        })
    }
}
