//! Labels as they come: each leaf is labelled for some of the four tasks only, and for few of the harder ones. Batches of leaves
//! with holes in them, a data set of its own for each task with four ways of sampling, and a task that begins late.
//! `cargo run --release --example missing_labels`

mod common;

use common::answers::Data;
use common::leaf_tasks::{COLUMNS, SIZES, TASKS, accuracies, baselines, heads, leaf_tasks, two};
use common::{Outcome, descend, mean, rows};
use tress::mtl::architecture::HardSharing;
use tress::mtl::balance::Uncertainty;
use tress::mtl::data::{Agenda, Labelled, Sampling, TaskLoaders};
use tress::mtl::presence::{Partial, balanced_present};
use tress::nn::Random;
use tress::prelude::*;
use tress_cli::systems::{Rows, Run, System};

/// The share of leaves that are labelled for each task.
const SHARES: [f64; 4] = [0.5, 0.25, 0.1, 0.3];

/// What a step is about.
#[derive(Clone, Copy)]
enum Course {
    Together,        // any leaves, and all labels that they have
    LateSpecies,     // the same, and the species takes no part in the first third
    Turns(Sampling), // one task, and leaves that are labelled for it
    Alone(usize),    // the same one in all steps
}

/// Trains a network by a course; the accuracy of each task, and their mean.
fn figures(data: &Data, labels: &[Labelled], course: Course, epochs: u64, seed: u64) -> Outcome<Vec<f64>> {
    let (mut params, k) = (Params::new(seed), TASKS.len());
    let (leaves, width) = (data.inputs[0].shape()[0], data.inputs[0].shape()[1]);
    let network = HardSharing::new(two(&mut params.scope("trunk"), width)?, k)?;
    let heads = heads(&mut params, &[0, 1, 2, 3])?;
    let task = |k: usize| Task::new(TASKS[k], Objective::Classes(SIZES[k]), heads[k].clone());
    let tasks: Vec<Task> = (0..k).map(task).collect();
    // The leaves that are labelled for each task are a data set; the short ones come round more often.
    let is_labelled = |k: usize, i: usize| labels[k].of(&[i]).is_ok_and(|label| !label.is_absent());
    let sets: Vec<Vec<usize>> =
        (0..k).map(|k| (0..leaves).filter(|&i| is_labelled(k, i)).collect()).collect();
    let sampling = if let Course::Turns(sampling) = course { sampling } else { Sampling::RoundRobin };
    let mut loaders = TaskLoaders::new(&sets.iter().map(Vec::len).collect::<Vec<_>>(), 32, sampling, seed)?;
    let mut agenda = Agenda::new(k)?;
    if let Course::LateSpecies = course {
        agenda.begin(3, epochs * leaves.div_ceil(32) as u64 / 3, 50)?;
    }
    // A task keeps its variance while it is away.
    let mut methods = Partial::new(k, |present: &[usize]| Uncertainty::new(present.len(), 0.003))?;
    descend(&mut params, (leaves, epochs, 0.003, seed), |params, tape, step, batch| {
        let (batch, scales) = match course {
            Course::Together | Course::LateSpecies => (batch.to_vec(), agenda.scales(step)),
            Course::Turns(_) | Course::Alone(_) => {
                let mut turn = loaders.draw()?;
                while matches!(course, Course::Alone(task) if task != turn.task) {
                    turn = loaders.draw()?;
                }
                let batch = turn.samples.iter().map(|&sample| sets[turn.task][sample]).collect();
                (batch, (0..k).map(|task| f64::from(u8::from(task == turn.task))).collect())
            }
        };
        let bound = params.on(tape).training(step);
        let features = network.features(&bound, &tape.var(rows(&data.inputs[0], &batch)?));
        let outputs: Vec<Var> = heads.iter().map(|head| head.apply(&bound, &features.tasks()[0])).collect();
        let mut losses = Vec::new();
        for (task, (output, scale)) in outputs.iter().zip(scales).enumerate() {
            // A loss of nothing is none; one that takes no part is left out, and not multiplied by zero.
            let loss = labels[task].of(&batch)?.loss(&tasks[task], output)?;
            losses.push(loss.filter(|_| scale > 0.0).map(|loss| loss.scale(scale)));
        }
        let step = balanced_present(&losses, &cut(&outputs, &bound)?, &bound, params, &mut methods)?;
        Ok(step.map_or(Tensor::zeros([params.len()])?, |(_, step)| step.gradient))
    })?;
    accuracies((data, &[0, 1, 2, 3]), &params, &network, &heads)
}

/// The system, as `tress train --system missing_labels` runs it.
pub const SYSTEM: System = System {
    name: "missing_labels",
    title: "Labels for some of the tasks",
    data: "leaves: 50 features, a tenth to a half of the labels",
    columns: &COLUMNS,
    floor: "commonest class",
    linear: "logistic",
    alone: "single tasks",
    tress: "together",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (data, epochs) = (leaf_tasks()?, run.pick(40, 10));
    let (mut random, mut given) = (Random::new(run.seed), Vec::new());
    for (answers, share) in data.answers[0].iter().zip(SHARES) {
        let some = answers.iter().map(|&answer| (random.uniform() < share).then_some(answer));
        given.push(some.collect::<Vec<_>>());
    }
    let labels = given.iter().zip(SIZES).map(|(given, classes)| Labelled::classes(given, classes));
    let labels = labels.collect::<Result<Vec<_>, _>>()?;
    let alone = |task| Ok(figures(&data, &labels, Course::Alone(task), epochs, run.seed)?[task]);
    let mut single = (0..TASKS.len()).map(alone).collect::<Outcome<Vec<f64>>>()?;
    single.push(mean(&single));
    let mut found = baselines(&data, |task, leaf| given[task][leaf].is_some())?;
    found[2] = ("single tasks".into(), single); // to look up takes labels that are missing
    for (name, course) in [
        ("together", Course::Together),
        ("together, species late", Course::LateSpecies),
        ("in turns, one after the other", Course::Turns(Sampling::RoundRobin)),
        ("in turns, by size", Course::Turns(Sampling::Proportional)),
        ("in turns, temperature 5", Course::Turns(Sampling::Temperature(5.0))),
        ("in turns, annealed", Course::Turns(Sampling::Annealed { epochs, draws: 44 })),
    ] {
        found.push((name.into(), figures(&data, &labels, course, epochs, run.seed)?));
    }
    Ok(found)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
