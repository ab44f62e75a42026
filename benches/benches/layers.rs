//! Layers on one thread: forward alone, and forward with the gradients of all parameters and the input; and which part of the time
//! the machine needs at least, for the multiply-adds of their products (in training twice as many, and three times where weights learn) or to move operand and
//! result once (in training the operand's gradient as well).
//!
//! `cargo bench -p tress-benches --bench layers -- NAME ..` runs the lines whose name contains one of the words.

use std::hint::black_box;
use std::process::ExitCode;
use tress::nn::layer::Step;
use tress::prelude::*;
use tress::tensor::parallel;
use tress_benches::words::{self, Names};
use tress_benches::{fastest, limits::Limits};

fn tensor(lengths: &[usize]) -> Tensor {
    let mut i = 0.0f32;
    let wave = |_: &[usize]| {
        i += 0.37;
        i.sin()
    };
    Tensor::from_fn(lengths, wave).expect("a bench names good shapes")
}

fn main() -> ExitCode {
    words::run(false, |words| run(&words.names))
}

fn run(names: &Names) -> Result<(), String> {
    let mut params = Params::<f32>::new(1);
    let (layers, shapes) = layers(&mut params).expect("settings are good");
    names.known("layer", layers.iter().map(|(name, _)| *name))?;
    parallel::with_threads(1, || {
        let limits = Limits::measure(1);
        println!("peak of one core: {:.1} Gflop/s; milliseconds on one thread", limits.peak * 1e-9);
        println!("  {:<48} {:>9}   of the limit   {:>9}   of the limit", "", "forward", "training");
        for ((name, layer), (shape, flops)) in layers.iter().zip(shapes) {
            if !names.has(name) {
                continue;
            }
            let x = tensor(shape);
            let (eager, mut tape) = (params.eager(), Tape::new());
            let mut forward = || _ = black_box(layer.apply(&eager, &Eager::new(x.clone())));
            let mut training = || {
                {
                    let bound = params.on(&tape).training(1);
                    let x = tape.var(x.clone());
                    let y = layer.apply(&bound, &x);
                    let ones = y.value().expect("no mistake").constant(1.0);
                    let mut wanted = vec![x];
                    wanted.extend_from_slice(bound.leaves().values());
                    black_box(tape.cotangents(&[(y, ones)], &wanted, &[]).expect("no mistake"));
                }
                tape.reset();
            };
            let [a, b] = fastest([&mut forward, &mut training]);
            let y = layer.apply(&eager, &Eager::new(x.clone())).tensor().expect("no mistake").len();
            // A product has two gradients of its own size, one where there is no weight.
            let gradients = if name.starts_with("upsample") { 2.0 } else { 3.0 };
            let part = |seconds: f64, times: f64, numbers: usize| {
                let flops = (flops > 0.0).then_some(times * flops);
                let least = limits.least(flops, Some(4.0 * numbers as f64));
                let (least, bound) = least.expect("bytes have a limit");
                format!("{:>9.3} {:>4.0} % {bound:<10}", seconds * 1e3, 100.0 * least / seconds)
            };
            println!("  {name:<48} {} {}", part(a, 1.0, x.len() + y), part(b, gradients, 2 * x.len() + y));
        }
    });
    Ok(())
}

type Lines = (Vec<(&'static str, Step)>, [(&'static [usize], f64); 10]);

/// The layers, and for each the shape of its input and the operations of its products.
fn layers(params: &mut Params<f32>) -> Result<Lines, tress::nn::Error> {
    let mut root = params.root();
    let layers = vec![
        ("layer_norm 4096 x 1024", LayerNorm::new(&mut root.scope("norm"), [1024])?.into()),
        ("batch_norm 32 x 64 x 28 x 28", BatchNorm::new(&mut root.scope("batch"), 64)?.into()),
        (
            "gru 128 units, 32 x 32 steps of 128",
            Recurrent::gru(128, 128).build(&mut root.scope("gru"))?.into(),
        ),
        (
            "lstm 128 units, 32 x 32 steps of 128",
            Recurrent::lstm(128, 128).build(&mut root.scope("lstm"))?.into(),
        ),
        (
            "attention 128, 4 heads, 8 x 64 steps",
            MultiHeadAttention::builder(128, 4).build(&mut root.scope("attention"))?.into(),
        ),
        (
            "encoder 128, 4 heads, 512 hidden, 8 x 64 steps",
            EncoderBlock::builder(128, 4, 512).build(&mut root.scope("encoder"))?.into(),
        ),
        (
            "conv_transpose 3 x 3, 16 x 64 x 28 x 28 to 64",
            ConvTranspose2d::builder(64, 64, [3, 3])
                .padding([[1, 1], [1, 1]])
                .build(&mut root.scope("same"))?
                .into(),
        ),
        (
            "conv_transpose 2 x 2 / 2, 16 x 64 x 14 x 14 to 32",
            ConvTranspose2d::builder(64, 32, [2, 2]).stride([2, 2]).build(&mut root.scope("twice"))?.into(),
        ),
        (
            "conv_transpose 4 x 4 / 2, 16 x 64 x 14 x 14 to 32",
            ConvTranspose2d::builder(64, 32, [4, 4])
                .stride([2, 2])
                .padding([[1, 1], [1, 1]])
                .build(&mut root.scope("overlapping"))?
                .into(),
        ),
        ("upsample bilinear 2 x 2, 4 x 16 x 64 x 64", Upsample::bilinear([2, 2])?.into()),
    ];
    let steps = 8.0 * 64.0;
    let heads = 2.0 * 2.0 * steps * 64.0 * 128.0; // scores, and means of values
    let attention = 4.0 * 2.0 * steps * 128.0 * 128.0 + heads;
    let cell = |parts: f64| 2.0 * 2.0 * 32.0 * 32.0 * 128.0 * 128.0 * parts;
    // Each number of 16 images of 64 channels is spread over so many weights.
    let spread = |side: usize, weights: usize| (2 * 16 * 64 * side * side * weights) as f64;
    let shapes: [(&[usize], f64); 10] = [
        (&[4096, 1024], 0.0),
        (&[32, 64, 28, 28], 0.0),
        (&[32, 32, 128], cell(3.0)),
        (&[32, 32, 128], cell(4.0)),
        (&[8, 64, 128], attention),
        (&[8, 64, 128], attention + 2.0 * 2.0 * steps * 128.0 * 512.0),
        (&[16, 64, 28, 28], spread(28, 64 * 9)),
        (&[16, 64, 14, 14], spread(14, 32 * 4)),
        (&[16, 64, 14, 14], spread(14, 32 * 16)),
        (&[4, 16, 64, 64], 2.0 * 64.0 * 64.0 * (64.0 * 128.0 + 2.0 * 64.0 * 128.0)),
    ];
    Ok((layers, shapes))
}
