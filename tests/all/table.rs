//! One table of operations, shapes and layouts: every instruction set, number of threads and kind of value agrees.
//!
//! What an operation shall give is computed in `f64` from operands that lie densely. In `f32` the same numbers are laid
//! out in other ways, with NaN in the gaps between them, and the results must agree to rounding.

use crate::cases::Case;
use tress::autograd::{Eager, Op, Outline, Tape, Value, Var};
use tress::tensor::pointwise::{Map, Zip};
use tress::tensor::{Float, Tensor, parallel};

/// How a tensor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Dense,
    /// Dense, but not on the boundary that memory starts on.
    Offset,
    Transposed,
    /// Every second number of the last axis.
    Stepped,
    /// All axes run backwards.
    Flipped,
    /// One number for the whole first axis.
    Expanded,
}

const LIES: [Lie; 6] = [Lie::Dense, Lie::Offset, Lie::Transposed, Lie::Stepped, Lie::Flipped, Lie::Expanded];

/// Above this, a case is run in two layouts instead of all, in turn.
const LARGE: usize = 20_000;

impl Lie {
    /// The numbers of a dense tensor, laid out in this way; of an expanded one only those of the first index.
    fn lay(self, x: &Tensor) -> Tensor {
        let rank = x.rank();
        let flip = |x: &Tensor| (0..rank).fold(x.clone(), |x, axis| x.flip(axis).unwrap());
        let backwards: Vec<usize> = (0..rank).rev().collect();
        let laid = match self {
            Lie::Dense => x.clone(),
            Lie::Offset => {
                let numbers = [&[f32::NAN; 3], &x.to_vec()[..]].concat();
                let part = Tensor::vector(&numbers).slice(0, 3, numbers.len(), 1).unwrap();
                part.reshape(*x.shape()).unwrap()
            }
            Lie::Transposed => x.permute(&backwards).unwrap().contiguous().permute(&backwards).unwrap(),
            Lie::Stepped if rank > 0 => {
                let last = x.shape()[rank - 1];
                let mut wide = x.shape().to_vec();
                wide[rank - 1] = 2 * last + 1;
                let mut gaps = vec![f32::NAN; wide.iter().product()];
                let rows =
                    gaps.chunks_exact_mut(2 * last + 1).zip(x.as_slice().unwrap().chunks_exact(last.max(1)));
                for (gaps, row) in rows {
                    gaps.iter_mut().skip(1).step_by(2).zip(row).for_each(|(gap, &number)| *gap = number);
                }
                Tensor::new(&wide[..], &gaps).unwrap().slice(rank - 1, 1, 2 * last + 1, 2).unwrap()
            }
            Lie::Flipped => flip(&flip(x).contiguous()),
            Lie::Expanded if rank > 0 && x.shape()[0] > 0 => {
                x.slice(0, 0, 1, 1).unwrap().contiguous().expand(*x.shape()).unwrap()
            }
            Lie::Stepped | Lie::Expanded => x.clone(),
        };
        assert_eq!(laid.shape(), x.shape());
        assert!(self == Lie::Expanded || laid == *x, "{self:?} changed the numbers");
        laid
    }
}

/// Numbers between -1 and 1, none near a kink of a function at 0.
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let mut count = seed * 1000;
    Tensor::from_fn(shape, |_| {
        count += 1;
        let x = (count as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0;
        (x + x.signum() * 0.02) as f32
    })
    .unwrap()
}

/// Operands in the domain of the operation.
fn operands(op: &Op, shapes: &[Vec<usize>]) -> Vec<Tensor> {
    let mut xs: Vec<_> = shapes.iter().enumerate().map(|(i, shape)| numbers(shape, i + 1)).collect();
    let positive = |x: &Tensor| x.map(Map::Abs).map(Map::Offset(0.3));
    match op {
        Op::Map(Map::Sqrt | Map::Rsqrt | Map::Ln | Map::Power(_) | Map::Recip | Map::Ln1p)
        | Op::MapGrad(Map::Sqrt | Map::Rsqrt | Map::Ln | Map::Power(_) | Map::Recip | Map::Ln1p) => {
            xs[0] = positive(&xs[0])
        }
        Op::Zip(Zip::Div) => xs[1] = positive(&xs[1]),
        // A diagonal that stands out: far from singular, and positive definite where that is wanted.
        Op::Solve(_) | Op::Cholesky | Op::LogDet | Op::SignDet => {
            let (a, n) = (&xs[0], xs[0].shape()[1]);
            let small = 1.0 / n.max(1) as f32;
            let diagonal = |i: &[usize]| if i[1] == i[2] { 1.5 } else { 0.0 };
            xs[0] = Tensor::from_fn(*a.shape(), |i| a.get(i).unwrap() * small + diagonal(i)).unwrap();
        }
        Op::Select => {
            xs[0] = Tensor::from_fn(*xs[0].shape(), |i| (i.iter().sum::<usize>() % 2) as f32).unwrap()
        }
        _ => {}
    }
    xs
}

/// The same numbers in `f64`, densely.
fn wide(x: &Tensor) -> Tensor<f64> {
    let numbers: Vec<f64> = x.to_vec().into_iter().map(f64::from).collect();
    Tensor::new(*x.shape(), &numbers).unwrap()
}

fn eval<T: Float>(op: &Op, xs: &[Tensor<T>]) -> Tensor<T> {
    op.eval(&xs.iter().collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{op:?}: {error}"))
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec().into_iter().map(f32::to_bits).collect()
}

/// Rounding: 80 units in the last place, more where many terms of about 1 were added.
fn assert_near(what: &dyn Fn() -> String, op: &Op, xs: &[Tensor], found: &Tensor, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape(), "{}", what());
    let terms = match op {
        Op::Product(_) | Op::Conv(_) => xs[0].len() * xs[1].len() / found.len().max(1),
        _ => xs[0].len() / found.len().max(1),
    };
    let tolerance = f64::max(1e-5, 3e-6 * (terms as f64).sqrt());
    for (i, (found, expected)) in found.to_vec().into_iter().zip(expected.to_vec()).enumerate() {
        // Written so that a NaN does not pass; the logarithm of nothing is minus infinity on both sides.
        let found = f64::from(found);
        let near = found == expected || (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(near, "{}: number {i} is {found}, but {expected} is expected", what());
    }
}

fn run(cases: &[Case]) {
    /// An operation on laid-out operands, and what it shall give.
    struct Laid<'c> {
        op: &'c Op,
        lie: Lie,
        xs: Vec<Tensor>,
        expected: Tensor<f64>,
    }
    let mut all = Vec::new();
    for (number, (op, shapes)) in cases.iter().enumerate() {
        let dense = operands(op, shapes);
        let large = dense.iter().any(|x| x.len() > LARGE);
        for i in 0..if large { 2 } else { LIES.len() } {
            // A large case takes two neighbours of the list, the next case the next ones; the second operand lies in
            // another way than the first.
            let at = |operand: usize| LIES[(i + operand + if large { number } else { 0 }) % LIES.len()];
            let xs: Vec<Tensor> = dense.iter().enumerate().map(|(operand, x)| at(operand).lay(x)).collect();
            let expected = eval(op, &xs.iter().map(wide).collect::<Vec<_>>());
            all.push(Laid { op, lie: at(0), xs, expected });
        }
    }

    let results = |threads| {
        parallel::with_threads(threads, || {
            assert_eq!(parallel::threads(), threads);
            all.iter().map(|laid| eval(laid.op, &laid.xs)).collect::<Vec<_>>()
        })
    };
    crate::level::each(|level| {
        let one = results(1);
        for ((laid, one), two) in all.iter().zip(&one).zip(results(2)) {
            let what = || {
                let shapes: Vec<_> = laid.xs.iter().map(|x| x.shape().to_string()).collect();
                format!("{:?} on {shapes:?}, {:?}, at {level}", laid.op, laid.lie)
            };
            assert_near(&what, laid.op, &laid.xs, one, &laid.expected);
            assert!(bits(one) == bits(&two), "{}: other bits with two threads", what());

            let eager: Vec<Eager> = laid.xs.iter().cloned().map(Eager::new).collect();
            let eager = Eager::apply(laid.op.clone(), &eager.iter().collect::<Vec<_>>());
            assert!(bits(eager.tensor().unwrap()) == bits(one), "{}: other bits eagerly", what());
            let tape = Tape::new();
            let vars: Vec<Var<_>> = laid.xs.iter().map(|x| tape.var(x.clone())).collect();
            let var = Var::apply(laid.op.clone(), &vars.iter().collect::<Vec<_>>());
            assert!(bits(&var.tensor().unwrap()) == bits(one), "{}: other bits when recorded", what());
            let outlines: Vec<Outline> = laid.xs.iter().map(|x| Outline::new(*x.shape())).collect();
            let outline = Outline::apply(laid.op.clone(), &outlines.iter().collect::<Vec<_>>());
            assert_eq!(outline.inferred().unwrap(), *one.shape(), "{}: inferred", what());
        }
    });
}

#[test]
fn pointwise() {
    run(&crate::cases::pointwise());
}

#[test]
fn arrangement() {
    run(&crate::cases::arrangement());
}

#[test]
fn reductions() {
    run(&crate::cases::reductions());
}

#[test]
fn systems() {
    run(&crate::cases::systems());
}

#[test]
fn products() {
    run(&crate::cases::products());
}

#[test]
fn windows() {
    run(&crate::cases::windows());
}

#[test]
fn indices() {
    run(&crate::cases::indices());
}
