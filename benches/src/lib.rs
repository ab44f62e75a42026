//! Benches of Tress, as programs under `benches/`:
//!
//! * `kernels`: products and convolutions in Gflop/s, beside what the core can do at most;
//! * `passes`: pointwise, reducing, normalising and pooling passes;
//! * `layers`: layers forward and with their gradients, beside their products and the bytes that they move;
//! * `overhead`: what an operation costs beside its arithmetic;
//! * `balanced`: balanced steps for 2 to 20 tasks, beside plain ones and beside K sweeps;
//! * `solvers`: the exact solvers of balanced steps and the methods on top of them;
//! * `steps`: stacked cotangents, whole training steps, beside a large product as the practical limit;
//! * `threads`: where two threads begin to win, kernel by kernel.
//!
//! What is measured elsewhere too is here: [`work`] makes workloads by name, [`suite`] lists those of `tress bench`,
//! [`limits`] and [`units`] measure the machine. The program `serve` (`src/bin/serve.rs`) runs workloads one timed slice at a time, so that a
//! driver can interleave them with other engines.
//!
//! A figure means little without the machine's limit beside it, so each program measures both in one run.

#![forbid(unsafe_code)]

pub mod limits;
pub mod report;
pub mod suite;
pub mod timing;
pub mod units;
pub mod work;

use std::time::{Duration, Instant};
use tress::tensor::parallel;

/// How long one figure is looked for, and how long a sample of it takes at least.
const TIME: Duration = Duration::from_millis(400);
const SAMPLE: Duration = Duration::from_micros(50);
/// From here on a call that one thread runs alone is timed by the core's clock.
const LONG: Duration = Duration::from_millis(3);

/// Seconds that this thread has had a core for, as the system counts them (on Linux, every few milliseconds).
fn on_core(begin: Instant) -> f64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos: Option<f64> = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| begin.elapsed().as_secs_f64(), |nanos| nanos * 1e-9)
}

/// Seconds of one call of each, taken in turns: the shortest sample of many, or the mean time on the core where one call
/// takes so long that the system would give the core to other programs meanwhile. Several threads are timed by the wall: their
/// time on a core leaves out what one waits for another.
pub fn fastest<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut calls = [1u32; N];
    let mut long = false;
    for (run, calls) in runs.iter_mut().zip(&mut calls) {
        let mut one = Duration::MAX;
        for _ in 0..3 {
            let begin = Instant::now();
            run();
            one = one.min(begin.elapsed());
        }
        long |= one > LONG && parallel::threads() == 1;
        *calls = (SAMPLE.as_nanos() / one.as_nanos().max(1) + 1) as u32;
    }
    if long {
        // The system counts in steps of some milliseconds, so many calls are counted at once.
        return runs.map(|run| {
            let begin = Instant::now();
            let start = on_core(begin);
            (0..30).for_each(|_| run());
            (on_core(begin) - start) / 30.0
        });
    }
    let (mut best, begin) = ([f64::INFINITY; N], Instant::now());
    while begin.elapsed() < TIME * N as u32 {
        for ((run, &calls), best) in runs.iter_mut().zip(&calls).zip(&mut best) {
            let start = Instant::now();
            (0..calls).for_each(|_| run());
            *best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    best
}
