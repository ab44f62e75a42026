//! The folder of a study: what all its networks have in common, a file for each that is finished, one for each that is
//! halfway, and the results.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cell::Cell;
use super::record::Record;
use super::resume::Halfway;
use crate::error::{Error, plain};
use crate::run_folder::write_whole;

/// What all networks of the study have in common, as JSON.
pub const STUDY: &str = "study.json";
/// The page to look at.
pub const PAGE: &str = "report.html";
/// The folder of the cells.
pub const CELLS: &str = "cells";

/// An open study folder. While it is open no other program can open it.
#[derive(Debug)]
pub(crate) struct StudyFolder {
    path: PathBuf,
    _lock: File,
}

impl StudyFolder {
    /// Makes the folder, or opens one in which an earlier run of the same study stopped.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be made or written, another program is at work in it, or it holds something else:
    /// another study, or no study at all. With `overwrite` the cells of another study are thrown away.
    pub(crate) fn open(path: &Path, common: &impl Serialize, overwrite: bool) -> Result<Self, Error> {
        let cells = path.join(CELLS);
        let is_new = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => true,
        };
        let study = path.join(STUDY);
        if !is_new && !study.exists() {
            return Err(Error::write(path, "is not empty and holds no study; choose another --out"));
        }
        fs::create_dir_all(&cells).map_err(|e| {
            Error::write(path, format!("cannot make this folder: {}; choose another with --out", plain(&e)))
        })?;
        let lock = path.join("lock");
        let file = File::create(&lock).map_err(|e| Error::io(&lock, "make this file", &e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::write(
                    path,
                    "is in use by another run of this program; let that one finish",
                ));
            }
            // A file system without locks: then two runs at once are the user's to avoid.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut text = serde_json::to_string_pretty(common)
            .map_err(|e| Error::write(&study, format!("cannot be written as JSON: {e}")))?;
        text.push('\n');
        let found = fs::read_to_string(&study).unwrap_or_default();
        if !is_new && found != text {
            if !overwrite {
                return Err(Error::write(
                    path,
                    format!(
                        "holds another study ({STUDY} says with which data and budget); choose another --out, or replace it with \
                         --overwrite"
                    ),
                ));
            }
            fs::remove_dir_all(&cells).map_err(|e| Error::io(&cells, "replace an earlier study", &e))?;
            fs::create_dir_all(&cells).map_err(|e| Error::io(&cells, "make this folder", &e))?;
        }
        write_whole(&study, text.as_bytes())?;
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn named(&self, name: &str, end: &str) -> PathBuf {
        self.path.join(CELLS).join(format!("{name}.{end}"))
    }

    fn place(&self, cell: &Cell, end: &str) -> PathBuf {
        self.named(&cell.name(), end)
    }

    /// What an earlier run, or this one, has written down by that name.
    ///
    /// # Errors
    /// [`Error::Data`] where the file holds something else.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let place = self.named(name, "json");
        let Ok(text) = fs::read(&place) else { return Ok(None) };
        let wrong = |_| Error::data(place.display().to_string(), "is no record of this study; delete it");
        serde_json::from_slice(&text).map(Some).map_err(wrong)
    }

    /// Writes something down by a name.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written.
    pub(crate) fn put(&self, name: &str, what: &impl Serialize) -> Result<(), Error> {
        let place = self.named(name, "json");
        let mut text = serde_json::to_vec(what)
            .map_err(|e| Error::write(&place, format!("cannot be written as JSON: {e}")))?;
        text.push(b'\n');
        write_whole(&place, &text)
    }

    /// A cell that an earlier run, or this one, has finished.
    ///
    /// # Errors
    /// [`Error::Data`] where its file is no record of it.
    pub(crate) fn finished(&self, cell: &Cell) -> Result<Option<Record>, Error> {
        match self.read::<Record>(&cell.name())? {
            Some(record) if record.cell == cell.name() => {
                // Left behind where a run was killed between the two files.
                let _ = fs::remove_file(self.place(cell, "halfway"));
                Ok(Some(record))
            }
            Some(_) => {
                let place = self.place(cell, "json").display().to_string();
                Err(Error::data(place, "is no record of this cell; delete it"))
            }
            None => Ok(None),
        }
    }

    /// Writes down a finished cell. What was kept of its way is not needed any more.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written.
    pub(crate) fn finish(&self, cell: &Cell, record: &Record) -> Result<(), Error> {
        self.put(&cell.name(), record)?;
        // One that stays is overwritten or left alone, and harms nobody.
        let _ = fs::remove_file(self.place(cell, "halfway"));
        Ok(())
    }

    /// Where an earlier run has left a cell; `None` for one that it did not begin, or whose file is damaged.
    pub(crate) fn halfway(&self, cell: &Cell) -> Option<Halfway> {
        let bytes = fs::read(self.place(cell, "halfway")).ok()?;
        Halfway::from_bytes(&bytes).filter(|halfway| halfway.record().cell == cell.name())
    }

    /// Writes down where a cell is.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written.
    pub(crate) fn keep(&self, cell: &Cell, halfway: &Halfway) -> Result<(), Error> {
        write_whole(&self.place(cell, "halfway"), &halfway.to_bytes()?)
    }

    /// Writes one of the results.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.path.join(name), bytes)
    }
}
