//! Optimisers: one pass over the block of parameters a step.

mod adam;
pub mod clip;
mod rules;
mod schedule;
mod sgd;

pub use adam::Adam;
pub use rules::Rules;
pub use schedule::Schedule;
pub use sgd::Sgd;

use crate::{Error, Params};
use tress_tensor::{Float, Tensor};

/// Changes parameters by their gradient.
pub trait Optimiser<T: Float = f32> {
    /// One step along the negative gradient `[P]`, laid out as the parameters are. State is left alone.
    ///
    /// # Errors
    /// The gradient has another shape than `[P]`, or earlier steps were taken with another number of parameters; then
    /// nothing is changed.
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error>;

    /// Sets aside the state of the optimiser now rather than in the first step, so that already the second step of a
    /// training run finds all the memory that it needs.
    ///
    /// # Errors
    /// Earlier steps were taken with another number of parameters.
    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error>;

    /// The learning rate.
    fn rate(&self) -> f64;

    /// Sets the learning rate, as a schedule has it.
    fn set_rate(&mut self, rate: f64);
}

/// A tensor of zeros laid out as the parameters, unless there is one of an earlier step already.
fn moment<'a, T: Float>(
    slot: &'a mut Option<Tensor<T>>,
    params: &Params<T>,
    what: &'static str,
) -> Result<&'a mut Tensor<T>, Error> {
    match slot {
        Some(tensor) => {
            params.expect_block(what, tensor)?;
            Ok(tensor)
        }
        None => Ok(slot.insert(Tensor::zeros([params.len()])?)),
    }
}
