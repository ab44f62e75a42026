//! MultiMNIST: two overlapping pictures in one, and one label for each; two tasks on one input.
//!
//! The construction is that of Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization" (NeurIPS 2018), after
//! Sabour, Frosst and Hinton (2017): on a canvas of 36x36 zeros the left picture lies at rows and columns 0..28 and the right
//! one at 6..34, the brighter pixel wins, and the canvas shrinks to 28x28 by nearest neighbours. Composite `c` takes the left
//! picture `c mod n` and one fresh random right picture of the same split, so no test picture ever meets training.

use clap::ValueEnum;
use serde::Serialize;
use tress::tensor::Tensor;

use super::digits::{Digits, PIXELS, SIDE};
use super::embedded::{Library, Origin};
use super::splitmix::SplitMix64;
use crate::error::Error;

/// The side of the canvas on which two pictures are laid.
pub const CANVAS: usize = 36;

/// How far right and down of the left picture the right one lies.
const SHIFT: usize = 6;

/// The least number of composites for training; more where there are more left pictures.
pub const TRAIN_COMPOSITES: usize = 20_000;

/// The least number of composites for testing; more where there are more left pictures.
pub const TEST_COMPOSITES: usize = 2_000;

/// The test composites are the same for every run, so that results can be compared: this seed draws them.
const TEST_SEED: u64 = 0x7465_7374;

/// So are the composites of pictures that are held out of training: this seed draws them.
const HELD_SEED: u64 = 0x6865_6c64;

/// How many training pictures are held out at most; of fewer than five times as many, a fifth.
const MOST_HELD: usize = 10_000;

/// Which pictures: those to learn from, or those to be judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training.
    Train,
    /// For testing.
    Test,
}

/// The two-task sets that can be composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
pub enum Set {
    /// A digit on the left and a digit on the right.
    #[value(name = "multimnist")]
    #[serde(rename = "multimnist")]
    MultiMnist,
    /// A piece of clothing on the left and one on the right.
    #[value(name = "fashion")]
    #[serde(rename = "fashion")]
    Fashion,
    /// A digit on the left and a piece of clothing on the right.
    #[value(name = "mnist+fashion")]
    #[serde(rename = "mnist+fashion")]
    MnistFashion,
}

impl Set {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Set::MultiMnist => "multimnist",
            Set::Fashion => "fashion",
            Set::MnistFashion => "mnist+fashion",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Set::MultiMnist => "MultiMNIST",
            Set::Fashion => "Fashion + Fashion",
            Set::MnistFashion => "MNIST + Fashion",
        }
    }

    /// What lies on the left and what on the right.
    pub fn origins(self) -> [Origin; 2] {
        match self {
            Set::MultiMnist => [Origin::Mnist, Origin::Mnist],
            Set::Fashion => [Origin::Fashion, Origin::Fashion],
            Set::MnistFashion => [Origin::Mnist, Origin::Fashion],
        }
    }

    /// The name of class `class` of task `task` (0 left, 1 right), for people; `?` where there is no such class.
    pub fn class_name(self, task: usize, class: u8) -> &'static str {
        let names = match self.origins().get(task) {
            Some(Origin::Mnist) => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Some(Origin::Fashion) => &[
                "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                "boot",
            ],
            None => return "?",
        };
        names.get(usize::from(class)).copied().unwrap_or("?")
    }

    /// The names of the two tasks.
    pub fn tasks(self) -> [&'static str; 2] {
        ["left", "right"]
    }
}

/// Composed pictures and their two labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composites {
    /// `n` pictures of 28x28 grey bytes, row by row.
    pub images: Vec<u8>,
    /// The class of each left picture, below ten.
    pub left: Vec<u8>,
    /// The class of each right picture, below ten.
    pub right: Vec<u8>,
}

impl Composites {
    /// The number of composites.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// All of them, `[N, 1, 28, 28]`, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where they do not fit into memory.
    pub fn inputs(&self) -> Result<Tensor, Error> {
        let numbers: Vec<f32> = self.images.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        Tensor::new([self.len(), 1, SIDE, SIDE], &numbers)
            .map_err(|e| Error::data("composites", e.to_string()))
    }

    /// The labels of both tasks.
    pub fn answers(&self) -> Vec<Vec<u32>> {
        [&self.left, &self.right].map(|side| side.iter().map(|&label| label.into()).collect()).to_vec()
    }

    /// The pixels of composite `i`: 784 bytes, row by row.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`Composites::len`], as indexing a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * PIXELS..][..PIXELS]
    }
}

/// The left and the right pictures of one split, from which composites are drawn.
#[derive(Debug, Clone)]
pub struct Source {
    left: Digits,
    /// `None` where both sides draw from the same pictures.
    right: Option<Digits>,
    /// The seed of the one set there is; `None` for training, where the run's seed and the epoch decide.
    only: Option<u64>,
    /// The least number of composites.
    least: usize,
    /// `None` for the count that follows from the pictures.
    count: Option<usize>,
}

impl Source {
    /// Reads the pictures that `set` needs.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] as of [`Library::digits`].
    pub fn read(library: &Library, set: Set, split: Split) -> Result<Source, Error> {
        let [left, right] = set.origins();
        let (only, least) = match split {
            Split::Train => (None, TRAIN_COMPOSITES),
            Split::Test => (Some(TEST_SEED), TEST_COMPOSITES),
        };
        Ok(Source {
            left: library.digits(left, split)?,
            right: if left == right { None } else { Some(library.digits(right, split)?) },
            only,
            least,
            count: None,
        })
    }

    /// Training pictures in two parts: the first to learn from, the last fifth (but no more than 10 000) to choose
    /// settings on, from which one fixed set is drawn as for testing. No picture is in both.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where there is a single picture, which cannot be in two parts.
    pub fn hold_out(self) -> Result<(Source, Source), Error> {
        if self.left.len().min(self.right().len()) < 2 {
            let trouble = "are fewer than two, of which none can be held out; give --data-dir a larger set";
            return Err(Error::data("the training pictures", trouble));
        }
        let part = |digits: Digits| {
            let held = (digits.len() / 5).min(MOST_HELD);
            digits.hold_out(held)
        };
        let (left, held_left) = part(self.left);
        let (right, held_right) = self.right.map(part).unzip();
        let held = Source {
            left: held_left,
            right: held_right,
            only: Some(HELD_SEED),
            least: TEST_COMPOSITES,
            count: None,
        };
        Ok((Source { left, right, ..self }, held))
    }

    /// With `count` composites in an epoch instead of the number that follows from the pictures.
    pub fn with_count(self, count: usize) -> Source {
        Source { count: Some(count), ..self }
    }

    /// The pictures on the left.
    pub fn left(&self) -> &Digits {
        &self.left
    }

    /// The pictures on the right.
    pub fn right(&self) -> &Digits {
        self.right.as_ref().unwrap_or(&self.left)
    }

    /// How many composites an epoch draws: what [`Source::with_count`] set, or else one for each left picture, but at least
    /// 20 000 for training and 2 000 for testing.
    pub fn count(&self) -> usize {
        self.count.unwrap_or(self.left.len().max(self.least))
    }

    /// The composites of one epoch, [`Source::count`] of them.
    ///
    /// Epoch 0 is the fixed set of `seed`; every later epoch pairs the left pictures with fresh right ones. Test pictures,
    /// and those held out, have one set only, whatever `seed` and `epoch` are.
    pub fn composites(&self, seed: u64, epoch: u64) -> Composites {
        let seed = match (self.only, epoch) {
            (Some(only), _) => only,
            (None, 0) => seed,
            // Mixed, so that (seed, epoch) and (seed + 1, epoch - 1) share nothing.
            (None, epoch) => SplitMix64::new(seed ^ SplitMix64::new(epoch).next_u64()).next_u64(),
        };
        self.draw(self.count(), seed)
    }

    /// The first `count` composites that `seed` draws.
    pub fn draw(&self, count: usize, seed: u64) -> Composites {
        let right = self.right();
        let mut stream = SplitMix64::new(seed);
        let mut drawn = Composites {
            images: vec![0; count * PIXELS],
            left: Vec::with_capacity(count),
            right: Vec::with_capacity(count),
        };
        for (c, image) in drawn.images.chunks_exact_mut(PIXELS).enumerate() {
            let (i, j) = (c % self.left.len(), stream.below(right.len()));
            shrink(&overlay(self.left.image(i), right.image(j)), image);
            drawn.left.push(self.left.label(i));
            drawn.right.push(right.label(j));
        }
        drawn
    }
}

/// Lays two 28x28 pictures on one 36x36 canvas, the right one six pixels right and down; the brighter pixel wins.
pub fn overlay(left: &[u8], right: &[u8]) -> [u8; CANVAS * CANVAS] {
    let mut canvas = [0; CANVAS * CANVAS];
    for (picture, shift) in [(left, 0), (right, SHIFT)] {
        for (y, row) in picture.chunks_exact(SIDE).enumerate() {
            let start = (y + shift) * CANVAS + shift;
            for (under, &over) in canvas[start..start + SIDE].iter_mut().zip(row) {
                *under = over.max(*under);
            }
        }
    }
    canvas
}

/// Shrinks a 36x36 canvas to 28x28 by nearest neighbours: the source of row or column `k` is `floor((k + 0.5) * 36 / 28)`.
fn shrink(canvas: &[u8; CANVAS * CANVAS], image: &mut [u8]) {
    let nearest = |k: usize| (2 * k + 1) * CANVAS / (2 * SIDE);
    for (y, row) in image.chunks_exact_mut(SIDE).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = canvas[nearest(y) * CANVAS + nearest(x)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Composites, Set, Source, Split, overlay};
    use crate::data::embedded::Library;
    use crate::data::splitmix::SplitMix64;

    fn source(set: Set, split: Split) -> Source {
        Source::read(&Library::BuiltIn, set, split).unwrap()
    }

    #[test]
    fn the_first_thousand_of_seed_one_have_the_published_checksums() {
        let source = source(Set::MultiMnist, Split::Train);
        let drawn = source.draw(1000, 1);
        assert_eq!(crc32fast::hash(&drawn.images), 0xd5a5_4439);
        assert_eq!(crc32fast::hash(&drawn.left), 0x5eb6_0182);
        assert_eq!(crc32fast::hash(&drawn.right), 0x7985_bb81);
        let pairs: Vec<_> = drawn.left.iter().copied().zip(drawn.right.iter().copied()).take(5).collect();
        assert_eq!(pairs, [(5, 4), (0, 7), (4, 8), (1, 9), (9, 9)]);

        let mut stream = SplitMix64::new(1);
        let mut canvases = Vec::new();
        for i in 0..1000 {
            canvases.extend(overlay(source.left().image(i), source.right().image(stream.below(5000))));
        }
        assert_eq!(crc32fast::hash(&canvases), 0x9d90_5d4d);
    }

    #[test]
    fn twenty_thousand_use_each_left_picture_four_times_with_fresh_partners() {
        let source = source(Set::MultiMnist, Split::Train);
        let drawn = source.composites(1, 0);
        assert_eq!((drawn.len(), drawn.images.len()), (20_000, 20_000 * 784));
        assert_eq!(drawn.left[..5000], drawn.left[15_000..]);
        assert_ne!(drawn.right[..5000], drawn.right[5000..10_000]);
        let first = source.draw(1000, 1);
        assert_eq!(drawn.images[..1000 * 784], first.images);
        // Fewer composites are the first of the many.
        assert_eq!(source.with_count(1000).composites(1, 0), first);
    }

    #[test]
    fn epochs_seeds_and_their_sums_differ_and_repeat() {
        let source = source(Set::MultiMnist, Split::Train);
        let right = |seed, epoch| source.composites(seed, epoch).right;
        let drawn = [right(1, 0), right(1, 1), right(1, 2), right(2, 0), right(2, 1)];
        for (a, b) in (0..5).flat_map(|b| (0..b).map(move |a| (a, b))) {
            let equal = drawn[a].iter().zip(&drawn[b]).filter(|(x, y)| x == y).count();
            // Labels agree by chance one time in ten.
            assert!((1700..2300).contains(&equal), "draws {a} and {b} agree {equal} times in 20 000");
        }
        assert_eq!(right(1, 2), drawn[2]);
    }

    #[test]
    fn the_test_set_is_one_and_takes_test_pictures_only() {
        let source = source(Set::MultiMnist, Split::Test);
        let drawn: Composites = source.composites(1, 0);
        assert_eq!(drawn.len(), 2000);
        assert_eq!(drawn, source.composites(99, 7));
        assert_eq!(source.left().len(), 1000);
    }

    #[test]
    fn held_out_pictures_are_the_last_fifth_and_are_never_learned_from() {
        let whole = source(Set::MultiMnist, Split::Train);
        let (train, held) = whole.clone().hold_out().unwrap();
        assert_eq!((train.left().len(), held.left().len()), (4000, 1000));
        for (part, start) in [(&train, 0), (&held, 4000)] {
            for i in [0, 1, 999] {
                assert_eq!(part.left().image(i), whole.left().image(start + i));
                assert_eq!(part.left().label(i), whole.left().label(start + i));
            }
        }
        assert_eq!((train.count(), held.count()), (20_000, 2000));
        assert_eq!(held.composites(1, 0), held.composites(2, 5));
        assert_ne!(train.composites(1, 1), train.composites(1, 2));
        let (mixed, held) = source(Set::MnistFashion, Split::Train).hold_out().unwrap();
        assert_eq!((mixed.right().len(), held.right().len()), (4000, 1000));
        let two = source(Set::MultiMnist, Split::Test).left().clone().hold_out(998).0;
        assert_eq!(two.clone().hold_out(0).1.len() + two.hold_out(5).0.len(), 2);
    }

    #[test]
    fn mixed_set_takes_digits_on_the_left_and_clothes_on_the_right() {
        let mixed = source(Set::MnistFashion, Split::Test);
        assert_eq!(mixed.left(), source(Set::MultiMnist, Split::Test).left());
        assert_eq!(mixed.right(), source(Set::Fashion, Split::Test).left());
    }
}
