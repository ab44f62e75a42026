//! What the tests of kernels share: tables of layouts, levels and thread counts to run at, and ways to compare.

mod blocks;
mod gates;
mod matrices;
mod order;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod pages;
mod places;
mod pointwise;
mod pools;
mod rows;
mod special;
mod threads;

use super::PIECE;
use crate::simd::at_each_level;
use crate::view::View;
use crate::{Element, Float, Layout, Shape, parallel};
use alloc::vec::Vec;

/// Numbers with a layout: what the tables of cases are made of.
struct Case<T> {
    name: &'static str,
    data: Vec<T>,
    layout: Layout,
}

impl<T: Element> Case<T> {
    fn view(&self) -> View<'_, T> {
        View::new(&self.data, &self.layout)
    }

    fn len(&self) -> usize {
        self.layout.len()
    }

    /// The elements in row-major order, one by one.
    fn elements(&self) -> Vec<T> {
        indices(self.layout.shape()).map(|index| self.data[self.layout.place(&index).unwrap()]).collect()
    }
}

impl<T: Float> Case<T> {
    /// The same layout over absolute values.
    fn sizes(&self) -> Self {
        Self { name: self.name, data: self.data.iter().map(|&x| x.abs()).collect(), layout: self.layout }
    }
}

/// All indices of a shape in row-major order.
fn indices(shape: &Shape) -> impl Iterator<Item = Vec<usize>> + use<> {
    let lengths = shape.to_vec();
    (0..shape.len()).map(move |mut number| {
        let mut index = lengths.clone();
        for axis in (0..lengths.len()).rev() {
            index[axis] = number % lengths[axis];
            number /= lengths[axis];
        }
        index
    })
}

fn shape(lengths: &[usize]) -> Shape {
    Shape::new(lengths).unwrap()
}

/// Numbers between -3 and 3 that do not repeat soon.
fn numbers<T: Float>(len: usize, seed: usize) -> Vec<T> {
    (0..len)
        .map(|i| {
            // A place times this is too much for 32 bits.
            let x = ((i as u64 * 7919 + seed as u64 * 104_729 + 17) % 6_007) as f64 / 1001.0 - 3.0;
            T::from_f64(x)
        })
        .collect()
}

/// Layouts of every kind, with sizes around the edges of registers, blocks and pieces. `salt` makes other numbers.
fn cases<T: Float>(salt: usize) -> Vec<Case<T>> {
    let mut cases = Vec::new();
    let mut push = |name, data: Vec<T>, layout: Layout| {
        View::new(&data, &layout);
        cases.push(Case { name, data, layout });
    };
    let dense = |lengths: &[usize]| Layout::contiguous(shape(lengths));
    for len in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 255, 257, 1000] {
        push("a row", numbers(len, salt), dense(&[len]));
    }
    push("a scalar", numbers(1, salt), dense(&[]));
    push("two pieces and a bit", numbers(2 * PIECE + 3, salt), dense(&[2 * PIECE + 3]));
    push("rows", numbers(12 * 37, salt), dense(&[12, 37]));
    push("transposed", numbers(12 * 37, salt), dense(&[37, 12]).transpose(0, 1).unwrap());
    push("transposed, long", numbers(300 * 290, salt), dense(&[290, 300]).transpose(0, 1).unwrap());
    push("permuted", numbers(5 * 6 * 7 * 8, salt), dense(&[5, 6, 7, 8]).permute(&[2, 0, 3, 1]).unwrap());
    push("swapped behind", numbers(3 * 40 * 50, salt), dense(&[3, 40, 50]).transpose(1, 2).unwrap());
    push("every third", numbers(600, salt), dense(&[2, 300]).slice(1, 1, 299, 3).unwrap());
    push("rows cut", numbers(20 * 30, salt), dense(&[20, 30]).slice(1, 3, 20, 1).unwrap());
    push("flipped", numbers(9 * 70, salt), dense(&[9, 70]).flip(1).unwrap());
    push(
        "flipped and transposed",
        numbers(20 * 70, salt),
        dense(&[20, 70]).flip(0).unwrap().transpose(0, 1).unwrap(),
    );
    push("a row expanded", numbers(19, salt), dense(&[19]).expand(shape(&[31, 19])).unwrap());
    push("a column expanded", numbers(31, salt), dense(&[31, 1]).expand(shape(&[31, 400])).unwrap());
    push("one number expanded", numbers(1, salt), dense(&[]).expand(shape(&[3, 400])).unwrap());
    push("empty", numbers(0, salt), dense(&[3, 0, 2]));
    push("windows", numbers(40, salt), dense(&[40]).windows(0, 5, 2).unwrap());
    let special = [f64::NAN, 1.5, f64::INFINITY, -0.0, f64::NEG_INFINITY, 0.0, -2.5];
    let special: Vec<T> = (0..133).map(|i| T::from_f64(special[(i + i / 7 + salt) % 7])).collect();
    push("with special numbers", special.clone(), dense(&[133]));
    push("with special rows", special, dense(&[19, 7]).flip(1).unwrap());
    push("from the middle", numbers(100, salt), dense(&[10, 10]).slice(0, 4, 9, 1).unwrap());
    cases
}

/// Runs `check` at each level with one thread and with three.
fn everywhere(mut check: impl FnMut() + Send) {
    at_each_level(|_| {
        parallel::with_threads(1, &mut check);
        parallel::with_threads(3, &mut check);
    });
}

fn close<T: Float>(got: &[T], expected: &[T], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
        let (g, e) = (g.to_f64(), e.to_f64());
        let same = g == e || (g.is_nan() && e.is_nan()) || (g - e).abs() <= tolerance * (1.0 + e.abs());
        assert!(same, "{what}: element {i} is {g}, not {e}");
    }
}

/// A sentinel, so that an element that is not written is seen.
fn unwritten<T: Float>(len: usize) -> Vec<T> {
    [T::from_f64(-7777.0)].repeat(len)
}

/// Bits; all NaNs are one.
fn bits<T: Float>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64()).map(|x| if x.is_nan() { f64::NAN } else { x }.to_bits()).collect()
}
