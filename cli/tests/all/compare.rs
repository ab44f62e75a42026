//! Whole studies of `tress compare`, made small: what they leave, that they go on after a kill, and how they fail.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tress_cli::compare::{CELLS, PAGE, RESULTS, STUDY};

use super::place::{Place, finished, only_line, tress};

/// Three stateful methods on leaves; a second or two.
const SMALL: &str =
    "compare --set leaves --epochs 3 --batch 140 --seeds 2 --rays 1 --methods famo,moco,gradnorm";

#[test]
fn a_study_leaves_results_and_a_page_and_trains_only_what_is_missing() {
    let place = Place::new("whole");
    let text = finished(tress(&place.0, &format!("{SMALL} --jobs 1 --out study")));
    let mut names: Vec<String> = fs::read_dir(place.0.join("study"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [CELLS, RESULTS, "lock", PAGE, STUDY]);

    // 5 single tasks, equal, 3 methods with 2 seeds; a search of 2 other rates and 5 weightings; a sweep of 3 x 6.
    let results = place.json(&format!("study/{RESULTS}"));
    let rows = results["rows"].as_array().unwrap();
    let row_names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(row_names, ["equal", "equal, tuned", "famo", "moco", "gradnorm"]);
    assert_eq!(results["tasks"].as_array().unwrap().len(), 5);
    assert_eq!(results["search"].as_array().unwrap().len(), 3 + 5);
    assert_eq!(results["sweep"]["families"].as_array().unwrap().len(), 3);
    for row in rows {
        assert_eq!(row["metrics"].as_array().unwrap().len(), 5, "{row}");
        let delta = &row["delta_m"];
        let by_seed: Vec<f64> =
            delta["by_seed"].as_array().unwrap().iter().map(|d| d.as_f64().unwrap()).collect();
        let mean = by_seed.iter().sum::<f64>() / 2.0;
        assert!((delta["mean"].as_f64().unwrap() - mean).abs() < 1e-9, "{row}");
        // By hand from the figures: the relative loss from the single-task networks, for the worse.
        let losses = row["metrics"].as_array().unwrap().iter().zip(results["tasks"].as_array().unwrap());
        let loss = |(own, task): (&Value, &Value)| {
            let alone = task["alone"]["mean"].as_f64().unwrap();
            100.0 * (alone - own["mean"].as_f64().unwrap()) / alone / 5.0
        };
        assert!((losses.map(loss).sum::<f64>() - mean).abs() < 1e-9, "{row}");
        assert!(text.contains(row["name"].as_str().unwrap()), "{text}");
    }
    assert!(results["instruction_set"].as_str().is_some_and(|name| !name.is_empty()), "{results}");
    // The winner of the search is the one with the best validation figure, whatever the test part says; but first the
    // usual rate, and then equal weights, stay where nothing is better by more than a standard error.
    let tried = results["search"].as_array().unwrap();
    let score = |t: &&Value| t["validation"].as_f64().unwrap();
    let error = |t: &&Value| t["error"].as_f64().unwrap();
    let best = |among: &[&Value], usual: usize| -> Value {
        let best = among.iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
        let usual = &among[usual];
        let noise = error(best).max(error(usual));
        if score(best) - score(usual) > noise { (*best).clone() } else { (*usual).clone() }
    };
    let rates: Vec<&Value> = tried[..3].iter().collect();
    assert_eq!(rates[1]["rate"], results["settings"]["lr"], "{tried:?}");
    let equal = best(&rates, 1);
    let weighted: Vec<&Value> = [&equal].into_iter().chain(&tried[3..]).collect();
    let chosen = best(&weighted, 0);
    assert_eq!(chosen["rate"], rows[1]["rate"], "{tried:?}");
    assert_eq!(chosen["weights"], rows[1]["weights"], "{tried:?}");

    let page = fs::read_to_string(place.0.join("study").join(PAGE)).unwrap();
    for word in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "NaN", "inf"] {
        assert!(!page.replace("information", "").contains(word), "{word}");
    }
    for word in
        ["Learning curves", "Conflicts", "conflict rate", "Preferences", "hypervolume", "equal, tuned"]
    {
        assert!(page.contains(word), "{word}");
    }

    // Again: nothing to train, the same results to the byte.
    let before = fs::read(place.0.join("study").join(RESULTS)).unwrap();
    let again = finished(tress(&place.0, &format!("{SMALL} --jobs 1 --out study")));
    assert!(!again.contains("to train"), "{again}");
    assert!(
        fs::read(place.0.join("study").join(RESULTS)).unwrap() == before,
        "other results from the same cells"
    );

    // One method more trains its two networks; several jobs give the same bits as one.
    let more = finished(tress(&place.0, &format!("{SMALL},pcgrad --jobs 1 --out study")));
    assert!(more.contains("grid: 2 networks to train"), "{more}");
    finished(tress(&place.0, &format!("{SMALL},pcgrad --jobs 3 --out other --quiet")));
    assert_eq!(place.cells("study"), place.cells("other"));

    // Another budget is another study.
    let output =
        tress(&place.0, &format!("{SMALL} --out study").replace("--epochs 3", "--epochs 4")).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(only_line(&output).contains("study: holds another study"), "{}", only_line(&output));
}

#[test]
fn a_killed_study_goes_on_to_the_same_bits() {
    let place = Place::new("killed");
    let line = "compare --set leaves --epochs 30 --batch 40 --seeds 1 --rays 0 --tune none --methods moco,famo --jobs 1";
    let killed = format!("{line} --out killed");
    let ends = |end: &str| place.ends("killed", end);
    // Killed twice, each time in the middle of a cell: of one task, and of all with a stateful method.
    for finished in [0, 6] {
        while !(ends("json") >= finished && ends("halfway") == 1) {
            let mut child = tress(&place.0, &killed).stdout(Stdio::null()).spawn().unwrap();
            let start = Instant::now();
            while !(ends("json") >= finished && ends("halfway") == 1) {
                assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
                assert!(start.elapsed() < Duration::from_secs(300), "no cell got halfway");
                std::thread::sleep(Duration::from_millis(1));
            }
            // The cell may end before the signal arrives: then it is the turn of the next one.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    finished(tress(&place.0, &killed));
    finished(tress(&place.0, &format!("{line} --out whole")));
    assert_eq!(place.cells("killed"), place.cells("whole"));
    assert_eq!(place.cells("whole").len(), 5 + 3);
}

#[test]
fn what_cannot_be_compared_is_said_in_one_line() {
    let place = Place::new("wrong");
    fs::create_dir(place.0.join("full")).unwrap();
    fs::write(place.0.join("full/letter"), "dear").unwrap();
    for (line, code, part) in [
        ("compare --set census --samples 500", 2, "--samples is for sets that are composed of pictures"),
        ("compare --set leaves --data-dir full", 2, "leave out --data-dir"),
        ("compare --set census --data-dir full", 1, "holds neither of census-income-train-coded.csv, "),
        ("compare --set multimnist --data-dir none", 1, "none: does not exist"),
        ("compare --methods equl", 2, "did you mean 'equal'?"),
        ("compare --methods fixed", 2, "`tress compare --help` lists every choice"),
        ("compare --seeds 0", 2, "a whole number from 1 to 1000"),
        ("compare --rates 0.1,-1", 2, "a finite number above 0"),
        ("compare --seed 18446744073709551615", 2, "the last seed is too large"),
        ("compare --set leaves --out full", 1, "full: is not empty and holds no study"),
        ("compare --set leaves --epochs 1 --tune none --lr 1e30 --quiet", 1, "on which all figures rest"),
    ] {
        let output = tress(&place.0, line).output().unwrap();
        let said = only_line(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(part), "{line}: {said}");
    }
    assert_eq!(fs::read_to_string(place.0.join("full/letter")).unwrap(), "dear");
}
