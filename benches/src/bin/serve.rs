//! The benches as a program that a driver can interleave with other engines, one timed slice each in turn.
//!
//! `PEERS_WORKLOADS=workloads.json serve --threads 1 --serve` reads lines `check WORKLOAD_ID` and `run WORKLOAD_ID SECONDS` on
//! standard input and answers each with one line of JSON, sums of what the workload makes and how long it takes, until `quit`
//! or the end of input. Without `--serve` it runs all workloads (of the group `--group`, whose id contains `--only`) by itself, each
//! for `--slice` seconds. A workload that is not implemented is answered with `skip`, and so is a line that asks for nothing that there is.

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use tress::tensor::parallel;
use tress_benches::timing;
use tress_benches::work::{Outcome, Workload};

/// What every answer begins with.
fn head(id: &str, options: &Options) -> Value {
    json!({
        "workload": id, "peer": options.peer, "version": env!("CARGO_PKG_VERSION"), "threads": options.threads,
    })
}

/// The answer to what cannot be done.
fn skipped(id: &str, options: &Options, why: &str) -> Value {
    let mut line = head(id, options);
    line["skip"] = json!(why);
    line
}

/// Seconds of a slice: more than none, and no more than an hour.
fn slice(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err(format!("{text:?}: seconds are wanted, above 0 and up to 3600")),
    }
}

/// The answer to one request: of `seconds` the time of a run, else what it makes.
fn answer(id: &str, all: &[Workload], options: &Options, seconds: Option<f64>) -> Value {
    let Some(workload) = all.iter().find(|workload| workload.id == id) else {
        return skipped(id, options, "the file of workloads does not have it");
    };
    let mut line = head(id, options);
    line["params"] = workload.settings.clone();
    match (workload.make(), seconds) {
        (Ok(mut run), None) => line["outcome"] = Outcome::of(workload, &mut run).json(),
        (Ok(mut run), Some(seconds)) => {
            let times = timing::measure(&mut || run.once(), seconds);
            let median = times[times.len() / 2];
            line["median_s"] = json!(median);
            line["min_s"] = json!(times[0]);
            line["n"] = json!(times.len());
            let mut rate = |name: &str, amount: Option<f64>, unit: f64| {
                if let Some(amount) = amount {
                    line[name] = json!(amount / median / unit);
                }
            };
            rate("gflops", workload.flops, 1e9);
            rate("gbs", workload.bytes, 1e9);
            rate("samples_s", workload.samples, 1.0);
        }
        (Err(why), _) => line["skip"] = json!(why),
    }
    line
}

const OPTIONS: &str = "--threads N, --serve, --slice SECONDS, --peer NAME, --group GROUP, --only PART";

/// The words of the command line.
struct Options {
    threads: usize,
    peer: String,
    serve: bool,
    group: String,
    only: String,
    /// Seconds of each workload, where a request says nothing else.
    slice: f64,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (group, only) = (String::new(), String::new());
        let mut options = Self { threads: 1, peer: "tress".into(), serve: false, group, only, slice: 0.3 };
        while let Some(word) = words.next() {
            if word == "--serve" {
                options.serve = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} wants a value: there are {OPTIONS}"))?;
            match word.as_str() {
                "--threads" => match value.parse() {
                    Ok(threads) if (1..=1024).contains(&threads) => options.threads = threads,
                    _ => return Err(format!("--threads {value}: a number from 1 to 1024 is wanted")),
                },
                "--slice" => options.slice = slice(&value).map_err(|why| format!("--slice {why}"))?,
                "--peer" => options.peer = value,
                "--group" => options.group = value,
                "--only" => options.only = value,
                _ => {
                    return Err(format!("{word}: there are {OPTIONS}"));
                }
            }
        }
        Ok(options)
    }
}

fn serve(options: &Options) -> Result<(), String> {
    let path =
        std::env::var("PEERS_WORKLOADS").map_err(|_| "set PEERS_WORKLOADS to the file of workloads")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let list: Value = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let all = Workload::read(&list).map_err(|why| format!("{path}: {why}"))?;
    let print = |line: Value| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
    };
    if !options.serve {
        let asked = |w: &&Workload| w.group.contains(&options.group) && w.id.contains(&options.only);
        return all
            .iter()
            .filter(asked)
            .try_for_each(|workload| print(answer(&workload.id, &all, options, Some(options.slice))));
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        // Whatever is asked is answered by one line: a driver that waits for it goes on with what it can have.
        match words[..] {
            ["check", id] => print(answer(id, &all, options, None))?,
            ["run", id] => print(answer(id, &all, options, Some(options.slice)))?,
            ["run", id, seconds] => print(match slice(seconds) {
                Ok(seconds) => answer(id, &all, options, Some(seconds)),
                Err(why) => skipped(id, options, &why),
            })?,
            ["quit"] => break,
            [] => {}
            _ => {
                let id = words.get(1).copied().unwrap_or_default();
                let why = format!("{line:?}: `check ID`, `run ID SECONDS` or `quit` is wanted");
                print(skipped(id, options, &why))?;
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let served = Options::read(std::env::args().skip(1))
        .and_then(|options| parallel::with_threads(options.threads, || serve(&options)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
