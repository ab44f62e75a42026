//! Reading IDX files of unsigned bytes, plain or gzip-compressed, trusting nothing in them.
//!
//! The format (LeCun): `00 00 08 d`, then `d` big-endian `u32` lengths, then the bytes in row-major order. The header is
//! checked against the size of the file before anything is set aside for the data, no more than one byte past the
//! declared size is ever inflated, and no more than a gigabyte may be declared: neither a lying header nor a gzip bomb can
//! exhaust the memory.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use tress_nn::Labels;
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result, plain};
use crate::whole;

/// Deflate cannot squeeze more than this many bytes into one (its own limit is 1032).
const MOST_INFLATION: u64 = 1032;

/// More bytes of data than any set of small pictures has: full MNIST has 47 million.
const MOST_DATA: u64 = 1 << 30;

/// Memory set aside on the word of a compressed file; what lies beyond is grown into as bytes really arrive.
const FIRST_ROOM: u64 = 64 << 20;

/// An array of unsigned bytes, as an IDX file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// The lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// The elements in row-major order: as many as the product of `shape`.
    pub data: Vec<u8>,
}

impl Idx {
    /// The bytes as numbers from 0 to 1, in the shape of the file: what a network is given of pictures.
    ///
    /// # Errors
    /// More than eight axes.
    pub fn shares<T: Float>(&self) -> std::result::Result<Tensor<T>, tress_nn::Error> {
        let numbers: Vec<T> = self.data.iter().map(|&byte| T::from_f64(f64::from(byte) / 255.0)).collect();
        Ok(Tensor::new(&self.shape[..], &numbers)?)
    }

    /// The bytes as labels below `classes`.
    ///
    /// # Errors
    /// A byte that is no class.
    pub fn labels(&self, classes: usize) -> std::result::Result<Labels, tress_nn::Error> {
        Labels::new(self.data.iter().map(|&byte| u32::from(byte)), classes)
    }
}

/// Reads the file at `path`, which must have `axes` axes.
///
/// # Errors
///
/// [`Error`] naming the file where it cannot be opened or is not a whole, plain or gzip-compressed IDX file of
/// unsigned bytes with `axes` axes and nothing after them.
pub fn read(path: impl AsRef<Path>, axes: usize) -> Result<Idx> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let (file, length) = whole::opened(path)?;
    decode(&name, BufReader::new(file), length, axes)
}

/// Reads an IDX file that is already in memory; `name` stands for it in errors.
///
/// # Errors
///
/// As [`read`].
pub fn parse(name: &str, bytes: &[u8], axes: usize) -> Result<Idx> {
    decode(name, bytes, bytes.len() as u64, axes)
}

fn decode(name: &str, mut file: impl BufRead, length: u64, axes: usize) -> Result<Idx> {
    let start = file.fill_buf().map_err(|e| Error::new(name, format!("cannot be read: {}", plain(&e))))?;
    if start.is_empty() {
        return Err(Error::new(name, "is empty; download it again"));
    }
    if !start.starts_with(&[0x1f, 0x8b]) {
        return body(name, &mut file, length, false, axes);
    }
    let mut inflated = GzDecoder::new(file);
    let idx = body(name, &mut inflated, length.saturating_mul(MOST_INFLATION), true, axes)?;
    match inflated.into_inner().fill_buf() {
        Ok([]) => Ok(idx),
        _ => Err(Error::new(name, "has trailing bytes after its gzip stream; download it again")),
    }
}

/// Reads header and data from `file`, which cannot hold more than `most` bytes.
fn body(name: &str, file: &mut impl Read, most: u64, zipped: bool, axes: usize) -> Result<Idx> {
    let failed = |e: io::Error, what: &str| match (e.kind(), zipped) {
        (io::ErrorKind::UnexpectedEof, _) => {
            Error::new(name, format!("is truncated in its {what}; download it again"))
        }
        (_, true) => Error::new(name, format!("is corrupt gzip data ({}); download it again", plain(&e))),
        (_, false) => Error::new(name, format!("cannot be read: {}", plain(&e))),
    };

    let mut magic = [0_u8; 4];
    file.read_exact(&mut magic).map_err(|e| failed(e, "header"))?;
    match magic {
        [0, 0, 8, found] if usize::from(found) == axes => {}
        [0, 0, 8, found] => {
            return Err(Error::new(
                name,
                format!("is {found}-dimensional where {axes} dimensions are needed{}", swapped(found, axes)),
            ));
        }
        [0, 0, kind, _] => {
            return Err(Error::new(
                name,
                format!(
                    "holds elements of type {kind:#04x}; only unsigned bytes (0x08) are read; store them as these, or as npy"
                ),
            ));
        }
        [a, b, c, d] => {
            return Err(Error::new(
                name,
                format!(
                    "is not an IDX file: it begins with {a:02x} {b:02x} {c:02x} {d:02x}, not 00 00 08 {axes:02x}"
                ),
            ));
        }
    }

    let mut shape = Vec::with_capacity(axes);
    let mut declared = Some(1_u64);
    for _ in 0..axes {
        let mut length = [0_u8; 4];
        file.read_exact(&mut length).map_err(|e| failed(e, "header"))?;
        let length = u32::from_be_bytes(length);
        declared = declared.and_then(|product| product.checked_mul(u64::from(length)));
        shape.push(length as usize);
    }
    let room = most.saturating_sub(4 + 4 * axes as u64);
    let declared = match declared {
        Some(declared) if declared <= room && declared > MOST_DATA => {
            return Err(Error::new(
                name,
                format!("holds {declared} bytes of data, more than {MOST_DATA}; cut it into several files"),
            ));
        }
        Some(declared) if declared <= room => declared,
        Some(declared) if !zipped => {
            return Err(Error::new(
                name,
                format!(
                    "is truncated: its header promises {declared} bytes of data and {room} are there; download it again"
                ),
            ));
        }
        _ => {
            return Err(Error::new(
                name,
                format!(
                    "has a corrupt header: a shape of {shape:?} cannot fit into this file; download it again"
                ),
            ));
        }
    };

    let mut data = Vec::with_capacity(declared.min(FIRST_ROOM) as usize);
    file.take(declared + 1).read_to_end(&mut data).map_err(|e| failed(e, "data"))?;
    let found = data.len() as u64;
    if found < declared {
        return Err(Error::new(
            name,
            format!(
                "is truncated: its header promises {declared} bytes of data and {found} are there; download it again"
            ),
        ));
    }
    if found > declared {
        return Err(Error::new(
            name,
            format!("has trailing bytes after the {declared} that its header promises; download it again"),
        ));
    }
    Ok(Idx { shape, data })
}

/// The likeliest cause of a wrong number of axes: images and labels mixed up.
fn swapped(found: u8, axes: usize) -> &'static str {
    match (found, axes) {
        (1, 3) => "; are these labels in place of images?",
        (3, 1) => "; are these images in place of labels?",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Idx, decode, parse};

    fn file(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        for length in shape {
            bytes.extend(length.to_be_bytes());
        }
        bytes.extend(data);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    /// The error text of `bytes`, plain and zipped, read as an array of two axes.
    fn refusals(bytes: &[u8]) -> [String; 2] {
        [bytes.to_vec(), gzip(bytes)].map(|bytes| parse("f", &bytes, 2).unwrap_err().to_string())
    }

    #[test]
    fn reads_plain_and_zipped() {
        let bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let expected = Idx { shape: vec![2, 3], data: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(parse("f", &bytes, 2).unwrap(), expected);
        assert_eq!(parse("f", &gzip(&bytes), 2).unwrap(), expected);
        assert_eq!(parse("f", &file(&[0, 3], &[]), 2).unwrap().shape, [0, 3]);
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for end in 0..bytes.len() {
            assert!(parse("f", &bytes[..end], 2).is_err(), "plain, cut at {end}");
        }
        let zipped = gzip(&bytes);
        for end in 0..zipped.len() {
            assert!(parse("f", &zipped[..end], 2).is_err(), "zipped, cut at {end}");
        }
        for text in refusals(&bytes[..bytes.len() - 1]) {
            assert_eq!(
                text,
                "f: is truncated: its header promises 6 bytes of data and 5 are there; download it again"
            );
        }
    }

    #[test]
    fn every_flipped_bit_of_a_zipped_file_is_noticed_or_harmless() {
        let bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let whole = parse("f", &bytes, 2).unwrap();
        let zipped = gzip(&bytes);
        let mut noticed = 0;
        for bit in 0..8 * zipped.len() {
            let mut damaged = zipped.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match parse("f", &damaged, 2) {
                Ok(read) => assert_eq!(read, whole, "bit {bit} changed the data unnoticed"),
                Err(_) => noticed += 1,
            }
        }
        assert!(noticed > 4 * zipped.len(), "{noticed} of {} bits", 8 * zipped.len());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let mut zipped = gzip(&bytes);
        bytes.push(0);
        for text in refusals(&bytes) {
            assert!(text.contains("trailing bytes after the 6"), "{text}");
        }
        zipped.push(0);
        let text = parse("f", &zipped, 2).unwrap_err().to_string();
        assert!(text.contains("trailing bytes after its gzip stream"), "{text}");
    }

    #[test]
    fn other_kinds_of_file_are_named() {
        for text in refusals(b"<html>not found</html>") {
            assert_eq!(text, "f: is not an IDX file: it begins with 3c 68 74 6d, not 00 00 08 02");
        }
        for text in refusals(&[0, 0, 0x0d, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]) {
            assert_eq!(
                text,
                "f: holds elements of type 0x0d; only unsigned bytes (0x08) are read; store them as these, or as npy"
            );
        }
        for text in refusals(&file(&[6], &[1, 2, 3, 4, 5, 6])) {
            assert_eq!(text, "f: is 1-dimensional where 2 dimensions are needed");
        }
        let text = parse("f", &file(&[6], &[0; 6]), 3).unwrap_err().to_string();
        assert!(text.ends_with("are these labels in place of images?"), "{text}");
    }

    #[test]
    fn a_header_beyond_the_file_sets_nothing_aside() {
        // 2^64 overflows the product; 2^62 does not, but no file of this size holds it. Setting either aside would abort.
        let texts = refusals(&file(&[u32::MAX, u32::MAX], &[1]));
        assert!(texts[0].contains("truncated") && texts[1].contains("corrupt header"), "{texts:?}");
        for axes in [[u32::MAX; 3].as_slice(), &[1 << 31, 1 << 31, 4]] {
            let bytes = file(axes, &[1]);
            for bytes in [gzip(&bytes), bytes] {
                let text = parse("f", &bytes, 3).unwrap_err().to_string();
                assert!(text.contains("corrupt header"), "{text}");
            }
        }
    }

    #[test]
    fn a_bomb_is_inflated_no_further_than_its_header_says() {
        // 16 MB of zeros behind a header that promises six: refused at the seventh, and most of the file is never looked at.
        let mut bytes = file(&[2, 3], &[]);
        bytes.resize(bytes.len() + (16 << 20), 0);
        let bomb = gzip(&bytes);
        let mut unread = bomb.as_slice();
        let text = decode("f", &mut unread, bomb.len() as u64, 2).unwrap_err().to_string();
        assert!(text.contains("trailing bytes after the 6"), "{text}");
        assert!(
            unread.len() > bomb.len() / 2,
            "{} of {} bytes were inflated",
            bomb.len() - unread.len(),
            bomb.len()
        );
    }
}
