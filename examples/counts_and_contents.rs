//! Two small tables with three answers each: what meat consists of, from its spectrum, and how many flares a region of
//! sunspots will have, by a Poisson loss.
//!
//! One network for all three answers beside one for each; what each is given, how long it learns and its weight decay are the
//! best on five folds of its training rows. Linear are a ridge regression for meat and a Poisson regression for flares.
//!
//! `cargo run --release --example counts_and_contents`

mod common;

use common::table::{Kind, Table, deviances, numbers, regression, ridge};
use common::{Outcome, best_of, rows, train_by};
use tress::nn::loss::{Loss, Poisson};
use tress::nn::optim::Rules;
use tress::prelude::*;
use tress_cli::data::{Flares, Meats};
use tress_cli::systems::{Rows, Run, System, error};

/// How many principal components a network is given (0 for the inputs as they are), its epochs, and its weight decay.
type Setting = (usize, u64, f64);

/// What a network with an output for each answer says of the test rows. Beside its hidden layer it has a linear path.
fn network(table: &Table, counts: bool, (components, epochs, decay): Setting, seed: u64) -> Outcome<Eager> {
    let table = if components > 0 { table.components(components)? } else { table.clone() };
    let (mut params, inputs, known) = (Params::new(seed), table.inputs[0].tensor()?, &table.answers[0]);
    let (width, outputs) = (inputs.shape()[1], known.shape()[1]);
    let hidden = Dense::new(&mut params.scope("hidden"), width, 16)?.activation(Map::Tanh);
    let head = Dense::new(&mut params.scope("head"), 16, outputs)?;
    let path = Dense::new(&mut params.scope("path"), width, outputs)?;
    // Contents are learned in units of their deviation, counts as factors of their mean.
    let (mean, scale) = (known.mean_keep(&[0]), known.variance(&[0], 0).sqrt());
    let target = if counts { known / mean.clone() } else { (known - mean.clone()) / scale.clone() };
    let adam = Adam::decoupled(0.01, decay).rules(Rules::new().without_decay("*.bias"));
    train_by(adam, &mut params, (inputs.shape()[0], epochs, 0.01, seed), |tape, bound, batch| {
        let x = tape.var(rows(inputs, batch)?);
        let output = head.apply(bound, &hidden.apply(bound, &x)) + path.apply(bound, &x);
        let truth = tape.var(rows(target.tensor()?, batch)?);
        Ok(if counts { Poisson::new().loss(&output, &truth) } else { mse(&output, &truth) })
    })?;
    let (bound, x) = (params.eager(), &table.inputs[1]);
    let output = head.apply(&bound, &hidden.apply(&bound, x)) + path.apply(&bound, x);
    Ok(if counts { output.exp() * mean } else { output * scale + mean })
}

/// The errors of one network for each answer, and of one for all; each with the setting that is best on five folds.
fn networks(
    table: &Table,
    counts: bool,
    settings: &[Setting],
    seed: u64,
    miss: impl Fn(&Eager, &Eager) -> Outcome<Vec<f64>>,
) -> Outcome<Rows> {
    let tried = |table: &Table| -> Outcome<Vec<f64>> {
        let folds = if settings.len() > 1 { table.folds()? } else { Vec::new() };
        let score = |setting| {
            let missed =
                folds.iter().map(|fold| miss(&network(fold, counts, setting, seed)?, &fold.answers[1]));
            Ok(-missed.collect::<Outcome<Vec<_>>>()?.concat().iter().sum::<f64>())
        };
        miss(&network(table, counts, best_of(settings, score)?, seed)?, &table.answers[1])
    };
    let alone = (0..3).map(|answer| tried(&table.only(answer))).collect::<Outcome<Vec<_>>>()?.concat();
    Ok(vec![("single tasks".into(), alone), ("joint".into(), tried(table)?)])
}

/// Root mean squared errors of water, fat and protein on the last 43 pieces, in percent of the meat.
fn meats(run: &Run<'_>) -> Outcome<Rows> {
    let meats = Meats::built_in()?;
    let table = Table::new(&meats.spectra, meats.contents, |row| row >= 172)?;
    let miss = |said: &Eager, truth: &Eager| numbers(&(said - truth).square().mean(&[0]).sqrt());
    let error = |said: &Eager| miss(said, &table.answers[1]);
    let (mean, linear) = (table.answers[0].mean_keep(&[0]), ridge(&table)?);
    let mut found = vec![("mean".into(), error(&mean)?), ("linear".into(), error(&linear)?)];
    let whole = [0, 12, 20].map(|components| [0.01, 0.1, 0.3].map(|decay| (components, 400, decay))).concat();
    found.extend(networks(&table, false, &run.pick(whole, vec![(20, 400, 0.01)]), run.seed, miss)?);
    Ok(found)
}

/// Mean Poisson deviances of flares of three strengths on every fourth region.
fn flares(run: &Run<'_>) -> Outcome<Rows> {
    let flares = Flares::built_in()?;
    let table = Table::new(&flares.features, flares.counts, |row| row % 4 == 3)?;
    let (error, mean) = (|said: &Eager| deviances(said, &table.answers[1]), table.answers[0].mean_keep(&[0]));
    let linear = regression(&table, &table.folds()?, Kind::Counts)?.exp();
    let mut found = vec![("mean".into(), error(&mean)?), ("linear".into(), error(&linear)?)];
    let whole = [3, 10, 30].map(|epochs| [0.1, 0.3, 1.0].map(|decay| (0, epochs, decay))).concat();
    found.extend(networks(&table, true, &run.pick(whole, vec![(0, 10, 0.3)]), run.seed, deviances)?);
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
    floor: "mean",
    linear: "linear",
    alone: "single tasks",
    tress: "joint",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let mut rows = meats(run)?;
    rows.iter_mut().zip(flares(run)?).for_each(|((_, row), (_, other))| row.extend(other));
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
