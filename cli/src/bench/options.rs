//! The choices of `tress bench`.

use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;

/// What to measure, and where to put it.
#[derive(Debug, Clone, PartialEq, Args)]
#[allow(rustdoc::invalid_html_tags)] // what stands here is the help of the command line
pub struct Options {
    /// Only workloads whose name contains one of these words [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Processor threads; 0 for as many as there are
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub threads: u16,
    /// Seconds for each figure
    #[arg(long, default_value_t = 0.3, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: f64,
    /// Folder for bench.html and bench.json [default: runs/bench-<time>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the figures that lie in the folder given by --out
    #[arg(long)]
    pub overwrite: bool,
    /// Print the names of all workloads and stop
    #[arg(long)]
    pub list: bool,
}

impl Options {
    /// The number of threads; at least 1.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => available_parallelism().map_or(1, usize::from),
            threads => usize::from(threads),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.001 to 60 is needed".to_owned()),
    }
}
