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
//! [`limits`], [`memory`] and [`units`] measure the machine, [`words`] reads command lines. The program `serve` (`src/bin/serve.rs`) runs workloads one timed slice at a time, so that a
//! driver can interleave them with other engines.
//!
//! A figure means little without the machine's limit beside it, so each program measures both in one run.

#![forbid(unsafe_code)]

mod aims;
pub mod limits;
pub mod memory;
pub mod report;
pub mod suite;
pub mod timing;
pub mod units;
pub mod words;
pub mod work;

use crate::timing::Clock;
use std::time::{Duration, Instant};
use tress::tensor::parallel;

/// How long one figure is looked for, and how long a sample of it takes at least.
const TIME: Duration = Duration::from_millis(400);
const SAMPLE: Duration = Duration::from_micros(50);
/// From here on a call that one thread runs alone is timed by the core's clock.
const LONG: Duration = Duration::from_millis(3);

/// Seconds of one call of each, taken in turns: the shortest sample of many. Where one call takes so long that the system would give
/// the core to other programs meanwhile, the time that those take is left out. Several threads are timed by the wall: what one
/// waits for a core, others wait for it.
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
    let (mut best, begin, mut rounds) = ([f64::INFINITY; N], Instant::now(), 0);
    while begin.elapsed() < TIME * N as u32 || (long && rounds < 10) {
        for ((run, &calls), best) in runs.iter_mut().zip(&calls).zip(&mut best) {
            let (start, clock) = (Instant::now(), long.then(Clock::start));
            (0..calls).for_each(|_| run());
            let seconds = clock.map_or_else(|| start.elapsed().as_secs_f64(), |clock| clock.seconds());
            *best = best.min(seconds / f64::from(calls));
        }
        rounds += 1;
    }
    best
}
