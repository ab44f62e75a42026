//! The command line of `tress compare`, and the settings of a study.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::data::Library;
use crate::error::Error;
use crate::settings::{Balance, between, rate};
use crate::study::{Family, Running, RunningArgs, Subject};
use crate::systems::{Preset, SystemSettings};

/// For which rows learning rates are searched on the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tune {
    /// For a row of tuned equal weights, with fixed weights too
    Equal,
    /// For every method and for the single-task networks as well
    All,
    /// For none
    None,
}

/// The options of `tress compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "The same command goes on where an earlier run of it stopped; with more methods, seeds or rays it trains \
                        what is missing. Settings are chosen on a validation part that is cut out of the training data. The \
                        test part is looked at once, by finished networks."
)]
#[allow(rustdoc::invalid_html_tags)] // what stands here is the help of the command line
pub struct CompareArgs {
    /// Run one of the systems that `tress systems` lists over several seeds, in place of methods
    #[arg(
        long,
        value_enum,
        value_name = "NAME",
        hide_possible_values = true,
        conflicts_with_all = ["set", "methods", "epochs", "samples", "batch", "lr", "tune", "rates", "rays", "sweep", "data_dir"]
    )]
    system: Option<Preset>,
    /// The tasks to compare on
    #[arg(long, value_enum, default_value_t = Subject::MultiMnist, value_name = "SET")]
    set: Subject,
    /// The methods, with commas between them; `equal` is always among them
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "METHODS",
        num_args = 1,
        default_value = "equal,uncertainty,dwa,famo,mgda,pcgrad,cagrad,nash,upgrad,aligned"
    )]
    methods: Vec<Balance>,
    /// How many seeds, counted up from --seed
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = between::<1, 1000>, allow_negative_numbers = true)]
    seeds: usize,
    /// The first seed
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true)]
    seed: u64,
    /// Passes over the training part, for each network [default: 12 for pictures, 8 for census, 60 for leaves]
    #[arg(long, value_name = "N", value_parser = between::<1, 100_000>, allow_negative_numbers = true)]
    epochs: Option<usize>,
    /// Training pictures in one epoch [default: 20000, or one for each left picture where there are more]
    #[arg(long, value_name = "N", value_parser = between::<1, 1_000_000>, allow_negative_numbers = true)]
    samples: Option<usize>,
    /// Samples in one training step [default: 64 for pictures, 128 for census, 32 for leaves]
    #[arg(long, value_name = "N", value_parser = between::<1, 20_000>, allow_negative_numbers = true)]
    batch: Option<usize>,
    /// Highest learning rate of all that is not tuned [default: 0.003; for census 0.001]
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// For which rows learning rates are searched on the validation part
    #[arg(long, value_enum, default_value_t = Tune::Equal, value_name = "ROWS")]
    tune: Tune,
    /// The learning rates of the search, with commas between them [default: a third of --lr, --lr, three times --lr]
    #[arg(long, value_delimiter = ',', value_parser = rate, num_args = 1, value_name = "RATES")]
    rates: Vec<f64>,
    /// Preferences of the sweep for each method that takes one; 0 for no sweep
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = between::<0, 28>, allow_negative_numbers = true)]
    rays: usize,
    /// The methods of the sweep, with commas between them
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "METHODS",
        num_args = 1,
        default_value = "linear,smooth-chebyshev,pbi"
    )]
    sweep: Vec<Family>,
    /// Folder with the full data: IDX files, or the two tables of the census [default: the data inside the program]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    running: RunningArgs,
}

impl CompareArgs {
    /// The run of a system, where one is asked for.
    pub(crate) fn system(&self) -> Option<Result<SystemSettings, Error>> {
        let system = self.system?;
        Some(seeds(self.seed, self.seeds).map(|seeds| SystemSettings {
            system,
            seeds,
            threads: self.running.jobs,
            out: self.running.out.clone(),
            overwrite: self.running.overwrite,
            quiet: self.running.quiet,
        }))
    }
}

/// So many seeds from the first on.
fn seeds(first: u64, count: usize) -> Result<Vec<u64>, Error> {
    match first.checked_add(count as u64 - 1) {
        Some(last) => Ok((first..=last).collect()),
        None => Err(Error::Usage("the last seed is too large; lower --seed".to_owned())),
    }
}

/// What all networks of a study have in common; two studies with the same can share a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Common {
    /// The version of the program.
    pub version: &'static str,
    /// The tasks.
    pub set: Subject,
    /// Passes over the training part.
    pub epochs: usize,
    /// Training pictures in one epoch; `None` for as many as the data suggests.
    pub samples: Option<usize>,
    /// Samples in one training step.
    pub batch: usize,
    /// The folder of the data; `None` for what is inside the program.
    pub data_dir: Option<PathBuf>,
}

/// The choices of a study, all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompareSettings {
    /// What all networks have in common.
    #[serde(flatten)]
    pub common: Common,
    /// The methods, each once, `equal` first.
    pub methods: Vec<Balance>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The highest learning rate of what is not tuned.
    pub lr: f64,
    /// For which rows rates are searched.
    pub tune: Tune,
    /// The rates of the search.
    pub rates: Vec<f64>,
    /// Preferences of the sweep.
    pub rays: usize,
    /// The methods of the sweep.
    pub families: Vec<Family>,
    /// How they are run, and where they are kept.
    #[serde(skip)]
    pub running: Running,
}

impl CompareSettings {
    /// # Errors
    /// [`Error::Usage`] for options that do not go together.
    pub(crate) fn from(args: CompareArgs) -> Result<Self, Error> {
        let usual = args.set.usual();
        let lr = args.lr.unwrap_or(usual.rate);
        let mut methods = vec![Balance::EQUAL];
        for balance in args.methods {
            if !methods.contains(&balance) {
                methods.push(balance);
            }
        }
        // Three times a usual rate, rounded as one would write it.
        let near = |factor: f64| format!("{:.1e}", lr * factor).parse().unwrap_or(lr);
        let mut rates = if args.rates.is_empty() { vec![near(1.0 / 3.0), lr, near(3.0)] } else { args.rates };
        if args.tune == Tune::None {
            rates.clear();
        }
        let mut families = args.sweep;
        let mut seen = Vec::new();
        families.retain(|family| {
            !seen.contains(family) && {
                seen.push(*family);
                true
            }
        });
        Ok(Self {
            common: Common {
                version: env!("CARGO_PKG_VERSION"),
                set: args.set,
                epochs: args.epochs.unwrap_or(usual.epochs),
                samples: args.samples,
                batch: args.batch.unwrap_or(usual.batch),
                data_dir: args.data_dir,
            },
            methods,
            seeds: seeds(args.seed, args.seeds)?,
            lr,
            tune: args.tune,
            rates,
            rays: args.rays,
            families,
            running: args.running.into(),
        })
    }

    /// The seed of searches and sweeps.
    pub fn first_seed(&self) -> u64 {
        self.seeds.first().copied().unwrap_or(1)
    }

    /// Where the data comes from.
    pub fn library(&self) -> Library {
        Library::of(self.common.data_dir.as_deref())
    }

    /// The folder of the study: the one chosen, or one whose name follows from data and budget, so that the same command
    /// finds it again.
    pub fn folder(&self) -> PathBuf {
        self.running.folder("compare", self.common.set, &self.common)
    }
}
