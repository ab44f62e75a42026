//! How long a run takes: warmed up, repeated until one sample is long enough for the clock.

use std::time::Instant;

/// The shortest sample, in seconds: far above the resolution of the clock.
const SAMPLE: f64 = 50e-6;

/// Seconds of one run, sampled for about `seconds`, in rising order; at least two samples, five where runs are short.
pub fn measure(run: &mut dyn FnMut(), seconds: f64) -> Vec<f64> {
    let mut timed = |repeats: usize| {
        let begin = Instant::now();
        (0..repeats).for_each(|_| run());
        begin.elapsed().as_secs_f64() / repeats as f64
    };
    let (begin, mut fastest, mut warm) = (Instant::now(), f64::MAX, 0);
    while warm < 2 || (begin.elapsed().as_secs_f64() < 0.15 * seconds && warm < 1000) {
        fastest = fastest.min(timed(1));
        warm += 1;
    }
    let repeats = ((SAMPLE / fastest.max(1e-9)).ceil() as usize).max(1);
    let (begin, mut samples) = (Instant::now(), Vec::new());
    loop {
        samples.push(timed(repeats));
        let elapsed = begin.elapsed().as_secs_f64();
        if (elapsed >= seconds && samples.len() >= 5) || (elapsed >= 3.0 * seconds && samples.len() >= 2) {
            samples.sort_by(f64::total_cmp);
            return samples;
        }
    }
}
