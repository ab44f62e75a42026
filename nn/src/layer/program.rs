//! The program that a fused operation stands for, and the reverse rule that follows from it.

use alloc::vec::Vec;
use tress_autograd::{Mistake, Pointwise, Procedure, Tape, Value};
use tress_tensor::Shape;

/// What an operation is in operations of the engine.
pub(super) trait Program {
    /// The result, from the operands.
    fn program<V: Value>(&self, xs: &[V]) -> V;

    /// The reverse rule of the program, for operands of these shapes and a result of the shape `y`: what
    /// [`CustomOp::reverse`](tress_autograd::CustomOp::reverse) asks for.
    fn reversed(&self, xs: &[Shape], y: Shape) -> Result<Procedure, Mistake> {
        Procedure::new::<f64>(&[xs, &[y, y]].concat(), |all| {
            let (xs, g) = (&all[..xs.len()], &all[xs.len() + 1]);
            let tape = Tape::new();
            let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
            let y = self.program(&leaves);
            match tape.cotangents(&[(y, g.clone())], &leaves, &[]) {
                Ok(found) => found
                    .into_iter()
                    .zip(xs)
                    .map(|(found, x)| found.unwrap_or_else(|| x.constant(0.0)))
                    .collect(),
                Err(mistake) => xs.iter().map(|x| x.wrong(mistake)).collect(),
            }
        })
    }
}
