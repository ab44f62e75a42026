//! The parts of the `tress` program: its command line, its data sets, its training run, and what it shows.
//!
//! The program itself is [`run`]; the parts are a library so that tests, and curious readers, can use them one by one.
//!
//! ```
//! use tress_cli::data::{Library, Source, Split, multimnist::Set};
//!
//! let source = Source::read(&Library::BuiltIn, Set::MultiMnist, Split::Train)?;
//! let pictures = source.draw(3, 1);
//! assert_eq!((pictures.left, pictures.right), (vec![5, 0, 4], vec![4, 7, 8]));
//! # Ok::<(), tress_cli::Error>(())
//! ```

#![forbid(unsafe_code)]

// The examples, which are compiled in `systems`, name this crate as others do.
extern crate self as tress_cli;

pub mod bench;
pub mod compare;
pub mod data;
pub mod device;
pub mod error;
pub mod history;
pub mod interrupt;
pub mod png;
pub mod progress;
pub mod report;
pub mod run_folder;
pub mod settings;
pub mod study;
pub mod systems;
pub mod train;
pub mod tune;

use std::ffi::OsString;

pub use error::Error;
use settings::Request;

/// Does what the command line `arguments`, the program's name included, asks for.
///
/// # Errors
///
/// Whatever ends the program early; its text is one line, its [`Error::exit_code`] what a shell should see.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    match settings::parse(arguments)? {
        Request::Print(text) => progress::say(text.trim_end()),
        Request::Train(settings) => train::run(&settings)?,
        Request::Bench(options) => bench::run(&options)?,
        Request::Fit(args) => device::fit(&args)?,
        Request::Export(args) => device::export(&args)?,
        Request::Compare(settings) => compare::run(&settings)?,
        Request::Tune(settings) => tune::run(&settings)?,
        Request::System(settings) => systems::run(&settings)?,
        Request::Systems(args) => systems::list(&args)?,
    }
    Ok(())
}
