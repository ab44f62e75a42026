//! Three inputs of one picture, by name: the picture, its 4x4 thumbnail, and a vector of the directions of its edges; fused to
//! tell twenty classes of digits and clothes apart.
//!
//! Each input has feature layers of its own. The two convolutional branches are added, the vector is put beside them, and a
//! dense layer gives the classes. The table says what each input, each pair and all three are worth.
//!
//! `cargo run --release --example three_inputs`

mod common;

use common::table::classified;
use common::{Outcome, answers, commonest, labels, right, rows, train};
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty, twenty::CLASSES};
use tress_cli::systems::{Rows, Run, System, number, percent};

const NAMES: [&str; 3] = ["image", "thumbnail", "directions"];

/// The model of the inputs that are used.
fn model(params: &mut Params, used: [bool; 3]) -> Outcome<Model> {
    let wiring = Wiring::new(params);
    let image = used[0].then(|| wiring.input("image", [1, 28, 28]));
    let thumbnail = used[1].then(|| wiring.input("thumbnail", [1, 4, 4]));
    let directions = used[2].then(|| wiring.input("directions", [20]));

    let large = image.map(|image| {
        let conv = image.layer("image.conv1", |scope| Conv2d::new(scope, 1, 8, [5, 5]));
        let conv = conv.apply(MaxPool2d::new([2, 2])).apply(Map::Relu);
        let conv = conv.layer("image.conv2", |scope| Conv2d::new(scope, 8, 16, [5, 5]));
        let flat = conv.apply(MaxPool2d::new([2, 2])).apply(Map::Relu).apply(Flatten);
        flat.layer("image.dense", |scope| Dense::new(scope, flat.width(), 48))
    });
    let small = thumbnail.map(|thumbnail| {
        let conv =
            thumbnail.layer("thumbnail.conv", |scope| Conv2d::builder(1, 16, [3, 3]).same().build(scope));
        let flat = conv.apply(Map::Relu).apply(Flatten);
        flat.layer("thumbnail.dense", |scope| Dense::new(scope, flat.width(), 48))
    });
    let told = directions.map(|vector| {
        vector.layer("directions.dense", |scope| Ok(Dense::new(scope, 20, 32)?.activation(Map::Relu)))
    });
    let seen = match (large, small) {
        (Some(large), Some(small)) => Some(wiring.add("seen", &[large, small])),
        (large, small) => large.or(small),
    };
    let joined = match (seen.map(|seen| seen.apply(Map::Relu)), told) {
        (Some(seen), Some(told)) => wiring.concat("joined", &[seen, told]),
        (seen, told) => seen.or(told).ok_or("a model has at least one input")?,
    };
    let class = joined.layer("class", |scope| Dense::new(scope, joined.width(), CLASSES));
    let inputs: Vec<_> = [image, thumbnail, directions].into_iter().flatten().collect();
    Ok(Model::new(&inputs, &[("class", class)])?)
}

/// The three views of pictures.
fn views(all: &Twenty) -> Outcome<[Tensor; 3]> {
    Ok([all.images()?, all.thumbnails()?, Eager::new(all.directions()?).scale(10.0).tensor()?.clone()])
}

/// The system, as `tress train --system three_inputs` runs it.
pub const SYSTEM: System = System {
    name: "three_inputs",
    title: "Three inputs fused",
    data: "digits and clothes, twenty classes",
    columns: &[percent("accuracy").headline(), number("parameters", 0)],
    floor: "commonest class",
    linear: "logistic",
    alone: "image",
    tress: "image + thumbnail + directions",
    run,
};

/// Test accuracy and parameters for each choice of inputs.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let (count, epochs) = run.pick((10_000, 5), (1_500, 4));
    let known = Twenty::read(&Library::BuiltIn, Split::Train)?.take(count);
    let asked = Twenty::read(&Library::BuiltIn, Split::Test)?;
    let (inputs, test) = (views(&known)?, views(&asked)?);
    let floor = commonest(&known.labels, &asked.labels);
    let linear = classified([&inputs[0], &test[0]], &known.labels, CLASSES)?;
    let mut table = vec![("commonest class".into(), vec![floor, f64::NAN])];
    table.push(("logistic".into(), vec![right(&linear, &asked.labels), (785 * CLASSES) as f64]));
    for choice in run.pick(vec![1, 2, 4, 3, 5, 6, 7], vec![1, 2, 7]) {
        let used = [0, 1, 2].map(|input| choice >> input & 1 == 1);
        let chosen: Vec<usize> = (0..3).filter(|&input| used[input]).collect();
        let mut params = Params::new(run.seed);
        let model = model(&mut params, used)?;
        train(&mut params, (known.len(), epochs, 0.003, run.seed), |tape, bound, batch| {
            let given =
                chosen.iter().map(|&input| Ok((NAMES[input], tape.var(rows(&inputs[input], batch)?))));
            let given = given.collect::<Outcome<Vec<_>>>()?;
            let given: Vec<_> = given.iter().map(|(name, x)| (*name, x)).collect();
            Ok(cross_entropy(&model.run(bound, &given)?["class"], &labels(&known.labels, batch, CLASSES)?))
        })?;
        let given: Vec<_> = chosen.iter().map(|&i| (NAMES[i], Eager::new(test[i].clone()))).collect();
        let given: Vec<_> = given.iter().map(|(name, x)| (*name, x)).collect();
        let found = answers(model.run(&params.eager(), &given)?["class"].tensor()?);
        let names: Vec<&str> = chosen.iter().map(|&input| NAMES[input]).collect();
        table.push((names.join(" + "), vec![right(&found, &asked.labels), params.len() as f64]));
    }
    Ok(table)
}

/// What is said of inputs that are put side by side as they are.
pub fn without_feature_layers() -> String {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let (image, vector) = (wiring.input("image", [1, 28, 28]), wiring.input("directions", [20]));
    let joined = wiring.concat("joined", &[image, vector]);
    Model::new(&[image, vector], &[("class", joined)])
        .map_or_else(|error| error.to_string(), |_| String::new())
}

fn main() -> Outcome<()> {
    let mut params = Params::new(1);
    println!("{}", model(&mut params, [true; 3])?.summary(&params)?);
    println!("Without feature layers:\n{}\n", without_feature_layers());
    SYSTEM.main()
}
