//! Evaluates a 1-16-16-1 network with burn, whose weights are constants of the program.
#![no_std]
#![no_main]

use burn::module::Param;
use burn::nn::{Linear, Relu};
use burn::tensor::{Device, Tensor};
use tress_conformance::{machine, print};

machine::program!(run);

/// The weights of `embedded/conformance/src/bin/infer.rs`.
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

fn layer(from: usize, [inputs, outputs]: [usize; 2], device: &Device) -> Linear {
    let (weight, rest) = WEIGHTS[from..].split_at(inputs * outputs);
    let weight = Tensor::<1>::from_data(weight, device).reshape([inputs, outputs]);
    let bias = Tensor::<1>::from_data(&rest[..outputs], device);
    Linear { weight: Param::from_tensor(weight), bias: Some(Param::from_tensor(bias)) }
}

fn run() -> bool {
    const TIMES: u32 = 100;
    let device = Device::flex();
    let layers = [layer(0, [1, 16], &device), layer(32, [16, 16], &device), layer(304, [16, 1], &device)];
    let relu = Relu::new();
    let mut sum = 0.0f32;
    let before = machine::ticks();
    for i in 0..TIMES {
        let x = Tensor::<2>::from_data([[core::hint::black_box(i as f32 / 64.0)]], &device);
        let x = relu.forward(layers[0].forward(x));
        let x = relu.forward(layers[1].forward(x));
        let y: f32 = layers[2].forward(x).into_scalar();
        sum += y;
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
