//! State that a step has renewed, such as running means: taken out of a run, and put into the parameters.

use super::{Bound, Handle, Params, copy};
use crate::Error;
use alloc::vec::Vec;
use tress_autograd::{Eager, Mistake, Var};
use tress_tensor::{Error as Wrong, Float, Tensor};

/// New values of state, to be [put into](Params::renew) the parameters.
///
/// Running a model changes nothing: a layer with running statistics works out what they are to be and sets that aside. So
/// a model is a function on every kind of value, and statistics move once for each step, however many gradients the step
/// takes. A training step takes them out beside the gradient, before the tape is reset:
///
/// ```
/// use tress_autograd::{Pointwise, Reduce, Tape};
/// use tress_nn::{BatchNorm, Gradient, Layer, Optimiser, Params, Sgd};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(1);
/// let norm = BatchNorm::new(&mut params.root(), 1)?;
/// let (mut tape, mut sgd) = (Tape::new(), Sgd::new(0.1));
///
/// let bound = params.on(&tape).training(0);
/// let x = tape.var(Tensor::new([2, 1], &[3.0, 5.0])?);
/// let gradient = norm.apply(&bound, &x).square().sum_all().gradient(&bound)?;
/// let renewed = bound.renewed()?;
/// tape.reset();
/// sgd.step(&mut params, &gradient)?;
/// params.renew(&renewed)?;
///
/// assert_eq!(params.tensor("running_mean")?.to_vec(), [0.4]); // 0.9 times 0 and 0.1 times 4
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Renewed<T: Float = f32> {
    pub(super) values: Vec<(Handle, Tensor<T>)>,
}

impl<T: Float> Renewed<T> {
    /// Whether nothing was renewed: the model has no such state, or did not run in training mode.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many values were renewed, one for each time that a layer did so.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

impl<T: Float> Bound<Eager<T>> {
    /// What layers have set aside for the state of the model.
    ///
    /// # Errors
    /// The first mistake of the model on the way to it.
    pub fn renewed(&self) -> Result<Renewed<T>, Mistake> {
        self.renewed_by(|value| value.tensor().cloned())
    }
}

impl<T: Float> Bound<Var<'_, Eager<T>>> {
    /// What layers have set aside for the state of the model; to be asked before the tape is reset.
    ///
    /// # Errors
    /// The first mistake of the model on the way to it.
    pub fn renewed(&self) -> Result<Renewed<T>, Mistake> {
        self.renewed_by(Var::tensor)
    }
}

impl<V> Bound<V> {
    fn renewed_by<T: Float>(
        &self,
        tensor: impl Fn(&V) -> Result<Tensor<T>, Mistake>,
    ) -> Result<Renewed<T>, Mistake> {
        let renewed = self.renewed.borrow();
        let values = renewed.iter().map(|(handle, value)| Ok((*handle, tensor(value)?)));
        Ok(Renewed { values: values.collect::<Result<_, Mistake>>()? })
    }
}

impl<T: Float> Params<T> {
    /// Writes renewed state into its places of the block. Best after [`Tape::reset`](tress_autograd::Tape::reset): the
    /// block is copied while others look at it.
    ///
    /// # Errors
    /// It is that of another model, a value of another shape than the state, or a trained parameter; then nothing is
    /// changed.
    pub fn renew(&mut self, renewed: &Renewed<T>) -> Result<(), Error> {
        for (handle, value) in &renewed.values {
            let entry = self.entries.get(handle.index).filter(|entry| entry.handle == *handle);
            let Some(entry) = entry.filter(|entry| !entry.trained) else {
                let why = "what was renewed must be state of these parameters";
                return Err(Error::Setting { of: "renew", why });
            };
            if value.shape() != entry.shape() {
                let (op, left, right) = ("renew", *value.shape(), *entry.shape());
                let why = "the state has another shape";
                let error = Wrong::Mismatch { op, left, right, why, lengths: None };
                return Err(Error::Parameter { name: entry.name.clone(), error });
            }
        }
        for (handle, value) in &renewed.values {
            copy(value, &mut self.block_mut()[handle.range()]);
        }
        Ok(())
    }
}
