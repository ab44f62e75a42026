//! Two tasks on a shared trunk against PyTorch's numbers, and the balancing methods against exact ones, through the whole
//! path: layers, network, losses, sweep.

use crate::fixture::{Fixture, assert_near};
use tress::autograd::{Arrange, Eager, Reduce, Tape, Value};
use tress::mtl::balance::{Equal, Mgda, PcGrad, Weighting};
use tress::mtl::network::{Network, Objective, Targets, Task};
use tress::mtl::solve::Gramian;
use tress::mtl::sweep;
use tress::nn::{Conv2d, Dense, Flatten, Gradient, Init, Labels, MaxPool2d, Params, Sequential};
use tress::tensor::pointwise::Map;
use tress::tensor::{Float, Tensor};

const TASKS: [&str; 2] = ["left", "right"];

/// The network of `lenet.txt` with its numbers; parameters are named as there, but `.weight` for `.w` and `.bias` for `.b`.
fn lenet<T: Float>(all: &Fixture) -> (Params<T>, Network) {
    let mut params = Params::new(1);
    let trunk = Sequential::new()
        .then(Conv2d::new(&mut params.scope("conv1"), 1, 3, [3, 3]).unwrap())
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Conv2d::new(&mut params.scope("conv2"), 3, 4, [3, 3]).unwrap())
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Flatten)
        .then(Dense::new(&mut params.scope("fc"), 16, 6).unwrap().activation(Map::Relu));
    let heads = TASKS.map(|name| {
        let head = Sequential::new().then(Dense::new(&mut params.scope(name), 6, 5).unwrap());
        Task::new(name, Objective::Classes(5), head)
    });
    let names: Vec<String> = params.entries().map(|entry| entry.name().to_owned()).collect();
    for name in names {
        params.set(&name, &all.tensor(&in_fixture(&name))).unwrap();
    }
    (params, Network::single_input(trunk, heads.into()).unwrap())
}

fn in_fixture(name: &str) -> String {
    name.replace(".weight", ".w").replace(".bias", ".b")
}

/// The numbers of one parameter in a block `[P]`.
fn part<T: Float>(params: &Params<T>, block: &Tensor<T>, name: &str) -> Tensor<T> {
    let entry = params.entry(name).unwrap();
    let range = entry.range();
    block.slice(0, range.start, range.end, 1).unwrap().reshape(*entry.shape()).unwrap()
}

fn compare<T: Float + Into<f64>>(tolerance: f64) {
    let all = Fixture::read("lenet");
    let (params, network) = lenet::<T>(&all);
    let near = |what: &str, found: &Tensor<T>| {
        assert_near(&format!("{what} in {}", T::NAME), found, &all.tensor(what), tolerance)
    };
    let tape = Tape::new();
    let bound = params.on(&tape);
    let features = network.features(&bound, &[("input", &tape.var(all.tensor("x")))]).unwrap();
    let trunk = features.tasks()[0];
    near("features", &trunk.tensor().unwrap());
    let outputs = network.outputs(&bound, &features);
    let targets =
        TASKS.map(|task| Targets::Classes(Labels::new(all.labels(&format!("{task}.labels")), 5).unwrap()));
    let losses = network.losses(&outputs, &targets).unwrap();
    for (task, (output, loss)) in TASKS.iter().zip(outputs.iter().zip(&losses)) {
        near(&format!("{task}.logits"), &output.tensor().unwrap());
        near(&format!("{task}.loss"), &loss.tensor().unwrap());
        let cotangent = loss.pull(Eager::new(Tensor::scalar(T::ONE)), &[trunk]).unwrap();
        near(&format!("{task}.d.features"), cotangent[0].tensor().unwrap());
    }

    // The gradients of both tasks by one sweep of the trunk, and again by a sweep of each task alone.
    let shared = sweep::shared_names(&losses, &[trunk], &bound, &params).unwrap();
    assert_eq!(shared, ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc.weight", "fc.bias"]);
    let jacobian = sweep::shared_jacobian(&losses, &[trunk], &bound, &params).unwrap();
    for (k, task) in TASKS.iter().enumerate() {
        let row = jacobian.at(0, k).unwrap();
        let alone = losses[k].gradient(&bound).unwrap();
        let own = [format!("{task}.weight"), format!("{task}.bias")];
        for name in &shared {
            near(&format!("{task}.d.{}", in_fixture(name)), &part(&params, &row, name));
        }
        for name in shared.iter().chain(&own) {
            near(&format!("{task}.d.{}", in_fixture(name)), &part(&params, &alone, name));
        }
        let heads = TASKS.map(|task| params.range_of(task).unwrap());
        let rest =
            heads.into_iter().flat_map(|range| row.slice(0, range.start, range.end, 1).unwrap().to_vec());
        assert!(rest.into_iter().all(|x| x == T::ZERO), "a row of the Jacobian is zero at the heads");
    }
    let rows: Vec<f64> = jacobian.to_vec().into_iter().map(Into::into).collect();
    let gramian = Gramian::from_rows(2, &rows).unwrap();
    let gramian = Tensor::new([2, 2], gramian.as_slice()).unwrap();
    assert_near("gramian", &gramian, &all.tensor("gramian"), tolerance);

    // What a step goes along: the sum of both tasks' gradients at the trunk, each task's own at its head.
    let balanced = sweep::balanced(&losses, &[trunk], &bound, &params, &mut Equal::sum()).unwrap();
    for name in &shared {
        let name_there = in_fixture(name);
        let [left, right] =
            TASKS.map(|task| Eager::new(all.tensor::<f64>(&format!("{task}.d.{name_there}"))));
        let sum = left + right;
        assert_near(name, &part(&params, &balanced.gradient, name), sum.tensor().unwrap(), 2.0 * tolerance);
    }
    for task in TASKS {
        for name in ["weight", "bias"].map(|part| format!("{task}.{part}")) {
            near(&format!("{task}.d.{}", in_fixture(&name)), &part(&params, &balanced.gradient, &name));
        }
    }
}

#[test]
fn two_tasks_on_a_trunk_have_the_losses_and_gradients_of_pytorch() {
    compare::<f64>(1e-10);
    compare::<f32>(1e-5);
}

/// Tasks whose gradients are given: linear losses `J_k . theta` of shared parameters `theta`.
fn direction(jacobian: &Tensor<f64>, method: &mut dyn Weighting) -> sweep::Balanced<f64> {
    let [tasks, width] = jacobian.shape()[..] else { panic!("a Jacobian has two axes") };
    let mut params = Params::<f64>::new(3);
    params.root().parameter("theta", [width], Init::Normal(1.0)).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let theta = bound.values().next().unwrap();
    let features = theta.reshape([1, width]);
    let losses: Vec<_> = (0..tasks)
        .map(|k| {
            let row = features.lift(jacobian.slice(0, k, k + 1, 1).unwrap());
            (features * row).sum_all()
        })
        .collect();
    sweep::balanced(&losses, &[features], &bound, &params, method).unwrap()
}

/// The largest difference, relative to the longest row: what the rounding of the Gramian allows.
#[track_caller]
fn assert_direction(case: &str, found: &Tensor<f64>, expected: &Tensor<f64>, jacobian: &Tensor<f64>) {
    let longest = jacobian.to_vec().iter().fold(0.0f64, |a, x| a.max(x.abs()));
    for (found, expected) in found.to_vec().iter().zip(expected.to_vec()) {
        assert!((found - expected).abs() <= 1e-12 * longest, "{case}: {found} for {expected}");
    }
}

#[test]
fn balanced_directions_are_the_exact_ones() {
    let all = Fixture::read("mtl");
    let (mut unique, mut pairs) = (0, 0);
    for case in all.cases() {
        let block = |part: &str| all.tensor::<f64>(&format!("{case}.{part}"));
        let jacobian = block("jacobian");

        let mgda = direction(&jacobian, &mut Mgda::new());
        assert_direction(case, &mgda.gradient, &block("direction"), &jacobian);
        let gramian = mgda.gramian.unwrap();
        let squared = gramian.squared_norm(&mgda.weights).unwrap();
        let (norm2, scale) = (all.number(&format!("{case}.norm2")), gramian.trace());
        assert!((squared - norm2).abs() <= 1e-12 * scale.max(norm2), "{case}: {squared} for {norm2}");
        if all.number(&format!("{case}.unique")) == 1.0 {
            let weights = Tensor::vector(&mgda.weights);
            assert_near(&format!("{case}.mgda"), &weights, &block("mgda"), 1e-9);
            unique += 1;
        }

        if all.has(&format!("{case}.pcgrad")) {
            let pcgrad = direction(&jacobian, &mut PcGrad::new(1));
            assert_direction(case, &pcgrad.gradient, &block("pcgrad"), &jacobian);
            pairs += 1;
        }
    }
    assert_eq!((unique, pairs), (11, 5), "cases of the fixture with unique weights, and with two tasks");
}
