//! The whole path, on leaves: data in three parts, statistics of the training part alone, settings searched on the validation
//! part, and one look at the test part.
//!
//! `tress tune` does the same, each trial a file. `cargo run --release --example whole_path`

mod common;

use common::answers::{accuracies, leaf_columns};
use common::{Outcome, commonest, train};
use tress::nn::data::{Dataset, Split, Standard};
use tress::nn::search::{Halving, Setting, Space};
use tress::prelude::*;
use tress_cli::data::leaves::CLASSES;
use tress_cli::systems::{Rows, Run, System, percent};

/// One trunk and a dense head for each of the tasks `of`, by a setting.
fn learned(
    part: &Dataset,
    of: &[&str],
    setting: &Setting,
    epochs: u64,
    seed: u64,
) -> Outcome<(Params, Vec<Sequential>)> {
    let number = |name: &str, usual: f64| setting.number(name).unwrap_or(usual);
    let (mut params, width) = (Params::new(seed), number("width", 64.0) as usize);
    let inputs = part.tensor("features")?.shape()[1];
    let trunk = Sequential::new()
        .then(Dense::new(&mut params.scope("trunk"), inputs, width)?.activation(Map::Relu))
        .then(Dropout::new(&mut params.scope("dropout"), number("dropout", 0.0))?);
    let mut heads = Vec::new();
    for task in of {
        let head = Dense::new(&mut params.scope(task), width, part.labels_of(task)?.classes())?;
        heads.push(trunk.clone().then(head));
    }
    train(&mut params, (part.len(), epochs, number("rate", 0.003), seed), |tape, bound, batch| {
        let (batch, mut sum) = (part.rows(batch)?, tape.var(Tensor::scalar(0.0)));
        let x = tape.var(batch.tensor("features")?.clone());
        for (head, task) in heads.iter().zip(of) {
            sum = sum + cross_entropy(&head.apply(bound, &x), batch.labels_of(task)?);
        }
        Ok(sum)
    })?;
    Ok((params, heads))
}

/// The system, as `tress train --system whole_path` runs it.
pub const SYSTEM: System = System {
    name: "whole_path",
    title: "From data to one test",
    data: "leaves: 50 features",
    columns: &[
        percent("species").headline(),
        percent("apex"),
        percent("base"),
        percent("shape"),
        percent("mean").headline(),
        percent("validation"),
    ],
    floor: "commonest class",
    alone: "single tasks, usual setting",
    tress: "joint, searched setting",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    // Rows are picked from all columns at once, so that labels stay with their features; no row is in two parts.
    let data = leaf_columns()?;
    let parts = Split::stratified(data.labels_of("species")?, [0.6, 0.15, 0.25], 1)?.of(&data)?;
    let standard = Standard::fit(&parts.train, "features")?; // takes nothing but a training part
    let train = standard.dataset(&parts.train, "features")?;
    let (valid, test) =
        (standard.dataset(&parts.valid, "features")?, standard.dataset(&parts.test, "features")?);

    // Nine settings for a few epochs, three for more, one to the end: each judged on the validation part.
    let space =
        Space::new().with("rate=0.0005..0.05:log")?.with("width=32,64,128,256")?.with("dropout=0..0.6")?;
    let mean = |found: &[f64]| found.iter().sum::<f64>() / found.len() as f64;
    let halving = Halving::new(run.pick(18, 4), run.pick(45, 12), 5, 3)?;
    let mut running: Vec<u64> = (0..halving.rungs()[0].trials as u64).collect();
    let mut best = 0.0;
    for (i, rung) in halving.rungs().iter().enumerate() {
        let score = |&trial: &u64| -> Outcome<Option<f64>> {
            let model =
                learned(&train, &CLASSES, &space.draw(run.seed, trial), rung.epochs as u64, run.seed)?;
            Ok(Some(mean(&accuracies(&model, &valid, &CLASSES)?)).filter(|score| score.is_finite()))
        };
        let scores = running.iter().map(score).collect::<Outcome<Vec<_>>>()?;
        best = scores.iter().flatten().copied().fold(0.0, f64::max);
        running = halving.promoted(i, &scores).into_iter().map(|place| running[place]).collect();
    }
    let chosen = space.draw(run.seed, *running.first().ok_or("every setting failed")?);

    // The test part is looked at once by each row of the table, with another seed than that of the search.
    let (seed, epochs) = (run.seed + 100, halving.rungs().last().map_or(1, |rung| rung.epochs as u64));
    let mut rows = Rows::new();
    let mut row = |name: &str, found: Vec<f64>, valid: f64| {
        let mean = mean(&found);
        rows.push((name.into(), found.into_iter().chain([mean, valid]).collect()));
    };
    let floor =
        |task: &&str| Ok(commonest(train.labels_of(task)?.as_slice(), test.labels_of(task)?.as_slice()));
    row("commonest class", CLASSES.iter().map(floor).collect::<Outcome<_>>()?, f64::NAN);
    let alone = |task: &str| {
        accuracies(&learned(&train, &[task], &Setting::default(), epochs, seed)?, &test, &[task])
    };
    let alone = CLASSES.iter().map(|task| alone(task)).collect::<Outcome<Vec<_>>>()?;
    row("single tasks, usual setting", alone.concat(), f64::NAN);
    for (name, setting) in
        [("joint, usual setting", &Setting::default()), ("joint, searched setting", &chosen)]
    {
        let model = learned(&train, &CLASSES, setting, epochs, seed)?;
        row(name, accuracies(&model, &test, &CLASSES)?, if *setting == chosen { best } else { f64::NAN });
    }
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
