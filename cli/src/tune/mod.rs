//! `tress tune`: settings drawn from a declared space, tried on the validation part, the best of them tested once.
//!
//! A search has two parts: **trials**, which train on the training part and are compared on the validation part, and the
//! **test** of what was chosen, by networks with other seeds, beside the usual setting. Which trials go on is decided by
//! [`tress::nn::search`]; each is a cell of the study folder, so that a search goes on where it stopped, to the same bits.

mod page;
mod results;
mod settings;
mod space;
mod table;

use std::time::SystemTime;

pub use crate::study::{CELLS, PAGE, STUDY};
pub use settings::{Common, Search, TuneArgs, TuneSettings};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::study::{Cell, Record, StudyFolder, Workers};
use results::{Results, Trial};
use tress::nn::search::Setting;

/// The results, as JSON.
pub const RESULTS: &str = "tune.json";

/// Searches as `settings` say, and leaves a study folder.
///
/// # Errors
/// [`Error::Usage`] for a space that cannot be, [`Error::Data`] for data that cannot be used and [`Error::Write`] for a folder
/// that cannot be written, all before any training; [`Error::Interrupted`] after Ctrl-C; [`Error::Training`] where every trial
/// fails.
pub fn run(settings: &TuneSettings) -> Result<(), Error> {
    let interrupt = Interrupt::watch()?;
    let common = &settings.common;
    let material = common.set.read(&settings.library(), common.samples)?;
    let tasks = material.questions().len();
    let space = space::declared(&common.space, tasks)?;
    let halving = settings.halving()?;
    let folder = StudyFolder::open(&settings.folder(), common, settings.running.overwrite)?;
    if !settings.running.quiet {
        say(&format!(
            "{}: {} training and {} validation samples; {} settings, {} epochs together; {} at once; {}",
            common.set.title(),
            material.samples(),
            material.validation.len(),
            common.trials,
            halving.total_epochs(),
            settings.running.jobs,
            folder.path().display(),
        ));
    }
    let budget = settings.budget();
    let workers = Workers {
        material: &material,
        budget,
        folder: &folder,
        interrupt: &interrupt,
        jobs: settings.running.jobs,
        quiet: settings.running.quiet,
    };
    let cell = |setting: &Setting, seed: u64| space::cell(setting, common.lr, budget, tasks, seed);

    let mut trials = Vec::with_capacity(common.trials);
    for number in 0..common.trials {
        let setting = space.draw(common.seed, number as u64);
        let cell = cell(&setting, common.seed)?;
        trials.push((cell, Trial::new(number, setting)));
    }
    let chosen = try_all(&halving, &workers, &mut trials)?.ok_or_else(|| {
        let why = trials.iter().find_map(|(_, trial)| trial.failed.clone()).unwrap_or_default();
        Error::Training(format!(
            "every trial failed ({why}); declare lower rates with --space lr=LOW..HIGH:log"
        ))
    })?;

    let rows = [("usual", Setting::default()), ("chosen", trials[chosen].1.setting.clone())];
    let mut cells = Vec::new();
    for (_, setting) in &rows {
        for &seed in &settings.seeds {
            cells.push(cell(setting, seed)?);
        }
    }
    let records = workers.all("test", &cells)?;
    let rows = rows.into_iter().zip(records.chunks(settings.seeds.len()));
    let rows: Vec<_> = rows.map(|((name, setting), records)| (name, setting, records.to_vec())).collect();
    let trials = trials.into_iter().map(|(_, trial)| trial).collect();
    let results = Results::of(settings, &material, &halving, trials, chosen, rows)?;
    let mut json = serde_json::to_vec_pretty(&results)
        .map_err(|e| Error::write(folder.path(), format!("the results cannot be written as JSON: {e}")))?;
    json.push(b'\n');
    interrupt.writing(|| {
        folder.write(RESULTS, &json)?;
        folder.write(PAGE, page::page(&results, &space, SystemTime::now()).as_bytes())
    })?;
    say(&table::table(&results));
    say(&format!("report: {}", folder.path().join(PAGE).display()));
    Ok(())
}

/// Runs the trials rung by rung and writes down each that ends; which one is best, `None` where all failed.
fn try_all(
    halving: &tress::nn::search::Halving,
    workers: &Workers<'_>,
    trials: &mut [(Cell, Trial)],
) -> Result<Option<usize>, Error> {
    let mut running: Vec<usize> = (0..trials.len()).collect();
    for (i, rung) in halving.rungs().iter().enumerate() {
        let cells: Vec<Cell> = running.iter().map(|&trial| trials[trial].0.clone()).collect();
        let records = workers.upto(&format!("trials to epoch {}", rung.epochs), &cells, rung.epochs)?;
        let scores: Vec<Option<f64>> =
            records.iter().map(|record| record.validation_at(rung.epochs)).collect();
        let kept: Vec<usize> = halving.promoted(i, &scores);
        let is_last = i + 1 == halving.rungs().len();
        let names: Vec<String> = cells.iter().map(Cell::name).collect();
        for (place, record) in records.iter().enumerate() {
            trials[running[place]].1.take(record, rung.epochs);
            // Two trials may have drawn one setting; its network goes on while one of them does.
            let goes_on = !is_last && kept.iter().any(|&other| names[other] == names[place]);
            if !goes_on && record.failed.is_none() {
                let end = Record { epochs: record.epochs[..rung.epochs].to_vec(), ..record.clone() };
                workers.interrupt.writing(|| workers.folder.finish(&cells[place], &end))?;
            }
        }
        running = kept.into_iter().map(|place| running[place]).collect();
        if running.is_empty() {
            return Ok(None);
        }
    }
    Ok(running.first().copied())
}
