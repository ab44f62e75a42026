//! `tress systems`: which systems there are, and the table of all that were run.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::ALL;
use super::run::{Findings, Line};
use super::sources::sources;
use super::system::{Column, System};
use crate::error::{Error, plain};
use crate::progress::say;
use crate::report::columns;

/// The options of `tress systems`.
#[derive(Debug, Args, Clone, PartialEq, Eq)]
#[allow(rustdoc::invalid_html_tags)] // what stands here is the help of the command line
pub struct SystemsArgs {
    /// Print the table of all systems, and that of each, as Markdown, from a folder with the `system.json` of each as NAME.json
    #[arg(long, value_name = "DIR")]
    table: Option<PathBuf>,
}

/// Lists the systems, or prints their tables.
///
/// # Errors
/// [`Error::Data`] for a folder without results, or results that are none.
pub fn list(args: &SystemsArgs) -> Result<(), Error> {
    say(match &args.table {
        Some(folder) => tables(folder)?,
        None => listed(),
    }
    .trim_end());
    Ok(())
}

fn listed() -> String {
    let mut lines = vec![["name", "system"].map(str::to_owned).to_vec()];
    lines.extend(
        ALL.iter().map(|system| vec![system.name.to_owned(), format!("{}: {}", system.title, system.data)]),
    );
    format!(
        "{}`tress train --system NAME` runs one with one seed, `tress compare --system NAME` with three;\n`cargo run --release \
         --example NAME` runs the same code from examples/NAME.rs.\n",
        columns(&lines)
    )
}

/// The results of a system, where they lie in the folder.
fn read(folder: &Path, system: &System) -> Result<Option<Findings>, Error> {
    let place = folder.join(format!("{}.json", system.name));
    let failed = |trouble: String| Error::data(place.display().to_string(), trouble);
    let bytes = match fs::read(&place) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(plain(&e))),
    };
    let findings: Findings =
        serde_json::from_slice(&bytes).map_err(|e| failed(format!("holds no results of a system: {e}")))?;
    let names = system.columns.iter().map(|column| column.name);
    match findings.system == system.name && findings.columns.iter().map(String::as_str).eq(names) {
        true => Ok(Some(findings)),
        false => Err(failed(format!(
            "holds results of another program; run `tress compare --system {}` again",
            system.name
        ))),
    }
}

/// One row for each headline column of each system whose results lie in the folder, and below it the table of each. At the end,
/// which of them were made by an example that is another now.
fn tables(folder: &Path) -> Result<String, Error> {
    let mut text = String::from(
        "| system | data | metric | floor | linear | alone | Tress | against alone | `tress compare --system` |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let (mut each, mut stale) = (String::new(), Vec::new());
    for system in ALL {
        let Some(findings) = read(folder, system)? else { continue };
        if findings.sources != Some(sources(system.name)) {
            stale.push(format!("`{}`", system.name));
        }
        let figure = |row: &Line, place: usize| {
            let column = system.columns[place];
            let figure = row.figures.get(place).and_then(Option::as_ref);
            figure.map_or_else(String::new, |figure| figure.spread(column.scale, column.digits))
        };
        for (place, column) in system.columns.iter().enumerate().filter(|(_, column)| column.is_headline) {
            let of = |name: &str| findings.row(name).map_or_else(String::new, |row| figure(row, place));
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} | `{}` |\n",
                system.title,
                system.data,
                column.title(),
                of(system.floor),
                of(system.linear),
                of(system.alone),
                of(system.tress),
                findings.verdict(place, system).unwrap_or(""),
                system.name,
            ));
        }
        let titles: Vec<String> = system.columns.iter().map(Column::title).collect();
        let rule = "|---".repeat(titles.len() + 1);
        each.push_str(&format!("\n`{}`\n\n| | {} |\n{rule}|\n", system.name, titles.join(" | ")));
        for row in &findings.rows {
            let figures: Vec<String> = (0..titles.len()).map(|place| figure(row, place)).collect();
            each.push_str(&format!("| {} | {} |\n", row.name, figures.join(" | ")));
        }
    }
    if !stale.is_empty() {
        let names = stale.join(", ");
        each.push_str(&format!("\nMade before their examples were changed: {names}; `tress compare --system NAME` makes them again.\n"));
    }
    match each.is_empty() {
        true => Err(Error::data(
            folder.display().to_string(),
            "holds no results; run `tress compare --system NAME` and copy its system.json here as NAME.json",
        )),
        false => Ok(text + &each),
    }
}
