//! Parameters as values: what a model is run with.

use super::{Entry, Handle, Params, copy};
use crate::optim::Rules;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::{Index, Range};
use tress_autograd::{Mistake, Value};
use tress_tensor::{Error, Float, Tensor};

/// Whether layers such as dropout act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// They do not.
    #[default]
    Evaluation,
    /// They do, with random numbers that follow from the seed of the step.
    Training {
        /// Another one for each step.
        seed: u64,
    },
}

/// The parameters of a model as values of the kind that shall run it, and the mode to run it in.
#[derive(Clone, Debug)]
pub struct Bound<V> {
    slots: Vec<Slot<V>>,
    len: usize,
    mode: Mode,
    /// Whether state is renewed to what one batch says, whatever was there before.
    afresh: bool,
    /// The streams of random numbers of frozen layers.
    still: Vec<u64>,
    /// New values of state, in the order in which layers have set them aside.
    pub(super) renewed: RefCell<Vec<(Handle, V)>>,
}

#[derive(Clone, Debug)]
struct Slot<V> {
    value: V,
    handle: Handle,
    trained: bool,
    frozen: bool,
}

impl<V> Bound<V> {
    pub(super) fn new<'e>(values: impl Iterator<Item = (&'e Entry, V)>, len: usize, still: &[u64]) -> Self {
        let slot = |(entry, value): (&Entry, V)| Slot {
            value,
            handle: entry.handle,
            trained: entry.is_trained(),
            frozen: entry.frozen,
        };
        Self {
            slots: values.map(slot).collect(),
            len,
            mode: Mode::Evaluation,
            afresh: false,
            still: still.to_vec(),
            renewed: RefCell::default(),
        }
    }

    /// In training mode, with the seed of this step: dropout acts.
    pub fn training(mut self, seed: u64) -> Self {
        self.mode = Mode::Training { seed };
        self
    }

    /// What layers set aside is what this batch alone says: running means move all the way. It is how
    /// [`Statistics`](crate::Statistics) are taken again.
    pub fn afresh(mut self) -> Self {
        self.afresh = true;
        self
    }

    /// Which part of the way running means move towards those of a batch: `momentum`, the layer's own, or all of it where
    /// they are taken [afresh](Bound::afresh).
    pub fn pace(&self, momentum: f64) -> f64 {
        if self.afresh { 1.0 } else { momentum }
    }

    /// In evaluation mode, which is the default.
    pub fn evaluation(mut self) -> Self {
        self.mode = Mode::Evaluation;
        self
    }

    /// The mode. A layer that may be [frozen](crate::Params::freeze) asks for [its own](Bound::mode_of).
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The mode of the layer that this parameter or state belongs to: evaluation where it is
    /// [frozen](crate::Params::freeze).
    pub fn mode_of(&self, handle: &Handle) -> Mode {
        let own = self.slots.get(handle.index).filter(|slot| slot.handle == *handle);
        if own.is_some_and(|slot| slot.frozen) { Mode::Evaluation } else { self.mode }
    }

    /// The mode of the layer that draws from this [stream](crate::Scope::stream), as [`mode_of`](Bound::mode_of).
    pub fn mode_of_stream(&self, stream: u64) -> Mode {
        if self.still.contains(&stream) { Mode::Evaluation } else { self.mode }
    }

    /// With what the rules of an optimiser freeze as if it were [frozen](crate::Params::freeze) in the parameters, which
    /// these are the values of. Not for everybody: that entries are trained and that they are leaves is one thing outside.
    pub(crate) fn frozen_by<T: Float>(mut self, rules: &Rules, params: &Params<T>) -> Self {
        if rules.freeze_nothing() {
            return self;
        }
        for (slot, entry) in self.slots.iter_mut().zip(params.entries()) {
            slot.frozen |= rules.freezes(entry.name());
            slot.trained &= !slot.frozen;
        }
        self.still.extend(params.streams_where(|path| rules.freezes(path)));
        self
    }

    /// The value of a parameter; `None` if the handle is one of another model.
    pub fn get(&self, handle: &Handle) -> Option<&V> {
        self.slots.get(handle.index).filter(|slot| slot.handle == *handle).map(|slot| &slot.value)
    }

    /// The number of numbers in the block, P.
    pub fn block_len(&self) -> usize {
        self.len
    }

    /// All values, in the order of the block: parameters and state.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.slots.iter().map(|slot| &slot.value)
    }

    /// The same parameters with what `change` makes of each value: a step inside of a step (as meta-learning takes it),
    /// or another kind of value. It is told whether the value is trained. What layers have [renewed](Bound::renew) stays
    /// behind.
    pub fn map<W>(&self, mut change: impl FnMut(&V, bool) -> W) -> Bound<W> {
        let slot = |slot: &Slot<V>| Slot {
            value: change(&slot.value, slot.trained),
            handle: slot.handle,
            trained: slot.trained,
            frozen: slot.frozen,
        };
        let (slots, still) = (self.slots.iter().map(slot).collect(), self.still.clone());
        let Self { len, mode, afresh, .. } = *self;
        Bound { slots, len, mode, afresh, still, renewed: RefCell::default() }
    }
}

impl<V: Clone> Bound<V> {
    /// What was set aside so far, in that order.
    pub(crate) fn set_aside(&self) -> Vec<(Handle, V)> {
        self.renewed.borrow().clone()
    }
}

impl<V: Value> Bound<V> {
    /// The value of a parameter, for a layer that is applied to `x`: a handle of another model makes a mistake there.
    #[track_caller]
    pub fn fetch(&self, handle: &Handle, x: &V) -> V {
        match self.get(handle) {
            Some(value) => value.clone(),
            None => x.fail(Error::Setting { op: "layer", why: "its parameters belong to another `Params`" }),
        }
    }

    /// As [`fetch`](Bound::fetch), for a parameter that a layer may do without.
    #[track_caller]
    pub fn fetch_some(&self, handle: Option<&Handle>, x: &V) -> Option<V> {
        match handle {
            Some(handle) => Some(self.fetch(handle, x)), // not `map`: a closure would lose the caller's place
            None => None,
        }
    }

    /// Sets a new value of state aside, as batch norm does with its running mean in training: the parameters themselves
    /// are not changed by running a model. [`renewed`](Bound::renewed) hands it out after the step. Of several values for
    /// one handle the last one counts.
    pub fn renew(&self, handle: &Handle, value: V) {
        self.renewed.borrow_mut().push((*handle, value));
    }

    /// The value of state as it is by now: what was set aside last, or what it is bound to. A layer that is applied twice
    /// in a step goes on from its first time.
    #[track_caller]
    pub fn latest(&self, handle: &Handle, x: &V) -> V {
        let renewed = self.renewed.borrow();
        match renewed.iter().rfind(|(other, _)| other == handle) {
            Some((_, value)) => value.clone(),
            None => self.fetch(handle, x),
        }
    }

    /// The trained parameters, over the whole block.
    pub fn leaves(&self) -> Leaves<V> {
        self.leaves_in(core::slice::from_ref(&(0..self.len)))
    }

    /// The trained parameters that lie in `ranges` of the block (rising, without overlap), over those ranges end to end.
    pub fn leaves_in(&self, ranges: &[Range<usize>]) -> Leaves<V> {
        let mut leaves = Leaves { values: Vec::with_capacity(self.slots.len()), places: Vec::new(), len: 0 };
        for range in ranges {
            let trained = self.slots.iter().filter(|slot| slot.trained);
            for slot in trained {
                let place = slot.handle.range();
                if range.start <= place.start && place.end <= range.end {
                    leaves.values.push(slot.value.clone());
                    let start = leaves.len + place.start - range.start;
                    leaves.places.push(start..start + place.len());
                }
            }
            leaves.len += range.len();
        }
        leaves
    }
}

impl<V> Index<Handle> for Bound<V> {
    type Output = V;

    /// The value of a parameter.
    ///
    /// # Panics
    /// If the handle is one of another model, as an index out of range does.
    fn index(&self, handle: Handle) -> &V {
        match self.get(&handle) {
            Some(value) => value,
            None => panic!("the parameter {handle:?} belongs to another `Params`"),
        }
    }
}

/// Values that a gradient is asked of, and where in a block each gradient goes.
#[derive(Clone, Debug)]
pub struct Leaves<V> {
    values: Vec<V>,
    places: Vec<Range<usize>>,
    len: usize,
}

impl<V> Leaves<V> {
    /// The values: what a sweep wants the cotangents of.
    pub fn values(&self) -> &[V] {
        &self.values
    }

    /// Where in the block the gradient of each leaf goes.
    pub fn places(&self) -> &[Range<usize>] {
        &self.places
    }

    /// The number of numbers in the block, of which leaves need not cover all.
    pub fn block_len(&self) -> usize {
        self.len
    }

    /// One block `[P]` from a cotangent of each leaf; zeros where there is none.
    ///
    /// # Errors
    /// A list of another length, or a cotangent with another number of numbers than its leaf.
    #[track_caller]
    pub fn block<T: Float>(&self, cotangents: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Mistake> {
        let parts = self.places.iter().cloned().zip(cotangents);
        let parts = parts.filter_map(|(place, cotangent)| Some((place, cotangent.as_ref()?)));
        if cotangents.len() == self.places.len()
            && let Ok(block) = Tensor::assembled(self.len, parts)
        {
            return Ok(block);
        }
        // Places that do not ascend, or cotangents that do not fit.
        let mut block = Tensor::zeros([self.len]).map_err(Mistake::here)?;
        self.write(1, cotangents, block.make_mut())?;
        Ok(block)
    }

    /// One block for each of K: `[K, P]` from a cotangent `[K, ..]` of each leaf; zeros where there is none.
    ///
    /// # Errors
    /// As [`block`](Leaves::block).
    #[track_caller]
    pub fn rows<T: Float>(&self, k: usize, cotangents: &[Option<Tensor<T>>]) -> Result<Tensor<T>, Mistake> {
        let mut rows = Tensor::zeros([k, self.len]).map_err(Mistake::here)?;
        self.write(k, cotangents, rows.make_mut())?;
        Ok(rows)
    }

    /// Adds `scale` times the cotangent of each leaf to a block `[P]`; nothing where there is none.
    ///
    /// # Errors
    /// As [`block`](Leaves::block), or a block of another length.
    #[track_caller]
    pub fn add<T: Float>(
        &self,
        cotangents: &[Option<Tensor<T>>],
        scale: T,
        block: &mut Tensor<T>,
    ) -> Result<(), Mistake> {
        if cotangents.len() != self.places.len() || **block.shape() != [self.len] {
            let why = "one cotangent for each leaf is wanted, and a block of one number for each parameter";
            return Err(Mistake::here(Error::Setting { op: "block", why }));
        }
        let block = block.make_mut();
        for (place, cotangent) in self.places.iter().zip(cotangents) {
            let Some(cotangent) = cotangent else { continue };
            if cotangent.len() != place.len() {
                let why = "the cotangent must have as many numbers as its leaf";
                return Err(Mistake::here(Error::Unfit { op: "block", shape: *cotangent.shape(), why }));
            }
            let dense = cotangent.contiguous();
            let numbers = dense.as_slice().unwrap_or_default();
            for (sum, &number) in block[place.clone()].iter_mut().zip(numbers) {
                *sum = *sum + scale * number;
            }
        }
        Ok(())
    }

    #[track_caller]
    fn write<T: Float>(
        &self,
        k: usize,
        cotangents: &[Option<Tensor<T>>],
        rows: &mut [T],
    ) -> Result<(), Mistake> {
        if cotangents.len() != self.places.len() {
            let why = "one cotangent for each leaf is wanted";
            return Err(Mistake::here(Error::Setting { op: "block", why }));
        }
        for (place, cotangent) in self.places.iter().zip(cotangents) {
            let Some(cotangent) = cotangent else { continue };
            if cotangent.len() != k * place.len() {
                let why = "the cotangent must have as many numbers as its leaf";
                return Err(Mistake::here(Error::Unfit { op: "block", shape: *cotangent.shape(), why }));
            }
            if k == 1 {
                copy(cotangent, &mut rows[place.clone()]);
                continue;
            }
            let dense = cotangent.contiguous();
            let numbers = dense.as_slice().unwrap_or_default();
            for (row, part) in numbers.chunks_exact(place.len().max(1)).enumerate() {
                let start = row * self.len + place.start;
                rows[start..start + part.len()].copy_from_slice(part);
            }
        }
        Ok(())
    }
}
