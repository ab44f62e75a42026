//! New kinds of pictures from five samples each: a learnt start beside a random one, and prototypes.
//!
//! Training meets fourteen of twenty classes of digits and clothes; the other six make the tasks of the test.
//!
//! `cargo run --release --example few_shot`

use tress::mtl::meta::{Episode, FewShot, InnerLoop, Maml, MetaMethod, Prototypes};
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

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

/// `steps` outer steps of Adam, each on `batch` episodes.
fn learn(
    method: &impl MetaMethod,
    task: &Task,
    params: &mut Params,
    (steps, batch): (u64, u64),
    episode: impl Fn(u64) -> tress::mtl::Result<Episode>,
) -> Outcome<()> {
    let mut adam = Adam::new(0.001);
    for step in 0..steps {
        let episodes = (0..batch).map(|i| episode(step * batch + i)).collect::<Result<Vec<_>, _>>()?;
        let found = method.gradient(task, params, &episodes)?;
        adam.step(params, &found.gradient)?;
    }
    Ok(())
}

/// The mean metric on new episodes before the first inner step and after each of `steps`.
fn curve(
    inner: &InnerLoop,
    task: &Task,
    params: &Params,
    new: &[Episode],
    steps: usize,
) -> Outcome<Vec<f64>> {
    let mut mean = vec![0.0; steps + 1];
    for episode in new {
        let curve = inner.curve(task, params, episode, steps)?;
        mean.iter_mut().zip(&curve).for_each(|(mean, score)| *mean += score.metric() / new.len() as f64);
    }
    Ok(mean)
}

/// Accuracies on five of six kinds of pictures that training never met, of which five each are known: from a random start
/// after 0 to 10 steps, from a learnt start after as many, and by prototypes.
pub fn new_classes(outer: (u64, u64), tests: u64) -> Outcome<[Vec<f64>; 3]> {
    let (train, test) =
        (Twenty::read(&Library::BuiltIn, Split::Train)?, Twenty::read(&Library::BuiltIn, Split::Test)?);
    let held_out = [7, 8, 9, 17, 18, 19];
    let known: Vec<u32> = (0..20).filter(|class| !held_out.contains(class)).collect();
    let training = FewShot::new(&train.labels, &known, 5, 5, 5, 1)?;
    let testing = FewShot::new(&test.labels, &held_out, 5, 5, 10, 2)?;
    let (images, new_images) = (train.images()?, test.images()?);
    let new = (0..tests).map(|i| testing.episode(i, &new_images)).collect::<Result<Vec<_>, _>>()?;

    let maml = Maml::new(0.1, 3)?;
    let mut params = Params::new(1);
    let task = network(&mut params, 5)?;
    let random = curve(maml.inner(), &task, &params, &new, 10)?;
    learn(&maml, &task, &mut params, outer, |i| training.episode(i, &images))?;
    let learnt = curve(maml.inner(), &task, &params, &new, 10)?;

    let mut params = Params::new(1);
    let embedding = network(&mut params, 64)?;
    learn(&Prototypes, &embedding, &mut params, outer, |i| training.episode(i, &images))?;
    let mut right = 0.0;
    for episode in &new {
        let logits = Prototypes.predict(&embedding, &params, &episode.support, episode.query.inputs())?;
        right += embedding.score(&logits, episode.query.targets())?.metric() / new.len() as f64;
    }
    Ok([random, learnt, vec![right]])
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    println!("accuracy on 100 tasks of 5 new classes, 5 shots, after 0, 1, 3 and 10 steps; chance is 20 %");
    let names = ["random start", "MAML", "prototypes"];
    for (name, curve) in names.iter().zip(new_classes((600, 4), 100)?) {
        let at = [0, 1, 3, 10].iter().filter_map(|&i| Some(format!("{:7.1} %", 100.0 * curve.get(i)?)));
        println!("{name:<14}{}", at.collect::<String>());
    }
    Ok(())
}
