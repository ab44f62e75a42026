//! A training run from settings to report.

use std::time::SystemTime;

use crate::data::{Source, Split};
use crate::error::Error;
use crate::run_folder::RunFolder;
use crate::settings::Settings;

/// Trains as `settings` say, and leaves a run folder.
///
/// # Errors
///
/// [`Error::Data`] for pictures that cannot be used and [`Error::Write`] for a folder that cannot be written, both before any
/// training.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let library = settings.library();
    let _train = Source::read(&library, settings.set, Split::Train)?;
    let _test = Source::read(&library, settings.set, Split::Test)?;
    let _folder = RunFolder::create(settings, SystemTime::now())?;
    Err(Error::Training("training is not built yet".to_owned()))
}
