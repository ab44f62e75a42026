//! How long a run takes: warmed up, repeated until one sample is long enough for the clock.

use std::time::Instant;
use tress::tensor::parallel;

/// The shortest sample, in seconds: far above the resolution of the clock.
const SAMPLE: f64 = 50e-6;
/// From here on a sample is likely to be interrupted: what a thread waits for a core is looked up, which takes microseconds.
const LONG: f64 = 1e-3;

/// A clock that stands still while this thread could run and other programs have the core, as far as the system counts that
/// (Linux does; elsewhere it is a clock like any other). It knows nothing of other threads: for several, take the wall's.
pub struct Clock {
    begin: Instant,
    waited: Option<f64>,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Clock {
        let waited = waited("/proc/thread-self/schedstat");
        Clock { begin: Instant::now(), waited }
    }

    /// Seconds since then.
    pub fn seconds(&self) -> f64 {
        let wall = self.begin.elapsed().as_secs_f64();
        let waited = self.waited.and_then(|before| Some(waited("/proc/thread-self/schedstat")? - before));
        wall - waited.unwrap_or(0.0).clamp(0.0, wall)
    }
}

/// Seconds that a thread has waited for a core though it could have run.
fn waited(path: impl AsRef<std::path::Path>) -> Option<f64> {
    let nanos: f64 = std::fs::read_to_string(path).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(1e-9 * nanos)
}

/// The same of all threads of this program.
fn all_waited() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    Some(threads.flatten().filter_map(|thread| waited(thread.path().join("schedstat"))).sum())
}

/// Samples of a run.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Seconds of one run, in rising order.
    pub seconds: Vec<f64>,
    /// Which part of the time this program's threads waited for a core: 0 on a quiet machine, and where the system does not say.
    pub waited: f64,
}

/// Seconds of one run, sampled for about `seconds`, in rising order; at least two samples, five where runs are short.
pub fn measure(run: &mut dyn FnMut(), seconds: f64) -> Vec<f64> {
    sampled(run, seconds, false)
}

/// The same with how busy other programs kept the machine meanwhile; of one thread by a [`Clock`] that leaves them out.
pub fn undisturbed(run: &mut dyn FnMut(), seconds: f64) -> Samples {
    let (begin, before) = (Instant::now(), all_waited());
    let samples = sampled(run, seconds, parallel::threads() == 1);
    let waited = before.and_then(|before| Some(all_waited()? - before)).unwrap_or(0.0);
    Samples { seconds: samples, waited: (waited / begin.elapsed().as_secs_f64()).clamp(0.0, 1.0) }
}

fn sampled(run: &mut dyn FnMut(), seconds: f64, own: bool) -> Vec<f64> {
    let mut timed = |repeats: usize, own: bool| {
        let (begin, clock) = (Instant::now(), own.then(Clock::start));
        (0..repeats).for_each(|_| run());
        clock.map_or_else(|| begin.elapsed().as_secs_f64(), |clock| clock.seconds()) / repeats as f64
    };
    let (begin, mut fastest, mut warm) = (Instant::now(), f64::MAX, 0);
    while warm < 2 || (begin.elapsed().as_secs_f64() < 0.15 * seconds && warm < 1000) {
        fastest = fastest.min(timed(1, false));
        warm += 1;
    }
    let repeats = ((SAMPLE / fastest.max(1e-9)).ceil() as usize).max(1);
    let own = own && fastest * repeats as f64 > LONG;
    let (begin, mut samples) = (Instant::now(), Vec::new());
    loop {
        samples.push(timed(repeats, own));
        let elapsed = begin.elapsed().as_secs_f64();
        if (elapsed >= seconds && samples.len() >= 5) || (elapsed >= 3.0 * seconds && samples.len() >= 2) {
            samples.sort_by(f64::total_cmp);
            return samples;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, measure, undisturbed, waited};
    use std::time::{Duration, Instant};

    /// Takes a core for so many milliseconds of the wall's time; seconds by the other clock.
    fn spin(millis: u64) -> f64 {
        let (begin, clock) = (Instant::now(), Clock::start());
        while begin.elapsed() < Duration::from_millis(millis) {}
        clock.seconds()
    }

    #[test]
    fn a_clock_leaves_out_what_a_thread_waits_for_a_core() {
        if waited("/proc/thread-self/schedstat").is_none() {
            return;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..4 * cores).map(|_| std::thread::spawn(|| spin(200))).collect();
        let taken: f64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        // By the wall's clock it is four times what the cores can give.
        assert!(taken > 0.0 && taken < 0.2 * cores as f64 * 2.0, "{taken} s on {cores} cores");
    }

    #[test]
    fn samples_rise_and_are_as_long_as_the_run() {
        let mut run = || std::thread::sleep(Duration::from_millis(2));
        for samples in [measure(&mut run, 0.02), undisturbed(&mut run, 0.02).seconds] {
            assert!(samples.len() >= 5 && samples.is_sorted() && samples[0] >= 0.0019, "{samples:?}");
        }
    }
}
