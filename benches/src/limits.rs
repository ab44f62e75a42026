//! What the machine can do at most: arithmetic, memory at each distance, waking threads.
//!
//! A figure of a kernel means little without these beside it, measured in the same run on the same number of threads.

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
    /// Where numbers can lie, the nearest first.
    pub memory: Vec<Memory>,
    /// Bytes a second of memory that is written for the first time, page by page as the system hands it out.
    pub fresh: f64,
    /// Seconds of what an operation cannot do without: room for its result, asked for and given back, and a call by a table.
    pub dispatch: f64,
    /// Seconds from handing work to a sleeping thread until it has been done and heard of; `None` on one thread.
    pub wake: Option<f64>,
}

/// A place where numbers can lie.
#[derive(Clone, Debug)]
pub struct Memory {
    /// `L1`, `L2`, `L3` or `DRAM`.
    pub name: &'static str,
    /// Bytes that fit.
    pub bytes: f64,
    /// The most bytes a second that go either way: of a copy, those read and those written added up, or of reading alone.
    /// Numbers that are changed where they lie can go faster: a copy also reads the lines that it writes.
    pub speed: f64,
}

impl Limits {
    /// Measures them; a matter of a few seconds.
    pub fn measure(threads: usize) -> Limits {
        let sizes = cache_sizes();
        let place = |name, fits: f64, footprint: f64| {
            // What all cores share is divided among them.
            let share = if fits <= sizes[1] { footprint } else { footprint / threads as f64 };
            let share = share as usize;
            Memory { name, bytes: fits, speed: copy(share, threads).max(read(share, threads)) }
        };
        let memory = vec![
            place("L1", sizes[0], 0.5 * sizes[0]),
            place("L2", sizes[1], 0.6 * sizes[1]),
            place("L3", sizes[2], 0.4 * sizes[2]),
            place("DRAM", f64::INFINITY, (8.0 * sizes[2]).clamp(64e6, 512e6)),
        ];
        Limits {
            level: simd::level(),
            threads,
            peak: peak::<f32>(threads),
            peak_f64: peak::<f64>(threads),
            memory,
            fresh: fresh_pages(threads),
            dispatch: dispatch(),
            wake: (threads > 1).then(wake),
        }
    }

    /// Where work that touches so many bytes has its numbers.
    pub fn place(&self, footprint: f64) -> &Memory {
        let fits = self.memory.iter().find(|memory| footprint <= memory.bytes);
        fits.unwrap_or(&self.memory[self.memory.len() - 1])
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
        let transfer = bytes.map(|bytes| {
            let place = self.place(bytes);
            (bytes / place.speed, place.name)
        });
        longer(arithmetic, transfer)
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

/// Twelve chains of multiply-adds that never leave the registers.
struct Chains;

impl<T: Float> Kernel<T> for Chains {
    type Output = f64;
    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> f64 {
        let (mut sums, factor) = ([isa.splat(T::ONE); 12], isa.splat(black_box(T::from_f64(0.999))));
        for _ in 0..10_000 {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, factor);
            }
        }
        black_box(sums.into_iter().fold(isa.splat(T::ZERO), |a, b| a + b).sum());
        (10_000 * 12 * I::V::LANES * 2) as f64
    }
}

/// Operations of `T` a second, at the present level.
pub fn peak<T: Float>(threads: usize) -> f64 {
    let flops = T::dispatch(Chains);
    threads as f64 * flops / together(threads, |_| move || _ = black_box(T::dispatch(Chains)))
}

/// Numbers that are timed at a time: large buffers are gone through part by part, so that a sample is over before the system gives the
/// core to another program.
const PART: usize = 1 << 19;

/// The parts of `count` numbers, one after the other and from the start again.
fn parts(count: usize) -> impl FnMut() -> std::ops::Range<usize> {
    let (part, mut at) = (count.min(PART), 0);
    move || {
        let start = at;
        at = if at + 2 * part <= count { at + part } else { 0 };
        start..start + part
    }
}

/// Bytes a second that a copy moves, read and written, if each thread's two buffers have so many bytes together.
fn copy(footprint: usize, threads: usize) -> f64 {
    let count = (footprint / 8).max(1024);
    let seconds = together(threads, |_| {
        let (from, mut to, mut next) = (vec![1.0f32; count], vec![0.0f32; count], parts(count));
        move || {
            let part = next();
            black_box(&mut to[part.clone()]).copy_from_slice(black_box(&from[part]));
        }
    });
    threads as f64 * (count.min(PART) * 8) as f64 / seconds
}

/// Adds all numbers up, in as many chains as hide the time of an addition; the compiler makes vectors of it.
struct Read<'a>(&'a [f32]);

impl Kernel<f32> for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, _: I) -> f32 {
        let mut sums = [0.0f32; 128];
        for part in self.0.chunks_exact(128) {
            for (sum, x) in sums.iter_mut().zip(part) {
                *sum += x;
            }
        }
        sums.into_iter().sum()
    }
}

/// Bytes a second that are read, if each thread's buffer has so many.
fn read(footprint: usize, threads: usize) -> f64 {
    let count = (footprint / 4).max(1024);
    let seconds = together(threads, |_| {
        let (from, mut next) = (vec![1.0f32; count], parts(count));
        move || _ = black_box(f32::dispatch(Read(black_box(&from[next()]))))
    });
    threads as f64 * (count.min(PART) * 4) as f64 / seconds
}

/// Bytes a second of zeros into memory that the system has never handed out before.
fn fresh_pages(threads: usize) -> f64 {
    let bytes = 32usize << 20;
    let seconds = together(threads, |_| {
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

/// Seconds of one call where all threads call at once: of many tries the shortest, each as long as its slowest thread.
pub(crate) fn together<F: FnMut()>(threads: usize, make: impl Fn(usize) -> F + Sync) -> f64 {
    if threads <= 1 {
        return timing::measure(&mut make(0), 0.15)[0];
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

/// Bytes of the first three levels of cache: as the system tells them (Linux), else those of a common processor.
fn cache_sizes() -> [f64; 3] {
    let mut sizes = [32e3, 1e6, 16e6];
    for index in 0..8 {
        let read = |name: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        let (Some(level), Some(kind), Some(size)) = (read("level"), read("type"), read("size")) else {
            continue;
        };
        let level: usize = level.parse().unwrap_or(0);
        let (digits, unit) = match size.strip_suffix('K') {
            Some(digits) => (digits, 1024.0),
            None => match size.strip_suffix('M') {
                Some(digits) => (digits, 1024.0 * 1024.0),
                None => (size.as_str(), 1.0),
            },
        };
        if let (1..=3, Ok(number)) = (level, digits.parse::<f64>())
            && kind != "Instruction"
            && number > 0.0
        {
            sizes[level - 1] = number * unit;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::{Limits, Memory, PART, longer, parts};
    use tress::tensor::simd::Level;

    #[test]
    fn parts_go_through_all_of_a_buffer() {
        let mut next = parts(2 * PART + 5);
        assert_eq!([next(), next(), next()], [0..PART, PART..2 * PART, 0..PART]);
        let mut whole = parts(1000);
        assert_eq!([whole(), whole()], [0..1000, 0..1000]);
    }

    fn machine() -> Limits {
        let memory = |name, bytes, speed| Memory { name, bytes, speed };
        let memory = vec![memory("L1", 1e4, 1e11), memory("DRAM", f64::INFINITY, 1e10)];
        Limits {
            level: Level::Scalar,
            threads: 1,
            peak: 1e11,
            peak_f64: 5e10,
            memory,
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
        assert_eq!(limits.place(1e4).name, "L1");
        assert_eq!(limits.place(1e4 + 1.0).name, "DRAM");
    }
}
