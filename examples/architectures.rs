//! What tasks share: every architecture of `tress::mtl::architecture` by one budget, on four tasks about leaves. `leaves` has the
//! one that is left out, the hierarchy of heads. `cargo run --release --example architectures`

mod common;

use common::answers::Data;
use common::leaf_tasks::{
    COLUMNS, TASKS, WIDTHS, accuracies, baselines, dense, heads, leaf_tasks, losses, two,
};
use common::{Outcome, mean, rows, train};
use tress::mtl::architecture::{
    Branching, Cgc, CrossStitch, DSelect, Film, Gate, HardSharing, Mmoe, Mtan, Nddr, Ple, Routing, Sluice,
    SoftSharing, Stage,
};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, number};

type Declared<L> = Result<L, tress::nn::Error>;

/// A block for attention, which wants pictures: here those of one pixel, with a number for each channel.
fn stage(scope: &mut Scope<'_>, from: usize, to: usize) -> Declared<Stage> {
    let mut conv = |part: &str, from: usize| -> Declared<Sequential> {
        let conv = Conv2d::new(&mut scope.scope(part), from, to, [1, 1])?;
        Ok(Sequential::new().then(conv.activation(Map::Relu)))
    };
    let (first, second) = (conv("first", from)?, conv("second", to)?);
    Ok(Stage { first, second, down: Sequential::new(), channels: [to; 2] })
}

/// Trains what `build` declares under a head for each of the tasks `of`; their accuracies, the mean, and the number of
/// parameters.
fn figures<A: Architecture>(
    data: &Data,
    of: &[usize],
    (epochs, seed): (u64, u64),
    build: impl FnOnce(&mut Params) -> Result<A, tress::mtl::Error>,
) -> Outcome<Vec<f64>> {
    let mut params = Params::new(seed);
    let architecture = build(&mut params)?;
    let heads = heads(&mut params, of)?;
    train(&mut params, (data.inputs[0].shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
        let features = architecture.features(bound, &tape.var(rows(&data.inputs[0], batch)?));
        let penalty = features.penalty().copied().unwrap_or_else(|| tape.var(Tensor::scalar(0.0)));
        let each = losses((data, of, batch), &heads, bound, &features)?;
        Ok(each.into_iter().fold(penalty, |sum, loss| sum + loss))
    })?;
    let mut found = accuracies((data, of), &params, &architecture, &heads)?;
    found.push(params.len() as f64);
    Ok(found)
}

/// The system, as `tress train --system architectures` runs it.
pub const SYSTEM: System = System {
    name: "architectures",
    title: "What tasks share",
    data: "leaves: 50 features",
    columns: &[COLUMNS[0], COLUMNS[1], COLUMNS[2], COLUMNS[3], COLUMNS[4], number("parameters", 0)],
    floor: "commonest class",
    linear: "logistic",
    alone: "single tasks",
    tress: "CGC",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let mut data = leaf_tasks()?;
    let (plan, n, k) = ((run.pick(40, 10), run.seed), data.inputs[0].shape()[1], TASKS.len());
    let trunk = |scope: &mut Scope<'_>| two(scope, n);
    let level = |scope: &mut Scope<'_>, l: usize| dense(scope, [n, WIDTHS[0]][l], WIDTHS[l]);
    let staged = |p: &mut Params| -> Result<_, tress::mtl::Error> {
        let first = (level(&mut p.scope("first"), 0)?, WIDTHS[0]);
        Ok(vec![first, (level(&mut p.scope("second"), 1)?, WIDTHS[1])])
    };
    let mut single = vec![0.0; k + 2];
    for task in 0..k {
        let one = figures(&data, &[task], plan, |p| HardSharing::new(trunk(&mut p.scope("trunk"))?, 1))?;
        (single[task], single[k + 1]) = (one[0], single[k + 1] + one[2]);
    }
    single[k] = mean(&single[..k]);
    let mut found = baselines(&data, |_, _| true)?;
    found.iter_mut().for_each(|(_, row)| row.push(f64::NAN)); // no parameters to compare
    found.push(("single tasks".into(), single));
    macro_rules! row {
        ($name:literal, $build:expr) => {
            found.push(($name.into(), figures(&data, &[0, 1, 2, 3], plan, $build)?))
        };
    }
    row!("shared trunk", |p| HardSharing::new(trunk(&mut p.scope("trunk"))?, k));
    row!("soft sharing", |p| SoftSharing::new(p, "soft", k, 1e-3, trunk));
    row!("cross-stitch", |p| CrossStitch::new(&mut p.root(), k, &WIDTHS, level));
    row!("sluice", |p| Sluice::new(&mut p.root(), k, n, WIDTHS[1] / 2, 2, 0.01));
    row!("NDDR", |p| Nddr::new(&mut p.root(), k, &WIDTHS, level));
    row!("MMoE", |p| Mmoe::new(&mut p.root(), k, 4, n, trunk));
    row!("CGC", |p| Cgc::new(&mut p.root(), k, 1, 2, n, trunk));
    row!("PLE", |p| Ple::new(&mut p.root(), k, 1, 2, &[n, WIDTHS[0]], level));
    row!("DSelect-k", |p| {
        let experts = (0..4).map(|e| trunk(&mut p.scope(&format!("expert{e}")))).collect::<Declared<_>>()?;
        let gate =
            |g| DSelect::new(&mut p.scope(&format!("gate{g}")), 4, 2, Routing::Static).map(Gate::dselect);
        Mmoe::of(experts, (0..k).map(gate).collect::<Result<_, _>>()?)
    });
    row!("learned branches", |p| Branching::new(&mut p.root(), k, &[2, 2], level));
    row!("FiLM", |p| staged(p).and_then(|stages| Film::new(&mut p.root(), k, stages)));
    row!("embedded tasks", |p| staged(p).and_then(|stages| Film::embedded(&mut p.root(), k, stages, 8)));
    for part in &mut data.inputs {
        *part = part.reshape([part.shape()[0], n, 1, 1])?;
    }
    row!("MTAN", |p| {
        let first = stage(&mut p.scope("trunk.first"), n, WIDTHS[0])?;
        let second = stage(&mut p.scope("trunk.second"), WIDTHS[0], WIDTHS[1])?;
        Mtan::new(&mut p.scope("attention"), k, vec![first, second])
    });
    Ok(found)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
