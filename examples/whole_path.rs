//! The whole path, on leaves: data in three parts, statistics of the training part alone, settings searched on the validation
//! part, for single tasks and for all together, and one look at the test part for each row.
//!
//! `tress tune` does the same, each trial a file. `cargo run --release --example whole_path`

mod common;

use common::answers::{accuracies, baselines, leaf_columns};
use common::{Outcome, mean, train};
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
    linear: "logistic",
    alone: "single tasks, searched setting",
    tress: "joint, searched setting",
    run,
};

/// The best of 18 settings for the tasks `of`, and its score: 18 for 5 epochs, 6 for 15, 2 to the end, each judged by the mean
/// accuracy on the validation part.
fn searched(run: &Run<'_>, [train, valid]: [&Dataset; 2], of: &[&str]) -> Outcome<(Setting, f64)> {
    let space = ["rate=0.0005..0.05:log", "width=32,64,128,256", "dropout=0..0.6"];
    let space = space.into_iter().try_fold(Space::new(), Space::with)?;
    let halving = Halving::new(run.pick(18, 4), run.pick(45, 12), 5, 3)?;
    let (mut running, mut best): (Vec<u64>, f64) = ((0..halving.rungs()[0].trials as u64).collect(), 0.0);
    for (i, rung) in halving.rungs().iter().enumerate() {
        let score = |&trial: &u64| -> Outcome<Option<f64>> {
            let model = learned(train, of, &space.draw(run.seed, trial), rung.epochs as u64, run.seed)?;
            Ok(Some(mean(&accuracies(&model, valid, of)?)).filter(|score| score.is_finite()))
        };
        let scores = running.iter().map(score).collect::<Outcome<Vec<_>>>()?;
        best = scores.iter().flatten().copied().fold(0.0, f64::max);
        running = halving.promoted(i, &scores).into_iter().map(|place| running[place]).collect();
    }
    Ok((space.draw(run.seed, *running.first().ok_or("every setting failed")?), best))
}

fn run(run: &Run<'_>) -> Outcome<Rows> {
    // Rows are picked from all columns at once, so that labels stay with their features; no row is in two parts.
    let data = leaf_columns()?;
    let parts = Split::stratified(data.labels_of("species")?, [0.6, 0.15, 0.25], 1)?.of(&data)?;
    let standard = Standard::fit(&parts.train, "features")?; // takes nothing but a training part
    let of = |part: &Dataset| standard.dataset(part, "features");
    let (train, valid, test) =
        (standard.dataset(&parts.train, "features")?, of(&parts.valid)?, of(&parts.test)?);
    let simple = baselines(&train, &test)?.into_iter().map(|(name, by_task)| (name, by_task, f64::NAN));
    let mut found: Vec<_> = simple.collect();
    // The same settings are tried for a network for each task, and for one for all. Each row of the table looks at the test
    // part once, with another seed than that of the search.
    for (title, tasks) in [("single tasks", 1), ("joint", CLASSES.len())] {
        let [mut by_usual, mut by_chosen, mut scores] = [const { Vec::new() }; 3];
        for of in CLASSES.chunks(tasks) {
            let (best, score) = searched(run, [&train, &valid], of)?;
            scores.push(score);
            for (found, setting) in [(&mut by_usual, &Setting::default()), (&mut by_chosen, &best)] {
                let model = learned(&train, of, setting, run.pick(45, 12), run.seed + 100)?;
                found.extend(accuracies(&model, &test, of)?);
            }
        }
        found.push((format!("{title}, usual setting"), by_usual, f64::NAN));
        found.push((format!("{title}, searched setting"), by_chosen, mean(&scores)));
    }
    let row = |(name, by_task, valid): (String, Vec<f64>, f64)| {
        (name, [&by_task[..], &[mean(&by_task), valid]].concat())
    };
    Ok(found.into_iter().map(row).collect())
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
