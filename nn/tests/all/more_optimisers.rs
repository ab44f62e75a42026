//! Groups, L-BFGS, averages and adaptive clipping against PyTorch (adaptive clipping: numpy); and that every state comes
//! back bit for bit.

use crate::fixture::{Fixture, assert_near};
use crate::optimisers::{five, twenty_steps};
use tress_autograd::{Arrange, Pointwise, Reduce, Tape};
use tress_nn::optim::{Accumulator, Adagrad, Average, Lbfgs, Lion, RmsProp, Rules, State, clip};
use tress_nn::{Adam, Dense, Error, Gradient, Init, Optimiser, Params, Random, Sgd};
use tress_tensor::Tensor;

#[test]
fn groups_have_rates_and_decays_of_their_own() {
    let all = Fixture::read("more_optimisers");
    let adamw = Adam::decoupled(0.05, 0.1).rules(Rules::new().rate("a", 0.1).without_decay("a"));
    let sgd = Sgd::new(0.1).momentum(0.9).rules(Rules::new().decay("?", 7.0).decay("b", 0.0).decay("a", 0.5));
    let runs: [(&str, Box<dyn Optimiser<f64>>); 2] = [("adamw", Box::new(adamw)), ("sgd", Box::new(sgd))];
    for (name, mut optimiser) in runs {
        twenty_steps(&all, &mut *optimiser, &format!("groups.{name}"), 1e-13);
    }
}

#[test]
fn rules_freeze_and_thaw_and_name_what_they_do_not_find() {
    let mut params = five(&Tensor::vector(&[0.0f64; 5]));
    let ones = Tensor::full([5], 1.0).unwrap();
    let mut sgd = Sgd::new(1.0).rules(Rules::new().freeze("*").train("b"));
    sgd.step(&mut params, &ones).unwrap();
    assert_eq!(params.block().to_vec(), [0.0, 0.0, 0.0, -1.0, -1.0]);
    for rules in
        [Rules::new().freeze("bb"), Rules::new().rate("*.b", 0.5), Rules::new().without_decay(".bias")]
    {
        let error = Sgd::new(1.0).rules(rules).step(&mut params, &ones).unwrap_err();
        assert!(matches!(error, Error::Unknown { .. }), "{error}");
    }
    for rules in [Rules::new().rate("a", -1.0), Rules::new().decay("a", f64::NAN)] {
        assert!(matches!(Sgd::new(1.0).rules(rules).step(&mut params, &ones), Err(Error::Setting { .. })));
    }
    assert_eq!(params.block().to_vec(), [0.0, 0.0, 0.0, -1.0, -1.0], "nothing is changed");
}

fn rosenbrock(params: &Params<f64>) -> Result<(f64, Tensor<f64>), Error> {
    let tape = Tape::new();
    let bound = params.on(&tape);
    let x = *bound.values().next().unwrap();
    let n = params.len();
    let (head, tail) = (x.slice(0, 0..n - 1), x.slice(0, 1..n));
    let loss = ((tail - head.square()).square().scale(100.0) + head.offset(-1.0).square()).sum_all();
    Ok(loss.value_and_gradient(&bound)?)
}

#[test]
fn twenty_steps_of_lbfgs_are_those_of_pytorch() {
    let all = Fixture::read("more_optimisers");
    // In the bent valley a difference of rounding grows from iteration to iteration; the second run takes four times as many.
    for (name, tolerance) in [("lbfgs", 1e-10), ("lbfgs_many", 1e-7)] {
        let part = |part: &str| all.tensor::<f64>(&format!("{name}.{part}"));
        let (start, options) = (part("start"), part("options").to_vec());
        let mut params = Params::new(0);
        params.root().parameter("x", [start.len()], Init::Zeros).unwrap();
        params.set_block(&start).unwrap();
        let mut optimiser =
            Lbfgs::new().length(options[0]).iterations(options[1] as u32).history(options[2] as usize);
        for step in 0..20 {
            let loss = optimiser.step(&mut params, rosenbrock).unwrap();
            let what = format!("{name}, step {step}");
            assert_near(&what, &params.block(), &part("path").at(0, step).unwrap(), tolerance);
            assert!(
                (loss - part("losses").to_vec()[step]).abs() < tolerance * loss.max(1.0),
                "{what}: {loss}"
            );
            assert_eq!(optimiser.evaluations(), part("evaluations").to_vec()[step] as u64, "{what}");
        }
    }
}

#[test]
fn lbfgs_holds_what_is_frozen_and_gives_errors_back() {
    let start = || {
        let mut params = Params::<f64>::new(0);
        params.root().parameter("x", [2], Init::Constant(3.0)).unwrap();
        params.root().parameter("fixed", [1], Init::Constant(2.0)).unwrap();
        params.root().state("mean", [1], Init::Constant(5.0)).unwrap();
        params
    };
    // (x0 - 1)^2 + (x1 - fixed)^2, whose minimum with fixed = 2 is at 1, 2.
    let bowl = |params: &Params<f64>| {
        let p = params.block().to_vec();
        let gradient = Tensor::vector(&[2.0 * (p[0] - 1.0), 2.0 * (p[1] - p[2]), -2.0 * (p[1] - p[2]), 0.0]);
        Ok::<_, Error>(((p[0] - 1.0).powi(2) + (p[1] - p[2]).powi(2), gradient))
    };
    let mut params = start();
    let mut optimiser = Lbfgs::new().freeze("fixed");
    optimiser.step(&mut params, bowl).unwrap();
    let found = params.block().to_vec();
    assert!((found[0] - 1.0).abs() + (found[1] - 2.0).abs() < 1e-6, "{found:?}");
    assert_eq!(found[2..], [2.0, 5.0]);

    // The second evaluation fails: the parameters are as they were.
    let (mut params, mut calls) = (start(), 0);
    let failing = |params: &Params<f64>| {
        calls += 1;
        if calls == 2 { Err(Error::NotFinite { what: "a test" }) } else { bowl(params) }
    };
    assert_eq!(Lbfgs::new().step(&mut params, failing), Err(Error::NotFinite { what: "a test" }));
    assert_eq!(params.block(), start().block());
    let nan = |_: &Params<f64>| Ok::<_, Error>((f64::NAN, Tensor::zeros([4]).unwrap()));
    assert!(matches!(Lbfgs::new().step(&mut params, nan), Err(Error::NotFinite { .. })));

    // A cliff of NaN behind the minimum: the search turns back.
    let cliff = |params: &Params<f64>| {
        let (loss, gradient) = bowl(params)?;
        let beyond = params.block().to_vec()[0] < 0.5;
        Ok::<_, Error>((if beyond { f64::NAN } else { loss }, gradient))
    };
    let mut params = start();
    let mut bold = Lbfgs::new().length(40.0);
    let loss = bold.step(&mut params, cliff).unwrap();
    assert!(loss < 1e-8, "{loss}");

    // Behind it the loss is lower than anywhere else, but its gradient is NaN, of all or of one of the parameters.
    for wild in [0..4, 1..2] {
        let pit = |params: &Params<f64>| {
            let (loss, mut gradient) = bowl(params)?;
            let beyond = params.block().to_vec()[0] < 0.5;
            if beyond {
                gradient.make_mut()[wild.clone()].fill(f64::NAN);
            }
            Ok::<_, Error>((if beyond { -100.0 } else { loss }, gradient))
        };
        let mut params = start();
        let loss = Lbfgs::new().length(40.0).step(&mut params, pit).unwrap();
        assert!((0.0..1e-8).contains(&loss) && (params.block().to_vec()[0] - 1.0).abs() < 1e-4, "{loss}");
    }
}

/// An optimiser, and what its steps are.
fn state_of_each() -> Vec<Box<dyn Optimiser<f32>>> {
    let rules = || Rules::new().rate("a", 0.5).decay("b", 0.1);
    vec![
        Box::new(Sgd::new(0.1).momentum(0.9).dampening(0.5).rules(rules())),
        Box::new(Sgd::new(0.1)),
        Box::new(Adam::new(0.1).rules(rules())),
        Box::new(RmsProp::new(0.1).centred().momentum(0.5)),
        Box::new(RmsProp::new(0.1)),
        Box::new(Adagrad::new(0.1).slowing(0.1).start(0.1)),
        Box::new(Lion::new(0.1).decay(0.1)),
    ]
}

#[test]
fn restored_states_go_on_bit_for_bit() {
    let gradient = |step: usize| Tensor::from_fn([5], |i| ((i[0] + step) as f32).sin()).unwrap();
    let start = || five(&Tensor::vector(&[0.3f32, -1.0, 2.0, 0.7, 0.1]));
    for (i, (mut whole, mut fresh)) in state_of_each().into_iter().zip(state_of_each()).enumerate() {
        let mut params = start();
        let mut middle = None;
        for step in 0..8 {
            if step == 4 {
                middle = Some((params.block().to_vec(), whole.state()));
            }
            whole.set_rate(0.1 / (step + 1) as f64);
            whole.step(&mut params, &gradient(step)).unwrap();
        }
        let (block, state) = middle.unwrap();
        let mut parts = start();
        parts.set_block(&Tensor::vector(&block)).unwrap();
        fresh.restore(&state, &parts).unwrap();
        assert_eq!(fresh.state(), state);
        for step in 4..8 {
            fresh.set_rate(0.1 / (step + 1) as f64);
            fresh.step(&mut parts, &gradient(step)).unwrap();
        }
        assert_eq!(params.block(), parts.block(), "optimiser {i}");
        assert_eq!(whole.state(), fresh.state(), "optimiser {i}");
        assert_eq!(fresh.rate(), 0.1 / 8.0);

        assert!(fresh.restore(&State::new("something else"), &parts).is_err());
        let mut more = start();
        Dense::new(&mut more.scope("more"), 1, 1).unwrap();
        if state.blocks().any(|(_, block)| block.len() > 0) {
            assert!(matches!(fresh.restore(&state, &more), Err(Error::Block { .. })), "optimiser {i}");
        }
        assert_eq!(whole.state(), fresh.state(), "nothing is changed by what fails");
    }
}

#[test]
fn a_restored_lbfgs_goes_on_bit_for_bit() {
    let start = || {
        let mut params = Params::<f64>::new(0);
        params.root().parameter("x", [4], Init::Constant(-0.7)).unwrap();
        params
    };
    let (mut params, mut whole) = (start(), Lbfgs::new().iterations(2).history(3));
    for _ in 0..4 {
        whole.step(&mut params, rosenbrock).unwrap();
    }
    let (mut parts, mut second) = (start(), Lbfgs::new().iterations(2).history(3));
    parts.set_block(&params.block()).unwrap();
    second.restore(&whole.state(), &parts).unwrap();
    for _ in 0..4 {
        assert_eq!(whole.step(&mut params, rosenbrock), second.step(&mut parts, rosenbrock));
    }
    assert_eq!(params.block(), parts.block());
    let lying = State::<f64>::new("lbfgs").with_count("steps", 1).with_count("evaluations", 1);
    let lying = lying.with_number("rate", 1.0).with_count("pairs", u64::MAX);
    let lying = lying.with_block("gradient", Tensor::zeros([4]).unwrap());
    assert!(second.restore(&lying, &parts).is_err());
}

#[test]
fn averages_are_those_of_pytorch() {
    let all = Fixture::read("more_optimisers");
    let path = all.tensor::<f64>("average.path");
    for (name, mut average) in [("ema", Average::exponential(0.9).unwrap()), ("swa", Average::equal())] {
        let mut params = Params::<f64>::new(0);
        params.root().parameter("p", [3], Init::Zeros).unwrap();
        params.root().state("mean", [1], Init::Zeros).unwrap();
        assert!(average.swap(&mut params).is_err(), "nothing to swap with yet");
        for row in 0..6 {
            let mut numbers = path.at(0, row).unwrap().to_vec();
            numbers.push(row as f64);
            params.set_block(&Tensor::vector(&numbers)).unwrap();
            average.update(&params).unwrap();
            let found = average.block().unwrap();
            let expected = all.tensor::<f64>(&format!("average.{name}")).at(0, row).unwrap();
            assert_near(name, &found.slice(0, 0, 3, 1).unwrap(), &expected, 1e-14);
            assert_eq!(found[[3]], row as f64, "state is the latest");
            let mut restored = Average::equal();
            restored.restore(&average.state(), &params).unwrap();
            assert_eq!(restored.state(), average.state());
        }
        let (last, mean) = (params.block(), average.block().unwrap().clone());
        average.swap(&mut params).unwrap();
        assert_eq!((&params.block(), average.block().unwrap()), (&mean, &last));
        assert!(average.update(&params).is_err(), "the average is no step of the training");
        average.swap(&mut params).unwrap();
        assert_eq!(params.block(), last);
        average.update(&params).unwrap();
    }
    assert!(Average::<f32>::exponential(1.0).is_err());
}

#[test]
fn adaptive_clipping_follows_its_equation() {
    let all = Fixture::read("more_optimisers");
    for name in ["agc_vector", "agc_matrix", "agc_kernel"] {
        let part = |part: &str| all.tensor::<f64>(&format!("{name}.{part}"));
        let mut params = Params::<f64>::new(0);
        params.root().parameter("w", *part("w").shape(), Init::Zeros).unwrap();
        params.set("w", &part("w")).unwrap();
        let mut gradient = Tensor::vector(&part("g").to_vec());
        clip::adaptive(&mut gradient, &params, all.number(&format!("{name}.ratio"))).unwrap();
        let expected = Tensor::vector(&part("clipped").to_vec());
        assert_near(name, &gradient, &expected, 1e-14);
        assert_ne!(gradient.to_vec(), part("g").to_vec(), "something is clipped");
        let mut spoilt = Tensor::full([params.len()], f64::NAN).unwrap();
        assert!(clip::adaptive(&mut spoilt, &params, 0.1).is_err());
        assert!(clip::adaptive(&mut gradient, &params, 0.0).is_err());
    }
}

#[test]
fn accumulated_batches_are_one_batch() {
    let mut random = Random::new(5);
    let rows: Vec<Vec<f64>> = (0..7).map(|_| (0..4).map(|_| random.normal()).collect()).collect();
    let mean = |rows: &[Vec<f64>]| {
        Tensor::from_fn([4], |i| rows.iter().map(|row| row[i[0]]).sum::<f64>() / rows.len() as f64).unwrap()
    };
    let mut sum = Accumulator::new();
    for part in [&rows[..3], &rows[3..6], &rows[6..]] {
        sum.add(&mean(part), part.len() as f64).unwrap();
    }
    assert_eq!(sum.batches(), 3);
    assert_near("mean", &sum.take().unwrap(), &mean(&rows), 1e-14);
    assert!(sum.take().is_err() && sum.is_empty());
    sum.add(&mean(&rows), 1.0).unwrap();
    assert!(sum.add(&Tensor::zeros([3]).unwrap(), 1.0).is_err() && sum.add(&mean(&rows), 0.0).is_err());
    assert_eq!(sum.take().unwrap(), mean(&rows));
}

#[test]
fn settings_that_make_no_sense_change_nothing() {
    let ones = Tensor::full([5], 1.0f32).unwrap();
    let start = Tensor::vector(&[1.0f32; 5]);
    let wrong: Vec<Box<dyn Optimiser<f32>>> = vec![
        Box::new(Sgd::new(0.1).momentum(0.9).dampening(0.1).nesterov()),
        Box::new(RmsProp::new(0.1).smoothing(1.0)),
        Box::new(RmsProp::new(f64::NAN)),
        Box::new(Adagrad::new(0.1).start(-1.0)),
        Box::new(Lion::new(0.1).betas(0.9, 1.0)),
        Box::new(Lion::new(-0.1)),
    ];
    for (i, mut optimiser) in wrong.into_iter().enumerate() {
        let mut params = five(&start);
        assert!(matches!(optimiser.step(&mut params, &ones), Err(Error::Setting { .. })), "{i}");
        assert_eq!(params.block(), start);
    }
}
