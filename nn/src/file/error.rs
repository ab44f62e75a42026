//! What can be wrong with a file of parameters.

use super::Report;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why bytes could not be read as parameters.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FileError {
    /// There are fewer bytes than the file says it has.
    Truncated {
        /// How many there are.
        found: usize,
        /// How many there would have to be, at least.
        needed: u64,
    },
    /// The header is larger than any sensible one.
    Header {
        /// Its length.
        length: u64,
    },
    /// The header is not the JSON that it should be.
    Json {
        /// The byte of the header where reading stopped.
        at: usize,
        /// What was expected there.
        why: &'static str,
    },
    /// A tensor's description makes no sense.
    Tensor {
        /// The name of the tensor.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A number that the type of number that was asked for cannot hold.
    Number {
        /// The name of the tensor; `npy` for one that has none.
        name: String,
        /// Where the number is, one place an axis.
        index: Vec<usize>,
        /// The number.
        value: f64,
        /// The type that cannot hold it.
        into: &'static str,
    },
    /// There are bytes that belong to no tensor, or to two.
    Layout {
        /// The first such byte, counted from the end of the header.
        at: usize,
    },
    /// It is no npy file, or none that can be read.
    Npy {
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is no zip archive, or none that can be read.
    Zip {
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is no checkpoint, or none that can be read.
    Checkpoint {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The bytes are not those that were written.
    Checksum,
    /// The file is of another model.
    Differs(Report),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Truncated { found, needed } => {
                write!(
                    f,
                    "the file ends after {found} bytes, but must have at least {needed}; is it complete?"
                )
            }
            FileError::Header { length } => {
                write!(f, "a header of {length} bytes; this is not a safetensors file")
            }
            FileError::Json { at, why } => write!(f, "byte {at} of the header: {why}"),
            FileError::Tensor { name, why } => write!(f, "tensor `{name}`: {why}"),
            FileError::Number { name, index, value, into } => {
                write!(f, "tensor `{name}`: the number at {index:?} is {value}, which {into} cannot hold; ")?;
                write!(f, "read it as another type")
            }
            FileError::Layout { at } => {
                write!(f, "byte {at} after the header belongs to no tensor, or to two")
            }
            FileError::Npy { why } => write!(f, "the npy file cannot be read: {why}"),
            FileError::Zip { why } => write!(f, "the npz file cannot be read: {why}"),
            FileError::Checkpoint { why } => write!(f, "the checkpoint cannot be read: {why}"),
            FileError::Checksum => {
                write!(
                    f,
                    "the checksum is wrong: the file was damaged, or not written to its end; delete it, or restore a copy"
                )
            }
            FileError::Differs(report) => write!(f, "the file is of another model: {report}"),
        }
    }
}

impl core::error::Error for FileError {}
