//! Every rule of every operation: forward against reverse, both against finite differences, to the second order, and
//! stacked cotangents against separate ones, bit for bit.

use tress_autograd::op::*;
use tress_autograd::{Eager, Fused, Op, Pointwise, Tape, Value, check, rule};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, Shape, Tensor, Window};

/// Numbers between -1 and 1 that repeat on no small period, none within 0.01 of a kink at 0 or of another.
fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let mut count = seed * 1000;
    Tensor::from_fn(shape, |_| {
        count += 1;
        let x = (count as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0;
        x + x.signum() * 0.02
    })
    .unwrap()
}

fn shape(lengths: &[usize]) -> Shape {
    Shape::new(lengths).unwrap()
}

fn axes(list: &[usize], shape: &Shape) -> Axes {
    Axes::of("case", list, shape).unwrap()
}

fn slice(axis: usize, start: usize, end: usize, step: usize) -> Slice {
    Slice { axis, start, end, step }
}

/// The table: an operation, and the shapes of its operands.
fn cases() -> Vec<(Op, Vec<Vec<usize>>)> {
    let mut cases: Vec<(Op, Vec<Vec<usize>>)> = Vec::new();
    let mut case =
        |op: Op, shapes: &[&[usize]]| cases.push((op, shapes.iter().map(|s| s.to_vec()).collect()));

    for &map in Map::ALL {
        case(Op::Map(map), &[&[2, 3]]);
        case(Op::MapGrad(map), &[&[2, 3], &[2, 3]]);
    }
    for &zip in Zip::ALL {
        case(Op::Zip(zip), &[&[2, 3], &[2, 3]]);
    }
    case(Op::Select, &[&[2, 3], &[2, 3], &[2, 3]]);
    case(Op::Stop, &[&[2, 3]]);

    case(Op::Permute(Order::new(&[2, 0, 1]).unwrap()), &[&[2, 3, 4]]);
    case(Op::Permute(Order::new(&[]).unwrap()), &[&[]]);
    case(Op::Reshape(shape(&[4, 3])), &[&[2, 6]]);
    case(Op::Expand(shape(&[4, 2, 3])), &[&[2, 1]]);
    case(Op::Expand(shape(&[2, 3])), &[&[]]);
    case(Op::Slice(slice(1, 1, 5, 2)), &[&[2, 6]]);
    case(Op::Unslice(slice(1, 1, 5, 2), 6), &[&[2, 2]]);
    case(Op::Flip(1), &[&[2, 3]]);
    case(Op::Concat(1), &[&[2, 3], &[2, 1], &[2, 2]]);
    case(Op::Concat(0), &[&[2]]);

    let s = shape(&[2, 3, 4]);
    for list in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2], &[]] {
        case(Op::Sum(axes(list, &s)), &[&[2, 3, 4]]);
        case(Op::Max(axes(list, &s)), &[&[2, 3, 4]]);
        case(Op::Min(axes(list, &s)), &[&[2, 3, 4]]);
    }

    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
        let a: &[usize] = if transposed[0] { &[4, 3] } else { &[3, 4] };
        let b: &[usize] = if transposed[1] { &[2, 4] } else { &[4, 2] };
        let bare = Product { transposed, epilogue: Epilogue::NONE };
        case(Op::Product(bare), &[a, b]);
        let batched = |x: &[usize]| [&[2], x].concat();
        case(Op::Product(bare), &[&batched(a), &batched(b)]);
        for activation in [None, Some(Map::Tanh), Some(Map::Relu), Some(Map::Sigmoid)] {
            let epilogue = Epilogue { bias: true, activation };
            case(Op::Product(Product { transposed, epilogue }), &[a, b, &[2]]);
        }
    }

    let windows = [
        Window::new([4, 5], [2, 3]),
        Window::new([5, 5], [3, 3]).pad([[1, 1], [1, 1]]),
        Window::new([6, 5], [3, 2]).stride([2, 3]).pad([[1, 0], [0, 1]]),
        Window::new([6, 6], [2, 2]).dilation([2, 3]).pad([[1, 1], [0, 0]]),
    ];
    for window in windows {
        let [oh, ow] = window.output("case").unwrap();
        let ([h, w], [kh, kw]) = (window.input, window.kernel);
        for (groups, c, o) in [(1, 2, 3), (2, 4, 2), (2, 2, 2)] {
            let (x, weights, y) = ([2, c, h, w], [o, c / groups, kh, kw], [2, o, oh, ow]);
            let conv = |role| Conv { window, groups, role, epilogue: Epilogue::NONE };
            case(Op::Conv(conv(ConvRole::Output)), &[&x, &weights]);
            case(Op::Conv(conv(ConvRole::Image)), &[&weights, &y]);
            case(Op::Conv(conv(ConvRole::Weight)), &[&x, &y]);
            let epilogue = Epilogue { bias: true, activation: Some(Map::Tanh) };
            case(Op::Conv(Conv { epilogue, ..conv(ConvRole::Output) }), &[&x, &weights, &[o]]);
        }
    }
    for window in [
        Window::new([4, 6], [2, 2]).stride([2, 2]),
        Window::new([5, 5], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]),
        Window::new([5, 4], [2, 3]),
    ] {
        let [oh, ow] = window.output("case").unwrap();
        let (x, y) = ([2, 2, window.input[0], window.input[1]], [2, 2, oh, ow]);
        case(Op::MaxPool(window, Pick::Output), &[&x]);
        case(Op::MaxPool(window, Pick::Scatter), &[&x, &y]);
        case(Op::MaxPool(window, Pick::Gather), &[&x, &x]);
        case(Op::MeanPool(window, Role::Output), &[&x]);
        case(Op::MeanPool(window, Role::Transpose), &[&y]);
    }

    let index = Index::new(&Tensor::new([2, 2], &[2, 0, 2, 1]).unwrap());
    case(Op::Gather(1, index.clone()), &[&[2, 3, 2]]);
    case(Op::Scatter(1, index, 3), &[&[2, 2, 2, 2]]);
    case(Op::Gather(0, Index::new(&Tensor::scalar(1))), &[&[3, 2]]);
    case(Op::Softmax, &[&[2, 4]]);
    case(Op::LogSoftmax, &[&[3, 2, 4]]);
    case(Op::SoftmaxGrad, &[&[2, 4], &[2, 4]]);
    case(Op::LogSoftmaxGrad, &[&[3, 2, 4], &[3, 2, 4]]);
    for reversed in [false, true] {
        (0..3).for_each(|axis| case(Op::RunningSum(axis, reversed), &[&[2, 3, 4]]));
    }
    for (descending, keep) in [(false, 5), (true, 5), (true, 2), (false, 1)] {
        let sort = Sort { descending, keep };
        case(Op::Sort(sort, Pick::Output), &[&[2, 3, 5]]);
        case(Op::Sort(sort, Pick::Scatter), &[&[2, 5], &[2, keep]]);
        case(Op::Sort(sort, Pick::Gather), &[&[2, 5], &[2, 5]]);
    }
    for transposed in [false, true] {
        let triangles = [(false, false), (false, true), (true, false), (true, true)];
        let triangles = triangles.map(|(lower, unit)| System::Triangular { lower, unit });
        for system in triangles.into_iter().chain([System::General]) {
            case(Op::Solve(Solve { system, transposed }), &[&[3, 3], &[3, 2]]);
            case(Op::Solve(Solve { system, transposed }), &[&[2, 4, 4], &[2, 4, 1]]);
        }
    }
    for op in [Op::Cholesky, Op::LogDet, Op::SignDet] {
        case(op.clone(), &[&[3, 3]]);
        case(op, &[&[2, 1, 4, 4]]);
    }
    let labels = Index::new(&Tensor::new([3, 2], &[0, 3, 1, 1, 2, 0]).unwrap());
    for labels in [None, Some(labels)] {
        case(Op::LogSumExp(labels.clone()), &[&[3, 2, 4]]);
        case(Op::LogSumExpGrad(labels), &[&[3, 2, 4], &[3, 2]]);
    }
    for centred in [false, true] {
        let norm = RowNorm { epsilon: 0.01, centred };
        case(Op::RowNorm(norm), &[&[2, 3, 5]]);
        case(Op::RowNorm(norm), &[&[4, 5], &[5]]);
        case(Op::RowNorm(norm), &[&[2, 3, 5], &[5], &[5]]);
        case(Op::RowNormGrad(norm), &[&[2, 3, 5], &[2, 3, 5]]);
        case(Op::RowNormGrad(norm), &[&[2, 3, 5], &[2, 3, 5], &[5]]);
        case(Op::RowNormWeight(norm), &[&[2, 3, 5], &[2, 3, 5]]);
        case(Op::RowNormWeight(norm), &[&[5], &[5]]);
    }
    case(Op::Dropout(Dropout { rate: 0.4, seed: 7 }), &[&[4, 5]]);
    cases
}

/// Operands in the domain of the operation, away from its kinks.
fn operands(op: &Op, shapes: &[Vec<usize>]) -> Vec<Tensor<f64>> {
    let mut xs: Vec<_> = shapes.iter().enumerate().map(|(i, s)| numbers(s, i + 1)).collect();
    let positive = |x: &Tensor<f64>| x.map(Map::Abs).map(Map::Offset(0.3));
    match op {
        Op::Map(Map::Sqrt | Map::Rsqrt | Map::Ln | Map::Power(_) | Map::Recip | Map::Ln1p)
        | Op::MapGrad(Map::Sqrt | Map::Rsqrt | Map::Ln | Map::Power(_) | Map::Recip | Map::Ln1p) => {
            xs[0] = positive(&xs[0])
        }
        Op::Zip(Zip::Div) => xs[1] = positive(&xs[1]),
        // A diagonal that stands out: far from singular, and positive definite where that is wanted.
        Op::Solve(_) | Op::Cholesky | Op::LogDet | Op::SignDet => {
            let a = &xs[0];
            let diagonal = |i: &[usize]| i[i.len() - 2] == i[i.len() - 1];
            xs[0] = Tensor::from_fn(*a.shape(), |i| {
                a.get(i).unwrap() * 0.5 + if diagonal(i) { 2.5 } else { 0.0 }
            })
            .unwrap();
        }
        Op::Select => {
            xs[0] = Tensor::from_fn(*xs[0].shape(), |i| (i.iter().sum::<usize>() % 2) as f64).unwrap()
        }
        _ => {}
    }
    xs
}

/// `Select` with its condition held still: a difference quotient would step from one branch to the other.
struct Held(Tensor<f64>);

impl check::Program for Held {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        V::apply(Op::Select, &[&xs[0].lift(self.0.clone()), &xs[0], &xs[1]])
    }
}

#[test]
fn rules_agree_with_each_other_and_with_differences_to_second_order() {
    for (op, shapes) in cases() {
        let xs = operands(&op, &shapes);
        if matches!(op, Op::Stop) {
            continue; // by intent not the derivative
        }
        if matches!(op, Op::Select) {
            let held = Held(xs[0].clone());
            check::second_order(&held, &xs[1..], 1).unwrap();
            continue;
        }
        if let Flow::NonDifferentiable(none) = op.flow(0) {
            let failure = check::first_order(&op, &xs, 1).unwrap_err().to_string();
            assert!(failure.contains(op.name()) && failure.contains(none.instead), "{op:?}: {failure}");
            continue;
        }
        check::second_order(&op, &xs, 1).unwrap_or_else(|failure| panic!("{op:?} on {shapes:?}: {failure}"));
    }
}

#[test]
fn what_operations_say_about_gradients_is_what_their_rules_do() {
    for (op, shapes) in cases() {
        let mut xs: Vec<_> = operands(&op, &shapes).into_iter().map(Eager::new).collect();
        if matches!(op, Op::Zip(Zip::Max | Zip::Min)) {
            xs[1] = -&xs[0]; // so that each is the larger somewhere
        }
        let refs: Vec<_> = xs.iter().collect();
        let y = Eager::apply(op.clone(), &refs);
        let g = Eager::new(numbers(&y.shape(), 5));
        for i in 0..xs.len() {
            let t = Eager::new(numbers(&xs[i].shape(), 6));
            let tangents: Vec<_> = (0..xs.len()).map(|j| (j == i).then_some(&t)).collect();
            // Zeros are as good as nothing: the second derivative of a function with kinks may be either.
            let zero = |value: Option<Eager<f64>>| {
                value.is_none_or(|value| value.tensor().unwrap().to_vec().iter().all(|&x| x == 0.0))
            };
            let inside = rule::through_activation(&op, &y, &g).unwrap_or_else(|| g.clone());
            let (reverse, forward) =
                (rule::vjp(&op, &refs, &y, &inside, i), rule::jvp(&op, &refs, &y, &tangents));
            match op.flow(i) {
                Flow::Constant(_) | Flow::NonDifferentiable(_) => {
                    assert!(
                        zero(reverse) && zero(forward),
                        "{op:?}, operand {i}: a rule that nobody announced"
                    )
                }
                Flow::Rule if matches!(op, Op::MapGrad(_)) => {}
                Flow::Rule => assert!(!zero(reverse) && !zero(forward), "{op:?}, operand {i}: no rule"),
                Flow::Linear => {
                    let mut moved = refs.clone();
                    moved[i] = &t;
                    let linear = Eager::apply(op.clone(), &moved).tensor().unwrap().to_vec();
                    let forward = forward.unwrap_or_else(|| y.constant(0.0)).tensor().unwrap().to_vec();
                    for (a, b) in linear.iter().zip(&forward) {
                        assert!((a - b).abs() < 1e-12, "{op:?}, operand {i}: not linear, {a} and {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn stacked_cotangents_are_separate_ones_bit_for_bit() {
    for (op, shapes) in cases() {
        let xs = operands(&op, &shapes);
        if matches!(op.flow(0), Flow::NonDifferentiable(_)) {
            continue;
        }
        let tape = Tape::new();
        let leaves: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
        let y = <tress_autograd::Var<_> as Value>::apply(op.clone(), &leaves.iter().collect::<Vec<_>>());
        let k = 3;
        let g = numbers(&y.shape().insert(0, k).unwrap(), 9);
        let together = y.pull_stacked(Eager::new(g.clone()), &leaves).unwrap();
        for i in 0..k {
            let alone = y.pull(Eager::new(g.at(0, i).unwrap()), &leaves).unwrap();
            for (together, alone) in together.iter().zip(&alone) {
                let row = together.tensor().unwrap().at(0, i).unwrap();
                assert_eq!(&row, alone.tensor().unwrap(), "{op:?} on {shapes:?}, cotangent {i}");
            }
        }
    }
}

/// Of a kind of value that records as well, and where so many outputs side by side would be summed in another way than those
/// of one cotangent: by Winograd's algorithm.
#[test]
fn recorded_cotangents_of_one_image_are_separate_ones_bit_for_bit() {
    let (channels, outputs, k) = (16, 8, 2);
    let noise = |lengths: &[usize]| {
        let mut state = lengths.len() as u32;
        let next = |_: &[usize]| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        Tensor::from_fn(lengths, next).unwrap()
    };
    let (outer, inner) = (Tape::new(), Tape::new());
    let x = inner.leaf(outer.var(noise(&[2, channels, 24, 24])));
    let w = inner.leaf(outer.var(noise(&[outputs, channels, 3, 3])));
    let window = Window::new([24, 24], [3, 3]).pad([[1, 1], [1, 1]]);
    let y = x.conv2d(w, None, window, 1, None);
    let g = noise(&[k, 2, outputs, 24, 24]);
    let together = y.pull_stacked(outer.var(g.clone()), &[w]).unwrap()[0].tensor().unwrap();
    for i in 0..k {
        let alone = y.pull(outer.var(g.at(0, i).unwrap()), &[w]).unwrap()[0].tensor().unwrap();
        assert_eq!(together.at(0, i).unwrap(), alone, "cotangent {i}");
    }
}
