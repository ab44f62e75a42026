//! Learning from episodes, and how well new ones are learned.

use super::Outcome;
use tress::mtl::measure::Better;
use tress::mtl::meta::{Episode, InnerLoop, MetaMethod};
use tress::prelude::*;
use tress_cli::report::{Curve, curves};
use tress_cli::systems::{Run, System};

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

/// The mean metric on episodes after so many steps of the inner loop.
pub fn after(inner: &InnerLoop, task: &Task, params: &Params, of: &[Episode], steps: usize) -> Outcome<f64> {
    let (inner, mut mean) = (inner.clone().with_steps(steps), 0.0);
    for episode in of {
        let said = inner.predict(task, params, &episode.support, episode.query.inputs())?;
        mean += task.score(&said, episode.query.targets())?.metric() / of.len() as f64;
    }
    Ok(mean)
}

/// Of inner loops and up to `most` steps of each, those that do best on episodes that are no test: the place of the loop, and
/// the number of steps. Of equals the first.
pub fn chosen(
    inner: &[InnerLoop],
    task: &Task,
    params: &Params,
    known: &[Episode],
    most: usize,
) -> Outcome<(usize, usize)> {
    let is_better = |a: f64, b: f64| if task.better() == Better::Lower { a < b } else { a > b };
    let mut best = None;
    for (place, inner) in inner.iter().enumerate() {
        for (steps, &score) in curve(inner, task, params, known, most)?.iter().enumerate() {
            if best.is_none_or(|(other, _)| is_better(score, other)) {
                best = Some((score, (place, steps)));
            }
        }
    }
    Ok(best.ok_or("there is no number to choose by")?.1)
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

/// A row: the adaptation curve of a start by its own inner loop at some steps, and how far it comes in the end, by the best of some
/// inner loops and of up to `most` steps, chosen on episodes that are no test. Then that number of steps, the place of the loop,
/// and the whole curve.
pub fn adapted(
    (own, loops): (&InnerLoop, &[InnerLoop]),
    task: &Task,
    params: &Params,
    [known, new]: [&[Episode]; 2],
    (at, most): (&[usize], usize),
) -> Outcome<(Vec<f64>, usize, usize, Vec<f64>)> {
    let curve = curve(own, task, params, new, at.iter().copied().max().unwrap_or(0))?;
    let (place, steps) = chosen(loops, task, params, known, most)?;
    let end = after(&loops[place], task, params, new, steps)?;
    Ok((at.iter().map(|&step| curve[step]).chain([end]).collect(), steps, place, curve))
}

/// Leaves a picture of adaptation curves in the folder of the run; `measure` is what they are of.
pub fn keep(run: &Run<'_>, system: &System, measure: &str, all: Vec<(String, Vec<f64>)>) -> Outcome<()> {
    let column = system.columns[0];
    let scaled = |points: Vec<f64>| points.into_iter().map(|value| value * column.scale).collect();
    let all: Vec<_> = all.into_iter().map(|(name, points)| Curve { name, points: scaled(points) }).collect();
    let title = format!("{}: seed {}", system.title, run.seed);
    let picture = curves(&title, measure, column.digits, &all);
    Ok(run.keep(&format!("seed{}-curves.svg", run.seed), picture.as_bytes())?)
}
