//! Pictures as PNG files.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The bytes of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// One: brightness.
    Grey = 1,
    /// Three: red, green, blue.
    Rgb = 3,
}

/// A PNG file (ISO 15948) of 8 bits a channel, without filters: `width` pixels a row, as many rows as there are pixels for.
pub fn png(pixels: &[u8], width: usize, colour: Colour) -> Vec<u8> {
    let row = (width * colour as usize).max(1);
    let height = pixels.len() / row;
    let mut rows = Vec::with_capacity(pixels.len() + height);
    for row in pixels.chunks_exact(row) {
        rows.push(0);
        rows.extend_from_slice(row);
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail; were it to, the picture would be empty and the page still whole.
    let packed = packed.write_all(&rows).and_then(|()| packed.finish()).unwrap_or_default();

    let kind = match colour {
        Colour::Grey => 0,
        Colour::Rgb => 2,
    };
    let (width, height) = ((width as u32).to_be_bytes(), (height as u32).to_be_bytes());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &[&width[..], &height, &[8, kind, 0, 0, 0]].concat());
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

#[cfg(test)]
mod tests {
    use super::{Colour, png};

    /// The header and checksum of a grey picture of 28x28, as other programs write them.
    #[test]
    fn the_header_has_its_checksum() {
        let file = png(&[0; 784], 28, Colour::Grey);
        assert_eq!(file[8..33], *b"\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0\x57\x66\x80\x48");
    }

    #[test]
    fn a_picture_keeps_its_pixels() {
        let pixels: Vec<u8> = (0..3 * 5 * 4).map(|i| i as u8 * 4).collect();
        for (width, colour, kind) in [(15, Colour::Grey, 0), (5, Colour::Rgb, 2)] {
            let file = png(&pixels, width, colour);
            assert_eq!(file[16..26], [0, 0, 0, width as u8, 0, 0, 0, 4, 8, kind]);
            assert_eq!(file[..16], *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
            let start = file.windows(4).position(|window| window == b"IDAT").unwrap() + 4;
            let mut rows = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&file[start..]), &mut rows)
                .unwrap();
            let kept: Vec<u8> = rows.chunks_exact(16).flat_map(|row| row[1..].to_vec()).collect();
            assert_eq!(kept, pixels);
        }
    }
}
