//! Four tasks on leaves, for several examples: two dense layers, heads, and how good the answers are.

use super::answers::Data;
use super::{Outcome, answers, commonest, labels, mean, right};
use tress::nn::layer::Flatten;
use tress::prelude::*;
use tress_cli::data::Leaves;
use tress_cli::systems::{Column, Rows, percent};

pub const TASKS: [&str; 4] = ["apex", "base", "shape", "species"];

/// The classes of each task.
pub const SIZES: [usize; 4] = [9, 6, 5, 32];

/// The accuracy of each task, and their mean.
pub const COLUMNS: [Column; 5] = [
    percent("apex"),
    percent("base"),
    percent("shape"),
    percent("species").headline(),
    percent("mean").headline(),
];

/// The widths of the two layers that trunks, columns and experts have.
pub const WIDTHS: [usize; 2] = [64, 32];

/// The usual split of the leaves, with the tasks in their order.
pub fn leaf_tasks() -> Outcome<Data> {
    let all = Leaves::built_in()?;
    let (train, test) = all.split(1400, 1);
    let answers = [&train, &test].map(|rows| {
        let [species, apex, base, shape]: [Vec<u32>; 4] = all.answers(rows).try_into().unwrap_or_default();
        vec![apex, base, shape, species]
    });
    let inputs = [all.inputs(&train, &train)?, all.inputs(&test, &train)?];
    Ok(Data { inputs, answers, sizes: SIZES.to_vec() })
}

/// A dense layer with a rectifier.
pub fn dense(scope: &mut Scope<'_>, inputs: usize, outputs: usize) -> Result<Sequential, tress::nn::Error> {
    Ok(Sequential::new().then(Dense::new(scope, inputs, outputs)?.activation(Map::Relu)))
}

/// Two of them, of the usual widths.
pub fn two(scope: &mut Scope<'_>, inputs: usize) -> Result<Sequential, tress::nn::Error> {
    let first = dense(&mut scope.scope("first"), inputs, WIDTHS[0])?;
    Ok(first.then(dense(&mut scope.scope("second"), WIDTHS[0], WIDTHS[1])?))
}

/// A head for each of some tasks, on 32 features, flat or of one pixel.
pub fn heads(params: &mut Params, of: &[usize]) -> Result<Vec<Sequential>, tress::nn::Error> {
    let head = |&task: &usize| {
        let place = format!("head.{}", TASKS[task]);
        let dense = Dense::new(&mut params.scope(&place), WIDTHS[1], SIZES[task])?;
        Ok(Sequential::new().then(Flatten).then(dense))
    };
    of.iter().map(head).collect()
}

/// The losses of some tasks, each under its head, on a batch of the training leaves.
pub fn losses<'t>(
    (data, of, batch): (&Data, &[usize], &[usize]),
    heads: &[Sequential],
    bound: &Bound<Var<'t>>,
    features: &Features<Var<'t>>,
) -> Outcome<Vec<Var<'t>>> {
    let mut losses = Vec::new();
    for ((head, features), &task) in heads.iter().zip(features.tasks()).zip(of) {
        let truth = labels(&data.answers[0][task], batch, SIZES[task])?;
        losses.push(cross_entropy(&head.apply(bound, features), &truth));
    }
    Ok(losses)
}

/// The accuracy of each of some tasks on the test leaves, and their mean.
pub fn accuracies(
    (data, of): (&Data, &[usize]),
    params: &Params,
    architecture: &impl Architecture,
    heads: &[Sequential],
) -> Outcome<Vec<f64>> {
    let bound = params.eager();
    let features = architecture.features(&bound, &Eager::new(data.inputs[1].clone()));
    let mut found = Vec::new();
    for ((head, features), &task) in heads.iter().zip(features.tasks()).zip(of) {
        found.push(right(&answers(head.apply(&bound, features).tensor()?), &data.answers[1][task]));
    }
    found.push(mean(&found));
    Ok(found)
}

/// How often the commonest class of each task is right, and their mean.
fn floor(data: &Data) -> Vec<f64> {
    let of = |task: usize| commonest(&data.answers[0][task], &data.answers[1][task]);
    let mut found: Vec<f64> = (0..TASKS.len()).map(of).collect();
    found.push(mean(&found));
    found
}

/// What is to be beaten: the commonest class of each task, a logistic regression for each on the leaves of which
/// `known(task, leaf)` holds, and one for the species alone, from which the other answers are looked up: all leaves of a species
/// have the same.
pub fn baselines(data: &Data, known: impl Fn(usize, usize) -> bool) -> Outcome<Rows> {
    let said = data.linear(known)?;
    let row = |said: &[Vec<u32>]| {
        let mut found = data.each(said);
        found.push(mean(&found));
        found
    };
    let looked_up = data.looked_up(3, &said[3]);
    Ok(vec![
        ("commonest class".into(), floor(data)),
        ("logistic".into(), row(&said)),
        ("species, then look-up".into(), row(&looked_up)),
    ])
}
