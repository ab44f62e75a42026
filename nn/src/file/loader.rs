//! From the tensors of a file to the parameters of a model: names, transposes, and what differs.

use super::decode::numbers;
use super::{Archive, Dtype, FileError, Item, Misshapen, Npz, Report};
use crate::pattern::Pattern;
use crate::{Entry, Error, Params};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tress_tensor::{Float, Shape};

/// Fills the parameters and state of a model from a file, strictly or leniently, all of them or some, under the same names
/// or others.
///
/// A `state_dict` of PyTorch, saved as safetensors, has other names, and matrices of linear layers as `[out, in]` where a
/// [`Dense`](crate::Dense) has `[in, out]`:
///
/// ```
/// use tress_nn::file::{Loader, save};
/// use tress_nn::{Dense, Init, Params};
/// // What PyTorch would have written of `Sequential(Linear(2, 3))` under the name `net`.
/// let mut theirs = Params::<f32>::new(1);
/// theirs.root().parameter("net.0.weight", [3, 2], Init::Normal(1.0))?;
/// theirs.root().parameter("net.0.bias", [3], Init::Normal(1.0))?;
/// let bytes = save(&theirs);
///
/// let mut params = Params::<f32>::new(2);
/// Dense::new(&mut params.scope("hidden"), 2, 3)?;
/// let report = Loader::new().scope("hidden", "net.0").transpose(".weight").safetensors(&mut params, &bytes)?;
/// assert!(report.is_complete());
/// assert_eq!(params.tensor("hidden.weight")?, theirs.tensor("net.0.weight")?.transpose(0, 1)?);
/// # Ok::<(), tress_nn::Error>(())
/// ```
///
/// Patterns are those of [`Rules`](crate::optim::Rules), and are of names of the model.
#[derive(Clone, Debug, Default)]
pub struct Loader {
    lenient: bool,
    only: Vec<Pattern>,
    transposed: Vec<Pattern>,
    scopes: Vec<(Pattern, String)>,
    lasts: Vec<(String, String)>,
    renamed: Vec<(String, String)>,
    /// Those of them that the model may do without.
    optional: Vec<String>,
    parts: Vec<(String, Part)>,
    ignored: Vec<Pattern>,
}

/// Which of several equal parts, along the first axis of the tensor in the file.
#[derive(Clone, Copy, Debug)]
struct Part {
    index: usize,
    of: usize,
}

impl Loader {
    /// Everything, under the same names, and strictly: a file with other names or shapes is an error.
    pub fn new() -> Self {
        Self::default()
    }

    /// What differs is reported and left as it is, and no error.
    pub fn lenient(self) -> Self {
        Self { lenient: true, ..self }
    }

    /// Fills what fits this pattern, or that of another call, and leaves the rest of the model as it is.
    pub fn only(mut self, pattern: &str) -> Self {
        self.only.push(Pattern::new(pattern));
        self
    }

    /// What the model has in the scope `model` is called `file` in the file. Of several scopes the first that fits is
    /// taken.
    pub fn scope(mut self, model: &str, file: &str) -> Self {
        self.scopes.push((Pattern::new(model), String::from(file)));
        self
    }

    /// What the model calls `model`, behind its last dot, the file calls `file`: `gain` and `weight`, say.
    pub fn last(mut self, model: &str, file: &str) -> Self {
        self.lasts.push((String::from(model), String::from(file)));
        self
    }

    /// The parameter of the whole name `model` is called `file` in the file, whatever is said of scopes.
    pub fn rename(mut self, model: &str, file: &str) -> Self {
        self.renamed.push((String::from(model), String::from(file)));
        self
    }

    /// As [`rename`](Loader::rename), of a parameter that the model may do without.
    pub(super) fn rename_some(mut self, model: &str, file: &str) -> Self {
        self.optional.push(String::from(model));
        self.rename(model, file)
    }

    /// The parameter `model` is part `index` of `of` equal ones that the tensor `file` falls into along its first axis: as
    /// queries, keys and values that the file keeps in one matrix. Axes that are exchanged are so in each part.
    pub fn part(mut self, model: &str, file: &str, index: usize, of: usize) -> Self {
        self.parts.push((String::from(model), Part { index, of }));
        self.rename(model, file)
    }

    /// As [`part`](Loader::part), of a parameter that the model may do without.
    pub(super) fn part_some(mut self, model: &str, file: &str, index: usize, of: usize) -> Self {
        self.optional.push(String::from(model));
        self.part(model, file, index, of)
    }

    /// What the file has under names that fit this pattern may be left over.
    pub fn ignore(mut self, pattern: &str) -> Self {
        self.ignored.push(Pattern::new(pattern));
        self
    }

    /// Matrices that fit this pattern have their axes exchanged in the file. Parameters of other numbers of axes are not
    /// meant.
    pub fn transpose(mut self, pattern: &str) -> Self {
        self.transposed.push(Pattern::new(pattern));
        self
    }

    /// Fills from the bytes of a safetensors file. Numbers of other precision are converted.
    ///
    /// # Errors
    /// The bytes are no such file; a pattern that fits no parameter; a tensor that does not hold floating-point numbers; or,
    /// unless lenient, names or shapes that differ. Then nothing is changed.
    pub fn safetensors<T: Float>(&self, params: &mut Params<T>, bytes: &[u8]) -> Result<Report, Error> {
        let archive = Archive::read(bytes)?;
        self.fill(params, archive.items())
    }

    /// Fills from the bytes of a npz file. Numbers of other precision are converted.
    ///
    /// # Errors
    /// As [`safetensors`](Loader::safetensors).
    pub fn npz<T: Float>(&self, params: &mut Params<T>, bytes: &[u8]) -> Result<Report, Error> {
        self.members(params, &Npz::read(bytes)?)
    }

    /// Fills from the members of a npz file that was read already, deflated ones perhaps.
    ///
    /// # Errors
    /// As [`safetensors`](Loader::safetensors).
    pub fn members<T: Float>(&self, params: &mut Params<T>, npz: &Npz<'_>) -> Result<Report, Error> {
        self.fill(params, &npz.items().map_err(Error::File)?)
    }

    /// The name that the file has for a parameter.
    fn name_of(&self, entry: &Entry) -> String {
        if let Some((_, file)) = self.renamed.iter().find(|(model, _)| model == entry.name()) {
            return file.clone();
        }
        let mut name = entry.name().to_string();
        if let Some((scope, file)) = self.scopes.iter().find(|(scope, _)| entry.is_in(scope.text())) {
            let rest = name[scope.text().len()..].trim_start_matches('.');
            let dot = if file.is_empty() || rest.is_empty() { "" } else { "." };
            name = format!("{file}{dot}{rest}");
        }
        let last = name.rfind('.').map_or(0, |dot| dot + 1);
        if let Some((_, file)) = self.lasts.iter().find(|(model, _)| *model == name[last..]) {
            name.replace_range(last.., file);
        }
        name
    }

    fn fill<T: Float>(&self, params: &mut Params<T>, items: &[Item<'_>]) -> Result<Report, Error> {
        let patterns =
            self.only.iter().chain(&self.transposed).chain(self.scopes.iter().map(|(scope, _)| scope));
        for pattern in patterns {
            if !params.entries().any(|entry| pattern.matches(entry.name())) {
                return Err(Error::Unknown { name: String::from(pattern.text()) });
            }
        }
        let wanted = self.renamed.iter().filter(|(name, _)| !self.optional.contains(name));
        if let Some((name, _)) = wanted.into_iter().find(|(name, _)| params.entry(name).is_none()) {
            return Err(Error::Unknown { name: name.clone() });
        }
        if self.parts.iter().any(|(_, part)| part.index >= part.of) {
            return Err(Error::Setting { of: "part", why: "the index of a part must be below their number" });
        }
        let any = |patterns: &[Pattern], entry: &Entry| patterns.iter().any(|p| p.matches(entry.name()));
        let by_name: BTreeMap<&str, &Item<'_>> = items.iter().map(|item| (item.name(), item)).collect();
        let (mut report, mut known, mut parts) = (Report::default(), BTreeSet::new(), Vec::new());
        for entry in params.entries() {
            let name = self.name_of(entry);
            let item = by_name.get(name.as_str());
            known.insert(name);
            if !self.only.is_empty() && !any(&self.only, entry) {
                continue;
            }
            let turned = entry.shape().rank() == 2 && any(&self.transposed, entry);
            let mut expected = match turned {
                true => Shape::named("load", &[entry.shape()[1], entry.shape()[0]])?,
                false => *entry.shape(),
            };
            let part = self.parts.iter().find(|(model, _)| model == entry.name()).map(|(_, part)| *part);
            if let (Some(part), Some(&rows)) = (part, expected.first()) {
                expected = expected.with(0, rows.saturating_mul(part.of))?;
            }
            match item {
                None => report.missing.push(String::from(entry.name())),
                Some(item) if item.shape() != &*expected => report.misshapen.push(Misshapen {
                    name: String::from(entry.name()),
                    found: item.shape().to_vec(),
                    expected,
                }),
                Some(item) => {
                    let turned = turned.then(|| entry.shape()[..2].to_vec());
                    parts.push((entry.range(), *item, part.map_or(0, |part| part.index), turned));
                }
            }
        }
        // What a program beside the weights has made itself belongs to no model.
        let is_stranger = |name: &str| {
            let ignored = self.ignored.iter().any(|pattern| pattern.matches(name));
            !known.contains(name) && !ignored && !name.starts_with(crate::device::MADE)
        };
        let strangers = items.iter().filter(|item| is_stranger(item.name()));
        report.extra = strangers.map(|item| String::from(item.name())).collect();

        // Everything is checked before anything is written.
        if !self.lenient && !report.is_complete() {
            return Err(Error::File(FileError::Differs(report)));
        }
        let floating = [Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64];
        if let Some((_, item, ..)) = parts.iter().find(|(_, item, ..)| !floating.contains(&item.dtype())) {
            let why = "only floating-point numbers can be read into parameters";
            return Err(Error::File(FileError::Tensor { name: String::from(item.name()), why }));
        }
        let block = params.block_mut();
        for (range, item, index, turned) in parts {
            let all: Vec<T> = numbers(item);
            let stored = &all[index * range.len()..][..range.len()];
            match turned.as_deref() {
                Some(&[rows, columns]) => {
                    for (i, number) in block[range].iter_mut().enumerate() {
                        *number = stored[i % columns * rows + i / columns];
                    }
                }
                _ => block[range].copy_from_slice(stored),
            }
        }
        Ok(report)
    }
}
