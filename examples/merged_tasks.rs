//! Several answers at once: heads of their own, one class for each combination, sets of combinations, and a chain.
//!
//! Leaves have an apex, a base and a shape that go together; the two digits of a MultiMNIST picture do not. Accuracy of each
//! task, and the share of samples with all answers right.
//!
//! `cargo run --release --example merged_tasks`

mod common;

use common::answers::{Data, digits, leaves, trunk};
use common::{Outcome, answers, labels, rows, share, train};
use tress::mtl::merge::{Chain, RandomSets, Rare};
use tress::prelude::*;

/// A head for the merged classes of each set of tasks: the answers to each task.
fn heads(data: &Data, sets: &RandomSets, epochs: u64) -> Outcome<Vec<Vec<u32>>> {
    let (mut params, inputs) = (Params::new(1), &data.inputs);
    let trunk = trunk(&mut params, &inputs[0])?;
    let (mut tasks, mut truth) = (Vec::new(), Vec::new());
    for (i, (set, merged)) in sets.sets().iter().zip(sets.merged()).enumerate() {
        let head = Dense::new(&mut params.scope(&format!("head{i}")), 50, merged.classes())?;
        tasks.push(Task::new("merged", Objective::Classes(merged.classes()), head));
        truth.push(merged.labels(&set.iter().map(|&task| &data.answers[0][task][..]).collect::<Vec<_>>())?);
    }
    train(&mut params, (inputs[0].shape()[0], epochs, 0.003, 1), |tape, bound, batch| {
        let features = trunk.apply(bound, &tape.var(rows(&inputs[0], batch)?));
        let mut sum = tape.var(Tensor::scalar(0.0));
        for (task, truth) in tasks.iter().zip(&truth) {
            // Samples with a rare combination have no label, and a batch may have no other.
            let loss = truth.of(batch)?.loss(task, &task.head().apply(bound, &features))?;
            sum = loss.map_or(sum, |loss| sum + loss);
        }
        Ok(sum)
    })?;
    let features = trunk.apply(&params.eager(), &Eager::new(inputs[1].clone()));
    let said = |task: &Task<Dense>| task.head().apply(&params.eager(), &features).softmax().tensor().cloned();
    let said = tasks.iter().map(said).collect::<Result<Vec<Tensor>, _>>()?;
    Ok(sets.marginals(&said)?.iter().map(answers).collect())
}

/// A chain in the order of the tasks, and the likeliest combination.
fn chain(data: &Data, epochs: u64) -> Outcome<Vec<Vec<u32>>> {
    let (mut params, inputs, tasks) = (Params::new(1), &data.inputs, data.sizes.len());
    let trunk = trunk(&mut params, &inputs[0])?;
    let order: Vec<usize> = (0..tasks).collect();
    let chain = Chain::new(&data.sizes, &order, |task, told, classes| {
        Ok(Dense::new(&mut params.scope(&format!("head{task}")), 50 + told, classes)?)
    })?;
    train(&mut params, (inputs[0].shape()[0], epochs, 0.003, 1), |tape, bound, batch| {
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

/// The accuracy of each task and of all at once, by method.
pub fn compare(data: &Data, epochs: u64) -> Outcome<Vec<(&'static str, Vec<f64>)>> {
    let answers: Vec<&[u32]> = data.answers[0].iter().map(|of| &of[..]).collect();
    let (sizes, tasks) = (&data.sizes[..], data.sizes.len());
    let of = |of: usize| RandomSets::disjoint(&answers, sizes, of, 3, Rare::Drop, 1);
    let pairs = tasks * (tasks - 1) / 2;
    let found = [
        ("a head a task", heads(data, &of(1)?, epochs)?),
        ("label powerset", heads(data, &of(tasks)?, epochs)?),
        (
            "pairs (RAkEL)",
            heads(data, &RandomSets::overlapping(&answers, sizes, 2, pairs, 3, Rare::Drop, 1)?, epochs)?,
        ),
        ("chain", chain(data, epochs)?),
    ];
    let judged = |(name, found): (&'static str, Vec<Vec<u32>>)| {
        let (samples, truth) = (found[0].len(), &data.answers[1]);
        let one = |task: usize| share(samples, |i| found[task][i] == truth[task][i]);
        let all = share(samples, |i| (0..tasks).all(|task| found[task][i] == truth[task][i]));
        (name, (0..tasks).map(one).chain([all]).collect())
    };
    Ok(found.into_iter().map(judged).collect())
}

/// Of leaves.
pub fn of_leaves(epochs: u64) -> Outcome<Vec<(&'static str, Vec<f64>)>> {
    compare(&leaves()?, epochs)
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    for (title, data, epochs) in [
        ("leaves: apex, base, shape, all", leaves()?, 60),
        ("MultiMNIST: left, right, both", digits(20_000)?, 10),
    ] {
        println!("{title}");
        for (name, shares) in compare(&data, epochs)? {
            println!(
                "{name:<16}{}",
                shares.iter().map(|share| format!("{:8.2} %", 100.0 * share)).collect::<String>()
            );
        }
    }
    Ok(())
}
