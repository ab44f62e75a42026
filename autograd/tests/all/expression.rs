//! What tests of expressions share: numbers, and the check of an expression to second order.

use tress_autograd::{Eager, Reduce, Tape};
use tress_tensor::Tensor;

/// Numbers between -1 and 1 that repeat on no small period, none near 0.
pub(crate) fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let mut count = seed * 1000;
    Tensor::from_fn(shape, |_| {
        count += 1;
        let x = (count as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0;
        x + x.signum() * 0.02
    })
    .unwrap()
}

pub(crate) fn all(shapes: &[&[usize]]) -> Vec<Tensor<f64>> {
    shapes.iter().enumerate().map(|(i, shape)| numbers(shape, i + 1)).collect()
}

/// Checks the derivatives of an expression to second order, and that a dry run gives the shape of its value; returns that.
macro_rules! checked {
    ($xs:expr, |$x:ident| $program:expr) => {{
        struct Expression;
        impl tress_autograd::check::Program for Expression {
            fn run<V: tress_autograd::Value<Elem = f64>>(&self, $x: &[V]) -> V {
                $program
            }
        }
        let xs: Vec<tress_tensor::Tensor<f64>> = $xs;
        tress_autograd::check::second_order(&Expression, &xs, 3)
            .unwrap_or_else(|failure| panic!("{}: {failure}", stringify!($program)));
        let outlines: Vec<_> = xs.iter().map(|x| tress_autograd::Outline::<f64>::new(*x.shape())).collect();
        let eager: Vec<_> = xs.into_iter().map(tress_autograd::Eager::new).collect();
        use tress_autograd::check::Program as _;
        let y = Expression.run(&eager).tensor().unwrap().clone();
        assert_eq!(Expression.run(&outlines).inferred().unwrap(), *y.shape(), "{}", stringify!($program));
        y
    }};
}
pub(crate) use checked;

#[track_caller]
pub(crate) fn near(found: &Tensor<f64>, expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.to_vec().iter().zip(expected) {
        let same = found == expected || (found - expected).abs() <= 1e-12 * (1.0 + expected.abs());
        assert!(same || (found.is_nan() && expected.is_nan()), "{found}, not {expected}");
    }
}

pub(crate) fn vector(numbers: &[f64]) -> Tensor<f64> {
    Tensor::vector(numbers)
}

pub(crate) fn eager(numbers: &[f64]) -> Eager<f64> {
    Eager::new(vector(numbers))
}

/// The gradient of the sum of what `f` makes of `x`.
pub(crate) fn gradient(
    x: &[f64],
    f: impl for<'t> Fn(&tress_autograd::Var<'t, Eager<f64>>) -> tress_autograd::Var<'t, Eager<f64>>,
) -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.var(vector(x));
    f(&x).sum_all().gradients(&[x]).unwrap()[0].tensor().unwrap().to_vec()
}
