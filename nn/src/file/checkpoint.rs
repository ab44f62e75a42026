//! A whole training run in one file: parameters, states of optimisers, random numbers, counts, and a checksum.
//!
//! A checkpoint is a safetensors file, so other programs can look into it. Parameters are tensors `params/NAME`, blocks of
//! a state tensors `state/WHOSE/NAME`; counts, numbers (as the bits of an `f64`) and random states are texts of the
//! header. The first text is the CRC-32 of the whole file, taken with zeros in its own place.

use super::archive;
use super::crc::Crc;
use super::decode::{encode, numbers};
use super::{Archive, Dtype, FileError};
use crate::optim::State;
use crate::{Error, Params, Random};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tress_tensor::{Float, Shape, Tensor};

/// What every checkpoint begins with, behind the eight bytes of the header's length; the checksum follows.
const HEAD: &[u8] = b"{\"__metadata__\":{\"checksum\":\"";
/// Where the eight digits of the checksum are.
const SUM: core::ops::Range<usize> = 8 + HEAD.len()..16 + HEAD.len();
/// The text that says what the file is, and in which version.
const FORMAT: &str = "tress checkpoint 1";

/// Everything that a training run needs to go on as if it had not stopped.
///
/// ```
/// use tress_nn::file::Checkpoint;
/// use tress_nn::{Adam, Dense, Optimiser, Params, Random};
/// use tress_tensor::Tensor;
/// # let path = std::env::temp_dir().join(format!("tress-doc-{}.checkpoint", std::process::id()));
/// let mut params = Params::<f32>::new(1);
/// Dense::new(&mut params.root(), 2, 3)?;
/// let (mut adam, random) = (Adam::new(0.01), Random::new(5));
/// adam.step(&mut params, &Tensor::full([9], 1.0)?)?;
///
/// let checkpoint = Checkpoint::new(&params).state("adam", adam.state()).random("noise", &random).count("epoch", 3);
/// checkpoint.save(&path)?; // at any moment the old file or the new one is there
///
/// let found = Checkpoint::load(&path)?;
/// let (mut params, mut adam) = (Params::<f32>::new(2), Adam::new(0.01));
/// Dense::new(&mut params.root(), 2, 3)?;
/// found.restore(&mut params)?;
/// adam.restore(found.state_of("adam")?, &params)?;
/// assert_eq!((found.random_of("noise")?, found.count_of("epoch")?), (random, 3));
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<T: Float = f32> {
    params: Vec<(String, Tensor<T>)>,
    states: Vec<(String, State<T>)>,
    randoms: Vec<(String, Random)>,
    counts: Vec<(String, u64)>,
}

impl<T: Float> Checkpoint<T> {
    /// Of these parameters, which are shared, not copied.
    pub fn new(params: &Params<T>) -> Self {
        let tensor =
            |entry: &crate::Entry| Some((String::from(entry.name()), params.tensor(entry.name()).ok()?));
        Self {
            params: params.entries().filter_map(tensor).collect(),
            states: Vec::new(),
            randoms: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// With the state of an optimiser, an average or a plateau under a name; an earlier one of that name is replaced.
    pub fn state(mut self, name: &str, state: State<T>) -> Self {
        put(&mut self.states, name, state);
        self
    }

    /// With a stream of random numbers under a name.
    pub fn random(mut self, name: &str, random: &Random) -> Self {
        put(&mut self.randoms, name, random.clone());
        self
    }

    /// With a count under a name: an epoch, a step, a seed.
    pub fn count(mut self, name: &str, count: u64) -> Self {
        put(&mut self.counts, name, count);
        self
    }

    /// Fills the parameters, which must have the same names and shapes.
    ///
    /// # Errors
    /// They do not; then nothing is changed.
    pub fn restore(&self, params: &mut Params<T>) -> Result<(), Error> {
        let mut report = super::Report::default();
        for entry in params.entries() {
            match self.params.iter().find(|(name, _)| name == entry.name()) {
                None => report.missing.push(String::from(entry.name())),
                Some((name, tensor)) if tensor.shape() != entry.shape() => {
                    let (name, found) = (name.clone(), tensor.shape().to_vec());
                    report.misshapen.push(super::Misshapen { name, found, expected: *entry.shape() });
                }
                Some(_) => {}
            }
        }
        let strangers = self.params.iter().filter(|(name, _)| params.entry(name).is_none());
        report.extra = strangers.map(|(name, _)| name.clone()).collect();
        if !report.is_complete() {
            return Err(Error::File(FileError::Differs(report)));
        }
        self.params.iter().try_for_each(|(name, tensor)| params.set(name, tensor))
    }

    /// The state of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn state_of(&self, name: &str) -> Result<&State<T>, Error> {
        get(&self.states, name, "state")
    }

    /// The stream of random numbers of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn random_of(&self, name: &str) -> Result<Random, Error> {
        get(&self.randoms, name, "random state").cloned()
    }

    /// The count of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn count_of(&self, name: &str) -> Result<u64, Error> {
        get(&self.counts, name, "count").copied()
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut texts = alloc::vec![(String::from("checksum"), "0".repeat(8))];
        texts.push((String::from("format"), String::from(FORMAT)));
        texts.extend(self.counts.iter().map(|(name, count)| (format!("count/{name}"), count.to_string())));
        for (name, random) in &self.randoms {
            let words: Vec<String> = random.state().iter().map(|word| format!("{word:016x}")).collect();
            texts.push((format!("random/{name}"), words.join(" ")));
        }
        let mut tensors: Vec<(String, &Tensor<T>)> = Vec::new();
        tensors.extend(self.params.iter().map(|(name, tensor)| (format!("params/{name}"), tensor)));
        for (whose, state) in &self.states {
            texts.push((format!("state/{whose}"), String::from(state.kind())));
            let counts = state.counts().map(|(name, count)| (name, 'c', count));
            let numbers = state.numbers().map(|(name, number)| (name, 'n', number.to_bits()));
            // The length of the first name tells where the second one begins, whatever they are.
            for (name, kind, bits) in counts.chain(numbers) {
                texts.push((format!("value/{}/{whose}/{name}", whose.len()), format!("{kind}{bits:016x}")));
            }
            let blocks = state.blocks();
            tensors
                .extend(blocks.map(|(name, block)| (format!("state/{}/{whose}/{name}", whose.len()), block)));
        }
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let shapes = tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.shape()[..]));
        let header = archive::header(shapes, Dtype::of::<T>(), &texts);
        let size: usize = tensors.iter().map(|(_, tensor)| tensor.len() * size_of::<T>()).sum();
        let mut bytes = Vec::with_capacity(8 + header.len() + size);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        for (_, tensor) in &tensors {
            encode(tensor.contiguous().as_slice().unwrap_or_default(), &mut bytes);
        }
        let sum = format!("{:08x}", checksum(&bytes));
        bytes[SUM].copy_from_slice(sum.as_bytes());
        bytes
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are no checkpoint, or not all of one, or not as they were written; or their numbers are of another type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |why| Error::File(FileError::Checkpoint { why });
        if bytes.get(8..SUM.start) != Some(HEAD) || bytes.len() < SUM.end {
            return Err(wrong(
                "it does not begin as a checkpoint does; is it another file? if it is damaged, delete it, or restore a copy",
            ));
        }
        if format!("{:08x}", checksum(bytes)).as_bytes() != &bytes[SUM] {
            return Err(Error::File(FileError::Checksum));
        }
        // From here on the bytes are as somebody wrote them; but that need not have been this library.
        let archive = Archive::read(bytes)?;
        let texts: Vec<(&str, &str)> = archive.metadata().collect();
        if !texts.contains(&("format", FORMAT)) {
            return Err(wrong("it is of another version"));
        }
        let mut found =
            Self { params: Vec::new(), states: Vec::new(), randoms: Vec::new(), counts: Vec::new() };
        // Where each state is, so that many names take no longer than their number.
        let mut places = BTreeMap::new();
        for (key, text) in &texts {
            if let Some(name) = key.strip_prefix("count/") {
                let count = text.parse().map_err(|_| wrong("a count is no number"))?;
                found.counts.push((String::from(name), count));
            } else if let Some(name) = key.strip_prefix("random/") {
                let words: Result<Vec<u64>, _> =
                    text.split(' ').map(|word| u64::from_str_radix(word, 16)).collect();
                let random = words.ok().and_then(|words| Random::from_state(words.try_into().ok()?));
                let random = random.ok_or_else(|| wrong("a random state is none"))?;
                found.randoms.push((String::from(name), random));
            } else if let Some(name) = key.strip_prefix("state/") {
                if places.insert(name, found.states.len()).is_some() {
                    return Err(wrong("two states have one name"));
                }
                found.states.push((String::from(name), State::new(text)));
            }
        }
        let why = "a value or tensor belongs to a state that is not there";
        let place_of = |whose: &str| places.get(whose).copied().ok_or(wrong(why));
        for (key, text) in &texts {
            let Some(path) = key.strip_prefix("value/") else { continue };
            let (whose, name) = parts(path).ok_or_else(|| wrong("a value has no name"))?;
            let bits = text.get(1..).and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let bits = bits.ok_or_else(|| wrong("a value is no number"))?;
            let state = &mut found.states[place_of(whose)?].1;
            let before = core::mem::replace(state, State::new(""));
            *state = match text.starts_with('n') {
                true => before.with_number(name, f64::from_bits(bits)),
                false => before.with_count(name, bits),
            };
        }
        for item in archive.items() {
            if item.dtype() != Dtype::of::<T>() {
                return Err(wrong("its numbers are of another type than the model's"));
            }
            let tensor = Tensor::new(Shape::named("checkpoint", item.shape())?, &numbers::<T>(item))?;
            if let Some(name) = item.name().strip_prefix("params/") {
                found.params.push((String::from(name), tensor));
            } else {
                let path = item.name().strip_prefix("state/").and_then(parts);
                let (whose, name) = path.ok_or_else(|| wrong("a tensor is neither parameter nor state"))?;
                let state = &mut found.states[place_of(whose)?].1;
                *state = core::mem::replace(state, State::new("")).with_block(name, tensor);
            }
        }
        Ok(found)
    }

    /// Writes the file, such that at any moment the old one or the new one is there, whole:
    /// [`write_atomic`](super::write_atomic).
    ///
    /// # Errors
    /// What the system says, with the path.
    #[cfg(feature = "std")]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<(), Error> {
        super::write_atomic(path, &self.to_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What the system says, or as [`from_bytes`](Checkpoint::from_bytes); either with the path.
    #[cfg(feature = "std")]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| super::atomic::io_error(path, &error))?;
        Self::from_bytes(&bytes).map_err(|error| error.at(path))
    }
}

/// The sum of a file, zeros taken for its own sum.
fn checksum(bytes: &[u8]) -> u32 {
    Crc::new().add(&bytes[..SUM.start]).add(&[b'0'; 8]).add(&bytes[SUM.end..]).sum()
}

/// The two names in `LENGTH/FIRST/SECOND`, where the first one may have slashes.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (length, rest) = path.split_once('/')?;
    let (first, second) = rest.split_at_checked(length.parse().ok()?)?;
    Some((first, second.strip_prefix('/')?))
}

fn put<V>(list: &mut Vec<(String, V)>, name: &str, value: V) {
    match list.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = value,
        None => list.push((String::from(name), value)),
    }
}

fn get<'a, V>(list: &'a [(String, V)], name: &str, what: &str) -> Result<&'a V, Error> {
    let found = list.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    found.ok_or_else(|| Error::State { why: format!("the checkpoint has no {what} `{name}`") })
}
