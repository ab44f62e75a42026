//! New kinds of pictures from five samples each: a learnt start beside a random one, and prototypes.
//!
//! Training meets fourteen of twenty classes of digits and clothes; the other six make the tasks of the test.
//!
//! `cargo run --release --example few_shot`

mod common;

use common::Outcome;
use common::episodes::{curve, learn};
use tress::mtl::meta::{FewShot, Maml, MetaMethod, Prototypes};
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
    columns: &[percent("0 steps"), percent("1 step"), percent("3 steps"), percent("10 steps").headline()],
    floor: "chance",
    alone: "random start",
    tress: "MAML",
    run,
};

/// Accuracies on five of six kinds of pictures that training never met, of which five each are known: from a random start
/// after 0 to 10 steps, from a learnt start after as many, and by prototypes.
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
    let at = |curve: Vec<f64>| vec![curve[0], curve[1], curve[3], curve[10]];
    Ok(vec![
        ("chance".into(), vec![0.2; 4]),
        ("random start".into(), at(random)),
        ("MAML".into(), at(learnt)),
        ("prototypical network".into(), vec![right, f64::NAN, f64::NAN, f64::NAN]),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
