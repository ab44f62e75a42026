//! Pictures changed at random, so that a network does not learn them by heart.

use crate::{Error, Random, mix};
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// One change of an [`Augment`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A part of this height and width, at a random place.
    Crop(usize, usize),
    /// Left and right exchanged, with this probability.
    Flip(f64),
    /// Moved by up to so many pixels along each axis, with zeros behind it. As many as the longer side may be.
    Shift(usize),
    /// A square of so many pixels a side with its centre at a random pixel set to zero, as far as it lies in the picture
    /// (T. DeVries & G. W. Taylor, "Improved regularization of convolutional neural networks with cutout", 2017).
    Cutout(usize),
    /// A normal number of this deviation added to each number.
    Noise(f64),
}

/// Changes of pictures, one after the other.
///
/// What becomes of a picture follows from the seed, the epoch and the row that the picture has in its data set: not from
/// the batch that it is in, the thread that does it, or what was done before.
///
/// ```
/// use tress_nn::data::Augment;
/// use tress_tensor::Tensor;
///
/// let images = Tensor::from_fn([2, 1, 6, 6], |i| (i[2] * 6 + i[3]) as f32)?;
/// let augment = Augment::new(7).crop(5, 4).flip(0.5).noise(0.1);
/// let epoch = 3;
/// let changed = augment.apply(&images, &[10, 11], epoch)?; // rows 10 and 11 of the training part
/// assert_eq!(changed.shape()[..], [2, 1, 5, 4]);
/// let alone = augment.apply(&images.slice(0, 1, 2, 1)?, &[11], epoch)?;
/// assert_eq!(alone, changed.slice(0, 1, 2, 1)?);
/// assert_eq!(augment.plain(&images)?.shape()[..], [2, 1, 5, 4], "validation: the middle, and nothing by chance");
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Augment {
    seed: u64,
    changes: Vec<Change>,
}

/// A picture under way: `[channels, height, width]`.
struct Canvas<T> {
    numbers: Vec<T>,
    sides: [usize; 3],
}

impl Augment {
    /// No changes yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, changes: Vec::new() }
    }

    /// With one more change behind the others.
    pub fn then(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// A part of this size: [`Change::Crop`].
    pub fn crop(self, height: usize, width: usize) -> Self {
        self.then(Change::Crop(height, width))
    }

    /// Left and right exchanged: [`Change::Flip`].
    pub fn flip(self, probability: f64) -> Self {
        self.then(Change::Flip(probability))
    }

    /// Moved: [`Change::Shift`].
    pub fn shift(self, pixels: usize) -> Self {
        self.then(Change::Shift(pixels))
    }

    /// A square cut out: [`Change::Cutout`].
    pub fn cutout(self, side: usize) -> Self {
        self.then(Change::Cutout(side))
    }

    /// Noise: [`Change::Noise`].
    pub fn noise(self, deviation: f64) -> Self {
        self.then(Change::Noise(deviation))
    }

    /// The changes.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Changes pictures `[N, channels, height, width]`, of which `rows` are the N rows in their data set.
    ///
    /// # Errors
    /// Pictures of another shape, another number of rows, a part that is larger than the picture, a shift by more than its
    /// longer side, a probability that is none, or a deviation that is negative or not finite.
    pub fn apply<T: Float>(
        &self,
        images: &Tensor<T>,
        rows: &[usize],
        epoch: u64,
    ) -> Result<Tensor<T>, Error> {
        if images.shape().first() != Some(&rows.len()) {
            return Err(Error::Setting { of: "augment", why: "each picture needs the number of its row" });
        }
        let stream = mix(self.seed, epoch);
        self.each(images, |picture, canvas| {
            let mut random = Random::new(mix(stream, rows[picture] as u64));
            self.changes.iter().for_each(|&change| canvas.change(change, &mut random));
        })
    }

    /// The same pictures without anything random: where the changes crop, the middle.
    ///
    /// # Errors
    /// As [`apply`](Augment::apply).
    pub fn plain<T: Float>(&self, images: &Tensor<T>) -> Result<Tensor<T>, Error> {
        self.each(images, |_, canvas| {
            for &change in &self.changes {
                if let Change::Crop(height, width) = change {
                    let [_, h, w] = canvas.sides;
                    canvas.crop((h - height) / 2, (w - width) / 2, height, width);
                }
            }
        })
    }

    fn each<T: Float>(
        &self,
        images: &Tensor<T>,
        mut change: impl FnMut(usize, &mut Canvas<T>),
    ) -> Result<Tensor<T>, Error> {
        let wrong = |why| Err(Error::Setting { of: "augment", why });
        let [count, channels, mut height, mut width] = images.shape()[..] else {
            return wrong("pictures are [N, channels, height, width]");
        };
        let sides = [channels, height, width];
        for &change in &self.changes {
            match change {
                Change::Crop(h, w) if h > height || w > width => {
                    return wrong("a part cannot be larger than the picture");
                }
                Change::Crop(h, w) => (height, width) = (h, w),
                Change::Shift(pixels) if pixels > height.max(width) => {
                    return wrong("a picture cannot be shifted by more than its longer side");
                }
                Change::Flip(p) if !(0.0..=1.0).contains(&p) => return wrong("a probability is in 0..=1"),
                Change::Noise(d) if !(d >= 0.0 && d.is_finite()) => {
                    return wrong("the deviation of noise must be finite and not negative");
                }
                _ => {}
            }
        }
        let dense = images.contiguous();
        let numbers = dense.as_slice().unwrap_or_default();
        let size = sides.iter().product::<usize>();
        let mut changed = Tensor::zeros([count, channels, height, width])?;
        let places = changed.make_mut().chunks_exact_mut((channels * height * width).max(1));
        for (picture, place) in places.enumerate() {
            let mut canvas = Canvas { numbers: numbers[picture * size..][..size].to_vec(), sides };
            change(picture, &mut canvas);
            place.copy_from_slice(&canvas.numbers);
        }
        Ok(changed)
    }
}

impl<T: Float> Canvas<T> {
    fn change(&mut self, change: Change, random: &mut Random) {
        let [_, height, width] = self.sides;
        let mut below = |bound: usize| random.below(bound as u64) as usize;
        match change {
            Change::Crop(h, w) => {
                let (top, left) = (below(height - h + 1), below(width - w + 1));
                self.crop(top, left, h, w);
            }
            Change::Flip(probability) => {
                if random.uniform() < probability {
                    self.numbers.chunks_exact_mut(width.max(1)).for_each(<[T]>::reverse);
                }
            }
            Change::Shift(pixels) => {
                let (down, right) = (below(2 * pixels + 1), below(2 * pixels + 1));
                self.moved(down as isize - pixels as isize, right as isize - pixels as isize);
            }
            Change::Cutout(side) => {
                let (middle, centre) = (below(height), below(width));
                let span = |at: usize, end: usize| {
                    let first = at.saturating_sub(side / 2);
                    first..(at + side.div_ceil(2)).min(end)
                };
                for (row, numbers) in self.numbers.chunks_exact_mut(width.max(1)).enumerate() {
                    if span(middle, height).contains(&(row % height)) {
                        numbers[span(centre, width)].fill(T::from_f64(0.0));
                    }
                }
            }
            Change::Noise(deviation) => {
                self.numbers.iter_mut().for_each(|x| *x = *x + T::from_f64(deviation * random.normal()));
            }
        }
    }

    fn crop(&mut self, top: usize, left: usize, h: usize, w: usize) {
        let [channels, height, width] = self.sides;
        let mut part = Vec::with_capacity(channels * h * w);
        for channel in 0..channels {
            for row in top..top + h {
                part.extend_from_slice(&self.numbers[(channel * height + row) * width + left..][..w]);
            }
        }
        *self = Self { numbers: part, sides: [channels, h, w] };
    }

    /// Moved down and to the right.
    fn moved(&mut self, down: isize, right: isize) {
        let [channels, height, width] = self.sides;
        let mut moved = alloc::vec![T::from_f64(0.0); self.numbers.len()];
        for channel in 0..channels {
            for row in 0..height {
                let Some(from) = row.checked_add_signed(-down).filter(|&from| from < height) else {
                    continue;
                };
                for column in 0..width {
                    let Some(there) = column.checked_add_signed(-right).filter(|&at| at < width) else {
                        continue;
                    };
                    moved[(channel * height + row) * width + column] =
                        self.numbers[(channel * height + from) * width + there];
                }
            }
        }
        self.numbers = moved;
    }
}
