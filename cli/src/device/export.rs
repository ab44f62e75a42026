//! `tress export`: a network as source, as floats or as bytes.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use tress::nn::device::{Call, Objective, Placed, Plan, Program, Quantised};
use tress::nn::file;

use super::call::{Form, WRITTEN, identifier, is_word};
use super::fit::device;
use super::learn::Learning;
use super::model::Model;
use super::{c, calibrate, rust};
use crate::data::Split;
use crate::error::{Error, plain};
use crate::progress::say;
use crate::train::Samples;

/// What `tress export` is asked.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ExportArgs {
    /// The folder of a run, a safetensors file with a program in it, or a network without weights yet: lenet,
    /// dense:INPUTS,WIDTH[/FUNCTION],..:NAME=OUTPUTS,.., or conv:CxHxW,OUTPUTSxHxW[/STEP],dwHxW[/STEP],poolN,meanN,norm,rms,..:NAME=OUTPUTS,..
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Write a crate of Rust without std into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "c")]
    pub rust: Option<PathBuf>,
    /// Write a header of C99 (one of --rust and --c is needed)
    #[arg(long, value_name = "FILE")]
    pub c: Option<PathBuf>,
    /// In whole numbers of eight bits, calibrated on samples, in place of floats
    #[arg(long)]
    pub int8: bool,
    /// How many training samples to calibrate on
    #[arg(long, default_value_t = 200, value_name = "N", requires = "int8", value_parser = crate::settings::between::<1, 100_000>)]
    pub samples: usize,
    /// Samples to calibrate on, for a network that is not from `tress train`: an npy file of shape `[N, ..]` for a network of one
    /// input, or an npz file with such an array for each input, by name
    #[arg(long, value_name = "FILE", requires = "int8")]
    pub calibrate: Option<PathBuf>,
    /// With a function that learns, by gradient descent from one sample at a time: networks of dense layers, as Rust
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with_all = ["c", "int8"])]
    pub learn: Option<Learn>,
    /// Only the weights of this scope learn, such as those of a head; the others stay in flash
    #[arg(long, value_name = "SCOPE", requires = "learn")]
    pub only: Option<String>,
    /// The folder `tensor` of a checkout, for the `Cargo.toml` of `--rust` [default: of the checkout that this program was built
    /// from, while it is there; then the version]
    #[arg(long, value_name = "DIR", conflicts_with = "c")]
    pub library: Option<PathBuf>,
    /// Replace what is there, if `tress export` wrote it
    #[arg(long)]
    pub overwrite: bool,
}

/// What the outputs are to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Learn {
    /// The truth itself: mean of squares
    Squares,
    /// Scores of classes: cross entropy
    Classes,
}

impl Learn {
    fn objective(self) -> Objective {
        match self {
            Learn::Squares => Objective::Squares,
            Learn::Classes => Objective::Classes,
        }
    }
}

/// The folder of the kernels, as a crate anywhere may name it: the one that is asked for, or that of the checkout that this
/// program was built from.
fn kernels(asked: Option<&Path>) -> Result<Option<String>, Error> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("tensor");
    let folder = asked.unwrap_or(&own);
    let trouble = "is not the folder `tensor` of a checkout of Tress, which holds the kernels";
    let found = fs::read_to_string(folder.join("Cargo.toml")).ok();
    let found = found
        .filter(|text| text.contains("name = \"tress-tensor\""))
        .and_then(|_| std::path::absolute(folder).ok());
    match (found, asked) {
        (Some(found), _) => Ok(Some(found.display().to_string())),
        (None, None) => Ok(None),
        (None, Some(folder)) => Err(Error::data(folder.display().to_string(), trouble)),
    }
}

/// The name of what is written, from that of its file or folder.
fn name_of(target: &Path, is_rust: bool) -> Result<String, Error> {
    let name = if is_rust { target.file_name() } else { target.file_stem() };
    let Some(name) = name else {
        let what = if is_rust { "a folder" } else { "a file" };
        return Err(Error::write(
            target,
            format!("does not end with the name of {what}, which the source is to have"),
        ));
    };
    let name = identifier(&name.to_string_lossy());
    // Crates that every crate has, those that an exported one needs, and words of the language, which Cargo refuses.
    let taken = ["core", "alloc", "std", "test", "proc_macro", "tress", "tress_tensor", "libm"];
    if is_rust && (taken.contains(&name.as_str()) || is_word(&name)) {
        return Err(Error::write(
            target,
            format!("a crate cannot be called `{name}`; choose another folder"),
        ));
    }
    Ok(name)
}

/// Writes a network as source; with `--int8` of a run's network also says what its answers have become.
///
/// # Errors
///
/// [`Error::Data`] for files that cannot be read, [`Error::Write`] where the source cannot be written, [`Error::Device`] for a
/// network that has no form as asked.
pub fn export(args: &ExportArgs) -> Result<(), Error> {
    let model = Model::read(&args.model)?;
    let program = &model.program;
    let (target, is_rust) = match (&args.rust, &args.c) {
        (Some(folder), _) => (folder, true),
        (None, Some(file)) => (file, false),
        (None, None) => {
            return Err(Error::Usage(
                "give --rust DIR or --c FILE (`tress export --help` lists every choice)".to_owned(),
            ));
        }
    };
    let name = name_of(target, is_rust)?;
    if target.exists() {
        if !args.overwrite {
            return Err(Error::write(
                target,
                "is there already; choose another place, or replace it with --overwrite",
            ));
        }
        replaceable(target, is_rust)?;
    }
    let plan = program.plan().map_err(device)?;
    writable(program, &plan)?;
    let quantised = if args.int8 {
        Some(calibrate::quantised(&model, args.calibrate.as_deref(), args.samples)?)
    } else {
        None
    };
    let form = match &quantised {
        Some(quantised) => Form::Bytes(quantised),
        None => Form::Floats(program, &plan),
    };
    let kind = if args.int8 { "in whole numbers of eight bits" } else { "as floats" };
    let title = format!("The network of {name} {kind}");
    if is_rust {
        let library = kernels(args.library.as_deref())?;
        let learning = match args.learn {
            None => None,
            Some(learn) => Some(Learning::of(program, learn.objective(), args.only.as_deref())?),
        };
        let source = rust::source(&title, form, learning.as_ref())?;
        write(&target.join("Cargo.toml"), &rust::manifest(&name.replace('_', "-"), library.as_deref()))?;
        write(&target.join("src/lib.rs"), &source)?;
        if library.is_none() {
            say("Cargo.toml names tress-tensor by its version; give --library FOLDER for a checkout");
        }
        if let Some(learning) = &learning {
            say(&format!(
                "learning: arena {} bytes, weights and updates {}, {} multiply-adds a step",
                learning.plan.arena::<f32>(),
                learning.beside(program),
                learning.plan.multiply_adds()
            ));
        }
    } else {
        write(target, &c::header(&title, &name, form)?)?;
    }
    say(&format!(
        "{}: {kind}, arena {} bytes, {} multiply-adds",
        target.display(),
        form.arena(),
        form.plan().multiply_adds()
    ));
    if let Some(quantised) = &quantised {
        compare(&model, quantised)?;
    }
    Ok(())
}

/// What is replaced was written by this program: `--overwrite` names it, and a slip of the hand must not lose a crate.
fn replaceable(target: &Path, is_rust: bool) -> Result<(), Error> {
    let candidates = match is_rust {
        true => vec![target.join("src/lib.rs"), target.join("Cargo.toml")],
        false => vec![target.to_owned()],
    };
    let Some(file) = candidates.iter().find(|file| file.exists()) else { return Ok(()) };
    let mut start = Vec::new();
    let read = match file.is_file() {
        true => fs::File::open(file).and_then(|open| open.take(1024).read_to_end(&mut start)),
        false => Ok(0),
    };
    let ours = String::from_utf8_lossy(&start).lines().next().is_some_and(|line| line.contains(WRITTEN));
    match read.is_ok() && ours {
        true => Ok(()),
        false => {
            let trouble = "was not written by `tress export`, so it is not replaced; choose another place";
            Err(Error::write(file, trouble))
        }
    }
}

/// More numbers than the source of a network can mean: 64 MB of floats.
const MOST_NUMBERS: usize = 1 << 24;

/// More arithmetic than an example is worth: some minutes of it.
const MOST_WORK: usize = 1 << 36;

/// Whether source can be written of a network, and its example computed, in a time and a size that somebody can want.
fn writable(program: &Program, plan: &Plan) -> Result<(), Error> {
    let len = |value: usize| program.shape(value).map_or(0, |shape| shape.len());
    let ports = (0..program.inputs().len()).chain(program.outputs().iter().map(|(_, value)| *value)).map(len);
    let weights = program.weights().iter().map(|weight| weight.numbers.len());
    let numbers = ports.chain(weights).chain([plan.values(), plan.column()]).fold(0, usize::saturating_add);
    let pooled = |placed: &Placed| match &placed.call {
        Call::MaxPool(window) | Call::MeanPool(window) => {
            len(placed.to.0).saturating_mul(window.kernel[0].saturating_mul(window.kernel[1]))
        }
        _ => 0,
    };
    let work = plan.calls().iter().map(pooled).fold(plan.multiply_adds(), usize::saturating_add);
    if numbers > MOST_NUMBERS {
        return Err(Error::Device(format!(
            "its inputs, outputs, weights and arena are {numbers} numbers; source is written of {MOST_NUMBERS} at most"
        )));
    }
    if work > MOST_WORK {
        return Err(Error::Device(format!(
            "an evaluation takes {work} multiplications or comparisons; source is written where its example takes {MOST_WORK} at most"
        )));
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::write(file, format!("cannot be written: {}", plain(&e)));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    file::write_atomic(file, text.as_bytes()).map_err(|e| Error::write(file, e.to_string()))
}

/// What the test pictures of the run are taken for, by floats and by bytes.
fn compare(model: &Model, quantised: &Quantised) -> Result<(), Error> {
    let Some((source, set, seed)) = model.source(Split::Test)? else { return Ok(()) };
    let composites = source.composites(seed, 0);
    let truth = [composites.left.clone(), composites.right.clone()];
    let samples = Samples::new(composites)?;
    let table = Answers::of(&model.program, quantised, &samples)?;
    say(&format!("\n{} test pictures   floats    bytes    the same answer", samples.len()));
    for (output, (name, _)) in model.program.outputs().iter().enumerate() {
        let Some(task) = set.tasks().iter().position(|task| task == name) else { continue };
        let right =
            |answers: &[usize]| share(answers.iter().zip(&truth[task]).map(|(&a, &b)| a == usize::from(b)));
        let (floats, bytes) = (&table.floats[output], &table.bytes[output]);
        let same = share(floats.iter().zip(bytes).map(|(a, b)| a == b));
        say(&format!("{name:<19} {:>6.2} % {:>6.2} %  {same:>6.2} %", right(floats), right(bytes)));
    }
    Ok(())
}

fn share(hits: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = hits.len().max(1);
    100.0 * hits.filter(|&hit| hit).count() as f64 / count as f64
}

/// The largest score of each sample, for each output.
struct Answers {
    floats: Vec<Vec<usize>>,
    bytes: Vec<Vec<usize>>,
}

impl Answers {
    fn of(program: &Program, quantised: &Quantised, samples: &Samples) -> Result<Self, Error> {
        let count = program.outputs().len();
        let mut answers = Self { floats: vec![Vec::new(); count], bytes: vec![Vec::new(); count] };
        let plan = program.plan().map_err(device)?;
        for i in 0..samples.len() {
            let image = samples.images(&[i])?.to_vec();
            let floats = program.run_by(&plan, &[&image], |_, _| ()).map_err(device)?;
            let bytes = quantised.run_numbers(&[&image]).map_err(device)?;
            for output in 0..count {
                answers.floats[output].push(largest(&floats[output]));
                answers.bytes[output].push(largest(&bytes[output]));
            }
        }
        Ok(answers)
    }
}

fn largest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = i;
        }
    }
    best
}
