//! The loss of the batches of a step at other parameters, for optimisers that look at it in several places.

use super::{Problem, Step, Trainer};
use crate::optim::{Accumulator, Rules};
use crate::{Error, Gradient, Optimiser, Params, Random};
use alloc::vec::Vec;
use tress_autograd::{Eager, Tape};
use tress_tensor::{Float, Tensor};

/// A batch that a loss was taken of, and all that was random in it.
pub(super) struct Taken<'b, B> {
    pub(super) batch: B,
    pub(super) rows: &'b [usize],
    pub(super) number: u64,
    pub(super) seed: u64,
    /// The stream of the run as it was before the batch.
    pub(super) random: Random,
}

/// The batches of a step so far.
pub(super) struct Gathered<'b, T: Float, B> {
    /// Of the gradients, where a step takes several.
    pub(super) sum: Accumulator<T>,
    pub(super) batches: u64,
    /// The loss of the last batch.
    value: f64,
    /// Sum of the losses times the sizes of the batches, and the sum of those.
    sums: [f64; 2],
    /// The batches themselves, where the optimiser looks at their loss again.
    pub(super) taken: Vec<Taken<'b, B>>,
}

// By hand: what is derived would ask for `B: Default`.
impl<T: Float, B> Default for Gathered<'_, T, B> {
    fn default() -> Self {
        Self { sum: Accumulator::new(), batches: 0, value: 0.0, sums: [0.0; 2], taken: Vec::new() }
    }
}

impl<T: Float, B> Gathered<'_, T, B> {
    /// Counts one more batch of this loss and size.
    pub(super) fn count(&mut self, value: f64, size: f64) {
        (self.batches, self.value) = (self.batches + 1, value);
        self.sums = [self.sums[0] + value * size, self.sums[1] + size];
    }

    /// The mean loss of the batches, to the last bit as [`evaluated`] has it.
    fn loss(&self) -> f64 {
        if self.batches == 1 { self.value } else { self.sums[0] / self.sums[1] }
    }
}

impl<T: Float, O: Optimiser<T>> Trainer<T, O> {
    /// A step of an optimiser that looks at the loss of these batches in several places. What fails leaves parameters and
    /// optimiser as they were.
    pub(super) fn search<P: Problem<T>>(
        &mut self,
        problem: &P,
        gathered: &Gathered<'_, T, P::Batch>,
        gradient: &Tensor<T>,
    ) -> Result<(), Error> {
        let (origin, state) = (self.params.block(), self.optimiser.state());
        let (rules, tape, epoch) = (self.optimiser.groups().clone(), &mut self.tape, self.at.epoch);
        let mut look =
            |params: &Params<T>| evaluated(problem, tape, (params, &rules), epoch, &gathered.taken);
        let stepped = self.optimiser.step_with(&mut self.params, (gathered.loss(), gradient), &mut look);
        if stepped.is_err() {
            self.tape.reset();
            self.params.set_block(&origin)?;
            self.optimiser.restore(&state, &self.params)?;
        }
        stepped
    }
}

/// The mean loss of batches of an epoch and its gradient `[P]`, of the very function that the first look at them has seen:
/// the same samples, the same dropout, the same noise. What layers set aside, such as running means, is that of the first
/// look, and left alone here.
pub(super) fn evaluated<T: Float, P: Problem<T>>(
    problem: &P,
    tape: &mut Tape<Eager<T>>,
    (params, rules): (&Params<T>, &Rules),
    epoch: u64,
    batches: &[Taken<'_, P::Batch>],
) -> Result<(f64, Tensor<T>), Error> {
    let (mut sum, mut loss, mut samples) = (Accumulator::new(), 0.0, 0.0);
    for Taken { batch, rows, number, seed, random } in batches {
        let mut step = Step { epoch, batch: *number, rows, seed: *seed, random: &mut random.clone() };
        let bound = params.on(tape).frozen_by(rules, params).training(*seed);
        let found = problem.loss(tape, &bound, batch, &mut step)?;
        let (value, gradient) = (found.item()?.to_f64(), found.gradient(&bound)?);
        drop(bound);
        tape.reset();
        let size = rows.len() as f64;
        (loss, samples) = (loss + value * size, samples + size);
        match batches {
            [_] => return Ok((value, gradient)),
            _ => sum.add(&gradient, size)?,
        }
    }
    Ok((loss / samples, sum.take()?))
}
