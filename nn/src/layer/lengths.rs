//! How many steps of padded sequences count.

use crate::Error;
use alloc::vec::Vec;
use tress_autograd::{Arrange, Value};
use tress_tensor::{Element, Error as Wrong, Tensor};

/// The length of each sequence of a batch that is padded to the same number of steps; checked once when they are made.
///
/// They are numbers of the program and not of the model: in an exported model they are those of one batch. Where they are
/// to be an input of the model, what counts is a value: [`Recurrent::run_where`](crate::Recurrent::run_where),
/// [`MultiHeadAttention::attend_where`](crate::MultiHeadAttention::attend_where),
/// [`EncoderBlock::run_where`](crate::EncoderBlock::run_where).
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
    fn at<V: Value>(&self, step: usize, like: &V) -> Option<V> {
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

/// That `counts [N, T]` says of each step of sequences `x [N, T, ..]` whether it counts.
pub(super) fn fit_counts<V: Value>(
    op: &'static str,
    counts: &V,
    x: &tress_tensor::Shape,
) -> Result<(), Wrong> {
    let (left, right) = (counts.shape(), tress_tensor::Shape::named(op, &x[..2])?);
    let why = "what counts must be [N, T], a number for each step of each sequence";
    match left == right {
        true => Ok(()),
        false => Err(Wrong::Mismatch { op, left, right, why, lengths: None }),
    }
}

/// What is said of the steps of sequences.
pub(super) enum Counting<'a, V> {
    /// All count.
    All,
    /// Those up to the length of each sequence.
    Lengths(&'a Lengths),
    /// Those where the value `[N, T]` is not 0.
    Value(&'a V),
}

// By hand: what is derived would ask for `V: Copy`.
impl<V> Clone for Counting<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Counting<'_, V> {}

impl<V: Value> Counting<'_, V> {
    /// Which sequences have a step that counts, `[N, 1]`; `None` if all have.
    #[track_caller]
    pub(super) fn at(&self, step: usize, like: &V) -> Option<V> {
        match self {
            Counting::All => None,
            Counting::Lengths(lengths) => lengths.at(step, like),
            Counting::Value(counts) => Some(counts.slice(1, step..step + 1)),
        }
    }
}
