//! Five networks for one task: how they are combined, and what a shared trunk saves.
//!
//! The digits of MultiMNIST, left and right. A fifth of the training digits is in no training picture: on pictures made of
//! them, weights and the stacked model are fitted, for each task its own. Test accuracy, calibration error, and disagreement.
//!
//! `cargo run --release --example ensembles`

mod common;

use common::answers::{Data, calibration_error, digits_held_out};
use common::{Outcome, answers, labels, right, rows, train};
use tress::mtl::ensemble::{Stacking, disagreement, hard_vote, soft_vote, weights_by_likelihood};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, number, percent};

/// The probabilities that each member gives to the answers of each task, on validation and on test pictures.
type Said = [[Vec<Tensor>; 2]; 2];

/// `heads` heads a task on one trunk, each of them a member; with one head it is a plain network.
fn members(of: &[Data; 2], heads: usize, seed: u64, epochs: u64, said: &mut Said) -> Outcome<usize> {
    let [data, held] = of;
    let names: Vec<String> = (0..2 * heads).map(|head| format!("head{head}")).collect();
    let tasks: Vec<(&str, Objective)> = names.iter().map(|name| (&**name, Objective::Classes(10))).collect();
    let mut params = Params::new(seed);
    let network = lenet(&mut params, &tasks)?;
    train(&mut params, (data.inputs[0].shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
        let features = network.features(bound, &[("input", &tape.var(rows(&data.inputs[0], batch)?))])?;
        let outputs = network.outputs(bound, &features);
        let mut losses = Vec::new();
        for (i, output) in outputs.iter().enumerate() {
            losses.push(cross_entropy(output, &labels(&data.answers[0][i % 2], batch, 10)?));
        }
        Ok(losses.into_iter().reduce(|a, b| a + b).ok_or("a network has heads")?)
    })?;
    let bound = params.eager();
    for (said, inputs) in said.iter_mut().zip([&held.inputs[1], &data.inputs[1]]) {
        let features = network.features(&bound, &[("input", &Eager::new(inputs.clone()))])?;
        for (i, output) in network.outputs(&bound, &features).iter().enumerate() {
            said[i % 2].push(output.softmax().tensor()?.clone());
        }
    }
    Ok(params.len())
}

/// Accuracy and calibration error by combination, for an ensemble that said this. `parameters` are those of one plain network,
/// and those of the ensemble.
fn combine([data, held]: &[Data; 2], said: &Said, title: &str, parameters: [usize; 2]) -> Outcome<Rows> {
    let mut table = Rows::new();
    for task in 0..2 {
        let (validation, test) = (&said[0][task], &said[1][task]);
        let known = Labels::new(held.answers[1][task].iter().copied(), 10)?;
        let truth = &data.answers[1][task];
        let error = |p: &Tensor| calibration_error(p, truth, 10);
        let soft = soft_vote(test, None)?;
        let fitted = weights_by_likelihood(validation, &known)?;
        let weighted = soft_vote(test, Some(&fitted.weights))?;
        let stacked = Stacking::fit(validation, &Targets::Classes(known), 0.01)?.combine(test)?;
        let mean = |of: &dyn Fn(&Tensor) -> Outcome<f64>| -> Outcome<f64> {
            Ok(test.iter().map(of).sum::<Outcome<f64>>()? / test.len() as f64)
        };
        let rows = [
            ("a member", mean(&|p| Ok(right(&answers(p), truth)))?, mean(&error)?),
            ("hard vote", right(&hard_vote(test, None)?, truth), f64::NAN),
            ("soft vote", right(&answers(&soft), truth), error(&soft)?),
            ("fitted weights", right(&answers(&weighted), truth), error(&weighted)?),
            ("stacked", right(&answers(&stacked), truth), error(&stacked)?),
            ("disagreement", disagreement(test)?, f64::NAN),
        ];
        table.resize_with(rows.len(), Default::default);
        for ((name, numbers), (combination, first, second)) in table.iter_mut().zip(rows) {
            *name = format!("{title}: {combination}");
            numbers.extend([first, second]);
        }
    }
    let sizes = std::iter::once(parameters[0]).chain(std::iter::repeat(parameters[1]));
    table.iter_mut().zip(sizes).for_each(|((_, numbers), size)| numbers.push(size as f64));
    Ok(table)
}

/// The system, as `tress train --system ensembles` runs it.
pub const SYSTEM: System = System {
    name: "ensembles",
    title: "Ensembles for each task",
    data: "MultiMNIST",
    columns: &[
        percent("left").headline(),
        percent("calibration").lower(),
        percent("right").headline(),
        percent("calibration").lower(),
        number("parameters", 0),
    ],
    floor: "commonest class",
    linear: "logistic",
    alone: "5 networks: a member",
    tress: "5 networks: fitted weights",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (data, epochs) = (digits_held_out(run.pick(6_000, 1_200))?, run.pick(6, 4));
    let (floor, linear, nan) = (data[0].floors(), data[0].each(&data[0].linear(|_, _| true)?), f64::NAN);
    let mut plain: Params = Params::new(run.seed); // a member alone: one head a task
    lenet(&mut plain, &[("left", Objective::Classes(10)), ("right", Objective::Classes(10))])?;
    let mut table = vec![("commonest class".into(), vec![floor[0], nan, floor[1], nan, nan])];
    table.push(("logistic".into(), vec![linear[0], nan, linear[1], nan, nan]));
    // Five separate networks, and five heads on one trunk.
    for (title, networks) in [("5 networks", 5), ("5 heads", 1)] {
        let (mut said, mut parameters) = (Said::default(), 0);
        for member in 0..networks {
            parameters += members(&data, 5 / networks as usize, 5 * run.seed + member, epochs, &mut said)?;
        }
        table.extend(combine(&data, &said, title, [plain.len(), parameters])?);
    }
    Ok(table)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
