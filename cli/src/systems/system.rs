//! What a system is: what it is tried on, what its table has, and how it is run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
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
    /// Those of the system, and [`Error::Write`] where the folder cannot be written.
    pub fn main(&self) -> Result<(), Box<dyn std::error::Error>> {
        let seeds = std::env::var("TRESS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
        let folder = Path::new("runs").join(self.name);
        std::fs::create_dir_all(&folder)?;
        let mut found = Vec::new();
        for seed in 1..=seeds {
            found.push((self.run)(&Run { size: Size::Whole, seed, folder: Some(&folder) })?);
        }
        println!("{}", super::run::Findings::of(self, &(1..=seeds).collect::<Vec<_>>(), &found)?.table());
        Ok(())
    }
}
