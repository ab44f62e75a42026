//! A training run from settings to report: the joint network, then a network for each task alone to compare it with.

mod learner;
mod model;
mod samples;
mod told;

use std::time::SystemTime;

use tress::mtl::measure::{Better, delta_m};
use tress::tensor::parallel;

use crate::data::{Source, Split};
use crate::error::Error;
use crate::history::{History, RunResult};
use crate::interrupt::Interrupt;
use crate::progress::{Progress, say};
use crate::report;
use crate::run_folder::{REPORT, RunFolder, WEIGHTS};
use crate::settings::Settings;
use learner::Learner;
pub(crate) use model::{Model, Watch};
pub(crate) use samples::Samples;
pub(crate) use told::drawn;

/// How many test pictures the report shows.
const SHOWN: usize = 30;

/// Trains as `settings` say, and leaves a run folder.
///
/// # Errors
///
/// [`Error::Usage`] for batches that the method cannot take, [`Error::Data`] for pictures that cannot be used and
/// [`Error::Write`] for a folder that cannot be written, all before any training; [`Error::Interrupted`] after Ctrl-C; [`Error::Training`] where the training itself fails.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let interrupt = Interrupt::watch()?;
    let library = settings.library();
    let train = Source::read(&library, settings.set, Split::Train)?;
    let train = match settings.samples {
        Some(count) => train.with_count(count),
        None => train,
    };
    learner::check_batches(settings, train.count())?;
    let test = Source::read(&library, settings.set, Split::Test)?;
    let now = SystemTime::now();
    let mut folder = RunFolder::create(settings, now)?;
    let mut progress = Progress::new(settings.quiet);
    if !settings.quiet {
        say(&format!(
            "{}: {} training and {} test pictures; {} threads; {}",
            settings.set.title(),
            train.count(),
            test.count(),
            settings.threads,
            folder.path().display(),
        ));
    }
    let outcome = parallel::with_threads(settings.threads, || {
        train_all(settings, &train, &test, &interrupt, &mut folder, &mut progress)
    });
    if outcome.is_err() {
        progress.abandon();
    }
    let (result, weights) = outcome?;
    // A stop that came too late for the last batch still is one: weights and report belong to a run that was let finish.
    interrupt.check(|| format!("after the last batch; {} keeps the metrics", folder.path().display()))?;
    interrupt.writing(|| {
        folder.write(WEIGHTS, &weights)?;
        folder.write(REPORT, report::page(&result, settings, now).as_bytes())
    })?;
    say(&report::table(&result));
    say(&format!("report: {}", folder.path().join(REPORT).display()));
    Ok(())
}

/// Trains all networks; gives what was measured, and the weights of the joint network as a file.
fn train_all(
    settings: &Settings,
    train: &Source,
    test: &Source,
    interrupt: &Interrupt,
    folder: &mut RunFolder,
    progress: &mut Progress,
) -> Result<(RunResult, Vec<u8>), Error> {
    let names = settings.set.tasks();
    let test = Samples::new(test.composites(settings.seed, 0))?;
    let both = [0, 1];
    let mut learn = |model: &str, tasks: &[usize]| -> Result<(Learner, History), Error> {
        let mut learner = Learner::new(settings, model, tasks)?;
        let history = learner.train(train, &test, interrupt, folder, progress)?;
        Ok((learner, history))
    };
    let (network, joint) = learn("joint", &both)?;
    let mut single = Vec::with_capacity(names.len());
    for (task, name) in names.iter().enumerate() {
        single.push(learn(name, &[task])?.1);
    }

    let accuracy =
        |history: &History, name: &str| history.last(name).map_or(f64::NAN, |task| task.test_accuracy);
    let ours: Vec<f64> = names.iter().map(|name| accuracy(&joint, name)).collect();
    let alone: Vec<f64> = names.iter().zip(&single).map(|(name, history)| accuracy(history, name)).collect();
    // Negative where the joint network is better. A single-task network that never once is right leaves nothing to compare with.
    let delta_m = delta_m(&ours, &alone, &[Better::Higher; 2]).unwrap_or(f64::NAN);
    let samples = network.answers(&test, SHOWN)?;
    let tasks = names.iter().map(|name| (*name).to_owned()).collect();
    let (train_pictures, test_pictures) = (train.count(), test.len());
    let result = RunResult { tasks, joint, single, delta_m, train_pictures, test_pictures, samples };
    Ok((result, network.weights()?))
}

/// What the library reports of a step or a test; numbers that ran away get the advice that helps.
pub(crate) fn diverged(error: tress::mtl::Error) -> Error {
    match error {
        tress::mtl::Error::NotFinite { .. } => {
            Error::Training("the loss is not a finite number any more; choose a lower --lr".to_owned())
        }
        other => training(other),
    }
}

/// What the library reports while training, as an error of the program.
pub(crate) fn training(error: impl std::fmt::Display) -> Error {
    Error::Training(error.to_string())
}
