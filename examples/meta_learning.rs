//! Learning to learn sine waves: starts from which ten points of a new wave and a few steps are enough.
//!
//! The waves, the network and the inner rate are those of Finn et al. (ICML 2017, section 5.1).
//!
//! `cargo run --release --example meta_learning`

mod common;

use common::Outcome;
use common::episodes::{curve, learn};
use tress::mtl::meta::{Maml, MetaSgd, Reptile, Sinusoids};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, error};

/// Two hidden layers of 40.
fn network(params: &mut Params) -> Outcome<Task> {
    let model = Sequential::new()
        .then(Dense::new(&mut params.scope("first"), 1, 40)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("second"), 40, 40)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("head"), 40, 1)?);
    Ok(Task::new("wave", Objective::Numbers(1), model))
}

/// The system, as `tress train --system meta_learning` runs it.
pub const SYSTEM: System = System {
    name: "meta_learning",
    title: "Learning to learn sine waves",
    data: "ten points of each wave; root mean squared error",
    columns: &[error("0 steps", 3), error("1 step", 3), error("5 steps", 3), error("10 steps", 3).headline()],
    floor: "always 0",
    alone: "random start",
    tress: "MAML",
    run,
};

/// Errors on new waves of which ten points are known, by method and number of inner steps.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (outer, tests) = run.pick(((1_500, 10), 100), ((600, 6), 30));
    let (training, new) = (Sinusoids::new(run.seed), Sinusoids::new(1_000)); // the same new waves for every seed
    let new = (0..tests).map(|i| new.episode(i, 10, 100)).collect::<Result<Vec<_>, _>>()?;
    let maml = Maml::new(0.01, 1)?;
    let start = || -> Outcome<(Params, Task)> {
        let mut params = Params::new(run.seed);
        let task = network(&mut params)?;
        Ok((params, task))
    };
    let mut rows = Rows::new();
    let mut row = |name: &str, curve: Vec<f64>| {
        let at = |step: usize| curve.get(step).copied().unwrap_or(f64::NAN);
        rows.push((name.into(), [0, 1, 5, 10].map(at).to_vec()));
    };
    let flat = new.iter().map(|wave| size(wave.query.targets())).sum::<f64>() / new.len() as f64;
    row("always 0", vec![flat; 11]);
    let (params, task) = start()?;
    row("random start", curve(maml.inner(), &task, &params, &new, 10)?);
    for (name, method) in [
        ("MAML", maml.clone()),
        ("first order", maml.clone().first_order()),
        ("ANIL", maml.clone().within("head")),
    ] {
        let (mut params, task) = start()?;
        learn(&method, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
        row(name, curve(method.inner(), &task, &params, &new, 10)?);
    }
    let (mut params, task) = start()?;
    let reptile = Reptile::new(0.02, 8)?;
    learn(&reptile, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    row("Reptile", curve(maml.inner(), &task, &params, &new, 10)?); // new waves at the rate of the others
    // Meta-SGD learns its rates for one step.
    let (mut params, task) = start()?;
    let meta_sgd = MetaSgd::new(&mut params, 0.01, 1)?;
    learn(&meta_sgd, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    row("Meta-SGD", curve(meta_sgd.inner(), &task, &params, &new, 1)?);
    Ok(rows)
}

/// The root of the mean square of the answers: the error of one who always says 0.
fn size(targets: &Targets) -> f64 {
    match targets {
        Targets::Numbers(wave) => {
            let wave = wave.to_vec();
            (wave.iter().map(|&y| f64::from(y).powi(2)).sum::<f64>() / wave.len() as f64).sqrt()
        }
        Targets::Classes(_) => f64::NAN,
    }
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
