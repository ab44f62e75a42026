//! How long functions take where nothing but the units holds them up: numbers that never leave the registers.
//!
//! The peak of multiply-adds says little about an exponential, which also rounds, shifts, compares and adds integers, and
//! nothing about a division. So the limit of a pass that is bound by the units is its own formula, measured without what the
//! pass adds to it: loads, stores, loops over rows, the ends of rows, the call.

use crate::limits::{SECONDS, together};
use std::hint::black_box;
use tress::tensor::Float;
use tress::tensor::pointwise::{Function, Keep, Map, Real, map};
use tress::tensor::simd::{Kernel, Lanes, Vector};

/// A formula that a pass works out for each number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Formula {
    /// A function by its name.
    Map(Map),
    /// A quotient by a root, as steps of RMSprop and Adagrad take it.
    Scaled,
    /// The same with the root divided by what the bias of its mean was, as steps of Adam take it.
    Corrected,
}

/// `1 / (sqrt(x) + c)`.
#[derive(Clone, Copy)]
struct Scaled;

impl Function for Scaled {
    const KEEP: Keep = Keep::Input;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.of(1.0) / (x.clone().sqrt() + x.of(1e-8))
    }
    fn df<R: Real>(self, kept: R) -> R {
        kept
    }
}

/// `1 / (sqrt(x) / c + d)`.
#[derive(Clone, Copy)]
struct Corrected(f64);

impl Function for Corrected {
    const KEEP: Keep = Keep::Input;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.of(1.0) / (x.clone().sqrt() / x.of(self.0) + x.of(1e-8))
    }
    fn df<R: Real>(self, kept: R) -> R {
        kept
    }
}

/// Registers that take turns, so that none waits for its own last result; single numbers so many that the compiler can make registers
/// of them, as it does in the passes.
const TURNS: usize = 8;
const SINGLES: usize = 64;
const ROUNDS: usize = 100;

/// `x += c f(x)` in registers: beside the function there is one multiply-add.
struct Registers<F>(F);

impl<T: Float, F: Function> Kernel<T> for Registers<F> {
    type Output = usize;
    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> usize {
        let step = isa.splat(T::from_f64(black_box(1e-7)));
        let mut x: [I::V; SINGLES] =
            core::array::from_fn(|i| isa.splat(T::from_f64(black_box(0.2 + 0.05 * i as f64))));
        let turns = if I::V::LANES == 1 { SINGLES } else { TURNS };
        for _ in 0..ROUNDS {
            for x in &mut x[..turns] {
                *x = self.0.f(*x).mul_add(step, *x);
            }
        }
        black_box(x.into_iter().fold(isa.splat(T::ZERO), |a, b| a + b).sum());
        ROUNDS * turns * I::V::LANES
    }
}

fn seconds<T: Float>(function: impl Function, threads: usize) -> f64 {
    let numbers = threads * T::dispatch(Registers(function));
    together(threads, SECONDS, |_| move || _ = black_box(T::dispatch(Registers(function)))) / numbers as f64
}

/// Seconds a number that the units of all threads need at the present level; `None` for functions that memory bounds, or
/// that nothing here asks for.
pub fn least<T: Float>(formula: Formula, threads: usize) -> Option<f64> {
    Some(match formula {
        Formula::Map(Map::Exp) => seconds::<T>(map::Exp {}, threads),
        Formula::Map(Map::Ln) => seconds::<T>(map::Ln {}, threads),
        Formula::Map(Map::Tanh) => seconds::<T>(map::Tanh {}, threads),
        Formula::Map(Map::Sigmoid) => seconds::<T>(map::Sigmoid {}, threads),
        Formula::Map(Map::Erf) => seconds::<T>(map::Erf {}, threads),
        Formula::Map(Map::Gelu) => seconds::<T>(map::Gelu {}, threads),
        Formula::Map(Map::Sin) => seconds::<T>(map::Sin {}, threads),
        Formula::Map(Map::Power(p)) => seconds::<T>(map::Power { p }, threads),
        Formula::Corrected => seconds::<T>(Corrected(black_box(0.9)), threads),
        Formula::Scaled => seconds::<T>(Scaled, threads),
        Formula::Map(_) => return None,
    })
}
