//! What a system is: what it is tried on, what its table has, and how it is run.

use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::progress::say;
use crate::run_folder::write_whole;

/// Which numbers of a column are the good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// High ones.
    Higher,
    /// Low ones.
    Lower,
    /// Neither, such as numbers of parameters.
    Neither,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// What is in it.
    pub name: &'static str,
    /// What numbers are multiplied by before they are written.
    pub scale: f64,
    /// Digits behind the point.
    pub digits: usize,
    /// Which numbers are the good ones.
    pub better: Better,
    /// Whether it is one of the columns that stand for the system in the table of all systems.
    pub is_headline: bool,
}

/// A share, written in percent.
pub const fn percent(name: &'static str) -> Column {
    Column { name, scale: 100.0, digits: 2, better: Better::Higher, is_headline: false }
}

/// An area under a ROC curve, or another score of four digits.
pub const fn area(name: &'static str) -> Column {
    Column { name, scale: 1.0, digits: 4, better: Better::Higher, is_headline: false }
}

/// An error with so many digits; low ones are good.
pub const fn error(name: &'static str, digits: usize) -> Column {
    number(name, digits).lower()
}

/// A number with so many digits that is neither good nor bad.
pub const fn number(name: &'static str, digits: usize) -> Column {
    Column { name, scale: 1.0, digits, better: Better::Neither, is_headline: false }
}

impl Column {
    /// Its name with its unit.
    pub fn title(&self) -> String {
        if self.scale == 100.0 { format!("{}, %", self.name) } else { self.name.to_owned() }
    }

    /// Stands for the system.
    pub const fn headline(self) -> Self {
        Self { is_headline: true, ..self }
    }

    /// With high numbers for the good ones.
    pub const fn higher(self) -> Self {
        Self { better: Better::Higher, ..self }
    }

    /// With low numbers for the good ones.
    pub const fn lower(self) -> Self {
        Self { better: Better::Lower, ..self }
    }
}

/// Whether a system is run as the documents have it, or on a slice of its data that takes seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// As in the documents.
    Whole,
    /// A slice, for tests.
    Slice,
}

/// One run of a system.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// How much.
    pub size: Size,
    /// Decides every random choice.
    pub seed: u64,
    /// Where pictures are left; `None` for nowhere.
    pub folder: Option<&'a Path>,
}

impl Run<'_> {
    /// One of two, by the size.
    pub fn pick<T>(&self, whole: T, slice: T) -> T {
        match self.size {
            Size::Whole => whole,
            Size::Slice => slice,
        }
    }

    /// Leaves a file in the folder, if there is one.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.folder.map_or(Ok(()), |folder| write_whole(&folder.join(name), bytes))
    }
}

/// Names and numbers, one for each column; NaN where a row has none.
pub type Rows = Vec<(String, Vec<f64>)>;

/// A system.
#[derive(Debug, Clone, Copy)]
pub struct System {
    /// Its name: that of the example, and of the preset.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What it is tried on.
    pub data: &'static str,
    /// The columns of its table.
    pub columns: &'static [Column],
    /// The row of what anybody gets without learning: chance, the commonest class, the mean.
    pub floor: &'static str,
    /// The row of a linear model; empty where there is none.
    pub linear: &'static str,
    /// The row of single tasks, or of what else it is to be compared with.
    pub alone: &'static str,
    /// The row of the system itself.
    pub tress: &'static str,
    /// The rows of one run.
    pub run: fn(&Run<'_>) -> Result<Rows, Box<dyn std::error::Error>>,
}

impl System {
    /// What an example does: three seeds, or as many as `TRESS_SEEDS` says, and their table. Pictures are left in `runs/NAME`.
    ///
    /// # Errors
    /// Those of the system, [`Error::Usage`] where `TRESS_SEEDS` is no number of seeds, and [`Error::Write`] where the folder
    /// cannot be written.
    pub fn main(&self) -> Result<(), Box<dyn std::error::Error>> {
        let seeds = seeds(std::env::var_os("TRESS_SEEDS").as_deref())?;
        let folder = Path::new("runs").join(self.name);
        std::fs::create_dir_all(&folder)?;
        let mut found = Vec::new();
        for seed in 1..=seeds {
            found.push((self.run)(&Run { size: Size::Whole, seed, folder: Some(&folder) })?);
        }
        say(&super::run::Findings::of(self, &(1..=seeds).collect::<Vec<_>>(), &found)?.table());
        Ok(())
    }
}

/// More seeds than anybody waits for.
const MOST_SEEDS: u64 = 1000;

/// How many seeds `TRESS_SEEDS` asks for; three where it is not set.
fn seeds(asked: Option<&OsStr>) -> Result<u64, Error> {
    let Some(asked) = asked else { return Ok(3) };
    let number = asked.to_str().and_then(|asked| asked.trim().parse().ok());
    number.filter(|seeds| (1..=MOST_SEEDS).contains(seeds)).ok_or_else(|| {
        Error::Usage(format!(
            "TRESS_SEEDS is `{}`; set it to a whole number of seeds from 1 to {MOST_SEEDS}, or leave it out for 3",
            asked.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::{Run, System, seeds};
    use crate::progress::say;
    use crate::systems::ALL;

    #[test]
    fn a_number_of_seeds_is_one_that_can_be_run() {
        assert_eq!(seeds(None).unwrap(), 3);
        for (asked, number) in [("1", 1), (" 5 ", 5), ("1000", 1000)] {
            assert_eq!(seeds(Some(OsStr::new(asked))).unwrap(), number);
        }
        for wrong in ["0", "abc", "", "-1", "1.5", "1001", "99999999999999999999"] {
            let said = seeds(Some(OsStr::new(wrong))).unwrap_err();
            assert_eq!(said.exit_code(), 2);
            let said = said.to_string();
            assert!(
                said.contains(&format!("TRESS_SEEDS is `{wrong}`")) && said.contains("from 1 to 1000"),
                "{said}"
            );
        }
    }

    /// `cargo run --example NAME | head -1`: who reads the table may go away before it is written. This test starts itself as a
    /// process of its own, whose output nobody reads from the first line on.
    #[test]
    fn a_reader_who_goes_away_is_no_mistake() {
        const CHILD: &str = "TRESS_TEST_OF_A_CLOSED_PIPE";
        if std::env::var_os(CHILD).is_some() {
            const OF: &System = ALL[0];
            let quick =
                System { run: |_: &Run<'_>| Ok(vec![("one".into(), vec![1.0; OF.columns.len()])]), ..*OF };
            say("ready");
            std::io::stdin().lines().for_each(drop); // until the reader has gone
            let done = quick.main();
            eprintln!("{done:?}");
            std::process::exit(i32::from(done.is_err()));
        }
        let folder = std::env::temp_dir().join(format!("tress-closed-pipe-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let name = "systems::system::tests::a_reader_who_goes_away_is_no_mistake";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .env_remove("TRESS_SEEDS")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")), "{:?}", child.wait_with_output());
        drop(lines);
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
