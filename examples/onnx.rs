//! A model of images, written as an ONNX file for other runtimes to run.
//!
//! `cargo run --release --example onnx digits.onnx`, and then, in Python:
//! `onnxruntime.InferenceSession("digits.onnx").run(None, {"image": images})`

use tress::nn::file::write_atomic;
use tress::nn::onnx::Export;
use tress::prelude::*;

/// A small residual network for grey images of 28x28 pixels.
fn wired(params: &mut Params) -> Result<Model, tress::nn::Error> {
    let net = Wiring::new(params);
    let image = net.input("image", [1, 28, 28]);
    let conv = |from: usize, to: usize| Conv2d::builder(from, to, [3, 3]).same().without_bias();
    let stem = image
        .layer("stem", |s| conv(1, 8).stride([2, 2]).build(s))
        .layer("stem_norm", |s| BatchNorm::new(s, 8))
        .apply(Map::Relu);
    let inside =
        stem.layer("first", |s| conv(8, 8).build(s)).layer("norm", |s| BatchNorm::new(s, 8)).apply(Map::Relu);
    let around = net.add("around", &[stem, inside.layer("second", |s| conv(8, 8).build(s))]).apply(Map::Relu);
    let class = around.apply(GlobalMeanPool).layer("class", |s| Dense::new(s, 8, 10));
    let probability = net.lambda("probability", &[class], |xs| xs[0].softmax());
    Model::new(&[image], &[("logits", class), ("probability", probability)])
}

/// Exports the model, and says what is in the file.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut params = Params::new(1);
    let model = wired(&mut params)?; // to be trained, or filled by `tress::nn::file::load`
    let bytes = Export::new("digits").model(&model, &params)?;
    println!("{}", model.summary(&params)?);
    println!("opset {}, {} bytes for {} numbers", Export::OPSET, bytes.len(), params.len());
    if let Some(path) = std::env::args().nth(1).filter(|path| path.ends_with(".onnx")) {
        write_atomic(&path, &bytes)?;
        println!("wrote {path}");
    }
    // The weights lie in the file as they are, under their names.
    let weight = params.tensor("class.weight")?.to_vec();
    let stored: Vec<u8> = weight.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(bytes.windows(stored.len()).any(|part| part == stored), "the weights are in the file");
    assert!(bytes.windows(12).any(|part| part == b"class.weight"));
    Ok(())
}
