//! A system with several seeds, each a file, and the table of what they found.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::{Deserialize, Serialize};
use tress::tensor::parallel;

use super::sources::sources;
use super::system::{Better, Column, Rows, Run, Size, System};
use super::{ALL, named};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::report::{columns, wrapped};
use crate::study::{Figure, StudyFolder};
use crate::train::training;

/// The results, as JSON.
const RESULTS: &str = "system.json";

/// A system as a choice on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Preset(pub &'static System);

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        static CHOICES: [Preset; ALL.len()] = presets();
        &CHOICES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name).help(self.0.title))
    }
}

const fn presets() -> [Preset; ALL.len()] {
    let (mut presets, mut i) = ([Preset(ALL[0]); ALL.len()], 0);
    while i < ALL.len() {
        presets[i] = Preset(ALL[i]);
        i += 1;
    }
    presets
}

/// The choices of a run, all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemSettings {
    /// The system.
    pub system: Preset,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Processor threads; `None` for as many as there are.
    pub threads: Option<usize>,
    /// The folder; `None` for one that is named after the system.
    pub out: Option<PathBuf>,
    /// Whether another study in it may be replaced.
    pub overwrite: bool,
    /// Whether only the final table is printed.
    pub quiet: bool,
}

impl SystemSettings {
    /// The folder of the run.
    pub fn folder(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(self.system.0.name))
    }
}

/// What all seeds have in common.
#[derive(Serialize)]
struct Common<'a> {
    version: &'static str,
    system: &'a str,
    size: Size,
    /// What its example and what it shares with others read, as a check sum: a seed that an edited example has left is not that of
    /// this one.
    sources: u32,
}

/// One seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Found {
    seed: u64,
    seconds: f64,
    /// `None` where a row has no number.
    rows: Vec<(String, Vec<Option<f64>>)>,
}

/// Runs a system and leaves a folder.
///
/// # Errors
/// [`Error::Write`] for a folder that cannot be written, before any training; [`Error::Interrupted`] after Ctrl-C, once the seed
/// at work has ended; [`Error::Training`] for what went wrong inside of the system.
pub fn run(settings: &SystemSettings) -> Result<(), Error> {
    let system = settings.system.0;
    let interrupt = Interrupt::watch()?;
    let common = Common {
        version: env!("CARGO_PKG_VERSION"),
        system: system.name,
        size: Size::Whole,
        sources: sources(system.name),
    };
    let folder = StudyFolder::open(&settings.folder(), &common, settings.overwrite)?;
    let mut found = Vec::new();
    for &seed in &settings.seeds {
        let name = format!("seed-{seed}");
        interrupt.check(|| format!("before {name}; the same command goes on from there"))?;
        let one = match folder.read(&name)? {
            Some(one) => one,
            None => {
                if !settings.quiet {
                    say(&format!("{}: {name}", system.title));
                }
                let start = std::time::Instant::now();
                let run = Run { size: Size::Whole, seed, folder: Some(folder.path()) };
                let work = || (system.run)(&run).map_err(training);
                let rows = match settings.threads {
                    Some(threads) => parallel::with_threads(threads, work)?,
                    None => work()?,
                };
                let finite = |x: f64| x.is_finite().then_some(x);
                let rows = rows.into_iter().map(|(name, row)| (name, row.into_iter().map(finite).collect()));
                let one = Found { seed, seconds: start.elapsed().as_secs_f64(), rows: rows.collect() };
                interrupt.writing(|| folder.put(&name, &one))?;
                one
            }
        };
        let number = |x: Option<f64>| x.unwrap_or(f64::NAN);
        let rows = one.rows.into_iter().map(|(name, row)| (name, row.into_iter().map(number).collect()));
        found.push(rows.collect::<Rows>());
    }
    let findings = Findings::of(system, &settings.seeds, &found)?;
    let mut json = serde_json::to_vec_pretty(&findings)
        .map_err(|e| Error::write(folder.path(), format!("the results cannot be written as JSON: {e}")))?;
    json.push(b'\n');
    interrupt.writing(|| folder.write(RESULTS, &json))?;
    say(&findings.table());
    if !settings.quiet {
        say(&format!("results: {}", folder.path().join(RESULTS).display()));
    }
    Ok(())
}

/// A row over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Its name.
    pub(super) name: String,
    /// One for each column; `None` where it has no number.
    pub(super) figures: Vec<Option<Figure>>,
}

/// What a system has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Findings {
    /// The system.
    pub(super) system: String,
    /// The version of the program.
    pub(super) version: String,
    /// What the examples read when they were run, as a check sum of [`sources`]; `None` in results that are older than it.
    #[serde(default)]
    pub(super) sources: Option<u32>,
    /// The seeds.
    pub(super) seeds: Vec<u64>,
    /// The names of the columns.
    pub(super) columns: Vec<String>,
    /// The rows.
    pub(super) rows: Vec<Line>,
}

impl Findings {
    /// Of the rows of each seed, which have the same names in the same order.
    ///
    /// # Errors
    /// [`Error::Training`] where they have not.
    pub(super) fn of(system: &System, seeds: &[u64], found: &[Rows]) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for (place, (name, _)) in found.first().into_iter().flatten().enumerate() {
            let mut figures = Vec::new();
            for column in 0..system.columns.len() {
                let of = |rows: &Rows| {
                    let row = rows
                        .get(place)
                        .filter(|(other, row)| other == name && row.len() == system.columns.len());
                    row.map(|(_, row)| row[column]).ok_or_else(|| {
                        Error::Training(format!(
                            "{}: the row `{name}` is not the same for all seeds",
                            system.name
                        ))
                    })
                };
                let by_seed = found.iter().map(of).collect::<Result<Vec<f64>, Error>>()?;
                let is_there = by_seed.iter().all(|x| x.is_finite());
                figures.push(if is_there { Some(Figure::of(by_seed)?) } else { None });
            }
            rows.push(Line { name: name.clone(), figures });
        }
        Ok(Self {
            system: system.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sources: Some(sources(system.name)),
            seeds: seeds.to_vec(),
            columns: system.columns.iter().map(|column| column.name.to_owned()).collect(),
            rows,
        })
    }

    /// The row of that name.
    pub(super) fn row(&self, name: &str) -> Option<&Line> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The table as plain text, and when a difference is one.
    pub(super) fn table(&self) -> String {
        let Some(system) = named(&self.system) else { return String::new() };
        let head = system.columns.iter().map(Column::title);
        // The last column of a table is words: here, which of the rows of the summary this is.
        let mut lines: Vec<Vec<String>> =
            vec![[String::new()].into_iter().chain(head).chain([String::new()]).collect()];
        for row in &self.rows {
            let figures = row.figures.iter().zip(system.columns);
            let texts = figures.map(|(figure, column)| {
                figure.as_ref().map_or_else(String::new, |figure| figure.spread(column.scale, column.digits))
            });
            let part = match &*row.name {
                name if name == system.tress => "Tress",
                name if name == system.alone => "alone",
                name if name == system.floor => "floor",
                name if name == system.linear => "linear",
                _ => "",
            };
            lines.push([row.name.clone()].into_iter().chain(texts).chain([part.to_owned()]).collect());
        }
        let mut text = format!("{}, on {}; {} seeds\n", system.title, system.data, self.seeds.len());
        text.push_str(&columns(&lines));
        for (place, column) in system.columns.iter().enumerate().filter(|(_, column)| column.is_headline) {
            if let Some(verdict) = self.verdict(place, system) {
                text.push_str(&wrapped(&format!("{}: {verdict}.", column.name), 100));
                text.push('\n');
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// How the system stands to what it is compared with in a column: `better`, `worse`, or `no difference`, that is within
    /// the larger of the two deviations.
    pub(super) fn verdict(&self, column: usize, system: &System) -> Option<&'static str> {
        let figure = |name: &str| self.row(name)?.figures.get(column)?.as_ref();
        let (own, alone) = (figure(system.tress)?, figure(system.alone)?);
        let better = match system.columns[column].better {
            Better::Higher => own.mean - alone.mean,
            Better::Lower => alone.mean - own.mean,
            Better::Neither => return None,
        };
        // One seed says nothing; what is printed alike is no difference either.
        let deviation = own.deviation.zip(alone.deviation).map(|(a, b)| a.max(b))?;
        let Column { scale, digits, .. } = system.columns[column];
        let printed = |mean: f64| format!("{:.digits$}", scale * mean);
        Some(match better {
            // As far apart as the deviation, but for rounding, is not farther.
            better
                if better.abs() <= deviation * (1.0 + 1e-9) || printed(own.mean) == printed(alone.mean) =>
            {
                "no difference"
            }
            better if better > 0.0 => "better",
            _ => "worse",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on the first headline of a system whose three seeds gave these.
    fn verdict(own: [f64; 3], alone: [f64; 3]) -> Option<&'static str> {
        let system = named("mixed_kinds").unwrap();
        let row = |by_seed: [f64; 3]| {
            let figure = |_| Some(Figure::of(by_seed.to_vec()).unwrap());
            system.columns.iter().map(figure).collect()
        };
        let line = |name: &str, by_seed| Line { name: name.to_owned(), figures: row(by_seed) };
        let findings = Findings {
            system: system.name.to_owned(),
            version: String::new(),
            sources: None,
            seeds: vec![1, 2, 3],
            columns: Vec::new(),
            rows: vec![line(system.alone, alone), line(system.tress, own)],
        };
        findings.verdict(0, system)
    }

    #[test]
    fn a_difference_of_just_the_deviation_is_none() {
        // The mean is half a thousandth below, which is the deviation; in binary numbers it is a little more than that.
        let (own, alone) = ([1.0, 0.999, 0.9995], [1.0; 3]);
        let [a, b] = [own, alone].map(|by_seed| Figure::of(by_seed.to_vec()).unwrap());
        assert!(b.mean - a.mean > a.deviation.unwrap(), "rounding is to be seen");
        assert_eq!(verdict(own, alone), Some("no difference"));
        assert_eq!(verdict([0.5, 0.51, 0.52], [0.6, 0.6, 0.6]), Some("worse"));
        assert_eq!(verdict([0.7, 0.71, 0.72], [0.6, 0.6, 0.6]), Some("better"));
    }

    #[test]
    fn what_has_no_number_has_none() {
        let system = named("leaves").unwrap();
        let rows: Rows = vec![("hierarchy".into(), vec![0.5, f64::NAN, 0.25, 1.0])];
        let findings = Findings::of(system, &[1, 2], &[rows.clone(), rows]).unwrap();
        let figures = &findings.rows[0].figures;
        assert!(figures[1].is_none() && serde_json::to_string(&findings).unwrap().contains("null"));
        // What is the same for all seeds has no deviation, rounding of its mean or not.
        assert_eq!(figures[2].as_ref().unwrap().spread(100.0, 2), "25.00");
        assert_eq!(Figure::of(vec![0.1; 3]).unwrap().spread(100.0, 2), "10.00");
        assert_eq!(Figure::of(vec![0.1, 0.2]).unwrap().spread(100.0, 0), "15 ± 7");
    }
}
