//! Leaves: what a leaf's apex, base and shape are tells much of its species. Hierarchical heads: the features of the three
//! easier tasks feed the hardest, that of 32 species.
//!
//! A network for each task, one shared trunk, and the hierarchy, of about the same width. Accuracy on the test leaves.
//!
//! `cargo run --release --example leaves`

mod common;

use common::answers::Data;
use common::leaf_tasks::{TASKS, baselines, leaf_tasks};
use common::{Outcome, answers, labels, right, rows, train};
use tress::mtl::architecture::{HardSharing, Hierarchy, Node};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, percent};

fn dense(scope: &mut Scope<'_>, inputs: usize, outputs: usize) -> Result<Sequential, tress::nn::Error> {
    Ok(Sequential::new().then(Dense::new(scope, inputs, outputs)?.activation(Map::Relu)))
}

/// Trains `architecture`, which gives each of the tasks `of` 32 features, under a dense head for each; their accuracies.
fn accuracies(
    data: &Data,
    of: &[usize],
    mut params: Params,
    architecture: impl Architecture,
    (epochs, seed): (u64, u64),
) -> Outcome<Vec<f64>> {
    let mut heads = Vec::new();
    for &task in of {
        heads.push(Dense::new(&mut params.scope(&format!("head.{}", TASKS[task])), 32, data.sizes[task])?);
    }
    train(&mut params, (data.inputs[0].shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
        let features = architecture.features(bound, &tape.var(rows(&data.inputs[0], batch)?));
        let mut sum = tape.var(Tensor::scalar(0.0));
        for ((head, features), &task) in heads.iter().zip(features.tasks()).zip(of) {
            let truth = labels(&data.answers[0][task], batch, data.sizes[task])?;
            sum = sum + cross_entropy(&head.apply(bound, features), &truth);
        }
        Ok(sum)
    })?;
    let bound = params.eager();
    let features = architecture.features(&bound, &Eager::new(data.inputs[1].clone()));
    let said = heads.iter().zip(features.tasks()).map(|(head, features)| head.apply(&bound, features));
    let mut found = Vec::new();
    for (said, &task) in said.zip(of) {
        found.push(right(&answers(said.tensor()?), &data.answers[1][task]));
    }
    Ok(found)
}

/// The system, as `tress train --system leaves` runs it.
pub const SYSTEM: System = System {
    name: "leaves",
    title: "Hierarchical classes",
    data: "leaves: 50 features",
    columns: &[percent("apex"), percent("base"), percent("shape"), percent("species").headline()],
    floor: "commonest class",
    linear: "logistic",
    alone: "single tasks",
    tress: "hierarchy",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let data = leaf_tasks()?;
    let (width, plan) = (data.inputs[0].shape()[1], (run.pick(40, 10), run.seed));

    let shared = |tasks: usize| -> Outcome<_> {
        let mut params = Params::new(run.seed);
        let trunk = dense(&mut params.scope("trunk.1"), width, 64)?.then(dense(
            &mut params.scope("trunk.2"),
            64,
            32,
        )?);
        Ok((params, HardSharing::new(trunk, tasks)?))
    };
    let mut single = Vec::new();
    for task in 0..4 {
        let (params, architecture) = shared(1)?;
        single.extend(accuracies(&data, &[task], params, architecture, plan)?);
    }
    let (params, architecture) = shared(4)?;
    let joint = accuracies(&data, &[0, 1, 2, 3], params, architecture, plan)?;

    let mut params = Params::new(run.seed);
    let trunk = dense(&mut params.scope("trunk"), width, 64)?;
    let mut nodes = Vec::new();
    for (task, name) in TASKS.iter().enumerate() {
        // The species is told from the trunk and the features of the three others.
        let below: Vec<usize> = if task == 3 { vec![0, 1, 2] } else { Vec::new() };
        let layers = dense(&mut params.scope(name), 64 + 32 * below.len(), 32)?;
        nodes.push(Node { layers, below });
    }
    let hierarchy = accuracies(&data, &[0, 1, 2, 3], params, Hierarchy::new(trunk, nodes)?, plan)?;
    let mut found = baselines(&data, |_, _| true)?;
    found.iter_mut().for_each(|(_, row)| row.truncate(4)); // without the mean
    found.extend([("single tasks".into(), single), ("shared trunk".into(), joint)]);
    found.push(("hierarchy".into(), hierarchy));
    Ok(found)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
