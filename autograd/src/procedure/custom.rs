//! Operations that are defined outside of this crate.

use super::Procedure;
use super::constant::same;
use crate::Mistake;
use crate::op::{Flow, NonDifferentiable, Op, Shared};
use crate::value::Value;
use alloc::vec::Vec;
use core::fmt;
use tress_tensor::parallel;
use tress_tensor::{Error, Float, Shape, Tensor};

/// An operation of your own: a kernel, and its reverse rule in operations that there are already.
///
/// It runs under every kind of value, to any order of derivative: the rule is a program, and programs have derivatives. The
/// forward rule follows from the reverse one, which is linear in the cotangent: `J t` is the gradient of `<J^T u, t>` with
/// respect to `u`. (So the rule must be linear in `g`.)
///
/// ```
/// use tress_autograd::{CustomOp, Eager, Mistake, Pointwise, Procedure, Reduce, Tape};
/// use tress_autograd::op::NonDifferentiable;
/// use tress_tensor::{Error, Float, Shape, Tensor};
///
/// /// `ln(cosh(x))`, by a loop of our own; its derivative is the hyperbolic tangent.
/// #[derive(Debug)]
/// struct LogCosh;
///
/// fn log_cosh<T: Float>(x: &Tensor<T>) -> Result<Tensor<T>, Error> {
///     let all: Vec<T> = x.to_vec().into_iter().map(|x| T::from_f64(x.to_f64().cosh().ln())).collect();
///     Tensor::new(x.shape(), &all)
/// }
///
/// impl CustomOp for LogCosh {
///     fn name(&self) -> &'static str {
///         "log_cosh"
///     }
///
///     fn infer(&self, xs: &[Shape]) -> Result<Shape, Error> {
///         match xs {
///             [x] => Ok(*x),
///             _ => Err(Error::Setting { op: "log_cosh", why: "one operand is wanted" }),
///         }
///     }
///
///     fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Error> {
///         log_cosh(xs[0])
///     }
///
///     fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Error> {
///         log_cosh(xs[0])
///     }
///
///     fn differentiable(&self) -> Result<(), NonDifferentiable> {
///         Ok(())
///     }
///
///     fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
///         // Inputs are the operands, the result, and its cotangent; results are a cotangent of each operand.
///         Procedure::new::<f64>(&[xs[0], xs[0], xs[0]], |all| vec![&all[2] * all[0].tanh()])
///     }
/// }
///
/// let tape = Tape::new();
/// let x = tape.var(Tensor::vector(&[0.5f64, -2.0]));
/// let gradient = LogCosh.on(&[&x]).sum_all().gradients(&[x])?;
/// assert_eq!(gradient[0].tensor()?.to_vec(), [0.5f64, -2.0].map(f64::tanh));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CustomOp: fmt::Debug + parallel::Shared {
    /// The name as programs and messages print it.
    fn name(&self) -> &'static str;

    /// The shape of the result for operands of these shapes, at least one.
    ///
    /// # Errors
    /// The operands do not fit. What passes must not fail in `eval`.
    fn infer(&self, xs: &[Shape]) -> Result<Shape, Error>;

    /// The result on operands that have passed [`infer`](CustomOp::infer), in the shape that it gave.
    ///
    /// # Errors
    /// Whatever a tensor's methods may return; it becomes a mistake at the line that asked for the operation.
    fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Error>;

    /// As [`eval_f32`](CustomOp::eval_f32).
    ///
    /// # Errors
    /// As there.
    fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Error>;

    /// Whether there is a [`reverse`](CustomOp::reverse) rule; if not, why, and what to use instead.
    ///
    /// # Errors
    /// The operation has no derivative: a sweep that would lose a gradient to it says so.
    fn differentiable(&self) -> Result<(), NonDifferentiable>;

    /// What becomes of the gradient of operand `i`: for an operation of which some operands only steer, such as a mask. By
    /// default the same for all, as [`differentiable`](CustomOp::differentiable) says.
    fn flow(&self, i: usize) -> Flow {
        let _ = i;
        self.differentiable().map_or_else(Flow::NonDifferentiable, |()| Flow::Rule)
    }

    /// The reverse rule for operands of these shapes: a procedure from the operands, the result `y` and its cotangent `g` to
    /// one cotangent for each operand.
    ///
    /// # Errors
    /// The first mistake in the rule; there is none (the default).
    fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        let _ = xs;
        Err(Mistake::here(Error::Setting {
            op: self.name(),
            why: "it says that it has a rule, but gives none",
        }))
    }

    /// Whether each number of the result follows from the numbers in the same place of the operands, which have one shape.
    /// Then all values of a stack are computed at once.
    fn is_pointwise(&self) -> bool {
        false
    }

    /// The procedure that the operation stands for, if it is one and is to be differentiated as one: other kinds of value
    /// then run it as it is.
    fn body(&self) -> Option<&Procedure> {
        None
    }

    /// The operation on operands of any kind.
    #[track_caller]
    fn on<V: Value>(self, xs: &[&V]) -> V
    where
        Self: Sized + 'static,
    {
        V::apply(Op::Custom(Custom::new(self)), xs)
    }
}

/// A shared [`CustomOp`], as [`Op`] holds it.
#[derive(Clone, Debug)]
pub struct Custom(Shared<dyn CustomOp>);

impl Custom {
    /// An operation that can be applied to values of every kind.
    pub fn new(op: impl CustomOp + 'static) -> Self {
        Self(Shared::new(op))
    }

    /// The operation.
    pub fn op(&self) -> &dyn CustomOp {
        &*self.0
    }

    /// The result on tensors, in the shape that `infer` gave.
    pub(crate) fn eval<T: Float>(&self, xs: &[&Tensor<T>], shape: Shape) -> Result<Tensor<T>, Error> {
        let op = self.op();
        let single = |xs: &[&Tensor<f32>]| op.eval_f32(xs);
        let double = |xs: &[&Tensor<f64>]| op.eval_f64(xs);
        let y = match eval_as(xs, single) {
            Some(y) => y?,
            None => eval_as(xs, double).unwrap_or_else(|| {
                Err(Error::Setting { op: op.name(), why: "it computes with f32 and f64 alone" })
            })?,
        };
        y.shape().agree(&shape, op.name())?;
        Ok(y)
    }
}

/// `eval` on these tensors, if they are tensors of `U`.
fn eval_as<T: Float, U: Float>(
    xs: &[&Tensor<T>],
    eval: impl Fn(&[&Tensor<U>]) -> Result<Tensor<U>, Error>,
) -> Option<Result<Tensor<T>, Error>> {
    let xs: Vec<Tensor<U>> = xs.iter().map(|x| same(x)).collect::<Option<_>>()?;
    match eval(&xs.iter().collect::<Vec<_>>()) {
        Ok(y) => same(&y).map(Ok),
        Err(error) => Some(Err(error)),
    }
}
