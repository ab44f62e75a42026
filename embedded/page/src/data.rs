//! The digits of the page, and pictures of two of them.

use alloc::vec::Vec;
use tress_nn::Random;

/// The side of a digit.
const SIDE: usize = 14;

/// How far right and down of the left digit the right one lies.
const SHIFT: usize = 4;

/// The side of a picture.
pub const CANVAS: usize = SIDE + SHIFT;

/// The pixels of a picture.
pub const PIXELS: usize = CANVAS * CANVAS;

/// Digits of 16 shades, and what they are. The first so many are for training.
pub struct Digits {
    shades: Vec<u8>,
    labels: Vec<u8>,
    train: usize,
}

impl Digits {
    /// As `pack.mjs` writes them: the number for training and the number for testing, of two bytes each, little-endian; the
    /// labels; the pixels, two in a byte, the first in its lower half. `None` if they are not that.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d, rest @ ..] = bytes else { return None };
        let (train, test) = (u16::from_le_bytes([*a, *b]) as usize, u16::from_le_bytes([*c, *d]) as usize);
        let count = train + test;
        let (labels, pixels) = rest.split_at_checked(count)?;
        let whole = pixels.len() == count * SIDE * SIDE / 2 && labels.iter().all(|&label| label < 10);
        if !whole || train == 0 || test == 0 {
            return None;
        }
        let shades = pixels.iter().flat_map(|&two| [two & 15, two >> 4]).collect();
        Some(Self { shades, labels: labels.to_vec(), train })
    }

    /// Lays two digits over each other, drawn from those for training or from those for testing, in shades of 0 to 15;
    /// gives what they are.
    pub fn compose(&self, random: &mut Random, testing: bool, picture: &mut [u8]) -> [u8; 2] {
        let range = if testing { self.train..self.labels.len() } else { 0..self.train };
        picture.fill(0);
        let mut truth = [0; 2];
        for (part, truth) in truth.iter_mut().enumerate() {
            let digit = range.start + random.below(range.len() as u64) as usize;
            *truth = self.labels[digit];
            let rows = self.shades[digit * SIDE * SIDE..][..SIDE * SIDE].chunks_exact(SIDE);
            for (y, row) in rows.enumerate() {
                let to = &mut picture[(y + part * SHIFT) * CANVAS + part * SHIFT..][..SIDE];
                to.iter_mut().zip(row).for_each(|(to, &shade)| *to = (*to).max(shade));
            }
        }
        truth
    }
}
