//! One network that says what the main object of a scene is and finds all of them, beside a network for each.
//!
//! Scenes of 64x64 pixels with one to three digits and pieces of clothing. `TRESS_SEEDS` is the number of seeds, or 3;
//! pictures of what was found are left in `runs/detection`.
//!
//! `cargo run --release --example detection`

mod common;

use common::{Outcome, answers, labels, share, train};
use tress::mtl::detect::{Detection, Grid, count, suppress};
use tress::nn::metric::BoxPrecision;
use tress::prelude::*;
use tress_cli::data::{Library, Scenes, Split, scenes::CLASSES};

/// A trunk from 64x64 pixels to 48 channels of 8x8, and the heads that are wanted.
struct Network {
    trunk: Sequential,
    main: Option<Sequential>,
    boxes: Option<Sequential>,
}

impl Network {
    fn new(params: &mut Params, grid: &Grid, tasks: [bool; 2]) -> Outcome<Self> {
        let mut conv = |name: &str, inputs, outputs| {
            let layer = Conv2d::builder(inputs, outputs, [3, 3]).same().init(Init::HeUniform);
            layer.activation(Map::Relu).build(&mut params.scope(name))
        };
        let mut trunk = Sequential::new();
        for (name, inputs, outputs) in [("trunk.1", 1, 12), ("trunk.2", 12, 24), ("trunk.3", 24, 48)] {
            trunk = trunk.then(conv(name, inputs, outputs)?).then(MaxPool2d::new([2, 2]));
        }
        trunk = trunk.then(conv("trunk.4", 48, 48)?);
        let detect = conv("boxes.1", 48, 48)?;
        let boxes = Conv2d::new(&mut params.scope("boxes.2"), 48, grid.outputs(), [1, 1])?;
        let first = Dense::new(&mut params.scope("main.1"), 48, 64)?.activation(Map::Relu);
        let main = Dense::new(&mut params.scope("main.2"), 64, CLASSES)?;
        let main = Sequential::new().then(MaxPool2d::new([8, 8])).then(Flatten).then(first).then(main);
        let boxes = Sequential::new().then(detect).then(boxes);
        Ok(Self { trunk, main: tasks[0].then_some(main), boxes: tasks[1].then_some(boxes) })
    }
}

/// How a network does: accuracy of the main object, mAP at 0.5 and from 0.5 to 0.95, parameters, and what was found.
pub(crate) type Judged = (Option<f64>, Option<[f64; 2]>, usize, Vec<Vec<Detection>>);

/// Trains on `scenes`, with the tasks that are wanted, and judges on test scenes.
pub(crate) fn run([scenes, test]: [&Scenes; 2], tasks: [bool; 2], epochs: u64, seed: u64) -> Outcome<Judged> {
    let (grid, mut params) = (Grid::new([8, 8], 8.0, CLASSES)?, Params::new(seed));
    let network = Network::new(&mut params, &grid, tasks)?;
    let main: Vec<u32> = scenes.objects.iter().map(|objects| objects[0].class).collect();
    train(&mut params, (scenes.len(), epochs, 0.003, seed), |tape, bound, batch| {
        let features = network.trunk.apply(bound, &tape.var(scenes.images(batch)?));
        let mut sum = tape.var(Tensor::scalar(0.0));
        if let Some(head) = &network.main {
            let logits = head.apply(bound, &features);
            sum = sum + cross_entropy(&logits, &labels(&main, batch, CLASSES)?);
        }
        if let Some(head) = &network.boxes {
            let objects: Vec<_> = batch.iter().map(|&scene| scenes.objects[scene].clone()).collect();
            sum = sum + grid.losses(&head.apply(bound, &features), &grid.assign(&objects)?).sum();
        }
        Ok(sum)
    })?;
    let (bound, mut precision) = (params.eager(), BoxPrecision::new(CLASSES));
    let (mut right, mut all_found) = (Vec::new(), Vec::new());
    for batch in Batches::new(test.len(), 100)?.iter() {
        let features = network.trunk.apply(&bound, &Eager::new(test.images(batch)?));
        if let Some(head) = &network.main {
            right.extend(answers(head.apply(&bound, &features).tensor()?));
        }
        if let Some(head) = &network.boxes {
            let found = grid.detect(head.apply(&bound, &features).tensor()?, 0.02)?;
            for (&scene, found) in batch.iter().zip(found) {
                let found = suppress(found, 0.5);
                count(&mut precision, &found, &test.objects[scene])?;
                all_found.push(found);
            }
        }
    }
    let accuracy =
        network.main.is_some().then(|| share(right.len(), |i| right[i] == test.objects[i][0].class));
    let precision =
        precision.at_half().zip(precision.value()).filter(|_| network.boxes.is_some()).map(Into::into);
    let scopes =
        ["trunk", "main", "boxes"].into_iter().zip([true, tasks[0], tasks[1]]).filter(|(_, used)| *used);
    let parameters = scopes.map(|(scope, _)| params.range_of(scope).map_or(0, |range| range.len())).sum();
    Ok((accuracy, precision, parameters, all_found))
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    let seeds = std::env::var("TRESS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    let scenes = Scenes::draw(&Library::BuiltIn, Split::Train, 4_000, 1)?;
    let test = Scenes::draw(&Library::BuiltIn, Split::Test, 1_000, 2)?;
    println!("         seed   main object   mAP@0.5   mAP@[.5:.95]   parameters   seconds");
    for seed in 1..=seeds {
        for (name, tasks) in [("joint", [true; 2]), ("main", [true, false]), ("boxes", [false, true])] {
            let start = std::time::Instant::now();
            let (accuracy, precision, parameters, found) = run([&scenes, &test], tasks, 8, seed)?;
            let percent = |x: Option<f64>| x.map_or("-".into(), |x| format!("{:.1} %", 100.0 * x));
            let [half, all] = [0, 1].map(|i| percent(precision.map(|both| both[i])));
            let (accuracy, seconds) = (percent(accuracy), start.elapsed().as_secs_f64());
            println!(
                "{name:<8} {seed:>4} {accuracy:>13} {half:>9} {all:>14} {parameters:>12} {seconds:>9.0}"
            );
            if seed == 1 && name == "joint" {
                std::fs::create_dir_all("runs/detection")?;
                for (scene, mut found) in found.into_iter().enumerate().take(8) {
                    found.retain(|found| found.score > 0.3);
                    std::fs::write(format!("runs/detection/scene{scene}.png"), test.picture(scene, &found)?)?;
                }
            }
        }
    }
    Ok(())
}
