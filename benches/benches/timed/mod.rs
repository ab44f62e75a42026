//! A line of `criterion`, and after it which part of its shortest sample the machine needs at least.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tress::tensor::parallel;
use tress_benches::limits::{Least, Limits};

/// The limits of this machine, measured once.
pub(crate) fn machine() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| Limits::measure(parallel::threads()))
}

/// Whether anything was timed.
static TIMED: AtomicBool = AtomicBool::new(false);

/// Runs groups of `criterion`, which reads the command line itself: if no line has a name that was asked for, that is a failure.
pub(crate) fn run(groups: impl FnOnce()) -> ExitCode {
    groups();
    Criterion::default().configure_from_args().final_summary();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if TIMED.load(Ordering::Relaxed) || words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    eprintln!("no line was timed with {:?} (`--list` prints all names)", words.join(" "));
    ExitCode::FAILURE
}

/// Has `run` timed, and prints the least time that the machine's limits allow beside its shortest sample.
pub(crate) fn timed(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: String,
    least: Option<Least>,
    mut run: impl FnMut(),
) {
    let mut shortest = f64::INFINITY;
    group.bench_function(&name, |bench| {
        bench.iter_custom(|times| {
            let begin = Instant::now();
            (0..times).for_each(|_| run());
            let taken = begin.elapsed();
            shortest = shortest.min(taken.as_secs_f64() / times as f64);
            taken
        });
    });
    TIMED.fetch_or(shortest.is_finite(), Ordering::Relaxed);
    // Nothing was timed if another name was asked for.
    if let Some((least, bound)) = least.filter(|_| shortest.is_finite()) {
        let (scale, unit) = if shortest < 1e-4 { (1e6, "us") } else { (1e3, "ms") };
        let part = 100.0 * least / shortest;
        let [least, shortest] = [least, shortest].map(|seconds| seconds * scale);
        println!(
            "{name}: {least:.3} {unit} at least ({bound}), {part:.1} % of the shortest sample ({shortest:.3} {unit})"
        );
    }
}
