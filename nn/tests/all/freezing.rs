//! Parts of a model that stand still: no gradient, no step, evaluation mode; frozen in the parameters or by an optimiser's rules.

use tress_autograd::{Eager, Pointwise, Reduce, Tape, Value};
use tress_nn::data::Batches;
use tress_nn::model::{Model, Wiring};
use tress_nn::optim::Rules;
use tress_nn::train::{OnTape, Problem, Step, TapeLoss, Trainer};
use tress_nn::{
    BatchNorm, Bound, Dense, Dropout, Error, Gradient, Layer, Params, RmsProp, Sequential, Sgd,
    SpatialDropout,
};
use tress_tensor::{Tensor, pointwise::Map};

/// A trunk with everything that has a mode, and a head with dropout of its own.
struct Network {
    trunk: Sequential,
    head: Sequential,
    x: Tensor<f32>,
}

fn network() -> (Params, Network) {
    let mut params = Params::<f32>::new(3);
    let trunk = Sequential::new()
        .then(Dense::new(&mut params.scope("trunk.dense"), 2, 8).unwrap().activation(Map::Tanh))
        .then(Dense::new(&mut params.scope("trunk.more"), 8, 4).unwrap())
        .then(BatchNorm::new(&mut params.scope("trunk.norm"), 4).unwrap())
        .then(Dropout::new(&mut params.scope("trunk"), 0.5).unwrap())
        .then(Dropout::new(&mut params.scope("trunk"), 0.5).unwrap());
    let head = Sequential::new()
        .then(Dropout::new(&mut params.scope("head"), 0.5).unwrap())
        .then(Dense::new(&mut params.scope("head.dense"), 4, 1).unwrap());
    let x = Tensor::from_fn([12, 2], |i| ((i[0] * 2 + i[1]) as f32 * 0.7).sin()).unwrap();
    (params, Network { trunk, head, x })
}

impl Network {
    fn loss_of<V: Value>(&self, bound: &Bound<V>, features: &V) -> V {
        self.head.apply(bound, features).offset(-1.0).square().mean_all()
    }
}

impl Problem for Network {
    type Batch = ();

    fn order(&self, _: u64) -> Result<Batches, Error> {
        Batches::new(12, 12)
    }

    fn batch(&self, _: u64, _: &[usize]) -> Result<(), Error> {
        Ok(())
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, (): &(), _: &mut Step) -> TapeLoss<'t> {
        Ok(self.loss_of(bound, &self.trunk.apply(bound, &tape.var(self.x.clone()))))
    }
}

#[test]
fn a_frozen_part_is_in_evaluation_mode_and_has_no_gradient() {
    let (mut params, network) = network();
    let evaluated = network.trunk.apply(&params.eager(), &network.x.clone().into());
    let evaluated = evaluated.tensor().unwrap();
    let whole = params.clone();
    assert!(params.freeze("trnk").is_err() && params.unfreeze("trnk").is_err());
    params.freeze("trunk").unwrap();
    assert_eq!((params.trained_len(), whole.trained_len()), (5, 24 + 36 + 8 + 5));
    let entry = |name| params.entry(name).unwrap();
    assert!(entry("trunk.more.bias").is_frozen() && !entry("trunk.more.bias").is_trained());
    assert!(!entry("trunk.more.bias").is_state() && entry("trunk.norm.running_var").is_state());

    let tape = Tape::new();
    let bound = params.on(&tape).training(9);
    let features = network.trunk.apply(&bound, &tape.var(network.x.clone()));
    assert_eq!(features.tensor().unwrap(), *evaluated, "bit for bit");
    assert!(bound.renewed().unwrap().is_empty(), "running statistics stay");
    let loss = network.loss_of(&bound, &features);
    let other = network.loss_of(&params.on(&tape), &features);
    assert_ne!(loss.item().unwrap(), other.item().unwrap(), "the head trains");
    assert_eq!(bound.leaves().values().len(), 2);
    let gradient = loss.gradient(&bound).unwrap().to_vec();
    assert!(gradient[params.range_of("trunk").unwrap()].iter().all(|&g| g == 0.0));
    assert!(gradient[params.range_of("head").unwrap()].iter().all(|&g| g != 0.0));
    let covered = loss.coverage_of(&bound, &params).unwrap();
    assert!(covered.len() == 2 && covered.iter().all(|parameter| parameter.is_fine()), "{covered:?}");

    params.unfreeze("trunk").unwrap();
    assert_eq!(params.trained_len(), whole.trained_len());
    let bound = params.eager().training(9);
    let again = network.trunk.apply(&bound, &network.x.clone().into());
    let never = network.trunk.apply(&whole.eager().training(9), &network.x.clone().into());
    assert_eq!(again.tensor().unwrap(), never.tensor().unwrap());
    assert_eq!(bound.renewed().unwrap().len(), 2, "and they move again");
}

#[test]
fn no_work_is_done_for_the_gradient_of_a_frozen_part() {
    // A tape whose values lie on another one, which records what the sweep does.
    let (mut params, network) = network();
    let work = |params: &Params, features: bool| {
        let (outer, inner) = (Tape::new(), Tape::new());
        let bound = params.bind(|_, numbers| inner.leaf(outer.var(numbers)));
        let x = if features { Tensor::full([12, 4], 0.5).unwrap() } else { network.x.clone() };
        let x = inner.leaf(outer.var(x));
        let x = if features { x } else { network.trunk.apply(&bound, &x) };
        let loss = network.loss_of(&bound, &x);
        let (before, one) = (outer.len(), loss.value().unwrap().constant(1.0));
        inner.cotangents(&[(loss, one)], bound.leaves().values(), &[]).unwrap();
        outer.len() - before
    };
    let whole = work(&params, false);
    params.freeze("trunk").unwrap();
    assert_eq!(work(&params, false), work(&params, true), "that of the head alone");
    assert!(whole > 2 * work(&params, false), "of {whole}");
}

#[test]
fn frozen_in_the_parameters_or_by_rules_it_is_one_course_of_training() {
    let (params, network) = network();
    let course = |frozen: bool, optimiser: Sgd| {
        let mut params = params.clone();
        if frozen {
            params.freeze("trunk").unwrap();
        }
        let mut run = Trainer::new(params, optimiser, 5, 1);
        run.run(&network, &mut []).unwrap();
        run.params
    };
    let sgd = || Sgd::new(0.1).momentum(0.9).decay(0.1);
    let by_rules = course(false, sgd().rules(Rules::new().freeze("**").train("head")));
    let by_name = course(true, sgd());
    assert_eq!(by_rules.block(), by_name.block());
    for entry in params.entries() {
        let same = by_name.tensor(entry.name()).unwrap() == params.tensor(entry.name()).unwrap();
        assert_eq!(same, entry.is_in("trunk"), "{}", entry.name());
    }
    // Weights alone: the layer itself trains on, and so do its statistics.
    let parts = course(false, sgd().rules(Rules::new().freeze("**.weight")));
    assert_eq!(parts.tensor("trunk.more.weight").unwrap(), params.tensor("trunk.more.weight").unwrap());
    assert_ne!(
        parts.tensor("trunk.norm.running_mean").unwrap(),
        params.tensor("trunk.norm.running_mean").unwrap()
    );
    // Statistics that are taken again are those of what is not frozen.
    let mut run = Trainer::new(params.clone(), sgd().rules(Rules::new().freeze("trunk")), 1, 1);
    run.retake_statistics(&network).unwrap();
    assert_eq!(run.params.block(), params.block());
    let mut run = Trainer::new(params.clone(), sgd(), 1, 1);
    run.retake_statistics(&network).unwrap();
    assert_ne!(run.params.block(), params.block());
    // Whatever the optimiser: nothing that it remembers moves what is frozen.
    let mut all = params.clone();
    all.freeze("").unwrap();
    all.unfreeze("head.dense.bias").unwrap();
    let mut run = Trainer::new(all, RmsProp::new(0.1), 3, 1);
    run.run(&network, &mut []).unwrap();
    let moved = |entry: &&tress_nn::Entry| {
        run.params.tensor(entry.name()).unwrap() != params.tensor(entry.name()).unwrap()
    };
    let moved: Vec<&str> = params.entries().filter(moved).map(tress_nn::Entry::name).collect();
    assert_eq!(moved, ["head.dense.bias"]);
}

#[test]
fn whole_channels_that_are_dropped_have_the_mode_of_their_scope() {
    let mut params = Params::<f32>::new(3);
    params.root().parameter("trunk.w", [1], tress_nn::Init::Zeros).unwrap();
    let dropout = SpatialDropout::new(&mut params.scope("trunk.drop"), 0.5).unwrap();
    let x = Eager::new(Tensor::full([4, 8, 3], 1.0f32).unwrap());
    let run = |params: &Params| dropout.apply(&params.eager().training(1), &x).tensor().unwrap().clone();
    assert_ne!(run(&params), *x.tensor().unwrap());
    params.freeze("trunk").unwrap();
    assert_eq!(run(&params), *x.tensor().unwrap());
    let mapped = params.eager().training(1).map(|value, _| value.clone());
    assert_eq!(dropout.apply(&mapped, &x).tensor().unwrap(), x.tensor().unwrap(), "as other values, too");
}

#[test]
fn the_table_of_a_model_counts_what_is_frozen() {
    let mut params = Params::<f32>::new(3);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [2]);
    let seen = x.layer("trunk", |s| Dense::new(s, 2, 4)).layer("norm", |s| BatchNorm::new(s, 4));
    let model = Model::new(&[x], &[("y", seen.layer("head", |s| Dense::new(s, 4, 1)))]).unwrap();
    let counts = |params: &Params| {
        let table = model.summary(params).unwrap();
        (table.parameters(), table.frozen(), table.to_string())
    };
    let (all, none, text) = counts(&params);
    assert_eq!((all, none), (12 + 8 + 5, 0));
    assert!(text.contains("parameters: 25 trained, 8 state"), "{text}");
    params.freeze("trunk").unwrap();
    params.freeze("norm").unwrap();
    let (all, frozen, text) = counts(&params);
    assert_eq!((all, frozen), (25, 20));
    assert!(text.contains("parameters: 5 trained, 20 frozen, 8 state"), "{text}");
}
