//! A folder for studies, and the program at work in it.
#![allow(unreachable_pub)] // for the tests beside it

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tress_cli::compare::CELLS;

/// A path of its own for one test, gone when dropped.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(test: &str) -> Place {
        let path = std::env::temp_dir().join(format!("tress-study-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    pub fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(file)).unwrap_or_else(|e| panic!("{file}: {e}")))
            .unwrap()
    }

    /// The finished cells of a study, by name, without the time they took.
    pub fn cells(&self, study: &str) -> Vec<Value> {
        let mut names: Vec<PathBuf> = fs::read_dir(self.0.join(study).join(CELLS))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        assert!(names.iter().all(|name| name.extension().is_some_and(|end| end == "json")), "{names:?}");
        let read = |path: &PathBuf| {
            let mut cell: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            cell["seconds"] = 0.into();
            cell
        };
        names.iter().map(read).collect()
    }

    /// How many cells of a study have a file that ends so.
    pub fn ends(&self, study: &str, end: &str) -> usize {
        let cells = fs::read_dir(self.0.join(study).join(CELLS)).into_iter().flatten().flatten();
        cells.filter(|entry| entry.path().extension().is_some_and(|found| found == end)).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn tress(at: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tress"));
    command.args(line.split(' ')).current_dir(at).env_remove("TRESS_ISA");
    command
}

pub fn finished(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn only_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}
