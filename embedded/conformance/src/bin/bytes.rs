//! Layers in whole numbers of eight bits, on every machine: the sums by which instructions ever are the same.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use tress_conformance::{machine, print};
use tress_tensor::Window;
use tress_tensor::planned::quantised::{Finish, Scale, conv2d, dense};

machine::program!(run);

/// Bytes that look random, the least and the largest among them.
struct Bytes(u32);

impl Bytes {
    fn some(&mut self, count: usize) -> Vec<i8> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // One in sixteen is an end of the range: there the sums are largest.
            match self.0 >> 28 {
                0 if self.0 & 0x10_0000 == 0 => -128,
                0 => 127,
                _ => (self.0 >> 16) as i8,
            }
        };
        (0..count).map(next).collect()
    }
}

/// FNV-1a.
fn hash(all: &mut u64, bytes: &[i8]) {
    bytes.iter().for_each(|&x| *all = (*all ^ u64::from(x as u8)).wrapping_mul(0x0100_0000_01B3));
}

fn run() -> bool {
    let (mut bytes, mut all) = (Bytes(1), 0xCBF2_9CE4_8422_2325);
    let scale: Vec<Scale> = (0..9).map(|i| Scale::of(0.0004 / f64::from(1 + i))).collect();
    let bias: Vec<i32> = (0..9).map(|i| 1000 * i - 3000).collect();
    let before = machine::ticks();
    // Sums of every length up to some registers and a remainder, of odd and even numbers of rows.
    for k in 1..70 {
        for n in [1, 2, 9] {
            let (x, w) = (bytes.some(2 * k), bytes.some(n * k));
            let finish = Finish { bias: &bias[..n], scale: &scale[..n], zero: -4, low: -120 };
            let mut y = vec![0; 2 * n];
            dense(&x, &w, &finish, &mut y);
            hash(&mut all, &y);
        }
    }
    let plain = Window { input: [9, 8], kernel: [3, 5], stride: [1, 1], pad: [[0; 2]; 2], dilation: [1, 1] };
    let padded = Window { stride: [2, 1], pad: [[1, 2], [2, 0]], dilation: [2, 1], ..plain };
    for window in [plain, padded] {
        for groups in [1, 3] {
            let each = 6 / groups;
            let (x, w) = (bytes.some(6 * 72), bytes.some(9 * each * 15));
            let finish = Finish { bias: &bias, scale: &scale, zero: 3, low: 3 };
            let Ok([high, wide]) = window.output("bytes") else { return false };
            let (mut y, mut column) = (vec![0; 9 * high * wide], vec![0; each * 15]);
            conv2d(&x, &window, [groups as i32, -7], &w, &finish, &mut column, &mut y);
            hash(&mut all, &y);
        }
    }
    // Nine taps of one channel, of windows that lie on padding in every direction.
    for stride in [1, 2] {
        let window = Window { kernel: [3, 3], stride: [stride; 2], pad: [[1, 2], [2, 1]], ..plain };
        let (x, w) = (bytes.some(3 * 72), bytes.some(9 * 9));
        let finish = Finish { bias: &bias, scale: &scale, zero: 3, low: -128 };
        let Ok([high, wide]) = window.output("bytes") else { return false };
        let (mut y, mut column) = (vec![0; 9 * high * wide], vec![0; 9]);
        conv2d(&x, &window, [3, -7], &w, &finish, &mut column, &mut y);
        hash(&mut all, &y);
    }
    let ticks = machine::ticks().wrapping_sub(before);
    machine::write(b"bytes sum ");
    print::bits(all);
    print::entry("ticks", ticks);
    print::entry("times", 1);
    machine::figures();
    machine::write(b"\n");
    // Whole numbers have one answer, whatever adds them up.
    all == 0x9F08_5549_7097_EEBD
}
