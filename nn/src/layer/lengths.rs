//! How many steps of padded sequences count.

use crate::Error;
use alloc::vec::Vec;
use tress_autograd::Value;
use tress_tensor::{Element, Error as Wrong, Tensor};

/// The length of each sequence of a batch that is padded to the same number of steps; checked once when they are made.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::Lengths;
/// use tress_tensor::Tensor;
///
/// let lengths = Lengths::new([3, 1], 4)?;
/// let mask = lengths.mask(&Eager::new(Tensor::scalar(0.0f32)));
/// assert_eq!(mask.tensor()?.to_vec(), [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengths {
    lengths: Vec<usize>,
    steps: usize,
}

impl Lengths {
    /// Sequences of these lengths, padded to `steps` steps.
    ///
    /// # Errors
    /// A length that is 0 or above `steps`.
    pub fn new(lengths: impl IntoIterator<Item = usize>, steps: usize) -> Result<Self, Error> {
        let lengths: Vec<usize> = lengths.into_iter().collect();
        match lengths.iter().all(|length| (1..=steps).contains(length)) {
            true => Ok(Self { lengths, steps }),
            false => {
                let why = "each length must be at least 1, and at most the number of steps";
                Err(Error::Setting { of: "lengths", why })
            }
        }
    }

    /// The lengths.
    pub fn as_slice(&self) -> &[usize] {
        &self.lengths
    }

    /// The number of steps of the padded sequences.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// 1 where a step counts and 0 where it is padding, `[N, T]`, as a constant beside `like`: a mask for a loss of each
    /// step.
    #[track_caller]
    pub fn mask<V: Value>(&self, like: &V) -> V {
        let inside = |i: &[usize]| V::Elem::from_f64(f64::from(i[1] < self.lengths[i[0]]));
        match Tensor::from_fn([self.lengths.len(), self.steps], inside) {
            Ok(mask) => like.lift(mask),
            Err(error) => like.fail(error),
        }
    }

    /// That they belong to sequences `x [N, T, ..]`.
    pub(super) fn fit(&self, op: &'static str, x: &tress_tensor::Shape) -> Result<(), Wrong> {
        let own = tress_tensor::Shape::named(op, &[self.lengths.len(), self.steps])?;
        let why = "one length for each sequence is wanted, made for as many steps as the sequences have";
        match x.starts_with(&own) {
            true => Ok(()),
            false => Err(Wrong::Mismatch { op, left: *x, right: own, why, lengths: None }),
        }
    }

    /// Which sequences are still going on at a step, `[N, 1]`; `None` if all are.
    #[track_caller]
    pub(super) fn at<V: Value>(&self, step: usize, like: &V) -> Option<V> {
        if self.lengths.iter().all(|&length| step < length) {
            return None;
        }
        let numbers: Vec<V::Elem> =
            self.lengths.iter().map(|&length| V::Elem::from_f64(f64::from(step < length))).collect();
        Some(match Tensor::new([self.lengths.len(), 1], &numbers) {
            Ok(mask) => like.lift(mask),
            Err(error) => like.fail(error),
        })
    }
}
