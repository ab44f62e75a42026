//! Recomputing instead of keeping, reverse rules of one's own, operations from outside.

use tress_autograd::check::{self, Program};
use tress_autograd::op::NonDifferentiable;
use tress_autograd::transform::{Held, checkpoint, custom_vjp, grad, hessian, hvp, jvp, vmap};
use tress_autograd::{
    CustomOp, Dual, Eager, Fused, Mistake, Outline, Pointwise, Procedure, Reduce, Tape, Value, Var,
};
use tress_tensor::{Error, Shape, Tensor};

fn numbers(shape: &[usize], seed: f64) -> Tensor<f64> {
    let mut count = seed;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 12.9898).sin() * 0.7
    })
    .unwrap()
}

/// A block with a constant, dropout, and an operand that is used several times.
fn block<V: Value>([x, w]: [V; 2]) -> V {
    let hidden = x.matmul(&w).tanh().dropout(0.3, 77);
    let scaled = (hidden.clone() + hidden.constant(0.25)) * hidden.sigmoid();
    scaled.matmul(&w).softmax() * x
}

fn recomputed<V: Value>(xs: [V; 2]) -> V {
    checkpoint(block, xs)
}

fn twice_recomputed<V: Value>([x, w]: [V; 2]) -> V {
    let inner = |[x, w]: [_; 2]| checkpoint(block, [checkpoint(block, [x, Clone::clone(&w)]), w]);
    checkpoint(inner, [x, w])
}

#[test]
fn recomputed_gradients_have_the_same_bits_and_keep_less() {
    let operands = [numbers(&[6, 5], 0.0), numbers(&[5, 5], 90.0)];
    type Recorded<'t> = Var<'t, Eager<f64>>;
    let run = |f: fn([Recorded<'_>; 2]) -> Recorded<'_>| {
        let tape = Tape::new();
        let [x, w] = operands.each_ref().map(|x| tape.var(x.clone()));
        let y = f([x, w]);
        let memory = tape.memory();
        let gradients = y.square().sum_all().gradients(&[x, w]).unwrap();
        let stack = y.pull_stacked(Eager::new(numbers(&[3, 6, 5], 4.0)), &[x, w]).unwrap();
        let all = gradients.into_iter().chain(stack).chain([y.value().unwrap()]);
        (all.map(|g| g.tensor().unwrap().clone()).collect::<Vec<_>>(), memory)
    };
    let (plain, kept) = run(|xs| block(xs));
    let (again, less) = run(|xs| recomputed(xs));
    assert_eq!(plain, again);
    assert_eq!((kept.entries - 2, less.entries - 2), (10, 1), "{kept} and {less}");
    // Of the block there is nothing but its result: x and y of 30 numbers, w of 25, each in 64 + 256 bytes.
    assert_eq!(less.values, 3 * 320, "{less}");
    assert!(kept.values > 8 * 320, "{kept}");
}

/// A function of two matrices as a program to check.
struct Both(bool);

impl Program for Both {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let xs = [xs[0].clone(), xs[1].clone()];
        if self.0 { twice_recomputed(xs) } else { recomputed(xs) }
    }
}

#[test]
fn all_orders_and_kinds_go_through_checkpoints() {
    let xs = [numbers(&[3, 4], 0.0), numbers(&[4, 4], 90.0)];
    check::second_order(&Both(false), &xs, 1).unwrap();
    check::second_order(&Both(true), &xs, 1).unwrap();

    // The same bits by Hessian-vector products, forward mode and on batches; the same shapes of outlines.
    let t = [numbers(&[3, 4], 5.0), numbers(&[4, 4], 6.0)];
    let [a, b] = hvp(|xs| block(xs).square().sum_all(), xs.clone(), t.clone());
    let [c, d] = hvp(|xs| recomputed(xs).square().sum_all(), xs.clone(), t.clone());
    for (a, c) in [(a, c), (b, d)] {
        let (a, c) = (a.tensor().unwrap().to_vec(), c.tensor().unwrap().to_vec());
        assert!(a.iter().zip(&c).all(|(a, c)| (a - c).abs() < 1e-13), "{a:?} {c:?}");
    }
    let (y, dy) = jvp(block, xs.clone(), t.clone());
    let (z, dz) = jvp(recomputed, xs.clone(), t);
    assert_eq!((y.tensor().unwrap(), dy.tensor().unwrap()), (z.tensor().unwrap(), dz.tensor().unwrap()));
    let batch = [numbers(&[2, 3, 4], 0.0), numbers(&[2, 4, 4], 90.0)];
    let (many, one) = (vmap(block, batch.clone()), vmap(recomputed, batch));
    assert_eq!(many.tensor().unwrap(), one.tensor().unwrap());
    let outline = recomputed(xs.each_ref().map(|x| Outline::<f64>::new(*x.shape())));
    assert_eq!(*outline.inferred().unwrap(), [3, 4]);
}

#[test]
fn arguments_that_are_held_get_no_gradient_and_constants_change_their_type() {
    let x = Tensor::vector(&[0.5f32, -0.25]);
    let w = Tensor::vector(&[2.0f32, 3.0]);
    let slope = grad(
        |[x, w]: [_; 2]| checkpoint(|(x, w)| (x * w.clone() * w.constant(1.5)).sum_all(), (x, Held(w))),
        [&x, &w],
    );
    assert_eq!(slope[0].tensor().unwrap().to_vec(), [3.0, 4.5]);
    assert_eq!(slope[1].tensor().unwrap().to_vec(), [0.0, 0.0]);

    // Traced in f32, run in f64: a full constant stays one number, a list of numbers is cast.
    let list = Tensor::vector(&[1.0f32, 0.5]);
    let shape = *list.shape();
    let procedure =
        Procedure::new::<f32>(&[shape], |xs| vec![&xs[0] * xs[0].lift(list) + xs[0].constant(0.1)]).unwrap();
    let y = procedure.run(&[&Eager::new(Tensor::vector(&[3.0f64, 4.0]))]);
    assert_eq!(y[0].as_ref().unwrap().tensor().unwrap().to_vec(), [3.0 + 0.1f32 as f64, 2.0 + 0.1f32 as f64]);
    let wrong = procedure.run(&[&Eager::new(Tensor::vector(&[3.0f64]))]);
    assert!(wrong[0].as_ref().unwrap().mistake().unwrap().to_string().contains("other shapes"));
}

#[test]
fn mistakes_and_lost_gradients_inside_name_their_lines() {
    let x = numbers(&[2, 3], 0.0);
    let line = line!() + 1;
    let y = checkpoint(|x| x.matmul(&x), Eager::new(x.clone()));
    let message = y.tensor().unwrap_err().to_string();
    assert!(
        message.starts_with("matmul: [2, 3] x [2, 3]") && message.contains(&format!(":{line})")),
        "{message}"
    );

    let tape = Tape::new();
    let w = tape.var(x);
    let line = line!() + 1;
    let y = checkpoint(|w| w.greater(w.constant(0.0)).scale(2.0), w);
    let message = y.sum_all().gradients(&[w]).unwrap_err().to_string();
    assert!(
        message.starts_with("greater: no gradient") && message.contains(&format!(":{line})")),
        "{message}"
    );

    let elsewhere = Tape::new();
    let other = elsewhere.var(numbers(&[2, 3], 0.0));
    assert!((w + other).mistake().is_some());
}

/// The line of the comparison.
const GATED: u32 = line!() + 4;

/// `x` where `m` is positive: of `m` no gradient flows.
fn gated<V: Value>((x, m): (V, V)) -> V {
    (x * m.greater(m.constant(0.0))).square()
}

#[test]
fn a_gradient_that_nobody_wants_may_be_lost_inside() {
    let x = Tensor::vector(&[0.5f64, -1.5, 2.0]);
    let m = Tensor::vector(&[1.0f64, -1.0, 3.0]);
    let list = |x: &Eager<f64>| x.tensor().unwrap().to_vec();
    let expected = list(&grad(|x| gated((x.clone(), x.lift(m.clone()))).sum_all(), &x));
    // The mask as an entry of the tape that nobody asks about, held, stopped, and held by the whole transform.
    let tape = Tape::new();
    let (a, b) = (tape.var(x.clone()), tape.var(m.clone()));
    for y in [checkpoint(gated, (a, b)), checkpoint(gated, (a, b.stop()))] {
        assert_eq!(list(&y.sum_all().gradients(&[a]).unwrap()[0]), expected);
    }
    let y = checkpoint(|(x, m)| checkpoint(gated, (x, m)), (a, Held(b))).sum_all();
    let found = y.gradients(&[a, b]).unwrap();
    assert_eq!(
        (list(&found[0]), list(&found[1])),
        (expected.clone(), vec![0.0; 3]),
        "held: zeros, as elsewhere"
    );
    let held = grad(|(x, m)| checkpoint(gated, (x, m)).sum_all(), (&x, Held(&m)));
    assert_eq!(list(&held.0), expected);
    // Lost on one way and not on another: as without the checkpoint.
    let both = grad(|x| checkpoint(gated, (x.clone(), x)).sum_all(), &x);
    assert_eq!(list(&both), list(&grad(|x| gated((x.clone(), x)).sum_all(), &x)));

    // Asked about, it is an error at the line inside of the innermost checkpoint.
    let y = checkpoint(|(x, m)| checkpoint(gated, (x.tanh(), m.scale(2.0))), (a, b)).sum_all();
    let message = y.gradients(&[a, b]).unwrap_err().to_string();
    assert!(
        message.starts_with("greater: no gradient gets through to %1")
            && message.contains(&format!(":{GATED})")),
        "{message}"
    );
    let found = y.coverage(&[a, b]).unwrap();
    assert!(found[0].is_fine() && found[1].to_string().contains("checkpoint"), "{}", found[1]);
    assert!(found[1].to_string().contains("a comparison is piecewise constant"), "{}", found[1]);
    // What is stopped inside is meant, and so is an argument that is not used at all.
    let y = checkpoint(|(x, m)| x * m.greater(m.constant(0.0)).stop(), (a, b)).sum_all();
    assert_eq!(list(&y.gradients(&[b]).unwrap()[0]), [0.0; 3]);
    let y = checkpoint(|(x, _)| x.tanh(), (a, b)).sum_all();
    assert_eq!(list(&y.gradients(&[b]).unwrap()[0]), [0.0; 3]);
}

#[test]
fn a_rule_of_ones_own_is_what_is_swept_to_any_order() {
    // The cube, with 6 x where 3 x^2 would be right: so that the rule shows.
    fn wrong_cube<V: Value>(x: V) -> V {
        custom_vjp(|x| x.powf(3.0), |x, _, g| g * x.scale(6.0), x)
    }
    let x = Tensor::vector(&[2.0f64, -1.0]);
    assert_eq!(grad(|x| wrong_cube(x).sum_all(), &x).tensor().unwrap().to_vec(), [12.0, -6.0]);
    let (y, dy) = jvp(wrong_cube, Eager::new(x.clone()), Eager::new(Tensor::vector(&[1.0, 10.0])));
    assert_eq!(y.tensor().unwrap().to_vec(), [8.0, -1.0]);
    assert_eq!(dy.tensor().unwrap().to_vec(), [12.0, -60.0], "forward mode follows from the rule");
    let h = hessian(|x| wrong_cube(x).sum_all(), &x);
    assert_eq!(h.tensor().unwrap().to_vec(), [6.0, 0.0, 0.0, 6.0]);
    let stacked = vmap(|x| grad(|x| wrong_cube(x).sum_all(), x), &numbers(&[3, 2], 1.0));
    assert_eq!(
        stacked.tensor().unwrap().to_vec(),
        numbers(&[3, 2], 1.0).to_vec().iter().map(|x| 6.0 * x).collect::<Vec<_>>()
    );

    let message =
        custom_vjp(|x| x.exp(), |_, _, g| g.sum_all(), Eager::new(x)).tensor().unwrap_err().to_string();
    assert!(message.starts_with("custom_vjp: [] x [2]: a cotangent must have the shape"), "{message}");
    assert!(message.contains("procedures.rs"), "the line of the caller: {message}");
    // A rule that gives what it has from elsewhere.
    let x = Eager::new(Tensor::vector(&[2.0f64]));
    let leak = std::cell::RefCell::new(None);
    checkpoint(|x| leak.replace(Some(x.clone())).map_or(x.clone(), |_| x), x.clone());
    let y = custom_vjp(|x| x.exp(), |_, _, _| leak.take().unwrap(), x);
    let message = y.tensor().unwrap_err().to_string();
    assert!(
        message.contains("is not computed from the arguments") && message.contains("procedures.rs"),
        "{message}"
    );
}

/// `x y^2` by loops of its own.
#[derive(Debug)]
struct TimesSquare {
    differentiable: bool,
    broken: bool,
}

impl CustomOp for TimesSquare {
    fn name(&self) -> &'static str {
        "times_square"
    }

    fn infer(&self, xs: &[Shape]) -> Result<Shape, Error> {
        match xs {
            [x, y] => x.agree(y, self.name()).map(|()| *x),
            _ => Err(Error::Setting { op: self.name(), why: "two operands are wanted" }),
        }
    }

    fn eval_f32(&self, xs: &[&Tensor<f32>]) -> Result<Tensor<f32>, Error> {
        let all: Vec<f32> = xs[0].to_vec().iter().zip(xs[1].to_vec()).map(|(x, y)| x * y * y).collect();
        Tensor::new(xs[0].shape(), &all)
    }

    fn eval_f64(&self, xs: &[&Tensor<f64>]) -> Result<Tensor<f64>, Error> {
        let all: Vec<f64> = xs[0].to_vec().iter().zip(xs[1].to_vec()).map(|(x, y)| x * y * y).collect();
        if self.broken { Ok(Tensor::vector(&all)) } else { Tensor::new(xs[0].shape(), &all) }
    }

    fn differentiable(&self) -> Result<(), NonDifferentiable> {
        let none = NonDifferentiable { reason: "it is a test", instead: "x * y.square()" };
        if self.differentiable { Ok(()) } else { Err(none) }
    }

    fn reverse(&self, xs: &[Shape]) -> Result<Procedure, Mistake> {
        Procedure::new::<f64>(&[xs[0]; 4], |all| {
            let [x, y, _, g] = all else { unreachable!("two operands, the result, its cotangent") };
            vec![g * y.square(), g * x * y.scale(2.0)]
        })
    }
}

const GOOD: TimesSquare = TimesSquare { differentiable: true, broken: false };

struct Kernel;

impl Program for Kernel {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        GOOD.on(&[&xs[0], &xs[1].sin()]).exp()
    }
}

#[test]
fn an_operation_from_outside_runs_under_every_kind_to_second_order() {
    let xs = [numbers(&[2, 3], 0.0), numbers(&[2, 3], 9.0)];
    check::second_order(&Kernel, &xs, 3).unwrap();
    let a = hessian(|[x, y]| (x * y.square()).sum_all(), xs.clone());
    let b = hessian(|[x, y]| GOOD.on(&[&x, &y]).sum_all(), xs.clone());
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        let (a, b) = (a.tensor().unwrap().to_vec(), b.tensor().unwrap().to_vec());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13), "{a:?} {b:?}");
    }
    let single = GOOD.on(&[&Eager::new(Tensor::vector(&[2.0f32])), &Eager::new(Tensor::vector(&[3.0f32]))]);
    assert_eq!(single.tensor().unwrap().to_vec(), [18.0]);
    let outlines = [Outline::<f32>::new(*xs[0].shape()); 2];
    assert_eq!(*GOOD.on(&[&outlines[0], &outlines[1]]).inferred().unwrap(), [2, 3]);
    let many = vmap(|[x, y]: [_; 2]| GOOD.on(&[&x, &y]), xs.clone());
    assert_eq!(
        many.tensor().unwrap(),
        GOOD.on(&xs.each_ref().map(|x| Eager::new(x.clone())).each_ref()).tensor().unwrap()
    );
}

#[test]
fn what_is_wrong_with_an_operation_from_outside_is_said() {
    let tape = Tape::new();
    let (x, y) = (tape.var(numbers(&[2, 3], 0.0)), tape.var(numbers(&[2, 3], 9.0)));
    let hard = TimesSquare { differentiable: false, broken: false }.on(&[&x, &y]);
    let message = hard.sum_all().gradients(&[x]).unwrap_err().to_string();
    assert!(
        message.contains("times_square: no gradient") && message.contains("use x * y.square()"),
        "{message}"
    );
    let dual = Dual::new(x, y);
    assert!(TimesSquare { differentiable: false, broken: false }.on(&[&dual, &dual]).tangent.is_none());

    let broken = TimesSquare { differentiable: true, broken: true }.on(&[&x, &y]);
    assert!(broken.mistake().unwrap().to_string().starts_with("times_square: [6] x [2, 3]"));
    let tape = Tape::new();
    let (x, y) = (tape.var(numbers(&[2, 3], 0.0)), tape.var(numbers(&[3], 9.0)));
    assert!(GOOD.on(&[&x, &y]).mistake().unwrap().to_string().starts_with("times_square: [2, 3] x [3]"));
}
