//! Digits and clothes as one set of twenty classes, and two smaller views of each picture.

use tress::tensor::Tensor;

use super::digits::{PIXELS, SIDE};
use super::embedded::{Library, Origin};
use super::multimnist::Split;
use crate::error::Error;

/// The number of classes: ten digits, and ten kinds of clothes from 10 on.
pub const CLASSES: usize = 20;

/// The names of the classes.
pub const NAMES: [&str; CLASSES] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "T-shirt", "trousers", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "boot",
];

/// The directions that [`Twenty::directions`] tells apart.
pub const DIRECTIONS: usize = 20;

/// Pictures of digits and clothes in turn, with their classes.
#[derive(Debug, Clone)]
pub struct Twenty {
    pixels: Vec<u8>,
    /// The class of each picture.
    pub labels: Vec<u32>,
}

impl Twenty {
    /// The pictures of one split: digit, piece of clothing, digit, and so on.
    ///
    /// # Errors
    /// [`Error::Data`] as of [`Library::digits`].
    pub fn read(library: &Library, split: Split) -> Result<Self, Error> {
        let digits = library.digits(Origin::Mnist, split)?;
        let clothes = library.digits(Origin::Fashion, split)?;
        let mut all = Self { pixels: Vec::new(), labels: Vec::new() };
        for i in 0..digits.len().max(clothes.len()) {
            for (first, set) in [(0, &digits), (10, &clothes)] {
                if i < set.len() {
                    all.pixels.extend_from_slice(set.image(i));
                    all.labels.push(first + u32::from(set.label(i)));
                }
            }
        }
        Ok(all)
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether each is a digit, 0, or a piece of clothing, 1.
    pub fn kinds(&self) -> Vec<u32> {
        self.labels.iter().map(|label| label / 10).collect()
    }

    /// The first `count` of them.
    pub fn take(mut self, count: usize) -> Self {
        self.labels.truncate(count);
        self.pixels.truncate(count * PIXELS);
        self
    }

    /// The pictures, `[N, 1, 28, 28]`, from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Data`] where they do not fit into memory.
    pub fn images(&self) -> Result<Tensor, Error> {
        tensor(&[self.len(), 1, SIDE, SIDE], &self.numbers())
    }

    fn numbers(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()
    }

    /// The pictures as rows of their pixels, `[N, 784]`.
    ///
    /// # Errors
    /// As [`images`](Twenty::images).
    pub fn rows(&self) -> Result<Tensor, Error> {
        tensor(&[self.len(), SIDE * SIDE], &self.numbers())
    }

    /// The pictures in 4x4 pixels, `[N, 1, 4, 4]`: each the mean of 7x7.
    ///
    /// # Errors
    /// As [`images`](Twenty::images).
    pub fn thumbnails(&self) -> Result<Tensor, Error> {
        let mut numbers = vec![0.0; self.len() * 16];
        for (small, picture) in numbers.chunks_exact_mut(16).zip(self.pixels.chunks_exact(PIXELS)) {
            for (at, &pixel) in picture.iter().enumerate() {
                small[at / SIDE / 7 * 4 + at % SIDE / 7] += f32::from(pixel) / (255.0 * 49.0);
            }
        }
        tensor(&[self.len(), 1, 4, 4], &numbers)
    }

    /// How much of each picture's change of brightness points in each of twenty directions, `[N, 20]`: the histogram of its
    /// gradients, weighted by their length, with a sum of one (after N. Dalal & B. Triggs, "Histograms of oriented gradients
    /// for human detection", CVPR 2005, over the whole picture and all of the circle).
    ///
    /// # Errors
    /// As [`images`](Twenty::images).
    pub fn directions(&self) -> Result<Tensor, Error> {
        let mut numbers = vec![0.0; self.len() * DIRECTIONS];
        for (bins, picture) in numbers.chunks_exact_mut(DIRECTIONS).zip(self.pixels.chunks_exact(PIXELS)) {
            let at = |y: usize, x: usize| f32::from(picture[y * SIDE + x]);
            for (y, x) in (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| (y, x))) {
                let (down, right) = (at(y + 1, x) - at(y - 1, x), at(y, x + 1) - at(y, x - 1));
                if (down, right) != (0.0, 0.0) {
                    let turn = down.atan2(right) / std::f32::consts::TAU + 0.5;
                    bins[(turn * DIRECTIONS as f32) as usize % DIRECTIONS] += down.hypot(right);
                }
            }
            let total: f32 = bins.iter().sum();
            bins.iter_mut().for_each(|bin| *bin /= total.max(1.0));
        }
        tensor(&[self.len(), DIRECTIONS], &numbers)
    }
}

/// A tensor, where only memory can fail.
fn tensor(shape: &[usize], numbers: &[f32]) -> Result<Tensor, Error> {
    Tensor::new(shape, numbers).map_err(|e| Error::data("digits and clothes", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_of_each_class_and_views_are_of_the_same_picture() {
        let all = Twenty::read(&Library::BuiltIn, Split::Test).unwrap();
        assert_eq!(all.len(), 2_000);
        for class in 0..20 {
            assert_eq!(all.labels.iter().filter(|&&label| label == class).count(), 100);
        }
        let some = all.take(50);
        let (images, small, bins) =
            (some.images().unwrap(), some.thumbnails().unwrap(), some.directions().unwrap());
        for n in 0..50 {
            let mean = |h: std::ops::Range<usize>, w: std::ops::Range<usize>| {
                let count = (h.len() * w.len()) as f32;
                h.flat_map(|y| w.clone().map(move |x| (y, x))).map(|(y, x)| images[[n, 0, y, x]]).sum::<f32>()
                    / count
            };
            assert!((small[[n, 0, 1, 3]] - mean(7..14, 21..28)).abs() < 1e-5);
            let sum: f32 = (0..20).map(|bin| bins[[n, bin]]).sum();
            assert!((sum - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn an_edge_has_the_direction_in_which_it_brightens() {
        // Dark above, bright below: all of it points down, a quarter of a turn on from right.
        let pixels: Vec<u8> = (0..PIXELS).map(|at| if at / SIDE < 14 { 0 } else { 200 }).collect();
        let edge = Twenty { pixels, labels: vec![0] };
        let bins = edge.directions().unwrap().to_vec();
        let place = bins.iter().position(|&bin| bin > 0.0).unwrap();
        assert_eq!(place, 15, "half a turn and a quarter, of twenty");
        assert!((bins[place] - 1.0).abs() < 1e-6);
        let blank = Twenty { pixels: vec![9; PIXELS], labels: vec![0] };
        assert!(blank.directions().unwrap().to_vec().iter().all(|&bin| bin == 0.0));
    }
}
