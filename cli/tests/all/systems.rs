//! `--system` and `tress systems`: what they list, leave and refuse, and that the documents have the tables of the results.

use std::fs;
use std::path::Path;

use super::place::{Place, finished, only_line, tress};
use tress_cli::systems::{ALL, Better};

#[test]
fn a_system_is_run_from_one_command_each_seed_a_file() {
    let place = Place::new("system");
    let text = finished(tress(&place.0, "compare --system leaves --seeds 2 --jobs 1 --out found"));
    for word in ["Hierarchical classes", "commonest class", "single tasks", "hierarchy", "±", "species: "] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let result = place.json("found/system.json");
    assert_eq!((&result["seeds"], result["rows"].as_array().unwrap().len()), (&serde_json::json!([1, 2]), 6));
    assert!(result["sources"].as_u64().unwrap() > 0, "what the example read is known of its results");
    let joint = &result["rows"][5]["figures"][1];
    let by_seed: Vec<f64> =
        joint["by_seed"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert!((joint["mean"].as_f64().unwrap() - 0.5 * (by_seed[0] + by_seed[1])).abs() < 1e-12);

    // Again, with a seed more: what is there stays, to the byte; one seed alone gives the same numbers.
    let first = fs::read(place.0.join("found/cells/seed-1.json")).unwrap();
    let again = finished(tress(&place.0, "compare --system leaves --seeds 3 --jobs 1 --out found"));
    assert!(again.contains("seed-3") && !again.contains("seed-1"), "{again}");
    assert!(fs::read(place.0.join("found/cells/seed-1.json")).unwrap() == first);
    finished(tress(&place.0, "train --system leaves --seed 2 --out one --quiet"));
    let rows =
        |study: &str| place.cells(study).iter().find(|cell| cell["seed"] == 2).unwrap()["rows"].clone();
    assert_eq!(rows("found"), rows("one"));

    // The table of what lies in a folder.
    fs::create_dir(place.0.join("all")).unwrap();
    fs::copy(place.0.join("found/system.json"), place.0.join("all/leaves.json")).unwrap();
    let table = finished(tress(&place.0, "systems --table all"));
    assert!(table.starts_with("| system | data | metric | floor | linear | alone | Tress |"), "{table}");
    assert!(table.contains("| species, % |") && table.contains("`leaves`"), "{table}");
    assert!(!table.contains("Made before"), "{table}");
    let mut older = result.clone();
    older["sources"] = serde_json::json!(1);
    fs::write(place.0.join("all/leaves.json"), older.to_string()).unwrap();
    let table = finished(tress(&place.0, "systems --table all"));
    assert!(table.ends_with("Made before their examples were changed: `leaves`; `tress compare --system NAME` makes them again.\n"), "{table}");
    let list = finished(tress(&place.0, "systems"));
    assert!(ALL.iter().all(|system| list.contains(system.name) && list.contains(system.title)), "{list}");
}

#[test]
fn what_cannot_be_run_is_said_in_one_line() {
    let place = Place::new("system-wrong");
    fs::create_dir(place.0.join("full")).unwrap();
    fs::write(place.0.join("full/census.json"), "{}").unwrap();
    for (line, code, part) in [
        ("train --system detecton", 2, "did you mean 'detection'?"),
        ("train --system text --balance mgda", 2, "cannot be used with"),
        ("compare --system text --methods mgda", 2, "cannot be used with"),
        ("compare --system text --seed 18446744073709551615", 2, "the last seed is too large"),
        ("compare --system text --out full", 1, "full: is not empty and holds no study"),
        ("systems --table none", 1, "run `tress compare --system NAME`"),
        ("systems --table full", 1, "census.json: holds no results of a system"),
    ] {
        let output = tress(&place.0, line).output().unwrap();
        let said = only_line(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(part), "{line}: {said}");
    }
}

/// The page of systems has the tables that the program makes of the stored results, and the README that of all systems, row by
/// row.
#[test]
fn the_documents_have_the_tables_of_the_stored_results() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = finished(tress(&root, "systems --table docs/studies/systems"));
    let page = fs::read_to_string(root.join("docs/systems.md")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let all = text.split("\n\n").next().unwrap();
    let of_readme = readme.lines().skip_while(|line| *line != all.lines().next().unwrap());
    let of_readme: Vec<&str> = of_readme.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(of_readme, all.lines().collect::<Vec<_>>(), "README.md is to have the table of all systems");
    let mut tables = 0;
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        assert!(page.contains(table.trim_end()), "docs/systems.md is to have:\n{table}");
        tables += 1;
    }
    let stored = fs::read_dir(root.join("docs/studies/systems")).unwrap().count();
    assert_eq!(tables, 1 + stored, "one for all, and one for each");
    assert_eq!(stored, ALL.len());
}

/// On whole data every system is better than its floor in each column that stands for it.
#[test]
fn stored_results_beat_their_floors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/studies/systems");
    for system in ALL {
        let text = fs::read_to_string(folder.join(format!("{}.json", system.name))).unwrap();
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (place, column) in system.columns.iter().enumerate().filter(|(_, column)| column.is_headline) {
            let mean = |name: &str| {
                let row = result["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
                row["figures"][place]["mean"].as_f64().unwrap()
            };
            let (own, floor) = (mean(system.tress), mean(system.floor));
            let beats = match column.better {
                Better::Higher => own > floor,
                Better::Lower => own < floor,
                Better::Neither => false,
            };
            assert!(beats, "{}, {}: {own} beside a floor of {floor}", system.name, column.name);
        }
    }
}
