//! Forward rules: from the tangents of the operands to the tangent of the result.

use super::vjp::{along_last, columns, spread_bias, through_activation};
use super::{kept, matrix, normal, second};
use crate::op::{Op, Pick};
use crate::value::{Pointwise, Value};
use alloc::vec::Vec;
use tress_tensor::pointwise::Zip;

/// The tangent of `y = op(xs)` from the tangents of the operands; `None` stands for zero.
pub fn jvp<V: Value>(op: &Op, xs: &[&V], y: &V, tangents: &[Option<&V>]) -> Option<V> {
    let t = |i: usize| tangents[i];
    match op {
        Op::Map(map) => t(0).map(|t| match map.slope() {
            Some(1.0) => t.clone(),
            Some(slope) => t.scale(slope),
            None => V::apply(Op::MapGrad(*map), &[kept(*map, xs[0], y), t]),
        }),
        Op::MapGrad(map) => {
            let along_kept = t(0).and_then(|t| second(*map, xs[0], &(xs[1].clone() * t.clone())));
            add(along_kept, t(1).map(|t| V::apply(op.clone(), &[xs[0], t])))
        }
        Op::Zip(Zip::Add) => add(t(0).cloned(), t(1).cloned()),
        Op::Zip(Zip::Sub) => add(t(0).cloned(), t(1).map(|t| -t.clone())),
        Op::Zip(Zip::Mul) => multilinear(op, xs, tangents),
        Op::Zip(Zip::Div) => {
            let above = t(0).map(|t| t.clone() / xs[1].clone());
            add(above, t(1).map(|t| -(y.clone() * t.clone() / xs[1].clone())))
        }
        Op::Zip(Zip::Max | Zip::Min) => {
            let one = |i: usize| super::vjp(op, xs, y, t(i)?, i); // diagonal, so its own transpose
            add(one(0), one(1))
        }
        Op::Zip(_) | Op::Stop | Op::SignDet => None,
        Op::Select if t(1).is_none() && t(2).is_none() => None,
        Op::Select => {
            let zero = y.constant(0.0);
            Some(V::apply(Op::Select, &[xs[0], t(1).unwrap_or(&zero), t(2).unwrap_or(&zero)]))
        }
        Op::Concat(_) if tangents.iter().all(Option::is_none) => None,
        Op::Concat(_) => {
            let all: Vec<V> =
                xs.iter().zip(tangents).map(|(x, t)| t.cloned().unwrap_or_else(|| x.constant(0.0))).collect();
            Some(V::apply(op.clone(), &all.iter().collect::<Vec<_>>()))
        }
        // The transpose of a linear map g -> M^T g is the same M that the reverse rule holds; it is read off by
        // multiplying: sum over the axis of the share that each element has in the maximum, times its tangent.
        Op::Max(axes) | Op::Min(axes) => t(0).and_then(|t| {
            let share = super::vjp(op, xs, y, &y.constant(1.0), 0)?;
            Some(V::apply(Op::Sum(*axes), &[&(share * t.clone())]))
        }),
        Op::MaxPool(_, Pick::Output) | Op::Sort(_, Pick::Output) => {
            t(0).map(|t| V::apply(op.picking(Pick::Gather), &[xs[0], t]))
        }
        Op::MaxPool(..) | Op::Sort(..) => t(1).map(|t| V::apply(op.clone(), &[xs[0], t])),
        Op::Solve(solve) => matrix::solve_jvp(*solve, xs, y, t(0), t(1)),
        Op::Cholesky => t(0).map(|t| matrix::cholesky_jvp(y, t)),
        Op::LogDet => t(0).map(|t| {
            let slope = matrix::inverse_transposed(xs[0]) * t.clone();
            V::apply(Op::Sum(matrix::both(t)), &[&slope])
        }),
        // The Jacobian diag(y) - y y^T of the softmax is symmetric.
        Op::Softmax => t(0).and_then(|t| super::vjp(op, xs, y, t, 0)),
        Op::LogSoftmax => t(0).map(|t| t.clone() - along_last(&(y.exp() * t.clone()))),
        Op::SoftmaxGrad => {
            let (x, h) = (xs[0], xs[1]);
            let along_x = t(0).map(|t| {
                let sum = |a: &V, b: &V| along_last(&(a.clone() * b.clone()));
                t.clone() * (h.clone() - sum(h, x)) - x.clone() * sum(h, t)
            });
            add(along_x, t(1).map(|t| V::apply(op.clone(), &[x, t])))
        }
        Op::LogSoftmaxGrad => {
            let along_x = t(0).map(|t| -(xs[0].exp() * t.clone() * along_last(xs[1])));
            add(along_x, t(1).map(|t| V::apply(op.clone(), &[xs[0], t])))
        }
        Op::LogSumExp(labels) => t(0).map(|t| normal::along_slope(labels, xs[0], t)),
        Op::LogSumExpGrad(_) => {
            let along_x = t(0).map(|t| normal::bent(xs[0], xs[1], t)); // a second derivative is symmetric
            add(along_x, t(1).map(|t| V::apply(op.clone(), &[xs[0], t])))
        }
        Op::RowNorm(norm) => {
            let all = |x: &V| V::apply(Op::Expand(y.shape()), &[x]);
            let along_x = t(0).map(|t| V::apply(Op::RowNormGrad(*norm), &[xs[0], t])); // symmetric
            let along_x = along_x.map(|t| if let Some(&w) = xs.get(1) { t * all(w) } else { t });
            let weight = tangents.get(1).copied().flatten();
            let along_weight = weight.map(|t| V::apply(op.clone(), &xs[..1]) * all(t));
            add(add(along_x, along_weight), tangents.get(2).copied().flatten().map(all))
        }
        Op::RowNormGrad(norm) => {
            let weight = xs.get(2).map(|w| V::apply(Op::Expand(y.shape()), &[w]));
            let weighted = weight.map_or_else(|| xs[1].clone(), |w| xs[1].clone() * w);
            let along_x = t(0).map(|t| normal::turned(*norm, xs[0], &weighted, t)); // symmetric as well
            let of = |g: &V, weight: &[&V]| V::apply(op.clone(), &[&[xs[0], g], weight].concat());
            let along_g = t(1).map(|t| of(t, &xs[2..]));
            let weight = tangents.get(2).copied().flatten();
            add(add(along_x, along_g), weight.map(|t| of(xs[1], &[t])))
        }
        Op::RowNormWeight(norm) => {
            let along_x =
                t(0).map(|t| columns(&(V::apply(Op::RowNormGrad(*norm), &[xs[0], t]) * xs[1].clone())));
            add(along_x, t(1).map(|t| V::apply(op.clone(), &[xs[0], t])))
        }
        Op::Product(_) | Op::Conv(_) => {
            let linear = multilinear(&op.bare(), &xs[..2], &tangents[..2]);
            let bias = tangents.get(2).copied().flatten();
            let inner = add(linear, bias.map(|t| spread_bias(op, t, y)))?;
            Some(through_activation(op, y, &inner).unwrap_or(inner))
        }
        Op::Custom(custom) => super::custom::push(custom.op(), xs, y, tangents),
        Op::Permute(_) | Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) | Op::Unslice(..) | Op::Flip(_) => {
            multilinear(op, xs, tangents)
        }
        Op::Sum(_)
        | Op::RunningSum(..)
        | Op::MeanPool(..)
        | Op::Gather(..)
        | Op::Scatter(..)
        | Op::Dropout(_) => multilinear(op, xs, tangents),
    }
}

/// An operation that is linear in each operand is its own derivative: replace one operand at a time by its tangent.
fn multilinear<V: Value>(op: &Op, xs: &[&V], tangents: &[Option<&V>]) -> Option<V> {
    (0..xs.len()).fold(None, |sum, i| {
        let term = tangents[i].map(|t| {
            let mut operands = xs.to_vec();
            operands[i] = t;
            V::apply(op.clone(), &operands)
        });
        add(sum, term)
    })
}

pub(super) fn add<V: Value>(a: Option<V>, b: Option<V>) -> Option<V> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
