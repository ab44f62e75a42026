//! What the columns of a table are.

use std::path::Path;

use crate::error::{Error, Result};
use crate::order::by_value;
use crate::records::{Cells, Records};
use crate::table::{MOST_TEXT, Table, number, shown};
use crate::whole;

/// How many words a column learns, unless it is told otherwise.
const MOST_WORDS: usize = 1000;

/// What becomes of a field that is empty, or says that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// It is an error.
    #[default]
    Refuse,
    /// It is kept: a number as NaN (to be filled by something fitted on the training part, such as
    /// [`Standard`](tress_nn::data::Standard)), a category as a code of its own behind the others, a label as one that
    /// counts neither in losses nor in metrics.
    Keep,
    /// The row is left out.
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Number,
    Words { label: bool, given: Option<Vec<String>>, others: bool, most: usize },
    Ignored,
}

/// One column of a [`Schema`]: its name, its kind, and what happens where its fields are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    kind: Kind,
    missing: Missing,
}

impl Column {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, missing: Missing::Refuse }
    }

    /// Finite numbers.
    pub fn number(name: &str) -> Self {
        Self::new(name, Kind::Number)
    }

    /// Words that stand for a category. Which ones there are is learnt from the table, sorted, unless they are
    /// [given](Column::words): by their value if all of them are whole numbers (2 comes before 10), else as text. So labels
    /// that are written 0 to 11 have these numbers as their codes. More than a thousand are an error, as they are in a
    /// column of names or numbers that was taken for a category: see [`most_words`](Column::most_words).
    pub fn category(name: &str) -> Self {
        Self::new(name, Kind::Words { label: false, given: None, others: false, most: MOST_WORDS })
    }

    /// Words that stand for the class that a model shall learn; as [`category`](Column::category), but no feature.
    pub fn label(name: &str) -> Self {
        Self::new(name, Kind::Words { label: true, given: None, others: false, most: MOST_WORDS })
    }

    /// A column that is not looked at.
    pub fn ignored(name: &str) -> Self {
        Self::new(name, Kind::Ignored)
    }

    /// The words of a category or label, in the order of their codes; any other word is an error. Nothing happens to a
    /// column of numbers.
    pub fn words<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        if let Kind::Words { given, .. } = &mut self.kind {
            *given = Some(words.into_iter().map(Into::into).collect());
        }
        self
    }

    /// Words that are not among those [given](Column::words) share a code of their own behind the others.
    pub fn others(mut self) -> Self {
        if let Kind::Words { others, .. } = &mut self.kind {
            *others = true;
        }
        self
    }

    /// How many words a category or label may learn from a table; a thousand without this. Each word of a category is one
    /// of the [features](Records::features) of every row, so a column in which all words differ would take the square of
    /// its rows. Words that are [given](Column::words) are not counted.
    pub fn most_words(mut self, words: usize) -> Self {
        if let Kind::Words { most, .. } = &mut self.kind {
            *most = words;
        }
        self
    }

    /// What becomes of missing fields.
    pub fn missing(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the columns of a table are, so that a file with other columns or other contents is an error with its place.
///
/// ```
/// use tress_readers::{Column, Missing, Schema};
///
/// let schema = Schema::new([
///     Column::ignored("id"),
///     Column::number("height").missing(Missing::Keep),
///     Column::category("soil"),
///     Column::label("kind"),
/// ]);
/// let train = schema.parse("train.csv", b"id,height,soil,kind\n1,21.5,clay,oak\n2,?,sand,fern\n3,0.5,clay,fern\n")?;
/// assert_eq!(train.words("soil")?, ["clay", "sand"]);
/// assert_eq!(train.labels("kind")?.as_slice(), [1, 0, 0]);
/// assert_eq!(train.feature_names(), ["height", "soil=clay", "soil=sand"]);
///
/// // The test table has the codes of the training table, and a word that training has not met is an error.
/// let trouble = train.schema().parse("test.csv", b"id,height,soil,kind\n9,3,peat,fern\n").unwrap_err();
/// assert_eq!(
///     trouble.to_string(),
///     "test.csv: line 2, column `soil`: `peat` is none of the 2 words that are known; give all words, or add `.others()`"
/// );
/// # Ok::<(), tress_readers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub(crate) columns: Vec<Column>,
    missing: Vec<String>,
    separator: char,
    names: bool,
    rest: bool,
}

impl Schema {
    /// These columns, separated by commas, named in the first line in any order. Fields that are empty, or `NA`, `NaN`,
    /// `null` or `?`, are missing.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let missing = ["", "NA", "NaN", "null", "?"].map(str::to_owned).to_vec();
        Self { columns: columns.into_iter().collect(), missing, separator: ',', names: true, rest: false }
    }

    /// Fields with one of these texts, and no others, are missing.
    pub fn missing_texts<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        Self { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Another separator, such as a tab or a semicolon.
    pub fn separator(self, separator: char) -> Self {
        Self { separator, ..self }
    }

    /// The file has no line of names; its columns are those of the schema, in order.
    pub fn without_names(self) -> Self {
        Self { names: false, ..self }
    }

    /// Columns that the file has and the schema does not are not looked at. Without this they are an error.
    pub fn ignore_rest(self) -> Self {
        Self { rest: true, ..self }
    }

    /// Reads the file at `path`, plain or gzip-compressed.
    ///
    /// # Errors
    /// What the system says, or as [`parse`](Schema::parse).
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Records> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = whole::read(path, MOST_TEXT)?;
        self.parse(&name, &bytes)
    }

    /// Reads a table that is in memory, plain or gzip-compressed; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`Table::parse`]; a column of the schema that the file lacks, or one of the file that the schema does not
    /// name; a field that is missing where that is refused, or no finite number, or a word that is not among those given:
    /// each with its line and column; a column with more words than it [may learn](Column::most_words).
    pub fn parse(&self, name: &str, bytes: &[u8]) -> Result<Records> {
        let names: Vec<&str> = self.columns.iter().map(Column::name).collect();
        let table = Table::read(name, bytes, self.separator, (!self.names).then_some(&names))?;
        if !self.rest
            && let Some(stranger) = table.columns().iter().find(|column| !names.contains(&column.as_str()))
        {
            let trouble = format!("has a column `{}` that the schema does not name", shown(stranger));
            return Err(Error::new(name, format!("{trouble}; add it as ignored, or call `ignore_rest`")));
        }
        self.records(&table)
    }

    /// The records of a table that was read already.
    ///
    /// # Errors
    /// As [`parse`](Schema::parse), but for columns that the schema does not name.
    pub fn records(&self, table: &Table) -> Result<Records> {
        let mut kept = vec![true; table.len()];
        for column in self.columns.iter().filter(|column| column.kind != Kind::Ignored) {
            for (row, field) in table.column(&column.name)?.enumerate() {
                if self.is_missing(field) {
                    match column.missing {
                        Missing::Keep => {}
                        Missing::Drop => kept[row] = false,
                        Missing::Refuse => {
                            let why =
                                "nothing is known here; say with `.missing(..)` what shall become of it";
                            return Err(table.wrong_field(row, &column.name, why));
                        }
                    }
                }
            }
        }
        let rows: Vec<usize> = (0..table.len()).filter(|&row| kept[row]).collect();
        let lines = rows.iter().filter_map(|&row| table.line(row)).collect();
        let mut schema = self.clone();
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &mut schema.columns {
            cells.push(self.cells(table, column, &rows)?);
        }
        Ok(Records::new(schema, table.name(), cells, lines, table.len() - rows.len()))
    }

    fn is_missing(&self, field: &str) -> bool {
        let field = field.trim();
        self.missing.iter().any(|text| text == field)
    }

    /// The cells of a column; a column that learns its words is given them.
    fn cells(&self, table: &Table, column: &mut Column, rows: &[usize]) -> Result<Cells> {
        let fields: Vec<&str> = match column.kind {
            Kind::Ignored => return Ok(Cells::Ignored),
            _ => table.column(&column.name)?.collect(),
        };
        let known = |&&row: &&usize| !self.is_missing(fields[row]);
        let Kind::Words { given, others, label, most } = &mut column.kind else {
            let value = |&row: &usize| match self.is_missing(fields[row]) {
                true => Ok(f64::NAN),
                false => number(fields[row]).map_err(|why| table.wrong_field(row, &column.name, &why)),
            };
            return Ok(Cells::Numbers(rows.iter().map(value).collect::<Result<_>>()?));
        };
        if given.is_none() {
            let mut words: Vec<&str> = rows.iter().filter(known).map(|&row| fields[row].trim()).collect();
            words.sort_unstable();
            words.dedup();
            if words.len() > *most {
                let why =
                    format!("column `{}` has {} different words, more than {most}", column.name, words.len());
                let mend = "if it is a category all the same, call `.most_words(..)`, or give the common ones with \
                            `.words(..).others()`";
                return Err(Error::new(table.name(), format!("{why}; {mend}")));
            }
            by_value(&mut words, |word| (*word).into());
            *given = Some(words.into_iter().map(str::to_owned).collect());
        }
        let words = given.get_or_insert_default();
        let mut places: Vec<(&str, u32)> = words.iter().map(String::as_str).zip(0..).collect();
        places.sort_unstable();
        if let Some(twice) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let why = format!("column `{}` is given the word `{}` twice", column.name, shown(twice[0].0));
            return Err(Error::new(table.name(), why));
        }
        let mut count =
            u32::try_from(places.len()).ok().filter(|&count| count < u32::MAX - 2).ok_or_else(|| {
                Error::new(table.name(), format!("column `{}` has more words than codes", column.name))
            })?;
        let mut behind = |wanted: bool| {
            let code = count;
            count += u32::from(wanted);
            wanted.then_some(code)
        };
        let other = behind(*others);
        // A label that is missing counts nowhere; a category that is missing is one more category.
        let missing = match (*label, column.missing == Missing::Keep) {
            (true, _) => Some(u32::MAX),
            (false, keep) => behind(keep),
        };
        let mut codes = Vec::with_capacity(rows.len());
        for &row in rows {
            let field = fields[row].trim();
            let code = match places.binary_search_by_key(&field, |&(word, _)| word) {
                _ if self.is_missing(field) => missing,
                Ok(place) => Some(places[place].1),
                Err(_) => other,
            };
            codes.push(code.ok_or_else(|| {
                let why = format!("`{}` is none of the {} words that are known", shown(field), words.len());
                table.wrong_field(row, &column.name, &format!("{why}; give all words, or add `.others()`"))
            })?);
        }
        let mut words = words.clone();
        words.extend(other.map(|_| "(other)".to_owned()));
        words.extend(missing.filter(|_| !*label).map(|_| "(missing)".to_owned()));
        Ok(Cells::Words { codes, words, label: *label })
    }
}
