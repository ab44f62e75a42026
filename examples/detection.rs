//! One network that says what the main object of a scene is and finds all of them, beside a network for each.
//!
//! Scenes of 64x64 pixels with one to three digits and pieces of clothing. The joint network is trained by the sum of its losses,
//! plain or weighted, and by a method that balances them; which of these stands for the system was chosen on the validation
//! scenes. Pictures of what was found are left beside the results.
//!
//! `cargo run --release --example detection`

mod common;

use common::detector::{Network, judge, keep, paces, size};
use common::{Outcome, descend, labels};
use std::time::Instant;
use tress::mtl::balance::{Equal, Fixed};
use tress::mtl::detect::Grid;
use tress::prelude::*;
use tress_cli::data::{Library, Scenes, Split, scenes::CLASSES};
use tress_cli::systems::{Rows, Run, System, number, percent};

/// The tasks of a network, and how its losses are balanced: the one of the main object, and the three of boxes.
pub type Variant = ([bool; 2], &'static str);

/// The rows: what tells the main object, and what finds boxes.
const NAMED: [(&str, [Variant; 2]); 6] = [
    ("single tasks, equal", [([true, false], "equal"), ([false, true], "equal")]),
    ("single tasks, nash", [([true, false], "nash"), ([false, true], "nash")]),
    ("joint, equal", [([true; 2], "equal"); 2]),
    ("joint, main x 3", [([true; 2], "main x 3"); 2]),
    ("joint, imtl-l", [([true; 2], "imtl-l"); 2]),
    ("joint, nash", [([true; 2], "nash"); 2]),
];

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
        number("time of a step", 2),
    ],
    floor: "untrained",
    linear: "",
    alone: "single tasks, nash",
    tress: "joint, nash",
    run,
};

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (counts, tests, epochs) = run.pick(([10_000, 1_000], 1_000, 8), ([1_000, 50], 150, 6));
    let [scenes, held] = Scenes::hold_out(&Library::BuiltIn, counts, 1)?;
    let test = Scenes::draw(&Library::BuiltIn, Split::Test, tests, 2)?;
    let grid = Grid::new([8, 8], 8.0, CLASSES)?;
    let main: Vec<u32> = scenes.objects.iter().map(|objects| objects[0].class).collect();
    // A network for some of the tasks, trained on the first of the scenes; the time of each step goes to `times`.
    let learn = |(tasks, name): Variant, count: usize, epochs: u64, times: &mut Vec<f64>| -> Outcome<_> {
        let losses = usize::from(tasks[0]) + 3 * usize::from(tasks[1]);
        let mut method: Box<dyn Weighting> = match name {
            "main x 3" => Box::new(Fixed::new(&[3.0, 1.0, 1.0, 1.0])?),
            "imtl-l" | "nash" => Box::new(name.parse::<Method>()?.build(losses, run.seed, 0.003)?),
            _ => Box::new(Equal::sum()),
        };
        let (mut params, mut last) = (Params::new(run.seed), Instant::now());
        let network = Network::new(&mut params, &grid, tasks)?;
        descend(&mut params, (count, epochs, 0.003, run.seed), |params, tape, step, batch| {
            let before = std::mem::replace(&mut last, Instant::now());
            times.extend((step > 0).then(|| before.elapsed().as_secs_f64()));
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
        Ok((params, network))
    };
    let one = |of: Variant, epochs: u64| -> Outcome<[f64; 6]> {
        let (params, network) = learn(of, scenes.len(), epochs, &mut Vec::new())?;
        let bound = params.eager();
        let outputs = |images: &Eager| network.outputs(&bound, &network.trunk.apply(&bound, images));
        let ([m, half, all], found) = judge(&test, &grid, outputs)?;
        keep(run, &test, if of == ([true; 2], "nash") { found } else { Vec::new() })?;
        let [main, boxes, _] = judge(&held, &grid, outputs)?.0;
        Ok([m, half, all, main, boxes, size(&params, of.0)?])
    };
    let named = run.pick(&NAMED[..], &[NAMED[0], NAMED[1], NAMED[5]]);
    let paces = paces(named, |of, times| learn(of, 256, 1, times).map(drop))?;
    let mut rows = vec![("untrained".into(), [&one(NAMED[2].1[0], 0)?[..], &[f64::NAN]].concat())];
    for ((name, [first, second]), pace) in named.iter().zip(paces) {
        let mut row = one(*first, epochs)?;
        if first != second {
            let [_, half, all, _, boxes, size] = one(*second, epochs)?;
            row = [row[0], half, all, row[3], boxes, row[5] + size];
        }
        rows.push(((*name).into(), [&row[..], &[pace]].concat()));
    }
    Ok(rows)
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
