//! Properties of random programs: gradients are differences, every kind of value means the same, the order of recording
//! does not matter, and stacked cotangents are separate ones.

use crate::level;
use proptest::prelude::*;
use tress::autograd::check::{self, Program};
use tress::autograd::op::Index;
use tress::prelude::*;
use tress::tensor::{Element, Float};

/// A program over matrices of one shape: each step takes earlier values and adds one.
#[derive(Clone, Debug)]
struct Random {
    rows: usize,
    columns: usize,
    leaves: usize,
    /// What to do, and to which earlier values (counted from the last one back).
    steps: Vec<(Step, usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add,
    Sub,
    Mul,
    Div,
    Matmul,
    Affine,
    Tanh,
    Sin,
    Exp,
    Gelu,
    Softplus,
    Softmax,
    LogSoftmax,
    Sum,
    Mean,
    Gather,
    Flip,
    Cut,
    Turn,
    Dropout,
    Blur,
    Conv,
    Running,
    Normalise,
    LogSumExp,
    Variance,
    Product,
    Solve,
    Roll,
    Triangles,
    // With kinks from here on.
    Relu,
    Abs,
    Maximum,
    Largest,
    Pool,
    Select,
    Sort,
    TopK,
    Cummax,
}

const SMOOTH: &[Step] = &[
    Step::Add,
    Step::Sub,
    Step::Mul,
    Step::Div,
    Step::Matmul,
    Step::Affine,
    Step::Tanh,
    Step::Sin,
    Step::Exp,
    Step::Gelu,
    Step::Softplus,
    Step::Softmax,
    Step::LogSoftmax,
    Step::Sum,
    Step::Mean,
    Step::Gather,
    Step::Flip,
    Step::Cut,
    Step::Turn,
    Step::Dropout,
    Step::Blur,
    Step::Conv,
    Step::Running,
    Step::Normalise,
    Step::LogSumExp,
    Step::Variance,
    Step::Product,
    Step::Solve,
    Step::Roll,
    Step::Triangles,
];
const KINKED: &[Step] = &[
    Step::Relu,
    Step::Abs,
    Step::Maximum,
    Step::Largest,
    Step::Pool,
    Step::Select,
    Step::Sort,
    Step::TopK,
    Step::Cummax,
];

impl Random {
    fn step<V: Value>(&self, step: Step, a: V, b: V) -> V {
        let [rows, columns] = [self.rows, self.columns];
        let image = |x: &V| x.reshape([1, 1, rows, columns]);
        match step {
            Step::Add => a + b,
            Step::Sub => a - b.scale(0.5),
            Step::Mul => (a * b).tanh(),
            Step::Div => a / b.square().offset(1.0),
            Step::Matmul => a.matmul(b.transpose(0, 1)).tanh().matmul(b).scale(0.3),
            Step::Affine => {
                let bias = b.mean(&[1]);
                a.affine(b.transpose(0, 1), Some(&bias), Some(Map::Sigmoid)).matmul(a)
            }
            Step::Tanh => a.tanh(),
            Step::Sin => a.scale(2.0).sin(),
            Step::Exp => a.tanh().exp(),
            Step::Gelu => a.map(Map::Gelu),
            Step::Softplus => a.softplus(),
            Step::Softmax => a.softmax(),
            Step::LogSoftmax => a.log_softmax().scale(0.5),
            Step::Sum => a.sum_keep(&[0]).tanh() * b,
            Step::Mean => a - b.mean_keep(&[1]),
            Step::Gather => {
                let places: Vec<u32> = (0..rows).map(|i| (i * i % rows) as u32).collect();
                a.gather(0, &Index::new(&Tensor::vector(&places)))
            }
            Step::Flip => a.flip(1) + b.flip(0),
            Step::Cut => a.slice(0, 0..rows.div_ceil(2)).concat(0, &[b.slice(0, rows.div_ceil(2)..rows)]),
            Step::Turn => a.transpose(0, 1).softmax().permute(&[1, 0]),
            Step::Dropout => a.dropout(0.3, 7),
            Step::Blur => image(&a)
                .mean_pool(Window::new([rows, columns], [3, 3]).pad([[1, 1], [1, 1]]))
                .flatten(2)
                .reshape(a.shape()),
            Step::Conv => {
                let kernel = b.mean(&[0, 1]).expand([1, 1, 3, 3]);
                let window = Window::new([rows, columns], [3, 3]).pad([[1, 1], [1, 1]]);
                image(&a).conv2d(kernel, None, window, 1, Some(Map::Tanh)).reshape(a.shape())
            }
            Step::Running => a.cumsum(0).scale(0.5) - b.cumsum(1).scale(0.3),
            Step::Normalise => a.layer_norm(None, None, 0.5) + b.rms_norm(None, 0.5),
            Step::LogSumExp => a - b.log_sum_exp(&[1]).unsqueeze(1),
            Step::Variance => a * b.variance(&[0], 0).offset(1.0).rsqrt(),
            Step::Product => a.tanh().prod(&[1]).unsqueeze(1) + b,
            Step::Solve => {
                // The system is symmetric and far from singular.
                let two = |i: &[usize]| if i[0] == i[1] { V::Elem::from_f64(2.0) } else { V::Elem::ZERO };
                let twice = a.lift(Tensor::from_fn([columns, columns], two).unwrap());
                let b = b.tanh();
                (b.transpose(0, 1).matmul(&b) + twice).solve(a.transpose(0, 1)).transpose(0, 1)
            }
            Step::Roll => a.roll(0, 1) - b.pad(&[(0, 1), (0, 0)], 0.5).slice(0, 1..rows + 1),
            Step::Triangles => a.tril(0) + b.triu(1).scale(0.5),
            Step::Relu => a.relu() + b,
            Step::Abs => a.abs(),
            Step::Maximum => a.maximum(b),
            Step::Largest => a - b.max(&[1]).unsqueeze(1),
            Step::Pool => image(&a)
                .max_pool(Window::new([rows, columns], [3, 3]).pad([[1, 1], [1, 1]]))
                .reshape(a.shape()),
            Step::Select => a.greater(&b).select(a, b.scale(2.0)),
            Step::Sort => a.sort(1, false) + b,
            Step::TopK => a.top_k(1, 1) * b.tanh(),
            Step::Cummax => a.cummax(0) - b.scale(0.1),
        }
    }

    /// The matrix that comes out: all values that nothing else was made of are in it.
    fn matrix<V: Value>(&self, leaves: &[V]) -> V {
        let mut values = leaves.to_vec();
        let mut used = vec![false; values.len()];
        for &(step, a, b) in &self.steps {
            let [a, b] = [a, b].map(|back| values.len() - 1 - back % values.len());
            (used[a], used[b]) = (true, true);
            values.push(self.step(step, values[a].clone(), values[b].clone()));
            used.push(false);
        }
        let ends = values.iter().zip(used).filter(|(_, used)| !used).map(|(value, _)| value.clone());
        ends.reduce(|sum, end| sum + end).unwrap()
    }

    fn inputs(&self, seed: u64) -> Vec<Tensor<f64>> {
        let mut count = seed as f64;
        let number = |count: &mut f64| {
            *count += 1.0;
            (*count * 12.9898).sin()
        };
        (0..self.leaves)
            .map(|_| Tensor::from_fn([self.rows, self.columns], |_| number(&mut count)).unwrap())
            .collect()
    }
}

impl Program for Random {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        self.matrix(xs)
    }
}

fn programs(steps: Vec<Step>) -> impl Strategy<Value = (Random, u64)> {
    let step = (proptest::sample::select(steps), 0..6usize, 0..6usize);
    let list = proptest::collection::vec(step, 1..12);
    (1..5usize, 1..5usize, 1..4usize, list, 0..1000u64)
        .prop_map(|(rows, columns, leaves, steps, seed)| (Random { rows, columns, leaves, steps }, seed))
}

fn all() -> Vec<Step> {
    [SMOOTH, KINKED].concat()
}

fn recorded<'t>(tape: &'t Tape<Eager<f64>>, xs: &[Tensor<f64>]) -> Vec<Var<'t, Eager<f64>>> {
    xs.iter().map(|x| tape.var(x.clone())).collect()
}

/// Programs on file would tie the tests to one folder; the seed of a failure is printed with the program.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn gradients_are_differences_to_second_order((program, seed) in programs(SMOOTH.to_vec())) {
        let _level = level::stays();
        check::second_order(&program, &program.inputs(seed), seed).map_err(|f| TestCaseError::fail(f.to_string()))?;
    }

    #[test]
    fn every_kind_of_value_means_the_same((program, seed) in programs(all())) {
        let _level = level::stays();
        let xs = program.inputs(seed);
        let eager = program.run(&xs.iter().cloned().map(Eager::new).collect::<Vec<_>>());
        let eager = eager.tensor().unwrap();
        let tape = Tape::new();
        let var = program.run(&recorded(&tape, &xs));
        prop_assert_eq!(&var.tensor().unwrap(), eager, "recording changes no bit");
        let dual: Vec<_> =
            xs.iter().map(|x| Dual::new(Eager::new(x.clone()), Eager::new(x.clone()))).collect();
        let dual = program.run(&dual);
        prop_assert_eq!(dual.primal.tensor().unwrap(), eager, "a tangent changes no bit");
        let outlines: Vec<_> = xs.iter().map(|x| Outline::<f64>::new(*x.shape())).collect();
        prop_assert_eq!(program.run(&outlines).inferred().unwrap(), *eager.shape());
        let symbols = Tape::new();
        let symbol = program.run(&outlines.iter().map(|x| symbols.leaf(*x)).collect::<Vec<_>>());
        prop_assert_eq!(symbol.value().unwrap().inferred().unwrap(), *eager.shape());
        prop_assert_eq!(symbols.len(), tape.len(), "the symbolic program is the recorded one");
        let stacked: Vec<_> = xs
            .iter()
            .map(|x| Stacked::from_rows(&Eager::new(x.clone()), &[Eager::new(x.map(Map::Sin))]))
            .collect();
        let stacked = program.run(&stacked).each(2);
        let first = stacked.at(0, 0);
        prop_assert_eq!(first.tensor().unwrap(), eager, "each of a stack is alone");
    }

    /// The entries of a tape recorded again in another order that puts operands first. Values are the same bits. Of a value
    /// that is used three times or more, the cotangents are added up in another order: then gradients agree to rounding.
    #[test]
    fn the_order_of_recording_does_not_matter(
        (program, seed) in programs(all()),
        order in proptest::collection::vec(any::<u32>(), 200),
    ) {
        let _level = level::stays();
        let xs = program.inputs(seed);
        let tape = Tape::new();
        let leaves = recorded(&tape, &xs);
        let result = program.run(&leaves);
        let gradients = result.sum_all().gradients(&leaves).unwrap();

        let entries: Vec<_> = tape.entries().collect();
        let mut uses = vec![0; entries.len()];
        entries.iter().flat_map(|entry| &entry.operands).for_each(|&x| uses[x] += 1);
        let other = Tape::new();
        let mut copies: Vec<Option<Var<'_, Eager<f64>>>> = vec![None; entries.len()];
        let mut choices = order.iter().cycle();
        for _ in 0..entries.len() {
            let ready: Vec<usize> = (0..entries.len())
                .filter(|&i| copies[i].is_none() && entries[i].operands.iter().all(|&x| copies[x].is_some()))
                .collect();
            let chosen = ready[*choices.next().unwrap() as usize % ready.len()];
            let entry = &entries[chosen];
            copies[chosen] = Some(match &entry.op {
                None => other.leaf(entry.value.clone()),
                Some(op) => {
                    let operands: Vec<_> = entry.operands.iter().map(|&x| copies[x].unwrap()).collect();
                    Value::apply(op.clone(), &operands.iter().collect::<Vec<_>>())
                }
            });
        }
        let copy = |var: &Var<'_, Eager<f64>>| copies[var.index().unwrap()].unwrap();
        prop_assert_eq!(copy(&result).tensor().unwrap(), result.tensor().unwrap());
        let moved: Vec<_> = leaves.iter().map(copy).collect();
        let sum = copy(&result).sum_all();
        let others = sum.gradients(&moved).unwrap();
        let few = uses.iter().all(|&uses| uses <= 2);
        for (a, b) in gradients.iter().zip(&others) {
            let (a, b) = (a.tensor().unwrap().to_vec(), b.tensor().unwrap().to_vec());
            if few {
                prop_assert_eq!(a, b, "two cotangents are the same sum in either order");
            } else {
                for (a, b) in a.iter().zip(b) {
                    prop_assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs()), "{} and {}", a, b);
                }
            }
        }
    }

    #[test]
    fn stacked_cotangents_are_separate_ones((program, seed) in programs(all())) {
        let _level = level::stays();
        let xs = program.inputs(seed);
        let tape = Tape::new();
        let leaves = recorded(&tape, &xs);
        let result = program.run(&leaves);
        let k = 3;
        let g = Tensor::from_fn(result.shape().insert(0, k).unwrap(), |i| {
            ((i[0] * 31 + i[1] * 7 + i[2]) as f64).cos()
        })
        .unwrap();
        let together = result.pull_stacked(Eager::new(g.clone()), &leaves).unwrap();
        for i in 0..k {
            let alone = result.pull(Eager::new(g.at(0, i).unwrap()), &leaves).unwrap();
            for (together, alone) in together.iter().zip(&alone) {
                let row = together.at(0, i);
                prop_assert_eq!(row.tensor().unwrap(), alone.tensor().unwrap());
            }
        }
    }
}
