//! What several examples share: rows of a tensor, and a plain training loop.
#![allow(dead_code, unreachable_pub)] // no example needs all of it

pub mod answers;
pub mod detector;
pub mod episodes;
pub mod leaf_tasks;
pub mod table;
pub mod tagging;

use tress::autograd::op::Index;
use tress::nn::Renewed;
use tress::nn::metric::{Clusters, Regression, argmax};
use tress::prelude::*;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Some samples of `[N, ..]`, in the order given.
pub fn rows(all: &Tensor, samples: &[usize]) -> Outcome<Tensor> {
    let places: Vec<u32> = samples.iter().map(|&sample| sample as u32).collect();
    Ok(Eager::new(all.clone()).gather(0, &Index::new(&Tensor::vector(&places))).tensor()?.clone())
}

/// Labels of some samples.
pub fn labels(all: &[u32], samples: &[usize], classes: usize) -> Outcome<Labels> {
    Ok(Labels::new(samples.iter().map(|&sample| all[sample]), classes)?)
}

/// The largest of each row.
pub fn answers(p: &Tensor) -> Vec<u32> {
    argmax(p).into_iter().map(|best| best.unwrap_or(0) as u32).collect()
}

/// The share of samples for which `right` holds.
pub fn share(samples: usize, right: impl Fn(usize) -> bool) -> f64 {
    (0..samples).filter(|&sample| right(sample)).count() as f64 / samples as f64
}

/// The share of answers that are right.
pub fn right(said: &[u32], truth: &[u32]) -> f64 {
    share(truth.len(), |i| said[i] == truth[i])
}

/// The mean of some numbers.
pub fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The share of the commonest of some labels among others: what anybody gets without looking at the samples.
pub fn commonest(known: &[u32], asked: &[u32]) -> f64 {
    let count = |label: u32| known.iter().filter(|&&other| other == label).count();
    let best = known.iter().copied().max_by_key(|&label| (count(label), std::cmp::Reverse(label)));
    share(asked.len(), |i| Some(asked[i]) == best)
}

/// The setting with the highest score; of equals the first. One alone is not tried.
pub fn best_of<S: Copy>(settings: &[S], mut score: impl FnMut(S) -> Outcome<f64>) -> Outcome<S> {
    let (&first, others) = settings.split_first().ok_or("there is no setting to choose")?;
    let mut best = (first, if others.is_empty() { 0.0 } else { score(first)? });
    for &setting in others {
        let found = score(setting)?;
        best = if found > best.1 { (setting, found) } else { best };
    }
    Ok(best.0)
}

/// NMI and ARI of classes and groups.
pub fn agreement(classes: &[u32], groups: &[u32]) -> Outcome<[f64; 2]> {
    let mut metric = Clusters::new();
    metric.add(classes, groups)?;
    Ok([metric.nmi().unwrap_or(f64::NAN), metric.ari().unwrap_or(f64::NAN)])
}

/// The share of the variance of numbers that is told. All are one target: some pixels never vary.
pub fn explained(said: &Tensor, truth: &Tensor) -> Outcome<f64> {
    let (mut explained, all) = (Regression::new(), [truth.len()]);
    explained.add(&said.reshape(all)?, &truth.reshape(all)?)?;
    Ok(explained.r2().unwrap_or(f64::NAN))
}

/// Samples, epochs, the highest rate, and the seed of the order.
pub type Plan = (usize, u64, f64, u64);

/// Adam on batches of 32 in an order that follows from the seed, with a rate that falls along a cosine. `loss` gives the loss
/// of the samples that it is told.
pub fn train(
    params: &mut Params,
    plan: Plan,
    loss: impl for<'t> Fn(&'t Tape, &Bound<Var<'t>>, &[usize]) -> Outcome<Var<'t>>,
) -> Outcome<()> {
    train_by(Adam::new(plan.2), params, plan, loss)
}

/// The same by an Adam of one's own, with weight decay say.
pub fn train_by(
    adam: Adam,
    params: &mut Params,
    plan: Plan,
    loss: impl for<'t> Fn(&'t Tape, &Bound<Var<'t>>, &[usize]) -> Outcome<Var<'t>>,
) -> Outcome<()> {
    descend_by(adam, params, plan, |params, tape, step, batch| {
        let bound = params.on(tape).training(step);
        let gradient = loss(tape, &bound, batch)?.gradient(&bound)?;
        Ok((gradient, bound.renewed()?))
    })
}

/// The same with a loss for each of several tasks, which `method` balances.
pub fn train_balanced(
    params: &mut Params,
    plan: Plan,
    method: &mut dyn Weighting,
    losses: impl for<'t> Fn(&'t Tape, &Bound<Var<'t>>, &[usize]) -> Outcome<Vec<Var<'t>>>,
) -> Outcome<()> {
    descend_by(Adam::new(plan.2), params, plan, |params, tape, step, batch| {
        let bound = params.on(tape).training(step);
        let losses = losses(tape, &bound, batch)?;
        let gradient = balanced(&losses, &cut(&losses, &bound)?, &bound, params, method)?.gradient;
        Ok((gradient, bound.renewed()?))
    })
}

/// The same for a model without running statistics: `gradient` gives that of the loss of the samples that it is told, in the
/// step that it is told.
pub fn descend(
    params: &mut Params,
    plan: Plan,
    mut gradient: impl FnMut(&Params, &Tape, u64, &[usize]) -> Outcome<Tensor>,
) -> Outcome<()> {
    descend_by(Adam::new(plan.2), params, plan, |params, tape, step, batch| {
        Ok((gradient(params, tape, step, batch)?, Renewed::default()))
    })
}

/// The loop of all.
fn descend_by(
    mut adam: Adam,
    params: &mut Params,
    (samples, epochs, rate, seed): Plan,
    mut gradient: impl FnMut(&Params, &Tape, u64, &[usize]) -> Outcome<(Tensor, Renewed)>,
) -> Outcome<()> {
    let (mut tape, batches) = (Tape::new(), Batches::new(samples, 32)?);
    let steps = epochs as f64 * batches.len() as f64;
    for epoch in 0..epochs {
        for batch in batches.clone().shuffled(seed, epoch).iter() {
            let (gradient, renewed) = gradient(params, &tape, adam.steps(), batch)?;
            tape.reset(); // nothing looks at the parameters any more, so the optimiser writes in place
            let done = adam.steps() as f64 / steps;
            adam.set_rate(rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()));
            adam.step(params, &gradient)?;
            params.renew(&renewed)?;
        }
    }
    Ok(())
}
