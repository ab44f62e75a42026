//! Parts of a model that are not trained: frozen by name, before any gradient is taken.

use super::Params;
use crate::Error;
use crate::pattern::Pattern;
use crate::random::{mix, stream_of};
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::Float;

impl<T: Float> Params<T> {
    /// Freezes what fits a pattern of names, those of [`Rules`](crate::optim::Rules): the whole name or a scope (`trunk`),
    /// the end of a name (`.bias`), or stars (`trunk.*.weight`).
    ///
    /// A frozen parameter is no leaf of a sweep, so that no work is done for its gradient, nor for those of values that only
    /// frozen parameters lead to; and no optimiser changes it, by decay or momentum either. A layer whose state or whose
    /// scope is frozen runs in evaluation mode while the others train: batch norm uses its running statistics and leaves
    /// them alone, dropout does nothing. It holds for what is declared by now, and for parameters that are bound later;
    /// files and checkpoints do not hold it.
    ///
    /// ```
    /// use tress_autograd::{Pointwise, Reduce, Tape};
    /// use tress_nn::{BatchNorm, Dense, Gradient, Layer, Params, Sequential};
    /// use tress_tensor::Tensor;
    ///
    /// let mut params = Params::<f32>::new(1);
    /// let trunk = Sequential::new()
    ///     .then(Dense::new(&mut params.scope("trunk.dense"), 2, 3)?)
    ///     .then(BatchNorm::new(&mut params.scope("trunk.norm"), 3)?);
    /// let head = Dense::new(&mut params.scope("head"), 3, 1)?;
    /// params.freeze("trunk")?;
    ///
    /// let tape = Tape::new();
    /// let bound = params.on(&tape).training(0);
    /// assert_eq!(bound.leaves().values().len(), 2, "weight and bias of the head");
    /// let x = tape.var(Tensor::full([4, 2], 1.0)?);
    /// let loss = head.apply(&bound, &trunk.apply(&bound, &x)).square().mean_all();
    /// let gradient = loss.gradient(&bound)?;
    /// assert!(gradient.to_vec()[params.range_of("trunk")?].iter().all(|&g| g == 0.0));
    /// assert!(bound.renewed()?.is_empty(), "the running statistics stay as they are");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing fits the pattern: a name that is misspelt would train what should be frozen.
    pub fn freeze(&mut self, pattern: &str) -> Result<(), Error> {
        self.set_frozen(pattern, true)
    }

    /// Lets what fits a pattern be trained again; state is state, as before.
    ///
    /// ```
    /// use tress_nn::{Dense, Params};
    /// let mut params = Params::<f32>::new(1);
    /// Dense::new(&mut params.scope("trunk"), 2, 3)?;
    /// Dense::new(&mut params.scope("head"), 3, 1)?;
    /// params.freeze("")?; // everything
    /// params.unfreeze("head")?;
    /// assert_eq!(params.trained_len(), 4);
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`freeze`](Params::freeze).
    pub fn unfreeze(&mut self, pattern: &str) -> Result<(), Error> {
        self.set_frozen(pattern, false)
    }

    fn set_frozen(&mut self, pattern: &str, frozen: bool) -> Result<(), Error> {
        let wanted = Pattern::new(pattern);
        let mut found = false;
        for entry in self.entries.iter_mut().filter(|entry| wanted.matches(&entry.name)) {
            (entry.frozen, found) = (frozen, true);
        }
        if !found {
            return Err(Error::Unknown { name: String::from(pattern) });
        }
        let streams: Vec<u64> = self.streams_where(|path| wanted.matches(path)).collect();
        self.still.retain(|stream| !streams.contains(stream));
        if frozen {
            self.still.extend(streams);
        }
        Ok(())
    }

    /// The streams of random numbers of the scopes whose paths are such.
    pub(super) fn streams_where(&self, is_such: impl Fn(&str) -> bool) -> impl Iterator<Item = u64> {
        let such = self.streams.iter().filter(move |(path, _)| is_such(path));
        such.flat_map(|(path, count)| (0..=*count).map(move |i| mix(stream_of(path), i)))
    }
}
