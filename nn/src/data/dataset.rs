//! Columns of numbers, integers and labels, one row a sample, that stay aligned.

use crate::{Error, Labels};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::{Element, Float, Shape, Tensor};

/// One column of a [`Dataset`].
#[derive(Clone, Debug)]
pub enum Column<T: Float = f32> {
    /// `[N, ..]`.
    Numbers(Tensor<T>),
    /// `[N, ..]`, such as the codes of words: for embeddings, gathers and whatever else takes an index.
    Integers(Tensor<u32>),
    /// N of them.
    Labels(Labels),
    /// Several a sample: the tag of each step, the class of each pixel.
    LabelsEach {
        /// N times `entries` of them, sample by sample.
        labels: Labels,
        /// How many a sample has.
        entries: usize,
    },
}

impl<T: Float> Column<T> {
    /// The number of samples.
    fn len(&self) -> Option<usize> {
        match self {
            Column::Numbers(tensor) => tensor.shape().first().copied(),
            Column::Integers(tensor) => tensor.shape().first().copied(),
            Column::Labels(labels) => Some(labels.len()),
            Column::LabelsEach { labels, entries } => labels.len().checked_div(*entries),
        }
    }

    /// The same, where rows lie one behind the other: a batch copies its own rows then, and no others.
    fn dense(self) -> Self {
        match self {
            Column::Numbers(tensor) => Column::Numbers(tensor.contiguous()),
            Column::Integers(tensor) => Column::Integers(tensor.contiguous()),
            labels => labels,
        }
    }

    /// What it holds, and which method gives it.
    fn holds(&self) -> &'static str {
        match self {
            Column::Numbers(_) => "it holds numbers; ask for them with `tensor`",
            Column::Integers(_) => "it holds integers; ask for them with `integers_of`",
            Column::Labels(_) | Column::LabelsEach { .. } => "it holds labels; ask for them with `labels_of`",
        }
    }

    fn rows(&self, rows: &[usize]) -> Result<Self, Error> {
        Ok(match self {
            Column::Numbers(tensor) => Column::Numbers(picked(tensor, rows)?),
            Column::Integers(tensor) => Column::Integers(picked(tensor, rows)?),
            Column::Labels(labels) => Column::Labels(chosen(labels, rows.iter().copied())?),
            Column::LabelsEach { labels, entries } => {
                let places = rows.iter().flat_map(|&row| row * entries..(row + 1) * entries);
                Column::LabelsEach { labels: chosen(labels, places)?.each(*entries), entries: *entries }
            }
        })
    }
}

/// The labels at places that there are; those that do not count still do not.
fn chosen(labels: &Labels, places: impl Iterator<Item = usize> + Clone) -> Result<Labels, Error> {
    let label = |place| if labels.counts(place) { labels.as_slice()[place] } else { u32::MAX };
    match places.clone().all(|place| labels.counts(place)) {
        true => Labels::new(places.map(label), labels.classes()),
        false => Labels::with_ignored(places.map(label), labels.classes(), u32::MAX),
    }
}

/// Rows of `[N, ..]` that there are.
fn picked<E: Element>(tensor: &Tensor<E>, rows: &[usize]) -> Result<Tensor<E>, Error> {
    let mut shape = *tensor.shape();
    let dense = tensor.contiguous();
    let numbers = dense.as_slice().unwrap_or_default();
    let width = shape[1..].iter().product::<usize>();
    let mut lengths = shape.to_vec();
    lengths[0] = rows.len();
    shape = Shape::named("rows", &lengths)?;
    let mut chosen = Tensor::zeros(shape)?;
    for (to, &row) in chosen.make_mut().chunks_exact_mut(width.max(1)).zip(rows) {
        to.copy_from_slice(&numbers[row * width..][..width]);
    }
    Ok(chosen)
}

/// Samples: named columns of the same number of rows. Rows are only ever picked from all columns at once, so that the
/// label of a sample stays with its numbers.
///
/// ```
/// use tress_nn::{Labels, data::Dataset};
/// use tress_tensor::Tensor;
///
/// let data = Dataset::new()
///     .numbers("x", Tensor::from_fn([3, 2], |i| i[0] as f32)?)?
///     .labels("y", Labels::new([0, 1, 2], 3)?)?;
/// let batch = data.rows(&[2, 0])?;
/// assert_eq!(batch.tensor("x")?.to_vec(), [2.0, 2.0, 0.0, 0.0]);
/// assert_eq!(batch.labels_of("y")?.as_slice(), [2, 0]);
/// assert!(data.numbers("z", Tensor::from_fn([4, 2], |_| 0.0)?).is_err(), "another number of samples");
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dataset<T: Float = f32> {
    samples: usize,
    columns: Vec<(String, Column<T>)>,
}

impl<T: Float> Dataset<T> {
    /// No columns yet; the first one says how many samples there are.
    pub fn new() -> Self {
        Self { samples: 0, columns: Vec::new() }
    }

    /// With a column of numbers `[N, ..]`.
    ///
    /// # Errors
    /// Another number of samples than the columns before, no axis of samples, or a name that is taken.
    pub fn numbers(self, name: &str, numbers: Tensor<T>) -> Result<Self, Error> {
        self.with(name, Column::Numbers(numbers))
    }

    /// With a column of integers `[N, ..]`: the codes of `[N, steps]` words, of the categories of a sample.
    ///
    /// ```
    /// use tress_autograd::op::Index;
    /// use tress_nn::{Labels, data::Dataset};
    /// use tress_tensor::Tensor;
    ///
    /// // Two sentences of three words, and the tag of each word; the last one is filled up, and has no tag.
    /// let data: Dataset = Dataset::new()
    ///     .integers("words", Tensor::new([2, 3], &[5, 1, 7, 2, 2, 0])?)?
    ///     .labels_each("tags", 3, Labels::with_ignored([0, 1, 0, 1, 1, 9], 2, 9)?)?;
    /// let batch = data.rows(&[1])?;
    /// let words = Index::new(batch.integers_of("words")?); // what an embedding looks up
    /// assert_eq!(batch.integers_of("words")?.to_vec(), [2, 2, 0]);
    /// assert_eq!(batch.labels_of("tags")?.iter().collect::<Vec<_>>(), [Some(1), Some(1), None]);
    /// # let _ = words;
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`numbers`](Dataset::numbers).
    pub fn integers(self, name: &str, integers: Tensor<u32>) -> Result<Self, Error> {
        self.with(name, Column::Integers(integers))
    }

    /// With a column of labels, one a sample.
    ///
    /// # Errors
    /// As [`numbers`](Dataset::numbers).
    pub fn labels(self, name: &str, labels: Labels) -> Result<Self, Error> {
        self.with(name, Column::Labels(labels))
    }

    /// With a column of `entries` labels a sample, sample by sample: the tags of `[N, steps]`, the classes of
    /// `[N, height * width]` pixels. [`labels_of`](Dataset::labels_of) gives them as one list, in the order of the rows of
    /// logits `[N * entries, classes]`.
    ///
    /// # Errors
    /// As [`numbers`](Dataset::numbers), or the labels are not whole rows of `entries`, 1 at least.
    pub fn labels_each(self, name: &str, entries: usize, labels: Labels) -> Result<Self, Error> {
        if entries == 0 || !labels.len().is_multiple_of(entries) {
            let why = format!("{} labels are no whole rows of {entries}", labels.len());
            return Err(Error::Column { name: String::from(name), why });
        }
        self.with(name, Column::LabelsEach { labels: labels.each(entries), entries })
    }

    fn with(mut self, name: &str, column: Column<T>) -> Result<Self, Error> {
        let wrong = |why| Err(Error::Column { name: String::from(name), why });
        let Some(samples) = column.len() else {
            return wrong(String::from("a column of numbers or integers is [N, ..], with one row a sample"));
        };
        if self.columns.iter().any(|(other, _)| other == name) {
            return wrong(String::from("the name is taken"));
        }
        if !self.columns.is_empty() && samples != self.samples {
            let each = match column {
                Column::Labels(_) if samples > self.samples && samples.is_multiple_of(self.samples) => {
                    "; for several labels a sample there is `labels_each`"
                }
                _ => "",
            };
            return wrong(format!("{samples} samples, but the columns before have {}{each}", self.samples));
        }
        self.samples = samples;
        self.columns.push((String::from(name), column.dense()));
        Ok(self)
    }

    /// The same with other numbers in one column, such as scaled ones.
    ///
    /// # Errors
    /// No such column of numbers, or another number of samples.
    pub fn replaced(mut self, name: &str, numbers: Tensor<T>) -> Result<Self, Error> {
        self.tensor(name)?;
        let column = Column::Numbers(numbers);
        if column.len() != Some(self.samples) {
            let why = format!("the new numbers are not [{}, ..], one row for each sample", self.samples);
            return Err(Error::Column { name: String::from(name), why });
        }
        if let Some((_, old)) = self.columns.iter_mut().find(|(other, _)| other == name) {
            *old = column.dense();
        }
        Ok(self)
    }

    /// The number of samples, N.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// The columns, in the order in which they were given.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &Column<T>)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// The numbers of a column.
    ///
    /// # Errors
    /// There is no column of numbers of this name.
    pub fn tensor(&self, name: &str) -> Result<&Tensor<T>, Error> {
        match self.columns().find(|(other, _)| *other == name) {
            Some((_, Column::Numbers(numbers))) => Ok(numbers),
            found => self.lacks(name, found),
        }
    }

    /// The integers of a column.
    ///
    /// # Errors
    /// There is no column of integers of this name.
    pub fn integers_of(&self, name: &str) -> Result<&Tensor<u32>, Error> {
        match self.columns().find(|(other, _)| *other == name) {
            Some((_, Column::Integers(integers))) => Ok(integers),
            found => self.lacks(name, found),
        }
    }

    /// The labels of a column; where each sample has several, all of them, sample by sample.
    ///
    /// # Errors
    /// There is no column of labels of this name.
    pub fn labels_of(&self, name: &str) -> Result<&Labels, Error> {
        match self.columns().find(|(other, _)| *other == name) {
            Some((_, Column::Labels(labels) | Column::LabelsEach { labels, .. })) => Ok(labels),
            found => self.lacks(name, found),
        }
    }

    fn lacks<R>(&self, name: &str, found: Option<(&str, &Column<T>)>) -> Result<R, Error> {
        let names: Vec<&str> = self.columns().map(|(name, _)| name).collect();
        let why = match found {
            Some((_, column)) => String::from(column.holds()),
            None => format!("there is none of this name; there are {names:?}"),
        };
        Err(Error::Column { name: String::from(name), why })
    }

    /// These samples, in this order, of every column: a batch, or a part. A row may be asked for more than once.
    ///
    /// # Errors
    /// A row that there is not.
    pub fn rows(&self, rows: &[usize]) -> Result<Self, Error> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.samples) {
            return Err(Error::Row { row, samples: self.samples });
        }
        let pick = |(name, column): &(String, Column<T>)| Ok((name.clone(), column.rows(rows)?));
        Ok(Self {
            samples: rows.len(),
            columns: self.columns.iter().map(pick).collect::<Result<_, Error>>()?,
        })
    }

    /// Samples that have the same numbers or integers in a column, bit for bit: each with the first one like it, as
    /// `(first, again)`.
    ///
    /// # Errors
    /// There is no column of numbers or integers of this name.
    pub fn repeated(&self, name: &str) -> Result<Vec<(usize, usize)>, Error> {
        match self.columns().find(|(other, _)| *other == name) {
            Some((_, Column::Integers(integers))) => Ok(alike(integers, self.samples)),
            _ => Ok(alike(self.tensor(name)?, self.samples)),
        }
    }
}

/// The rows that are the same as an earlier one, each behind the first like it.
fn alike<E: Element>(tensor: &Tensor<E>, samples: usize) -> Vec<(usize, usize)> {
    let dense = tensor.contiguous();
    let numbers = dense.as_slice().unwrap_or_default();
    let width = numbers.len() / samples.max(1);
    let bits = |row: usize| numbers[row * width..][..width].iter().map(|x| x.to_f64().to_bits());
    let mut order: Vec<usize> = (0..samples).collect();
    order.sort_by(|&a, &b| bits(a).cmp(bits(b)).then(a.cmp(&b)));
    let mut pairs = Vec::new();
    let mut first = 0;
    for (place, &row) in order.iter().enumerate() {
        match bits(order[first]).eq(bits(row)) && place > first {
            true => pairs.push((order[first], row)),
            false => first = place,
        }
    }
    pairs.sort_unstable();
    pairs
}
