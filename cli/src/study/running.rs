//! How the networks of a study are run and where they are kept: what changes none of them.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Args;
use serde::Serialize;

use super::Subject;
use crate::settings::between;

/// The options that all studies have.
#[derive(Debug, Args)]
#[allow(rustdoc::invalid_html_tags)] // what stands here is the help of the command line
pub struct RunningArgs {
    /// How many networks are trained at once, each with one thread [default: as many as the machine has processors]
    #[arg(long, value_name = "N", value_parser = between::<1, 1024>, allow_negative_numbers = true)]
    pub(crate) jobs: Option<usize>,
    /// Folder of the study [default: runs/<command>-<set>-<sum over what its networks have in common>]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the study that lies in the folder given by --out, where it is another one
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print the final table and the place of the report only
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// The choices, all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Networks trained at once.
    pub jobs: usize,
    /// The folder that the user chose.
    pub out: Option<PathBuf>,
    /// Whether another study in it may be replaced.
    pub overwrite: bool,
    /// Whether only the final table is printed.
    pub quiet: bool,
}

impl From<RunningArgs> for Running {
    fn from(args: RunningArgs) -> Self {
        let RunningArgs { jobs, out, overwrite, quiet } = args;
        let jobs = jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        Self { jobs, out, overwrite, quiet }
    }
}

impl Running {
    /// The folder of the study: the one chosen, or one whose name follows from what its networks have in common, so that the
    /// same command finds it again.
    pub(crate) fn folder(&self, command: &str, set: Subject, common: &impl Serialize) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            let text = serde_json::to_string(common).unwrap_or_default();
            let name = format!("{command}-{}-{:08x}", set.name(), crc32fast::hash(text.as_bytes()));
            Path::new("runs").join(name)
        })
    }
}
