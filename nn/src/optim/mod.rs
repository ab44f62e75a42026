//! Optimisers: one pass over the block of parameters a step.
//!
//! | | |
//! |---|---|
//! | [`Sgd`], [`Adam`] (and AdamW), [`RmsProp`], [`Adagrad`], [`Lion`] | take a gradient: [`Optimiser`] |
//! | [`Lbfgs`] | evaluates the loss as often as it has to: by itself, or in a [`Trainer`](crate::train::Trainer) |
//! | [`Rules`] | groups of parameters with rates, decays of their own, or frozen |
//! | [`Schedule`], [`Plateau`] | the learning rate, by the step or by how it goes |
//! | [`Clip`], [`mod@clip`] | gradients that are too large |
//! | [`Accumulator`] | one gradient of several batches |
//! | [`Average`] | parameters averaged over steps; running means are taken again for them by [`Statistics`](crate::Statistics) |
//! | [`State`] | all that any of them remembers, to be stored |

mod accumulator;
mod adagrad;
mod adam;
mod average;
pub mod clip;
mod lbfgs;
mod line_search;
mod lion;
mod plateau;
mod rmsprop;
mod rules;
mod schedule;
mod sgd;
mod state;

pub use accumulator::Accumulator;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use average::Average;
pub use clip::Clip;
pub use lbfgs::Lbfgs;
pub use lion::Lion;
pub use plateau::Plateau;
pub use rmsprop::RmsProp;
pub use rules::Rules;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use state::State;

use crate::{Error, Params};
use alloc::vec::Vec;
use core::ops::Range;
use rules::Tuning;
use tress_tensor::{Float, Tensor};

/// Loss and gradient `[P]` of parameters, as often as an optimiser asks for them.
pub type Evaluate<'a, T> = dyn FnMut(&Params<T>) -> Result<(f64, Tensor<T>), Error> + 'a;

/// Changes parameters by their gradient.
pub trait Optimiser<T: Float = f32> {
    /// One step along the negative gradient `[P]`, laid out as the parameters are. State of the model is left alone.
    ///
    /// # Errors
    /// The gradient has another shape than `[P]`, earlier steps were taken with another number of parameters, a setting
    /// makes no sense, or a rule fits no parameter; then nothing is changed.
    fn step(&mut self, params: &mut Params<T>, gradient: &Tensor<T>) -> Result<(), Error>;

    /// One step with loss and gradient `[P]` of the parameters as they are, by an optimiser that may ask for those of other
    /// parameters, always for the same samples and the same random numbers. It is what a training loop calls. Most
    /// optimisers ask for nothing, and take [`step`](Optimiser::step).
    ///
    /// # Errors
    /// As there, or an error of `evaluate`.
    fn step_with(
        &mut self,
        params: &mut Params<T>,
        (_, gradient): (f64, &Tensor<T>),
        _evaluate: &mut Evaluate<'_, T>,
    ) -> Result<(), Error> {
        self.step(params, gradient)
    }

    /// Whether [`step_with`](Optimiser::step_with) asks for other parameters.
    fn evaluates(&self) -> bool {
        false
    }

    /// Sets aside the state of the optimiser now rather than in the first step, so that already the second step of a
    /// training run finds all the memory that it needs.
    ///
    /// # Errors
    /// Earlier steps were taken with another number of parameters.
    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error>;

    /// The groups of parameters that it was given: a training loop asks them which gradients count.
    fn groups(&self) -> &Rules;

    /// The learning rate.
    fn rate(&self) -> f64;

    /// Sets the learning rate, as a schedule has it.
    fn set_rate(&mut self, rate: f64);

    /// All that the steps so far have made, learning rate included; tensors are shared, not copied.
    fn state(&self) -> State<T>;

    /// Goes on where [`state`](Optimiser::state) was taken, bit for bit, in an optimiser with the same settings.
    ///
    /// # Errors
    /// The state is that of another kind of optimiser, or of another number of parameters; then nothing is changed.
    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error>;
}

/// Takes `step` to each run of the block: what the rules say there, parameters, gradient, and the parts of the state,
/// which are empty where the state is.
fn each_run<T: Float, const N: usize>(
    runs: Vec<(Range<usize>, Tuning)>,
    params: &mut Params<T>,
    gradient: &Tensor<T>,
    states: &mut [Tensor<T>; N],
    mut step: impl FnMut(Tuning, &mut [T], &[T], [&mut [T]; N]),
) {
    let gradient = gradient.contiguous();
    let g = gradient.as_slice().unwrap_or_default();
    let mut states = states.each_mut().map(|state| state.make_mut());
    let p = params.block_mut();
    for (range, tuning) in runs {
        let states = states.each_mut().map(|state| state.get_mut(range.clone()).unwrap_or_default());
        step(tuning, &mut p[range.clone()], &g[range], states);
    }
}

/// Settings with which a step would make the parameters NaN, or climb, are refused before anything is changed.
fn check<const N: usize>(of: &'static str, why: &'static str, sound: [f64; N]) -> Result<(), Error> {
    match sound.iter().all(|x| x.is_finite() && *x >= 0.0) {
        true => Ok(()),
        false => Err(Error::Setting { of, why }),
    }
}

/// Settings that say how much of something old stays: at least 0 and below 1.
fn check_parts<const N: usize>(of: &'static str, why: &'static str, parts: [f64; N]) -> Result<(), Error> {
    match parts.iter().all(|part| (0.0..1.0).contains(part)) {
        true => Ok(()),
        false => Err(Error::Setting { of, why }),
    }
}
