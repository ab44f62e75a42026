//! Reverse rules: from the cotangent of a result to the cotangent of one operand.

use super::{kept, matrix, normal, second};
use crate::op::{Conv, ConvRole, Op, Pick, Product, Role, Slice};
use crate::value::{Arrange, Pointwise, Reduce, Value};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, Shape};

/// The cotangent of operand `i` of `y = op(xs)`, from the cotangent `g` of `y`; `None` where none flows.
///
/// For an operation with an activation in its epilogue, `g` is the cotangent behind it: see [`through_activation`].
pub fn vjp<V: Value>(op: &Op, xs: &[&V], y: &V, g: &V, i: usize) -> Option<V> {
    let (x, cotangent) = (xs[0], |op: Op, xs: &[&V]| Some(V::apply(op, xs)));
    match op {
        Op::Map(map) => match map.slope() {
            Some(1.0) => Some(g.clone()),
            Some(-1.0) => Some(-g.clone()),
            Some(slope) => Some(g.scale(slope)),
            None => cotangent(Op::MapGrad(*map), &[kept(*map, x, y), g]),
        },
        Op::MapGrad(map) => match i {
            0 => second(*map, x, &(g.clone() * xs[1].clone())),
            _ => cotangent(Op::MapGrad(*map), &[x, g]),
        },
        Op::Zip(zip) => zipped(*zip, xs, y, g, i),
        Op::Select => match i {
            0 => None, // piecewise constant
            1 => cotangent(Op::Select, &[x, g, &g.constant(0.0)]),
            _ => cotangent(Op::Select, &[x, &g.constant(0.0), g]),
        },
        Op::Stop => None,

        Op::Permute(order) => cotangent(Op::Permute(order.inverse()), &[g]),
        Op::Reshape(_) => cotangent(Op::Reshape(x.shape()), &[g]),
        Op::Expand(shape) => {
            let sum = V::apply(Op::Sum(expanded(&x.shape(), shape)), &[g]);
            cotangent(Op::Reshape(x.shape()), &[&sum])
        }
        Op::Slice(slice) => cotangent(Op::Unslice(*slice, x.shape()[slice.axis]), &[g]),
        Op::Unslice(slice, _) => cotangent(Op::Slice(*slice), &[g]),
        Op::Flip(axis) => cotangent(Op::Flip(*axis), &[g]),
        Op::Concat(axis) => {
            let start: usize = xs[..i].iter().map(|x| x.shape()[*axis]).sum();
            let end = start + xs[i].shape()[*axis];
            cotangent(Op::Slice(Slice { axis: *axis, start, end, step: 1 }), &[g])
        }

        Op::Sum(axes) => Some(restore(g, *axes, x.shape())),
        Op::Max(axes) | Op::Min(axes) => {
            let first = V::apply(Op::Zip(Zip::Equal), &[x, &restore(y, *axes, x.shape())]).stop();
            let ties = V::apply(Op::Sum(*axes), &[&first]);
            Some(first * restore(&(g.clone() / ties), *axes, x.shape()))
        }

        Op::RunningSum(axis, reversed) => cotangent(Op::RunningSum(*axis, !reversed), &[g]),

        Op::Solve(solve) => Some(matrix::solve_vjp(*solve, xs[0], y, g, i)),
        Op::Cholesky => Some(matrix::cholesky_vjp(y, g)),
        Op::LogDet => Some(matrix::inverse_transposed(x) * restore(g, matrix::both(x), x.shape())),
        Op::SignDet => None, // piecewise constant
        Op::Product(product) => producted(product, xs, g, i),
        Op::Conv(conv) => convolved(conv, xs, g, i),

        Op::MaxPool(_, role) | Op::Sort(_, role) => match (role, i) {
            (Pick::Output, _) | (Pick::Gather, 1) => cotangent(op.picking(Pick::Scatter), &[x, g]),
            (Pick::Scatter, 1) => cotangent(op.picking(Pick::Gather), &[x, g]),
            _ => None, // the places of what is picked are piecewise constant
        },
        Op::MeanPool(window, Role::Output) => cotangent(Op::MeanPool(*window, Role::Transpose), &[g]),
        Op::MeanPool(window, Role::Transpose) => cotangent(Op::MeanPool(*window, Role::Output), &[g]),

        Op::Gather(axis, index) => cotangent(Op::Scatter(*axis, index.clone(), x.shape()[*axis]), &[g]),
        Op::Scatter(axis, index, _) => cotangent(Op::Gather(*axis, index.clone()), &[g]),

        Op::Softmax => cotangent(Op::SoftmaxGrad, &[y, g]),
        Op::LogSoftmax => cotangent(Op::LogSoftmaxGrad, &[y, g]),
        // x is the softmax here, xs[1] the cotangent h that it was given: x (h - sum h x), linear and symmetric in h.
        Op::SoftmaxGrad if i == 1 => cotangent(Op::SoftmaxGrad, &[x, g]),
        Op::SoftmaxGrad => {
            let (h, along) = (xs[1], |a: &V, b: &V| along_last(&(a.clone() * b.clone())));
            Some(g.clone() * (h.clone() - along(h, x)) - h.clone() * along(g, x))
        }
        // And x its logarithm here: h - exp(x) sum h.
        Op::LogSoftmaxGrad if i == 1 => Some(g.clone() - along_last(&(g.clone() * x.exp()))),
        Op::LogSoftmaxGrad => Some(-(g.clone() * x.exp() * along_last(xs[1]))),

        Op::LogSumExp(labels) => cotangent(Op::LogSumExpGrad(labels.clone()), &[x, g]),
        Op::LogSumExpGrad(labels) if i == 1 => Some(normal::along_slope(labels, x, g)),
        Op::LogSumExpGrad(_) => Some(normal::bent(x, xs[1], g)),
        Op::RowNorm(norm) => match i {
            0 => match xs.get(1) {
                Some(weight) => cotangent(Op::RowNormGrad(*norm), &[x, g, weight]),
                None => cotangent(Op::RowNormGrad(*norm), &[x, g]),
            },
            1 => cotangent(Op::RowNormWeight(*norm), &[x, g]),
            _ => Some(columns(g)),
        },
        Op::RowNormGrad(norm) => {
            let spread = |weight: &V| V::apply(Op::Expand(x.shape()), &[weight]);
            // The Jacobian is symmetric, so that of the weighted cotangent is it, and then the weight.
            let along = || V::apply(Op::RowNormGrad(*norm), &[x, g]);
            match (i, xs.get(2)) {
                (0, Some(weight)) => Some(normal::turned(*norm, x, &(xs[1].clone() * spread(weight)), g)),
                (0, None) => Some(normal::turned(*norm, x, xs[1], g)),
                (1, Some(weight)) => Some(along() * spread(weight)),
                (1, None) => Some(along()),
                _ => Some(columns(&(along() * xs[1].clone()))),
            }
        }
        Op::RowNormWeight(norm) => match i {
            0 => cotangent(Op::RowNormGrad(*norm), &[x, xs[1], g]),
            _ => cotangent(Op::RowNorm(*norm), &[x, g]),
        },

        Op::Custom(custom) => super::custom::pull(custom.op(), xs, y, g, &|j| j == i).swap_remove(i),
        Op::Dropout(_) => cotangent(op.clone(), &[g]),
    }
}

/// The cotangent between the multilinear part of an operation and its activation, if it has one: `g f'`, by the output.
pub fn through_activation<V: Value>(op: &Op, y: &V, g: &V) -> Option<V> {
    op.epilogue().activation.map(|map| V::apply(Op::MapGrad(map), &[y, g]))
}

fn zipped<V: Value>(zip: Zip, xs: &[&V], y: &V, g: &V, i: usize) -> Option<V> {
    let (a, b) = (xs[0], xs[1]);
    match (zip, i) {
        (Zip::Add, _) | (Zip::Sub, 0) => Some(g.clone()),
        (Zip::Sub, _) => Some(-g.clone()),
        (Zip::Mul, 0) => Some(g.clone() * b.clone()),
        (Zip::Mul, _) => Some(g.clone() * a.clone()),
        (Zip::Div, 0) => Some(g.clone() / b.clone()),
        (Zip::Div, _) => Some(-(g.clone() * y.clone() / b.clone())),
        (Zip::Max, 0) | (Zip::Min, 1) => Some(g.clone() * share(a, b)),
        (Zip::Max, _) | (Zip::Min, _) => Some(g.clone() * share(b, a)),
        // Comparisons are piecewise constant. (`Zip` may grow: a new function without a rule stops the checker.)
        _ => None,
    }
}

/// 1 where `a > b`, one half where they are equal, 0 elsewhere: constant, and stopped to say so.
fn share<V: Value>(a: &V, b: &V) -> V {
    let ties = V::apply(Op::Zip(Zip::Equal), &[a, b]).map(Map::Scale(0.5));
    (V::apply(Op::Zip(Zip::Greater), &[a, b]) + ties).stop()
}

fn producted<V: Value>(product: &Product, xs: &[&V], g: &V, i: usize) -> Option<V> {
    let [ta, tb] = product.transposed;
    let times = |transposed, a: &V, b: &V| {
        Some(V::apply(Op::Product(Product { transposed, ..Product::default() }), &[a, b]))
    };
    match i {
        // With A and B as they are multiplied: dA = g B^T and dB = A^T g, transposed once more where they came so.
        0 if ta => times([tb, true], xs[1], g),
        0 => times([false, !tb], g, xs[1]),
        1 if tb => times([true, ta], g, xs[0]),
        1 => times([!ta, false], xs[0], g),
        _ => Some(columns(g)),
    }
}

/// The sum along all axes but the last.
pub(crate) fn columns<V: Value>(g: &V) -> V {
    let last = g.shape().rank() - 1;
    V::apply(Op::Sum((0..last).fold(Axes::NONE, Axes::and)), &[g])
}

fn convolved<V: Value>(conv: &Conv, xs: &[&V], g: &V, i: usize) -> Option<V> {
    use ConvRole::{Image, Output, Weight};
    // T(x, w, y) with two of the three fixed: whichever operand is asked for, `g` stands in the result's place.
    let (role, operands) = match (conv.role, i) {
        (Output, 0) => (Image, [xs[1], g]),
        (Output, 1) => (Weight, [xs[0], g]),
        (Output, _) => return Some(g.sum(&[0, 2, 3])),
        (Image, 0) => (Weight, [g, xs[1]]),
        (Image, _) => (Output, [g, xs[0]]),
        (Weight, 0) => (Image, [g, xs[1]]),
        (Weight, _) => (Output, [xs[0], g]),
    };
    Some(V::apply(Op::Conv(Conv { role, epilogue: Default::default(), ..*conv }), &operands))
}

/// The axes of `to` that an expansion from `from` has put in or repeated.
fn expanded(from: &Shape, to: &Shape) -> Axes {
    let front = to.rank() - from.rank();
    (0..to.rank()).filter(|&axis| axis < front || from[axis - front] != to[axis]).fold(Axes::NONE, Axes::and)
}

/// `g` with reduced axes put back, every index of them the same.
pub(super) fn restore<V: Value>(g: &V, axes: Axes, shape: Shape) -> V {
    let mut kept = shape;
    for axis in axes.iter() {
        // Setting a length to 1 cannot make a shape too large.
        kept = kept.with(axis, 1).unwrap_or(kept);
    }
    V::apply(Op::Expand(shape), &[&V::apply(Op::Reshape(kept), &[g])])
}

/// The sum along the last axis, in every place of it.
pub(super) fn along_last<V: Value>(x: &V) -> V {
    let shape = x.shape();
    let last = Axes::NONE.and(shape.rank() - 1);
    restore(&V::apply(Op::Sum(last), &[x]), last, shape)
}

/// A bias in the shape of the result that it is added to: along the columns of a product, the channels of a convolution.
pub(super) fn spread_bias<V: Value>(op: &Op, bias: &V, y: &V) -> V {
    let bias = match op {
        Op::Conv(_) => bias.reshape([bias.shape().len(), 1, 1]),
        _ => bias.clone(),
    };
    V::apply(Op::Expand(y.shape()), &[&bias])
}
