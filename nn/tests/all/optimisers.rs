//! Optimisers, schedules and clipping against PyTorch's numbers.

use crate::fixture::{Fixture, assert_near};
use tress_nn::optim::{Rules, clip};
use tress_nn::{Adam, Dense, Error, Init, Optimiser, Params, Schedule, Sgd};
use tress_tensor::{Float, Tensor};

fn optimiser<T: Float>(name: &str, options: &[f64]) -> Box<dyn Optimiser<T>> {
    let sgd = || Sgd::new(options[0]);
    let adam = || Adam::new(options[0]).betas(options[1], options[2]).epsilon(options[3]);
    match name {
        "sgd" => Box::new(sgd()),
        "sgd_momentum" => Box::new(sgd().momentum(options[1])),
        "sgd_nesterov" => Box::new(sgd().momentum(options[1]).nesterov()),
        "sgd_decay" => Box::new(sgd().momentum(options[1]).decay(options[2])),
        "adam" | "adam_other" => Box::new(adam()),
        "adamw" => {
            let adamw = Adam::decoupled(options[0], options[4]);
            Box::new(adamw.betas(options[1], options[2]).epsilon(options[3]))
        }
        other => panic!("an optimiser that is not known: {other}"),
    }
}

const NAMES: [&str; 7] = ["sgd", "sgd_momentum", "sgd_nesterov", "sgd_decay", "adam", "adam_other", "adamw"];

fn compare<T: Float>(suffix: &str, tolerance: f64) {
    let all = Fixture::read("optimisers");
    let gradients = all.tensor::<T>("gradients");
    for name in NAMES {
        let mut optimiser = optimiser::<T>(name, &all.tensor::<f64>(&format!("{name}.options")).to_vec());
        let mut params = Params::<T>::new(0);
        params.root().parameter("p", [5], Init::Zeros).unwrap();
        params.set_block(&all.tensor("start")).unwrap();
        let expected = all.tensor::<f64>(&format!("{name}.{suffix}"));
        for step in 0..20 {
            optimiser.step(&mut params, &gradients.at(0, step).unwrap()).unwrap();
            let what = format!("{name}, step {step}");
            assert_near(&what, &params.block(), &expected.at(0, step).unwrap(), tolerance);
        }
    }
}

#[test]
fn twenty_steps_are_those_of_pytorch() {
    compare::<f64>("f64", 1e-13);
    compare::<f32>("f32", 2e-6);
}

#[test]
fn schedules_are_those_of_pytorch() {
    let all = Fixture::read("optimisers");
    for name in ["cosine", "cosine_floor"] {
        let options = all.tensor::<f64>(&format!("{name}.options")).to_vec();
        let schedule = Schedule::cosine(options[0], options[1], options[2] as u64).unwrap();
        for (epoch, rate) in all.tensor::<f64>(&format!("{name}.rates")).to_vec().into_iter().enumerate() {
            assert!((schedule.rate(epoch as u64) - rate).abs() < 1e-15, "{name}, epoch {epoch}");
        }
        assert_eq!(schedule.rate(1_000_000), options[1], "the lowest rate stays");
    }
}

#[test]
fn schedules_warm_up_and_step_down() {
    let schedule = Schedule::cosine(1.0, 0.1, 10).unwrap();
    let late = schedule.clone().after_warm_up(4);
    let rising: Vec<f64> = (0..4).map(|step| late.rate(step)).collect();
    assert_eq!(rising, [0.25, 0.5, 0.75, 1.0]);
    assert!((0..20).all(|step| late.rate(step + 4) == schedule.rate(step)));
    let steps = Schedule::steps(1.0, 0.5, 3).unwrap();
    let rates: Vec<f64> = (0..7).map(|step| steps.rate(step)).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    assert_eq!(Schedule::constant(0.3).rate(12), 0.3);
    assert!(Schedule::cosine(1.0, 0.0, 0).is_err() && Schedule::steps(1.0, 0.5, 0).is_err());
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
