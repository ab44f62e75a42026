//! What can go wrong in the program, each as one line that names the place, the trouble and the way out.

use std::fmt;
use std::io;
use std::path::Path;

/// A trouble that ends the program; its text is one line and its kind decides the exit code.
#[derive(Debug)]
pub enum Error {
    /// The command line does not make sense (exit code 2).
    Usage(String),
    /// A data file is missing, damaged or of another kind (exit code 1).
    Data {
        /// The file, or the name of the embedded one.
        file: String,
        /// What is wrong, and what would mend it.
        trouble: String,
    },
    /// A file or folder of the run could not be made or written (exit code 1).
    Write {
        /// The file or folder.
        place: String,
        /// What is wrong, and what would mend it.
        trouble: String,
    },
    /// The training itself failed (exit code 1).
    Training(String),
    /// A network does not fit a device, or has no form for one (exit code 1).
    Device(String),
    /// A network may fit a device, or may not (exit code 3).
    Unsure(String),
    /// Ctrl-C was pressed (exit code 130, as a shell expects).
    Interrupted {
        /// What was being done, and what was kept.
        during: String,
    },
}

impl Error {
    /// A trouble with the data file `file`.
    pub fn data(file: impl Into<String>, trouble: impl Into<String>) -> Error {
        Error::Data { file: file.into(), trouble: trouble.into() }
    }

    /// A trouble with writing to `place`.
    pub fn write(place: &Path, trouble: impl Into<String>) -> Error {
        Error::Write { place: place.display().to_string(), trouble: trouble.into() }
    }

    /// The input/output error `source`, met while doing `what` at `place`.
    pub fn io(place: &Path, what: &str, source: &io::Error) -> Error {
        Error::write(place, format!("cannot {what}: {}", plain(source)))
    }

    /// The exit code that a shell sees.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Data { .. } | Error::Write { .. } | Error::Training(_) | Error::Device(_) => 1,
            Error::Unsure(_) => 3,
            Error::Interrupted { .. } => 130,
        }
    }
}

/// The text of an input/output error without its "(os error 13)" tail, which says nothing to a reader.
pub fn plain(source: &io::Error) -> String {
    let text = source.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) | Error::Training(text) | Error::Device(text) | Error::Unsure(text) => {
                f.write_str(&shown(text))
            }
            Error::Data { file, trouble } => write!(f, "{}: {}", shown(file), shown(trouble)),
            Error::Write { place, trouble } => write!(f, "{}: {}", shown(place), shown(trouble)),
            Error::Interrupted { during } => write!(f, "interrupted {}", shown(during)),
        }
    }
}

/// Text that may hold names from a file, in one line and as it is: what a terminal would obey (control characters), or what would
/// show it in another order, is escaped.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{61C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

impl std::error::Error for Error {}

impl From<tress_readers::Error> for Error {
    fn from(error: tress_readers::Error) -> Error {
        Error::data(error.file(), error.trouble())
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, shown};

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(shown("größe \"a\" \\ b"), "größe \"a\" \\ b");
        assert_eq!(shown("a\n\r\u{1b}[2J\u{202E}\u{9b}"), "a\\n\\r\\u{1b}[2J\\u{202e}\\u{9b}");
        assert_eq!(Error::data("a\nb", "c\td").to_string(), "a\\nb: c\\td");
    }
}
