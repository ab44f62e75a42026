//! What can go wrong while a network is built, fed or stored: each with its name, its place and its cure.

use crate::file::FileError;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use tress_tensor::Shape;

/// A request of this crate that cannot be carried out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter has this name already.
    Duplicate {
        /// The whole name, scopes included.
        name: String,
    },
    /// A name that parameters cannot have.
    Name {
        /// The whole name, scopes included.
        name: String,
    },
    /// No parameter has this name, or lies in a scope of this name.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// A parameter of a shape that cannot be.
    Parameter {
        /// The whole name, scopes included.
        name: String,
        /// What is wrong with its shape.
        error: tress_tensor::Error,
    },
    /// Stored numbers end before the parameters do, or after.
    Stored {
        /// How many numbers are stored.
        stored: usize,
        /// How many the parameters declared so far need.
        needed: usize,
    },
    /// A block of numbers of another shape than the parameters.
    Block {
        /// What the block holds.
        what: &'static str,
        /// The shape that it has.
        found: Shape,
        /// The number of parameters.
        parameters: usize,
    },
    /// A label that is no class.
    Label {
        /// The place of the label in its list.
        index: usize,
        /// The label.
        label: u32,
        /// The number of classes; labels are below it.
        classes: usize,
    },
    /// A column of a data set that does not fit, or is not there.
    Column {
        /// The name of the column.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A row that a data set does not have.
    Row {
        /// The row.
        row: usize,
        /// The number of samples; rows are below it.
        samples: usize,
    },
    /// A row that is in two parts of a split, or twice in one.
    Leak {
        /// The row.
        row: usize,
        /// The one part.
        first: &'static str,
        /// The other part.
        second: &'static str,
    },
    /// A number that training has made is infinite or NaN.
    NotFinite {
        /// What the number is.
        what: &'static str,
    },
    /// A loss or a gradient of a batch that is infinite or NaN.
    Diverged {
        /// What the number is.
        what: &'static str,
        /// The epoch, from 0 on.
        epoch: u64,
        /// The batch of the epoch, from 0 on.
        batch: u64,
        /// The first row of the batch, if it has rows.
        row: Option<usize>,
    },
    /// A number that was given is infinite or NaN: of data, of scores, of corners.
    Wild {
        /// What the number is.
        what: &'static str,
    },
    /// A setting outside of what makes sense.
    Setting {
        /// Whose setting it is.
        of: &'static str,
        /// What it would have to be.
        why: &'static str,
    },
    /// A name of a search space whose range cannot be.
    Dimension {
        /// The name, or the text that was to be one with its range.
        name: String,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// A stored state that is of something else.
    State {
        /// Of what, and what was wanted.
        why: String,
    },
    /// The system could not read or write a file.
    Io {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// A program that a device cannot run.
    Device {
        /// Which part, and what would have to be else.
        why: String,
    },
    /// A model was wired wrongly, or given what it does not take.
    Model(Box<crate::model::Flaw>),
    /// A model holds what cannot be exported.
    Onnx(crate::onnx::Fault),
    /// Bytes could not be read as parameters.
    File(FileError),
    /// A file could not be read as what it should be.
    FileAt {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: FileError,
    },
    /// A tensor operation failed.
    Tensor(tress_tensor::Error),
    /// Model code made a mistake.
    Mistake(tress_autograd::Mistake),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Duplicate { name } => {
                write!(f, "parameter `{name}` is declared twice; give each layer a scope of its own")
            }
            Error::Name { name } => {
                write!(f, "`{name}` cannot be the name of a parameter: no part between dots may be empty, ")?;
                write!(f, "and `__metadata__` is reserved")
            }
            Error::Unknown { name } => write!(f, "no parameter is called `{name}` or lies in that scope"),
            Error::Parameter { name, error } => write!(f, "parameter `{name}`: {error}"),
            Error::Stored { stored, needed } => {
                write!(f, "{stored} numbers are stored, but the parameters need {needed}; ")?;
                write!(f, "were they written by the same model?")
            }
            Error::Block { what, found, parameters } => {
                write!(
                    f,
                    "{what}: shape {found}, but [{parameters}] is wanted, one number for each parameter"
                )
            }
            Error::Label { index, label, classes } => {
                write!(f, "label {label} at index {index} is not one of the {classes} classes 0 to ")?;
                write!(f, "{}", classes.saturating_sub(1))
            }
            Error::Column { name, why } => write!(f, "column `{name}`: {why}"),
            Error::Row { row, samples } => write!(f, "row {row} is none of the {samples} samples"),
            Error::Leak { row, first, second } if first == second => {
                write!(f, "row {row} is in the {first} part twice; each row may be there once only")
            }
            Error::Leak { row, first, second } => {
                write!(
                    f,
                    "row {row} is in the {first} and in the {second} part; each row may be in one part only"
                )
            }
            Error::NotFinite { what } => {
                write!(f, "{what} is infinite or not a number; lower the learning rate, ")?;
                write!(f, "or look for the step at which it grew")
            }
            Error::Diverged { what, epoch, batch, row } => {
                write!(f, "the {what} of batch {batch} of epoch {epoch}")?;
                if let Some(row) = row {
                    write!(f, ", whose first row is {row},")?;
                }
                write!(
                    f,
                    " is infinite or not a number; lower the learning rate, or look at the samples of the batch"
                )
            }
            Error::Wild { what } => {
                write!(f, "{what} is infinite or not a number; look for it in the data, or in what made it")
            }
            Error::Setting { of, why } => write!(f, "{of}: {why}"),
            Error::Dimension { name, why } => write!(f, "`{name}` of the search space: {why}"),
            Error::State { why } => write!(f, "{why}; were the settings the same when it was stored?"),
            Error::Io { path, why } => write!(f, "{path}: {why}"),
            Error::Device { why } => write!(f, "device program: {why}"),
            Error::Model(flaw) => flaw.fmt(f),
            Error::Onnx(fault) => fault.fmt(f),
            Error::File(error) => error.fmt(f),
            Error::FileAt { path, error } => write!(f, "{path}: {error}"),
            Error::Tensor(error) => error.fmt(f),
            Error::Mistake(mistake) => mistake.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(feature = "std")]
impl Error {
    /// What is wrong with a file, with its path.
    pub(crate) fn at(self, path: &std::path::Path) -> Self {
        match self {
            Error::File(error) => Error::FileAt { path: alloc::format!("{}", path.display()), error },
            other => other,
        }
    }
}

impl From<tress_tensor::Error> for Error {
    fn from(error: tress_tensor::Error) -> Self {
        Error::Tensor(error)
    }
}

impl From<tress_autograd::Mistake> for Error {
    fn from(mistake: tress_autograd::Mistake) -> Self {
        Error::Mistake(mistake)
    }
}
