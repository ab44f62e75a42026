//! How fast products of 256 by 256 are, by every instruction set of the machine that has vectors: thousands of
//! multiplications and additions a microsecond, the best of many.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

use tress_conformance::{machine, print};
use tress_tensor::{Tensor, simd};

machine::program!(run);

const SIDE: usize = 256;
const AT_ONCE: u64 = 4;

/// The least nanoseconds of one product.
fn best(a: &Tensor, b: &Tensor) -> Option<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..40 {
        let before = machine::ticks();
        for _ in 0..AT_ONCE {
            core::hint::black_box(a.matmul(core::hint::black_box(b)).ok()?);
        }
        least = least.min(machine::ticks().wrapping_sub(before) as f64 / AT_ONCE as f64);
    }
    Some(least)
}

fn run() -> bool {
    let numbers =
        |seed: usize| Tensor::from_fn([SIDE, SIDE], |i| ((i[0] * 31 + i[1] * seed) % 17) as f32 / 17.0 - 0.5);
    let (Ok(a), Ok(b)) = (numbers(7), numbers(13)) else { return false };
    for level in simd::Level::ALL {
        if level == simd::Level::Scalar
            || !simd::levels().any(|here| here == level)
            || simd::cap(level) != level
        {
            continue;
        }
        let Some(least) = best(&a, &b) else { return false };
        machine::write(b"product ");
        machine::write(level.name().as_bytes());
        machine::write(b" gflops ");
        print::decimal((2 * SIDE * SIDE * SIDE) as f64 / least, 2);
        machine::write(b"\n");
    }
    true
}
