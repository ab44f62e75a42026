//! Whole searches of `tress tune`, made small: what they leave, that they go on after a kill, and how they fail.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tress_cli::tune::{CELLS, PAGE, RESULTS, STUDY};

use super::place::{Place, finished, only_line, tress};

/// Nine settings on leaves, of which one runs to the end.
const SMALL: &str = "tune --set leaves --trials 9 --epochs 9 --first-epochs 1 --seeds 2 --space lr=1e-5..0.1:log \
                     --space batch=70,140 --space width=0.25,0.5 --space dropout=0..0.3 --space decay=0..0.1 \
                     --space method=equal,cagrad --space cagrad.c=0.1..0.9";

#[test]
fn a_search_leaves_every_trial_and_tests_what_was_best_on_validation() {
    let place = Place::new("tune");
    let text = finished(tress(&place.0, &format!("{SMALL} --jobs 1 --out search")));
    let mut names: Vec<String> = fs::read_dir(place.0.join("search"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [CELLS, "lock", PAGE, STUDY, RESULTS]);

    let results = place.json(&format!("search/{RESULTS}"));
    let trials = results["trials"].as_array().unwrap();
    assert_eq!(results["rungs"], serde_json::json!([[9, 1], [3, 3], [1, 9]]));
    let validation = |trial: &Value| -> Vec<f64> {
        trial["validation"].as_array().unwrap().iter().map(|m| m.as_f64().unwrap()).collect()
    };
    // Those that went on were the best where they were compared, and the chosen one ran to the end.
    for (epochs, count) in [(1, 3), (3, 1)] {
        let at = |trial: &&Value| validation(trial)[epochs - 1];
        let there: Vec<&Value> = trials.iter().filter(|trial| validation(trial).len() >= epochs).collect();
        let (on, left): (Vec<&Value>, Vec<&Value>) =
            there.iter().partition(|trial| validation(trial).len() > epochs);
        assert_eq!(on.len(), count);
        let worst = on.iter().map(at).fold(f64::INFINITY, f64::min);
        assert!(left.iter().all(|trial| at(trial) <= worst), "{trials:?}");
    }
    let chosen = &trials[results["chosen"].as_u64().unwrap() as usize];
    assert_eq!(validation(chosen).len(), 9);
    let has = |trial: &Value, name: &str| trial["setting"].get(name).is_some();
    assert!(trials.iter().all(|t| has(t, "cagrad.c") == (t["setting"]["method"] == "cagrad")), "{trials:?}");

    // Trials were never tested; the usual setting and the chosen one were, with seeds that no trial had.
    let tested = results["tested"].as_array().unwrap();
    assert_eq!((tested[0]["name"].as_str(), tested[1]["name"].as_str()), (Some("usual"), Some("chosen")));
    assert_eq!(tested[1]["setting"], chosen["setting"]);
    assert_eq!(tested[1]["metrics"].as_array().unwrap().len(), 5);
    let cells = place.cells("search");
    assert_eq!(cells.len(), 9 + 2 * 2);
    for cell in &cells {
        let is_trial = cell["cell"].as_str().unwrap().ends_with("-seed-1");
        assert_eq!(cell["test"].as_array().unwrap().is_empty(), is_trial, "{cell}");
    }
    assert!(text.contains("chosen") && text.contains("usual") && text.contains("validation"), "{text}");

    let page = fs::read_to_string(place.0.join("search").join(PAGE)).unwrap();
    for word in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "NaN", "inf"] {
        assert!(!page.contains(word), "{word}");
    }
    for word in ["lr (log10)", "Every trial", "dropout", "cagrad.c", "Test part"] {
        assert!(page.contains(word), "{word}");
    }

    // Again: nothing to train, the same results to the byte. Several jobs give the same bits as one.
    let before = fs::read(place.0.join("search").join(RESULTS)).unwrap();
    let again = finished(tress(&place.0, &format!("{SMALL} --jobs 1 --out search")));
    assert!(!again.contains("to train"), "{again}");
    assert!(
        fs::read(place.0.join("search").join(RESULTS)).unwrap() == before,
        "other results from the same cells"
    );
    finished(tress(&place.0, &format!("{SMALL} --jobs 3 --out other --quiet")));
    assert_eq!(cells, place.cells("other"));

    // Another space is another search.
    let output =
        tress(&place.0, &format!("{SMALL} --out search").replace("lr=1e-5", "lr=1e-4")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(only_line(&output).contains("search: holds another study"), "{}", only_line(&output));
}

#[test]
fn a_killed_search_goes_on_to_the_same_bits() {
    let place = Place::new("tune-killed");
    let line = SMALL.replace("--epochs 9", "--epochs 30").replace("--first-epochs 1", "--first-epochs 4");
    let killed = format!("{line} --jobs 1 --out killed");
    // Killed among the first trials, and when some have ended.
    for (finished, halfway) in [(0, 3), (6, 1)] {
        let there = || place.ends("killed", "json") >= finished && place.ends("killed", "halfway") >= halfway;
        let mut child = tress(&place.0, &killed).stdout(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while !there() {
            assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
            assert!(start.elapsed() < Duration::from_secs(300), "no trial got so far");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finished(tress(&place.0, &killed));
    finished(tress(&place.0, &format!("{line} --jobs 1 --out whole")));
    assert_eq!(place.cells("killed"), place.cells("whole"));
}

#[test]
fn what_cannot_be_tuned_is_said_in_one_line() {
    let place = Place::new("tune-wrong");
    for (line, code, part) in [
        ("tune --set leaves --space rate=0.1..1", 2, "there is no `rate`; choose among lr, decay"),
        ("tune --set leaves --space lr=1..0.1", 2, "the lower end comes first"),
        ("tune --set leaves --space lr=0.1..", 2, "write NAME=LOW..HIGH"),
        ("tune --set leaves --space cagrad.c=0.1..0.5", 2, "put --space method=cagrad before it"),
        ("tune --set leaves --epochs 5 --first-epochs 6", 2, "lower it or raise --epochs"),
        ("tune --set leaves --search random --first-epochs 1", 2, "--first-epochs is for --search halving"),
        ("tune --set leaves --trials 0", 2, "a whole number from 1 to 10000"),
        ("tune --set leaves --seed 18446744073709551615", 2, "the last seed is too large"),
        ("tune --trails 3", 2, "did you mean '--trials'? (`tress tune --help` lists every choice)"),
        ("tune --set leaves --data-dir none", 2, "leave out --data-dir"),
        ("tune --set leaves --epochs 1 --trials 2 --space lr=1e30,1e31 --quiet", 1, "every trial failed"),
    ] {
        let output = tress(&place.0, line).output().unwrap();
        let said = only_line(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(part), "{line}: {said}");
    }
}

/// The page of systems has the figures of the search that is stored beside it.
#[test]
fn the_documents_have_the_figures_of_the_stored_search() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let page = fs::read_to_string(root.join("systems.md")).unwrap();
    let text = fs::read_to_string(root.join("studies/tune-leaves.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    assert!(page.contains(&format!("{} epochs together in place of 1,080", results["epochs"])));
    for row in results["tested"].as_array().unwrap() {
        let percent = |figure: &Value, part: &str| 100.0 * figure[part].as_f64().unwrap();
        let each = row["metrics"].as_array().unwrap().iter();
        let each = each.map(|f| format!("{:.2} ± {:.2}", percent(f, "mean"), percent(f, "deviation")));
        let line = format!(
            "| {} setting | {} |",
            row["name"].as_str().unwrap(),
            each.collect::<Vec<_>>().join(" | ")
        );
        assert!(page.contains(&line), "docs/systems.md is to have: {line}");
    }
}
