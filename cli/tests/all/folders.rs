//! Reading a data folder under every accepted name, and writing a run folder, through the library.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use tress_cli::data::multimnist::Set;
use tress_cli::data::{Library, Origin, Source, Split};
use tress_cli::history::{EpochMetrics, TaskMetrics};
use tress_cli::run_folder::{METRICS, REPORT, RunFolder, SETTINGS};
use tress_cli::settings::{Request, Settings, parse};

/// A path of its own for one test, with nothing there.
fn fresh(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tress-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

/// The repository's own data folder, which holds what the program holds inside.
fn repository_data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data")
}

#[test]
fn a_folder_under_each_naming_gives_the_same_pictures_as_the_program() {
    let built_in = Library::BuiltIn.digits(Origin::Fashion, Split::Test).unwrap();
    assert_eq!(Library::Folder(repository_data()).digits(Origin::Fashion, Split::Test).unwrap(), built_in);

    let folder = fresh("names");
    for start in ["fashion-t10k", "FashionMNIST/raw/t10k"] {
        fs::create_dir_all(folder.join("FashionMNIST/raw")).unwrap();
        for end in ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"] {
            fs::copy(
                repository_data().join(format!("fashion-test1k-{end}")),
                folder.join(format!("{start}-{end}")),
            )
            .unwrap();
        }
        let read = Library::Folder(folder.clone()).digits(Origin::Fashion, Split::Test).unwrap();
        assert_eq!(read, built_in, "{start}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn every_set_composes_and_left_pictures_run_in_order() {
    for set in [Set::MultiMnist, Set::Fashion, Set::MnistFashion] {
        let source = Source::read(&Library::BuiltIn, set, Split::Test).unwrap();
        let drawn = source.composites(1, 1);
        assert_eq!((drawn.len(), drawn.image(1999).len()), (2000, 784));
        for i in [0, 1, 999, 1000, 1999] {
            assert_eq!(drawn.left[i], source.left().label(i % 1000), "{set:?}, composite {i}");
        }
    }
}

fn settings(out: &std::path::Path, more: &[&str]) -> Settings {
    let line = ["tress", "--seed", "5", "--threads", "2", "--out", out.to_str().unwrap()];
    match parse(line.iter().chain(more)) {
        Ok(Request::Train(settings)) => settings,
        other => panic!("{other:?}"),
    }
}

fn metrics(epoch: usize) -> EpochMetrics {
    let task = TaskMetrics {
        task: "left".to_owned(),
        train_loss: 0.5,
        test_loss: 0.25,
        test_accuracy: 0.9375,
        weight: None,
    };
    EpochMetrics { model: "joint".to_owned(), epoch, seconds: 1.5, tasks: vec![task] }
}

#[test]
fn a_run_folder_holds_settings_at_once_and_a_line_for_each_epoch() {
    let path = fresh("run").join("deep");
    let mut folder = RunFolder::create(&settings(&path, &[]), UNIX_EPOCH).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(path.join(SETTINGS)).unwrap()).unwrap();
    assert_eq!((kept["set"].as_str(), kept["seed"].as_u64()), (Some("multimnist"), Some(5)));

    folder.append(&metrics(1)).unwrap();
    let line = "{\"model\":\"joint\",\"epoch\":1,\"seconds\":1.5,\"tasks\":[{\"task\":\"left\",\"train_loss\":0.5,\
                \"test_loss\":0.25,\"test_accuracy\":0.9375}]}\n";
    assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap(), line, "readable while the run goes on");
    folder.append(&metrics(2)).unwrap();
    assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap().lines().count(), 2);

    folder.write(REPORT, b"page").unwrap();
    folder.write(REPORT, b"new page").unwrap();
    assert_eq!(fs::read(path.join(REPORT)).unwrap(), b"new page");
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [METRICS, REPORT, SETTINGS], "no partial file stays");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_file_that_cannot_take_its_name_leaves_nothing_partial() {
    let path = fresh("blocked");
    let folder = RunFolder::create(&settings(&path, &[]), UNIX_EPOCH).unwrap();
    // A folder of that name with something in it cannot be replaced by a file.
    fs::create_dir_all(path.join(REPORT).join("inside")).unwrap();
    let error = folder.write(REPORT, b"page").unwrap_err().to_string();
    assert!(error.contains("report.html: cannot write this file") && !error.contains('\n'), "{error}");
    assert!(!path.join("report.partial").exists());
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn overwriting_replaces_the_earlier_run_and_nothing_else() {
    let path = fresh("overwrite");
    let mut first = RunFolder::create(&settings(&path, &[]), UNIX_EPOCH).unwrap();
    first.append(&metrics(1)).unwrap();
    first.write(REPORT, b"page").unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    drop(first);

    assert!(RunFolder::create(&settings(&path, &[]), UNIX_EPOCH).is_err());
    RunFolder::create(&settings(&path, &["--overwrite"]), UNIX_EPOCH).unwrap();
    assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap(), "");
    assert!(!path.join(REPORT).exists());
    assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "mine");
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn two_runs_in_one_second_get_folders_of_their_own() {
    // Names without --out are relative to where the program runs, so this test has that place to itself.
    let here = fresh("named");
    fs::create_dir_all(&here).unwrap();
    std::env::set_current_dir(&here).unwrap();
    let Ok(Request::Train(settings)) = parse(["tress", "--set", "mnist+fashion"]) else {
        panic!("these are fine")
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    let first = RunFolder::create(&settings, now).unwrap();
    let second = RunFolder::create(&settings, now).unwrap();
    assert_eq!(first.path(), PathBuf::from("runs/mnist+fashion-equal-1-20250101T000000Z"));
    assert_eq!(second.path(), PathBuf::from("runs/mnist+fashion-equal-1-20250101T000000Z-2"));
    fs::remove_dir_all(&here).unwrap();
}
