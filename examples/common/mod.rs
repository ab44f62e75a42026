//! What several examples share: rows of a tensor, and a plain training loop.
#![allow(dead_code, unreachable_pub)] // no example needs all of it

pub mod answers;
pub mod table;
pub mod tagging;

use tress::autograd::op::Index;
use tress::nn::metric::argmax;
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

/// Adam on batches of 32 in an order that follows from `seed`, with a rate that falls along a cosine. `loss` gives the loss
/// of the samples that it is told.
pub fn train(
    params: &mut Params,
    (samples, epochs, rate, seed): (usize, u64, f64, u64),
    loss: impl for<'t> Fn(&'t Tape, &Bound<Var<'t>>, &[usize]) -> Outcome<Var<'t>>,
) -> Outcome<()> {
    let (mut adam, mut tape, batches) = (Adam::new(rate), Tape::new(), Batches::new(samples, 32)?);
    let steps = epochs as f64 * batches.len() as f64;
    for epoch in 0..epochs {
        for batch in batches.clone().shuffled(seed, epoch).iter() {
            let bound = params.on(&tape).training(adam.steps());
            let gradient = loss(&tape, &bound, batch)?.gradient(&bound)?;
            tape.reset(); // nothing looks at the parameters any more, so the optimiser writes in place
            let done = adam.steps() as f64 / steps;
            adam.set_rate(rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()));
            adam.step(params, &gradient)?;
        }
    }
    Ok(())
}
