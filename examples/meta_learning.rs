//! Learning to learn sine waves: starts from which ten points of a new wave and a few steps are enough.
//!
//! The waves, the network and the inner rate are those of Finn et al. (ICML 2017, section 5.1).
//!
//! `cargo run --release --example meta_learning`

use tress::mtl::meta::{Episode, InnerLoop, Maml, MetaMethod, MetaSgd, Reptile, Sinusoids};
use tress::prelude::*;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Two hidden layers of 40.
fn network(params: &mut Params) -> Outcome<Task> {
    let model = Sequential::new()
        .then(Dense::new(&mut params.scope("first"), 1, 40)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("second"), 40, 40)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("head"), 40, 1)?);
    Ok(Task::new("wave", Objective::Numbers(1), model))
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

/// Root mean squared errors of waves of which ten points are known, by method and number of inner steps.
pub fn sine_waves(outer: (u64, u64), tests: u64) -> Outcome<Vec<(&'static str, Vec<f64>)>> {
    let (training, new) = (Sinusoids::new(1), Sinusoids::new(2));
    let new = (0..tests).map(|i| new.episode(i, 10, 100)).collect::<Result<Vec<_>, _>>()?;
    let maml = Maml::new(0.01, 1)?;
    let mut rows = Vec::new();
    let start = |seed| -> Outcome<(Params, Task)> {
        let mut params = Params::new(seed);
        let task = network(&mut params)?;
        Ok((params, task))
    };
    let (params, task) = start(1)?;
    rows.push(("random start", curve(maml.inner(), &task, &params, &new, 10)?));
    for (name, method) in
        [("MAML", maml.clone()), ("first order", maml.clone().first_order()), ("ANIL", maml.within("head"))]
    {
        let (mut params, task) = start(1)?;
        learn(&method, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
        rows.push((name, curve(method.inner(), &task, &params, &new, 10)?));
    }
    let (mut params, task) = start(1)?;
    let reptile = Reptile::new(0.02, 8)?;
    learn(&reptile, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    rows.push(("Reptile", curve(reptile.inner(), &task, &params, &new, 10)?));
    let (mut params, task) = start(1)?;
    let meta_sgd = MetaSgd::new(&mut params, 0.01, 1)?;
    learn(&meta_sgd, &task, &mut params, outer, |i| training.episode(i, 10, 10))?;
    rows.push(("Meta-SGD", curve(meta_sgd.inner(), &task, &params, &new, 1)?));
    Ok(rows)
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    println!("root mean squared error on 100 new waves after 0, 1, 5 and 10 steps");
    for (name, curve) in sine_waves((2_000, 10), 100)? {
        let at = [0, 1, 5, 10].iter().filter_map(|&i| Some(format!("{:7.3}", curve.get(i)?)));
        println!("{name:<14}{}", at.collect::<String>());
    }
    Ok(())
}
