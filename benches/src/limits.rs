//! What the machine can do at most: arithmetic, memory at each distance, waking threads.
//!
//! A figure of a kernel means little without these beside it, measured in the same run on the same number of threads.

use crate::memory::{Memory, Way};
use crate::timing;
use crate::units::{self, Formula};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;
use tress::tensor::simd::{self, Kernel, Lanes, Level, Vector};
use tress::tensor::{Float, pointwise::Real};

/// The limits of this machine at its present instruction set, on a number of threads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The instruction set.
    pub level: Level,
    /// The number of threads, all of them at work at once.
    pub threads: usize,
    /// Multiply-adds in registers, counted as two operations each: operations of `f32` a second.
    pub peak: f64,
    /// The same of `f64`.
    pub peak_f64: f64,
    /// How fast numbers come from where they lie.
    pub memory: Memory,
    /// Bytes a second of memory that is written for the first time, page by page as the system hands it out.
    pub fresh: f64,
    /// Seconds of what an operation cannot do without: room for its result, asked for and given back, and a call by a table.
    pub dispatch: f64,
    /// Seconds from handing work to a sleeping thread until it has been done and heard of; `None` on one thread.
    pub wake: Option<f64>,
}

impl Limits {
    /// Measures them; a matter of some seconds.
    pub fn measure(threads: usize) -> Limits {
        Limits {
            level: simd::level(),
            threads,
            peak: peak::<f32>(threads),
            peak_f64: peak::<f64>(threads),
            memory: Memory::measure(threads),
            fresh: fresh_pages(threads),
            dispatch: dispatch(),
            wake: (threads > 1).then(wake),
        }
    }

    /// The least seconds that such work takes here, and what holds it up: the roofline (Williams, Waterman, Patterson
    /// 2009, "Roofline: an insightful visual performance model for multicore architectures").
    pub fn least(&self, flops: Option<f64>, bytes: Option<f64>) -> Option<Least> {
        self.roof(self.peak, flops, bytes)
    }

    /// The same of operations of `f64`.
    pub fn least_f64(&self, flops: Option<f64>, bytes: Option<f64>) -> Option<Least> {
        self.roof(self.peak_f64, flops, bytes)
    }

    fn roof(&self, peak: f64, flops: Option<f64>, bytes: Option<f64>) -> Option<Least> {
        let arithmetic = flops.map(|flops| (flops / peak, "arithmetic"));
        longer(arithmetic, bytes.map(|bytes| self.moved(bytes, bytes, Way::Apart)))
    }

    /// The least seconds that so many bytes, read or written, take where so many lie.
    pub fn moved(&self, bytes: f64, footprint: f64, way: Way) -> Least {
        (bytes / self.memory.speed(footprint, way), self.memory.place(footprint))
    }

    /// The least seconds of a function of so many numbers of `T`, where their units bound it.
    pub fn units<T: Float>(&self, formula: Formula, numbers: f64) -> Option<Least> {
        units::least::<T>(formula, self.threads).map(|each| (numbers * each, "units"))
    }

    /// The least seconds of so many results that are made one after the other.
    pub fn results(&self, count: f64) -> Least {
        (count * self.dispatch, "dispatch")
    }
}

/// The least seconds that some work takes, and what holds it up.
pub type Least = (f64, &'static str);

/// Of two limits of the same work the one that binds.
pub fn longer(a: Option<Least>, b: Option<Least>) -> Option<Least> {
    a.into_iter().chain(b).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// So many chains of multiply-adds that never leave the registers.
struct Chains<const N: usize>;

impl<T: Float, const N: usize> Kernel<T> for Chains<N> {
    type Output = f64;
    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> f64 {
        let (mut sums, factor) = ([isa.splat(T::ONE); N], isa.splat(black_box(T::from_f64(0.999))));
        for _ in 0..10_000 {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, factor);
            }
        }
        black_box(sums.into_iter().fold(isa.splat(T::ZERO), |a, b| a + b).sum());
        (10_000 * N * I::V::LANES * 2) as f64
    }
}

fn chains<T: Float, const N: usize>(threads: usize) -> f64 {
    let flops = T::dispatch(Chains::<N>);
    threads as f64 * flops / together(threads, SECONDS, |_| move || _ = black_box(T::dispatch(Chains::<N>)))
}

/// Operations of `T` a second, at the present level.
pub fn peak<T: Float>(threads: usize) -> f64 {
    if simd::level() == Level::Scalar {
        // Of single numbers the compiler makes registers, as it does in a product: of so many that no register waits for its last
        // result, and no more than stay in registers. How many that are depends on the processor that was compiled for.
        let all = [chains::<T, 12>, chains::<T, 16>, chains::<T, 24>, chains::<T, 32>, chains::<T, 48>];
        return all.iter().map(|chains| chains(threads)).fold(0.0, f64::max);
    }
    chains::<T, 12>(threads)
}

/// Bytes a second of zeros into memory that the system has never handed out before.
fn fresh_pages(threads: usize) -> f64 {
    let bytes = 32usize << 20;
    let seconds = together(threads, SECONDS, |_| {
        move || {
            let mut block: Vec<u8> = Vec::with_capacity(bytes);
            block.resize(bytes, black_box(1));
            black_box(&block);
        }
    });
    threads as f64 * bytes as f64 / seconds
}

/// Seconds of room for sixteen numbers, asked of the system's allocator and given back, and of a call that a table names.
fn dispatch() -> f64 {
    const TIMES: usize = 1000;
    type Call = fn(&mut Vec<f32>);
    let calls: [Call; 2] = [|room| room.push(1.0), |room| room.push(2.0)];
    let mut run = || {
        for at in 0..TIMES {
            let mut room = black_box(Vec::with_capacity(black_box(16)));
            black_box(&calls)[black_box(at) % 2](&mut room);
            black_box(&room);
        }
    };
    timing::measure(&mut run, 0.05)[0] / TIMES as f64
}

/// Seconds of one link of a chain in which each number waits for the one before: a root, a quotient and a multiply-add of
/// double precision, as one column of a Cholesky factor needs them.
pub fn link() -> f64 {
    const LINKS: usize = 1000;
    let mut run = || {
        let mut x = black_box(1.5f64);
        for _ in 0..LINKS {
            x = 1.5 + 0.5 * (1.0 / x.sqrt());
        }
        black_box(x);
    };
    timing::measure(&mut run, 0.05)[0] / LINKS as f64
}

/// Seconds of one trip to a thread that sleeps, and back.
fn wake() -> f64 {
    let (there, back) = (std::sync::mpsc::channel::<()>(), std::sync::mpsc::channel::<()>());
    let worker = std::thread::spawn(move || {
        for () in there.1 {
            if back.0.send(()).is_err() {
                break;
            }
        }
    });
    let trip = || {
        // Long enough for the other to fall asleep.
        std::thread::sleep(std::time::Duration::from_micros(200));
        let begin = Instant::now();
        let _ = there.0.send(());
        let _ = back.1.recv();
        begin.elapsed().as_secs_f64()
    };
    let mut trips: Vec<f64> = (0..200).map(|_| trip()).collect();
    drop(there.0);
    let _ = worker.join();
    trips.sort_by(f64::total_cmp);
    trips[trips.len() / 2]
}

/// How long a limit is looked for.
pub(crate) const SECONDS: f64 = 0.15;

/// Seconds of one call where all threads call at once: of many tries the shortest, each as long as its slowest thread. One
/// thread tries for `seconds`.
pub(crate) fn together<F: FnMut()>(threads: usize, seconds: f64, make: impl Fn(usize) -> F + Sync) -> f64 {
    if threads <= 1 {
        return timing::measure(&mut make(0), seconds)[0];
    }
    let calls = {
        let mut run = make(0);
        run();
        let begin = Instant::now();
        run();
        (500e-6 / begin.elapsed().as_secs_f64().max(1e-9)).ceil().clamp(1.0, 1e6) as usize
    };
    const TRIES: usize = 40;
    let start = Barrier::new(threads);
    let times: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (make, start) = (&make, &start);
                scope.spawn(move || {
                    let mut run = make(thread);
                    run();
                    (0..TRIES)
                        .map(|_| {
                            start.wait();
                            let begin = Instant::now();
                            (0..calls).for_each(|_| run());
                            begin.elapsed().as_secs_f64() / calls as f64
                        })
                        .collect()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a measurement does not panic")).collect()
    });
    let slowest = |k: usize| times.iter().map(|of| of[k]).fold(0.0, f64::max);
    (0..TRIES).map(slowest).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::{Limits, longer};
    use crate::memory::{Memory, Point, Way};
    use tress::tensor::simd::Level;

    fn machine() -> Limits {
        let point = |footprint, apart, in_place| Point { footprint, apart, in_place };
        let points = vec![point(1e4, 1e11, 2e11), point(1.0001e4, 1e10, 2e10)];
        Limits {
            level: Level::Scalar,
            threads: 1,
            peak: 1e11,
            peak_f64: 5e10,
            memory: Memory::new([1e4, 1e4, 1e4], 1, points),
            fresh: 1e9,
            dispatch: 1e-8,
            wake: None,
        }
    }

    #[test]
    fn the_roof_is_the_lower_of_arithmetic_and_the_memory_that_the_work_lies_in() {
        let limits = machine();
        // Forty operations a byte: arithmetic, wherever the bytes come from.
        assert_eq!(limits.least(Some(4e6), Some(1e5)), Some((4e-5, "arithmetic")));
        // One tenth of an operation a byte: the way to the numbers.
        assert_eq!(limits.least(Some(1e4), Some(1e5)), Some((1e-5, "DRAM")));
        assert_eq!(limits.least(Some(1e2), Some(1e3)), Some((1e-8, "L1")));
        assert_eq!(limits.least_f64(Some(4e6), Some(1e5)), Some((8e-5, "arithmetic")));
        assert_eq!(limits.least_f64(Some(1e4), Some(1e5)), Some((1e-5, "DRAM")));
        assert_eq!(limits.least(None, None), None);
        assert_eq!(
            longer(limits.least(None, Some(1e3)), Some(limits.results(2.0))),
            Some((2e-8, "dispatch"))
        );
        assert_eq!(longer(limits.least(None, Some(1e4)), Some(limits.results(2.0))), Some((1e-7, "L1")));
        // Two numbers of three lie there: one is read, one is read and written.
        assert_eq!(limits.moved(1.2e4, 0.8e4, Way::InPlace), (6e-8, "L1"));
    }
}
