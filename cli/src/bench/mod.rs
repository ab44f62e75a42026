//! `tress bench`: how fast the kernels run on this machine, beside what the machine can do at most.

mod axes;
mod bandwidth;
mod marks;
mod options;
mod page;
mod roofline;
mod text;

use std::time::SystemTime;

use serde::Serialize;
use tress::tensor::parallel;
use tress_benches::limits::Limits;
use tress_benches::suite::suite;
use tress_benches::timing;
use tress_benches::words::Names;
use tress_benches::work::Workload;

pub use options::Options;

use crate::error::Error;
use crate::progress;
use crate::run_folder;

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// The workload; `group/..`.
    pub name: String,
    /// Seconds of one run: the shortest sample, and the one in the middle.
    pub shortest: f64,
    /// Seconds of the sample in the middle.
    pub median: f64,
    /// Floating-point operations of one run.
    pub flops: Option<f64>,
    /// Bytes that one run reads and writes at least.
    pub bytes: Option<f64>,
    /// The bytes that it lies in.
    pub footprint: Option<f64>,
    /// Samples or operations of one run.
    pub samples: Option<f64>,
    /// The least seconds that the machine's limits allow.
    pub least: Option<f64>,
    /// Which limit that is: `arithmetic`, the memory that the numbers lie in, the `units` that a function needs, or `dispatch`.
    pub bound: Option<&'static str>,
    /// Which part of the time this program waited for a core that other programs had.
    pub waited: f64,
}

/// From here on a figure is marked as disturbed.
const DISTURBED: f64 = 0.1;

impl Figure {
    fn measure(workload: &Workload, limits: &Limits, seconds: f64) -> Result<Figure, String> {
        let mut run = workload.make()?;
        let samples = timing::undisturbed(&mut || run.once(), seconds);
        let times = &samples.seconds;
        let least = workload.least(limits);
        Ok(Figure {
            name: workload.id.clone(),
            shortest: times[0],
            median: times[times.len() / 2],
            flops: workload.flops,
            bytes: workload.bytes,
            footprint: workload.footprint(),
            samples: workload.samples,
            least: least.map(|(seconds, _)| seconds),
            bound: least.map(|(_, what)| what),
            waited: samples.waited,
        })
    }

    fn is_disturbed(&self) -> bool {
        self.waited > DISTURBED
    }

    /// The group that the workload is of.
    fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The name without the group.
    fn short(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(_, rest)| rest)
    }

    /// The part of the machine's limit that is reached: 1 is all of it.
    fn fraction(&self) -> Option<f64> {
        Some(self.least? / self.shortest)
    }

    /// What a second brings, in the unit that says most.
    fn rate(&self) -> (f64, &'static str) {
        match (self.samples, self.flops, self.bytes) {
            (Some(samples), ..) => (samples / self.shortest, "/s"),
            (_, Some(flops), _) => (flops / self.shortest * 1e-9, "Gflop/s"),
            (_, _, Some(bytes)) => (bytes / self.shortest * 1e-9, "GB/s"),
            _ => (1.0 / self.shortest, "runs/s"),
        }
    }
}

/// The groups in their order, as headings.
const GROUPS: [(&str, &str); 6] = [
    ("gemm", "Products"),
    ("conv", "Convolutions"),
    ("elem", "Passes over memory"),
    ("train", "Training steps, samples"),
    ("mtl", "Training steps of several tasks, samples"),
    ("overhead", "Small operations"),
];

/// Measures, prints a table, and leaves `bench.html` and `bench.json`.
///
/// # Errors
///
/// [`Error::Usage`] where no workload has a name with a word; [`Error::Write`] where the folder cannot be
/// written.
pub fn run(options: &Options) -> Result<(), Error> {
    if options.list {
        return suite().iter().try_for_each(|workload| {
            progress::say(&workload.id);
            Ok(())
        });
    }
    let (names, all) = (Names(options.names.clone()), suite());
    names
        .known("workload", all.iter().map(|workload| workload.id.as_str()))
        .map_err(|why| Error::Usage(format!("{why} (`tress bench --list` prints all names)")))?;
    let workloads: Vec<Workload> = all.into_iter().filter(|workload| names.has(&workload.id)).collect();
    let now = SystemTime::now();
    let name = format!("bench-{}", run_folder::stamp(now));
    let folder = run_folder::folder(options.out.as_deref(), options.overwrite, &name)?;
    let threads = options.threads();
    parallel::with_threads(threads, || {
        let limits = Limits::measure(threads);
        progress::say(&text::limits(&limits));
        let mut figures = Vec::new();
        for (group, title) in GROUPS {
            let mut first = true;
            for workload in workloads.iter().filter(|workload| workload.group == group) {
                if std::mem::take(&mut first) {
                    progress::say(&text::heading(title));
                }
                let figure = Figure::measure(workload, &limits, options.seconds)
                    .map_err(|why| Error::Usage(format!("{}: {why}", workload.id)))?;
                progress::say(&text::line(&figure));
                figures.push(figure);
            }
        }
        if let Some(sentence) = text::disturbed(&figures) {
            progress::say(&format!("\n{sentence}"));
        }
        let json = text::json(&limits, &figures);
        let html = page::page(&limits, &figures, now);
        run_folder::write_whole(&folder.join("bench.json"), json.as_bytes())?;
        let place = folder.join("bench.html");
        run_folder::write_whole(&place, html.as_bytes())?;
        progress::say(&format!("\npage: {}", place.display()));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use tress::tensor::simd::Level;
    use tress_benches::limits::Limits;
    use tress_benches::memory::{Memory, Point};

    use super::Figure;

    /// A machine of round numbers.
    pub(super) fn machine() -> Limits {
        let point = |footprint, apart, in_place| Point { footprint, apart, in_place };
        let points = vec![point(5e3, 1e11, 2e11), point(1e8, 1e10, 2e10)];
        Limits {
            level: Level::Scalar,
            threads: 2,
            peak: 1e11,
            peak_f64: 5e10,
            memory: Memory::new([1e4, 2e4, 4e4], 1, points),
            fresh: 1e9,
            dispatch: 1e-8,
            wake: Some(4e-6),
        }
    }

    pub(super) fn figures() -> Vec<Figure> {
        let figure = |name: &str, shortest, flops, bytes, samples, least, bound| Figure {
            name: name.to_owned(),
            shortest,
            median: 1.1 * shortest,
            flops,
            bytes,
            footprint: bytes,
            samples,
            least,
            bound,
            waited: 0.0,
        };
        vec![
            figure("gemm/a < b", 2e-5, Some(1e6), Some(1e4), None, Some(1e-5), Some("arithmetic")),
            figure("elem/add", 1e-6, None, Some(1e4), None, Some(1e-7), Some("L1")),
            figure("train/step", 1e-3, Some(1e7), None, Some(64.0), Some(1e-4), Some("arithmetic")),
            figure("overhead/tiny", 1e-4, None, None, Some(1e3), None, None),
        ]
    }

    #[test]
    fn rates_have_the_unit_that_says_most_and_fractions_are_of_the_limit() {
        let rates: Vec<_> = figures().iter().map(Figure::rate).collect();
        assert_eq!(rates.iter().map(|rate| rate.1).collect::<Vec<_>>(), ["Gflop/s", "GB/s", "/s", "/s"]);
        for ((rate, _), wanted) in rates.iter().zip([50.0, 10.0, 64e3, 1e7]) {
            assert!((rate / wanted - 1.0).abs() < 1e-12, "{rate} {wanted}");
        }
        let fractions: Vec<_> = figures().iter().map(Figure::fraction).collect();
        assert!((fractions[0].unwrap() - 0.5).abs() < 1e-12 && (fractions[1].unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(fractions[3], None);
    }
}
