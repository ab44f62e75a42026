//! The kernels of Tress: a 1-16-16-1 network.
#![no_std]
#![no_main]

use tress_conformance::{machine, print};
use tress_tensor::planned;

machine::program!(run);

static WEIGHTS: [f32; 321] = {
    let mut weights = [0.0; 321];
    let mut state = 1u32;
    let mut i = 0;
    while i < 321 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        weights[i] = (state >> 8) as f32 / 16_777_216.0 - 0.5;
        i += 1;
    }
    weights
};

fn layer(x: &[f32], w: &[f32], bias: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    planned::dense(x, w, bias, bias.len(), y, f);
}

fn run() -> bool {
    const TIMES: u32 = 100;
    let relu = |x: f32| if x > 0.0 { x } else { 0.0 };
    let (mut first, mut second, mut y) = ([0.0; 16], [0.0; 16], [0.0]);
    let mut sum = 0.0;
    let before = machine::ticks();
    for i in 0..TIMES {
        let x = [core::hint::black_box(i as f32 / 64.0)];
        layer(&x, &WEIGHTS[..16], &WEIGHTS[16..32], &mut first, relu);
        layer(&first, &WEIGHTS[32..288], &WEIGHTS[288..304], &mut second, relu);
        layer(&second, &WEIGHTS[304..320], &WEIGHTS[320..], &mut y, |x| x);
        sum += y[0];
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"infer sum ");
    print::bits(u64::from(sum.to_bits()));
    print::entry("ticks", ticks);
    print::entry("times", u64::from(TIMES));
    machine::figures();
    machine::write(b"\n");
    true
}
