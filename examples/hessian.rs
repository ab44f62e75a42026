//! A Hessian times a vector, in two ways that share no step: kinds of value nest.
//!
//! `cargo run --example hessian`

use tress::prelude::*;

/// Rosenbrock's function of a vector, `sum 100 (b - a^2)^2 + (a - 1)^2` over neighbours `a, b`: any kind of value may run it.
fn rosenbrock<V: Value<Elem = f64>>(x: &V) -> V {
    let n = x.shape()[0];
    let (a, b) = (x.slice(0, 0..n - 1), x.slice(0, 1..n));
    ((b - a.square()).square().scale(100.0) + a.offset(-1.0).square()).sum_all()
}

/// The product by forward over reverse, by reverse over reverse, and from the formula of the Hessian.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (point, direction) = ([-1.2, 1.0, 0.7, 0.4], [0.3, -0.5, 1.0, 0.2]);

    // Forward over reverse: a tape of values that carry tangents. The tangent of the gradient is the product.
    let tape = Tape::new();
    let x = tape.leaf(Dual::new(Tensor::vector(&point).into(), Eager::new(Tensor::vector(&direction))));
    let gradient = &rosenbrock(&x).gradients(&[x])?[0];
    let forward = gradient.tangent_or_zeros().tensor()?.to_vec();

    // Reverse over reverse: the inner gradient is a program on the outer tape, and is swept in its turn.
    let outer = Tape::new();
    let parameter = outer.var(Tensor::vector(&point));
    let inner = Tape::new();
    let x = inner.leaf(parameter);
    let gradient = rosenbrock(&x).gradients(&[x])?[0];
    let along = (gradient * outer.var(Tensor::vector(&direction))).sum_all();
    let reverse = along.gradients(&[parameter])?[0].tensor()?.to_vec();

    // The Hessian has three diagonals; neighbours a, b add 1200 a^2 - 400 b + 2, 200 and -400 a.
    let mut formula = [0.0; 4];
    for i in 0..3 {
        let (a, b) = (point[i], point[i + 1]);
        formula[i] += (1200.0 * a * a - 400.0 * b + 2.0) * direction[i] - 400.0 * a * direction[i + 1];
        formula[i + 1] += 200.0 * direction[i + 1] - 400.0 * a * direction[i];
    }

    println!("forward over reverse  {forward:.9?}");
    println!("reverse over reverse  {reverse:.9?}");
    println!("the formula           {formula:.9?}");
    for ((forward, reverse), formula) in forward.iter().zip(&reverse).zip(formula) {
        assert!((forward - reverse).abs() < 1e-8 && (forward - formula).abs() < 1e-8);
    }
    Ok(())
}
