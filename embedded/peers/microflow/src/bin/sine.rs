//! MicroFlow's model of a sine: 1-16-16-1, in whole numbers of eight bits.
#![no_std]
#![no_main]

use microflow::buffer::Buffer2D;
use microflow::model;
use tress_conformance::{machine, print};

machine::program!(run);

// From the folder of the crate, to which `embedded/peers/run` takes it.
#[model("models/sine.tflite")]
struct Sine;

fn run() -> bool {
    const TIMES: u32 = 100;
    let x: Buffer2D<f32, 1, 1> = Buffer2D::from_element(core::hint::black_box(0.5));
    let mut y = 0.0;
    let before = machine::ticks();
    for _ in 0..TIMES {
        y = Sine::predict(core::hint::black_box(x))[0];
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"sine ");
    print::decimal(f64::from(y), 6);
    print::entry("ticks", ticks);
    print::entry("times", u64::from(TIMES));
    machine::figures();
    machine::write(b"\n");
    // What its own test wants of it.
    (y - 0.413_483_44).abs() < 1e-6
}
