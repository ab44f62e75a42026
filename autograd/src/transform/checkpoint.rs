//! Recomputing instead of keeping, and reverse rules of one's own.

use super::traced::Traced;
use super::tree::{Tree, leaves, refill};
use crate::Mistake;
use crate::kinds::{Eager, Sketch};
use crate::op::{Flow, NonDifferentiable, Op};
use crate::procedure::{Custom, CustomOp, Procedure};
use crate::value::{Pointwise, Value};
use alloc::vec::Vec;
use core::panic::Location;
use tress_tensor::{Error, Float, Shape, Tensor};

/// What a function is traced with: its shapes are known, its numbers are not.
type Sketched<X> = Traced<Sketch<<<X as Tree>::Leaf as Value>::Elem>>;

/// `f(xs)` as one operation of which nothing is kept but `xs` and the result: a sweep computes what lies between them once
/// more (Griewank & Walther 2000; `jax.checkpoint`).
///
/// The gradient has the bits that it has without. Derivatives of any order, nested checkpoints and stacked cotangents are
/// as exact; dropout inside drops the same places again, since they follow from its seed. `f` must be handed all that it
/// uses, parameters too.
///
/// ```
/// use tress_autograd::{Fused, Pointwise, Reduce, Tape, Value, transform::checkpoint};
/// use tress_tensor::Tensor;
///
/// fn block<V: Value>([x, w]: [V; 2]) -> V {
///     x.matmul(&w).tanh().matmul(&w).tanh()
/// }
///
/// let tape = Tape::new();
/// let x = tape.var(Tensor::from_fn([4, 3], |i| (i[0] + i[1]) as f64 / 7.0)?);
/// let w = tape.var(Tensor::from_fn([3, 3], |i| (i[0] as f64 - i[1] as f64) / 3.0)?);
/// let kept = block([x, w]).sum_all().gradients(&[w])?;
/// let entries = tape.len();
/// let recomputed = checkpoint(block, [x, w]).sum_all().gradients(&[w])?;
/// assert_eq!(tape.len() - entries, 2); // the block and the sum
/// assert_eq!(kept[0].tensor()?, recomputed[0].tensor()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn checkpoint<X: Tree>(f: impl FnOnce(X::Of<Sketched<X>>) -> Sketched<X>, xs: X) -> X::Leaf {
    let traced = Operands::of(&xs);
    let body = Procedure::trace(&traced.shapes, |all| Ok(alloc::vec![Some(f(refill(&xs, all.to_vec())))]));
    match body {
        Ok(body) => traced.apply(Checkpoint { flows: body.flows(), body }),
        Err(mistake) => traced.failed(mistake),
    }
}

/// `f(xs)` with a reverse rule of one's own: `reverse(xs, y, g)` gives a cotangent for each value of `xs`
/// (`jax.custom_vjp`).
///
/// Forward mode and higher orders follow from the rule, which must be linear in `g`.
///
/// ```
/// use tress_autograd::{Pointwise, Reduce, transform::{custom_vjp, grad}};
/// use tress_tensor::Tensor;
///
/// // A step that lets gradients through as if it were the identity (the straight-through estimator).
/// let x = Tensor::vector(&[0.3f64, -0.2]);
/// let slope = grad(
///     |x| {
///         let step = custom_vjp(|x| x.greater(x.constant(0.0)), |_, _, g| g, x);
///         step.scale(3.0).sum_all()
///     },
///     &x,
/// );
/// assert_eq!(slope.tensor()?.to_vec(), [3.0, 3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn custom_vjp<X: Tree>(
    f: impl FnOnce(X::Of<Sketched<X>>) -> Sketched<X>,
    reverse: impl FnOnce(X::Of<Sketched<X>>, Sketched<X>, Sketched<X>) -> X::Of<Sketched<X>>,
    xs: X,
) -> X::Leaf {
    let traced = Operands::of(&xs);
    let body = Procedure::trace(&traced.shapes, |all| Ok(alloc::vec![Some(f(refill(&xs, all.to_vec())))]));
    let shaped = body.and_then(|body| Ok((body.result_shape()?, body)));
    let (y, body) = match shaped {
        Ok(shaped) => shaped,
        Err(mistake) => return traced.failed(mistake),
    };
    let n = traced.shapes.len();
    let inputs = [&traced.shapes[..], &[y, y]].concat();
    let place = Location::caller(); // a closure is its own caller
    let reverse = Procedure::trace(&inputs, |all| {
        let cotangents = reverse(refill(&xs, all[..n].to_vec()), all[n].clone(), all[n + 1].clone());
        let mut list = Vec::with_capacity(n);
        X::visit_leaves(&cotangents, &mut |cotangent: &Sketched<X>| list.push(Some(cotangent.clone())));
        match list.iter().flatten().zip(&traced.shapes).find(|(c, x)| c.shape() != **x) {
            None if list.len() == n => Ok(list),
            None => Err(Mistake { error: Error::Setting { op: "custom_vjp", why: LENGTH }, place }),
            Some((c, x)) => {
                let (op, why) = ("custom_vjp", "a cotangent must have the shape of its argument");
                let error = Error::Mismatch { op, left: c.shape(), right: *x, why, lengths: None };
                Err(Mistake { error, place })
            }
        }
    });
    match reverse {
        Ok(reverse) => traced.apply(Ruled { body, reverse }),
        Err(mistake) => traced.failed(mistake),
    }
}

const LENGTH: &str = "the rule must give one cotangent for each argument";

/// The values of a tree, as operands of one operation.
struct Operands<V> {
    values: Vec<V>,
    shapes: Vec<Shape>,
}

impl<V: Value> Operands<V> {
    #[track_caller]
    fn of<X: Tree<Leaf = V>>(xs: &X) -> Self {
        let (mut values, moves) = leaves(xs);
        for (value, _) in values.iter_mut().zip(moves).filter(|(_, moves)| !moves) {
            *value = value.stop();
        }
        let shapes = values.iter().map(V::shape).collect();
        Self { values, shapes }
    }

    #[track_caller]
    fn apply(&self, op: impl CustomOp + 'static) -> V {
        match self.values.iter().find(|value| value.mistake().is_some()) {
            Some(failed) => failed.clone(),
            None => V::apply(Op::Custom(Custom::new(op)), &self.values.iter().collect::<Vec<_>>()),
        }
    }

    /// A mistake that was made before goes before one that follows from it.
    fn failed(&self, mistake: Mistake) -> V {
        let before = self.values.iter().find_map(V::mistake);
        self.values[0].wrong(before.unwrap_or(mistake))
    }
}

/// A procedure as an operation, differentiated by taking its steps again.
#[derive(Debug)]
struct Checkpoint {
    body: Procedure,
    /// What becomes of the gradient of each operand on the way through the body.
    flows: Vec<Flow>,
}

/// A procedure as an operation, differentiated by another one.
#[derive(Debug)]
struct Ruled {
    body: Procedure,
    reverse: Procedure,
}

/// The single result of a procedure on tensors.
fn eval<T: Float>(body: &Procedure, xs: &[&Tensor<T>]) -> Result<Tensor<T>, Error> {
    let inputs: Vec<Eager<T>> = xs.iter().map(|&x| Eager::new(x.clone())).collect();
    match body.run(&inputs.iter().collect::<Vec<_>>()).into_iter().next().flatten() {
        Some(y) => y.tensor().cloned().map_err(|mistake| mistake.error),
        None => Err(Error::Setting { op: "procedure", why: "it has no result" }),
    }
}

macro_rules! by_body {
    ($name:literal) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn infer(&self, xs: &[Shape]) -> Result<Shape, Error> {
            self.body.infer(xs).map_err(|mistake| mistake.error)
        }

        fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Error> {
            eval(&self.body, xs)
        }

        fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Error> {
            eval(&self.body, xs)
        }

        fn differentiable(&self) -> Result<(), NonDifferentiable> {
            Ok(())
        }
    };
}

impl CustomOp for Checkpoint {
    by_body!("checkpoint");

    fn flow(&self, i: usize) -> Flow {
        self.flows.get(i).copied().unwrap_or(Flow::Rule)
    }

    fn reverse(&self, _: &[Shape]) -> Result<Procedure, Mistake> {
        self.body.reverse()
    }

    fn body(&self) -> Option<&Procedure> {
        Some(&self.body)
    }
}

impl CustomOp for Ruled {
    by_body!("custom_vjp");

    fn reverse(&self, _: &[Shape]) -> Result<Procedure, Mistake> {
        Ok(self.reverse.clone())
    }
}
