//! The command line: every choice a user has, its default, its range, and the settings that a run keeps.

mod choices;

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use serde::Serialize;
use tress::mtl::balance::{Needs, Weighting as _};

pub use choices::{Balance, Pairs, Place};

use crate::bench;
use crate::compare::{CompareArgs, CompareSettings};
use crate::data::{Library, multimnist::Set};
use crate::device::{ExportArgs, FitArgs};
use crate::error::Error;
use crate::systems::{Preset, SystemSettings, SystemsArgs};
use crate::train::training;
use crate::tune::{TuneArgs, TuneSettings};

/// One network, several tasks: train it, compare it with single-task networks, and get a report.
#[derive(Debug, Parser)]
#[command(name = "tress", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command, tress trains: `tress` is `tress train`.")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: TrainArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train one network on two tasks at once, and one network for each task to compare it with
    Train(TrainArgs),
    /// Measure the kernels on this machine, beside what the machine can do at most
    Bench(bench::Options),
    /// Say whether a trained network fits a device: flash, arena and multiply-adds, before anything is built
    Fit(FitArgs),
    /// Write a trained network as source for devices: a crate of Rust without std, or a header of C
    Export(ExportArgs),
    /// Train several methods with several seeds by one budget, tune the plainest of them, and say which differences are any
    Compare(CompareArgs),
    /// Draw settings from a declared space, try them on a validation part, and test the best of them once
    Tune(TuneArgs),
    /// List the systems that `--system` of train and compare runs, or print what was found as one table
    Systems(SystemsArgs),
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// Run one of the systems that `tress systems` lists, in place of the two-task network
    #[arg(
        long,
        value_enum,
        value_name = "NAME",
        hide_possible_values = true,
        conflicts_with_all = ["set", "balance", "weights", "place", "epochs","samples", "batch", "lr", "pairs", "data_dir"]
    )]
    system: Option<Preset>,
    /// What lies on the left and on the right of each picture
    #[arg(long, value_enum, default_value_t = Set::MultiMnist, value_name = "SET")]
    set: Set,
    /// How the gradients of the tasks are put together
    #[arg(long, value_enum, default_value_t = Balance::EQUAL, value_name = "METHOD")]
    balance: Balance,
    /// A fixed weight for the left and for the right task, in place of a method, such as 2,1
    #[arg(long, value_delimiter = ',', value_parser = weight, num_args = 1, value_name = "WEIGHTS", conflicts_with_all = ["balance", "place"], allow_hyphen_values = true)]
    weights: Vec<f64>,
    /// Where methods that compare gradients do; an error for those that do not
    #[arg(long, value_enum, default_value_t = Place::Parameters, value_name = "PLACE")]
    place: Place,
    /// Passes over the training pictures, for each network
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = between::<1, 100_000>, allow_negative_numbers = true)]
    epochs: usize,
    /// Training pictures in one epoch [default: 20000, or one for each left picture where there are more]
    #[arg(long, value_name = "N", value_parser = between::<1, 1_000_000>, allow_negative_numbers = true)]
    samples: Option<usize>,
    /// Pictures in one training step
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = between::<1, 20_000>, allow_negative_numbers = true)]
    batch: usize,
    /// Highest learning rate (it falls along a cosine)
    #[arg(long, default_value_t = 0.003, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    lr: f64,
    /// Decides every random choice: the same seed gives the same weights, bit for bit, with any number of threads
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true)]
    seed: u64,
    /// Processor threads [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = between::<1, 1024>, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// Whether every epoch draws new pairs from the training pictures
    #[arg(long, value_enum, default_value_t = Pairs::Fresh, value_name = "KIND")]
    pairs: Pairs,
    /// Folder with IDX files (mnist-train-images-idx3-ubyte.gz and so on) [default: the pictures inside the program]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Folder for settings, metrics, weights and report [default: runs/<set>-<balance>-<seed>-<time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the run that lies in the folder given by --out
    #[arg(long)]
    overwrite: bool,
    /// Print the final table and the place of the report only
    #[arg(long, short)]
    quiet: bool,
}

/// A number of things in `LEAST..=MOST`.
pub(crate) fn between<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (LEAST..=MOST).contains(&n) => Ok(n),
        _ => Err(format!("a whole number from {LEAST} to {MOST} is needed")),
    }
}

/// A learning rate: above zero and finite, also after rounding to the `f32` that the optimiser computes in.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate as f32 > 0.0 && (rate as f32).is_finite() => Ok(rate),
        _ => Err("a finite number above 0 is needed".to_owned()),
    }
}

/// A weight of a task: finite and from zero up.
fn weight(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(weight) if weight >= 0.0 && weight.is_finite() => Ok(weight),
        _ => Err("a finite number from 0 up is needed".to_owned()),
    }
}

/// The choices of one training run, all defaults filled in; the part that decides its result is kept as `settings.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// The version of the program.
    pub version: &'static str,
    /// Which two-task set.
    pub set: Set,
    /// How the gradients of the tasks are put together, where no weights are fixed.
    pub balance: Balance,
    /// A fixed weight for each task, in place of `balance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<[f64; 2]>,
    /// Where methods that look at gradients compare them.
    #[serde(skip_serializing_if = "Place::is_usual")]
    pub place: Place,
    /// Passes over the training pictures; at least 1.
    pub epochs: usize,
    /// Training pictures in one epoch, at least 1; `None` for as many as the data suggests.
    pub samples: Option<usize>,
    /// Pictures in one training step; at least 1.
    pub batch: usize,
    /// Highest learning rate; above 0 and finite.
    pub lr: f64,
    /// Decides every random choice.
    pub seed: u64,
    /// Processor threads; at least 1.
    pub threads: usize,
    /// Whether every epoch draws new pairs.
    pub pairs: Pairs,
    /// The folder of IDX files; `None` for the pictures inside the program.
    pub data_dir: Option<PathBuf>,
    /// The folder of the run; `None` for one named after set, balance, seed and time.
    #[serde(skip)]
    pub out: Option<PathBuf>,
    /// Whether a run in `out` may be replaced.
    #[serde(skip)]
    pub overwrite: bool,
    /// Whether only the final table is printed.
    #[serde(skip)]
    pub quiet: bool,
}

impl Settings {
    /// Where the pictures come from.
    pub fn library(&self) -> Library {
        Library::of(self.data_dir.as_deref())
    }

    /// What the tasks are balanced by: the name of a method, or `fixed`.
    pub fn balanced_by(&self) -> &'static str {
        if self.weights.is_some() { "fixed" } else { self.balance.name() }
    }

    fn from(args: TrainArgs) -> Result<Settings, Error> {
        let weights = match args.weights[..] {
            [] => None,
            [left, right] if left + right > 0.0 => Some([left, right]),
            _ => {
                let what = "--weights takes one number for each of the two tasks, not both 0, such as 2,1";
                return Err(Error::Usage(format!("{what} (`tress train --help` lists every choice)")));
            }
        };
        if args.place != Place::Parameters {
            let method = args.balance.0.build(2, args.seed, args.lr).map_err(training)?;
            if method.needs() == Needs::Losses {
                return Err(Error::Usage(format!(
                    "--balance {} compares no gradients, so --place {} would change nothing; leave --place out, or \
                     choose another method, such as mgda",
                    args.balance.name(),
                    args.place.name(),
                )));
            }
        }
        Ok(Settings {
            version: env!("CARGO_PKG_VERSION"),
            set: args.set,
            balance: args.balance,
            weights,
            place: args.place,
            epochs: args.epochs,
            samples: args.samples,
            batch: args.batch,
            lr: args.lr,
            seed: args.seed,
            threads: args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)),
            pairs: args.pairs,
            data_dir: args.data_dir,
            out: args.out,
            overwrite: args.overwrite,
            quiet: args.quiet,
        })
    }
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Train with these settings.
    Train(Settings),
    /// Measure.
    Bench(bench::Options),
    /// Say whether a network fits a device.
    Fit(FitArgs),
    /// Write a network as source.
    Export(ExportArgs),
    /// Compare by these settings.
    Compare(CompareSettings),
    /// Search for settings by these.
    Tune(TuneSettings),
    /// Run a system.
    System(SystemSettings),
    /// List the systems.
    Systems(SystemsArgs),
    /// Print this text (help or version) and stop.
    Print(String),
}

/// Reads a command line, the program's name included.
///
/// # Errors
///
/// [`Error::Usage`], one line, where an option is unknown or a value is out of its range.
pub fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Request, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let command = arguments.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    let known = CommandLine::command().get_subcommands().any(|known| known.get_name() == command);
    let command = if known { command.to_owned() } else { "train".to_owned() };
    match CommandLine::try_parse_from(arguments) {
        Ok(CommandLine { command: Some(Command::Train(args)), .. })
        | Ok(CommandLine { command: None, train: args }) => match args.system {
            Some(system) => Ok(Request::System(SystemSettings {
                system,
                seeds: vec![args.seed],
                threads: args.threads,
                out: args.out,
                overwrite: args.overwrite,
                quiet: args.quiet,
            })),
            None => Settings::from(args).map(Request::Train),
        },
        Ok(CommandLine { command: Some(Command::Bench(options)), .. }) => Ok(Request::Bench(options)),
        Ok(CommandLine { command: Some(Command::Fit(args)), .. }) => Ok(Request::Fit(args)),
        Ok(CommandLine { command: Some(Command::Export(args)), .. }) => Ok(Request::Export(args)),
        Ok(CommandLine { command: Some(Command::Compare(args)), .. }) => match args.system() {
            Some(system) => system.map(Request::System),
            None => CompareSettings::from(args).map(Request::Compare),
        },
        Ok(CommandLine { command: Some(Command::Tune(args)), .. }) => {
            TuneSettings::from(args).map(Request::Tune)
        }
        Ok(CommandLine { command: Some(Command::Systems(args)), .. }) => Ok(Request::Systems(args)),
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Request::Print(e.render().to_string()))
        }
        Err(e) => Err(Error::Usage(one_line(&e, &command))),
    }
}

/// A list of values longer than this is left to the help.
const LONGEST_LIST: usize = 80;

/// The gist of a command-line error, without the usage text that would bury it.
fn one_line(error: &clap::Error, command: &str) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let mut line =
        first.strip_prefix("error: ").unwrap_or(first).split_whitespace().collect::<Vec<_>>().join(" ");
    // Thirty methods are no gist; the help lists them.
    if let Some((start, list)) = line.split_once(" [possible values: ")
        && list.len() > LONGEST_LIST
    {
        line = start.to_owned();
    }
    if let Some(ContextValue::String(near)) = error.get(ContextKind::SuggestedArg) {
        line.push_str(&format!("; did you mean '{near}'?"));
    }
    if let Some(ContextValue::String(near)) = error.get(ContextKind::SuggestedValue) {
        line.push_str(&format!("; did you mean '{near}'?"));
    }
    line.push_str(&format!(" (`tress {command} --help` lists every choice)"));
    line
}

#[cfg(test)]
mod tests {
    use super::{Balance, Pairs, Request, Set, Settings, parse};

    fn settings(line: &str) -> Settings {
        match parse(line.split(' ')) {
            Ok(Request::Train(settings)) => settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn no_command_is_train() {
        assert_eq!(settings("tress"), settings("tress train"));
        assert_eq!(settings("tress --seed 9"), settings("tress train --seed 9"));
        let default = settings("tress");
        assert_eq!(
            (default.set, default.balance, default.pairs),
            (Set::MultiMnist, Balance::EQUAL, Pairs::Fresh)
        );
        assert!(default.threads >= 1);
    }

    #[test]
    fn every_choice_arrives() {
        let s = settings(
            "tress train --set mnist+fashion --balance mgda --epochs 3 --samples 500 --batch 64 --lr 1e-2 --seed 7 \
             --threads 2 --pairs fixed --data-dir d --out o --overwrite --quiet",
        );
        let json = serde_json::to_string(&s).unwrap();
        assert_eq!(
            json,
            format!(
                "{{\"version\":\"{}\",\"set\":\"mnist+fashion\",\"balance\":\"mgda\",\"epochs\":3,\"samples\":500,\
                 \"batch\":64,\"lr\":0.01,\"seed\":7,\"threads\":2,\"pairs\":\"fixed\",\"data_dir\":\"d\"}}",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert!(s.overwrite && s.quiet && s.out == Some("o".into()));
        let fixed = settings("tress --weights 2,0.5");
        assert_eq!((fixed.weights, fixed.balanced_by()), (Some([2.0, 0.5]), "fixed"));
        assert!(serde_json::to_string(&fixed).unwrap().contains("\"weights\":[2.0,0.5],\"epochs\""));
        let layers = serde_json::to_string(&settings("tress --balance mgda --place layers")).unwrap();
        assert!(layers.contains("\"balance\":\"mgda\",\"place\":\"layers\""), "{layers}");
    }

    #[test]
    fn values_out_of_range_are_refused_in_one_line() {
        for (line, part) in [
            ("tress --epochs 0", "'0' for '--epochs <N>': a whole number from 1"),
            ("tress --epochs -3", "'-3' for '--epochs <N>': a whole number from 1"),
            ("tress --epochs ten", "a whole number from 1"),
            ("tress --samples 0", "'0' for '--samples <N>': a whole number from 1 to 1000000"),
            ("tress --batch 0", "a whole number from 1"),
            ("tress --batch 99999999999999999999", "a whole number from 1"),
            ("tress --threads 0", "a whole number from 1"),
            ("tress --lr 0", "a finite number above 0"),
            ("tress --lr -1", "a finite number above 0"),
            ("tress --lr nan", "a finite number above 0"),
            ("tress --lr inf", "a finite number above 0"),
            ("tress --lr 1e300", "a finite number above 0"),
            ("tress --lr 1e-300", "a finite number above 0"),
            ("tress --seed -1", "--seed"),
            ("tress --set cifar", "possible values: multimnist, fashion, mnist+fashion"),
            ("tress --balance equl", "did you mean 'equal'?"),
            ("tress --balance fixed", "'fixed' for '--balance <METHOD>'"),
            ("tress --weights 1", "--weights takes one number for each of the two tasks"),
            ("tress --weights 1,2,3", "--weights takes one number for each of the two tasks"),
            ("tress --weights 0,0", "not both 0"),
            ("tress --weights 1,-1", "a finite number from 0 up"),
            ("tress --weights -1,2", "'-1' for '--weights <WEIGHTS>': a finite number from 0 up"),
            ("tress --weights --quiet", "'--quiet' for '--weights <WEIGHTS>': a finite number from 0 up"),
            ("tress --weights 1,inf", "a finite number from 0 up"),
            ("tress --weights 2,1 --balance mgda", "cannot be used with"),
            ("tress --place layers", "--balance equal compares no gradients, so --place layers"),
            ("tress --place features --balance auto-lambda", "leave --place out, or choose another method"),
            ("tress --place layers --balance modo", "--balance modo compares no gradients"),
            ("tress --place features --balance sdmgrad", "--balance sdmgrad compares no gradients"),
            ("tress --place heads", "possible values: parameters, layers, features"),
            ("tress --epoch 3", "did you mean '--epochs'?"),
            ("tress trian", "'trian'"),
            ("tress train extra", "'extra'"),
            ("tress --lr", "--lr"),
            ("tress fit model --ram 0", "`tress fit --help`"),
            ("tress export model --c a.h --rust a", "`tress export --help`"),
            ("tress --seed 1 --seed 2", "--seed"),
        ] {
            let text = parse(line.split(' ')).expect_err(line).to_string();
            assert!(text.contains(part), "{line}: {text}");
            assert!(!text.contains('\n') && text.len() < 200, "{line}: {text}");
        }
    }

    #[test]
    fn help_names_every_choice_and_its_default() {
        let Ok(Request::Print(help)) = parse(["tress", "train", "--help"]) else { panic!("help is printed") };
        for word in [
            "--set",
            "multimnist",
            "mnist+fashion",
            "--balance",
            "uncertainty",
            "pcgrad",
            "mgda",
            "famo",
            "nash",
            "upgrad",
            "--epochs",
            "--samples",
            "--batch",
            "--lr",
            "--seed",
            "--threads",
            "--pairs",
            "fresh",
            "--data-dir",
            "--out",
            "--overwrite",
            "--quiet",
            "[default: equal]",
            "[default: multimnist]",
        ] {
            assert!(help.contains(word), "{word} is missing in:\n{help}");
        }
        assert!(
            matches!(parse(["tress", "--version"]), Ok(Request::Print(text)) if text.starts_with("tress "))
        );
    }
}
