//! Three inputs of unlike shapes, each with features of its own, side by side before two heads: a model by names.
//!
//! `cargo run --release --example three_inputs`

use tress::prelude::*;

const SAMPLES: usize = 256;

/// Where a bright spot lies in an image: seen in the image, in a thumbnail of it, and in the sums of its columns.
fn data() -> Result<([Tensor; 3], Labels, Tensor), Box<dyn std::error::Error>> {
    let at = |i: usize| [(i * 7 + i / 5) % 12, (i * 5 + i / 3) % 12];
    let light = |i: usize, row: usize, column: usize| {
        let [y, x] = at(i);
        (-0.3 * ((row as f32 - y as f32).powi(2) + (column as f32 - x as f32).powi(2))).exp()
    };
    let image = Tensor::from_fn([SAMPLES, 1, 12, 12], |i| light(i[0], i[2], i[3]))?;
    let thumb =
        Eager::new(image.clone()).mean_pool(Window::new([12, 12], [3, 3]).stride([3, 3])).tensor()?.clone();
    let columns = Eager::new(image.clone()).sum(&[1, 2]).tensor()?.clone();
    let quarters = Labels::new((0..SAMPLES).map(|i| (at(i)[0] / 6 * 2 + at(i)[1] / 6) as u32), 4)?;
    let height = Tensor::from_fn([SAMPLES, 1], |i| at(i[0])[0] as f32 / 12.0)?;
    Ok(([image, thumb, columns], quarters, height))
}

/// Wires the model and trains it a little.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut params = Params::<f32>::new(1);
    let net = Wiring::new(&mut params);
    let image = net.input("image", [1, 12, 12]);
    let thumb = net.input("thumb", [1, 4, 4]);
    let columns = net.input("columns", [12]);

    let stem = image.layer("stem", |s| Ok(Conv2d::new(s, 1, 6, [3, 3])?.activation(Map::Relu)));
    let left = stem.layer("left", |s| Conv2d::builder(6, 6, [3, 3]).same().build(s));
    let right = stem.layer("right", |s| Conv2d::builder(6, 6, [1, 1]).build(s));
    let seen = (left + right).apply(Map::Relu).apply(MaxPool2d::new([2, 2])).apply(Flatten);
    let glanced = thumb.apply(Flatten).layer("glance", |s| Dense::new(s, 16, 8)).apply(Map::Relu);
    let summed = columns.layer("summed", |s| Dense::new(s, 12, 8)).apply(Map::Relu);
    let all = net.concat("all", &[seen, glanced, summed]);
    let trunk = all.layer("trunk", |s| Dense::new(s, all.width(), 24)).apply(Map::Relu);
    let quarter = trunk.layer("quarter", |s| Dense::new(s, trunk.width(), 4));
    let height = trunk.layer("height", |s| Dense::new(s, trunk.width(), 1));
    let model = Model::new(&[image, thumb, columns], &[("quarter", quarter), ("height", height)])?;
    println!("{}", model.summary(&params)?);
    println!("{}", model.drawing(&params)?.mermaid());

    let (inputs, quarters, heights) = data()?;
    let (mut tape, mut adam, mut history) = (Tape::new(), Adam::new(0.01), Vec::new());
    for _ in 0..60 {
        let bound = params.on(&tape);
        let [image, thumb, columns] = inputs.clone().map(|x| tape.var(x));
        let found = model.run(&bound, &[("image", &image), ("thumb", &thumb), ("columns", &columns)])?;
        let losses =
            [cross_entropy(&found["quarter"], &quarters), mse(&found["height"], &tape.var(heights.clone()))];
        history.push([losses[0].item()?, losses[1].item()?]);
        let step = balanced(&losses, &cut(&losses, &bound)?, &bound, &params, &mut Equal::sum())?;
        tape.reset();
        adam.step(&mut params, &step.gradient)?;
    }
    let (first, last) = (history[0], history[history.len() - 1]);
    println!("losses of quarter and height: {first:.4?} at first, {last:.4?} at last");
    assert!((0..2).all(|k| last[k] < 0.2 * first[k]), "both are learned");
    Ok(())
}
