//! The program `serve`: every request is answered by one line, and a wrong command line by an error.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn serve(arguments: &[&str], requests: &str) -> Output {
    let workloads = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/workloads.json");
    let mut served = Command::new(env!("CARGO_BIN_EXE_serve"))
        .args(arguments)
        .env("PEERS_WORKLOADS", workloads)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its command line may be gone before it is asked.
    let _ = served.stdin.take().unwrap().write_all(requests.as_bytes());
    served.wait_with_output().unwrap()
}

#[test]
fn every_request_is_answered_and_none_ends_the_program() {
    let requests = [
        "run elem/add/1000 abc",
        "run elem/add/1000 -1",
        "run elem/add/1000 nan",
        "run elem/add/1000 1e9",
        "run elem/nothing/7 0.01",
        "walk elem/add/1000",
        "run",
        "run elem/add/1000 0.01 0.02",
        "",
        "check elem/add/1000",
        "run elem/add/1000 0.01",
        "quit",
        "run elem/add/1000 0.01",
    ];
    let output = serve(&["--serve", "--threads", "2"], &requests.join("\n"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The empty line asks for nothing, and after `quit` nothing is asked.
    assert_eq!(lines.len(), 10, "{text}");
    for (line, request) in lines.iter().zip(requests).take(8) {
        assert!(line["skip"].is_string() && line["median_s"].is_null(), "{request}: {line}");
        assert!(line["peer"] == "tress" && line["threads"] == 2 && line["workload"].is_string(), "{line}");
    }
    assert!(
        lines[0]["skip"].as_str().unwrap().contains("\"abc\"") && lines[0]["workload"] == "elem/add/1000"
    );
    assert!(lines[5]["skip"].as_str().unwrap().contains("walk"));
    assert!(lines[8]["outcome"].is_object() || lines[8]["outcome"].is_array(), "{}", lines[8]);
    assert!(lines[9]["median_s"].as_f64().unwrap() > 0.0 && lines[9]["skip"].is_null());
}

#[test]
fn a_wrong_command_line_is_an_error_that_says_what_would_be_right() {
    for (arguments, part) in [
        (["--threads", "0"], "1 to 1024"),
        (["--threads", "2.5"], "1 to 1024"),
        (["--slice", "0"], "above 0"),
        (["--slice", "inf"], "above 0"),
        (["--seconds", "1"], "--slice SECONDS"),
        (["--serve", "--slice"], "wants a value"),
    ] {
        let output = serve(&arguments, "");
        let why = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(why.lines().count() == 1 && why.contains(part), "{arguments:?}: {why}");
    }
}
