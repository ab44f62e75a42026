//! Columns of numbers and labels, one row a sample, that stay aligned.

use crate::{Error, Labels};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// One column of a [`Dataset`].
#[derive(Clone, Debug)]
pub enum Column<T: Float = f32> {
    /// `[N, ..]`.
    Numbers(Tensor<T>),
    /// N of them.
    Labels(Labels),
}

impl<T: Float> Column<T> {
    /// The number of samples.
    fn len(&self) -> Option<usize> {
        match self {
            Column::Numbers(tensor) => tensor.shape().first().copied(),
            Column::Labels(labels) => Some(labels.len()),
        }
    }

    fn rows(&self, rows: &[usize]) -> Result<Self, Error> {
        Ok(match self {
            Column::Numbers(tensor) => Column::Numbers(picked(tensor, rows)?),
            Column::Labels(labels) => {
                let label = |&row: &usize| if labels.counts(row) { labels.as_slice()[row] } else { u32::MAX };
                let chosen = rows.iter().map(label);
                Column::Labels(match rows.iter().all(|&row| labels.counts(row)) {
                    true => Labels::new(chosen, labels.classes())?,
                    false => Labels::with_ignored(chosen, labels.classes(), u32::MAX)?,
                })
            }
        })
    }
}

/// Rows of `[N, ..]` that there are.
fn picked<T: Float>(tensor: &Tensor<T>, rows: &[usize]) -> Result<Tensor<T>, Error> {
    let mut shape = *tensor.shape();
    let dense = tensor.contiguous();
    let numbers = dense.as_slice().unwrap_or_default();
    let width = shape[1..].iter().product::<usize>();
    let mut lengths = shape.to_vec();
    lengths[0] = rows.len();
    shape = tress_tensor::Shape::named("rows", &lengths)?;
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

    /// With a column of labels.
    ///
    /// # Errors
    /// As [`numbers`](Dataset::numbers).
    pub fn labels(self, name: &str, labels: Labels) -> Result<Self, Error> {
        self.with(name, Column::Labels(labels))
    }

    fn with(mut self, name: &str, column: Column<T>) -> Result<Self, Error> {
        let wrong = |why| Err(Error::Column { name: String::from(name), why });
        let Some(samples) = column.len() else {
            return wrong(String::from("a column of numbers is [N, ..], with one row a sample"));
        };
        if self.columns.iter().any(|(other, _)| other == name) {
            return wrong(String::from("the name is taken"));
        }
        if !self.columns.is_empty() && samples != self.samples {
            return wrong(format!("{samples} samples, but the columns before have {}", self.samples));
        }
        self.samples = samples;
        self.columns.push((String::from(name), column));
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
            *old = column;
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
            found => self.lacks(name, found.is_some(), "it holds labels; ask for them with `labels_of`"),
        }
    }

    /// The labels of a column.
    ///
    /// # Errors
    /// There is no column of labels of this name.
    pub fn labels_of(&self, name: &str) -> Result<&Labels, Error> {
        match self.columns().find(|(other, _)| *other == name) {
            Some((_, Column::Labels(labels))) => Ok(labels),
            found => self.lacks(name, found.is_some(), "it holds numbers; ask for them with `tensor`"),
        }
    }

    fn lacks<R>(&self, name: &str, found: bool, why: &str) -> Result<R, Error> {
        let names: Vec<&str> = self.columns().map(|(name, _)| name).collect();
        let why = if found {
            String::from(why)
        } else {
            format!("there is none of this name; there are {names:?}")
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

    /// Samples that have the same numbers in a column, bit for bit: each with the first one like it, as `(first, again)`.
    ///
    /// # Errors
    /// There is no column of numbers of this name.
    pub fn repeated(&self, name: &str) -> Result<Vec<(usize, usize)>, Error> {
        let dense = self.tensor(name)?.contiguous();
        let numbers = dense.as_slice().unwrap_or_default();
        let width = numbers.len() / self.samples.max(1);
        let bits = |row: usize| numbers[row * width..][..width].iter().map(|x| x.to_f64().to_bits());
        let mut order: Vec<usize> = (0..self.samples).collect();
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
        Ok(pairs)
    }
}
