//! Training: epochs of steps, with what happens in between, that go on to the same bits after any interruption.
//!
//! | | |
//! |---|---|
//! | [`Problem`] | what is learnt: the order of the rows, a batch, its loss, the figures that it is judged by |
//! | [`Trainer`] | parameters and optimiser, with schedule, average, clipping, accumulation; runs, stores itself, resumes |
//! | [`Params::freeze`](crate::Params::freeze), [`Rules`](crate::optim::Rules) | which parts are trained, and how fast; the others stand still |
//! | [`Callback`] | what happens after a step and after an epoch: [`Progress`], [`History`], [`EarlyStop`], your own |
//! | [`EarlyStopping`] | when a figure no longer gets better |
//!
//! A problem is a struct of the user's with its data and its model:
//!
//! ```
//! use tress_autograd::Tape;
//! use tress_nn::data::{Batches, Dataset};
//! use tress_nn::train::{OnTape, Problem, Step, TapeLoss, Trainer};
//! use tress_nn::{Adam, Dense, Error, Layer, Params, mse};
//! use tress_tensor::Tensor;
//!
//! struct Line {
//!     layer: Dense,
//!     data: Dataset,
//! }
//!
//! impl Problem for Line {
//!     type Batch = Dataset;
//!
//!     fn order(&self, epoch: u64) -> Result<Batches, Error> {
//!         Ok(Batches::new(self.data.len(), 8)?.shuffled(1, epoch))
//!     }
//!
//!     fn batch(&self, _: u64, rows: &[usize]) -> Result<Dataset, Error> {
//!         self.data.rows(rows)
//!     }
//!
//!     fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, _: &mut Step) -> TapeLoss<'t> {
//!         let predicted = self.layer.apply(bound, &tape.var(batch.tensor("x")?.clone()));
//!         Ok(mse(&predicted, &tape.var(batch.tensor("y")?.clone())))
//!     }
//! }
//!
//! let x = Tensor::from_fn([32, 1], |i| i[0] as f32 / 16.0 - 1.0)?;
//! let y = Tensor::from_fn([32, 1], |i| 3.0 * x[[i[0], 0]] - 0.5)?;
//! let data = Dataset::new().numbers("x", x)?.numbers("y", y)?;
//! let mut params = Params::new(1);
//! let line = Line { layer: Dense::new(&mut params.root(), 1, 1)?, data };
//!
//! let mut trainer = Trainer::new(params, Adam::new(0.05), 60, 1);
//! trainer.run(&line, &mut [])?;
//! let slope = trainer.params.tensor("weight")?.item()?;
//! assert!((slope - 3.0).abs() < 0.05, "{slope}");
//! # Ok::<(), Error>(())
//! ```

mod again;
mod callback;
mod stopping;
mod store;
mod trainer;

pub use callback::{Callback, EarlyStop, Epoch, Flow, History, Progress};
pub use stopping::{Better, EarlyStopping, Verdict};
pub use trainer::{Ended, Trainer};

use crate::data::Batches;
use crate::{Bound, Error, Params, Random};
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::{Eager, Tape, Var};
use tress_tensor::Float;

/// One batch of a training run: where it is, and its random numbers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step<'a> {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch in the epoch, from 0.
    pub batch: u64,
    /// Its rows.
    pub rows: &'a [usize],
    /// A seed of this batch alone, which the bound parameters have been given for dropout.
    pub seed: u64,
    /// A stream of random numbers for the whole run, which checkpoints keep.
    pub random: &'a mut Random,
}

/// The parameters as leaves of a tape.
pub type OnTape<'t, T = f32> = Bound<Var<'t, Eager<T>>>;

/// A loss on a tape.
pub type TapeLoss<'t, T = f32> = Result<Var<'t, Eager<T>>, Error>;

/// What is learnt: data, model, loss, and how it is judged.
pub trait Problem<T: Float = f32>: Sync {
    /// What a batch is made into.
    type Batch: Send;

    /// The batches of an epoch. They must follow from the epoch alone, or a run that is resumed sees others.
    ///
    /// # Errors
    /// Whatever keeps it from that.
    fn order(&self, epoch: u64) -> Result<Batches, Error>;

    /// The samples of a batch, changed at random perhaps: of the epoch and the rows alone, as it is made ahead of time,
    /// on a thread if there is one.
    ///
    /// # Errors
    /// Whatever keeps it from that.
    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Self::Batch, Error>;

    /// The mean loss of a batch; the parameters are in training mode.
    ///
    /// # Errors
    /// Whatever keeps it from that. Mistakes of the model are found where the loss is swept.
    fn loss<'t>(
        &self,
        tape: &'t Tape<Eager<T>>,
        bound: &OnTape<'t, T>,
        batch: &Self::Batch,
        step: &mut Step<'_>,
    ) -> TapeLoss<'t, T>;

    /// Figures by name, after each epoch: loss and metrics of the validation part. If the trainer averages parameters,
    /// these are the averaged ones.
    ///
    /// # Errors
    /// Whatever keeps it from that.
    fn judge(&self, _params: &Params<T>) -> Result<Vec<(String, f64)>, Error> {
        Ok(Vec::new())
    }
}
