//! Leaves: what a leaf's apex, base and shape are tells much of its species. Hierarchical heads: the features of the three
//! easier tasks feed the hardest, that of 32 species.
//!
//! A network for each task, one shared trunk, and the hierarchy, of about the same width. Accuracy on the test leaves.
//!
//! `cargo run --release --example leaves`

mod common;

use common::answers::Data;
use common::{Outcome, answers, commonest, labels, rows, share, train};
use tress::mtl::architecture::{HardSharing, Hierarchy, Node};
use tress::prelude::*;
use tress_cli::data::Leaves;
use tress_cli::systems::{Rows, Run, System, percent};

/// Tasks in the order of the hierarchy: what comes first feeds what comes last.
const TASKS: [&str; 4] = ["apex", "base", "shape", "species"];

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
        let (said, truth) = (answers(said.tensor()?), &data.answers[1][task]);
        found.push(share(truth.len(), |i| said[i] == truth[i]));
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
    alone: "single tasks",
    tress: "hierarchy",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let all = Leaves::built_in()?;
    let (train, test) = all.split(1400, 1);
    let in_order = |rows: &[usize]| {
        let [species, apex, base, shape]: [Vec<u32>; 4] = all.answers(rows).try_into().unwrap_or_default();
        vec![apex, base, shape, species]
    };
    let inputs = [all.inputs(&train, &train)?, all.inputs(&test, &train)?];
    let data = Data { inputs, answers: [in_order(&train), in_order(&test)], sizes: vec![9, 6, 5, 32] };
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
    let floor = (0..4).map(|task| commonest(&data.answers[0][task], &data.answers[1][task])).collect();
    Ok(vec![
        ("commonest class".into(), floor),
        ("single tasks".into(), single),
        ("shared trunk".into(), joint),
        ("hierarchy".into(), hierarchy),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
