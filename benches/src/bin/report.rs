//! Tables of what `benches/peers/run.py` measured.
//!
//! `report RUN.jsonl ..` prints them; `report --store RESULTS.json RUN.jsonl ..` puts the figures into the file of results,
//! beside those that are not in the runs, and measures the peak of this machine; `report --write DOCUMENT.md RESULTS.json` fills
//! the tables of the document.

use std::fs;
use std::process::ExitCode;
use tress_benches::limits;
use tress_benches::report::Results;
use tress_benches::work::Workload;

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{path}: {error}"))
}

fn stored(path: &str) -> Result<Results, String> {
    serde_json::from_str(&read(path)?).map_err(|error| format!("{path}: {error}"))
}

/// What Linux calls the processor.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let name = field("model name").unwrap_or_else(|| "a processor that does not say its name".into());
    match (field("cpu family"), field("model\t")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let workloads = serde_json::from_str(include_str!("../../peers/workloads.json"))
        .map_err(|error| error.to_string())
        .and_then(|list| Workload::read(&list))?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--store", to, ref runs @ ..] if !runs.is_empty() => {
            let mut results = if fs::exists(to).unwrap_or(false) { stored(to)? } else { Results::default() };
            let all: Result<Vec<String>, String> = runs.iter().map(|path| read(path)).collect();
            let here = processor();
            if !results.machine.is_empty() && results.machine != here {
                return Err(format!(
                    "{to} has figures of another machine ({}): store these elsewhere",
                    results.machine
                ));
            }
            results.take(&all?.join("\n"))?;
            results.machine = here;
            results.peak = limits::peak::<f32>(1);
            write(to, &results.json().map_err(|error| error.to_string())?)
        }
        ["--write", document, results] => {
            write(document, &stored(results)?.fill(&read(document)?, &workloads)?)
        }
        [first, ..] if !first.starts_with("--") => {
            let mut results = Results::default();
            let all: Result<Vec<String>, String> = words.iter().map(|path| read(path)).collect();
            results.take(&all?.join("\n"))?;
            print!("{}", results.all(&workloads));
            Ok(())
        }
        _ => {
            Err("report RUN.jsonl .. | --store RESULTS.json RUN.jsonl .. | --write DOCUMENT.md RESULTS.json"
                .into())
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
