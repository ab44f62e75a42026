//! Several tensors as a npz file: a zip archive of npy files.
//!
//! The format: PKWARE's APPNOTE, of which archives without encryption, of one part, are read: members stored as they are
//! (`numpy.savez`), with or without the 64-bit extension. Deflated ones (`numpy.savez_compressed`) need a function that
//! inflates, which the crate `tress-readers` has. Members are written as they are.

use super::crc::crc32;
use super::npy::{item, tensor};
use super::{FileError, Item};
use crate::pattern::Pattern;
use crate::{Error, Params};
use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::{Element, Float, Tensor};

/// Deflate makes nothing smaller than one part in 1032, so no honest member is larger than that times its bytes.
const LARGEST_RATIO: u64 = 1032;

/// The members of a npz file.
#[derive(Clone, Debug)]
pub struct Npz<'a> {
    members: Vec<(String, Cow<'a, [u8]>)>,
}

impl<'a> Npz<'a> {
    /// Reads the directory of the archive and checks the checksum of each member.
    ///
    /// # Errors
    /// Anything that the format does not allow, or that this reader does not know: encryption, members that are packed.
    pub fn read(file: &'a [u8]) -> Result<Self, Error> {
        Self::read_with(file, |_, _| {
            Err("it is deflated; read it with `npz::read` of the crate tress-readers")
        })
    }

    /// As [`read`](Npz::read), where `inflate` unpacks deflated members: from the packed bytes and the size that they
    /// should have afterwards. It is asked for no more than 1032 times the size of the file in all.
    ///
    /// # Errors
    /// As [`read`](Npz::read), or what `inflate` says.
    pub fn read_with(
        file: &'a [u8],
        inflate: impl FnMut(&'a [u8], usize) -> Result<Vec<u8>, &'static str>,
    ) -> Result<Self, Error> {
        Self::checked(file, inflate).map_err(Error::File)
    }

    fn checked(
        file: &'a [u8],
        mut inflate: impl FnMut(&'a [u8], usize) -> Result<Vec<u8>, &'static str>,
    ) -> Result<Self, FileError> {
        let (count, mut at) = directory(file)?;
        let mut members: Vec<(String, Cow<'a, [u8]>)> = Vec::new();
        let (mut left, mut names) = (file.len(), BTreeSet::new());
        for _ in 0..count {
            let (member, next) = Member::read(file, at)?;
            at = next;
            let packed = member.packed(file)?;
            // Members that share bytes would make work and memory grow with the square of the file.
            left = left.checked_sub(packed.len()).ok_or(wrong("two members lie in the same place"))?;
            let bytes = match member.method {
                0 if member.size == packed.len() as u64 => Cow::Borrowed(packed),
                0 => return Err(wrong("a stored member has another size than it says")),
                8 if member.size > LARGEST_RATIO.saturating_mul(packed.len() as u64) => {
                    return Err(wrong("a member says to be larger than it can be"));
                }
                8 => Cow::Owned(inflate(packed, place(member.size)?).map_err(wrong)?),
                _ => return Err(wrong("a member is packed by a method that is neither 0 nor 8")),
            };
            if crc32(&bytes) != member.crc {
                return Err(FileError::Checksum);
            }
            let name = String::from(member.name.strip_suffix(".npy").unwrap_or(&member.name));
            if !names.insert(name.clone()) {
                return Err(FileError::Tensor { name, why: "the name comes twice" });
            }
            members.push((name, bytes));
        }
        Ok(Self { members })
    }

    /// The names of the tensors, in the order of the archive.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// The tensor of this name, its numbers converted to `T`: see [`read_npy`](super::read_npy).
    ///
    /// # Errors
    /// No such name, the member is no npy file, or it has a number that an integer `T` cannot hold.
    pub fn tensor<T: Element>(&self, name: &str) -> Result<Tensor<T>, Error> {
        let found = self.members.iter().find(|(other, _)| other == name);
        let (_, bytes) = found.ok_or_else(|| Error::Unknown { name: String::from(name) })?;
        tensor(&item(bytes, String::from(name)).map_err(Error::File)?)
    }

    /// All tensors.
    pub(super) fn items(&self) -> Result<Vec<Item<'_>>, FileError> {
        self.members.iter().map(|(name, bytes)| item(bytes, name.clone())).collect()
    }
}

/// Tensors of one type as a npz file, each stored as it is.
///
/// # Errors
/// A name that comes twice, or a file of 4 GiB or more, which would need an extension that is not written.
pub fn write_npz<T: Element>(tensors: &[(&str, &Tensor<T>)]) -> Result<Vec<u8>, Error> {
    archived(tensors.iter().map(|&(name, tensor)| (name, Cow::Owned(super::write_npy(tensor)))))
}

/// Npy files of any types as a npz file, each stored as it is: numbers beside labels.
///
/// ```
/// use tress_nn::file::{Npz, pack_npz, write_npy};
/// use tress_tensor::Tensor;
///
/// let (x, y) = (Tensor::new([2, 2], &[0.5f32, 1.0, 1.5, 2.0])?, Tensor::vector(&[1u32, 0]));
/// let file = pack_npz(&[("x", write_npy(&x)), ("y", write_npy(&y))])?;
/// let npz = Npz::read(&file)?;
/// assert_eq!((npz.tensor::<f32>("x")?, npz.tensor::<u32>("y")?), (x, y));
/// # Ok::<(), tress_nn::Error>(())
/// ```
///
/// # Errors
/// As [`write_npz`], or bytes that are no npy file.
pub fn pack_npz(members: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    for (name, bytes) in members {
        item(bytes, String::from(*name)).map_err(Error::File)?;
    }
    archived(members.iter().map(|(name, bytes)| (*name, Cow::Borrowed(&bytes[..]))))
}

/// Npy files as they lie, behind one another, and their directory.
fn archived<'a>(members: impl Iterator<Item = (&'a str, Cow<'a, [u8]>)>) -> Result<Vec<u8>, Error> {
    let (mut file, mut directory, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (name, bytes) in members {
        if !names.insert(name) {
            return Err(Error::Duplicate { name: String::from(name) });
        }
        let (offset, crc, size) = (file.len(), crc32(&bytes), bytes.len());
        let name = alloc::format!("{name}.npy");
        let large = || Error::File(wrong("4 GiB are too much for one npz file; write several"));
        let [offset, size] = [offset, size].map(|n| u32::try_from(n).ok().filter(|&n| n != u32::MAX));
        let (Some(offset), Some(size), Ok(length)) = (offset, size, u16::try_from(name.len())) else {
            return Err(large());
        };
        // Version 2.0, names in UTF-8, stored, the first moment that the format can name.
        let common = [
            &[20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0][..],
            &crc.to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
        ];
        let common = [&common.concat()[..], &length.to_le_bytes(), &[0, 0]].concat();
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(&common);
        file.extend_from_slice(name.as_bytes());
        file.extend_from_slice(&bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]); // no comment, part 0, no attributes
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let large = || Error::File(wrong("4 GiB are too much for one npz file; write several"));
    let offset = u32::try_from(file.len()).map_err(|_| large())?;
    let size = u32::try_from(directory.len()).map_err(|_| large())?;
    let count = u16::try_from(names.len()).map_err(|_| large())?;
    file.extend_from_slice(&directory);
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&[count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend_from_slice(&[size.to_le_bytes(), offset.to_le_bytes()].concat());
    file.extend_from_slice(&[0, 0]);
    Ok(file)
}

/// The parameters and state as a npz file, under their names.
///
/// # Errors
/// As [`write_npz`].
pub fn save_npz<T: Float>(params: &Params<T>) -> Result<Vec<u8>, Error> {
    save_npz_only(params, "")
}

/// As [`save_npz`], of the parameters and state that fit a pattern of [`Rules`](crate::optim::Rules) only.
///
/// # Errors
/// As [`write_npz`], or the pattern fits nothing.
pub fn save_npz_only<T: Float>(params: &Params<T>, pattern: &str) -> Result<Vec<u8>, Error> {
    let chosen = Pattern::new(pattern);
    let entries = params.entries().filter(|entry| chosen.matches(entry.name()));
    let tensors = entries.map(|entry| Ok((entry.name(), params.tensor(entry.name())?)));
    let tensors = tensors.collect::<Result<Vec<_>, Error>>()?;
    if tensors.is_empty() && !pattern.is_empty() {
        return Err(Error::Unknown { name: String::from(pattern) });
    }
    write_npz(&tensors.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>())
}

fn wrong(why: &'static str) -> FileError {
    FileError::Zip { why }
}

/// A number of `N` bytes at a place.
fn number<const N: usize>(file: &[u8], at: usize) -> Result<u64, FileError> {
    let bytes = file.get(at..).and_then(|rest| rest.first_chunk::<N>());
    let bytes = bytes.ok_or(wrong("it ends within a record"))?;
    Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | byte as u64))
}

fn place(number: u64) -> Result<usize, FileError> {
    usize::try_from(number).map_err(|_| wrong("a place is beyond its end"))
}

/// How many members there are, and where the directory begins.
fn directory(file: &[u8]) -> Result<(u64, usize), FileError> {
    // The last record has 22 bytes and a comment of up to 65535.
    let from = file.len().saturating_sub(22 + 65535);
    let tail = &file[from..];
    let end = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
    let end = from + end.ok_or(wrong("it has no directory; is it complete?"))?;
    let (count, at) = (number::<2>(file, end + 10)?, number::<4>(file, end + 16)?);
    if count != 0xFFFF && at != 0xFFFF_FFFF {
        return Ok((count, place(at)?));
    }
    // The 64-bit record, to which the 20 bytes before point.
    let locator = end.checked_sub(20).filter(|&at| file[at..].starts_with(b"PK\x06\x07"));
    let locator = locator.ok_or(wrong("its 64-bit directory is missing"))?;
    let end = place(number::<8>(file, locator + 8)?)?;
    if !file.get(end..).is_some_and(|rest| rest.starts_with(b"PK\x06\x06")) {
        return Err(wrong("its 64-bit directory is missing"));
    }
    Ok((number::<8>(file, end.saturating_add(32))?, place(number::<8>(file, end.saturating_add(48))?)?))
}

/// An entry of the directory.
struct Member {
    name: String,
    method: u64,
    crc: u32,
    packed: u64,
    size: u64,
    at: u64,
}

impl Member {
    /// The entry at a place, and where the next one is.
    fn read(file: &[u8], at: usize) -> Result<(Self, usize), FileError> {
        if !file.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
            return Err(wrong("its directory has fewer members than it says"));
        }
        if number::<2>(file, at + 8)? & 1 == 1 {
            return Err(wrong("a member is encrypted"));
        }
        let (method, crc) = (number::<2>(file, at + 10)?, number::<4>(file, at + 16)? as u32);
        let mut sizes =
            [number::<4>(file, at + 24)?, number::<4>(file, at + 20)?, number::<4>(file, at + 42)?];
        let [name, extra, comment] = [28, 30, 32].map(|offset| number::<2>(file, at + offset));
        let (name_end, extra) = (at + 46 + name? as usize, extra? as usize);
        let end = name_end + extra + comment? as usize;
        let name = file.get(at + 46..name_end).and_then(|bytes| core::str::from_utf8(bytes).ok());
        let name = String::from(name.ok_or(wrong("the name of a member is not UTF-8"))?);
        // The 64-bit extension has those of the three numbers that do not fit, in this order.
        let mut field = name_end;
        while field + 4 <= name_end + extra {
            let (kind, length) = (number::<2>(file, field)?, number::<2>(file, field + 2)? as usize);
            let mut wide = field + 4;
            if kind == 1 {
                for size in sizes.iter_mut().filter(|size| **size == 0xFFFF_FFFF) {
                    if wide + 8 > field + 4 + length {
                        return Err(wrong("its 64-bit sizes are missing"));
                    }
                    *size = number::<8>(file, wide)?;
                    wide += 8;
                }
            }
            field += 4 + length;
        }
        let [size, packed, at] = sizes;
        Ok((Self { name, method, crc, packed, size, at }, end))
    }

    /// The bytes of the member as they lie in the archive.
    fn packed<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], FileError> {
        let at = place(self.at)?;
        if !file.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x03\x04")) {
            return Err(wrong("a member is not where the directory says"));
        }
        let start = at + 30 + number::<2>(file, at + 26)? as usize + number::<2>(file, at + 28)? as usize;
        let rest = file.get(start..).ok_or(wrong("a member is beyond its end"))?;
        rest.get(..place(self.packed)?).ok_or(wrong("a member reaches beyond its end"))
    }
}
