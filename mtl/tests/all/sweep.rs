//! The backward pass for K tasks against plain gradients: one sweep of the trunk gives the same bits as K sweeps.

use tress_autograd::{Eager, Fused, Pointwise, Reduce, Tape, Var};
use tress_mtl::balance::{Equal, Heads, Method, Mgda, Needs, Weighting, Weights};
use tress_mtl::solve::Gramian;
use tress_mtl::{Result, sweep};
use tress_nn::{Bound, Conv2d, Dense, Gradient, Layer, Params};
use tress_tensor::pointwise::Map;
use tress_tensor::{Tensor, Window};

/// A convolutional trunk and K heads of one layer each, in an order of declaration that mixes the two.
struct Model {
    conv: Conv2d,
    heads: Vec<Dense>,
    dense: Dense,
}

const SAMPLES: usize = 5;

impl Model {
    fn new<T: tress_tensor::Float>(params: &mut Params<T>, tasks: usize) -> Self {
        let conv = Conv2d::new(&mut params.scope("trunk.conv"), 2, 4, [3, 3]).unwrap();
        let head = |k: usize| Dense::new(&mut params.scope(&format!("head{k}")), 6, 3).unwrap();
        let heads = (0..tasks).map(head).collect();
        let dense = Dense::new(&mut params.scope("trunk.dense"), 16, 6).unwrap().activation(Map::Tanh);
        Self { conv, heads, dense }
    }

    /// The features, and the losses: mean squares of different targets, each with another factor.
    fn run<'t>(
        &self,
        bound: &Bound<Var<'t, Eager<f64>>>,
        x: Var<'t, Eager<f64>>,
    ) -> (Var<'t, Eager<f64>>, Vec<Var<'t, Eager<f64>>>) {
        use tress_autograd::Arrange;
        let pool = Window::new([4, 4], [2, 2]).stride([2, 2]);
        let image = self.conv.apply(bound, &x).max_pool(pool).relu();
        let features = self.dense.apply(bound, &image.flatten(1));
        let loss = |(k, head): (usize, &Dense)| {
            let y = head.apply(bound, &features);
            (y - y.constant(0.3 * k as f64 - 0.5)).square().mean_all().scale(1.0 + k as f64)
        };
        (features, self.heads.iter().enumerate().map(loss).collect())
    }
}

fn images() -> Tensor<f64> {
    Tensor::from_fn([SAMPLES, 2, 6, 6], |i| {
        let n = i.iter().fold(7, |sum, &i| sum * 11 + i);
        (n as f64 * 0.618_033_988_749_895).fract() - 0.3
    })
    .unwrap()
}

#[test]
fn the_jacobian_is_that_of_separate_sweeps_bit_for_bit() {
    for tasks in [1, 2, 3, 8] {
        let mut params = Params::<f64>::new(3);
        let model = Model::new(&mut params, tasks);
        let tape = Tape::new();
        let bound = params.on(&tape);
        let (features, losses) = model.run(&bound, tape.var(images()));
        let jacobian = sweep::shared_jacobian(&losses, &[features], &bound, &params).unwrap();
        assert_eq!(**jacobian.shape(), [tasks, params.len()]);
        for (k, loss) in losses.iter().enumerate() {
            let whole = loss.gradient(&bound).unwrap().to_vec();
            let row = jacobian.at(0, k).unwrap().to_vec();
            for entry in params.entries() {
                let places = entry.range();
                if entry.is_in("trunk") {
                    assert_eq!(row[places.clone()], whole[places], "{} for task {k}", entry.name());
                } else {
                    assert!(row[places].iter().all(|&g| g == 0.0), "{} is not shared", entry.name());
                }
            }
        }
    }
}

#[test]
fn equal_weights_give_the_gradient_of_the_sum() {
    let mut params = Params::<f64>::new(4);
    let model = Model::new(&mut params, 3);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let (features, losses) = model.run(&bound, tape.var(images()));
    let step = sweep::balanced(&losses, &[features], &bound, &params, &mut Equal::sum()).unwrap();
    let sum = losses[0] + losses[1] + losses[2];
    let plain = sum.gradient(&bound).unwrap().to_vec();
    assert!(plain.iter().any(|g| g.abs() > 1e-3));
    for (a, b) in step.gradient.to_vec().iter().zip(&plain) {
        assert!((a - b).abs() < 1e-14, "{a} and {b}");
    }
    assert_eq!(step.losses, losses.iter().map(|loss| loss.item().unwrap()).collect::<Vec<_>>());
    assert!(step.gramian.is_none());
}

/// The same weights, asked for in the way of a method that looks at the Gramian.
struct Looking(Vec<f64>, Heads);

impl Weighting for Looking {
    fn name(&self) -> &'static str {
        "looking"
    }
    fn needs(&self) -> Needs {
        Needs::Gramian
    }
    fn heads(&self) -> Heads {
        self.1
    }
    fn weights(&mut self, _: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        assert!(gramian.is_some());
        Weights::new(&self.0)
    }
}

/// And in the way of one that does not.
struct Blind(Vec<f64>, Heads);

impl Weighting for Blind {
    fn name(&self) -> &'static str {
        "blind"
    }
    fn needs(&self) -> Needs {
        Needs::Losses
    }
    fn heads(&self) -> Heads {
        self.1
    }
    fn weights(&mut self, _: &[f64], _: Option<&Gramian>) -> Result<Weights> {
        Weights::new(&self.0)
    }
}

#[test]
fn weights_before_the_sweep_and_after_it_give_the_same_direction() {
    let w = vec![0.25, 2.0, 1.0];
    for heads in [Heads::Plain, Heads::Weighted] {
        let mut params = Params::<f64>::new(5);
        let model = Model::new(&mut params, 3);
        let tape = Tape::new();
        let bound = params.on(&tape);
        let (features, losses) = model.run(&bound, tape.var(images()));
        let after =
            sweep::balanced(&losses, &[features], &bound, &params, &mut Looking(w.clone(), heads)).unwrap();
        let before =
            sweep::balanced(&losses, &[features], &bound, &params, &mut Blind(w.clone(), heads)).unwrap();
        for (a, b) in after.gradient.to_vec().iter().zip(before.gradient.to_vec()) {
            assert!((a - b).abs() < 1e-14, "{a} and {b}");
        }
        for (k, loss) in losses.iter().enumerate() {
            let own = params.range_of(&format!("head{k}")).unwrap();
            let factor = if heads == Heads::Weighted { w[k] } else { 1.0 };
            let plain = loss.gradient(&bound).unwrap().to_vec();
            for (found, plain) in after.gradient.to_vec()[own.clone()].iter().zip(&plain[own]) {
                assert!((found - factor * plain).abs() < 1e-15);
            }
        }
    }
}

#[test]
fn mgda_makes_no_task_worse_and_the_gramian_is_that_of_the_rows() {
    let mut params = Params::<f64>::new(6);
    let model = Model::new(&mut params, 4);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let (features, losses) = model.run(&bound, tape.var(images()));
    let step = sweep::balanced(&losses, &[features], &bound, &params, &mut Mgda::new()).unwrap();
    let jacobian = sweep::shared_jacobian(&losses, &[features], &bound, &params).unwrap();
    let direction = step.gradient.to_vec();
    let gramian = step.gramian.unwrap();
    let rows: Vec<Vec<f64>> = (0..4).map(|k| jacobian.at(0, k).unwrap().to_vec()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..4 {
        assert!(dot(&rows[i], &direction) >= -1e-12 * gramian.trace(), "task {i} gets worse");
        for j in 0..4 {
            assert!((gramian.at(i, j) - dot(&rows[i], &rows[j])).abs() < 1e-12 * gramian.trace());
        }
    }
}

#[test]
fn shared_parameters_are_found_and_shortcuts_around_the_features_are_refused() {
    let mut params = Params::<f64>::new(7);
    let model = Model::new(&mut params, 2);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let (features, mut losses) = model.run(&bound, tape.var(images()));
    let names = sweep::shared_names(&losses, &[features], &bound, &params).unwrap();
    assert_eq!(names, ["trunk.conv.weight", "trunk.conv.bias", "trunk.dense.weight", "trunk.dense.bias"]);
    let bias = bound.get(&params.entry("trunk.dense.bias").unwrap().handle()).unwrap();
    losses[1] = losses[1] + bias.square().sum_all();
    let error = sweep::balanced(&losses, &[features], &bound, &params, &mut Mgda::new()).unwrap_err();
    assert!(
        error.to_string().starts_with("`trunk.dense.bias` is shared, but also reaches a loss around"),
        "{error}"
    );
}

#[test]
fn every_method_by_name_balances_and_mistakes_come_back_as_errors() {
    let mut params = Params::<f64>::new(8);
    let model = Model::new(&mut params, 2);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let (features, losses) = model.run(&bound, tape.var(images()));
    for method in Method::ALL {
        let mut balance = method.build(2, 1, 1e-3).unwrap();
        let step = sweep::balanced(&losses, &[features], &bound, &params, &mut balance).unwrap();
        assert!(step.gradient.to_vec().iter().all(|g| g.is_finite()), "{method}");
    }
    let vector = [features.sum(&[0]), losses[1]];
    let error = sweep::balanced(&vector, &[features], &bound, &params, &mut Equal::sum()).unwrap_err();
    assert!(error.to_string().contains("single"), "{error}");
    let wrong = features.matmul(features);
    let error =
        sweep::balanced(&[losses[0], wrong.sum_all()], &[features], &bound, &params, &mut Equal::sum());
    assert!(
        error.unwrap_err().to_string().starts_with("matmul: [5, 6] x [5, 6]: inner lengths 6 and 5 differ")
    );
}

#[test]
fn features_may_be_computed_from_each_other() {
    // f = h^2 with h = w x, and losses that look at both: d(f + h)/dw = (2 h + 1) x, once each.
    let mut params = Params::<f64>::new(9);
    params.scope("w").parameter("value", [1, 1], tress_nn::Init::Constant(0.7)).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let x = tape.var(Tensor::new([1, 1], &[1.5]).unwrap());
    let w = *bound.values().next().unwrap();
    let h = x.matmul(w);
    let f = h.square();
    let losses = [(f + h).sum_all(), (f.scale(2.0) - h).sum_all()];
    let expected = [(2.0 * 1.05 + 1.0) * 1.5, (4.0 * 1.05 - 1.0) * 1.5];
    for features in [vec![h, f], vec![f, h]] {
        let jacobian = sweep::shared_jacobian(&losses, &features, &bound, &params).unwrap().to_vec();
        for (found, expected) in jacobian.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        }
        let step = sweep::balanced(&losses, &features, &bound, &params, &mut Equal::sum()).unwrap();
        assert!((step.gradient.to_vec()[0] - expected[0] - expected[1]).abs() < 1e-12);
    }
}

type Recorded<'t> = Var<'t, Eager<f64>>;

/// A wide trunk on few samples, where the inner products of the gradients come from those of the samples, and a layer
/// that is used twice, where they cannot.
fn wide<'t>(
    params: &mut Params<f64>,
    tape: &'t Tape<Eager<f64>>,
    tasks: usize,
) -> (Bound<Recorded<'t>>, Recorded<'t>, Vec<Recorded<'t>>) {
    let wide = Dense::new(&mut params.scope("trunk.wide"), 72, 40).unwrap().activation(Map::Tanh);
    let twice = Dense::new(&mut params.scope("trunk.twice"), 40, 40).unwrap().activation(Map::Sigmoid);
    let heads: Vec<_> =
        (0..tasks).map(|k| Dense::new(&mut params.scope(&format!("head{k}")), 40, 3).unwrap()).collect();
    let bound = params.on(tape);
    let x = wide.apply(&bound, &tape.var(images().reshape([SAMPLES, 72]).unwrap()));
    let features = twice.apply(&bound, &twice.apply(&bound, &x));
    let loss = |(k, head): (usize, &Dense)| {
        let y = head.apply(&bound, &features);
        (y - y.constant(0.3 * k as f64 - 0.5)).square().mean_all().scale(1.0 + k as f64)
    };
    let losses = heads.iter().enumerate().map(loss).collect();
    (bound, features, losses)
}

#[test]
fn inner_products_and_directions_need_no_jacobian() {
    for tasks in [1, 2, 5] {
        let mut params = Params::<f64>::new(9);
        let tape = Tape::new();
        let (bound, features, losses) = wide(&mut params, &tape, tasks);
        let gradients = sweep::task_gradients(&losses, &[features], &bound, &params).unwrap();
        let jacobian = gradients.jacobian().unwrap();
        for (k, loss) in losses.iter().enumerate() {
            let alone = loss.gradient(&bound).unwrap().to_vec();
            let row = jacobian.at(0, k).unwrap().to_vec();
            let trunk = params.range_of("trunk").unwrap();
            assert!(row[trunk.clone()].iter().zip(&alone[trunk]).all(|(a, b)| (a - b).abs() < 1e-15));
        }

        let rows = jacobian.to_vec();
        let (found, expected) = (gradients.gramian().unwrap(), Gramian::from_rows(tasks, &rows).unwrap());
        let scale = expected.trace();
        assert!(scale > 1e-3);
        for (a, b) in found.as_slice().iter().zip(expected.as_slice()) {
            assert!((a - b).abs() < 1e-14 * scale, "{found:?} and {expected:?}");
        }
        let layer = params.ranges_of("trunk.wide").unwrap();
        let part: Vec<f64> =
            rows.chunks(params.len()).flat_map(|row| row[layer[0].clone()].to_vec()).collect();
        let (found, expected) =
            (gradients.gramian_in(&layer).unwrap(), Gramian::from_rows(tasks, &part).unwrap());
        for (a, b) in found.as_slice().iter().zip(expected.as_slice()) {
            assert!((a - b).abs() < 1e-14 * scale, "{found:?} and {expected:?}");
        }

        let weights: Vec<f64> = (0..tasks).map(|k| 0.4 - 0.3 * k as f64).collect();
        let direction = gradients.direction(&weights).unwrap().to_vec();
        for (p, d) in direction.iter().enumerate() {
            let sum: f64 = (0..tasks).map(|k| weights[k] * rows[k * params.len() + p]).sum();
            assert!((d - sum).abs() < 1e-14, "{d} and {sum} at {p}");
        }
        // The cotangents of the wide layer are 5 x 40 for each task, its weights 72 x 40.
        let spared = tasks * (72 - SAMPLES) * 40;
        let shared = params.range_of("trunk").unwrap().len();
        assert_eq!(gradients.kept(), tasks * shared - spared);
        assert!(gradients.direction(&weights[1..]).is_err(), "one weight too few");
    }
}

#[test]
fn running_statistics_of_a_trunk_move_once_however_many_tasks_there_are() {
    use tress_nn::BatchNorm;
    for tasks in [1, 4] {
        let mut params = Params::<f64>::new(3);
        let norm = BatchNorm::new(&mut params.scope("trunk.norm"), 2).unwrap();
        let model = Model::new(&mut params, tasks);
        let tape = Tape::new();
        let bound = params.on(&tape).training(0);
        let (features, losses) = model.run(&bound, norm.apply(&bound, &tape.var(images())));
        let cut = tress_mtl::sharing::cut(&losses, &bound).unwrap();
        assert_eq!(cut.len(), (tasks > 1) as usize, "what is set aside is no way to a loss");
        sweep::balanced(&losses, &[features], &bound, &params, &mut Equal::sum()).unwrap();
        sweep::balanced(&losses, &[features], &bound, &params, &mut Mgda::new()).unwrap();
        let renewed = bound.renewed().unwrap();
        assert_eq!(renewed.len(), 2, "a mean and a variance");
        params.renew(&renewed).unwrap();
        let mean = Eager::new(images()).mean(&[0, 2, 3]).tensor().unwrap().to_vec();
        for (found, mean) in params.tensor("trunk.norm.running_mean").unwrap().to_vec().iter().zip(mean) {
            assert!((found - 0.1 * mean).abs() < 1e-15, "{found} after one step towards {mean}");
        }
    }
}

#[test]
fn what_is_frozen_of_a_trunk_has_no_part_in_the_balance() {
    let mut params = Params::<f64>::new(3);
    let model = Model::new(&mut params, 3);
    let jacobian = |params: &Params<f64>| {
        let tape = Tape::new();
        let bound = params.on(&tape).training(0);
        let (features, losses) = model.run(&bound, tape.var(images()));
        let rows = sweep::shared_jacobian(&losses, &[features], &bound, params).unwrap();
        let step = sweep::balanced(&losses, &[features], &bound, params, &mut Mgda::new()).unwrap();
        let names = sweep::shared_names(&losses, &[features], &bound, params).unwrap();
        (rows, step, names)
    };
    let (whole, before, _) = jacobian(&params);
    params.freeze("trunk.conv").unwrap();
    let (rows, step, names) = jacobian(&params);
    assert_eq!(names, ["trunk.dense.weight", "trunk.dense.bias"]);
    let frozen = params.range_of("trunk.conv").unwrap();
    for k in 0..3 {
        let (row, all) = (rows.at(0, k).unwrap().to_vec(), whole.at(0, k).unwrap().to_vec());
        for (i, (found, all)) in row.iter().zip(&all).enumerate() {
            assert_eq!(*found, if frozen.contains(&i) { 0.0 } else { *all }, "number {i} of task {k}");
        }
    }
    assert!(step.gradient.to_vec()[frozen].iter().all(|&g| g == 0.0));
    let gramian = rows.matmul(&rows.transpose(0, 1).unwrap()).unwrap();
    let found = step.gramian.unwrap();
    for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
        assert!((found.at(i, j) - gramian[[i, j]]).abs() < 1e-12);
    }
    assert_ne!(step.weights, before.weights, "the weights are those of what moves");
}
