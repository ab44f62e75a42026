//! Parameters as the bytes of a safetensors file, and back.
//!
//! The format (<https://github.com/huggingface/safetensors>): eight bytes with the length of a header, little-endian; the
//! header, a JSON object that names for each tensor its type of number, shape and place; then the numbers, little-endian.
//! Reading and writing files is the caller's: this module knows bytes only, and works without an operating system.
//!
//! Bytes from outside are not trusted: sizes are checked before anything is allocated for them, and whatever is wrong is
//! an [`Error`] that says what and where.

mod archive;
mod error;
mod json;

pub use archive::{Archive, Dtype, Item};
pub use error::FileError;

use crate::{Error, Params};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use tress_tensor::{Element, Float, Shape};

/// The parameters and state as a safetensors file, under their names and in their order, as numbers of type `T`.
pub fn save<T: Float>(params: &Params<T>) -> Vec<u8> {
    save_with(params, &[])
}

/// As [`save`], with texts of the caller's (such as the settings of the run) in the header; [`Archive::metadata`] reads
/// them. Of two texts under one name the first is kept.
pub fn save_with<T: Float>(params: &Params<T>, metadata: &[(&str, &str)]) -> Vec<u8> {
    let size = size_of::<T>();
    let header = archive::header(params, Dtype::of::<T>(), metadata);
    let mut bytes = Vec::with_capacity(8 + header.len() + params.len() * size);
    bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    let block = params.block();
    for &number in block.as_slice().unwrap_or_default() {
        // Widening to f64 is exact, and so is the way back.
        match size {
            4 => bytes.extend_from_slice(&(number.to_f64() as f32).to_le_bytes()),
            _ => bytes.extend_from_slice(&number.to_f64().to_le_bytes()),
        }
    }
    bytes
}

/// Fills all parameters and state from a safetensors file with the same names and shapes. Numbers of the other precision
/// are converted.
///
/// # Errors
/// The bytes are no such file, or names or shapes differ; then nothing is changed.
pub fn load<T: Float>(params: &mut Params<T>, bytes: &[u8]) -> Result<(), Error> {
    let archive = Archive::read(bytes)?;
    let report = compare(params, &archive);
    if !report.is_complete() {
        return Err(Error::File(FileError::Differs(report)));
    }
    fill(params, &archive)
}

/// Fills what a safetensors file has under the same name and of the same shape, and reports what differs.
///
/// # Errors
/// The bytes are no such file; then nothing is changed.
pub fn load_matching<T: Float>(params: &mut Params<T>, bytes: &[u8]) -> Result<Report, Error> {
    let archive = Archive::read(bytes)?;
    let report = compare(params, &archive);
    fill(params, &archive)?;
    Ok(report)
}

/// How the names and shapes of a file differ from those of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What the model has and the file does not.
    pub missing: Vec<String>,
    /// What the file has and the model does not.
    pub extra: Vec<String>,
    /// What both have, but of different shapes.
    pub misshapen: Vec<Misshapen>,
}

/// A parameter with another shape in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Misshapen {
    /// The name.
    pub name: String,
    /// The shape in the file.
    pub found: Vec<usize>,
    /// The shape in the model.
    pub expected: Shape,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (what, names) in [("missing", &self.missing), ("not in the model", &self.extra)] {
            for name in names {
                write!(f, "{comma}`{name}` is {what}")?;
                comma = "; ";
            }
        }
        for Misshapen { name, found, expected } in &self.misshapen {
            write!(f, "{comma}`{name}` has shape {found:?}, but {expected} is expected")?;
            comma = "; ";
        }
        Ok(())
    }
}

fn compare<T: Float>(params: &Params<T>, archive: &Archive<'_>) -> Report {
    let mut report = Report::default();
    for entry in params.entries() {
        match archive.get(entry.name()) {
            None => report.missing.push(String::from(entry.name())),
            Some(item) if item.shape() != &**entry.shape() => report.misshapen.push(Misshapen {
                name: String::from(entry.name()),
                found: item.shape().to_vec(),
                expected: *entry.shape(),
            }),
            Some(_) => {}
        }
    }
    let strangers = archive.items().iter().filter(|item| params.entry(item.name()).is_none());
    report.extra = strangers.map(|item| String::from(item.name())).collect();
    report
}

/// Reads what has the right name and shape.
fn fill<T: Float>(params: &mut Params<T>, archive: &Archive<'_>) -> Result<(), Error> {
    let same = |entry: &crate::Entry| {
        let item = archive.get(entry.name())?;
        (item.shape() == &**entry.shape()).then(|| (entry.range(), item))
    };
    let parts: Vec<_> = params.entries().filter_map(same).collect();
    // Everything is checked before anything is written.
    if let Some((_, item)) = parts.iter().find(|(_, item)| !matches!(item.dtype(), Dtype::F32 | Dtype::F64)) {
        let why = "only F32 and F64 can be read into parameters";
        return Err(Error::File(FileError::Tensor { name: String::from(item.name()), why }));
    }
    let block = params.block_mut();
    for (range, item) in parts {
        let numbers = &mut block[range];
        match item.dtype() {
            Dtype::F64 => {
                for (number, bytes) in numbers.iter_mut().zip(item.bytes().as_chunks::<8>().0) {
                    *number = T::from_f64(f64::from_le_bytes(*bytes));
                }
            }
            _ => {
                for (number, bytes) in numbers.iter_mut().zip(item.bytes().as_chunks::<4>().0) {
                    *number = T::from_f64(f32::from_le_bytes(*bytes) as f64);
                }
            }
        }
    }
    Ok(())
}

impl Dtype {
    /// The type of a number of this library.
    fn of<T: Element>() -> Self {
        if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
    }
}
