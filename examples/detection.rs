//! One network that says what the main object of a scene is and finds all of them, beside a network for each.
//!
//! Scenes of 64x64 pixels with one to three digits and pieces of clothing. The joint network is trained by the sum of its losses,
//! plain or weighted, and by a method that balances them; which of these stands for the system was chosen on the validation
//! scenes. Pictures of what was found are left beside the results.
//!
//! `cargo run --release --example detection`

mod common;

use common::detector::{judge, keep, quartile, size};
use common::{Outcome, descend, labels};
use std::time::Instant;
use tress::mtl::balance::{Equal, Fixed};
use tress::mtl::detect::Grid;
use tress::prelude::*;
use tress_cli::data::{Library, Scenes, Split, scenes::CLASSES};
use tress_cli::systems::{Rows, Run, System, number, percent};

/// A trunk from 64x64 pixels to 48 channels of 8x8, and the heads that are wanted: main object, boxes.
struct Network {
    trunk: Sequential,
    heads: [Option<Sequential>; 2],
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
    fn outputs<V: Value>(&self, bound: &Bound<V>, features: &V) -> [Option<V>; 2] {
        self.heads.each_ref().map(|head| head.as_ref().map(|head| head.apply(bound, features)))
    }
}

/// The system, as `tress train --system detection` runs it.
pub const SYSTEM: System = System {
    name: "detection",
    title: "A class and boxes from one network",
    data: "scenes of digits and clothes",
    columns: &[
        percent("main object").headline(),
        percent("mAP@0.5").headline(),
        percent("mAP@[.5:.95]"),
        percent("validation: main"),
        percent("validation: mAP@0.5"),
        number("parameters", 0),
        number("ms a step", 0),
    ],
    floor: "untrained",
    alone: "single tasks",
    tress: "joint, nash",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (counts, tests, epochs) = run.pick(([10_000, 1_000], 1_000, 8), ([1_000, 50], 150, 6));
    let [scenes, held] = Scenes::hold_out(&Library::BuiltIn, counts, 1)?;
    let test = Scenes::draw(&Library::BuiltIn, Split::Test, tests, 2)?;
    let grid = Grid::new([8, 8], 8.0, CLASSES)?;
    let main: Vec<u32> = scenes.objects.iter().map(|objects| objects[0].class).collect();
    let one = |tasks: [bool; 2], name: &str, epochs: u64| -> Outcome<[f64; 7]> {
        let mut method: Box<dyn Weighting> = match name {
            "main x 3" => Box::new(Fixed::new(&[3.0, 1.0, 1.0, 1.0])?),
            "imtl-l" | "nash" => Box::new(name.parse::<Method>()?.build(4, run.seed, 0.003)?),
            _ => Box::new(Equal::sum()),
        };
        let (mut params, mut times, mut last) = (Params::new(run.seed), Vec::new(), Instant::now());
        let network = Network::new(&mut params, &grid, tasks)?;
        descend(&mut params, (scenes.len(), epochs, 0.003, run.seed), |params, tape, step, batch| {
            times.push(1e3 * std::mem::replace(&mut last, Instant::now()).elapsed().as_secs_f64());
            let bound = params.on(tape).training(step);
            let features = network.trunk.apply(&bound, &tape.var(scenes.images(batch)?));
            let [of_main, of_boxes] = network.outputs(&bound, &features);
            let objects: Vec<_> = batch.iter().map(|&scene| scenes.objects[scene].clone()).collect();
            let (assigned, classes) = (grid.assign(&objects)?, labels(&main, batch, CLASSES)?);
            let mut losses: Vec<_> = of_main.iter().map(|logits| cross_entropy(logits, &classes)).collect();
            if let Some(output) = of_boxes {
                let of = grid.losses(&output, &assigned);
                losses.extend([of.objectness, of.boxes.scale(2.0), of.classes]);
            }
            Ok(balanced(&losses, &[features], &bound, params, &mut *method)?.gradient)
        })?;
        let bound = params.eager();
        let outputs = |images: &Eager| network.outputs(&bound, &network.trunk.apply(&bound, images));
        let ([m, half, all], found) = judge(&test, &grid, outputs)?;
        keep(run, &test, if name == "nash" { found } else { Vec::new() })?;
        let held = judge(&held, &grid, outputs)?.0;
        Ok([m, half, all, held[0], held[1], size(&params, tasks)?, quartile(times)])
    };
    let [m, b] = [one([true, false], "", epochs)?, one([false, true], "", epochs)?];
    let single = vec![m[0], b[1], b[2], m[3], b[4], m[5] + b[5], m[6] + b[6]];
    let mut rows = vec![("untrained".into(), one([true; 2], "", 0)?.into()), ("single tasks".into(), single)];
    for name in run.pick(&["equal", "main x 3", "imtl-l", "nash"][..], &["nash"]) {
        rows.push((format!("joint, {name}"), one([true; 2], name, epochs)?.into()));
    }
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
