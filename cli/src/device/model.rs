//! The network that a command is about: a safetensors file that has a program in it, or the folder of a run.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;
use tress::nn::device::Program;

use crate::data::multimnist::Set;
use crate::data::{Library, Source, Split};
use crate::error::{Error, plain};
use crate::run_folder::{SETTINGS, WEIGHTS};

use super::untrained;

/// The most bytes of a file that is read.
const LARGEST: u64 = 1 << 30;

/// A network, and the data that its run was trained on, if it is one of this program.
pub(super) struct Model {
    pub(super) file: PathBuf,
    pub(super) program: Program,
    /// Whether it was named, and its weights are as drawn.
    pub(super) untrained: bool,
    settings: Option<(PathBuf, Value)>,
}

impl Model {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        if let Some(text) = path.to_str().filter(|_| !path.exists())
            && let Some(program) = untrained::named(text)
        {
            return Ok(Self { file: path.to_owned(), program: program?, untrained: true, settings: None });
        }
        let folder = path.is_dir();
        let file = if folder { path.join(WEIGHTS) } else { path.to_owned() };
        let program = Program::read(&bytes(&file)?).map_err(|e| {
            let again =
                "; files of `tress train` have a program since this version: train again, or record one";
            let hint = if e.to_string().contains("does not say") { again } else { "" };
            Error::data(file.display().to_string(), format!("{e}{hint}"))
        })?;
        // Also for a file that lies in the folder of a run.
        let settings = file.with_file_name(SETTINGS);
        let settings = match settings.is_file() {
            true => Some((settings.clone(), json(&settings)?)),
            false => None,
        };
        Ok(Self { file, program, untrained: false, settings })
    }

    /// The data of the run, if the network is from a run of this program.
    pub(super) fn source(&self, split: Split) -> Result<Option<(Source, Set, u64)>, Error> {
        let Some((file, settings)) = &self.settings else { return Ok(None) };
        let wrong = |what: &str| {
            Error::data(file.display().to_string(), format!("has no {what} that this program knows"))
        };
        let set = settings["set"]
            .as_str()
            .and_then(|name| Set::from_str(name, false).ok())
            .ok_or_else(|| wrong("set"))?;
        let seed = settings["seed"].as_u64().ok_or_else(|| wrong("seed"))?;
        let library = match settings["data_dir"].as_str() {
            Some(folder) => Library::Folder(folder.into()),
            None => Library::BuiltIn,
        };
        Ok(Some((Source::read(&library, set, split)?, set, seed)))
    }
}

/// The bytes of a file of a size that can be meant.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    let failed =
        |e: std::io::Error| Error::data(file.display().to_string(), format!("cannot be read: {}", plain(&e)));
    let wrong = |trouble: String| Error::data(file.display().to_string(), trouble);
    // A pipe or a device may have no end, and opening one may never return.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        return Err(wrong("is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    fs::File::open(file).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("has more than {LARGEST} bytes; no device takes so many")));
    }
    Ok(bytes)
}

fn json(file: &Path) -> Result<Value, Error> {
    serde_json::from_slice(&bytes(file)?)
        .map_err(|e| Error::data(file.display().to_string(), format!("is not the JSON of a run: {e}")))
}
