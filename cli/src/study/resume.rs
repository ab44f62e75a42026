//! All that the rest of a training depends on, after an epoch, as one file.
//!
//! Three parts, each behind its length: the record so far as JSON; parameters and optimiser as a checkpoint of `f32`; the
//! state of the method as one of `f64`, bit for bit. The checkpoints carry checksums of their own. A file that is damaged
//! in any way is as good as none: the cell begins anew.

use tress::mtl::balance::Weighting;
use tress::nn::file::Checkpoint;
use tress::nn::optim::State;
use tress::nn::{Adam, Optimiser, Params};
use tress::tensor::Tensor;

use super::record::Record;
use crate::error::Error;
use crate::train::training;

/// A cell between two epochs.
pub(crate) struct Halfway {
    record: Record,
    model: Checkpoint<f32>,
    method: Checkpoint<f64>,
}

impl Halfway {
    /// Of a record, parameters, the state of their optimiser, and that of the method.
    pub(crate) fn of(record: &Record, params: &Params, adam: State, method: Vec<f64>) -> Result<Self, Error> {
        let state = State::new("method").with_count("numbers", method.len() as u64);
        let state = match method.is_empty() {
            true => state,
            false => state.with_block("state", Tensor::new([method.len()], &method).map_err(training)?),
        };
        Ok(Self {
            record: record.clone(),
            model: Checkpoint::new(params).state("adam", adam),
            method: Checkpoint::new(&Params::<f64>::new(0)).state("method", state),
        })
    }

    /// What was measured so far.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// [`Error::Training`] where it belongs to another network, optimiser or method.
    pub(crate) fn restore(
        &self,
        params: &mut Params,
        adam: &mut Adam,
        method: &mut dyn Weighting,
    ) -> Result<(), Error> {
        self.model.restore(params).map_err(training)?;
        adam.restore(self.model.state_of("adam").map_err(training)?, params).map_err(training)?;
        let state = self.method.state_of("method").map_err(training)?;
        let numbers = state.block("state").map_or_else(Vec::new, Tensor::to_vec);
        method.restore(&numbers).map_err(training)
    }

    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let record = serde_json::to_vec(&self.record).map_err(training)?;
        let mut bytes = Vec::new();
        for part in [record, self.model.to_bytes(), self.method.to_bytes()] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        Ok(bytes)
    }

    /// Reads the bytes of a file; `None` where they are not whole.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut part = || {
            let (length, behind) = rest.split_first_chunk::<8>()?;
            let (part, behind) =
                behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            rest = behind;
            Some(part)
        };
        let record = serde_json::from_slice(part()?).ok()?;
        let model = Checkpoint::from_bytes(part()?).ok()?;
        let method = Checkpoint::from_bytes(part()?).ok()?;
        rest.is_empty().then_some(Self { record, model, method })
    }
}
