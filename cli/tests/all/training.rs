//! Whole training runs of the program, made small: what they leave, that they repeat, and how they stop.

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, Stdio};
use std::process::{Command, Output};
#[cfg(unix)]
use std::time::{Duration, Instant};

use serde_json::Value;
use tress::autograd::Eager;
use tress::mtl::network::{Objective, lenet};
use tress::nn::{Params, file, metric};
use tress::tensor::Tensor;
use tress_cli::data::multimnist::Set;
use tress_cli::data::{Library, Source, Split};
use tress_cli::run_folder::{METRICS, REPORT, SETTINGS, WEIGHTS};

/// A path of its own for one test, with nothing there; what comes to be there is gone when dropped.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        let path = std::env::temp_dir().join(format!("tress-training-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn names(&self, run: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(run)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    /// The lines of the metrics, each of which must be whole.
    fn metrics(&self, run: &str) -> Vec<Value> {
        let text = String::from_utf8(self.read(&format!("{run}/{METRICS}"))).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "a torn line: {text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tress(at: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tress"));
    command.args(line.split(' ')).current_dir(at).env_remove("TRESS_ISA");
    command
}

fn finished(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The only line that a run which failed wrote to standard error.
fn only_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().strip_prefix("tress: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// How often the network with these parameters is right about each side of the test composites.
fn accuracies(params: &Params, set: Set) -> Vec<f64> {
    let test = Source::read(&Library::BuiltIn, set, Split::Test).unwrap().composites(1, 0);
    let heads = [("left", Objective::Classes(10)), ("right", Objective::Classes(10))];
    let network = lenet(&mut Params::<f32>::new(0), &heads).unwrap();
    let pixels: Vec<f32> =
        test.images.iter().map(|&grey| (f32::from(grey) / 255.0 - 0.1307) / 0.3081).collect();
    let images = Tensor::new([test.len(), 1, 28, 28], &pixels).unwrap();
    let bound = params.eager();
    let features = network.features(&bound, &[("input", &Eager::new(images))]).unwrap();
    let right = |(output, truth): (&Eager, &Vec<u8>)| {
        let classes = metric::argmax(output.tensor().unwrap());
        let hits = classes.iter().zip(truth).filter(|(class, truth)| **class == Some(usize::from(**truth)));
        hits.count() as f64 / truth.len() as f64
    };
    network.outputs(&bound, &features).iter().zip([&test.left, &test.right]).map(right).collect()
}

#[test]
fn fixed_weights_and_places_of_balancing_are_chosen_by_name() {
    let place = Place::new("chosen");
    let mut joint = Vec::new();
    for choice in [
        "--weights 2,0.5",
        "--balance mgda",
        "--balance mgda --place layers",
        "--balance mgda --place features",
    ] {
        let line =
            format!("--epochs 1 --samples 400 --seed 3 --threads 1 --quiet --overwrite --out run {choice}");
        finished(tress(&place.0, &line));
        let metrics = place.metrics("run");
        joint.push(metrics[0]["tasks"].clone());
        // What the joint network is balanced by is nothing to the others.
        assert_eq!(metrics[1]["tasks"].as_array().unwrap().len(), 1);
        let report = String::from_utf8(place.read(&format!("run/{REPORT}"))).unwrap();
        let told = match choice {
            "--weights 2,0.5" => "fixed weights 2 and 0.5",
            "--balance mgda" => "<th>balance</th><td>mgda</td>",
            "--balance mgda --place layers" => "mgda, at layers",
            _ => "mgda, at features",
        };
        assert!(report.contains(told), "{told}");
    }
    assert_eq!([&joint[0][0]["weight"], &joint[0][1]["weight"]], [2.0, 0.5]);
    assert!((1..4).all(|i| joint[..i].iter().all(|other| *other != joint[i])), "{joint:?}");
}

#[test]
fn a_run_learns_and_leaves_settings_metrics_weights_and_a_report() {
    let place = Place::new("whole");
    let output = finished(tress(&place.0, "--epochs 2 --samples 3000 --batch 32 --seed 4 --out run"));
    assert_eq!(place.names("run"), [METRICS, REPORT, SETTINGS, WEIGHTS]);
    assert_eq!(place.names("."), ["run"]);

    let settings: Value = serde_json::from_slice(&place.read(&format!("run/{SETTINGS}"))).unwrap();
    assert_eq!((settings["seed"].as_u64(), settings["samples"].as_u64()), (Some(4), Some(3000)));

    let metrics = place.metrics("run");
    let order: Vec<_> = metrics
        .iter()
        .map(|line| (line["model"].as_str().unwrap(), line["epoch"].as_u64().unwrap()))
        .collect();
    assert_eq!(order, [("joint", 1), ("joint", 2), ("left", 1), ("left", 2), ("right", 1), ("right", 2)]);
    for line in &metrics {
        let tasks = line["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), if line["model"] == "joint" { 2 } else { 1 });
        for task in tasks {
            for number in ["train_loss", "test_loss", "test_accuracy"] {
                assert!(task[number].as_f64().is_some_and(|n| n > 0.0 && n < 10.0), "{number}: {line}");
            }
        }
        if line["epoch"] == 2 {
            // A tenth is what guessing gives.
            let learned = tasks.iter().all(|task| task["test_accuracy"].as_f64().unwrap() > 0.5);
            assert!(learned, "{line}");
        }
    }

    // The file holds the network that the metrics speak of: read back, it is right exactly as often.
    let weights = place.read(&format!("run/{WEIGHTS}"));
    let mut params = Params::<f32>::new(99);
    let heads = [("left", Objective::Classes(10)), ("right", Objective::Classes(10))];
    lenet(&mut params, &heads).unwrap();
    let fresh = params.block();
    file::load(&mut params, &weights).unwrap();
    assert_ne!(params.block(), fresh);
    let told: Vec<f64> = metrics[1]["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["test_accuracy"].as_f64().unwrap())
        .collect();
    assert_eq!(accuracies(&params, Set::MultiMnist), told);
    let archive = file::Archive::read(&weights).unwrap();
    assert_eq!(archive.get("trunk.conv1.weight").unwrap().shape(), [10, 1, 5, 5]);
    assert_eq!(archive.items().len(), 14);
    // Beside the numbers lies the program, for devices; saved anew with it, not a byte differs.
    let metadata: Vec<(&str, &str)> = archive.metadata().collect();
    assert!(!metadata.is_empty());
    assert_eq!(file::save_with(&params, &metadata), weights);

    let report = String::from_utf8(place.read(&format!("run/{REPORT}"))).unwrap();
    // Pictures are `data:` addresses; nothing else may be fetched from anywhere.
    let outside = report.replace("src=\"data:image/png;base64,", "");
    for word in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "NaN"] {
        assert!(!outside.contains(word), "{word}");
    }
    assert_eq!(report.matches("<figure class=\"chart\"").count(), 4, "loss and accuracy of two tasks");
    assert_eq!(report.matches("<figure class=\"sample\"").count(), 30);

    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "MultiMNIST: 3000 training and 2000 test pictures",
        "joint  epoch 2/2  left ",
        "27,450                     48,780",
        "On average the joint network is ",
        "negative: the joint network is better.",
        "report: run/report.html",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let percent = format!("{:.2} %", 100.0 * told[0]);
    assert!(text.contains(&percent) && report.contains(&percent), "{percent}");
}

#[test]
fn the_same_seed_gives_the_same_weights_with_any_number_of_threads_on_every_instruction_set() {
    let place = Place::new("same");
    let weights = |run: &str, isa: &str, more: &str| {
        let line = format!("--epochs 1 --samples 300 --batch 50 --quiet --out {run} {more}");
        let mut command = tress(&place.0, &line);
        if !isa.is_empty() {
            command.env("TRESS_ISA", isa);
        }
        finished(command);
        place.read(&format!("{run}/{WEIGHTS}"))
    };
    let best = weights("best-1", "", "--threads 1");
    // A level that the machine has not gets what it has; the numbers repeat all the same.
    for isa in ["scalar", "avx2", ""] {
        let one = weights(&format!("one-{isa}"), isa, "--threads 1");
        let two = weights(&format!("two-{isa}"), isa, "--threads 2");
        assert!(one == two, "{isa}: one and two threads differ");
        if isa.is_empty() {
            assert!(one == best, "twice the same command, and the weights differ");
        }
    }
    assert!(weights("five", "", "--threads 5") == best, "one and five threads differ");
    assert!(
        weights("seed", "", "--threads 2 --seed 2") != best,
        "another seed, and the weights are the same"
    );
}

#[test]
fn every_set_and_every_balance_trains() {
    let place = Place::new("every");
    for (set, balance) in [
        ("multimnist", "uncertainty"),
        ("fashion", "pcgrad"),
        ("mnist+fashion", "mgda"),
        ("mnist+fashion", "equal"),
        ("multimnist", "famo"),
        ("multimnist", "dwa"),
        ("fashion", "graddrop"),
    ] {
        let run = format!("{set}-{balance}");
        let line = format!(
            "train --set {set} --balance {balance} --epochs 1 --samples 200 --pairs fixed --out {run}"
        );
        let text = String::from_utf8(finished(tress(&place.0, &line)).stdout).unwrap();
        assert_eq!(place.metrics(&run).len(), 3, "{run}");
        let report = String::from_utf8(place.read(&format!("{run}/{REPORT}"))).unwrap();
        // The weights of these never move (in the first epoch); there is nothing to draw.
        let still = matches!(balance, "equal" | "dwa" | "graddrop");
        assert_eq!(report.contains("Task weights"), !still, "{run}");
        assert_eq!(report.contains("Zalando"), set != "multimnist");
        assert_eq!(text.lines().filter(|line| line.contains("epoch 1/1")).count(), 3, "{text}");
    }
}

#[test]
fn quiet_prints_the_table_only() {
    let place = Place::new("quiet");
    let output = finished(tress(&place.0, "--epochs 1 --samples 50 --quiet --out run"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.trim_start().starts_with("one joint network") && !text.contains("epoch"), "{text}");
    assert!(output.stderr.is_empty());
}

#[test]
fn a_loss_that_runs_away_ends_the_run_with_one_line() {
    let place = Place::new("diverged");
    let output = tress(&place.0, "--lr 1e30 --epochs 2 --samples 400 --quiet --out run").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = only_line(&output);
    assert!(
        line.starts_with("joint network, epoch 1, ")
            && line.ends_with(": the loss is not a finite number any more; choose a lower --lr"),
        "{line}"
    );
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(place.names("run"), [METRICS, SETTINGS]);
    assert!(place.metrics("run").is_empty());
}

/// Waits until `done` with `child` says so; after half a minute in vain, ends the child and fails.
#[cfg(unix)]
fn wait_until(what: &str, child: &mut Child, mut done: impl FnMut(&mut Child) -> bool) {
    let start = Instant::now();
    while !done(child) {
        if start.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            panic!("waited in vain until {what}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_with_one_line_and_leaves_whole_metrics_only() {
    let place = Place::new("interrupted");
    let mut command =
        tress(&place.0, "--epochs 100000 --samples 500 --batch 20 --threads 1 --quiet --out run");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let metrics = place.0.join("run").join(METRICS);
    wait_until("two epochs are written", &mut child, |_| {
        fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() >= 2)
    });
    // The shell's own `kill`, for a machine without a program of that name.
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    wait_until("the program has stopped", &mut child, |child| child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(130));
    let line = only_line(&output);
    assert!(
        line.starts_with("interrupted in epoch ")
            && line.ends_with(" of the joint network; run keeps the epochs before it"),
        "{line}"
    );
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(place.names("run"), [METRICS, SETTINGS], "no weights, no report, nothing partial");
    let epochs: Vec<u64> = place.metrics("run").iter().map(|line| line["epoch"].as_u64().unwrap()).collect();
    assert!(epochs.len() >= 2 && epochs.iter().zip(1..).all(|(&epoch, k)| epoch == k), "{epochs:?}");
    serde_json::from_slice::<Value>(&place.read(&format!("run/{SETTINGS}"))).unwrap();
}
