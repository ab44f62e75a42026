//! Balancing at the features and part by part, against the same method on plain rows.

use tress_autograd::{Eager, Pointwise, Reduce, Tape, Var};
use tress_mtl::balance::{
    Equal, GradDrop, Heads, Mgda, Needs, PerGroup, Rows, UpGrad, Weighting, Weights, combine,
};
use tress_mtl::solve::Gramian;
use tress_mtl::sweep::{self, balanced, balanced_at_features, block_ends, layer_ends};
use tress_nn::{Bound, Dense, Gradient, Layer, Params};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

const SAMPLES: usize = 4;

/// A trunk of two layers with two features, of which each of three heads sees both.
struct Model {
    params: Params<f64>,
    trunk: [Dense; 2],
    heads: Vec<Dense>,
}

type Recorded<'t> = Var<'t, Eager<f64>>;

impl Model {
    fn new(tasks: usize) -> Self {
        let mut params = Params::new(5);
        let first = Dense::new(&mut params.scope("trunk.first"), 30, 20).unwrap().activation(Map::Tanh);
        let heads =
            (0..tasks).map(|k| Dense::new(&mut params.scope(&format!("head{k}")), 20, 2).unwrap()).collect();
        let second = Dense::new(&mut params.scope("trunk.second"), 20, 20).unwrap().activation(Map::Sigmoid);
        Self { params, trunk: [first, second], heads }
    }

    fn run<'t>(
        &self,
        tape: &'t Tape<Eager<f64>>,
    ) -> (Bound<Recorded<'t>>, [Recorded<'t>; 2], Vec<Recorded<'t>>) {
        let bound = self.params.on(tape);
        let x = Tensor::from_fn([SAMPLES, 30], |i| ((i[0] * 30 + i[1]) as f64 * 0.618).sin()).unwrap();
        let first = self.trunk[0].apply(&bound, &tape.var(x));
        let second = self.trunk[1].apply(&bound, &first);
        let loss = |(k, head): (usize, &Dense)| {
            let y = head.apply(&bound, &(first.scale(k as f64) + second));
            (y - y.constant(0.8 * k as f64 - 0.9)).square().mean_all().scale(1.0 + k as f64)
        };
        let losses = self.heads.iter().enumerate().map(loss).collect();
        (bound, [first, second], losses)
    }
}

fn near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= tolerance * (1.0 + y.abs()), "{x} and {y} at {i}");
    }
}

#[test]
fn layer_by_layer_is_the_method_on_the_columns_of_each_layer() {
    let model = Model::new(3);
    let ends = layer_ends(&model.params).unwrap();
    assert_eq!(ends, [620, 662, 704, 746, 1166]);
    let tape = Tape::new();
    let (bound, features, losses) = model.run(&tape);
    let jacobian = sweep::shared_jacobian(&losses, &features, &bound, &model.params).unwrap();
    let (rows, width) = (jacobian.to_vec(), model.params.len());

    let mut method = PerGroup::new(&ends, |_| UpGrad::new()).unwrap();
    assert_eq!(method.needs(), Needs::Gramian, "the Jacobian is not wanted");
    let step = balanced(&losses, &features, &bound, &model.params, &mut method).unwrap();
    let found = step.gradient.to_vec();
    for name in ["trunk.first", "trunk.second"] {
        let place = model.params.range_of(name).unwrap();
        let part: Vec<f64> = rows.chunks(width).flat_map(|row| row[place.clone()].to_vec()).collect();
        let weights = UpGrad::new().weights(&[1.0; 3], Some(&Gramian::from_rows(3, &part).unwrap())).unwrap();
        let mut expected = vec![0.0; place.len()];
        combine(&weights, &part, &mut expected).unwrap();
        near(&found[place], &expected, 1e-12);
    }
    // The heads have the gradients of their own losses.
    for (k, loss) in losses.iter().enumerate() {
        let place = model.params.range_of(&format!("head{k}")).unwrap();
        near(&found[place.clone()], &loss.gradient(&bound).unwrap().to_vec()[place], 1e-14);
    }
    // Layers do differ: one set of weights for the whole trunk is another direction.
    let whole = balanced(&losses, &features, &bound, &model.params, &mut UpGrad::new()).unwrap();
    assert!(whole.gradient.to_vec().iter().zip(&found).any(|(a, b)| (a - b).abs() > 1e-6));
}

#[test]
fn a_boundary_may_run_through_a_parameter() {
    let model = Model::new(3);
    let tape = Tape::new();
    let (bound, features, losses) = model.run(&tape);
    let rows = sweep::shared_jacobian(&losses, &features, &bound, &model.params).unwrap().to_vec();
    let width = model.params.len();
    let ends = [100, 900, width];
    let mut direction = vec![0.0; width];
    let mut apart = PerGroup::new(&ends, |_| Mgda).unwrap();
    apart.direction(&[1.0; 3], &mut Rows::new(3, &rows, &mut direction).unwrap()).unwrap();
    let mut method = PerGroup::new(&ends, |_| Mgda).unwrap();
    let step = balanced(&losses, &features, &bound, &model.params, &mut method).unwrap();
    let found = step.gradient.to_vec();
    for name in ["trunk.first", "trunk.second"] {
        let place = model.params.range_of(name).unwrap();
        near(&found[place.clone()], &direction[place], 1e-10);
    }
}

#[test]
fn blocks_are_named_by_their_paths() {
    let model = Model::new(2);
    assert_eq!(block_ends(&model.params, &["trunk.second"]).unwrap(), [704, 1124]);
    assert_eq!(block_ends(&model.params, &["trunk.first", "head0"]).unwrap(), [620, 662, 1124]);
    assert!(block_ends(&model.params, &["trunk.third"]).is_err());
    assert!(layer_ends(&Params::<f64>::new(1)).is_err());
}

/// A method that answers with what it was made with.
struct Given(Vec<f64>);

impl Weighting for Given {
    fn name(&self) -> &'static str {
        "given"
    }
    fn needs(&self) -> Needs {
        Needs::Gramian
    }
    fn heads(&self) -> Heads {
        Heads::Plain
    }
    fn weights(&mut self, _: &[f64], _: Option<&Gramian>) -> tress_mtl::Result<Weights> {
        Weights::new(&self.0)
    }
}

#[test]
fn at_the_features_the_trunk_is_swept_with_one_cotangent() {
    let model = Model::new(3);
    let tape = Tape::new();
    let (bound, features, losses) = model.run(&tape);
    let weights = [0.2, 0.7, -0.4];
    let places = |name: &str| model.params.range_of(name).unwrap();

    // The sweep is linear: with the same weights, both places give the same direction.
    let here = balanced_at_features(&losses, &features, &bound, &model.params, &mut Given(weights.to_vec()))
        .unwrap();
    let there = balanced(&losses, &features, &bound, &model.params, &mut Given(weights.to_vec())).unwrap();
    near(&here.gradient.to_vec(), &there.gradient.to_vec(), 1e-12);

    // The Gramian is that of the cotangents, which plain sweeps give one by one.
    let cotangents: Vec<Vec<f64>> = losses
        .iter()
        .map(|loss| {
            let seed = loss.value().unwrap().constant(1.0);
            let found = tape.sweep(&[(*loss, seed)], &features, &features, Eager::clone).unwrap();
            found.iter().flat_map(|c| c.as_ref().unwrap().tensor().unwrap().to_vec()).collect()
        })
        .collect();
    let gramian = here.gramian.unwrap();
    for (i, a) in cotangents.iter().enumerate() {
        for (j, b) in cotangents.iter().enumerate() {
            let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            assert!((gramian.at(i, j) - product).abs() < 1e-14);
        }
    }

    // A method that picks elements works there as well, and only there is it what its paper describes.
    let mut picking = GradDrop::new(7);
    let step = balanced_at_features(&losses, &features, &bound, &model.params, &mut picking).unwrap();
    let flat: Vec<f64> = cotangents.concat();
    let mut direction = vec![0.0; cotangents[0].len()];
    let mut again = GradDrop::new(7);
    again.direction(&step.losses, &mut Rows::new(3, &flat, &mut direction).unwrap()).unwrap();
    let first = Eager::new(Tensor::new([SAMPLES, 20], &direction[..SAMPLES * 20]).unwrap());
    let second = Eager::new(Tensor::new([SAMPLES, 20], &direction[SAMPLES * 20..]).unwrap());
    let leaves: Vec<_> = bound.leaves().values().to_vec();
    let pulled =
        tape.sweep(&[(features[0], first), (features[1], second)], &leaves, &[], Eager::clone).unwrap();
    let expected: Vec<f64> = pulled[0].as_ref().unwrap().tensor().unwrap().to_vec();
    near(&step.gradient.to_vec()[..600], &expected, 1e-12);

    // A method that looks at losses alone has no place.
    let summed = balanced_at_features(&losses, &features, &bound, &model.params, &mut Equal::sum()).unwrap();
    let plain = (losses[0] + losses[1] + losses[2]).gradient(&bound).unwrap().to_vec();
    near(&summed.gradient.to_vec()[places("trunk.first")], &plain[places("trunk.first")], 1e-12);
    assert!(summed.gramian.is_none());
}
