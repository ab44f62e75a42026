//! Optimisers step by step, and clipping, against PyTorch's numbers (Lion: numpy).

use crate::fixture::{Fixture, assert_near};
use tress_nn::optim::{Adagrad, Lion, RmsProp, Rules, clip};
use tress_nn::{Adam, Dense, Error, Init, Optimiser, Params, Sgd};
use tress_tensor::{Float, Tensor};

/// The optimiser of a case, with the settings that the fixture lists.
fn optimiser<T: Float>(name: &str, o: &[f64]) -> Box<dyn Optimiser<T>> {
    let sgd = || Sgd::new(o[0]);
    let adam = || Adam::new(o[0]).betas(o[1], o[2]).epsilon(o[3]);
    let rmsprop = || RmsProp::new(o[0]).smoothing(o[1]).epsilon(o[2]);
    let adagrad = || Adagrad::new(o[0]).slowing(o[1]).epsilon(o[2]).decay(o[3]).start(o[4]);
    match name {
        "sgd" => Box::new(sgd()),
        "sgd_momentum" => Box::new(sgd().momentum(o[1])),
        "sgd_nesterov" => Box::new(sgd().momentum(o[1]).nesterov()),
        "sgd_decay" => Box::new(sgd().momentum(o[1]).decay(o[2])),
        "sgd_dampening" => Box::new(sgd().momentum(o[1]).dampening(o[2])),
        "adam" | "adam_other" => Box::new(adam()),
        "adam_decay" => Box::new(Adam::new(o[0]).decay(o[1])),
        "adamw" => Box::new(Adam::decoupled(o[0], o[4]).betas(o[1], o[2]).epsilon(o[3])),
        "rmsprop" => Box::new(rmsprop()),
        "rmsprop_momentum" => Box::new(rmsprop().decay(o[3]).momentum(o[4])),
        "rmsprop_centred" => Box::new(rmsprop().centred()),
        "rmsprop_both" => Box::new(rmsprop().centred().decay(o[3]).momentum(o[4])),
        "adagrad" | "adagrad_slowing" => Box::new(adagrad()),
        "lion" | "lion_decay" => Box::new(Lion::new(o[0]).betas(o[1], o[2]).decay(o[3])),
        other => panic!("an optimiser that is not known: {other}"),
    }
}

/// The files, the cases in each, and how far rounding to `f32` may lead away.
const CASES: [(&str, &[&str], f64); 2] = [
    (
        "optimisers",
        &["sgd", "sgd_momentum", "sgd_nesterov", "sgd_decay", "adam", "adam_other", "adamw"],
        2e-6,
    ),
    (
        "more_optimisers",
        &[
            "sgd_dampening",
            "rmsprop",
            "rmsprop_momentum",
            "rmsprop_centred",
            "rmsprop_both",
            "adagrad",
            "adagrad_slowing",
            "adam_decay",
            "lion",
            "lion_decay",
        ],
        2e-5,
    ),
];

/// Two parameters of five numbers in all.
pub(crate) fn five<T: Float>(start: &Tensor<T>) -> Params<T> {
    let mut params = Params::<T>::new(0);
    params.root().parameter("a", [3], Init::Zeros).unwrap();
    params.root().parameter("b", [2], Init::Zeros).unwrap();
    params.set_block(start).unwrap();
    params
}

/// Holds twenty steps along the gradients of the fixture against the block `expected`, step by step.
pub(crate) fn twenty_steps<T: Float>(
    all: &Fixture,
    optimiser: &mut dyn Optimiser<T>,
    expected: &str,
    tolerance: f64,
) {
    let (gradients, numbers) = (all.tensor::<T>("gradients"), all.tensor::<f64>(expected));
    let mut params = five(&all.tensor("start"));
    for step in 0..20 {
        optimiser.step(&mut params, &gradients.at(0, step).unwrap()).unwrap();
        let what = format!("{expected}, step {step}");
        assert_near(&what, &params.block(), &numbers.at(0, step).unwrap(), tolerance);
    }
}

fn compare<T: Float>(suffix: &str, tolerance: Option<f64>) {
    for (file, names, rounding) in CASES {
        let all = Fixture::read(file);
        for name in names {
            let options = all.tensor::<f64>(&format!("{name}.options")).to_vec();
            let (mut optimiser, expected) = (optimiser::<T>(name, &options), format!("{name}.{suffix}"));
            twenty_steps(&all, &mut *optimiser, &expected, tolerance.unwrap_or(rounding));
        }
    }
}

#[test]
fn twenty_steps_are_those_of_pytorch() {
    compare::<f64>("f64", Some(1e-13));
    compare::<f32>("f32", None);
}

#[test]
fn clipping_is_that_of_pytorch() {
    let all = Fixture::read("optimisers");
    for case in ["clip", "clip_unchanged", "clip_tiny"] {
        let together = |a: &str, b: &str| {
            let mut numbers = all.tensor::<f64>(&format!("{case}.{a}")).to_vec();
            numbers.extend(all.tensor::<f64>(&format!("{case}.{b}")).to_vec());
            Tensor::vector(&numbers)
        };
        let mut gradient = together("a", "b");
        let norm = clip::by_norm(&mut gradient, all.number(&format!("{case}.max_norm"))).unwrap();
        assert!((norm - all.number(&format!("{case}.norm"))).abs() < 1e-14 * norm.max(1.0));
        assert_near(case, &gradient, &together("clipped_a", "clipped_b"), 1e-14);
    }
}

#[test]
fn norms_of_all_lengths_and_of_what_is_not_finite() {
    for n in 0..40 {
        let x = Tensor::from_fn([n], |i| i[0] as f32).unwrap();
        let expected = ((0..n).map(|i| i * i).sum::<usize>() as f64).sqrt();
        assert_eq!(clip::norm(&x), expected);
    }
    let mut x = Tensor::vector(&[1.0, f32::NAN, -5.0, 5.0]);
    assert!(matches!(clip::by_norm(&mut x, 1.0), Err(Error::NotFinite { .. })));
    assert_eq!(x[[3]], 5.0, "left as it was");
    clip::by_value(&mut x, 2.0).unwrap();
    assert!(clip::by_value(&mut x, -2.0).is_err() && clip::by_norm(&mut x, f64::NAN).is_err());
    assert!(x[[1]].is_nan());
    assert_eq!([x[[0]], x[[2]], x[[3]]], [1.0, -2.0, 2.0]);
}

#[test]
fn state_and_frozen_parameters_are_left_alone() {
    let build = || {
        let mut params = Params::<f64>::new(4);
        Dense::new(&mut params.scope("trunk"), 2, 3).unwrap();
        params.root().state("mean", [2], Init::Constant(7.0)).unwrap();
        Dense::new(&mut params.scope("head"), 3, 1).unwrap();
        params
    };
    let before = build();
    let ones = Tensor::full([before.len()], 1.0).unwrap();
    let rules = Rules::new().freeze("head").without_decay(".bias");
    let mut optimisers: [Box<dyn Optimiser<f64>>; 4] = [
        Box::new(Sgd::new(0.1).decay(0.5).rules(rules.clone())),
        Box::new(Sgd::new(0.1).decay(0.5).momentum(0.9).rules(rules.clone())),
        Box::new(Adam::new(0.1).decay(0.5).rules(rules.clone())),
        Box::new(Adam::decoupled(0.1, 0.5).rules(rules.clone())),
    ];
    for (i, optimiser) in optimisers.iter_mut().enumerate() {
        let mut params = build();
        optimiser.step(&mut params, &ones).unwrap();
        let change = |name: &str| -> Vec<f64> {
            let (a, b) = (before.tensor(name).unwrap().to_vec(), params.tensor(name).unwrap().to_vec());
            a.iter().zip(b).map(|(a, b)| b - a).collect()
        };
        for untouched in ["mean", "head.weight", "head.bias"] {
            assert!(change(untouched).iter().all(|&d| d == 0.0), "{untouched} with optimiser {i}");
        }
        // The first step of each moves by the rate; decay moves weights further or less, by their sign.
        assert!(change("trunk.bias").iter().all(|&d| (d + 0.1).abs() < 1e-6), "no decay with optimiser {i}");
        if i != 2 {
            let weights = before.tensor("trunk.weight").unwrap().to_vec();
            for (d, w) in change("trunk.weight").iter().zip(weights) {
                assert!((d + 0.1 + 0.05 * w).abs() < 1e-6, "decay with optimiser {i}");
            }
        }
    }
}

#[test]
fn a_stored_run_goes_on_as_if_it_had_not_stopped() {
    let gradient = |step: usize| Tensor::from_fn([5], |i| (i[0] * step) as f32 - 1.5).unwrap();
    let start = || {
        let mut params = Params::<f32>::new(4);
        params.root().parameter("p", [5], Init::Normal(1.0)).unwrap();
        params
    };
    let (mut whole, mut adam) = (start(), Adam::new(0.1));
    (0..6).for_each(|step| adam.step(&mut whole, &gradient(step)).unwrap());

    let (mut parts, mut first) = (start(), Adam::new(0.1));
    (0..3).for_each(|step| first.step(&mut parts, &gradient(step)).unwrap());
    let mut second = Adam::new(0.1);
    second.restore(&first.state(), &parts).unwrap();
    (3..6).for_each(|step| second.step(&mut parts, &gradient(step)).unwrap());
    assert_eq!(whole.block(), parts.block());
}

#[test]
fn a_gradient_or_a_moment_of_another_model_is_an_error() {
    let mut params = Params::<f32>::new(0);
    Dense::new(&mut params.root(), 2, 2).unwrap();
    let before = params.block();
    let mut adam = Adam::new(0.1);
    let error = adam.step(&mut params, &Tensor::zeros([2, 3]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "gradient: shape [2, 3], but [6] is wanted, one number for each parameter");
    adam.step(&mut params, &Tensor::zeros([6]).unwrap()).unwrap();
    Dense::new(&mut params.scope("more"), 1, 1).unwrap();
    assert!(matches!(adam.step(&mut params, &Tensor::zeros([8]).unwrap()), Err(Error::Block { .. })));
    assert_eq!(params.block().slice(0, 0, 6, 1).unwrap(), before);
    assert_eq!(adam.steps(), 1);
}
