//! New kinds of pictures from five samples each: a learnt start beside a random one, and prototypes.
//!
//! Training meets fourteen of twenty classes of digits and clothes; the other six make the tasks of the test.
//!
//! `cargo run --release --example few_shot`

mod common;

use common::Outcome;
use common::episodes::{curve, learn};
use tress::mtl::meta::{Episode, FewShot, InnerLoop, Maml, MetaMethod, Prototypes};
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty};
use tress_cli::systems::{Rows, Run, System, percent};

/// Three convolutions and a dense layer to `outputs` numbers.
fn network(params: &mut Params, outputs: usize) -> Outcome<Task> {
    let mut model = Sequential::new();
    for (name, inputs) in [("conv1", 1), ("conv2", 16), ("conv3", 16)] {
        let conv = Conv2d::builder(inputs, 16, [3, 3]).same().build(&mut params.scope(name))?;
        model = model.then(conv).then(MaxPool2d::new([2, 2])).then(Map::Relu);
    }
    let head = Dense::new(&mut params.scope("head"), 16 * 3 * 3, outputs)?;
    Ok(Task::new("picture", Objective::Classes(5), model.then(Flatten).then(head)))
}

/// The system, as `tress train --system few_shot` runs it.
pub const SYSTEM: System = System {
    name: "few_shot",
    title: "New classes from five samples",
    data: "six of twenty classes, held out",
    columns: &[
        percent("0 steps"),
        percent("1 step"),
        percent("3 steps"),
        percent("10 steps"),
        percent("in the end").headline(),
    ],
    floor: "chance",
    alone: "random start",
    tress: "MAML",
    run,
};

/// The mean accuracy on tasks after `steps` of the inner loop.
fn after(inner: InnerLoop, task: &Task, params: &Params, of: &[Episode], steps: usize) -> Outcome<f64> {
    let (inner, mut right) = (inner.with_steps(steps), 0.0);
    for episode in of {
        let logits = inner.predict(task, params, &episode.support, episode.query.inputs())?;
        right += task.score(&logits, episode.query.targets())?.metric() / of.len() as f64;
    }
    Ok(right)
}

/// The rate and the number of steps that do best on five tasks of the classes that training knows.
fn chosen(task: &Task, params: &Params, known: &[Episode], most: usize) -> Outcome<(f64, usize)> {
    let mut best = (0.0, (0.1, 0));
    for rate in [0.03, 0.1, 0.3] {
        let scores = curve(&InnerLoop::new(rate, 1)?, task, params, known, most)?;
        for (steps, &score) in scores.iter().enumerate() {
            best = if score > best.0 { (score, (rate, steps)) } else { best };
        }
    }
    Ok(best.1)
}

/// Accuracies on five of six kinds of pictures that training never met, of which five each are known: from a random start
/// after 0 to 10 steps, from a learnt start after as many, and by prototypes. In the end the learnt start has had ten steps,
/// prototypes none, and the random start as many of such a rate as is best on classes that training knows.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (outer, tests) = run.pick(((400, 4), 100), ((40, 4), 20));
    let (train, test) =
        (Twenty::read(&Library::BuiltIn, Split::Train)?, Twenty::read(&Library::BuiltIn, Split::Test)?);
    let held_out = [7, 8, 9, 17, 18, 19];
    let known: Vec<u32> = (0..20).filter(|class| !held_out.contains(class)).collect();
    let training = FewShot::new(&train.labels, &known, 5, 5, 5, run.seed)?;
    let testing = FewShot::new(&test.labels, &held_out, 5, 5, 10, 1_000)?; // the same tasks for every seed
    let (images, new_images) = (train.images()?, test.images()?);
    let new = (0..tests).map(|i| testing.episode(i, &new_images)).collect::<Result<Vec<_>, _>>()?;

    let maml = Maml::new(0.1, 3)?;
    let mut params = Params::new(run.seed);
    let task = network(&mut params, 5)?;
    let random = curve(maml.inner(), &task, &params, &new, 10)?;
    // Tasks that the learnt start does not meet: its own are the first ones.
    let tuning = (0..5).map(|i| training.episode(1_000_000 + i, &images)).collect::<Result<Vec<_>, _>>()?;
    let (rate, steps) = chosen(&task, &params, &tuning, run.pick(100, 20))?;
    let converged = after(InnerLoop::new(rate, 1)?, &task, &params, &new, steps)?;
    learn(&maml, &task, &mut params, outer, |i| training.episode(i, &images))?;
    let learnt = curve(maml.inner(), &task, &params, &new, 10)?;

    let mut params = Params::new(run.seed);
    let embedding = network(&mut params, 64)?;
    learn(&Prototypes, &embedding, &mut params, outer, |i| training.episode(i, &images))?;
    let mut right = 0.0;
    for episode in &new {
        let logits = Prototypes.predict(&embedding, &params, &episode.support, episode.query.inputs())?;
        right += embedding.score(&logits, episode.query.targets())?.metric() / new.len() as f64;
    }
    let at = |curve: Vec<f64>, end: f64| vec![curve[0], curve[1], curve[3], curve[10], end];
    let end = learnt[10];
    Ok(vec![
        ("chance".into(), vec![0.2; 5]),
        ("random start".into(), at(random, converged)),
        ("MAML".into(), at(learnt, end)),
        ("prototypical network".into(), vec![right, f64::NAN, f64::NAN, f64::NAN, right]),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
