//! The generator of Tress: a hundred random numbers.
#![no_std]
#![no_main]

use tress_conformance::{machine, print};
use tress_nn::Random;

machine::program!(run);

fn run() -> bool {
    const TIMES: u32 = 100;
    let mut random = Random::new(core::hint::black_box(7));
    let mut sum = 0.0;
    let before = machine::ticks();
    for _ in 0..TIMES {
        sum += random.uniform() as f32;
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"random ");
    print::decimal(f64::from(sum), 6);
    print::entry("ticks", ticks);
    print::entry("times", u64::from(TIMES));
    machine::figures();
    machine::write(b"\n");
    sum > 30.0 && sum < 70.0
}
