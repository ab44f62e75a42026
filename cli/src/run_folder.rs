//! The folder of a run: settings, metrics, weights and report, each either whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, plain};
use crate::settings::Settings;

/// The settings of the run, as JSON.
pub const SETTINGS: &str = "settings.json";
/// One line of JSON for each network and epoch.
pub const METRICS: &str = "metrics.jsonl";
/// The trained numbers of the joint network, as a safetensors file.
pub const WEIGHTS: &str = "weights.safetensors";
/// The page to look at.
pub const REPORT: &str = "report.html";

/// An open run folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
}

impl RunFolder {
    /// Makes the folder, writes the settings into it and opens the metrics: whatever could forbid writing does so now,
    /// before any training.
    ///
    /// Without `settings.out` the folder is `runs/<set>-<balance>-<seed>-<now>`, with a number behind where that is taken.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where the folder cannot be made or written, or holds something and `settings.overwrite` is not set.
    /// With it, files of an earlier run are replaced and others left alone.
    pub fn create(settings: &Settings, now: SystemTime) -> Result<RunFolder, Error> {
        let name =
            format!("{}-{}-{}-{}", settings.set.name(), settings.balanced_by(), settings.seed, stamp(now));
        let path = folder(settings.out.as_deref(), settings.overwrite, &name)?;
        let mut text = serde_json::to_string_pretty(settings)
            .map_err(|e| Error::write(&path.join(SETTINGS), format!("cannot be written as JSON: {e}")))?;
        text.push('\n');
        // Results of an earlier run go first: there is never a moment at which they lie beside other settings.
        for stale in [WEIGHTS, REPORT] {
            let stale = path.join(stale);
            match fs::remove_file(&stale) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io(&stale, "replace the file of an earlier run", &e));
                }
                _ => {}
            }
        }
        write_whole(&path.join(SETTINGS), text.as_bytes())?;
        let metrics = path.join(METRICS);
        let metrics = File::create(&metrics).map_err(|e| Error::io(&metrics, "make this file", &e))?;
        Ok(RunFolder { path, metrics })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line to the metrics and hands it to the system at once.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where the line does not fit any more; what was written of it is taken back.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let place = self.path.join(METRICS);
        let failed = |e: io::Error| Error::io(&place, "append a line", &e);
        let mut text = serde_json::to_string(line)
            .map_err(|e| Error::write(&place, format!("a line cannot be written as JSON: {e}")))?;
        text.push('\n');
        let before = self.metrics.metadata().map_err(failed)?.len();
        self.metrics.write_all(text.as_bytes()).map_err(|e| {
            // The first error is the one to report; a cut that fails as well changes nothing about it.
            let _ = self.metrics.set_len(before);
            failed(e)
        })
    }

    /// Writes the file `name`, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where it cannot be written; nothing of it is left then.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.path.join(name), bytes)
    }
}

/// The folder that the user chose, or a fresh one in `runs` that is called `name`, with a number behind where that is taken.
///
/// # Errors
///
/// [`Error::Write`] where it cannot be made or looked into, or holds something and `overwrite` is not set.
pub fn folder(chosen_by_user: Option<&Path>, overwrite: bool, name: &str) -> Result<PathBuf, Error> {
    match chosen_by_user {
        Some(path) => chosen(path, overwrite),
        None => named(Path::new("runs"), name),
    }
}

/// Makes ready the folder that the user chose.
fn chosen(path: &Path, overwrite: bool) -> Result<PathBuf, Error> {
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Error::write(path, "is a file; give --out a folder"),
        _ => Error::write(path, format!("cannot make this folder: {}; choose another with --out", plain(&e))),
    })?;
    let mut entries = fs::read_dir(path).map_err(|e| Error::io(path, "look into this folder", &e))?;
    if !overwrite && entries.next().is_some() {
        return Err(Error::write(
            path,
            "is not empty; choose another --out, or replace the run in it with --overwrite",
        ));
    }
    Ok(path.to_owned())
}

/// Makes a folder of a fresh name.
fn named(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let unwritable = |path: &Path, e: &io::Error| {
        Error::write(path, format!("cannot make this folder: {}; choose another with --out", plain(e)))
    };
    fs::create_dir_all(parent).map_err(|e| unwritable(parent, &e))?;
    let mut taken = 1_u32;
    loop {
        let path = parent.join(if taken == 1 { name.to_owned() } else { format!("{name}-{taken}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && taken < 10_000 => taken += 1,
            Err(e) => return Err(unwritable(&path, &e)),
        }
    }
}

/// Writes to a temporary name in the same folder, forces it to disk and renames: a crash leaves the old file or the new one.
///
/// # Errors
///
/// [`Error::Write`] where that fails; the old file is still there then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&partial, path)
    })();
    written.map_err(|e| {
        // Whether there was anything to take away does not matter to the reader of the first error.
        let _ = fs::remove_file(&partial);
        Error::io(path, "write this file", &e)
    })?;
    // Makes the new name itself last; not every system lets a folder be synced, and the file is whole either way.
    #[cfg(unix)]
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The time in UTC as `20260131T235959Z`.
pub fn stamp(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = utc(time);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month, day, hour, minute and second of the time in UTC; the epoch for times before it.
pub fn utc(time: SystemTime) -> [u64; 6] {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut days, clock) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // In a few dozen steps at most, and plain to see; times are asked for twice in a run.
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    [year, month as u64 + 1, days + 1, clock / 3600, clock / 60 % 60, clock % 60]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::stamp;

    #[test]
    fn stamps_agree_with_the_calendar() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_735_689_600, "20250101T000000Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(stamp(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
