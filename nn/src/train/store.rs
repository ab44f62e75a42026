//! A training run as a checkpoint, and back.

use super::callback::Callback;
use super::trainer::{Place, Trainer};
use crate::file::Checkpoint;
use crate::optim::State;
use crate::{Error, Optimiser};
use alloc::format;
use tress_tensor::Float;

const KIND: &str = "trainer";

impl<T: Float, O: Optimiser<T>> Trainer<T, O> {
    /// Everything that the run needs to go on as if it had not stopped, what its callbacks remember included. It is made
    /// between two steps of the optimiser only, so that no half of a step is in it.
    pub fn checkpoint(&self, callbacks: &[&mut dyn Callback<T>]) -> Checkpoint<T> {
        let place = State::new(KIND)
            .with_count("seed", self.seed)
            .with_count("epoch", self.at.epoch)
            .with_count("batch", self.at.batch)
            .with_count("step", self.at.step)
            .with_count("stopped", u64::from(self.at.stopped))
            .with_number("loss", self.loss[0])
            .with_number("samples", self.loss[1]);
        let mut checkpoint = Checkpoint::new(&self.params)
            .state(KIND, place)
            .state("optimiser", self.optimiser.state())
            .random("trainer", &self.random);
        if let Some(average) = &self.average {
            checkpoint = checkpoint.state("average", average.state());
        }
        if let Some((_, plateau)) = &self.plateau {
            checkpoint = checkpoint.state("plateau", plateau.state());
        }
        for callback in callbacks {
            if let Some(state) = callback.state() {
                checkpoint = checkpoint.state(&format!("callback/{}", callback.name()), state);
            }
        }
        checkpoint
    }

    /// That no two callbacks store under one name.
    pub(super) fn told_apart(callbacks: &[&mut dyn Callback<T>]) -> Result<(), Error> {
        let storing = || callbacks.iter().filter(|callback| callback.state().is_some());
        for (i, one) in storing().enumerate() {
            if storing().skip(i + 1).any(|other| other.name() == one.name()) {
                let why = format!("two callbacks store as `{}`: give one of them another name", one.name());
                return Err(Error::State { why });
            }
        }
        Ok(())
    }

    /// Goes on where the [`checkpoint`](Trainer::checkpoint) was made. Settings, and the callbacks with theirs, must be
    /// the same.
    ///
    /// # Errors
    /// The checkpoint is of another model, another seed, or lacks what these settings or callbacks need. The parameters
    /// are set last of all, and nothing of a failed attempt should be trained on.
    pub fn restore(
        &mut self,
        found: &Checkpoint<T>,
        callbacks: &mut [&mut dyn Callback<T>],
    ) -> Result<(), Error> {
        Self::told_apart(callbacks)?;
        let state = found.state_of(KIND)?;
        state.expect(KIND)?;
        if state.count("seed")? != self.seed {
            let why =
                format!("the checkpoint is of a run with seed {}, not {}", state.count("seed")?, self.seed);
            return Err(Error::State { why });
        }
        let at = Place {
            epoch: state.count("epoch")?,
            batch: state.count("batch")?,
            step: state.count("step")?,
            stopped: state.count("stopped")? != 0,
        };
        let loss = [state.number("loss")?, state.number("samples")?];
        let random = found.random_of("trainer")?;
        self.optimiser.restore(found.state_of("optimiser")?, &self.params)?;
        if let Some(average) = &mut self.average {
            average.restore(found.state_of("average")?, &self.params)?;
        }
        if let Some((_, plateau)) = &mut self.plateau {
            plateau.restore(found.state_of("plateau")?)?;
        }
        for callback in callbacks.iter_mut() {
            if callback.state().is_some() {
                let name = format!("callback/{}", callback.name());
                callback.restore(found.state_of(&name)?)?;
            }
        }
        found.restore(&mut self.params)?;
        (self.at, self.loss, self.random) = (at, loss, random);
        Ok(())
    }

    /// Goes on from the file that [`checkpoints`](Trainer::checkpoints) names, if it is there; says whether it was.
    ///
    /// # Errors
    /// The file cannot be read, or as [`restore`](Trainer::restore).
    #[cfg(feature = "std")]
    pub fn resume(&mut self, callbacks: &mut [&mut dyn Callback<T>]) -> Result<bool, Error> {
        let Some((path, _)) = &self.file else {
            return Err(Error::Setting {
                of: "trainer",
                why: "call `checkpoints` to say where the checkpoint is",
            });
        };
        if !path.exists() {
            return Ok(false);
        }
        let found = Checkpoint::load(path)?;
        let path = path.clone();
        self.restore(&found, callbacks).map_err(|error| error.at(&path))?;
        Ok(true)
    }

    /// Writes the checkpoint, if one is due.
    pub(super) fn store(&self, callbacks: &[&mut dyn Callback<T>], epoch_ended: bool) -> Result<(), Error> {
        #[cfg(feature = "std")]
        if let Some((path, every)) = &self.file
            && (epoch_ended || self.at.stopped || self.at.step.is_multiple_of(*every))
        {
            return self.checkpoint(callbacks).save(path);
        }
        #[cfg(not(feature = "std"))]
        let _ = (callbacks, epoch_ended);
        Ok(())
    }
}
