//! The rules of operations that are defined outside of this crate, by the procedures that they give.

use crate::kinds::Dual;
use crate::procedure::CustomOp;
use crate::tape::Tape;
use crate::value::{Pointwise, Value};
use alloc::vec::Vec;
use tress_tensor::Shape;

/// The cotangents of the operands that are `wanted`; all by one run of the procedure.
pub(super) fn pull<V: Value>(
    op: &dyn CustomOp,
    xs: &[&V],
    y: &V,
    g: &V,
    wanted: &dyn Fn(usize) -> bool,
) -> Vec<Option<V>> {
    let shapes: Vec<Shape> = xs.iter().map(|x| x.shape()).collect();
    match op.reverse(&shapes) {
        Ok(reverse) => reverse.run_for(&[xs, &[y, g]].concat(), wanted),
        Err(mistake) => xs.iter().map(|_| Some(g.wrong(mistake))).collect(),
    }
}

/// The tangent of `y`.
pub(super) fn push<V: Value>(op: &dyn CustomOp, xs: &[&V], y: &V, tangents: &[Option<&V>]) -> Option<V> {
    if tangents.iter().all(Option::is_none) || op.differentiable().is_err() {
        return None;
    }
    if let Some(body) = op.body() {
        let dual = |(x, t): (&&V, &Option<&V>)| Dual { primal: V::clone(x), tangent: t.cloned() };
        let moving: Vec<Dual<V>> = xs.iter().zip(tangents).map(dual).collect();
        return body.run(&moving.iter().collect::<Vec<_>>()).into_iter().next()??.tangent;
    }
    // The reverse rule u -> J^T u is linear, so J t is the gradient of <J^T u, t> with respect to u, wherever u is.
    let tape = Tape::new();
    let u = tape.leaf(y.constant(0.0));
    let (operands, result) =
        (xs.iter().map(|&x| tape.leaf(x.clone())).collect::<Vec<_>>(), tape.leaf(y.clone()));
    let operands: Vec<_> = operands.iter().collect();
    let pulled = pull(op, &operands, &result, &u, &|i| tangents[i].is_some());
    let seeds = pulled.iter().zip(tangents).filter_map(|(pulled, t)| Some(((*pulled)?, V::clone((*t)?))));
    match tape.cotangents(&seeds.collect::<Vec<_>>(), &[u], &[]) {
        Ok(found) => found.into_iter().next().flatten(),
        Err(mistake) => Some(y.wrong(mistake)),
    }
}
