//! Whole networks against PyTorch's numbers: a trunk under two heads, and the Hessian of a small one.

use crate::fixture::{Fixture, assert_near};
use tress_autograd::check::{Program, forward_over_reverse, reverse_over_reverse};
use tress_autograd::{Arrange, Eager, Tape, Value};
use tress_nn::{
    Bound, Conv2d, Dense, Flatten, Gradient, Init, Labels, Layer, MaxPool2d, Params, Sequential,
    cross_entropy,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor, block};

/// The network of the fixture, with its numbers.
fn lenet<T: Float>(all: &Fixture) -> (Params<T>, Sequential, [Dense; 2]) {
    let mut params = Params::new(0);
    let mut root = params.root();
    let trunk = Sequential::new()
        .then(Conv2d::new(&mut root.scope("conv1"), 1, 3, [3, 3]).unwrap())
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Conv2d::new(&mut root.scope("conv2"), 3, 4, [3, 3]).unwrap())
        .then(MaxPool2d::new([2, 2]))
        .then(Map::Relu)
        .then(Flatten)
        .then(Dense::new(&mut root.scope("fc"), 16, 6).unwrap().activation(Map::Relu));
    let heads = ["left", "right"].map(|task| Dense::new(&mut root.scope(task), 6, 5).unwrap());
    for name in ["conv1", "conv2", "fc", "left", "right"] {
        params.set(&format!("{name}.weight"), &all.tensor(&format!("{name}.w"))).unwrap();
        params.set(&format!("{name}.bias"), &all.tensor(&format!("{name}.b"))).unwrap();
    }
    (params, trunk, heads)
}

fn compare<T: Float>(tolerance: f64) {
    let all = Fixture::read("lenet");
    let (params, trunk, heads) = lenet::<T>(&all);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let features = trunk.apply(&bound, &tape.var(all.tensor("x")));
    assert_near("features", &features.tensor().unwrap(), &all.tensor("features"), tolerance);

    let other = |task: &str| if task == "left" { "right" } else { "left" };
    let gradients = [("left", &heads[0]), ("right", &heads[1])].map(|(task, head)| {
        let name = |part: &str| format!("{task}.{part}");
        let labels = Labels::new(all.labels(&name("labels")), 5).unwrap();
        let logits = head.apply(&bound, &features);
        assert_near(&name("logits"), &logits.tensor().unwrap(), &all.tensor(&name("logits")), tolerance);
        let (loss, gradient) = cross_entropy(&logits, &labels).value_and_gradient(&bound).unwrap();
        assert_near(&name("loss"), &Tensor::scalar(loss), &all.tensor(&name("loss")), tolerance);
        for entry in params.entries() {
            let range = entry.range();
            let found = gradient.slice(0, range.start, range.end, 1).unwrap();
            let found = found.reshape(*entry.shape()).unwrap();
            if entry.is_in(other(task)) {
                assert!(found.to_vec().iter().all(|g| g.to_f64() == 0.0), "{task}: {}", entry.name());
                continue;
            }
            let (layer, part) = entry.name().split_once('.').unwrap();
            let name = format!("{task}.d.{layer}.{}", &part[..1]);
            assert_near(&name, &found, &all.tensor(&name), tolerance);
        }
        gradient
    });

    // The shared parameters were declared first, so they are one range.
    let shared = params.range_of("fc").unwrap().end;
    let gramian = all.tensor::<f64>("gramian");
    for i in 0..2 {
        for j in 0..2 {
            let [a, b] = [i, j].map(|task| gradients[task].slice(0, 0, shared, 1).unwrap());
            let found = block::dot(a.as_slice().unwrap(), b.as_slice().unwrap());
            let expected = gramian[[i, j]];
            assert!((found / expected - 1.0).abs() < 4.0 * tolerance, "Gramian {i} {j}: {found}, {expected}");
        }
    }
}

#[test]
fn a_trunk_under_two_heads_is_that_of_pytorch() {
    compare::<f64>(1e-10);
    compare::<f32>(1e-5);
}

/// The small network as a program of all its parameters in one line.
struct Small {
    params: Params<f64>,
    layers: [Dense; 2],
    x: Tensor<f64>,
    labels: Labels,
}

impl Small {
    fn read(all: &Fixture) -> Self {
        let mut params = Params::new(0);
        let mut root = params.root();
        let first =
            Dense::builder(2, 4).activation(Map::Tanh).init(Init::Zeros).build(&mut root.scope("first"));
        let second = Dense::new(&mut root.scope("second"), 4, 3);
        let layers = [first.unwrap(), second.unwrap()];
        params.set_block(&all.tensor("theta")).unwrap();
        let labels = Labels::new(all.labels("labels"), 3).unwrap();
        Self { params, layers, x: all.tensor("x"), labels }
    }

    fn loss<V: Value<Elem = f64>>(&self, bound: &Bound<V>, x: &V) -> V {
        let hidden = self.layers[0].apply(bound, x);
        cross_entropy(&self.layers[1].apply(bound, &hidden), &self.labels)
    }
}

impl Program for Small {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let theta = &xs[0];
        let bound = self.params.bind(|entry, _| theta.slice(0, entry.range()).reshape(entry.shape()));
        self.loss(&bound, &theta.lift(self.x.clone()))
    }
}

#[test]
fn gradient_and_hessian_of_a_small_network_are_those_of_pytorch() {
    let all = Fixture::read("hessian");
    let small = Small::read(&all);
    let tape = Tape::new();
    let bound = small.params.on(&tape);
    let loss = small.loss(&bound, &tape.var(small.x.clone()));
    let (value, gradient) = loss.value_and_gradient(&bound).unwrap();
    assert!((value - all.number("loss")).abs() < 1e-12);
    assert_near("gradient", &gradient, &all.tensor("gradient"), 1e-10);

    let (theta, one) = ([small.params.block()], Tensor::scalar(1.0));
    for product in [forward_over_reverse, reverse_over_reverse] {
        for k in 0..3 {
            let hv = product(&small, &theta, &[all.tensor(&format!("direction_{k}"))], &one).unwrap();
            let name = format!("hv_{k}");
            assert_near(&name, hv[0].tensor().unwrap(), &all.tensor(&name), 1e-10);
        }
        for row in [0, 13, 26] {
            let unit = Tensor::from_fn([27], |i| if i[0] == row { 1.0 } else { 0.0 }).unwrap();
            let found = product(&small, &theta, &[unit], &one).unwrap();
            let expected = all.tensor::<f64>("hessian").at(0, row).unwrap();
            assert_near(&format!("row {row}"), found[0].tensor().unwrap(), &expected, 1e-10);
        }
    }
}

#[test]
fn two_values_of_a_kind_have_the_same_bits() {
    let all = Fixture::read("lenet");
    let (params, trunk, heads) = lenet::<f32>(&all);
    let tape = Tape::new();
    let recorded = heads[0].apply(&params.on(&tape), &{
        let bound = params.on(&tape);
        trunk.apply(&bound, &tape.var(all.tensor("x")))
    });
    let bound = params.eager();
    let computed = heads[0].apply(&bound, &trunk.apply(&bound, &Eager::new(all.tensor("x"))));
    let bits = |x: &Tensor<f32>| x.to_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(&recorded.tensor().unwrap()), bits(computed.tensor().unwrap()));
}
