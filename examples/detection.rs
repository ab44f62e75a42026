//! One network that says what the main object of a scene is and finds all of them, beside a network for each.
//!
//! Scenes of 64x64 pixels with one to three digits and pieces of clothing. The joint network is trained by the plain sum of its
//! losses and by methods that balance them; which of these stands for the system was chosen on the validation scenes. Pictures
//! of what was found are left beside the results.
//!
//! `cargo run --release --example detection`

mod common;

use common::{Outcome, detector::judge, labels, train_balanced};
use tress::mtl::balance::Balance;
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
        let detect = conv("boxes.1", 48, 48)?;
        let boxes = Conv2d::new(&mut params.scope("boxes.2"), 48, grid.outputs(), [1, 1])?;
        let first = Dense::new(&mut params.scope("main.1"), 48, 64)?.activation(Map::Relu);
        let main = Dense::new(&mut params.scope("main.2"), 64, CLASSES)?;
        let main = Sequential::new().then(MaxPool2d::new([8, 8])).then(Flatten).then(first).then(main);
        let boxes = Sequential::new().then(detect).then(boxes);
        Ok(Self { trunk, heads: [tasks[0].then_some(main), tasks[1].then_some(boxes)] })
    }

    fn outputs<V: Value>(&self, bound: &Bound<V>, images: &V) -> [Option<V>; 2] {
        let features = self.trunk.apply(bound, images);
        self.heads.each_ref().map(|head| head.as_ref().map(|head| head.apply(bound, &features)))
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
        number("seconds", 0),
    ],
    floor: "untrained",
    alone: "single tasks",
    tress: "joint, nash",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (counts, tests, epochs) = run.pick(([2_500, 500], 1_000, 7), ([800, 50], 150, 10));
    let [scenes, held] = Scenes::hold_out(&Library::BuiltIn, counts, 1)?;
    let test = Scenes::draw(&Library::BuiltIn, Split::Test, tests, 2)?;
    let grid = Grid::new([8, 8], 8.0, CLASSES)?;
    let main: Vec<u32> = scenes.objects.iter().map(|objects| objects[0].class).collect();
    let method = |name: &str| -> Outcome<Balance> { Ok(name.parse::<Method>()?.build(2, run.seed, 0.003)?) };
    let one = |tasks: [bool; 2], mut method: Balance, epochs: u64, pictures: bool| -> Outcome<[f64; 7]> {
        let (mut params, start) = (Params::new(run.seed), std::time::Instant::now());
        let network = Network::new(&mut params, &grid, tasks)?;
        let plan = (scenes.len(), epochs, 0.003, run.seed);
        train_balanced(&mut params, plan, &mut method, |tape, bound, batch| {
            let [of_main, of_boxes] = network.outputs(bound, &tape.var(scenes.images(batch)?));
            let objects: Vec<_> = batch.iter().map(|&scene| scenes.objects[scene].clone()).collect();
            let (assigned, classes) = (grid.assign(&objects)?, labels(&main, batch, CLASSES)?);
            let of_main = of_main.map(|logits| cross_entropy(&logits, &classes));
            let of_boxes = of_boxes.map(|output| grid.losses(&output, &assigned).sum());
            Ok(of_main.into_iter().chain(of_boxes).collect())
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let bound = params.eager();
        let (tested, found) = judge(&test, &grid, |images| network.outputs(&bound, images))?;
        for (scene, mut found) in found.into_iter().enumerate().take(if pictures { 8 } else { 0 }) {
            found.retain(|found| found.score > 0.3);
            run.keep(&format!("seed{}-scene{scene}.png", run.seed), &test.picture(scene, &found)?)?;
        }
        let held = judge(&held, &grid, |images| network.outputs(&bound, images))?.0;
        let mut size = params.range_of("trunk")?.len();
        for (head, _) in ["main", "boxes"].into_iter().zip(tasks).filter(|(_, used)| *used) {
            size += params.range_of(head)?.len();
        }
        Ok([tested[0], tested[1], tested[2], held[0], held[1], size as f64, seconds])
    };
    let m = one([true, false], method("equal")?, epochs, false)?;
    let b = one([false, true], method("equal")?, epochs, false)?;
    let single = [m[0], b[1], b[2], m[3], b[4], m[5] + b[5], m[6] + b[6]];
    let mut rows = vec![("untrained", one([true; 2], method("equal")?, 0, false)?), ("single tasks", single)];
    for name in run.pick(&["equal", "uncertainty", "nash"][..], &["nash"]) {
        rows.push((name, one([true; 2], method(name)?, epochs, *name == "nash")?));
    }
    let title = |(i, name): (usize, &str)| if i < 2 { name.into() } else { format!("joint, {name}") };
    Ok(rows.into_iter().enumerate().map(|(i, (name, row))| (title((i, name)), row.into())).collect())
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
