//! What can be wrong with a file of data: one line that names the file, the trouble and the way out.

use std::fmt;
use std::io;

/// A file of data that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    file: String,
    trouble: String,
}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A trouble with `file`, which is a path or whatever name stands for the bytes.
    pub fn new(file: impl Into<String>, trouble: impl Into<String>) -> Self {
        Self { file: file.into(), trouble: trouble.into() }
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong, where, and what would mend it.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    /// What the system said when `file` was read.
    pub(crate) fn io(file: &str, error: &io::Error) -> Self {
        Self::new(file, format!("cannot be read: {}", plain(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.trouble)
    }
}

impl std::error::Error for Error {}

/// The text of an input/output error without its "(os error 13)" tail, which says nothing to a reader.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
