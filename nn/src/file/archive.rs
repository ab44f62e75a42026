//! The header of a safetensors file: checked completely before anything in the file is believed.

use super::FileError;
use super::json::{Reader, quote};
use crate::Error;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// The largest header that is read; the format's own library has the same bound.
const LARGEST_HEADER: u64 = 100_000_000;

/// The key of the texts that are not tensors.
const METADATA: &str = "__metadata__";

macro_rules! dtypes {
    ($($name:ident $bytes:literal),*) => {
        /// A type of number, by the name that the format gives it.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Dtype {
            $($name,)*
        }

        impl Dtype {
            /// The name in the header.
            pub fn name(self) -> &'static str {
                match self { $(Dtype::$name => stringify!($name),)* }
            }

            /// The bytes of one number.
            pub fn size(self) -> usize {
                match self { $(Dtype::$name => $bytes,)* }
            }

            fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Dtype::$name),)*
                    _ => None,
                }
            }
        }
    };
}

dtypes! { BOOL 1, U8 1, I8 1, U16 2, I16 2, F16 2, BF16 2, U32 4, I32 4, F32 4, U64 8, I64 8, F64 8 }

/// A tensor in a file: its description, and its bytes where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: &'a [u8],
    /// Whether numbers have their highest byte first, and axes their first one innermost; never in a safetensors file.
    pub(super) big: bool,
    pub(super) fortran: bool,
}

impl<'a> Item<'a> {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its numbers.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The lengths of its axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, row-major, of whatever type they are stored: each as the nearest `T`, so that one beyond an integer
    /// type becomes the end of its range.
    pub fn numbers<T: tress_tensor::Element>(&self) -> Vec<T> {
        super::decode::numbers(self)
    }

    /// Its numbers, row-major, little-endian: as many bytes as type and shape need.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// A safetensors file whose header was found to be right.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    /// In the order of their bytes.
    items: Vec<Item<'a>>,
    metadata: Vec<(String, String)>,
}

impl<'a> Archive<'a> {
    /// Reads and checks the header; the numbers stay where they are.
    ///
    /// # Errors
    /// Anything that the format does not allow: too few bytes, a header that is not the JSON it should be, two tensors of
    /// one name, sizes that disagree with shapes, bytes that belong to no tensor or to two.
    pub fn read(file: &'a [u8]) -> Result<Self, Error> {
        Self::checked(file).map_err(Error::File)
    }

    fn checked(file: &'a [u8]) -> Result<Self, FileError> {
        let truncated = |needed| FileError::Truncated { found: file.len(), needed };
        let (length, rest) = file.split_first_chunk::<8>().ok_or_else(|| truncated(8))?;
        let length = u64::from_le_bytes(*length);
        if length > LARGEST_HEADER {
            return Err(FileError::Header { length });
        }
        let (header, data) = rest.split_at_checked(length as usize).ok_or_else(|| truncated(8 + length))?;

        let mut archive = Self { items: Vec::new(), metadata: Vec::new() };
        let mut places: Vec<(Range<usize>, Item<'a>)> = Vec::new();
        let mut reader = Reader::new(header);
        reader.expect(b'{', "an object is expected")?;
        let mut first = true;
        let mut has_metadata = false;
        while reader.goes_on(b'}', first)? {
            first = false;
            let name = reader.string()?;
            reader.expect(b':', "a colon is expected")?;
            if name == METADATA {
                if core::mem::replace(&mut has_metadata, true) {
                    return Err(FileError::Tensor { name, why: "the name comes twice" });
                }
                archive.metadata = texts(&mut reader)?;
            } else {
                places.push(description(&mut reader, name)?);
            }
        }
        reader.end()?;

        // The file must be filled by its tensors without gaps and overlaps, so that nobody can hide anything in it.
        // Equal starts occur with empty tensors only; those come first.
        places.sort_by_key(|(place, _)| (place.start, place.end));
        let mut end = 0;
        for (place, mut item) in places {
            if place.start != end {
                return Err(FileError::Layout { at: end.min(place.start) });
            }
            end = place.end;
            item.bytes = data.get(place).ok_or_else(|| truncated((8 + length).saturating_add(end as u64)))?;
            archive.items.push(item);
        }
        if end != data.len() {
            return Err(FileError::Layout { at: end });
        }
        let mut names: Vec<&str> = archive.items.iter().map(Item::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = twice[0].to_owned();
            return Err(FileError::Tensor { name, why: "the name comes twice" });
        }
        Ok(archive)
    }

    /// The tensors, in the order of their bytes.
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Item<'a>> {
        self.items.iter().find(|item| item.name == name)
    }

    /// The texts of the header.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.metadata.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

/// An object of strings.
fn texts(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, FileError> {
    reader.expect(b'{', "an object is expected")?;
    let mut texts = Vec::new();
    while reader.goes_on(b'}', texts.is_empty())? {
        let key = reader.string()?;
        reader.expect(b':', "a colon is expected")?;
        texts.push((key, reader.string()?));
    }
    Ok(texts)
}

/// The description of a tensor, and the place of its bytes.
fn description<'a>(reader: &mut Reader<'_>, name: String) -> Result<(Range<usize>, Item<'a>), FileError> {
    reader.expect(b'{', "an object is expected")?;
    let (mut dtype, mut shape, mut offsets) = (None, None, None);
    let mut first = true;
    while reader.goes_on(b'}', first)? {
        first = false;
        let key = reader.string()?;
        reader.expect(b':', "a colon is expected")?;
        let again = match key.as_str() {
            "dtype" => dtype.replace(reader.string()?).is_some(),
            "shape" => shape.replace(reader.numbers()?).is_some(),
            "data_offsets" => offsets.replace(reader.numbers()?).is_some(),
            _ => return reader.wrong("a tensor has `dtype`, `shape` and `data_offsets` only"),
        };
        if again {
            return reader.wrong("the description says this twice");
        }
    }
    let wrong = |name, why| Err(FileError::Tensor { name, why });
    let (Some(dtype), Some(shape), Some(offsets)) = (dtype, shape, offsets) else {
        return wrong(name, "`dtype`, `shape` or `data_offsets` is missing");
    };
    let Some(dtype) = Dtype::named(&dtype) else { return wrong(name, "its type of number is not known") };
    let [start, end] = offsets[..] else { return wrong(name, "two offsets are expected") };
    let size = shape.iter().try_fold(dtype.size(), |size, &length| size.checked_mul(length));
    if end.checked_sub(start).is_none() || end.checked_sub(start) != size {
        return wrong(name, "its offsets are not as far apart as its shape needs");
    }
    Ok((start..end, Item { name, dtype, shape, bytes: &[], big: false, fortran: false }))
}

/// The header for tensors that lie one behind the other, padded so that the numbers start at a multiple of eight.
pub(super) fn header<'t>(
    tensors: impl Iterator<Item = (&'t str, &'t [usize])>,
    dtype: Dtype,
    metadata: &[(&str, &str)],
) -> String {
    let mut out = String::from("{");
    for (i, (key, text)) in metadata.iter().enumerate() {
        if metadata[..i].iter().any(|(other, _)| other == key) {
            continue;
        }
        out.push_str(if i == 0 { "\"__metadata__\":{" } else { "," });
        quote(key, &mut out);
        out.push(':');
        quote(text, &mut out);
    }
    if !metadata.is_empty() {
        out.push('}');
    }
    let mut at = 0;
    for (name, shape) in tensors {
        if out.len() > 1 {
            out.push(',');
        }
        quote(name, &mut out);
        out.push_str(":{\"dtype\":\"");
        out.push_str(dtype.name());
        out.push_str("\",\"shape\":[");
        for (i, length) in shape.iter().enumerate() {
            out.push_str(if i == 0 { "" } else { "," });
            out.push_str(&length.to_string());
        }
        let end = at + shape.iter().product::<usize>() * dtype.size();
        out.push_str("],\"data_offsets\":[");
        out.push_str(&at.to_string());
        out.push(',');
        out.push_str(&end.to_string());
        out.push_str("]}");
        at = end;
    }
    out.push('}');
    while out.len() % 8 != 0 {
        out.push(' ');
    }
    out
}
