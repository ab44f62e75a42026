//! The rules of differentiation, written once, generic over the kind of value that they run on.
//!
//! A rule returns a cotangent or a tangent and does nothing else: it never adds to what others returned (only the sweep
//! adds) and never undoes a broadcast (broadcasting is an operation with a rule of its own).

mod custom;
mod jvp;
mod matrix;
mod normal;
mod term;
mod vjp;

pub use jvp::jvp;
pub use term::Term;
pub(crate) use vjp::columns;
pub use vjp::{through_activation, vjp};

use crate::op::Op;
use crate::value::{Pointwise, Value};
use tress_tensor::pointwise::{Jet, Keep, Map};

/// Hands to `give` the cotangents of those operands of `y = op(xs)` that are `wanted`, from the cotangent `g` of `y`: all
/// that a sweep asks of an operation.
pub fn pull<V: Value>(
    op: &Op,
    xs: &[&V],
    y: &V,
    g: &V,
    wanted: &dyn Fn(usize) -> bool,
    give: &mut dyn FnMut(usize, V),
) {
    let wanted = |i: usize| wanted(i) && op.flow(i).passes();
    if let Op::Custom(custom) = op {
        let all = custom::pull(custom.op(), xs, y, g, &wanted).into_iter().enumerate();
        return all.for_each(|(i, cotangent)| cotangent.into_iter().for_each(|cotangent| give(i, cotangent)));
    }
    let inside = through_activation(op, y, g);
    let g = inside.as_ref().unwrap_or(g);
    for i in (0..xs.len()).filter(|&i| wanted(i)) {
        if let Some(cotangent) = vjp(op, xs, y, g, i) {
            give(i, cotangent);
        }
    }
}

/// `g f''`: what the derivative of a function does when it is differentiated itself, from what the function kept.
/// `None` where it is zero everywhere.
fn second<V: Value>(map: Map, kept: &V, g: &V) -> Option<V> {
    // The function's own `df`, run on terms that record what it does, with a slope carried along.
    match map.df(Jet::variable(Term::Value(kept.clone()))).slope {
        Term::Constant(0.0) => None,
        Term::Constant(c) => Some(g.scale(c)),
        Term::Value(slope) => Some(g.clone() * slope),
    }
}

/// What the derivative of `map` is to be given, of `x` and `y = map(x)`.
fn kept<'a, V>(map: Map, x: &'a V, y: &'a V) -> &'a V {
    if map.keep() == Keep::Output { y } else { x }
}
