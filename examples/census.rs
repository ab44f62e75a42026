//! Census-Income as the paper of the multi-gate mixture of experts poses it: income above 50 000 dollars, and never married.
//!
//! A logistic regression, and beside it a network for each task, one shared bottom, MMoE and PLE, all of about the same size.
//! Area under the ROC curve on the test rows.
//!
//! `cargo run --release --example census`

mod common;

use common::table::{Kind, Table, regression};
use common::{Outcome, rows, train};
use tress::mtl::architecture::{HardSharing, Mmoe, Ple};
use tress::nn::loss::{BinaryCrossEntropy, Loss};
use tress::nn::metric::Ranking;
use tress::prelude::*;
use tress_cli::data::{Census, census::Group};
use tress_cli::systems::{Rows, Run, Size, System, area};

/// A dense layer with a rectifier, which is what experts and bottoms are made of.
fn dense(scope: &mut Scope<'_>, inputs: usize, outputs: usize) -> Result<Sequential, tress::nn::Error> {
    Ok(Sequential::new().then(Dense::new(scope, inputs, outputs)?.activation(Map::Relu)))
}

/// Trains `architecture`, whose features are `width` numbers, under a tower for each of the tasks `of`; the area of each.
fn areas(
    census: &Census,
    of: &[usize],
    (mut params, architecture, width): (Params, impl Architecture, usize),
    (epochs, seed): (u64, u64),
) -> Outcome<Vec<f64>> {
    let samples = census.train.shape()[0];
    let mut towers = Vec::new();
    for task in of {
        let mut scope = params.scope(&format!("tower{task}"));
        let output = Dense::new(&mut scope.scope("output"), 16, 1)?;
        towers.push(dense(&mut scope.scope("hidden"), width, 16)?.then(output));
    }
    train(&mut params, (samples, epochs, 0.001, seed), |tape, bound, batch| {
        let features = architecture.features(bound, &tape.var(rows(&census.train, batch)?));
        let mut sum = tape.var(Tensor::scalar(0.0));
        for ((tower, features), &task) in towers.iter().zip(features.tasks()).zip(of) {
            let truth = tape.var(rows(&census.train_truth[task], batch)?);
            sum = sum + BinaryCrossEntropy::new().loss(&tower.apply(bound, features), &truth);
        }
        Ok(sum)
    })?;
    let bound = params.eager();
    let features = architecture.features(&bound, &Eager::new(census.test.clone()));
    let towers = towers.iter().zip(features.tasks()).zip(of);
    towers.map(|((tower, features), &task)| area_of(census, task, &tower.apply(&bound, features))).collect()
}

/// The area under the ROC curve of a task's logits `[M, 1]` of the test rows.
fn area_of(census: &Census, task: usize, logits: &Eager) -> Outcome<f64> {
    let yes: Vec<bool> = census.test_truth[task].to_vec().iter().map(|&truth| truth > 0.5).collect();
    let mut ranking = Ranking::new();
    ranking.add(logits.tensor()?, &yes)?;
    Ok(ranking.area().unwrap_or(f64::NAN))
}

/// A logistic regression for each task, its ridge the best on a fifth of the training rows.
fn logistic(census: &Census) -> Outcome<Vec<f64>> {
    let inputs = [&census.train, &census.test].map(|of| Eager::new(of.clone()));
    let answers = [&census.train_truth, &census.test_truth].map(|of| {
        let [first, second] = of.each_ref().map(|truth| Eager::new(truth.clone()));
        first.concat(1, &[second])
    });
    let table = Table { inputs, answers };
    let logits = regression(&table, &table.folds()?[..1], Kind::YesOrNo)?;
    (0..2).map(|task| area_of(census, task, &logits.slice(1, task..task + 1))).collect()
}

/// The system, as `tress train --system census` runs it.
pub const SYSTEM: System = System {
    name: "census",
    title: "A large table of people",
    data: "Census-Income",
    columns: &[area("income, AUC").headline(), area("never married, AUC").headline()],
    floor: "a toss",
    linear: "logistic",
    alone: "single tasks",
    tress: "MMoE",
    run,
};

/// The areas of both tasks, by method.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let mut census = Census::built_in(Group::Income)?;
    if run.size == Size::Slice {
        census = census.first(2_000)?;
    }
    let (census, seed) = (&census, run.seed);
    let (inputs, run) = (census.train.shape()[1], (6, seed));
    let bottom = |width: usize, tasks: usize| -> Outcome<_> {
        let mut params = Params::new(seed);
        let bottom = dense(&mut params.scope("bottom"), inputs, width)?;
        Ok((params, HardSharing::new(bottom, tasks)?, width))
    };
    let mut mmoe = Params::new(seed);
    let experts = Mmoe::new(&mut mmoe.root(), 2, 4, inputs, |scope| dense(scope, inputs, 16))?;
    let mut ple = Params::new(seed);
    let levels = [inputs, 16];
    let layers = Ple::new(&mut ple.root(), 2, 1, 2, &levels, |scope, level| dense(scope, levels[level], 16))?;
    let mut single = areas(census, &[0], bottom(64, 1)?, run)?;
    single.extend(areas(census, &[1], bottom(64, 1)?, run)?);
    let same = Eager::new(Tensor::zeros([census.test.shape()[0], 1])?); // an answer to all
    Ok(vec![
        ("a toss".into(), vec![area_of(census, 0, &same)?, area_of(census, 1, &same)?]),
        ("logistic".into(), logistic(census)?),
        ("single tasks".into(), single),
        ("shared bottom".into(), areas(census, &[0, 1], bottom(64, 2)?, run)?),
        ("MMoE".into(), areas(census, &[0, 1], (mmoe, experts, 16), run)?),
        ("PLE".into(), areas(census, &[0, 1], (ple, layers, 16), run)?),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
