//! Models and training runs as bytes, and back.
//!
//! | | |
//! |---|---|
//! | [`save`], [`load`], [`Archive`] | safetensors: parameters and state under their names |
//! | [`save_npz`], [`save_npz_only`], [`Npz`], [`read_npy`], [`write_npy`], [`write_npz`], [`pack_npz`] | the formats of numpy |
//! | [`Loader`] | from either, strictly or leniently, with other names, transposed, in parts |
//! | [`Checkpoint`] | a training run: parameters, states, random numbers, counts; with a checksum |
//! | `write_atomic` (with `std`) | a file that is there whole or not at all |
//!
//! A safetensors file (<https://github.com/huggingface/safetensors>) is: eight bytes with the length of a header,
//! little-endian; the header, a JSON object that names for each tensor its type of number, shape and place; then the
//! numbers, little-endian. But for `write_atomic` and two methods of [`Checkpoint`], reading and writing files is the
//! caller's: this module knows bytes only, and works without an operating system.
//!
//! Bytes from outside are not trusted: sizes are checked before anything is allocated for them, and whatever is wrong is
//! an [`Error`] that says what and where.

mod archive;
#[cfg(feature = "std")]
mod atomic;
mod checkpoint;
mod crc;
mod decode;
mod error;
pub(crate) mod json;
mod loader;
mod npy;
mod npz;
mod torch;

pub use archive::{Archive, Dtype, Item};
#[cfg(feature = "std")]
pub use atomic::write_atomic;
pub use checkpoint::Checkpoint;
pub use error::FileError;
pub use loader::Loader;
pub use npy::{read_npy, write_npy};
pub use npz::{Npz, pack_npz, save_npz, save_npz_only, write_npz};

use crate::pattern::Pattern;
use crate::{Entry, Error, Params};
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
    write(params, metadata, |_| true)
}

/// As [`save`], of the parameters and state that fit a pattern of [`Rules`](crate::optim::Rules) only.
///
/// # Errors
/// The pattern fits nothing.
pub fn save_only<T: Float>(params: &Params<T>, pattern: &str) -> Result<Vec<u8>, Error> {
    let chosen = Pattern::new(pattern);
    match params.entries().any(|entry| chosen.matches(entry.name())) {
        true => Ok(write(params, &[], |entry| chosen.matches(entry.name()))),
        false => Err(Error::Unknown { name: String::from(pattern) }),
    }
}

fn write<T: Float>(
    params: &Params<T>,
    metadata: &[(&str, &str)],
    chosen: impl Fn(&Entry) -> bool,
) -> Vec<u8> {
    let entries: Vec<&Entry> = params.entries().filter(|entry| chosen(entry)).collect();
    let shapes = entries.iter().map(|entry| (entry.name(), &entry.shape()[..]));
    let header = archive::header(shapes, Dtype::of::<T>(), metadata);
    let count: usize = entries.iter().map(|entry| entry.shape().len()).sum();
    let mut bytes = Vec::with_capacity(8 + header.len() + count * size_of::<T>());
    bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    let block = params.block().contiguous();
    let numbers = block.as_slice().unwrap_or_default();
    entries.iter().for_each(|entry| decode::encode(&numbers[entry.range()], &mut bytes));
    bytes
}

/// Fills all parameters and state from a safetensors file with the same names and shapes. Numbers of other precision are
/// converted. See [`Loader`] for more.
///
/// # Errors
/// The bytes are no such file, or names or shapes differ; then nothing is changed.
pub fn load<T: Float>(params: &mut Params<T>, bytes: &[u8]) -> Result<(), Error> {
    Loader::new().safetensors(params, bytes).map(|_| ())
}

/// Fills what a safetensors file has under the same name and of the same shape, and reports what differs.
///
/// # Errors
/// The bytes are no such file; then nothing is changed.
pub fn load_matching<T: Float>(params: &mut Params<T>, bytes: &[u8]) -> Result<Report, Error> {
    Loader::new().lenient().safetensors(params, bytes)
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

impl Dtype {
    /// The type of a number of this library.
    fn of<T: Element>() -> Self {
        if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
    }
}
