//! The command line of `tress tune`, and the settings of a search.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tress::nn::search::Halving;

use super::space;
use crate::data::Library;
use crate::error::Error;
use crate::settings::between;
use crate::study::{Budget, Running, RunningArgs, Subject};
use crate::train::training;

/// How trials are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// Successive halving: all for a few epochs, the better part for more, few to the end
    Halving,
    /// Random search: all to the end
    Random,
}

/// The options of `tress tune`.
#[derive(Debug, Args)]
#[command(
    after_help = "A space is declared name by name: --space lr=0.0003..0.03:log --space batch=16,32,64 --space \
                        method=equal,cagrad --space cagrad.c=0.1..0.9. Names: lr, decay, batch, width, dropout, method, \
                        settings of methods such as cagrad.c, and weight.1, weight.2, .. for fixed weights of the losses. \
                        The same command goes on where an earlier run of it stopped. Settings are chosen on a validation \
                        part that is cut out of the training data; the chosen one is then trained anew with other seeds, \
                        and these networks are tested once."
)]
#[allow(rustdoc::invalid_html_tags)] // what stands here is the help of the command line
pub struct TuneArgs {
    /// The tasks to tune for
    #[arg(long, value_enum, default_value_t = Subject::MultiMnist, value_name = "SET")]
    set: Subject,
    /// A name that may be set, and its range: NAME=LOW..HIGH, NAME=LOW..HIGH:log, or NAME=A,B,C; once for each name
    /// [default: rate, decay, batch, width, dropout and method around what is usual for the tasks]
    #[arg(long = "space", value_name = "NAME=RANGE")]
    space: Vec<String>,
    /// How trials are run
    #[arg(long, value_enum, default_value_t = Search::Halving, value_name = "HOW")]
    search: Search,
    /// Settings to try
    #[arg(long, default_value_t = 18, value_name = "N", value_parser = between::<1, 10_000>, allow_negative_numbers = true)]
    trials: usize,
    /// Passes over the training part of a trial that runs to the end [default: 12 for pictures, 8 for census, 60 for leaves]
    #[arg(long, value_name = "N", value_parser = between::<1, 100_000>, allow_negative_numbers = true)]
    epochs: Option<usize>,
    /// Passes that every trial takes under successive halving, at least [default: a ninth of --epochs]
    #[arg(long, value_name = "N", value_parser = between::<1, 100_000>, allow_negative_numbers = true)]
    first_epochs: Option<usize>,
    /// One trial in so many goes on from a rung, for so many times as long
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = between::<2, 100>, allow_negative_numbers = true)]
    factor: usize,
    /// Training pictures in one epoch [default: 20000, or one for each left picture where there are more]
    #[arg(long, value_name = "N", value_parser = between::<1, 1_000_000>, allow_negative_numbers = true)]
    samples: Option<usize>,
    /// Decides which settings are tried, and every random choice of their networks
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true)]
    seed: u64,
    /// How many networks of the chosen and of the usual setting are tested, with the seeds after --seed
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = between::<1, 1000>, allow_negative_numbers = true)]
    seeds: usize,
    /// Folder with the full data: IDX files, or the two tables of the census [default: the data inside the program]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    running: RunningArgs,
}

/// What all trials of a search have in common; two searches with the same can share a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Common {
    /// The version of the program.
    pub version: &'static str,
    /// The tasks.
    pub set: Subject,
    /// The ranges, as they were written.
    pub space: Vec<String>,
    /// How trials are run.
    pub search: Search,
    /// Settings to try.
    pub trials: usize,
    /// Passes over the training part of a trial that runs to the end.
    pub epochs: usize,
    /// Passes that every trial takes, at least.
    pub first_epochs: usize,
    /// One trial in so many goes on from a rung.
    pub factor: usize,
    /// Training pictures in one epoch; `None` for as many as the data suggests.
    pub samples: Option<usize>,
    /// Samples in a step, where that is not tuned.
    pub batch: usize,
    /// The highest learning rate, where that is not tuned.
    pub lr: f64,
    /// Decides which settings are tried, and every random choice of their networks.
    pub seed: u64,
    /// The folder of the data; `None` for what is inside the program.
    pub data_dir: Option<PathBuf>,
}

/// The choices of a search, all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TuneSettings {
    /// What all trials have in common.
    #[serde(flatten)]
    pub common: Common,
    /// The seeds of the networks that are tested.
    pub seeds: Vec<u64>,
    /// How they are run, and where they are kept.
    #[serde(skip)]
    pub running: Running,
}

impl TuneSettings {
    /// # Errors
    /// [`Error::Usage`] for options that do not go together.
    pub(crate) fn from(args: TuneArgs) -> Result<Self, Error> {
        let usual = args.set.usual();
        let epochs = args.epochs.unwrap_or(usual.epochs);
        let first_epochs = match (args.search, args.first_epochs) {
            (Search::Random, Some(_)) => {
                return Err(Error::Usage(
                    "--first-epochs is for --search halving; a random search runs all trials to the end"
                        .to_owned(),
                ));
            }
            (Search::Random, None) => epochs,
            (Search::Halving, Some(first)) if first > epochs => {
                return Err(Error::Usage(format!(
                    "--first-epochs {first} is more than the {epochs} epochs of a whole trial; lower it or raise --epochs"
                )));
            }
            (Search::Halving, first) => first.unwrap_or((epochs / 9).max(1)),
        };
        let space = if args.space.is_empty() { space::usual(usual.rate, usual.batch) } else { args.space };
        let last = args.seed.checked_add(args.seeds as u64);
        let last = last.ok_or_else(|| Error::Usage("the last seed is too large; lower --seed".to_owned()))?;
        Ok(Self {
            common: Common {
                version: env!("CARGO_PKG_VERSION"),
                set: args.set,
                space,
                search: args.search,
                trials: args.trials,
                epochs,
                first_epochs,
                factor: args.factor,
                samples: args.samples,
                batch: usual.batch,
                lr: usual.rate,
                seed: args.seed,
                data_dir: args.data_dir,
            },
            // Other seeds than that of the search: the winner may owe its place to the one it was chosen with.
            seeds: (args.seed + 1..=last).collect(),
            running: args.running.into(),
        })
    }

    /// How many trials run how long.
    ///
    /// # Errors
    /// [`Error::Training`] for a plan that cannot be, which the command line rules out.
    pub(crate) fn halving(&self) -> Result<Halving, Error> {
        let Common { trials, epochs, first_epochs, factor, .. } = self.common;
        match self.common.search {
            Search::Halving => Halving::new(trials, epochs, first_epochs, factor),
            Search::Random => Halving::none(trials, epochs),
        }
        .map_err(training)
    }

    /// What every network may spend.
    pub(crate) fn budget(&self) -> Budget {
        Budget { epochs: self.common.epochs, batch: self.common.batch }
    }

    /// Where the data comes from.
    pub fn library(&self) -> Library {
        Library::of(self.common.data_dir.as_deref())
    }

    /// The folder of the search: the one chosen, or one whose name follows from what trials have in common, so that the same
    /// command finds it again.
    pub fn folder(&self) -> PathBuf {
        self.running.folder("tune", self.common.set, &self.common)
    }
}
