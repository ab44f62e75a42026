//! Where to balance: the gradients of the tasks compared over all shared parameters, layer by layer, block by block, or at the
//! features alone, which costs hardly more than a plain step. Four tasks about leaves on one trunk of two blocks.
//!
//! `cargo run --release --example places`

mod common;

use common::answers::Data;
use common::leaf_tasks::{
    COLUMNS, TASKS, WIDTHS, accuracies, baselines, dense, heads, leaf_tasks, losses, two,
};
use common::{Outcome, descend, mean, rows};
use tress::mtl::architecture::HardSharing;
use tress::mtl::balance::PerGroup;
use tress::mtl::sweep::{balanced_at_features, block_ends, layer_ends, shared_names};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System};

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Parameters,
    Layers,
    Blocks,
    Features,
}

/// Trains a network for the tasks `of`; their accuracies, and the mean.
fn figures(
    data: &Data,
    of: &[usize],
    (method, place): (Method, Place),
    (epochs, seed): (u64, u64),
) -> Outcome<Vec<f64>> {
    let (mut params, width) = (Params::new(seed), data.inputs[0].shape()[1]);
    let low = two(&mut params.scope("trunk.low"), width)?;
    let high = dense(&mut params.scope("trunk.high.first"), WIDTHS[1], WIDTHS[1])?;
    let trunk = low.then(high).then(dense(&mut params.scope("trunk.high.second"), WIDTHS[1], WIDTHS[1])?);
    let network = HardSharing::new(trunk, of.len())?;
    let heads = heads(&mut params, of)?;

    let whole = method.build(of.len(), seed, 0.003)?;
    let ends = match place {
        Place::Layers => layer_ends(&params)?,
        Place::Blocks => block_ends(&params, &["trunk.low", "trunk.high"])?,
        Place::Parameters | Place::Features => Vec::new(),
    };
    let mut method: Box<dyn Weighting> = match ends.is_empty() {
        true => Box::new(whole),
        false => Box::new(PerGroup::new(&ends, |_| whole.clone())?),
    };
    let mut shared = Vec::new();
    descend(&mut params, (data.inputs[0].shape()[0], epochs, 0.003, seed), |params, tape, step, batch| {
        let bound = params.on(tape).training(step);
        let features = network.features(&bound, &tape.var(rows(&data.inputs[0], batch)?));
        let losses = losses((data, of, batch), &heads, &bound, &features)?;
        let features = [features.tasks()[0]];
        if step == 0 {
            // What the tasks share is read off the tape.
            shared = shared_names(&losses, &features, &bound, params)?;
        }
        Ok(match place {
            Place::Features => balanced_at_features(&losses, &features, &bound, params, &mut *method)?,
            _ => balanced(&losses, &features, &bound, params, &mut *method)?,
        }
        .gradient)
    })?;
    assert!(of.len() == 1 || shared.len() == 8 && shared.iter().all(|name| name.starts_with("trunk.")));
    accuracies((data, of), &params, &network, &heads)
}

/// The system, as `tress train --system places` runs it.
pub const SYSTEM: System = System {
    name: "places",
    title: "Where to balance",
    data: "leaves: 50 features",
    columns: &COLUMNS,
    floor: "commonest class",
    linear: "logistic",
    alone: "single tasks",
    tress: "pcgrad at each layer",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (data, plan, all) = (leaf_tasks()?, (run.pick(40, 10), run.seed), [0, 1, 2, 3]);
    let equal = (Method::Equal, Place::Parameters);
    let mut single = Vec::new();
    for task in 0..TASKS.len() {
        single.push(figures(&data, &[task], equal, plan)?[0]);
    }
    single.push(mean(&single));
    let mut found = baselines(&data, |_, _| true)?;
    found.push(("single tasks".into(), single));
    found.push(("equal".into(), figures(&data, &all, equal, plan)?));
    for method in [Method::PcGrad, Method::Mgda] {
        for (place, name) in [
            (Place::Parameters, "all parameters"),
            (Place::Blocks, "each block"),
            (Place::Layers, "each layer"),
            (Place::Features, "the features"),
        ] {
            found.push((format!("{method} at {name}"), figures(&data, &all, (method, place), plan)?));
        }
    }
    Ok(found)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
