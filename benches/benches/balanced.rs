//! What a balanced step costs, on one thread: `cargo bench -p tress-benches --bench balanced [-- K ..]`.
//!
//! The network is the LeNet of MultiMNIST (36 x 36, batch 256) with K heads, a step is one of Adam. Beside the plain step
//! along the sum of the losses stand: the step balanced by MGDA, one sweep for all K; the same by K sweeps, one after the
//! other, with their gradients kept; and balancing at the features. Behind plain and balanced steps stands which part of their
//! time the machine needs at least for the multiply-adds. By counting operations, a balanced step costs
//! `1 + 0.64 (K - 1)` plain ones: two thirds of a step are backward, and less where the first layer has no input gradient.

use std::hint::black_box;
use std::process::ExitCode;
use tress::mtl::balance::{Equal, Mgda, Weighting};
use tress::mtl::solve::Gramian;
use tress::mtl::sweep::{balanced, balanced_at_features};
use tress::prelude::*;
use tress::tensor::{block, parallel};
use tress_benches::{fastest, limits, words};

const BATCH: usize = 256;
/// The most tasks that may be asked for.
const MOST: usize = 256;

struct Network {
    params: Params<f32>,
    trunk: Sequential,
    heads: Vec<Sequential>,
    x: Tensor,
    labels: Labels,
    adam: Adam<f32>,
    tape: Tape<Eager<f32>>,
}

impl Network {
    fn new(tasks: usize) -> Self {
        let mut params = Params::<f32>::new(1);
        let mut conv =
            |name: &str, from, to| Conv2d::new(&mut params.scope(name), from, to, [5, 5]).expect("a layer");
        let (first, second) = (conv("conv1", 1, 10), conv("conv2", 10, 20));
        let pool = || MaxPool2d::new([2, 2]);
        let mut dense = |name: &str, from, to| {
            Dense::new(&mut params.scope(name), from, to).expect("a layer").activation(Map::Relu)
        };
        let trunk = Sequential::new().then(first).then(pool()).then(Map::Relu).then(second).then(pool());
        let trunk = trunk.then(Map::Relu).then(Flatten).then(dense("dense", 720, 50));
        let heads = (0..tasks).map(|k| {
            let hidden = dense(&format!("task{k}.a"), 50, 50);
            Sequential::new().then(hidden).then(dense(&format!("task{k}.b"), 50, 10))
        });
        let heads = heads.collect();
        let mut count = 0.0f64;
        let x = Tensor::from_fn([BATCH, 1, 36, 36], |_| {
            count += 1.0;
            (count * 0.618_033_988_749_895).fract() as f32
        });
        let labels = Labels::new((0..BATCH as u32).map(|i| i * 7 % 10), 10).expect("labels below ten");
        let x = x.expect("a shape that fits");
        Self { params, trunk, heads, x, labels, adam: Adam::new(1e-3), tape: Tape::new() }
    }

    /// A step along the gradient that `backward` makes of the losses and the features.
    fn step(
        &mut self,
        backward: impl for<'t> FnOnce(&[Var<'t>], Var<'t>, &Bound<Var<'t>>, &Params<f32>) -> Tensor,
    ) {
        let gradient = {
            let bound = self.params.on(&self.tape);
            let features = self.trunk.apply(&bound, &self.tape.var(self.x.clone()));
            let loss = |head: &Sequential| cross_entropy(&head.apply(&bound, &features), &self.labels);
            let losses: Vec<_> = self.heads.iter().map(loss).collect();
            backward(&losses, features, &bound, &self.params)
        };
        self.tape.reset();
        self.adam.step(&mut self.params, &gradient).expect("a step");
    }
}

/// Floating-point operations of a step of so many heads: forward, and the sweep of so many cotangents through what they share.
fn flops(heads: usize, cotangents: usize) -> f64 {
    let (first, second) = (10 * 32 * 32 * 25, 20 * 12 * 12 * 250);
    let (dense, head) = (720 * 50, 50 * 50 + 50 * 10);
    // Two gradients of each, but for the images'.
    let shared = first + second + dense + cotangents * (first + 2 * second + 2 * dense);
    (2 * BATCH * (shared + 3 * heads * head)) as f64
}

/// K sweeps, whose gradients are kept and balanced.
fn apart<'t>(losses: &[Var<'t>], bound: &Bound<Var<'t>>, method: &mut Mgda) -> Tensor {
    let tasks = losses.len();
    let rows: Vec<Tensor> = losses.iter().map(|loss| loss.gradient(bound).expect("a gradient")).collect();
    let row = |k: usize| rows[k].as_slice().expect("dense");
    let products: Vec<f64> = (0..tasks * tasks).map(|i| block::dot(row(i / tasks), row(i % tasks))).collect();
    let values: Vec<f64> = losses.iter().map(|loss| loss.item().expect("a number").into()).collect();
    let gramian = Gramian::new(tasks, &products).expect("finite products");
    let weights = method.weights(&values, Some(&gramian)).expect("weights");
    let mut sum = Tensor::zeros(*rows[0].shape()).expect("a block");
    for (k, &weight) in weights.iter().enumerate() {
        sum.make_mut().iter_mut().zip(row(k)).for_each(|(sum, x)| *sum += weight as f32 * x);
    }
    sum
}

fn main() -> ExitCode {
    words::run(false, |words| {
        let number = |word: &String| match word.parse() {
            Ok(tasks) if (1..=MOST).contains(&tasks) => Ok(tasks),
            _ => Err(format!("{word:?}: a number of tasks from 1 to {MOST} is wanted")),
        };
        let asked = words.names.0.iter().map(number).collect::<Result<Vec<usize>, _>>()?;
        run(if asked.is_empty() { vec![2, 4, 8, 16, 20] } else { asked });
        Ok(())
    })
}

fn run(tasks: Vec<usize>) {
    println!("one thread; milliseconds of a plain step, and how many of those each other step takes");
    println!(
        "{:>3} {:>9} {:>8} {:>9} {:>8} {:>9} {:>9} {:>9} {:>12}",
        "K", "plain", "of peak", "balanced", "of peak", "counted", "K sweeps", "features", "solver (us)"
    );
    parallel::with_threads(1, || {
        let peak = limits::peak::<f32>(1);
        for k in tasks {
            let mut networks = [(); 4].map(|()| Network::new(k));
            let [plain, together, separate, at_features] = &mut networks;
            let (mut sum, mut mgda, mut other) = (Equal::sum(), Mgda::new(), Mgda::new());
            let mut third = Mgda::new();
            let mut gramian = None;
            let seconds = fastest([
                &mut || {
                    plain.step(|losses, features, bound, params| {
                        balanced(losses, &[features], bound, params, &mut sum).expect("a step").gradient
                    })
                },
                &mut || {
                    together.step(|losses, features, bound, params| {
                        let step = balanced(losses, &[features], bound, params, &mut mgda).expect("a step");
                        gramian = step.gramian;
                        step.gradient
                    })
                },
                &mut || separate.step(|losses, _, bound, _| apart(losses, bound, &mut other)),
                &mut || {
                    at_features.step(|losses, features, bound, params| {
                        balanced_at_features(losses, &[features], bound, params, &mut third)
                            .expect("a step")
                            .gradient
                    })
                },
            ]);
            let (values, mut method) = (vec![1.0; k], Mgda::new());
            let [solver] =
                fastest([&mut || _ = black_box(method.weights(&values, gramian.as_ref()).is_ok())]);
            let [plain, together, separate, at_features] = seconds;
            println!(
                "{k:>3} {:>9.2} {:>6.0} % {:>9.2} {:>6.0} % {:>9.2} {:>9.2} {:>9.2} {:>12.1}",
                plain * 1e3,
                100.0 * flops(k, 1) / peak / plain,
                together / plain,
                100.0 * flops(k, k) / peak / together,
                1.0 + 0.64 * (k - 1) as f64,
                separate / plain,
                at_features / plain,
                solver * 1e6
            );
        }
    });
}
