//! Learning to learn sine waves: starts from which ten points of a new wave and a few steps are enough.
//!
//! The waves, the network and the inner rate are those of Finn et al. (ICML 2017, section 5.1).
//!
//! `cargo run --release --example meta_learning`

mod common;

use common::Outcome;
use common::episodes::{adapted, keep, learn};
use tress::mtl::meta::{InnerLoop, Maml, MetaSgd, Reptile, Sinusoids};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, error, number};

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
    columns: &[
        error("0 steps", 3),
        error("1 step", 3),
        error("5 steps", 3),
        error("10 steps", 3).headline(),
        error("in the end", 3).headline(),
        number("steps", 0),
        number("rate", 3),
    ],
    floor: "always 0",
    linear: "",
    alone: "trained on all waves",
    tress: "MAML",
    run,
};

/// Errors on new waves of which ten points are known, by method: after 0 to 10 steps of rate 0.01 (Meta-SGD: of the rates that it
/// has learnt), and in the end, with the rate and the number of steps, up to 1,000, that are best on twenty waves of training's kind.
/// A picture of the first ten steps is left in the folder.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (outer, tests) = run.pick(((1_500, 10), 100), ((600, 6), 30));
    let (training, new) = (Sinusoids::new(run.seed), Sinusoids::new(1_000)); // the same new waves for every seed
    let new = (0..tests).map(|i| new.episode(i, 10, 100)).collect::<Result<Vec<_>, _>>()?;
    let tuning = (0..20).map(|i| training.episode(1_000_000 + i, 10, 100)).collect::<Result<Vec<_>, _>>()?;
    let rates = [0.003, 0.01, 0.02];
    let loops = rates.map(|rate| InnerLoop::new(rate, 1)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let start = || -> Outcome<(Params, Task)> {
        let mut params = Params::new(run.seed);
        let task = network(&mut params)?;
        Ok((params, task))
    };
    let flat = new.iter().map(|wave| size(wave.query.targets())).sum::<f64>() / new.len() as f64;
    let mut rows = vec![("always 0".into(), [&[flat; 5][..], &[f64::NAN; 2]].concat())];
    let mut curves = vec![("always 0".to_owned(), vec![flat])];
    let mut row = |name: &str, own: &InnerLoop, loops: &[InnerLoop], task: &Task, params: &Params| {
        let most = (&[0, 1, 5, 10][..], run.pick(1_000, 40));
        let (mut row, steps, place, mut curve) = adapted((own, loops), task, params, [&tuning, &new], most)?;
        if loops.len() == 1 {
            row[2..4].fill(f64::NAN); // rates that were learnt for one step are not meant for more
            curve.truncate(2);
        }
        row.extend([steps as f64, if loops.len() > 1 { rates[place] } else { f64::NAN }]);
        rows.push((name.to_owned(), row));
        curves.push((name.to_owned(), curve));
        Outcome::Ok(())
    };
    let (maml, (params, task)) = (Maml::new(0.01, 1)?, start()?);
    row("random start", maml.inner(), &loops, &task, &params)?;
    let in_head: Vec<InnerLoop> = loops.iter().map(|inner| inner.clone().within("head")).collect();
    for (name, method, own, loops) in [
        ("trained on all waves", Maml::new(0.01, 0)?, maml.inner(), &loops), // no inner step: plain training
        ("MAML", maml.clone(), maml.inner(), &loops),
        ("first order", maml.clone().first_order(), maml.inner(), &loops),
        ("ANIL", maml.clone().within("head"), &in_head[1], &in_head),
    ] {
        let (mut params, task) = start()?;
        learn(&method, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
        row(name, own, loops, &task, &params)?;
    }
    let (reptile, (mut params, task)) = (Reptile::new(0.02, 8)?, start()?);
    learn(&reptile, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    row("Reptile", maml.inner(), &loops, &task, &params)?; // new waves at the rate of the others
    let (mut params, task) = start()?;
    let meta_sgd = MetaSgd::new(&mut params, 0.01, 1)?; // learns its rates for one step
    learn(&meta_sgd, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    row("Meta-SGD", meta_sgd.inner(), &[meta_sgd.inner().clone()], &task, &params)?;
    keep(run, &SYSTEM, "root mean squared error on new waves", curves)?;
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
