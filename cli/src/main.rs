//! The `tress` program; see the library beside it for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    match tress_cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tress: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
