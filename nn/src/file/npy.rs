//! One tensor as a npy file, the format of numpy.
//!
//! The format (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>): a magic string, a version, the
//! length of a header; the header, a Python dictionary that names type of number, order and shape; then the numbers.

use super::decode::{all_fit, encode, fits, numbers};
use super::{Dtype, FileError, Item};
use crate::Error;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::{Element, Shape, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// A tensor as a npy file: little-endian, row-major, version 1.0; of numbers, whole numbers or truth values.
///
/// ```
/// use tress_nn::file::{read_npy, write_npy};
/// use tress_tensor::Tensor;
///
/// let labels = Tensor::vector(&[3u32, 0, 11]);
/// assert_eq!(read_npy::<u32>(&write_npy(&labels))?, labels);
/// # Ok::<(), tress_nn::Error>(())
/// ```
pub fn write_npy<T: Element>(tensor: &Tensor<T>) -> Vec<u8> {
    let dense = tensor.contiguous();
    let mut lengths = String::new();
    for length in tensor.shape().iter() {
        lengths.push_str(&format!("{length}, "));
    }
    // One number in brackets is no list without its comma; more than one have a comma too many, which is allowed.
    let (size, lengths) = (size_of::<T>(), lengths.trim_end());
    let kind = match T::NAME {
        "bool" => "|b",
        "u8" => "|u",
        "u32" => "<u",
        "i32" => "<i",
        _ => "<f",
    };
    let mut header = format!("{{'descr': '{kind}{size}', 'fortran_order': False, 'shape': ({lengths}), }}");
    // The numbers begin at a multiple of 64 bytes; the header ends with a line feed.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + header.len() + tensor.len() * size);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    encode(dense.as_slice().unwrap_or_default(), &mut bytes);
    bytes
}

/// The tensor of a npy file, its numbers converted to `T`: of any type but complex, text and objects, of either byte order
/// and either order of axes.
///
/// A floating-point `T` holds the nearest number: `f64` loses the last digits of whole numbers beyond 2^53, `f32` of those
/// beyond 2^24. `bool` holds whether a number is not 0. `u8`, `i32` and `u32` hold a number exactly or not at all:
///
/// ```
/// use tress_nn::file::{read_npy, write_npy};
/// use tress_tensor::Tensor;
///
/// let file = write_npy(&Tensor::vector(&[3i32, -1, 300]));
/// let error = read_npy::<u8>(&file).unwrap_err().to_string();
/// assert_eq!(error, "tensor `npy`: the number at [1] is -1, which u8 cannot hold; read it as another type");
/// ```
///
/// # Errors
/// Anything that the format does not allow, more than eight axes, bytes that are missing or left over; or a number that an
/// integer `T` cannot hold: one that is negative, too large, broken, infinite or NaN.
pub fn read_npy<T: Element>(bytes: &[u8]) -> Result<Tensor<T>, Error> {
    tensor(&item(bytes, String::from("npy")).map_err(Error::File)?)
}

/// The tensor of an item.
pub(super) fn tensor<T: Element>(item: &Item<'_>) -> Result<Tensor<T>, Error> {
    let shape = Shape::named("npy", &item.shape)?;
    if !matches!(T::NAME, "f32" | "f64" | "bool") && !all_fit::<T>(item) {
        let wide = Tensor::new(shape, &numbers::<f64>(item))?;
        return Err(Error::File(misfit::<T>(&item.name, &wide)));
    }
    Ok(Tensor::new(shape, &numbers(item))?)
}

/// The first number, in row-major order, that `T` cannot hold.
fn misfit<T: Element>(name: &str, numbers: &Tensor<f64>) -> FileError {
    let values = numbers.to_vec();
    let place = values.iter().position(|&x| !fits::<T>(x)).unwrap_or_default();
    let lengths = &numbers.shape()[..];
    let (mut index, mut rest) = (alloc::vec![0; lengths.len()], place);
    for (i, &length) in index.iter_mut().zip(lengths).rev() {
        (*i, rest) = (rest % length, rest / length);
    }
    let value = values.get(place).copied().unwrap_or_default();
    FileError::Number { name: String::from(name), index, value, into: T::NAME }
}

/// What is in a npy file, checked; the numbers stay where they are.
pub(super) fn item(bytes: &[u8], name: String) -> Result<Item<'_>, FileError> {
    let wrong = |why| FileError::Npy { why };
    let rest = bytes.strip_prefix(MAGIC).ok_or(wrong("it does not begin as a npy file does"))?;
    let truncated = |needed: usize| FileError::Truncated { found: bytes.len(), needed: needed as u64 };
    let ([major, _], rest) = rest.split_first_chunk::<2>().ok_or(truncated(8))?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or(truncated(10))?;
            (u16::from_le_bytes(*length) as usize, rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or(truncated(12))?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(wrong("its version is none of 1, 2 and 3")),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(truncated(bytes.len() - rest.len() + length))?;
    let (dtype, big, fortran, shape) = Header { text: header, at: 0 }.read().map_err(wrong)?;
    let size = shape.iter().try_fold(dtype.size(), |size, &length| size.checked_mul(length));
    match size {
        Some(size) if size == data.len() => {}
        Some(size) if size > data.len() => {
            return Err(truncated((bytes.len() - data.len()).saturating_add(size)));
        }
        _ => return Err(wrong("there are not as many bytes as its shape needs")),
    }
    Ok(Item { name, dtype, shape, bytes: data, big, fortran })
}

/// A place in the header: the part of Python's literals that it uses. Nothing here calls itself.
struct Header<'a> {
    text: &'a [u8],
    at: usize,
}

type Described = (Dtype, bool, bool, Vec<usize>);

impl<'a> Header<'a> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += there as usize;
        there
    }

    fn read(mut self) -> Result<Described, &'static str> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        if !self.take(b'{') {
            return Err("its header is no dictionary");
        }
        while !self.take(b'}') {
            let key = self.string()?;
            if !self.take(b':') {
                return Err("its header lacks a colon");
            }
            let again = match key {
                b"descr" => descr.replace(self.string()?).is_some(),
                b"fortran_order" => fortran.replace(self.truth()?).is_some(),
                b"shape" => shape.replace(self.lengths()?).is_some(),
                _ => return Err("its header has a key that is none of `descr`, `fortran_order`, `shape`"),
            };
            if again {
                return Err("its header has a key twice");
            }
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err("its header lacks a comma");
            }
        }
        if self.peek().is_some() {
            return Err("there is something behind the dictionary of its header");
        }
        let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
            return Err("its header lacks `descr`, `fortran_order` or `shape`");
        };
        let (order, kind) = descr.split_first().ok_or("its type of number is empty")?;
        let dtype = match kind {
            b"b1" => Dtype::BOOL,
            b"u1" => Dtype::U8,
            b"i1" => Dtype::I8,
            b"u2" => Dtype::U16,
            b"i2" => Dtype::I16,
            b"f2" => Dtype::F16,
            b"u4" => Dtype::U32,
            b"i4" => Dtype::I32,
            b"f4" => Dtype::F32,
            b"u8" => Dtype::U64,
            b"i8" => Dtype::I64,
            b"f8" => Dtype::F64,
            _ => {
                return Err(
                    "its type of number is none that can be read: bool, u1 to u8, i1 to i8, f2, f4, f8",
                );
            }
        };
        match order {
            b'<' => Ok((dtype, false, fortran, shape)),
            b'>' => Ok((dtype, true, fortran, shape)),
            b'|' if dtype.size() == 1 => Ok((dtype, false, fortran, shape)),
            _ => Err("the byte order of its numbers is not stated"),
        }
    }

    fn string(&mut self) -> Result<&'a [u8], &'static str> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else { return Err("its header lacks a string") };
        let rest = &self.text[self.at + 1..];
        let end = rest.iter().position(|&byte| byte == quote).ok_or("a string of its header has no end")?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    fn truth(&mut self) -> Result<bool, &'static str> {
        self.peek();
        for (word, truth) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(truth);
            }
        }
        Err("`fortran_order` is neither True nor False")
    }

    fn lengths(&mut self) -> Result<Vec<usize>, &'static str> {
        if !self.take(b'(') {
            return Err("`shape` is no tuple");
        }
        let mut lengths = Vec::new();
        while !self.take(b')') {
            let Some(b'0'..=b'9') = self.peek() else {
                return Err("`shape` has something that is no length");
            };
            let mut length = 0usize;
            while let Some(&digit @ b'0'..=b'9') = self.text.get(self.at) {
                let next = length.checked_mul(10).and_then(|n| n.checked_add((digit - b'0') as usize));
                length = next.ok_or("a length of `shape` is too large")?;
                self.at += 1;
            }
            lengths.push(length);
            if !self.take(b',') && self.peek() != Some(b')') {
                return Err("`shape` lacks a comma");
            }
        }
        Ok(lengths)
    }
}
