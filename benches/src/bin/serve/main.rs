//! The benches as a program that a driver can interleave with other engines, one timed slice each in turn.
//!
//! `PEERS_WORKLOADS=workloads.json serve --threads 1 --serve` reads lines `run WORKLOAD_ID SECONDS` on standard input and
//! answers each with one line of JSON, until `quit` or the end of input. Without `--serve` it runs all workloads (of the
//! group `--group`, whose id contains `--only`) by itself. A workload that is not implemented is answered with `skip`.

mod definitions;

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use tress::tensor::parallel;
use tress_benches::timing;
use tress_benches::work::Workload;

/// The answer to one request.
fn answer(id: &str, all: &[Workload], options: &Options, seconds: f64) -> Value {
    let mut line = json!({
        "workload": id, "peer": options.peer, "version": env!("CARGO_PKG_VERSION"), "threads": options.threads,
    });
    let Some(workload) = all.iter().find(|workload| workload.id == id) else {
        line["skip"] = json!("the file of workloads does not have it");
        return line;
    };
    line["params"] = workload.settings.clone();
    match workload.make() {
        Ok(mut run) => {
            let times = timing::measure(&mut *run, seconds);
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
        Err(why) => line["skip"] = json!(why),
    }
    line
}

/// The words of the command line.
struct Options {
    threads: usize,
    peer: String,
    serve: bool,
    group: String,
    only: String,
    seconds: f64,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (group, only) = (String::new(), String::new());
        let mut options = Self { threads: 1, peer: "tress".into(), serve: false, group, only, seconds: 0.3 };
        while let Some(word) = words.next() {
            if word == "--serve" {
                options.serve = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
            let number = || value.parse::<f64>().map_err(|_| format!("{word} {value}: a number is wanted"));
            match word.as_str() {
                "--threads" => options.threads = number()?.max(1.0) as usize,
                "--slice" => options.seconds = number()?,
                "--peer" => options.peer = value,
                "--group" => options.group = value,
                "--only" => options.only = value,
                _ => {
                    return Err(format!(
                        "{word}: there are --threads, --serve, --slice, --peer, --group, --only"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn serve(options: &Options) -> Result<(), String> {
    let all = definitions::read()?;
    let print = |line: Value| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
    };
    if !options.serve {
        let asked = |w: &&Workload| w.group.contains(&options.group) && w.id.contains(&options.only);
        return all
            .iter()
            .filter(asked)
            .try_for_each(|workload| print(answer(&workload.id, &all, options, options.seconds)));
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["run", id] => print(answer(id, &all, options, options.seconds))?,
            ["run", id, seconds] => {
                let seconds = seconds.parse().map_err(|_| format!("{seconds}: seconds are wanted"))?;
                print(answer(id, &all, options, seconds))?;
            }
            ["quit"] => break,
            [] => {}
            _ => return Err(format!("{line:?}: `run ID SECONDS` or `quit` is wanted")),
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
