//! Small grey pictures as `data:` addresses, so that a page can carry them inside.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::data::digits::{PIXELS, SIDE};

/// A 28x28 grey picture as a PNG file in a `data:` address.
pub(super) fn address(image: &[u8; PIXELS]) -> String {
    let mut text = String::from("data:image/png;base64,");
    base64(&png(image), &mut text);
    text
}

/// A PNG file (ISO 15948): 8-bit grey, no filter.
fn png(image: &[u8; PIXELS]) -> Vec<u8> {
    let side = (SIDE as u32).to_be_bytes();
    let mut rows = Vec::with_capacity(PIXELS + SIDE);
    for row in image.chunks_exact(SIDE) {
        rows.push(0);
        rows.extend_from_slice(row);
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail; were it to, the picture would be empty and the page still whole.
    let packed = packed.write_all(&rows).and_then(|()| packed.finish()).unwrap_or_default();

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &[&side[..], &side, &[8, 0, 0, 0, 0]].concat());
    chunk(&mut file, b"IDAT", &packed);
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    file.extend(crc32fast::hash(&file[start..]).to_be_bytes());
}

/// Base 64 (RFC 4648, section 4), with padding.
fn base64(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (k, &byte)| bits | u32::from(byte) << (16 - 8 * k));
        for k in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * k) & 63) as usize];
            text.push(if k <= three.len() { digit.into() } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{base64, png};

    #[test]
    fn base64_gives_the_test_vectors_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut text = String::new();
            base64(plain.as_bytes(), &mut text);
            assert_eq!(text, coded);
        }
    }

    #[test]
    fn a_picture_keeps_its_pixels() {
        let mut image = [0; 784];
        for (k, pixel) in image.iter_mut().enumerate() {
            *pixel = (k * 7) as u8;
        }
        let file = png(&image);
        assert_eq!(file[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(file[8..33], *b"\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0\x57\x66\x80\x48");
        let length = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&file[41..41 + length]), &mut rows)
            .unwrap();
        let pixels: Vec<u8> = rows.chunks(29).flat_map(|row| row[1..].to_vec()).collect();
        assert_eq!(pixels, image);
    }
}
