//! More places from fewer: nearest and bilinear upsampling of images, nearest and linear of sequences.

use super::Layer;
use crate::{Bound, Error as Wrong};
use alloc::vec::Vec;
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Fused, Value};
use tress_tensor::{Element, Error, Tensor};

/// Brings images `[N, C, H, W]` to another size, as a rule a larger one.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{Layer, Params, Upsample};
/// use tress_tensor::Tensor;
///
/// let image = Eager::new(Tensor::new([1, 1, 1, 2], &[0.0f32, 8.0])?);
/// let bound = Params::new(0).eager();
/// let nearest = Upsample::nearest([1, 2])?.apply(&bound, &image);
/// assert_eq!(nearest.tensor()?.to_vec(), [0.0, 0.0, 8.0, 8.0]);
/// let bilinear = Upsample::bilinear([1, 2])?.apply(&bound, &image);
/// assert_eq!(bilinear.tensor()?.to_vec(), [0.0, 2.0, 6.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample {
    size: Size,
    manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Times([usize; 2]),
    To([usize; 2]),
}

/// Where the numbers of the larger image come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// The nearest pixel.
    Nearest,
    /// The four pixels around, weighted by distance, with pixels as squares: the outer edges of both images coincide.
    Bilinear,
    /// The same with pixels as points: the centres of the corner pixels coincide (`align_corners=True` elsewhere).
    BilinearCorners,
}

impl Upsample {
    /// Each pixel as a block of so many.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn nearest(factors: [usize; 2]) -> Result<Self, Wrong> {
        Self::times(factors, Manner::Nearest)
    }

    /// So many times the pixels along each axis, in straight lines between those that are there.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn bilinear(factors: [usize; 2]) -> Result<Self, Wrong> {
        Self::times(factors, Manner::Bilinear)
    }

    /// So many times the pixels along each axis.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn times(factors: [usize; 2], manner: Manner) -> Result<Self, Wrong> {
        Self::sound(factors, Size::Times(factors), manner)
    }

    /// To this size, whatever that of the image.
    ///
    /// # Errors
    /// A size of 0.
    pub fn to(size: [usize; 2], manner: Manner) -> Result<Self, Wrong> {
        Self::sound(size, Size::To(size), manner)
    }

    fn sound(numbers: [usize; 2], size: Size, manner: Manner) -> Result<Self, Wrong> {
        match numbers.contains(&0) {
            true => Err(Wrong::Setting { of: "upsample", why: "factors and sizes must be at least 1" }),
            false => Ok(Self { size, manner }),
        }
    }

    /// Where the numbers come from.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// The size of the result for an image of size `[H, W]`; `None` if that is beyond what memory can address.
    pub fn size_of(&self, [height, width]: [usize; 2]) -> Option<[usize; 2]> {
        match self.size {
            Size::To(size) => Some(size),
            Size::Times([down, right]) => Some([height.checked_mul(down)?, width.checked_mul(right)?]),
        }
    }
}

impl Layer for Upsample {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let (op, shape) = ("upsample", x.shape());
        let (height, width) = match shape[..] {
            [_, _, height, width] if height > 0 && width > 0 => (height, width),
            _ => {
                let why = "images are wanted, [N, C, H, W], of at least one pixel";
                return x.fail(Error::Unfit { op, shape, why });
            }
        };
        let Some(size) = self.size_of([height, width]) else {
            return x.fail(Error::TooLarge { op, shape });
        };
        let mut y = x.clone();
        // Width first: then fewer rows are widened.
        for (axis, from, to) in [(3, width, size[1]), (2, height, size[0])] {
            if from == to {
                continue;
            }
            y = match self.manner {
                Manner::Nearest if to % from == 0 => y.repeat(axis, to / from),
                Manner::Nearest => {
                    let places: Vec<u32> = (0..to).map(|i| (i * from / to) as u32).collect();
                    y.gather(axis, &Index::new(&Tensor::vector(&places)))
                }
                manner => match lines(from, to, manner == Manner::BilinearCorners) {
                    Ok(lines) => along(&y, axis, &x.lift(lines)),
                    Err(error) => return x.fail(error),
                },
            };
        }
        y
    }
}

/// Brings sequences `[N, C, L]` to another length, as [`Upsample`] does images: in straight lines where that is bilinear.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{Layer, Params, Upsample1d};
/// use tress_tensor::Tensor;
/// let x = Eager::new(Tensor::new([1, 1, 2], &[0.0f32, 8.0])?);
/// let y = Upsample1d::linear(2)?.apply(&Params::new(0).eager(), &x);
/// assert_eq!(y.tensor()?.to_vec(), [0.0, 2.0, 6.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample1d {
    image: Upsample,
}

impl Upsample1d {
    /// Each place so many times.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn nearest(factor: usize) -> Result<Self, Wrong> {
        Self::times(factor, Manner::Nearest)
    }

    /// So many times the places, in straight lines between those that are there.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn linear(factor: usize) -> Result<Self, Wrong> {
        Self::times(factor, Manner::Bilinear)
    }

    /// So many times the places.
    ///
    /// # Errors
    /// A factor of 0.
    pub fn times(factor: usize, manner: Manner) -> Result<Self, Wrong> {
        Ok(Self { image: Upsample::times([1, factor], manner)? })
    }

    /// To this length, whatever that of the sequence.
    ///
    /// # Errors
    /// A length of 0.
    pub fn to(length: usize, manner: Manner) -> Result<Self, Wrong> {
        Ok(Self { image: Upsample::to([1, length], manner)? })
    }

    /// Where the numbers come from.
    pub fn manner(&self) -> Manner {
        self.image.manner
    }
}

impl Layer for Upsample1d {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let shape = x.shape();
        if shape.rank() != 3 || shape[2] == 0 {
            let why = "sequences are wanted, [N, C, L], of at least one place";
            return x.fail(Error::Unfit { op: "upsample1d", shape, why });
        }
        // A sequence is an image of one row.
        let image = self.image.apply(bound, &x.unsqueeze(2));
        if image.shape().rank() == 4 { image.squeeze(2) } else { image }
    }
}

/// The matrix `[to, from]` of interpolation in straight lines.
fn lines<T: Element>(from: usize, to: usize, corners: bool) -> Result<Tensor<T>, Error> {
    let weight = |i: usize, at: usize| {
        let place = match corners {
            true if to == 1 => 0.0,
            true => i as f64 * (from - 1) as f64 / (to - 1) as f64,
            false => ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0),
        };
        let place = place.min((from - 1) as f64);
        (1.0 - (place - at as f64).abs()).max(0.0)
    };
    matrix(to, from, weight)
}

/// A matrix `[rows, columns]` of constants.
pub(super) fn matrix<T: Element>(
    rows: usize,
    columns: usize,
    number: impl Fn(usize, usize) -> f64,
) -> Result<Tensor<T>, Error> {
    Tensor::from_fn([rows, columns], |i| T::from_f64(number(i[0], i[1])))
}

/// A matrix `[m, n]` times each line of length `n` along axis 2 or 3 of images, or axis 2 of sequences.
#[track_caller]
pub(super) fn along<V: Value>(x: &V, axis: usize, matrix: &V) -> V {
    match axis + 1 == x.shape().rank() {
        true => x.matmul(matrix.transpose(0, 1)),
        false => matrix.matmul(x),
    }
}
