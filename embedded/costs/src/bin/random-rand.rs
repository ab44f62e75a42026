//! The crate rand: a hundred random numbers.
#![no_std]
#![no_main]

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tress_conformance::{machine, print};

machine::program!(run);

fn run() -> bool {
    const TIMES: u32 = 100;
    let mut random = SmallRng::seed_from_u64(core::hint::black_box(7));
    let mut sum = 0.0;
    let before = machine::ticks();
    for _ in 0..TIMES {
        sum += random.random::<f32>();
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
