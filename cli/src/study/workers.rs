//! Trains cells side by side, each with one thread for its kernels, and writes each down as it ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tress::tensor::parallel;

use super::Budget;
use super::cell::Cell;
use super::folder::StudyFolder;
use super::record::Record;
use super::subject::Material;
use super::trainer::{advance, train};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::say;

/// What all cells are trained with.
pub(crate) struct Workers<'a> {
    pub(crate) material: &'a Material,
    pub(crate) budget: Budget,
    pub(crate) folder: &'a StudyFolder,
    pub(crate) interrupt: &'a Interrupt,
    /// How many cells at once.
    pub(crate) jobs: usize,
    pub(crate) quiet: bool,
}

impl Workers<'_> {
    /// Trains the cells that are not finished yet; gives the records of all, in their order. A cell that is named twice is
    /// trained once.
    ///
    /// # Errors
    /// The first error of any cell; the others stop at their next batch or end.
    pub(crate) fn all(&self, title: &str, cells: &[Cell]) -> Result<Vec<Record>, Error> {
        self.each(
            title,
            cells,
            |cell| self.folder.finished(cell),
            |cell| train(self.material, &self.budget, cell, self.folder, self.interrupt),
            true,
        )
    }

    /// Trains the cells for the first `epochs` of their budget, those that have not come so far; gives the records of all. What
    /// they have come to stays halfway, for [`stop`](StudyFolder::finish) or to go on.
    ///
    /// # Errors
    /// As [`all`](Workers::all).
    pub(crate) fn upto(&self, title: &str, cells: &[Cell], epochs: usize) -> Result<Vec<Record>, Error> {
        let so_far = |cell: &Cell| {
            let finished = self.folder.finished(cell)?;
            let kept = || self.folder.halfway(cell).map(|halfway| halfway.record().clone());
            Ok(finished.or_else(|| kept().filter(|record| record.epochs.len() >= epochs)))
        };
        self.each(
            title,
            cells,
            so_far,
            |cell| advance(self.material, &self.budget, cell, epochs, self.folder, self.interrupt),
            false,
        )
    }

    /// The records of `cells`: those that `there` gives, and for the others what `make` does; written down as finished where
    /// they are to be.
    fn each(
        &self,
        title: &str,
        cells: &[Cell],
        there: impl Fn(&Cell) -> Result<Option<Record>, Error>,
        make: impl Fn(&Cell) -> Result<Record, Error> + Sync,
        is_end: bool,
    ) -> Result<Vec<Record>, Error> {
        let names: Vec<String> = cells.iter().map(Cell::name).collect();
        let first = |i: usize| names.iter().position(|name| *name == names[i]).unwrap_or(i);
        let mut found: Vec<Option<Record>> = Vec::with_capacity(cells.len());
        for (i, cell) in cells.iter().enumerate() {
            found.push(if first(i) == i { there(cell)? } else { None });
        }
        let open: Vec<usize> = (0..cells.len()).filter(|&i| first(i) == i && found[i].is_none()).collect();
        if !self.quiet && !open.is_empty() {
            let kept = cells.len() - open.len();
            let kept = if kept > 0 { format!(", {kept} there already") } else { String::new() };
            say(&format!("{title}: {} networks to train{kept}", open.len()));
        }
        let next = AtomicUsize::new(0);
        let done = Mutex::new((0, Vec::new()));
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let work = || {
            parallel::with_threads(1, || {
                while let Some(&i) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if locked(&failed).is_some() {
                        break;
                    }
                    let written = make(&cells[i]).and_then(|record| {
                        // One that failed has nothing to go on from.
                        if is_end || record.failed.is_some() {
                            self.interrupt.writing(|| self.folder.finish(&cells[i], &record))?;
                        }
                        Ok(record)
                    });
                    match written {
                        Ok(record) => {
                            let mut done = locked(&done);
                            done.0 += 1;
                            self.tell(done.0, open.len(), &record);
                            done.1.push((i, record));
                        }
                        Err(error) => {
                            locked(&failed).get_or_insert(error);
                        }
                    }
                }
            });
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.min(open.len()) {
                scope.spawn(work);
            }
            work();
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            return Err(error);
        }
        for (i, record) in done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).1 {
            found[i] = Some(record);
        }
        (0..cells.len())
            .map(|i| {
                found[first(i)].clone().ok_or_else(|| Error::Training(format!("{} has no result", names[i])))
            })
            .collect()
    }

    /// One line for a finished cell, with what the validation part says.
    fn tell(&self, count: usize, of: usize, record: &Record) {
        if self.quiet {
            return;
        }
        let outcome = match (&record.failed, record.validation()) {
            (Some(why), _) => format!("failed: {why}"),
            (None, Some(metric)) => format!("validation {metric:.4}"),
            (None, None) => "no epoch".to_owned(),
        };
        let digits = of.to_string().len();
        say(&format!("{count:>digits$}/{of}  {:<44} {outcome}  {:.1} s", record.cell, record.seconds));
    }
}

/// What the lock holds. A thread that panicked while it held it has left whole values behind.
fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
