//! A network that tells the main object of a scene and finds all, how well it does, and what that takes.

use super::{Outcome, answers, share};
use tress::mtl::detect::{Detection, Grid, count, suppress};
use tress::nn::metric::BoxPrecision;
use tress::prelude::*;
use tress_cli::data::{Scenes, scenes::CLASSES};
use tress_cli::systems::Run;

/// A trunk from 64x64 pixels to 48 channels of 8x8, and the heads that are wanted: main object, boxes.
pub struct Network {
    pub trunk: Sequential,
    heads: [Option<Sequential>; 2],
}

impl Network {
    pub fn new(params: &mut Params, grid: &Grid, tasks: [bool; 2]) -> Outcome<Self> {
        let mut conv = |name: &str, inputs, outputs| {
            let layer = Conv2d::builder(inputs, outputs, [3, 3]).same().init(Init::HeUniform);
            layer.activation(Map::Relu).build(&mut params.scope(name))
        };
        let mut trunk = Sequential::new();
        for (name, inputs, outputs) in [("trunk.1", 1, 12), ("trunk.2", 12, 24), ("trunk.3", 24, 48)] {
            trunk = trunk.then(conv(name, inputs, outputs)?).then(MaxPool2d::new([2, 2]));
        }
        trunk = trunk.then(conv("trunk.4", 48, 48)?);
        let [look, detect] = [conv("main.0", 48, 48)?, conv("boxes.1", 48, 48)?];
        let boxes = Conv2d::new(&mut params.scope("boxes.2"), 48, grid.outputs(), [1, 1])?;
        let first = Dense::new(&mut params.scope("main.1"), 48, 64)?.activation(Map::Relu);
        let main = Dense::new(&mut params.scope("main.2"), 64, CLASSES)?;
        let main =
            Sequential::new().then(look).then(MaxPool2d::new([8, 8])).then(Flatten).then(first).then(main);
        let boxes = Sequential::new().then(detect).then(boxes);
        Ok(Self { trunk, heads: [tasks[0].then_some(main), tasks[1].then_some(boxes)] })
    }

    /// What the heads say of features of the trunk.
    pub fn outputs<V: Value>(&self, bound: &Bound<V>, features: &V) -> [Option<V>; 2] {
        self.heads.each_ref().map(|head| head.as_ref().map(|head| head.apply(bound, features)))
    }
}

/// The share of main objects that were told right, mAP at 0.5 and from 0.5 to 0.95, and what was found in each scene. `outputs`
/// gives what the two heads say of pictures; what a network has no head for is NaN.
pub fn judge(
    scenes: &Scenes,
    grid: &Grid,
    outputs: impl Fn(&Eager) -> [Option<Eager>; 2],
) -> Outcome<([f64; 3], Vec<Vec<Detection>>)> {
    let mut precision = BoxPrecision::new(CLASSES)?;
    let (mut said, mut all_found) = (Vec::new(), Vec::new());
    for batch in Batches::new(scenes.len(), 100)?.iter() {
        let [main, boxes] = outputs(&Eager::new(scenes.images(batch)?));
        if let Some(main) = main {
            said.extend(answers(main.tensor()?));
        }
        if let Some(boxes) = boxes {
            for (&scene, found) in batch.iter().zip(grid.detect(boxes.tensor()?, 0.02)?) {
                let found = suppress(found, 0.5);
                count(&mut precision, &found, &scenes.objects[scene])?;
                all_found.push(found);
            }
        }
    }
    let right = |i: usize| said.get(i) == Some(&scenes.objects[i][0].class);
    let main = if said.is_empty() { f64::NAN } else { share(scenes.len(), right) };
    let boxes = precision.at_half().zip(precision.value()).filter(|_| !all_found.is_empty());
    let (half, all) = boxes.unwrap_or((f64::NAN, f64::NAN));
    Ok(([main, half, all], all_found))
}

/// Leaves pictures of the first eight scenes, with what was found in them with a score above 0.3.
pub fn keep(run: &Run<'_>, scenes: &Scenes, found: Vec<Vec<Detection>>) -> Outcome<()> {
    for (scene, mut found) in found.into_iter().enumerate().take(8) {
        found.retain(|found| found.score > 0.3);
        run.keep(&format!("seed{}-scene{scene}.png", run.seed), &scenes.picture(scene, &found)?)?;
    }
    Ok(())
}

/// The number of parameters of the trunk and of the heads that are used, main object and boxes.
pub fn size(params: &Params, tasks: [bool; 2]) -> Outcome<f64> {
    let mut size = 0;
    for (scope, used) in [("trunk", true), ("main", tasks[0]), ("boxes", tasks[1])] {
        let parts = if used { params.ranges_of(scope)? } else { Vec::new() };
        size += parts.iter().map(|part| part.len()).sum::<usize>();
    }
    Ok(size as f64)
}

/// The time of a step of each row's networks, in times of the first row, of which `few` takes some: four rounds, in which the networks
/// take turns, so that what else the machine does meets all of them; the lower quartile. Of two networks the sum.
pub fn paces<V: Copy + PartialEq>(
    rows: &[(&str, [V; 2])],
    few: impl Fn(V, &mut Vec<f64>) -> Outcome<()>,
) -> Outcome<Vec<f64>> {
    let mut times = vec![[Vec::new(), Vec::new()]; rows.len()];
    for _round in 0..4 {
        for ((_, networks), times) in rows.iter().zip(&mut times) {
            let count = if networks[0] == networks[1] { 1 } else { 2 };
            for (&network, times) in networks.iter().zip(times).take(count) {
                few(network, times)?;
            }
        }
    }
    let quartile = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 4).copied().unwrap_or(0.0)
    };
    let times: Vec<f64> = times.iter_mut().map(|both| both.iter_mut().map(quartile).sum()).collect();
    Ok(times.iter().map(|time| time / times[0]).collect())
}
