//! One network for the whole Pareto front: COSMOS, which is told the preference between two tasks as an input, beside a network for
//! each preference with fixed weights. Species and shape of leaves; how much of the box under the errors of the commonest
//! classes is dominated.
//!
//! `cargo run --release --example preferences`

mod common;

use common::leaf_tasks::{SIZES, baselines, heads, leaf_tasks, two};
use common::{Outcome, answers, commonest, descend, labels, share};
use tress::mtl::balance::{Cosmos, Fixed, Weights};
use tress::mtl::measure::{hypervolume, pareto_front};
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System, area, number, percent};

/// The shape and the species, in the order of `leaf_tasks`.
const OF: [usize; 2] = [2, 3];

/// Samples with the preference behind their features.
fn told(all: &Tensor, samples: &[usize], ray: &[f64]) -> Outcome<Tensor> {
    let width = all.shape()[1];
    Ok(Tensor::from_fn([samples.len(), width + 2], |i| match i[1] < width {
        true => all[[samples[i[0]], i[1]]],
        false => ray[i[1] - width] as f32,
    })?)
}

/// The system, as `tress train --system preferences` runs it.
pub const SYSTEM: System = System {
    name: "preferences",
    title: "One network for all preferences",
    data: "leaves: 50 features",
    columns: &[
        area("hypervolume").headline(),
        percent("shape at best"),
        percent("species at best"),
        number("on the front", 0),
        number("parameters", 0),
    ],
    floor: "commonest class",
    linear: "logistic",
    alone: "fixed weights",
    tress: "COSMOS",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (data, epochs) = (leaf_tasks()?, run.pick(40, 10));
    let test: Vec<usize> = (0..data.answers[1][0].len()).collect();
    let floors = OF.map(|task| 1.0 - commonest(&data.answers[0][task], &data.answers[1][task]));
    let linear = baselines(&data, |_, _| true)?.swap_remove(1).1;
    let rays: Vec<[f64; 2]> = (1..10).map(|i| [0.1 * f64::from(i), 1.0 - 0.1 * f64::from(i)]).collect();

    // Trains one network for the first of some preferences, or for whatever COSMOS draws; its errors at each of them.
    let errors = |mut cosmos: Option<Cosmos>, asked: &[[f64; 2]]| -> Outcome<(Vec<[f64; 2]>, usize)> {
        let mut fixed = Fixed::new(&asked[0])?;
        let mut params = Params::new(run.seed);
        let trunk = two(&mut params.scope("trunk"), data.inputs[0].shape()[1] + 2)?;
        let heads = heads(&mut params, &OF)?;
        let plan = (data.inputs[0].shape()[0], epochs, 0.003, run.seed);
        descend(&mut params, plan, |params, tape, step, batch| {
            let bound = params.on(tape).training(step);
            let ray = cosmos.as_ref().map_or(Weights::new(&asked[0]), Cosmos::ray)?;
            let features = trunk.apply(&bound, &tape.var(told(&data.inputs[0], batch, &ray)?));
            let mut losses = Vec::new();
            for (head, task) in heads.iter().zip(OF) {
                let truth = labels(&data.answers[0][task], batch, SIZES[task])?;
                losses.push(cross_entropy(&head.apply(&bound, &features), &truth));
            }
            let method: &mut dyn Weighting = match &mut cosmos {
                Some(cosmos) => cosmos,
                None => &mut fixed,
            };
            Ok(balanced(&losses, &[features], &bound, params, method)?.gradient)
        })?;
        let mut found = Vec::new();
        for ray in asked {
            let features = trunk.apply(&params.eager(), &Eager::new(told(&data.inputs[1], &test, ray)?));
            let mut errors = [0.0; 2];
            for ((error, head), task) in errors.iter_mut().zip(&heads).zip(OF) {
                let said = answers(head.apply(&params.eager(), &features).tensor()?);
                *error = share(test.len(), |i| said[i] != data.answers[1][task][i]);
            }
            found.push(errors);
        }
        Ok((found, params.len()))
    };
    let row = |points: &[[f64; 2]], parameters: usize| -> Outcome<Vec<f64>> {
        let best = |k: usize| 1.0 - points.iter().map(|errors| errors[k]).fold(1.0, f64::min);
        let volume = hypervolume(points, &floors)? / floors.iter().product::<f64>();
        Ok(vec![volume, best(0), best(1), pareto_front(points)?.len() as f64, parameters as f64])
    };
    let (mut apart, mut parameters) = (Vec::new(), 0);
    for ray in &rays {
        let (errors, own) = errors(None, &[*ray])?;
        apart.extend(errors);
        parameters += own;
    }
    // The penalty of the paper for pictures; rays as often near the edges as in the middle.
    let (one, own) = errors(Some(Cosmos::new(2, 1.0, 2.0, run.seed)?), &rays)?;
    Ok(vec![
        ("commonest class".into(), row(&[floors], 0)?),
        ("logistic".into(), row(&[OF.map(|task| 1.0 - linear[task])], 0)?),
        ("fixed weights".into(), row(&apart, parameters)?),
        ("one of them, equal weights".into(), row(&apart[4..5], parameters / rays.len())?),
        ("COSMOS".into(), row(&one, own)?),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
