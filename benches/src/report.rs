//! Tables of what `benches/peers/run.py` measured, and the results that `docs/performance.md` has its tables from.
//!
//! A cell is the shortest sample of all rounds: other programs on the machine can make a run longer, but not shorter.

use crate::work::Workload;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds of a workload, by engine, for one thread and for two.
type Cells = BTreeMap<String, [Option<f64>; 2]>;

/// Stored results of one machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// What was measured on.
    pub machine: String,
    /// Multiply-adds of one core, twice, a second.
    pub peak: f64,
    /// The version of each engine.
    pub versions: BTreeMap<String, String>,
    /// Seconds by workload and engine.
    pub figures: BTreeMap<String, Cells>,
    /// Megabytes at the peak of a workload, by engine, as `memory.py` measured them.
    pub memory: BTreeMap<String, BTreeMap<String, f64>>,
    /// What compiling a program with each engine costs, as `buildcost/run.sh` measured it.
    pub builds: BTreeMap<String, Build>,
}

/// What compiling a small program that learns costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The crates that are compiled.
    pub crates: u32,
    /// Seconds of processors.
    pub cpu_s: f64,
    /// Bytes of the program without its symbols.
    pub stripped_bytes: f64,
}

/// What a cell of a group says.
#[derive(Clone, Copy)]
enum Unit {
    Gflops,
    Samples,
    Time,
    Each,
}

fn group(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

fn unit(id: &str) -> Unit {
    match group(id) {
        "gemm" | "conv" => Unit::Gflops,
        "train" => Unit::Samples,
        "overhead" => Unit::Each,
        _ => Unit::Time,
    }
}

/// The tables of the document: name, group, engines in their order, threads; no engines for the table of threads.
const TABLES: [(&str, &str, &[&str]); 6] = [
    (
        "products",
        "gemm",
        &[
            "tress",
            "torch",
            "jax",
            "onnxruntime",
            "candle",
            "candle@v4",
            "burn-flex",
            "gemm",
            "faer",
            "matrixmultiply",
        ],
    ),
    ("convolutions", "conv", &["tress", "torch", "jax", "onnxruntime", "candle", "burn-flex"]),
    (
        "training steps",
        "train",
        &["tress", "torch", "jax", "candle", "candle@v4", "burn-flex", "burn-ndarray", "dfdx"],
    ),
    ("balanced steps", "mtl", &["tress", "torch"]),
    ("passes", "elem", &["tress", "torch", "torch-out", "jax", "onnxruntime", "candle", "burn-flex"]),
    ("layers", "layer", &["tress", "torch"]),
];

/// The shortest run on one thread that two are looked at for however they do, in seconds.
const WORTH_A_THREAD: f64 = 100e-6;

impl Results {
    /// Takes lines of `run.py`, `memory.py` and `buildcost/run.sh`: of a cell that has several, the shortest; what was there before of it is replaced.
    ///
    /// # Errors
    /// A line is not JSON, or lacks its workload, its engine, the threads or the time.
    pub fn take(&mut self, lines: &str) -> Result<(), String> {
        let mut found: BTreeMap<(String, String, usize), f64> = BTreeMap::new();
        for (at, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line: Value =
                serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1))?;
            let word = |name: &str| {
                let word = line.get(name).and_then(Value::as_str).map(String::from);
                word.ok_or_else(|| format!("line {}: no {name}", at + 1))
            };
            let (workload, peer) = (word("workload")?, word("peer")?);
            if workload == "buildcost" {
                let build = Build::deserialize(&line).map_err(|error| format!("line {}: {error}", at + 1))?;
                self.builds.insert(peer, build);
                continue;
            }
            if let Some(peak) = line.get("peak_mb").and_then(Value::as_f64) {
                self.memory.entry(workload).or_default().insert(peer, peak);
                continue;
            }
            if line.get("skip").is_some() || line.get("refused").is_some() {
                continue;
            }
            let number = |name: &str| {
                let number = line.get(name).and_then(Value::as_f64).filter(|number| *number > 0.0);
                number.ok_or_else(|| format!("line {}: no {name}", at + 1))
            };
            let (threads, seconds) = (number("threads")?, number("min_s")?);
            if threads > 2.0 {
                return Err(format!("line {}: {threads} threads; one and two are stored", at + 1));
            }
            self.versions.insert(peer.clone(), word("version")?);
            let cell = found.entry((workload, peer, threads as usize)).or_insert(f64::INFINITY);
            *cell = cell.min(seconds);
        }
        for ((workload, peer, threads), seconds) in found {
            self.figures.entry(workload).or_default().entry(peer).or_default()[threads - 1] = Some(seconds);
        }
        Ok(())
    }

    pub(crate) fn cell(&self, id: &str, peer: &str, threads: usize) -> Option<f64> {
        *self.figures.get(id)?.get(peer)?.get(threads - 1)?
    }

    /// All engines that have a figure in a group.
    fn peers(&self, of: &str) -> Vec<&str> {
        let cells = self.figures.iter().filter(|(id, _)| group(id) == of);
        let mut peers: Vec<&str> = cells.flat_map(|(_, cells)| cells.keys().map(String::as_str)).collect();
        peers.sort_by_key(|&peer| (peer != "tress", peer));
        peers.dedup();
        peers
    }

    /// One table: the workloads of a group in their order, the engines that have figures there.
    fn table(&self, workloads: &[Workload], of: &str, peers: &[&str], threads: usize) -> String {
        let rows: Vec<&Workload> = workloads
            .iter()
            .filter(|work| work.group == of)
            .filter(|work| peers.iter().any(|peer| self.cell(&work.id, peer, threads).is_some()))
            .collect();
        let has = |peer: &&&str| rows.iter().any(|work| self.cell(&work.id, peer, threads).is_some());
        let peers: Vec<&str> = peers.iter().filter(has).copied().collect();
        // Beside the peak of one core; of two threads nothing is said.
        let share = matches!(of, "gemm" | "conv" | "train") && threads == 1 && self.peak > 0.0;
        let mut head: Vec<String> = peers.iter().map(|&peer| peer.to_owned()).collect();
        if share {
            head.insert(1.min(head.len()), "of the peak".into());
        }
        let mut text = line("workload", &head);
        text += &format!("|{}\n", "---|".repeat(head.len() + 1));
        for work in rows {
            let mut cells: Vec<String> = peers
                .iter()
                .map(|peer| {
                    let seconds = self.cell(&work.id, peer, threads);
                    seconds.map_or_else(|| "-".into(), |seconds| said(work, seconds))
                })
                .collect();
            if share {
                let part = self.cell(&work.id, peers[0], threads).zip(work.flops);
                let part =
                    part.map(|(seconds, flops)| format!("{:.0} %", 100.0 * flops / seconds / self.peak));
                cells.insert(1, part.unwrap_or_else(|| "-".into()));
            }
            text += &line(work.id.split_once('/').map_or("", |(_, rest)| rest), &cells);
        }
        text
    }

    /// How many times as fast two threads are as one, wherever one takes long enough, and wherever two are slower.
    fn threads(&self, workloads: &[Workload]) -> String {
        let peers = ["tress", "torch"];
        let mut text =
            line("workload", &["tress, one thread".into(), "tress, two".into(), "torch, two".into()]);
        text += "|---|---|---|---|\n";
        for work in workloads {
            let ratio = |peer: &str| Some(self.cell(&work.id, peer, 1)? / self.cell(&work.id, peer, 2)?);
            let (Some(one), Some(ours)) = (self.cell(&work.id, peers[0], 1), ratio(peers[0])) else {
                continue;
            };
            // A little slower is within what such short runs vary.
            if one < WORTH_A_THREAD && ours > 0.95 {
                continue;
            }
            let theirs = ratio(peers[1]).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
            text += &line(&work.id, &[time(one), format!("{ours:.2}"), theirs]);
        }
        text
    }

    /// Megabytes by workload and engine.
    fn memory(&self, workloads: &[Workload]) -> String {
        let peers = ["tress", "torch"];
        let mut text = line("workload", &peers.map(String::from));
        text += "|---|---|---|\n";
        for (id, found) in workloads.iter().filter_map(|work| self.memory.get_key_value(&work.id)) {
            let cell = |peer| found.get(peer).map_or_else(|| "-".into(), |mb: &f64| format!("{mb:.1}"));
            text += &line(id, &peers.map(cell));
        }
        text
    }

    /// What compiling costs by engine, the quickest first.
    fn builds(&self) -> String {
        let head = ["crates", "processor time, s", "program, stripped, MB"];
        let mut text = line("engine", &head.map(String::from));
        text += "|---|---|---|---|\n";
        let mut builds: Vec<_> = self.builds.iter().collect();
        builds.sort_by(|(_, a), (_, b)| a.cpu_s.total_cmp(&b.cpu_s));
        for (peer, build) in builds {
            let [seconds, megabytes] =
                [format!("{:.0}", build.cpu_s), format!("{:.1}", build.stripped_bytes * 1e-6)];
            text += &line(peer, &[build.crates.to_string(), seconds, megabytes]);
        }
        text
    }

    /// Where the figures are from, in a sentence.
    fn machine(&self) -> String {
        let versions: Vec<String> = self
            .versions
            .iter()
            .filter(|(peer, _)| *peer != "tress")
            .map(|(peer, version)| format!("{peer} {version}"))
            .collect();
        let peak = self.peak * 1e-9;
        format!("{}; FMA peak of a core {peak:.0} Gflop/s. Peers: {}.\n", self.machine, versions.join(", "))
    }

    /// A table of the document by its name.
    fn named(&self, name: &str, workloads: &[Workload]) -> Option<String> {
        match name {
            "machine" => Some(self.machine()),
            "two threads" => Some(self.threads(workloads)),
            "memory" => Some(self.memory(workloads)),
            "builds" => Some(self.builds()),
            "aims" => Some(self.aims()),
            _ => {
                let (_, of, peers) = TABLES.iter().find(|(table, ..)| *table == name)?;
                Some(self.table(workloads, of, peers, 1))
            }
        }
    }

    /// Everything there is, group by group, on one thread and on two.
    pub fn all(&self, workloads: &[Workload]) -> String {
        let mut text = String::new();
        let mut groups: Vec<&str> = workloads.iter().map(|work| work.group.as_str()).collect();
        groups.dedup();
        for of in groups {
            let peers = self.peers(of);
            for threads in [1, 2] {
                let table = self.table(workloads, of, &peers, threads);
                if table.lines().count() > 2 {
                    let unit = match unit(of) {
                        Unit::Gflops => "Gflop/s",
                        Unit::Samples => "samples a second",
                        Unit::Time => "time of a run",
                        Unit::Each => "time of an operation",
                    };
                    text +=
                        &format!("\n### {of}, {unit}, {threads} thread{}\n\n{table}", ["", "s"][threads - 1]);
                }
            }
        }
        text
    }

    /// The document with its tables filled: what stands between `<!-- figures: NAME -->` and `<!-- end -->`.
    ///
    /// # Errors
    /// A table is not known, does not end, or a table that there is does not stand in the document.
    pub fn fill(&self, document: &str, workloads: &[Workload]) -> Result<String, String> {
        const END: &str = "<!-- end -->";
        let (mut text, mut rest, mut seen) = (String::new(), document, Vec::new());
        while let Some((before, after)) = rest.split_once("<!-- figures: ") {
            let (name, after) = after.split_once(" -->\n").ok_or("a mark of figures does not end")?;
            let (_, after) = after.split_once(END).ok_or_else(|| format!("{name}: no {END}"))?;
            let table =
                self.named(name, workloads).ok_or_else(|| format!("{name}: there is no such table"))?;
            text += &format!("{before}<!-- figures: {name} -->\n{table}{END}");
            seen.push(name);
            rest = after;
        }
        let known = TABLES.iter().map(|(name, ..)| *name).chain([
            "machine",
            "aims",
            "two threads",
            "memory",
            "builds",
        ]);
        let measured = |name: &str| match name {
            "memory" => !self.memory.is_empty(),
            "builds" => !self.builds.is_empty(),
            _ => true,
        };
        for name in known.filter(|name| measured(name)) {
            if !seen.contains(&name) {
                return Err(format!("the document has no <!-- figures: {name} -->"));
            }
        }
        Ok(text + rest)
    }

    /// As a file: a workload a line, times to four digits.
    ///
    /// # Errors
    /// Never, for these are words and numbers.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut text = String::from("{\n");
        text += &format!("\"machine\": {},\n", serde_json::to_string(&self.machine)?);
        text += &format!("\"peak\": {:.4e},\n", self.peak);
        text += &format!("\"versions\": {},\n\"figures\": {{\n", serde_json::to_string(&self.versions)?);
        let number = |seconds: &Option<f64>| seconds.map_or_else(|| "null".into(), |s| format!("{s:.3e}"));
        let lines: Result<Vec<String>, serde_json::Error> = self
            .figures
            .iter()
            .map(|(id, cells)| {
                let cells: Result<Vec<String>, serde_json::Error> = cells
                    .iter()
                    .map(|(peer, [one, two])| {
                        Ok(format!("{}: [{}, {}]", serde_json::to_string(peer)?, number(one), number(two)))
                    })
                    .collect();
                Ok(format!("{}: {{{}}}", serde_json::to_string(id)?, cells?.join(", ")))
            })
            .collect();
        text += &(lines?.join(",\n") + "\n},\n\"memory\": {\n");
        text += &by_line(&self.memory)?;
        text += "\n},\n\"builds\": {\n";
        Ok(text + &by_line(&self.builds)? + "\n}\n}\n")
    }
}

/// The entries of a map, each a line of JSON.
fn by_line<T: Serialize>(map: &BTreeMap<String, T>) -> Result<String, serde_json::Error> {
    let entry = |(name, value): (&String, &T)| {
        Ok(format!("{}: {}", serde_json::to_string(name)?, serde_json::to_string(value)?))
    };
    Ok(map.iter().map(entry).collect::<Result<Vec<String>, serde_json::Error>>()?.join(",\n"))
}

pub(crate) fn line(first: &str, cells: &[String]) -> String {
    format!("| {first} | {} |\n", cells.join(" | "))
}

/// The figure of a workload in the unit of its group.
fn said(work: &Workload, seconds: f64) -> String {
    let rate = |amount: Option<f64>| amount.unwrap_or(f64::NAN) / seconds;
    match unit(&work.id) {
        Unit::Gflops => {
            let rate = rate(work.flops) * 1e-9;
            if rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") }
        }
        Unit::Samples => thousands(rate(work.samples)),
        Unit::Each => format!("{:.0} ns", 1e9 / rate(work.samples)),
        Unit::Time => time(seconds),
    }
}

/// Three digits, with the unit that suits.
fn time(seconds: f64) -> String {
    let (number, unit) = match seconds {
        ..999.5e-9 => (seconds * 1e9, "ns"),
        ..999.5e-6 => (seconds * 1e6, "us"),
        _ => (seconds * 1e3, "ms"),
    };
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {unit}")
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{thousands, time};

    #[test]
    fn numbers_are_said_as_people_read_them() {
        assert_eq!(
            ["999", "1,000", "98,153", "1,234,568"],
            [999.4, 999.5, 98_153.2, 1_234_567.8].map(thousands).as_ref()
        );
        let times = [2.9e-8, 3.456e-6, 999.6e-6, 12.34e-3, 0.5, 1.5515].map(time);
        assert_eq!(times, ["29.0 ns", "3.46 us", "1.00 ms", "12.3 ms", "500 ms", "1552 ms"]);
    }
}
