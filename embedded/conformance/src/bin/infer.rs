//! Evaluates a 1-16-16-1 network whose weights lie in flash: the smallest program that uses the engine.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

use tress_autograd::{Eager, Fused};
use tress_conformance::{machine, print};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

machine::program!(run);

/// Weights and biases of the three layers as one block of 321 numbers: what a trained network would leave behind.
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

/// The weights and the biases of a layer as values that look into flash.
fn layer(from: usize, [inputs, outputs]: [usize; 2]) -> Option<(Eager, Eager)> {
    let (weight, rest) = WEIGHTS[from..].split_at(inputs * outputs);
    let weight = Tensor::from_static([inputs, outputs], weight).ok()?;
    let bias = Tensor::from_static([outputs], &rest[..outputs]).ok()?;
    Some((weight.into(), bias.into()))
}

#[inline(never)]
fn infer(layers: &[(Eager, Eager); 3], x: f32) -> Option<f32> {
    let [first, second, third] = layers;
    let x = Eager::new(Tensor::new([1, 1], &[x]).ok()?);
    let x = x.affine(&first.0, Some(&first.1), Some(Map::Relu));
    let x = x.affine(&second.0, Some(&second.1), Some(Map::Relu));
    let x = x.affine(&third.0, Some(&third.1), None);
    x.tensor().ok()?.item().ok()
}

fn run() -> bool {
    const TIMES: u32 = 100;
    let (Some(first), Some(second), Some(third)) =
        (layer(0, [1, 16]), layer(32, [16, 16]), layer(304, [16, 1]))
    else {
        return false;
    };
    let layers = [first, second, third];
    let mut sum = 0.0;
    let before = machine::ticks();
    for i in 0..TIMES {
        let Some(y) = infer(&layers, core::hint::black_box(i as f32 / 64.0)) else { return false };
        sum += y;
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"infer sum ");
    print::bits(u64::from(sum.to_bits()));
    print::entry("ticks", ticks);
    machine::figures();
    machine::write(b"\n");
    // The sum of a machine with vectors, and that of one without: they may differ in the last places, and boards have no vectors.
    let apart = sum.to_bits().abs_diff(0x424D_2812);
    apart <= if cfg!(target_arch = "arm") { 0 } else { 16 }
}
