//! `x^y` of two values: an operation that needs no more than what operations from outside need.

use super::{Pointwise, Value};
use crate::Mistake;
use crate::op::{NonDifferentiable, Op};
use crate::procedure::{Custom, CustomOp, Procedure};
use alloc::vec::Vec;
use tress_tensor::{Error, Float, Shape, Tensor};

/// `x^y` element by element, as the standard library has it: of a negative `x` for whole `y`, 1 where `y` is 0.
#[derive(Clone, Copy, Debug)]
struct Power;

/// `x^y` of values of one shape.
#[track_caller]
pub(super) fn power<V: Value>(x: &V, y: &V) -> V {
    V::apply(Op::Custom(Custom::new(Power)), &[x, y])
}

fn eval<T: Float>(xs: &[&Tensor<T>]) -> Result<Tensor<T>, Error> {
    let (x, y) = (xs[0].to_vec(), xs[1].to_vec());
    let powers: Vec<T> = x.into_iter().zip(y).map(|(x, y)| x.powf(y.to_f64())).collect();
    Tensor::new(*xs[0].shape(), &powers)
}

impl CustomOp for Power {
    fn name(&self) -> &'static str {
        "pow"
    }

    fn infer(&self, xs: &[Shape]) -> Result<Shape, Error> {
        match xs {
            [x, y] => x.agree(y, self.name()).map(|()| *x),
            _ => Err(Error::Setting { op: self.name(), why: "a base and an exponent are wanted" }),
        }
    }

    fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Error> {
        eval(xs)
    }

    fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Error> {
        eval(xs)
    }

    fn differentiable(&self) -> Result<(), NonDifferentiable> {
        Ok(())
    }

    /// `y x^(y - 1)` and `x^y ln x`. Where both are 0, the power is taken as the constant 1 that it is along `x`; and along
    /// the exponent, a base of 0 counts as the constant 0.
    fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        Procedure::new::<f64>(&[xs[0], xs[1], xs[0], xs[0]], |all| {
            let [x, y, power_of, g] = [&all[0], &all[1], &all[2], &all[3]];
            let (zero, one) = (x.constant(0.0), x.constant(1.0));
            let at_zero = x.stop().equal(&zero);
            let corner = &at_zero * y.stop().equal(&zero);
            let below = corner.select(&one, y).offset(-1.0);
            let along_base = y * power(x, &below);
            let along_exponent = power_of * at_zero.select(&one, x).ln();
            alloc::vec![g * along_base, g * along_exponent]
        })
    }

    fn is_pointwise(&self) -> bool {
        true
    }
}
