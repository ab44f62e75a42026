//! The checker that says where: wrong rules are planted, and it names exactly the operations that they are rules of.

use crate::common::{STEPS, random_tape};
use tress_autograd::check::{self, Fault, Locator, Mode, Verdict};
use tress_autograd::op::*;
use tress_autograd::{Arrange, Eager, Fused, Op, Pointwise, Reduce, Tape, Value, rule};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, Tensor};

type Number = Eager<f64>;

/// What a wrong rule sees: the operation, its operands, its result, the cotangent, and the number of the operand.
struct Asked<'a> {
    op: &'a Op,
    xs: &'a [&'a Number],
    y: &'a Number,
    g: &'a Number,
    i: usize,
}

/// A wrong rule: `None` where it says nothing else than the right one.
type Wrong = fn(&Asked) -> Option<Option<Number>>;

fn apply(op: Op, xs: &[&Number]) -> Option<Option<Number>> {
    Some(Some(Number::apply(op, xs)))
}

/// The table of wrong rules: a name, a step of a random tape that has the operation, and the rule.
fn planted() -> Vec<(&'static str, usize, Wrong)> {
    vec![
        ("product without the transpose", 0, |a| match (a.op, a.i) {
            (Op::Product(product), 0) if product.transposed == [false; 2] => {
                apply(a.op.clone(), &[a.g, a.xs[1]])
            }
            _ => None,
        }),
        ("product of a transposed one, transposed again", 1, |a| match (a.op, a.i) {
            (Op::Product(product), 0) if product.transposed == [false, true] => {
                apply(Op::Product(Product { transposed: [false, true], ..*product }), &[a.g, a.xs[1]])
            }
            _ => None,
        }),
        ("broadcast without the sum", 2, |a| match a.op {
            // The cotangent of one copy stands for all of them.
            Op::Expand(to) if to.rank() == 2 && a.xs[0].shape().len() < to.len() => {
                let first = a.g.slice(if a.xs[0].shape().len() == to[0] { 1 } else { 0 }, 0..1);
                Some(Some(
                    if a.xs[0].shape().len() == 1 { first.at(0, 0).slice(0, 0..1) } else { first }
                        .reshape(a.xs[0].shape()),
                ))
            }
            _ => None,
        }),
        ("difference without the sign", 5, |a| match (a.op, a.i) {
            (Op::Zip(Zip::Sub), 1) => Some(Some(a.g.clone())),
            _ => None,
        }),
        ("multiplication by the wrong operand", 3, |a| match (a.op, a.i) {
            (Op::Zip(Zip::Mul), 0) => Some(Some(a.g * a.xs[0])),
            _ => None,
        }),
        ("division without a factor", 4, |a| match (a.op, a.i) {
            (Op::Zip(Zip::Div), 1) => Some(Some(-(a.g * a.y))),
            _ => None,
        }),
        ("gather that overwrites instead of adding", 14, |a| match a.op {
            Op::Gather(0, index) => {
                let (rows, columns) = (a.xs[0].shape()[0], a.xs[0].shape()[1]);
                let g = a.g.tensor().unwrap();
                let mut out = vec![0.0; rows * columns];
                for (from, &to) in index.places().to_vec().iter().enumerate() {
                    for column in 0..columns {
                        out[to as usize * columns + column] = g[[from, column]];
                    }
                }
                Some(Some(Eager::new(Tensor::new([rows, columns], &out).unwrap())))
            }
            _ => None,
        }),
        ("softmax by its diagonal alone", 9, |a| match a.op {
            Op::Softmax => Some(Some(a.g * a.y * (a.y.constant(1.0) - a.y))),
            _ => None,
        }),
        ("log-softmax without the sum", 10, |a| match a.op {
            Op::LogSoftmax => Some(Some(a.g - a.y.exp() * a.g)),
            _ => None,
        }),
        ("the derivative of a normalisation without its second term", 28, |a| match (a.op, a.i) {
            (Op::SoftmaxGrad, 0) => {
                let (x, h) = (a.xs[0], a.xs[1]);
                Some(Some(a.g * (h - (h * x).sum_keep(&[1]).expand_as(h))))
            }
            _ => None,
        }),
        ("pooling that sends back to the smallest", 18, |a| match a.op {
            Op::MaxPool(window, Pick::Output) => {
                apply(Op::MaxPool(*window, Pick::Scatter), &[&-a.xs[0], a.g])
            }
            _ => None,
        }),
        ("mean without one over n", 13, |a| match a.op {
            Op::Map(Map::Scale(_)) => Some(Some(a.g.clone())),
            _ => None,
        }),
        ("tanh of what went in instead of what came out", 6, |a| match a.op {
            Op::Map(Map::Tanh) => apply(Op::MapGrad(Map::Tanh), &[a.xs[0], a.g]),
            _ => None,
        }),
        ("exp of what went in instead of what came out", 7, |a| match a.op {
            Op::Map(Map::Exp) => apply(Op::MapGrad(Map::Exp), &[a.xs[0], a.g]),
            _ => None,
        }),
        ("slice put back one place off", 15, |a| match a.op {
            Op::Slice(Slice { axis, start, end, step: 1 }) => {
                let len = a.xs[0].shape()[*axis];
                let off = if *end < len { 1 } else { -1 };
                let by = |place: usize| place.saturating_add_signed(off);
                let slice = Slice { axis: *axis, start: by(*start), end: by(*end), step: 1 };
                (*start > 0 || *end < len).then(|| Number::apply(Op::Unslice(slice, len), &[a.g])).map(Some)
            }
            _ => None,
        }),
        ("padding cut off one place off", 21, |a| match a.op {
            Op::Unslice(Slice { axis, start, end, .. }, _) => {
                apply(Op::Slice(Slice { axis: *axis, start: start - 1, end: end - 1, step: 1 }), &[a.g])
            }
            _ => None,
        }),
        ("concatenation without the offset", 15, |a| match (a.op, a.i) {
            (Op::Concat(axis), 1..) => {
                let end = a.xs[a.i].shape()[*axis];
                apply(Op::Slice(Slice { axis: *axis, start: 0, end, step: 1 }), &[a.g])
            }
            _ => None,
        }),
        ("permutation instead of its inverse", 16, |a| match a.op {
            Op::Permute(order) if order.axes().len() == 3 => apply(a.op.clone(), &[a.g]),
            _ => None,
        }),
        ("sum that is a mean on its way back", 12, |a| match a.op {
            Op::Sum(axes) => {
                let right = rule::vjp(a.op, a.xs, a.y, a.g, a.i).unwrap();
                let n: usize = axes.iter().map(|axis| a.xs[0].shape()[axis]).product();
                (n > 1).then(|| Some(right.scale(1.0 / n as f64)))
            }
            _ => None,
        }),
        ("maximum that sends to all", 11, |a| match a.op {
            Op::Max(axes) => rule::vjp(&Op::Sum(*axes), a.xs, a.y, a.g, 0).map(Some),
            _ => None,
        }),
        ("convolution with its kernel the other way round", 20, |a| match (a.op, a.i) {
            (Op::Conv(conv), 1) if conv.role == ConvRole::Output => {
                Some(rule::vjp(a.op, a.xs, a.y, a.g, 1).map(|w| w.flip(2).flip(3)))
            }
            _ => None,
        }),
        ("bias of a convolution from the first channel", 20, |a| match (a.op, a.i) {
            (Op::Conv(conv), 2) if conv.role == ConvRole::Output => {
                Some(rule::vjp(a.op, a.xs, a.y, a.g, 2).map(|b| b.slice(0, 0..1).expand(b.shape())))
            }
            _ => None,
        }),
        ("mean of windows without one over their size", 19, |a| match a.op {
            Op::MeanPool(_, Role::Output) => Some(rule::vjp(a.op, a.xs, a.y, a.g, 0).map(|g| g.scale(4.0))),
            _ => None,
        }),
        ("branches exchanged", 23, |a| match (a.op, a.i) {
            (Op::Select, 1 | 2) => Some(rule::vjp(a.op, a.xs, a.y, a.g, 3 - a.i)),
            _ => None,
        }),
        ("the smaller one of a maximum", 22, |a| match a.op {
            Op::Zip(Zip::Max) => Some(rule::vjp(a.op, a.xs, a.y, a.g, 1 - a.i)),
            _ => None,
        }),
        ("scatter that gathers backwards", 26, |a| match a.op {
            Op::Scatter(..) => Some(rule::vjp(a.op, a.xs, a.y, &a.g.flip(0), 0)),
            _ => None,
        }),
        ("flip forgotten", 17, |a| match a.op {
            Op::Flip(_) => Some(Some(a.g.clone())),
            _ => None,
        }),
        ("relu that lets everything pass", 8, |a| match a.op {
            Op::Map(Map::Relu) => Some(Some(a.g.clone())),
            _ => None,
        }),
        ("fused bias averaged over the rows", 29, |a| match (a.op, a.i) {
            (Op::Product(product), 2) if product.epilogue.bias => {
                let columns = a.g.shape().rank() - 1;
                let axes = (0..columns).fold(Axes::NONE, Axes::and);
                Some(Some(Number::apply(Op::Sum(axes), &[a.g]).scale(1.0 / a.g.shape()[0] as f64)))
            }
            _ => None,
        }),
        ("dropout with another mask", 30, |a| match a.op {
            Op::Dropout(dropout) => {
                apply(Op::Dropout(Dropout { seed: dropout.seed + 1, ..*dropout }), &[a.g])
            }
            _ => None,
        }),
        ("a cotangent of the wrong shape", 13, |a| match a.op {
            Op::Reshape(to) if a.xs[0].shape() != *to => Some(Some(a.g.clone())),
            _ => None,
        }),
        ("no cotangent at all", 24, |a| match a.op {
            Op::Map(Map::Sqrt) => Some(None),
            _ => None,
        }),
        ("not a number", 25, |a| match a.op {
            Op::Map(Map::Ln) => Some(Some(a.g.scale(f64::NAN))),
            _ => None,
        }),
    ]
}

/// Which entries of a tape the wrong rule makes wrong: those for which it says something else than the right one, by more
/// than a part `off` of it, at the recorded inputs or just `beside` them. (A maximum that sends to all is right where there is
/// one number, a mask may be the same by chance, a factor of zero hides another, between equals any choice is right.)
fn made_wrong(tape: &Tape<Number>, wrong: Wrong, beside: f64, off: f64) -> Vec<usize> {
    let is_wrong = |entry: &tress_autograd::Entry<Number>| {
        let Some(op) = &entry.op else { return false };
        let mut count = 0.0f64;
        let moved = |x: &usize| {
            let x = tape.entry(*x).unwrap().value.tensor().unwrap().clone();
            Eager::new(
                Tensor::from_fn(*x.shape(), |i| {
                    count += 1.0;
                    let x = x.get(i).unwrap();
                    x + beside * (7.3 * count).sin() * x.abs().max(1e-3)
                })
                .unwrap(),
            )
        };
        let values: Vec<Number> = entry.operands.iter().map(moved).collect();
        let xs: Vec<&Number> = values.iter().collect();
        let y = Number::apply(op.clone(), &xs);
        let mut count = entry.index as f64;
        let cotangent = Tensor::from_fn(y.shape(), |_| {
            count += 1.0;
            (2.7 * count).cos() + 0.01
        });
        let g = y.lift(cotangent.unwrap());
        let g = rule::through_activation(op, &y, &g).unwrap_or(g);
        (0..xs.len()).any(|i| {
            let Some(found) = wrong(&Asked { op, xs: &xs, y: &y, g: &g, i }) else { return false };
            let right = rule::vjp(op, &xs, &y, &g, i);
            let list = |x: &Option<Number>| match x {
                Some(x) => x.tensor().map(|x| x.to_vec()),
                None => Ok(vec![0.0; xs[i].shape().len()]),
            };
            let (Ok(found_list), Ok(right_list)) = (list(&found), list(&right)) else { return true };
            let shapes = found.as_ref().is_some_and(|found| found.shape() != xs[i].shape());
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= off * (a.abs() + b.abs());
            shapes || !found_list.iter().zip(&right_list).all(near)
        })
    };
    tape.entries().filter(is_wrong).map(|entry| entry.index).collect()
}

#[test]
fn planted_mistakes_are_named_exactly() {
    let planted = planted();
    assert!(planted.len() >= 12);
    let mut all = 0;
    for (name, step, wrong) in &planted {
        let (mut exact, mut seeds) = (0, 0);
        let mut seed = 0;
        while seeds < 200 {
            seed += 1;
            assert!(seed < 400, "{name}: most tapes do not show the mistake");
            let tape = random_tape(seed, 6, *step);
            // What is clearly wrong, here and beside, must be named; what is right in both places must not.
            let made = |beside, off| made_wrong(&tape, *wrong, beside, off);
            let beside = made(1e-4, 1e-3);
            let must: Vec<usize> = made(0.0, 1e-3).into_iter().filter(|i| beside.contains(i)).collect();
            let may = [made(0.0, 1e-9), made(1e-4, 1e-9)].concat();
            if must.is_empty() {
                continue;
            }
            seeds += 1;
            let rules = |op: &Op, xs: &[&Number], y: &Number, g: &Number, i: usize| {
                let asked = Asked { op, xs, y, g, i };
                wrong(&asked).unwrap_or_else(|| rule::vjp(op, xs, y, g, i))
            };
            let report = Locator::new().seed(seed).reverse(rules).run(&tape);
            let named: Vec<usize> = report.wrong().map(|entry| entry.index).collect();
            let is_exact = must.iter().all(|index| named.contains(index))
                && named.iter().all(|index| may.contains(index));
            exact += is_exact as usize;
            if !is_exact {
                println!("{name}, seed {seed}: named {named:?}, planted {must:?} to {may:?}\n{report}");
            }
        }
        println!("{exact:3} of {seeds}  {name}");
        assert!(exact * 100 > seeds * 99, "{name}: {exact} of {seeds}");
        all += exact;
    }
    println!("{all} of {} in all, {} mistakes", 200 * planted.len(), planted.len());
}

#[test]
fn no_false_alarm_in_three_thousand_operations() {
    let (mut clean, mut kinks, mut names) = (0, 0, std::collections::BTreeSet::new());
    for seed in 0..400 {
        let tape = random_tape(10_000 + seed, 8, seed as usize % STEPS);
        let report = Locator::new().seed(seed).run(&tape);
        assert!(report.is_right(), "seed {seed}: {report}");
        for entry in &report.entries {
            match entry.verdict {
                Verdict::Right => clean += 1,
                Verdict::Kink { .. } => kinks += 1,
                Verdict::Skipped { reason } => assert_eq!(reason, "a leaf", "{entry}"),
                Verdict::Wrong { .. } => unreachable!("no rule is wrong"),
            }
            names.insert(entry.op);
        }
    }
    println!("{clean} right, {kinks} at kinks; {} names: {names:?}", names.len());
    assert!(clean >= 3000 && names.len() > 50, "{clean} operations of {} names", names.len());
    assert!(kinks > 20, "the tapes are to have kinks");
}

/// A tape of single precision, its values and its rules checked in double.
#[test]
fn single_precision_is_checked_in_double() {
    for seed in 0..30 {
        let double = random_tape(seed, 6, seed as usize % STEPS);
        // The same program on the numbers of single precision.
        let tape: Tape<Eager<f32>> = Tape::new();
        let mut copies: Vec<tress_autograd::Var<'_, Eager<f32>>> = Vec::new();
        for entry in double.entries() {
            copies.push(match &entry.op {
                None => {
                    let tensor = entry.value.tensor().unwrap();
                    let numbers: Vec<f32> = tensor.to_vec().iter().map(|&x| x as f32).collect();
                    tape.var(Tensor::new(*tensor.shape(), &numbers).unwrap())
                }
                Some(op) => {
                    let xs: Vec<_> = entry.operands.iter().map(|&x| copies[x]).collect();
                    Value::apply(op.clone(), &xs.iter().collect::<Vec<_>>())
                }
            });
        }
        let report = check::locate(&tape);
        assert!(report.is_right(), "seed {seed}: {report}");
    }
}

#[test]
fn forward_rules_are_checked_too() {
    let tape = random_tape(5, 3, 3);
    let careless = |op: &Op, xs: &[&Number], y: &Number, ts: &[Option<&Number>]| match (op, ts[0]) {
        (Op::Zip(Zip::Mul), Some(t)) => Some(t.clone()),
        _ => rule::jvp(op, xs, y, ts),
    };
    let report = Locator::new().forward(careless).run(&tape);
    let products: Vec<usize> =
        tape.entries().filter(|entry| entry.name() == "mul").map(|entry| entry.index).collect();
    assert_eq!(report.wrong().map(|entry| entry.index).collect::<Vec<_>>(), products, "{report}");
    for entry in report.wrong() {
        assert!(matches!(
            entry.verdict,
            Verdict::Wrong { operand: 0, fault: Fault::Number { mode: Mode::Forward, .. } }
        ));
    }
}

#[test]
fn kinks_edges_and_large_operands() {
    let tape = Tape::new();
    let zero = tape.var(Tensor::vector(&[0.0f64, 0.0, 1.0, -1.0]));
    zero.relu();
    zero.abs();
    zero.abs().sqrt(); // no slope at 0, no value beside it
    zero.maximum(zero.constant(0.0));
    zero.greater(zero.constant(0.0));
    zero.max(&[0]);
    zero.stop();
    zero.ln(); // -inf and NaN
    zero.slice(0, 0..0).tanh();
    let report = check::locate(&tape);
    assert!(report.is_right(), "{report}");
    let verdict = |name| report.entries.iter().rfind(|entry| entry.op == name).unwrap().verdict;
    for kinked in ["relu", "sqrt", "greater"] {
        assert!(matches!(verdict(kinked), Verdict::Kink { .. }), "{kinked}: {:?}", verdict(kinked));
    }
    for middle in ["max", "abs", "max_along"] {
        // The rules take the middle between the two slopes, which is what a difference of two sides gives.
        assert_eq!(verdict(middle), Verdict::Right);
    }
    assert_eq!(verdict("stop"), Verdict::Skipped { reason: "stopped" });
    assert_eq!(verdict("ln"), Verdict::Skipped { reason: "the result has a number that is not finite" });
    assert_eq!(verdict("tanh"), Verdict::Skipped { reason: "there are no numbers" });
    let text = report.to_string();
    assert!(text.contains("%1 relu (") && text.contains("): at a kink of operand 0\n"), "{text}");
    assert!(text.ends_with("skipped"), "{text}");

    // A hundred thousand numbers, many next to a kink; sizes far from one.
    let tape = Tape::new();
    let random = &mut crate::common::Random::new(3);
    let large = tape.var(random.tensor(&[100, 1000]));
    let y = large.relu().scale(1e-9).exp_m1().scale(1e15).square().offset(1e9).ln();
    y.sum(&[0]).softmax();
    let report = check::locate(&tape);
    assert!(report.is_right(), "{report}");
    let wrong = |op: &Op, xs: &[&Number], y: &Number, g: &Number, i: usize| match op {
        Op::Map(Map::Relu) => Some(g.clone()),
        _ => rule::vjp(op, xs, y, g, i),
    };
    let report = Locator::new().reverse(wrong).run(&tape);
    assert_eq!(report.wrong().map(|entry| entry.op).collect::<Vec<_>>(), ["relu"], "{report}");
}

#[test]
fn a_report_names_the_operation_the_operand_and_the_line() {
    let tape = Tape::new();
    let a = tape.var(Tensor::new([1, 2], &[1.0f64, 2.0]).unwrap());
    let b = tape.var(Tensor::new([2, 1], &[3.0f64, 4.0]).unwrap());
    let line = line!() + 1;
    let _ = a.matmul(b);
    let wrong = |op: &Op, xs: &[&Number], y: &Number, g: &Number, i: usize| {
        let right = rule::vjp(op, xs, y, g, i)?;
        Some(if i == 1 { right.scale(2.0) } else { right })
    };
    let report = Locator::new().reverse(wrong).run(&tape);
    let first = report.wrong().next().unwrap();
    let start = format!("%2 matmul ({}:{line}): wrong: the reverse rule of operand 1 gives ", file!());
    assert!(first.to_string().starts_with(&start), "{first}");
    let Verdict::Wrong { fault: Fault::Number { found, expected, .. }, .. } = first.verdict else {
        unreachable!()
    };
    assert!((found - 2.0 * expected).abs() < 1e-8 * expected.abs(), "{found} and {expected}");
}
