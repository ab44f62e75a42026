//! Five networks for one task: how they are combined, and what a shared trunk saves.
//!
//! The digits of MultiMNIST, left and right. A fifth of the training pictures is kept for validation: there, weights and the
//! stacked model are fitted, for each task its own. Test accuracy, calibration error, and disagreement.
//!
//! `cargo run --release --example ensembles`

mod common;

use common::answers::{Data, digits};
use common::{Outcome, answers, labels, rows, share, train};
use tress::mtl::ensemble::{Stacking, disagreement, hard_vote, soft_vote, weights_by_likelihood};
use tress::nn::metric::Calibration;
use tress::prelude::*;

const TASKS: [&str; 2] = ["left", "right"];

/// The probabilities that each member gives to the answers of each task, on validation and on test pictures.
type Said = [[Vec<Tensor>; 2]; 2];

/// `heads` heads a task on one trunk, trained together: each is a member, and all see other batches' noise only through the
/// trunk. With one head it is a plain network.
fn members(data: &Data, heads: usize, seed: u64, epochs: u64, said: &mut Said) -> Outcome<usize> {
    let names: Vec<String> = (0..heads).flat_map(|head| TASKS.map(|task| format!("{task}{head}"))).collect();
    let tasks: Vec<(&str, Objective)> = names.iter().map(|name| (&**name, Objective::Classes(10))).collect();
    let mut params = Params::new(seed);
    let network = lenet(&mut params, &tasks)?;
    let all = data.inputs[0].shape()[0];
    let known = all * 4 / 5;
    train(&mut params, (known, epochs, 0.003, seed), |tape, bound, batch| {
        let features = network.features(bound, &[("input", &tape.var(rows(&data.inputs[0], batch)?))])?;
        let outputs = network.outputs(bound, &features);
        let mut losses = Vec::new();
        for (i, output) in outputs.iter().enumerate() {
            losses.push(cross_entropy(output, &labels(&data.answers[0][i % 2], batch, 10)?));
        }
        Ok(losses.into_iter().reduce(|a, b| a + b).ok_or("a network has heads")?)
    })?;
    let validation = rows(&data.inputs[0], &(known..all).collect::<Vec<_>>())?;
    let bound = params.eager();
    for (said, inputs) in said.iter_mut().zip([&validation, &data.inputs[1]]) {
        let features = network.features(&bound, &[("input", &Eager::new(inputs.clone()))])?;
        for (i, output) in network.outputs(&bound, &features).iter().enumerate() {
            said[i % 2].push(output.softmax().tensor()?.clone());
        }
    }
    Ok(params.len())
}

/// A row of the table: accuracy and calibration error of both tasks.
pub type Row = (String, Vec<f64>);

/// Accuracy and calibration error by combination, for an ensemble that said this.
fn combine(data: &Data, said: &Said, title: &str) -> Outcome<Vec<Row>> {
    let mut table: Vec<Row> = Vec::new();
    for task in 0..2 {
        let (validation, test) = (&said[0][task], &said[1][task]);
        let first = data.answers[0][task].len() - validation[0].shape()[0];
        let known =
            labels(&data.answers[0][task][first..], &(0..validation[0].shape()[0]).collect::<Vec<_>>(), 10)?;
        let truth = &data.answers[1][task];
        let asked = Labels::new(truth.iter().copied(), 10)?;
        let right = |found: &[u32]| share(truth.len(), |i| found[i] == truth[i]);
        let error = |p: &Tensor| -> Outcome<f64> {
            let mut calibration = Calibration::new(15)?;
            calibration.add(p, &asked)?;
            Ok(calibration.expected().unwrap_or(f64::NAN))
        };
        let soft = soft_vote(test, None)?;
        let fitted = weights_by_likelihood(validation, &known)?;
        let weighted = soft_vote(test, Some(&fitted.weights))?;
        let stacked = Stacking::fit(validation, &Targets::Classes(known), 0.01)?.combine(test)?;
        let mean = |of: &dyn Fn(&Tensor) -> Outcome<f64>| -> Outcome<f64> {
            Ok(test.iter().map(of).sum::<Outcome<f64>>()? / test.len() as f64)
        };
        let rows = [
            ("a member", mean(&|p| Ok(right(&answers(p))))?, mean(&error)?),
            ("hard vote", right(&hard_vote(test, None)?), f64::NAN),
            ("soft vote", right(&answers(&soft)), error(&soft)?),
            ("fitted weights", right(&answers(&weighted)), error(&weighted)?),
            ("stacked", right(&answers(&stacked)), error(&stacked)?),
            ("disagreement", disagreement(test)?, f64::NAN),
        ];
        table.resize_with(rows.len(), Default::default);
        for ((name, numbers), (combination, first, second)) in table.iter_mut().zip(rows) {
            *name = format!("{title}: {combination}");
            numbers.extend([first, second]);
        }
    }
    Ok(table)
}

/// Five separate networks, and five heads on one trunk.
pub fn compare(count: usize, epochs: u64) -> Outcome<Vec<Row>> {
    let data = digits(count)?;
    let mut separate = Said::default();
    let sizes = (1..=5).map(|seed| members(&data, 1, seed, epochs, &mut separate));
    let parameters = sizes.sum::<Outcome<usize>>()?;
    let mut shared = Said::default();
    let fewer = members(&data, 5, 1, epochs, &mut shared)?;
    let mut table = combine(&data, &separate, &format!("5 networks, {parameters} parameters"))?;
    table.extend(combine(&data, &shared, &format!("5 heads, {fewer} parameters"))?);
    Ok(table)
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    println!("test accuracy and calibration error, left and right");
    for (name, numbers) in compare(20_000, 8)? {
        println!("{name:<46}{}", numbers.iter().map(|x| format!("{:8.2} %", 100.0 * x)).collect::<String>());
    }
    Ok(())
}
