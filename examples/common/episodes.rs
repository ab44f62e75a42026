//! Learning from episodes, and how well new ones are learned.

use super::Outcome;
use tress::mtl::meta::{Episode, InnerLoop, MetaMethod};
use tress::prelude::*;

/// `steps` outer steps of Adam, each on `batch` episodes.
pub fn learn(
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
pub fn curve(
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
