//! Damage: bytes changed, cut out, repeated, put in, and numbers replaced by ones at the edges.

use tress_nn::Random;

/// Texts that mean something in one of the formats.
const WORDS: [&[u8]; 36] = [
    b"\"",
    b"\\u",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"(",
    b")",
    b"__metadata__",
    b"data_offsets",
    b"shape",
    b"dtype",
    b"F32",
    b"BOOL",
    b"'descr'",
    b"'<f8'",
    b"'|b1'",
    b"True",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"18446744073709551615",
    b"\x1f\x8b\x08",
    b"\0\0\x08\x03",
    b"\xFF\xFF\xFF\xFF",
    b"\n",
    b"\"\"",
    b"1e308",
    b"IHDR",
    b"IDAT",
    b"PLTE",
    b"tRNS",
    b"acTL",
    b"P5 32768 32768 255 ",
];

/// A damaged copy of `base`, perhaps with a part of another file.
pub fn damaged(base: &[u8], corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len() as u64 + 1) as usize;
        let rest = bytes.len() - place;
        let count = random.below(16.min(rest as u64) + 1) as usize;
        match random.below(9) {
            0 => bytes.truncate(place),
            1 => drop(bytes.drain(place..place + count)),
            2 => {
                let part = bytes[place..place + count].to_vec();
                bytes.splice(place..place, part);
            }
            3 => {
                let word = WORDS[random.below(WORDS.len() as u64) as usize];
                bytes.splice(place..place, word.iter().copied());
            }
            4 => {
                let other = &corpus[random.below(corpus.len() as u64) as usize];
                let from = random.below(other.len() as u64 + 1) as usize;
                let end = (from + 64).min(other.len());
                bytes.splice(place..place, other[from..end].iter().copied());
            }
            5 => {
                // A number of 2, 4 or 8 bytes at the edge of its range, or of the file's.
                let width = 2 << random.below(3);
                let edges = [0, 1, u64::MAX, u64::MAX / 2, u64::MAX / 2 + 1, bytes.len() as u64, 0xFFFF_FFFF];
                let number = edges[random.below(7) as usize].to_le_bytes();
                let end = (place + width).min(bytes.len());
                bytes[place..end].copy_from_slice(&number[..end - place]);
            }
            6 => {
                if let Some(byte) = bytes.get_mut(place) {
                    // A digit for a digit keeps more of the file's sense.
                    *byte = if byte.is_ascii_digit() {
                        b'0' + random.below(10) as u8
                    } else {
                        random.bits() as u8
                    };
                }
            }
            7 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => {
                let other = random.below(bytes.len() as u64 + 1) as usize;
                if place < bytes.len() && other < bytes.len() {
                    bytes.swap(place, other);
                }
            }
        }
    }
    bytes.truncate(1 << 16);
    bytes
}
