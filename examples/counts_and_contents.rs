//! Two small tables with three answers each: what meat consists of, from its spectrum, and how many flares a region of
//! sunspots will have, by a Poisson loss.
//!
//! One network for all three answers beside one for each. The floors are the mean of the training rows, and for meat a ridge
//! regression.
//!
//! `cargo run --release --example counts_and_contents`

mod common;

use common::table::Table;
use common::{Outcome, rows, train};
use tress::nn::loss::{Loss, Poisson};
use tress::prelude::*;
use tress_cli::data::{Flares, Meats};

/// A method and an error for each of the three answers.
pub(crate) type Row = (&'static str, Vec<f64>);

/// What a network with outputs for the answers `of` says of the test rows.
fn network(
    table: &Table,
    of: std::ops::Range<usize>,
    epochs: u64,
    counts: bool,
    seed: u64,
) -> Outcome<Eager> {
    let (mut params, inputs) = (Params::new(seed), table.inputs[0].tensor()?);
    let hidden = Dense::new(&mut params.scope("hidden"), inputs.shape()[1], 16)?.activation(Map::Tanh);
    let model = Sequential::new().then(hidden).then(Dense::new(&mut params.scope("heads"), 16, of.len())?);
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
) -> Outcome<[Row; 2]> {
    let alone = (0..3).map(|task| network(table, task..task + 1, epochs, counts, seed));
    let alone = alone.collect::<Outcome<Vec<_>>>()?;
    let joint = network(table, 0..3, epochs, counts, seed)?;
    Ok([("single tasks", error(&alone[0].concat(1, &alone[1..]))?), ("joint", error(&joint)?)])
}

/// `(x' x + ridge)^-1 x' y` on the test rows, in double precision.
fn ridge(table: &Table, ridge: f64) -> Outcome<Eager> {
    let double = |x: &Eager| -> Outcome<Eager<f64>> {
        let numbers: Vec<f64> = x.tensor()?.to_vec().into_iter().map(f64::from).collect();
        Ok(Eager::new(Tensor::new(x.shape(), &numbers)?))
    };
    let (x, y, width) = (double(&table.inputs[0])?, double(&table.answers[0])?, table.inputs[0].shape()[1]);
    let diagonal = Tensor::from_fn([width, width], |i| if i[0] == i[1] { ridge } else { 0.0 })?;
    let (mean, turned) = (y.mean_keep(&[0]), x.transpose(0, 1));
    let weights = (turned.matmul(&x) + x.lift(diagonal)).solve(turned.matmul(y - mean.clone()));
    let found = double(&table.inputs[1])?.matmul(weights) + mean;
    let numbers: Vec<f32> = found.tensor()?.to_vec().into_iter().map(|x| x as f32).collect();
    Ok(Eager::new(Tensor::new(found.shape(), &numbers)?))
}

fn numbers(x: &Eager) -> Outcome<Vec<f64>> {
    Ok(x.tensor()?.to_vec().into_iter().map(f64::from).collect())
}

/// Root mean squared errors of water, fat and protein on the last 43 pieces, in percent of the meat.
pub(crate) fn meats(epochs: u64, seed: u64) -> Outcome<Vec<Row>> {
    let meats = Meats::built_in()?;
    let table = Table::new(&meats.spectra, meats.contents, |row| row >= 172)?;
    let error = |said: &Eager| numbers(&(said - &table.answers[1]).square().mean(&[0]).sqrt());
    let mut found =
        vec![("mean", error(&table.answers[0].mean_keep(&[0]))?), ("ridge", error(&ridge(&table, 1e-3)?)?)];
    found.extend(networks(&table, epochs, false, seed, error)?);
    Ok(found)
}

/// Mean Poisson deviances of flares of three strengths on every fourth region.
pub(crate) fn flares(epochs: u64, seed: u64) -> Outcome<Vec<Row>> {
    let flares = Flares::built_in()?;
    let table = Table::new(&flares.features, flares.counts, |row| row % 4 == 3)?;
    let error = |said: &Eager| {
        let (rate, count) = (said.clone(), &table.answers[1]);
        // 2 (t ln (t / r) - t + r); t ln t is 0 for a count of 0.
        let known = count * count.maximum(count.constant(1.0)).ln();
        numbers(&(known - count * rate.ln() - count.clone() + rate).mean(&[0]).scale(2.0))
    };
    let mut found = vec![("mean", error(&table.answers[0].mean_keep(&[0]))?)];
    found.extend(networks(&table, epochs, true, seed, error)?);
    Ok(found)
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    for seed in 1..=3 {
        println!("seed {seed}: water, fat, protein (root mean squared error)");
        meats(400, seed)?.iter().for_each(|(name, errors)| println!("{name:<14}{errors:8.3?}"));
        println!("seed {seed}: C, M and X flares (mean deviance)");
        flares(30, seed)?.iter().for_each(|(name, errors)| println!("{name:<14}{errors:8.3?}"));
    }
    Ok(())
}
