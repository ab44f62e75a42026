//! Running means taken again, with parameters that no training step has left behind.

use super::{Handle, Params, Renewed};
use crate::Error;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// The mean over batches of what layers such as batch norm set aside, for parameters that were not trained step by step
/// but averaged or merged: their running means are those of other parameters (Izmailov et al. 2018, "Averaging weights
/// leads to wider optima and better generalization", section 3.2). Each batch counts alike, as in PyTorch's `update_bn`;
/// a layer that is applied several times in a batch counts as often.
///
/// The model is run in training mode and [afresh](crate::Bound::afresh), without gradients. A
/// [`Trainer`](crate::train::Trainer) does that in [`retake_statistics`](crate::train::Trainer::retake_statistics).
///
/// ```
/// use tress_nn::{BatchNorm, Layer, Params, Statistics};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(1);
/// let norm = BatchNorm::new(&mut params.root(), 1)?;
/// let mut statistics = Statistics::new();
/// for numbers in [[1.0, 3.0], [3.0, 5.0], [5.0, 7.0]] {
///     let bound = params.eager().training(0).afresh();
///     norm.apply(&bound, &Tensor::new([2, 1], &numbers)?.into());
///     statistics.add(&bound.renewed()?);
/// }
/// statistics.write(&mut params)?;
/// assert_eq!(params.tensor("running_mean")?.to_vec(), [4.0]);
/// assert_eq!(params.tensor("running_var")?.to_vec(), [2.0]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// For each state the sum of what was set aside for it, and how often that was.
    sums: Vec<(Handle, Vec<f64>, u64)>,
}

impl Statistics {
    /// Of no batch yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what one batch has renewed.
    pub fn add<T: Float>(&mut self, renewed: &Renewed<T>) {
        for (handle, value) in &renewed.values {
            let at = match self.sums.iter().position(|(other, ..)| other == handle) {
                Some(at) => at,
                None => {
                    self.sums.push((*handle, alloc::vec![0.0; value.len()], 0));
                    self.sums.len() - 1
                }
            };
            let (_, sums, count) = &mut self.sums[at];
            sums.iter_mut().zip(value.to_vec()).for_each(|(sum, number)| *sum += number.to_f64());
            *count += 1;
        }
    }

    /// Writes the means into the state that they are of. State that no layer has renewed stays as it is.
    ///
    /// # Errors
    /// They are infinite or NaN somewhere, or of other parameters than these; then nothing is changed.
    pub fn write<T: Float>(&self, params: &mut Params<T>) -> Result<(), Error> {
        let mut means = Renewed { values: Vec::with_capacity(self.sums.len()) };
        for (handle, sums, count) in &self.sums {
            let numbers: Vec<T> = sums.iter().map(|sum| T::from_f64(sum / *count as f64)).collect();
            if !numbers.iter().all(|number| number.to_f64().is_finite()) {
                return Err(Error::NotFinite { what: "the statistics of the batches" });
            }
            means.values.push((*handle, Tensor::new(*handle.shape(), &numbers)?));
        }
        params.renew(&means)
    }

    /// Whether nothing was renewed: the model has no such state.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }
}

/// The state of parameters, to be put back if what comes next fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept<T> {
    numbers: Vec<T>,
}

impl<T: Float> Kept<T> {
    /// Takes the state of the parameters, in the room of what was there before.
    pub(crate) fn take(&mut self, params: &Params<T>) {
        self.numbers.clear();
        let block = params.block(); // dense, as parameters always are
        let numbers = block.as_slice().unwrap_or_default();
        for entry in params.entries.iter().filter(|entry| !entry.trained) {
            self.numbers.extend_from_slice(&numbers[entry.range()]);
        }
    }

    /// Puts it back.
    pub(crate) fn put_back(&self, params: &mut Params<T>) {
        let ranges = params.entries.iter().filter(|entry| !entry.trained).map(|entry| entry.range());
        let ranges: Vec<_> = ranges.collect();
        let mut rest = &self.numbers[..];
        for range in ranges {
            let (state, others) = rest.split_at(range.len());
            params.block_mut()[range].copy_from_slice(state);
            rest = others;
        }
    }
}
