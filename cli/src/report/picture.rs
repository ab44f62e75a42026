//! Small grey pictures as `data:` addresses, so that a page can carry them inside.

use crate::data::digits::{PIXELS, SIDE};
use crate::png::{Colour, png};

/// A 28x28 grey picture as a PNG file in a `data:` address.
pub(super) fn address(image: &[u8; PIXELS]) -> String {
    let mut text = String::from("data:image/png;base64,");
    base64(&png(image, SIDE, Colour::Grey), &mut text);
    text
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
    use super::base64;

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
}
