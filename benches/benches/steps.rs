//! Sweeps and training steps, with `criterion`: K cotangents together and apart, whole steps.
//!
//! `cargo bench -p tress-benches --bench steps` runs all on as many threads as there are; figures are samples or
//! operations a second, and which part of the shortest sample the machine needs at least for the multiply-adds. Networks and batch
//! sizes are those that other engines are commonly timed with.

mod timed;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group};
use std::hint::black_box;
use tress::autograd::{Eager, Fused, Pointwise, Tape};
use tress::mtl::balance::{Equal, Mgda, Weighting};
use tress::mtl::network::{Objective, Targets, lenet};
use tress::mtl::sweep::balanced;
use tress::nn::{
    Adam, Dense, Flatten, Gradient, Labels, Layer, Optimiser, Params, Sequential, cross_entropy,
};
use tress::tensor::Tensor;
use tress::tensor::pointwise::Map;

/// Numbers between -1 and 1 that repeat on no small period.
fn numbers(shape: &[usize]) -> Tensor {
    let mut count = 0.0f64;
    let draw = |_: &[usize]| {
        count += 1.0;
        ((count * 0.618_033_988_749_895).fract() * 2.0 - 1.0) as f32
    };
    Tensor::from_fn(shape, draw).expect("a shape that fits")
}

fn labels(count: usize) -> Labels {
    Labels::new((0..count as u32).map(|i| i * 7 % 10), 10).expect("labels below ten")
}

/// [`timed::timed`], with the time of so many floating-point operations at the peak.
fn timed(group: &mut BenchmarkGroup<'_, WallTime>, name: String, flops: f64, run: impl FnMut()) {
    timed::timed(group, name, timed::machine().least(Some(flops), None), run);
}

/// What the machine gives at most in practice: one large product, in floating-point operations a second.
fn limit(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    let n = 768;
    let (a, b) = (numbers(&[n, n]), numbers(&[n, n]));
    let flops = 2 * (n * n * n) as u64;
    group.throughput(Throughput::Elements(flops));
    timed(&mut group, format!("product {n}^3"), flops as f64, || {
        black_box(a.matmul(&b).expect("a product"));
    });
    group.finish();
}

/// A trunk swept once with K stacked cotangents, and K times with one.
fn stacked(c: &mut Criterion) {
    let mut group = c.benchmark_group("cotangents");
    for k in [2usize, 8] {
        let tape = Tape::new();
        let x = tape.var(numbers(&[64, 256]));
        let w = [tape.var(numbers(&[256, 512])), tape.var(numbers(&[512, 512]))];
        let y = x.matmul(w[0]).relu().matmul(w[1]).tanh();
        let g = numbers(&[k, 64, 512]);
        // For each cotangent: the gradient of the second matrix, that of what is multiplied by it, that of the first.
        let flops = (2 * k * 64 * (2 * 512 * 512 + 256 * 512)) as f64;
        timed(&mut group, format!("{k} in one sweep"), flops, || {
            black_box(y.pull_stacked(Eager::new(g.clone()), &w).expect("cotangents"));
        });
        timed(&mut group, format!("{k} in {k} sweeps"), flops, || {
            for i in 0..k {
                let row = Eager::new(g.at(0, i).expect("a row"));
                black_box(y.pull(row, &w).expect("cotangents"));
            }
        });
    }
    group.finish();
}

/// Steps of Adam on a multi-layer perceptron 784-512-256-10.
fn perceptron(c: &mut Criterion) {
    let mut group = c.benchmark_group("perceptron");
    for batch in [64usize, 256] {
        group.throughput(Throughput::Elements(batch as u64));
        let mut params = Params::<f32>::new(1);
        let mut dense =
            |name: &str, from, to| Dense::new(&mut params.scope(name), from, to).expect("a layer");
        let model = Sequential::new()
            .then(Flatten)
            .then(dense("a", 784, 512).activation(Map::Relu))
            .then(dense("b", 512, 256).activation(Map::Relu))
            .then(dense("c", 256, 10));
        let (x, labels) = (numbers(&[batch, 784]), labels(batch));
        let mut adam = Adam::new(1e-3);
        let mut tape = Tape::new();
        // Three products a layer, but for the gradient of the first layer's input.
        let flops = (2 * batch * (2 * 784 * 512 + 3 * (512 * 256 + 256 * 10))) as f64;
        timed(&mut group, format!("batch {batch}"), flops, || {
            let gradient = {
                let bound = params.on(&tape);
                let logits = model.apply(&bound, &tape.var(x.clone()));
                cross_entropy(&logits, &labels).gradient(&bound).expect("a gradient")
            };
            tape.reset();
            adam.step(&mut params, &gradient).expect("a step");
        });
    }
    group.finish();
}

/// Steps of Adam on the LeNet of MultiMNIST with K heads, plain and balanced.
fn multi_task(c: &mut Criterion) {
    let mut group = c.benchmark_group("lenet");
    for (tasks, batch) in [(1usize, 64usize), (1, 256), (2, 64), (2, 256), (8, 256)] {
        group.throughput(Throughput::Elements(batch as u64));
        let names: Vec<String> = (0..tasks).map(|k| format!("task{k}")).collect();
        let heads: Vec<_> = names.iter().map(|name| (name.as_str(), Objective::Classes(10))).collect();
        let x = numbers(&[batch, 1, 28, 28]);
        let targets: Vec<Targets> = (0..tasks).map(|_| Targets::Classes(labels(batch))).collect();
        let mut run = |name: &str, mut method: Box<dyn Weighting>| {
            let mut params = Params::<f32>::new(1);
            let network = lenet(&mut params, &heads).expect("a network");
            let mut adam = Adam::new(1e-3);
            let mut tape = Tape::new();
            // Of the summed step: what a balanced one does beyond it is what balancing costs.
            let convolutions = 2 * 10 * 24 * 24 * 25 + 3 * 20 * 8 * 8 * 250;
            let dense = 3 * (320 * 50 + tasks * (50 * 50 + 50 * 10));
            let flops = (2 * batch * (convolutions + dense)) as f64;
            timed(&mut group, format!("{tasks} tasks, batch {batch}, {name}"), flops, || {
                let step = {
                    let bound = params.on(&tape).training(1);
                    let image = tape.var(x.clone());
                    let features = network.features(&bound, &[("input", &image)]).expect("features");
                    let outputs = network.outputs(&bound, &features);
                    let losses = network.losses(&outputs, &targets).expect("losses");
                    balanced(&losses, &features.tasks()[..1], &bound, &params, &mut *method).expect("a step")
                };
                tape.reset();
                adam.step(&mut params, &step.gradient).expect("a step");
            });
        };
        run("summed", Box::new(Equal::sum()));
        if tasks > 1 {
            run("balanced by mgda", Box::new(Mgda::new()));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = limit, stacked, perceptron, multi_task
}

fn main() -> std::process::ExitCode {
    timed::run(benches)
}
