//! MicroFlow's model of two words: a convolution of eight windows of 10 x 8 over a spectrogram of 49 x 40, and a dense layer.
#![no_std]
#![no_main]

use microflow::buffer::Buffer2D;
use microflow::model;
use tress_conformance::{machine, print};

machine::program!(run);

// From the folder of the crate, to which `embedded/peers/run` takes it.
#[model("models/speech.tflite")]
struct Speech;

fn run() -> bool {
    const TIMES: u32 = 2;
    let x: Buffer2D<f32, 1, 1960> = Buffer2D::from_element(0.5);
    let mut y = [0.0; 4];
    let before = machine::ticks();
    for _ in 0..TIMES {
        y.iter_mut().zip(&Speech::predict(core::hint::black_box(x))).for_each(|(y, x)| *y = *x);
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"speech ");
    print::decimal(f64::from(y[0]), 6);
    print::entry("ticks", ticks);
    print::entry("times", u64::from(TIMES));
    machine::figures();
    machine::write(b"\n");
    (y.iter().sum::<f32>() - 1.0).abs() < 0.05
}
