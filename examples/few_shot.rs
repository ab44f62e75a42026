//! New kinds of pictures from five samples each: learnt starts beside a random one, and prototypes.
//!
//! Training meets nine of twenty classes of digits and clothes; five others choose rates and steps, the last six are the test.
//!
//! `cargo run --release --example few_shot`

mod common;

use common::Outcome;
use common::episodes::{adapted, keep, learn};
use tress::mtl::meta::{FewShot, InnerLoop, Maml, MetaMethod, MetaSgd, Prototypes, Reptile};
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty};
use tress_cli::systems::{Rows, Run, System, number, percent};

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
        number("steps", 0),
        number("rate", 2),
    ],
    floor: "chance",
    linear: "",
    alone: "random start",
    tress: "MAML",
    run,
};

/// Accuracies on five of six kinds of pictures that training never met, of which five each are known: after 0 to 10 steps of
/// the rate that the method has learnt with, and in the end. There every start has the rate and the number of steps, up to 300,
/// that do best on ten tasks of five other classes, which training has not met either. Prototypes take no step. A picture of the
/// first ten steps is left in the folder.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (outer, tests) = run.pick(((400, 4), 100), ((40, 4), 20));
    let (train, test) =
        (Twenty::read(&Library::BuiltIn, Split::Train)?, Twenty::read(&Library::BuiltIn, Split::Test)?);
    let (held, testing) = ([5, 6, 14, 15, 16], [7, 8, 9, 17, 18, 19]);
    let known: Vec<u32> = (0..20).filter(|class| !held.contains(class) && !testing.contains(class)).collect();
    let training = FewShot::new(&train.labels, &known, 5, 5, 5, run.seed)?;
    let choosing = FewShot::new(&train.labels, &held, 5, 5, 10, run.seed)?;
    let testing = FewShot::new(&test.labels, &testing, 5, 5, 10, 1_000)?; // the same tasks for every seed
    let (images, new_images) = (train.images()?, test.images()?);
    let tuning = (0..10).map(|i| choosing.episode(i, &images)).collect::<Result<Vec<_>, _>>()?;
    let new = (0..tests).map(|i| testing.episode(i, &new_images)).collect::<Result<Vec<_>, _>>()?;

    let rates = [0.03, 0.1, 0.3];
    let loops = rates.map(|rate| InnerLoop::new(rate, 1)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut rows = vec![("chance".into(), [&[0.2; 5][..], &[f64::NAN; 2]].concat())];
    let mut curves = vec![("chance".to_owned(), vec![0.2])];
    let mut row = |name: &str, own: &InnerLoop, loops: &[InnerLoop], task: &Task, params: &Params| {
        let most = (&[0, 1, 3, 10][..], run.pick(300, 20));
        let (mut row, steps, place, curve) = adapted((own, loops), task, params, [&tuning, &new], most)?;
        row.extend([steps as f64, if loops.len() > 1 { rates[place] } else { f64::NAN }]);
        rows.push((name.to_owned(), row));
        curves.push((name.to_owned(), curve));
        Outcome::Ok(())
    };
    let start = || -> Outcome<(Params, Task)> {
        let mut params = Params::new(run.seed);
        let task = network(&mut params, 5)?;
        Ok((params, task))
    };
    let (maml, (params, task)) = (Maml::new(0.1, 3)?, start()?);
    row("random start", maml.inner(), &loops, &task, &params)?;
    let in_head: Vec<InnerLoop> = loops.iter().map(|inner| inner.clone().within("head")).collect();
    for (name, method, loops) in [
        ("MAML", maml.clone(), &loops),
        ("first order", maml.clone().first_order(), &loops),
        ("ANIL", maml.clone().within("head"), &in_head),
    ] {
        let (mut params, task) = start()?;
        learn(&method, &task, &mut params, outer, |i| training.episode(i, &images))?;
        row(name, method.inner(), loops, &task, &params)?;
    }
    let (reptile, (mut params, task)) = (Reptile::new(0.1, 6)?, start()?);
    learn(&reptile, &task, &mut params, outer, |i| training.episode(i, &images))?;
    row("Reptile", reptile.inner(), &loops, &task, &params)?;
    let (mut params, task) = start()?;
    let meta_sgd = MetaSgd::new(&mut params, 0.1, 3)?;
    learn(&meta_sgd, &task, &mut params, outer, |i| training.episode(i, &images))?;
    row("Meta-SGD", meta_sgd.inner(), &[meta_sgd.inner().clone()], &task, &params)?; // its rates are learnt

    let mut params = Params::new(run.seed);
    let embedding = network(&mut params, 64)?;
    learn(&Prototypes, &embedding, &mut params, outer, |i| training.episode(i, &images))?;
    let mut right = 0.0;
    for episode in &new {
        let logits = Prototypes.predict(&embedding, &params, &episode.support, episode.query.inputs())?;
        right += embedding.score(&logits, episode.query.targets())?.metric() / new.len() as f64;
    }
    let nan = f64::NAN;
    rows.push(("prototypical network".into(), vec![right, nan, nan, nan, right, 0.0, nan]));
    curves.push(("prototypical network".into(), vec![right]));
    keep(run, &SYSTEM, "accuracy on new classes, %", curves)?;
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
