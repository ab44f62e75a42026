//! `tress compare`: methods and seeds on one budget, with single-task networks and tuned equal weights to compare them with.
//!
//! A study is trained in four parts: a **search** on the validation part for the settings of tuned rows, the **grid** of
//! rows and seeds, and a **sweep** of preferences. Each network is a cell with a file of its own, so that a study goes
//! on where it stopped.

mod page;
mod plan;
mod results;
mod settings;
mod table;
mod words;

use std::time::SystemTime;

pub use crate::study::{CELLS, Family, PAGE, STUDY, Subject};
pub use settings::{Common, CompareArgs, CompareSettings, Tune};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::study::{Budget, Cell, Kind, Record, StudyFolder, Workers};
use plan::{Candidate, Contender, TUNED};
use results::Results;

/// The results, as JSON.
pub const RESULTS: &str = "compare.json";

/// Compares as `settings` say, and leaves a study folder.
///
/// # Errors
/// [`Error::Data`] for data that cannot be used and [`Error::Write`] for a folder that cannot be written, both before any
/// training; [`Error::Interrupted`] after Ctrl-C; [`Error::Training`] where there is nothing to compare with.
pub fn run(settings: &CompareSettings) -> Result<(), Error> {
    let interrupt = Interrupt::watch()?;
    let material = settings.common.set.read(&settings.library(), settings.common.samples)?;
    let folder = StudyFolder::open(&settings.folder(), &settings.common, settings.running.overwrite)?;
    let budget = Budget { epochs: settings.common.epochs, batch: settings.common.batch };
    if !settings.running.quiet {
        say(&format!(
            "{}: {} training, {} validation and {} test samples; {} epochs; {} at once; {}",
            settings.common.set.title(),
            material.samples(),
            material.validation.len(),
            material.test.len(),
            budget.epochs,
            settings.running.jobs,
            folder.path().display(),
        ));
    }
    let workers = Workers {
        material: &material,
        budget,
        folder: &folder,
        interrupt: &interrupt,
        jobs: settings.running.jobs,
        quiet: settings.running.quiet,
    };
    let tasks: Vec<&str> = material.questions().iter().map(|question| question.name).collect();
    let mut contenders = plan::contenders(settings, &tasks);
    let candidates = search(settings, &workers, tasks.len(), &mut contenders)?;

    let grid: Vec<Cell> = contenders
        .iter()
        .flat_map(|contender| settings.seeds.iter().map(|&seed| contender.cell(seed)))
        .collect();
    let records = workers.all("grid", &grid)?;
    let rows: Vec<(Contender, Vec<Record>)> =
        contenders.into_iter().zip(records.chunks(settings.seeds.len()).map(<[Record]>::to_vec)).collect();

    let rays = plan::rays(tasks.len(), settings.rays);
    let swept = plan::sweep(settings, &rays);
    let swept: Vec<(Cell, Record)> = swept.iter().cloned().zip(workers.all("sweep", &swept)?).collect();

    let results = Results::of(settings, &material, candidates, rows, &swept)?;
    let mut json = serde_json::to_vec_pretty(&results)
        .map_err(|e| Error::write(folder.path(), format!("the results cannot be written as JSON: {e}")))?;
    json.push(b'\n');
    interrupt.writing(|| {
        folder.write(RESULTS, &json)?;
        folder.write(PAGE, page::page(&results, settings, SystemTime::now()).as_bytes())
    })?;
    say(&table::table(&results));
    say(&format!("report: {}", folder.path().join(PAGE).display()));
    Ok(())
}

/// Searches on the validation part, with the first seed: rates for what is tuned, then weights for tuned equal weights at
/// the best of their rates. `--lr` and equal weights are left only for what is better by more than noise. Sets what was
/// found, and adds the row of tuned equal weights behind that of equal ones.
fn search(
    settings: &CompareSettings,
    workers: &Workers<'_>,
    tasks: usize,
    contenders: &mut Vec<Contender>,
) -> Result<Vec<Candidate>, Error> {
    let seed = settings.first_seed();
    let mut candidates = Vec::new();
    if settings.tune == Tune::None {
        return Ok(candidates);
    }
    let mut cells = Vec::new();
    let mut owners = Vec::new();
    for (place, contender) in contenders.iter().enumerate() {
        for &rate in plan::rates_for(settings, contender) {
            cells.push(Cell::new(contender.kind.clone(), rate, seed));
            owners.push(place);
        }
    }
    let records = workers.all("search for rates", &cells)?;
    let candidate = |contender: &str, cell: &Cell, record: &Record| Candidate {
        contender: contender.to_owned(),
        weights: match &cell.kind {
            Kind::Fixed(weights) => Some(weights.clone()),
            _ => None,
        },
        rate: cell.rate,
        validation: record.validation(),
        error: workers.material.validation_error(record),
    };
    let best = |records: &[Record], usual| {
        plan::best(records, usual, |record| workers.material.validation_error(record))
    };
    for (&place, (cell, record)) in owners.iter().zip(cells.iter().zip(&records)) {
        candidates.push(candidate(&contenders[place].name, cell, record));
    }
    let (mut tuned, mut tuned_at) = (None, 0);
    for place in 0..contenders.len() {
        let own: Vec<usize> = (0..cells.len()).filter(|&i| owners[i] == place).collect();
        let found: Vec<Record> = own.iter().map(|&i| records[i].clone()).collect();
        let usual = own.iter().position(|&i| cells[i].rate == settings.lr);
        let Some(chosen) = best(&found, usual).map(|best| own[best]) else { continue };
        if settings.tune == Tune::All {
            contenders[place].rate = cells[chosen].rate;
        }
        if contenders[place].kind == Kind::Method(crate::settings::Balance::EQUAL) {
            (tuned, tuned_at) = (Some((cells[chosen].clone(), records[chosen].clone())), place);
        }
    }
    let Some((equal, record)) = tuned else {
        return Err(Error::Training(
            "equal weights fail at every rate of the search; choose others with --rates".to_owned(),
        ));
    };
    let weighted: Vec<Cell> = plan::weightings(tasks)
        .into_iter()
        .map(|weights| Cell { kind: Kind::Fixed(weights), ..equal.clone() })
        .collect();
    let found = workers.all("search for weights", &weighted)?;
    for (cell, record) in weighted.iter().zip(&found) {
        candidates.push(candidate(TUNED, cell, record));
    }
    let mut all = vec![record];
    all.extend(found);
    let cells: Vec<Cell> = [equal].into_iter().chain(weighted).collect();
    let best = best(&all, Some(0)).unwrap_or(0);
    let row = Contender { name: TUNED.to_owned(), kind: cells[best].kind.clone(), rate: cells[best].rate };
    contenders.insert(tuned_at + 1, row);
    Ok(candidates)
}
