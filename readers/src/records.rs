//! The rows of a table as numbers, codes and labels.

use tress_nn::Labels;
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result};
use crate::schema::Schema;

/// The cells of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cells {
    Numbers(Vec<f64>),
    Words { codes: Vec<u32>, words: Vec<String>, label: bool },
    Ignored,
}

/// The rows of a table, read by a [`Schema`]: see there for an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    schema: Schema,
    name: String,
    /// One for each column of the schema.
    cells: Vec<Cells>,
    lines: Vec<u64>,
    dropped: usize,
}

impl Records {
    pub(crate) fn new(
        schema: Schema,
        name: &str,
        cells: Vec<Cells>,
        lines: Vec<u64>,
        dropped: usize,
    ) -> Self {
        Self { schema, name: name.to_owned(), cells, lines, dropped }
    }

    /// The schema with the words that were learnt as given ones: what to read other tables of the same kind with.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The number of rows that were kept.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether no row was kept.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many rows were left out because a field was missing.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The lines of the file that the rows begin in, counted from 1.
    pub fn lines(&self) -> &[u64] {
        &self.lines
    }

    /// The numbers of a column; NaN where one is missing and that is allowed.
    ///
    /// # Errors
    /// There is no such column of numbers.
    pub fn numbers(&self, column: &str) -> Result<&[f64]> {
        match self.cells(column)? {
            Cells::Numbers(numbers) => Ok(numbers),
            _ => Err(self.not(column, "of numbers")),
        }
    }

    /// The codes of a category or label: places in [`words`](Records::words). A label that is missing is `u32::MAX`.
    ///
    /// # Errors
    /// There is no such column of words.
    pub fn codes(&self, column: &str) -> Result<&[u32]> {
        match self.cells(column)? {
            Cells::Words { codes, .. } => Ok(codes),
            _ => Err(self.not(column, "of words")),
        }
    }

    /// The words of a category or label, in the order of their codes; last `(other)` and `(missing)`, where such fields
    /// are kept.
    ///
    /// # Errors
    /// There is no such column of words.
    pub fn words(&self, column: &str) -> Result<&[String]> {
        match self.cells(column)? {
            Cells::Words { words, .. } => Ok(words),
            _ => Err(self.not(column, "of words")),
        }
    }

    /// The classes of a label.
    ///
    /// # Errors
    /// There is no such column of words, or there are more rows times classes than 32 bits count.
    pub fn labels(&self, column: &str) -> Result<Labels> {
        let (codes, classes) = (self.codes(column)?.iter().copied(), self.words(column)?.len());
        let labels = match self.codes(column)?.contains(&u32::MAX) {
            true => Labels::with_ignored(codes, classes, u32::MAX),
            false => Labels::new(codes, classes),
        };
        labels.map_err(|error| Error::new(&self.name, format!("column `{column}`: {error}")))
    }

    /// Columns of numbers side by side: `[N, columns]`.
    ///
    /// # Errors
    /// One of them is no column of numbers.
    pub fn tensor<T: Float>(&self, columns: &[&str]) -> Result<Tensor<T>> {
        let columns = columns.iter().map(|column| self.numbers(column)).collect::<Result<Vec<_>>>()?;
        self.table(columns.len(), |row, column| columns[column][row])
    }

    /// All numbers and categories side by side, in the order of the schema: a number as it is, a category as one column
    /// for each of its words, 1 for the word that the row has and 0 elsewhere. `[N, features]`.
    ///
    /// # Errors
    /// There are more rows times features than a tensor can hold.
    pub fn features<T: Float>(&self) -> Result<Tensor<T>> {
        let mut places: Vec<(&Cells, u32)> = Vec::new();
        for cells in &self.cells {
            match cells {
                Cells::Numbers(_) => places.push((cells, 0)),
                Cells::Words { words, label: false, .. } => {
                    places.extend((0..).zip(words).map(|(code, _)| (cells, code)))
                }
                _ => {}
            }
        }
        self.table(places.len(), |row, feature| match places[feature] {
            (Cells::Numbers(numbers), _) => numbers[row],
            (Cells::Words { codes, .. }, code) => f64::from(u8::from(codes[row] == code)),
            (Cells::Ignored, _) => 0.0,
        })
    }

    /// The names of the columns of [`features`](Records::features): `age`, `soil=clay`.
    pub fn feature_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (column, cells) in self.schema.columns.iter().zip(&self.cells) {
            match cells {
                Cells::Numbers(_) => names.push(column.name().to_owned()),
                Cells::Words { words, label: false, .. } => {
                    names.extend(words.iter().map(|word| format!("{}={word}", column.name())));
                }
                _ => {}
            }
        }
        names
    }

    fn table<T: Float>(&self, width: usize, cell: impl Fn(usize, usize) -> f64) -> Result<Tensor<T>> {
        let table = Tensor::from_fn([self.len(), width], |i| T::from_f64(cell(i[0], i[1])));
        table.map_err(|error| Error::new(&self.name, error.to_string()))
    }

    fn cells(&self, column: &str) -> Result<&Cells> {
        let place = self.schema.columns.iter().position(|other| other.name() == column);
        match place.and_then(|place| self.cells.get(place)) {
            Some(cells) => Ok(cells),
            None => Err(Error::new(&self.name, format!("the schema has no column `{column}`"))),
        }
    }

    fn not(&self, column: &str, what: &str) -> Error {
        Error::new(&self.name, format!("column `{column}` is none {what}, by its schema"))
    }
}
