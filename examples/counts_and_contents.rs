//! Two small tables with three answers each: what meat consists of, from its spectrum, and how many flares a region of
//! sunspots will have, by a Poisson loss.
//!
//! One network for all three answers beside one for each. The floor is a linear model: a ridge regression for meat, a Poisson
//! regression for flares.
//!
//! `cargo run --release --example counts_and_contents`

mod common;

use common::table::{Table, numbers, ridge};
use common::{Outcome, rows, train};
use tress::nn::loss::{Loss, Poisson};
use tress::prelude::*;
use tress_cli::data::{Flares, Meats};
use tress_cli::systems::{Rows, Run, System, error};

/// What a network with outputs for the answers `of` says of the test rows; without a hidden layer it is a linear model.
fn network(
    table: &Table,
    of: std::ops::Range<usize>,
    (epochs, counts, is_linear): (u64, bool, bool),
    seed: u64,
) -> Outcome<Eager> {
    let (mut params, inputs) = (Params::new(seed), table.inputs[0].tensor()?);
    let (mut model, mut width) = (Sequential::new(), inputs.shape()[1]);
    if !is_linear {
        let hidden = Dense::new(&mut params.scope("hidden"), width, 16)?.activation(Map::Tanh);
        (model, width) = (model.then(hidden), 16);
    }
    let model = model.then(Dense::new(&mut params.scope("heads"), width, of.len())?);
    let known = table.answers[0].slice(1, of);
    // Contents are learned in units of their deviation, counts as they are.
    let (mean, scale) = (known.mean_keep(&[0]), known.variance(&[0], 0).sqrt());
    let target = if counts { known } else { (known - mean.clone()) / scale.clone() };
    train(&mut params, (inputs.shape()[0], epochs, 0.01, seed), |tape, bound, batch| {
        let output = model.apply(bound, &tape.var(rows(inputs, batch)?));
        let truth = tape.var(rows(target.tensor()?, batch)?);
        Ok(if counts { Poisson::new().loss(&output, &truth) } else { mse(&output, &truth) })
    })?;
    let output = model.apply(&params.eager(), &table.inputs[1]);
    Ok(if counts { output.exp() } else { output * scale + mean })
}

/// One network for each answer, and one for all, by an error of each answer.
fn networks(
    table: &Table,
    epochs: u64,
    counts: bool,
    seed: u64,
    error: impl Fn(&Eager) -> Outcome<Vec<f64>>,
) -> Outcome<Rows> {
    let alone = (0..3).map(|task| network(table, task..task + 1, (epochs, counts, false), seed));
    let alone = alone.collect::<Outcome<Vec<_>>>()?;
    let joint = network(table, 0..3, (epochs, counts, false), seed)?;
    Ok(vec![
        ("single tasks".into(), error(&alone[0].concat(1, &alone[1..]))?),
        ("joint".into(), error(&joint)?),
    ])
}

/// Root mean squared errors of water, fat and protein on the last 43 pieces, in percent of the meat.
fn meats(epochs: u64, seed: u64) -> Outcome<Rows> {
    let meats = Meats::built_in()?;
    let table = Table::new(&meats.spectra, meats.contents, |row| row >= 172)?;
    let error = |said: &Eager| numbers(&(said - &table.answers[1]).square().mean(&[0]).sqrt());
    let (mean, linear) = (table.answers[0].mean_keep(&[0]), ridge(&table)?);
    let mut found = vec![("mean".into(), error(&mean)?), ("linear".into(), error(&linear)?)];
    found.extend(networks(&table, epochs, false, seed, error)?);
    Ok(found)
}

/// Mean Poisson deviances of flares of three strengths on every fourth region.
fn flares(epochs: u64, seed: u64) -> Outcome<Rows> {
    let flares = Flares::built_in()?;
    let table = Table::new(&flares.features, flares.counts, |row| row % 4 == 3)?;
    let error = |said: &Eager| {
        let (rate, count) = (said.clone(), &table.answers[1]);
        // 2 (t ln (t / r) - t + r); t ln t is 0 for a count of 0.
        let known = count * count.maximum(count.constant(1.0)).ln();
        numbers(&(known - count * rate.ln() - count.clone() + rate).mean(&[0]).scale(2.0))
    };
    let (mean, linear) =
        (table.answers[0].mean_keep(&[0]), network(&table, 0..3, (epochs, true, true), seed)?);
    let mut found = vec![("mean".into(), error(&mean)?), ("linear".into(), error(&linear)?)];
    found.extend(networks(&table, epochs, true, seed, error)?);
    Ok(found)
}

/// The system, as `tress train --system counts_and_contents` runs it.
pub const SYSTEM: System = System {
    name: "counts_and_contents",
    title: "Contents and counts",
    data: "meats: root mean squared error; flares: Poisson deviance",
    columns: &[
        error("water", 2),
        error("fat", 2).headline(),
        error("protein", 2).headline(),
        error("C flares", 3).headline(),
        error("M flares", 3),
        error("X flares", 3),
    ],
    floor: "linear",
    alone: "single tasks",
    tress: "joint",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let mut rows = meats(run.pick(400, 200), run.seed)?;
    let others = flares(run.pick(30, 10), run.seed)?;
    rows.iter_mut().zip(others).for_each(|((_, row), (_, other))| row.extend(other));
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
