//! Several answers at once: heads of their own, one class for each combination, sets of combinations, and a chain.
//!
//! Leaves have an apex, a base and a shape that go together; the two digits of a MultiMNIST picture do not. Accuracy of each
//! task, and the share of samples with all answers right. `cargo run --release --example merged_tasks`

mod common;

use common::answers::{Data, digits, leaves, trunk, unmerged};
use common::{Outcome, labels, rows, train};
use tress::mtl::merge::{Chain, Powerset, RandomSets, Rare};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, number, percent};

/// A head for the merged classes of each set of tasks; the answers to each task.
fn heads(data: &Data, sets: &RandomSets, epochs: u64, seed: u64) -> Outcome<Vec<Vec<u32>>> {
    let (mut params, inputs) = (Params::new(seed), &data.inputs);
    let (trunk, mut tasks, mut truth) = (trunk(&mut params, &inputs[0])?, Vec::new(), Vec::new());
    for (i, (set, merged)) in sets.sets().iter().zip(sets.merged()).enumerate() {
        let (mut scope, classes) = (params.scope(&format!("head{i}")), merged.classes());
        tasks.push(Task::new("merged", Objective::Classes(classes), Dense::new(&mut scope, 50, classes)?));
        truth.push(merged.labels(&set.iter().map(|&task| &data.answers[0][task][..]).collect::<Vec<_>>())?);
    }
    train(&mut params, (inputs[0].shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
        let features = trunk.apply(bound, &tape.var(rows(&inputs[0], batch)?));
        let mut sum = tape.var(Tensor::scalar(0.0));
        for (task, truth) in tasks.iter().zip(&truth) {
            // Samples with a rare combination have no label, and a batch may have no other.
            let loss = truth.of(batch)?.loss(task, &task.head().apply(bound, &features))?;
            sum = loss.map_or(sum, |loss| sum + loss);
        }
        Ok(sum)
    })?;
    let (bound, features) = (params.eager(), trunk.apply(&params.eager(), &Eager::new(inputs[1].clone())));
    let said = |task: &Task<Dense>| task.head().apply(&bound, &features).softmax().tensor().cloned();
    let said = tasks.iter().map(said).collect::<Result<Vec<Tensor>, _>>()?;
    unmerged(sets, &said)
}

/// A chain in the order of the tasks, and the likeliest combination.
fn chain(data: &Data, epochs: u64, seed: u64) -> Outcome<Vec<Vec<u32>>> {
    let (mut params, inputs, tasks) = (Params::new(seed), &data.inputs, data.sizes.len());
    let trunk = trunk(&mut params, &inputs[0])?;
    let chain = Chain::new(&data.sizes, &(0..tasks).collect::<Vec<_>>(), |task, told, classes| {
        Ok(Dense::new(&mut params.scope(&format!("head{task}")), 50 + told, classes)?)
    })?;
    train(&mut params, (inputs[0].shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
        let features = trunk.apply(bound, &tape.var(rows(&inputs[0], batch)?));
        let of = |(all, &size): (&Vec<u32>, &usize)| labels(all, batch, size);
        let truth = data.answers[0].iter().zip(&data.sizes).map(of).collect::<Outcome<Vec<_>>>()?;
        let logits = chain.logits(bound, &features, &truth)?;
        let losses = logits.iter().zip(&truth).map(|(logits, truth)| cross_entropy(logits, truth));
        Ok(losses.reduce(|a, b| a + b).ok_or("a chain has heads")?)
    })?;
    let features = trunk.apply(&params.eager(), &Eager::new(inputs[1].clone()));
    let found = chain.predict(&params.eager(), features.tensor()?, 100)?;
    Ok((0..tasks).map(|task| found.iter().map(|row| row[task]).collect()).collect())
}

/// The system, as `tress train --system merged_tasks` runs it.
pub const SYSTEM: System = System {
    name: "merged_tasks",
    title: "Tasks merged into one",
    data: "leaves; MultiMNIST",
    columns: &[
        percent("apex"),
        percent("base"),
        percent("shape"),
        percent("all three").headline(),
        number("classes", 0),
        percent("left"),
        percent("right"),
        percent("both").headline(),
        number("classes", 0),
    ],
    floor: "commonest answers",
    linear: "logistic",
    alone: "single tasks",
    tress: "label powerset",
    run,
};

/// The accuracy of each task and of all at once, by method.
fn compare(data: &Data, epochs: u64, seed: u64) -> Outcome<Rows> {
    let (tasks, nan) = (data.sizes.len(), f64::NAN);
    let whole = data.sets(tasks, 3, Rare::Drop)?;
    // Combinations rarer than they are in the mean get no class; their samples have no label then, or the nearest one.
    let least = data.answers[0][0].len() / whole.merged()[0].classes();
    let mut rows = vec![("commonest answers".into(), [data.floors(), vec![nan]].concat())];
    let mut row = |name: &str, said: &[Vec<u32>], classes: f64| {
        rows.push((name.into(), [data.scores(said), vec![classes]].concat()));
    };
    row("logistic", &data.linear(|_, _| true)?, nan);
    let alone = |task| heads(&data.only(task), &data.only(task).sets(1, 3, Rare::Drop)?, epochs, seed);
    row("single tasks", &(0..tasks).map(alone).collect::<Outcome<Vec<_>>>()?.concat(), nan);
    for (name, sets) in [
        ("a head a task", data.sets(1, 3, Rare::Drop)?),
        ("label powerset", whole),
        ("pruned, rare ones dropped", data.sets(tasks, least, Rare::Drop)?),
        ("pruned, rare ones to the nearest", data.sets(tasks, least, Rare::Nearest)?),
        ("pairs (RAkEL)", data.pairs(3, Rare::Drop)?),
    ] {
        let classes = sets.merged().iter().map(Powerset::classes).sum::<usize>() as f64;
        row(name, &heads(data, &sets, epochs, seed)?, classes);
    }
    row("chain", &chain(data, epochs, seed)?, nan);
    Ok(rows)
}

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let mut rows = compare(&leaves()?, run.pick(60, 8), run.seed)?;
    let others = compare(&digits(run.pick(10_000, 1_000))?, run.pick(8, 2), run.seed)?;
    rows.iter_mut().zip(others).for_each(|((_, row), (_, other))| row.extend(other));
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
