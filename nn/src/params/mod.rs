//! Parameters: one block of numbers, and the names and shapes of what lies in it.

mod bound;
mod entry;
mod freeze;
mod gradient;
mod renewed;
mod scope;
mod statistics;
mod tree;

pub use bound::{Bound, Leaves, Mode};
pub use entry::{Entry, Handle};
pub use gradient::{Covered, Gradient};
pub use renewed::Renewed;
pub use scope::Scope;
pub(crate) use statistics::Kept;
pub use statistics::Statistics;

use crate::random::{Random, mix, stream_of};
use crate::{Error, Init};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use tress_autograd::{Eager, Outline, Tape, Value, Var};
use tress_tensor::{Float, Shape, Tensor};

/// All numbers of a model in one block, each parameter at a named place of it.
///
/// An optimiser step is one pass over the block, a gradient is a block of the same layout, and weights in flash are a
/// block that is never copied. Layers hold [`Handle`]s; [`on`](Params::on), [`eager`](Params::eager) and
/// [`outline`](Params::outline) give the parameters as values of the kind that shall run the model.
///
/// ```
/// use tress_nn::{Dense, Params};
/// let mut params = Params::<f32>::new(7);
/// let left = Dense::new(&mut params.scope("left"), 50, 10)?;
/// assert_eq!(params.len(), 510);
/// let names: Vec<&str> = params.entries().map(|entry| entry.name()).collect();
/// assert_eq!(names, ["left.weight", "left.bias"]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Params<T: Float = f32> {
    origin: Origin,
    /// `[capacity]`; the parameters are the first `len` numbers. Room is doubled when it runs out, so that declaring
    /// parameters costs a copy of each number or two, not one for each parameter that follows.
    room: Tensor<T>,
    len: usize,
    entries: Vec<Entry>,
    /// How many streams of random numbers each path has been given.
    streams: Vec<(String, u64)>,
    /// The streams of frozen layers.
    still: Vec<u64>,
}

/// Where the numbers of a new parameter come from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// They are drawn.
    Seed(u64),
    /// They are the next ones of the block.
    Stored,
}

impl<T: Float> Params<T> {
    /// No parameters yet. Those that will be declared are drawn from streams of `seed` and their own names, so they do
    /// not depend on what else is declared, or in which order.
    pub fn new(seed: u64) -> Self {
        Self {
            origin: Origin::Seed(seed),
            room: Tensor::vector(&[]),
            len: 0,
            entries: Vec::new(),
            streams: Vec::new(),
            still: Vec::new(),
        }
    }

    /// Parameters over numbers that live for ever, such as weights in flash: each parameter that is declared takes the
    /// next numbers of the block, and nothing is drawn or copied.
    ///
    /// ```
    /// use tress_nn::{Dense, Params};
    /// static WEIGHTS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 0.5, 0.25]; // in the order of declaration
    /// let mut params = Params::from_static(&WEIGHTS);
    /// let layer = Dense::new(&mut params.root(), 2, 2)?;
    /// params.is_complete()?;
    /// assert_eq!(params.tensor("bias")?.to_vec(), [0.5, 0.25]);
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    pub fn from_static(numbers: &'static [T]) -> Self {
        // A slice that exists has a length that a shape can hold.
        let room = Tensor::from_static([numbers.len()], numbers).unwrap_or_else(|_| Tensor::vector(&[]));
        let (entries, streams, still) = (Vec::new(), Vec::new(), Vec::new());
        Self { origin: Origin::Stored, room, len: 0, entries, streams, still }
    }

    /// Whether all stored numbers belong to a parameter.
    ///
    /// # Errors
    /// Numbers that are left over, after [`from_static`](Params::from_static): another model wrote them.
    pub fn is_complete(&self) -> Result<(), Error> {
        match self.origin {
            Origin::Stored if self.room.len() != self.len => {
                Err(Error::Stored { stored: self.room.len(), needed: self.len })
            }
            _ => Ok(()),
        }
    }

    /// The scope of all names.
    pub fn root(&mut self) -> Scope<'_, T> {
        Scope::new(self, String::new())
    }

    /// A scope: names declared in it begin with `name` and a dot.
    pub fn scope(&mut self, name: &str) -> Scope<'_, T> {
        Scope::new(self, String::from(name))
    }

    /// The number of numbers, P.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of numbers that optimisers change: without state, and without what is [frozen](Params::freeze).
    pub fn trained_len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_trained()).map(|entry| entry.shape().len()).sum()
    }

    /// The parameters and state, in the order of the block.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + Clone {
        self.entries.iter()
    }

    /// The entry of this whole name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The numbers of the parameter of this whole name, in its shape: a view.
    ///
    /// # Errors
    /// No such name.
    pub fn tensor(&self, name: &str) -> Result<Tensor<T>, Error> {
        let entry = self.entry(name).ok_or_else(|| Error::Unknown { name: String::from(name) })?;
        self.view(entry)
    }

    /// The places of everything in a scope, as few ranges as possible, rising: one if the scope was built in one go.
    ///
    /// # Errors
    /// Nothing has that name or lies in that scope.
    pub fn ranges_of(&self, path: &str) -> Result<Vec<Range<usize>>, Error> {
        let ranges: Vec<_> =
            self.runs(|entry| entry.is_in(path).then_some(())).map(|(range, ())| range).collect();
        let found = self.entries.iter().any(|entry| entry.is_in(path));
        if found { Ok(ranges) } else { Err(Error::Unknown { name: String::from(path) }) }
    }

    /// The places of everything in a scope, if they are one range.
    ///
    /// # Errors
    /// Nothing has that name or lies in that scope, or other parameters lie in between.
    pub fn range_of(&self, path: &str) -> Result<Range<usize>, Error> {
        match &self.ranges_of(path)?[..] {
            [] => Ok(0..0),
            [range] => Ok(range.clone()),
            _ => {
                let why = "the scope lies in several parts of the block; use `ranges_of`";
                Err(Error::Setting { of: "range_of", why })
            }
        }
    }

    /// The block cut into runs of neighbouring entries for which `kind` gives the same; entries with `None` are left
    /// out.
    pub fn runs<K: PartialEq>(
        &self,
        mut kind: impl FnMut(&Entry) -> Option<K>,
    ) -> impl Iterator<Item = (Range<usize>, K)> {
        let mut entries = self.entries.iter().filter(|entry| !entry.range().is_empty()).peekable();
        core::iter::from_fn(move || {
            loop {
                let entry = entries.next()?;
                let Some(now) = kind(entry) else { continue };
                let mut range = entry.range();
                while let Some(next) = entries.peek() {
                    if kind(next).as_ref() != Some(&now) {
                        break;
                    }
                    range.end = next.range().end;
                    entries.next();
                }
                return Some((range, now));
            }
        })
    }

    /// All numbers as one tensor `[P]`: a view.
    pub fn block(&self) -> Tensor<T> {
        // The first `len` of at least as many numbers always exist.
        self.room.slice(0, 0, self.len, 1).unwrap_or_else(|_| self.room.clone())
    }

    /// All numbers, for writing. Tensors that were given out keep what they show: if there are any, the block is copied
    /// first. To avoid that copy, reset the tape and let go of bound values before an optimiser step.
    pub fn block_mut(&mut self) -> &mut [T] {
        let len = self.len;
        &mut self.room.make_mut()[..len]
    }

    /// Takes all numbers from a tensor `[P]`, which is shared, not copied.
    ///
    /// # Errors
    /// Another shape than `[P]`.
    pub fn set_block(&mut self, block: &Tensor<T>) -> Result<(), Error> {
        self.expect_block("block", block)?;
        self.room = block.contiguous();
        Ok(())
    }

    /// Takes the numbers of one parameter.
    ///
    /// # Errors
    /// No such name, or another shape.
    pub fn set(&mut self, name: &str, tensor: &Tensor<T>) -> Result<(), Error> {
        let entry = self.entry(name).ok_or_else(|| Error::Unknown { name: String::from(name) })?;
        if entry.shape() != tensor.shape() {
            let (left, right) = (*entry.shape(), *tensor.shape());
            let why = "the parameter has another shape";
            let error = tress_tensor::Error::Mismatch { op: "set", left, right, why, lengths: None };
            return Err(Error::Parameter { name: String::from(name), error });
        }
        let range = entry.range();
        copy(tensor, &mut self.block_mut()[range]);
        Ok(())
    }

    /// Whether a tensor has one number for each parameter.
    pub(crate) fn expect_block(&self, what: &'static str, block: &Tensor<T>) -> Result<(), Error> {
        match block.shape()[..] {
            [len] if len == self.len => Ok(()),
            _ => Err(Error::Block { what, found: *block.shape(), parameters: self.len }),
        }
    }

    /// The parameters as values of any kind: what `value` makes of each entry and its numbers, which are a view.
    #[track_caller]
    pub fn bind<V: Value>(&self, mut value: impl FnMut(&Entry, Tensor<T>) -> V) -> Bound<V> {
        let slots = self.entries.iter().filter_map(|entry| Some((entry, self.view(entry).ok()?)));
        Bound::new(slots.map(|(entry, numbers)| (entry, value(entry, numbers))), self.len, &self.still)
    }

    /// The parameters as leaves of a tape; nothing is copied.
    #[track_caller]
    pub fn on<'t>(&self, tape: &'t Tape<Eager<T>>) -> Bound<Var<'t, Eager<T>>> {
        let mut leaves = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            if let Ok(numbers) = self.view(entry) {
                leaves.push((entry, tape.var(numbers))); // no closure: the place of a leaf is that of the caller
            }
        }
        Bound::new(leaves.into_iter(), self.len, &self.still)
    }

    /// The parameters as values that compute at once.
    pub fn eager(&self) -> Bound<Eager<T>> {
        self.bind(|_, numbers| Eager::new(numbers))
    }

    /// The shapes of the parameters: what a model is checked with before it does any work.
    pub fn outline(&self) -> Bound<Outline<T>> {
        self.bind(|_, numbers| Outline::new(*numbers.shape()))
    }

    fn view(&self, entry: &Entry) -> Result<Tensor<T>, Error> {
        let Range { start, end } = entry.range();
        Ok(self.room.slice(0, start, end, 1)?.reshape(*entry.shape())?)
    }

    /// Declares a parameter at the end of the block.
    fn declare(&mut self, name: String, shape: Shape, init: Init, trained: bool) -> Result<Handle, Error> {
        if name.split('.').any(str::is_empty) || name == "__metadata__" {
            return Err(Error::Name { name });
        }
        if self.entry(&name).is_some() {
            return Err(Error::Duplicate { name });
        }
        let init = init.checked()?;
        let (start, end) = (self.len, self.len.saturating_add(shape.len()));
        match self.origin {
            Origin::Stored if end > self.room.len() => {
                return Err(Error::Stored { stored: self.room.len(), needed: end });
            }
            Origin::Stored => {}
            Origin::Seed(seed) => {
                self.make_room(end).map_err(|error| Error::Parameter { name: name.clone(), error })?;
                let mut random = Random::new(mix(seed, stream_of(&name)));
                init.fill(&shape, &mut self.room.make_mut()[start..end], &mut random);
            }
        }
        self.len = end;
        let handle = Handle { index: self.entries.len(), start, shape };
        self.entries.push(Entry { name, handle, trained, frozen: false });
        Ok(handle)
    }

    fn make_room(&mut self, end: usize) -> Result<(), tress_tensor::Error> {
        if end > self.room.len() {
            let mut room = Tensor::zeros([end.max(self.room.len().saturating_mul(2))])?;
            copy(&self.block(), &mut room.make_mut()[..self.len]);
            self.room = room;
        }
        Ok(())
    }

    /// The next stream of random numbers of a path.
    fn stream(&mut self, path: &str) -> u64 {
        let count = match self.streams.iter_mut().find(|(other, _)| other == path) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.streams.push((String::from(path), 0));
                0
            }
        };
        mix(stream_of(path), count)
    }
}

/// Writes the numbers of `from`, in row-major order, into as many places.
pub(crate) fn copy<T: Float>(from: &Tensor<T>, to: &mut [T]) {
    let dense = from.contiguous();
    if let Some(numbers) = dense.as_slice() {
        to.copy_from_slice(numbers);
    }
}
