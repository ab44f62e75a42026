//! Census-Income (KDD): the rows inside the program, as the inputs and tasks of the multi-task papers.
//!
//! Two groups of two tasks each (J. Ma et al., "Modeling task relationships in multi-task learning with multi-gate
//! mixture-of-experts", KDD 2018, section 5.2). What a task asks for is taken out of the inputs. Categories are one-hot,
//! dollars go through `ln(1 + x)`, and numbers are standardised; which categories there are, means and deviations are
//! those of the **training rows** alone. Settings are chosen on rows held out of them ([`Census::hold_out`]).

use tress::nn::data::{Standard, Train};
use tress::nn::shuffle;
use tress::tensor::Tensor;
use tress_readers::Table;

use super::embedded::Library;
use crate::error::Error;

static TRAIN: &[u8] = include_bytes!("../../../data/census-income-train20k.csv.gz");
static TEST: &[u8] = include_bytes!("../../../data/census-income-test10k.csv.gz");
static BOOK: &[u8] = include_bytes!("../../../data/census-income-columns.tsv");

/// Draws the rows that are held out, the same in every run.
const HELD_SEED: u64 = 0x6865_6c64;

/// Columns of dollars, whose few large values would drown the others.
const DOLLARS: [&str; 4] = ["wage_per_hour", "capital_gains", "capital_losses", "stock_dividends"];

/// What is asked of each person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// An income above 50 000 dollars; never married.
    Income,
    /// A college degree (associate and up); never married.
    Education,
}

/// Inputs and tasks of training and test rows.
#[derive(Debug, Clone)]
pub struct Census {
    /// The names of the two tasks.
    pub tasks: [&'static str; 2],
    /// `[N, inputs]`.
    pub train: Tensor,
    /// `[N, 1]` of 0 and 1 for each task.
    pub train_truth: [Tensor; 2],
    /// `[M, inputs]`, prepared by the numbers of the training rows.
    pub test: Tensor,
    /// As `train_truth`.
    pub test_truth: [Tensor; 2],
}

/// A column of the code book.
struct Column {
    name: String,
    /// The meaning of each code; empty for a numeric column.
    codes: Vec<String>,
}

impl Census {
    /// The 20 000 and 10 000 rows inside the program.
    ///
    /// # Errors
    /// [`Error::Data`] where a file is damaged, which tests rule out for those inside the program.
    pub fn built_in(group: Group) -> Result<Self, Error> {
        Self::read(&Library::BuiltIn, group)
    }

    /// The rows inside the program, or those of `census-income-train-coded.csv` and `-test-coded.csv` in a folder, plain or
    /// with `.gz`.
    ///
    /// # Errors
    /// [`Error::Data`] where a file is missing or damaged.
    pub fn read(library: &Library, group: Group) -> Result<Self, Error> {
        let (book, train, test) = tables(library)?;
        Self::new(group, &book, &train, &test)
    }

    /// As [`read`](Census::read), with the training rows in two parts: four fifths to learn from, by which inputs are
    /// prepared, and a fifth to choose settings on, drawn at random once and for all. Gives those to learn from beside
    /// the test rows, and the fifth.
    ///
    /// # Errors
    /// [`Error::Data`] where a file is missing or damaged.
    pub fn hold_out(library: &Library, group: Group) -> Result<(Self, Tensor, [Tensor; 2]), Error> {
        let (book, train, test) = tables(library)?;
        let mut order: Vec<usize> = (0..train.len()).collect();
        shuffle(&mut order, HELD_SEED);
        let held = order.split_off(order.len() - order.len() / 5);
        let (train, held) = (train.of(&order), train.of(&held));
        let of_held = Self::new(group, &book, &train, &held)?;
        Ok((Self::new(group, &book, &train, &test)?, of_held.test, of_held.test_truth))
    }

    /// The first `count` rows of both parts.
    ///
    /// # Errors
    /// [`Error::Data`] where there are fewer.
    pub fn first(&self, count: usize) -> Result<Self, Error> {
        let first = |x: &Tensor| {
            x.slice(0, 0, count, 1)
                .map_err(|e| Error::data("census", format!("{count} rows are too many: {e}")))
        };
        let both = |truth: &[Tensor; 2]| Ok::<_, Error>([first(&truth[0])?, first(&truth[1])?]);
        Ok(Self {
            tasks: self.tasks,
            train: first(&self.train)?,
            train_truth: both(&self.train_truth)?,
            test: first(&self.test)?,
            test_truth: both(&self.test_truth)?,
        })
    }

    /// From a code book and tables of codes.
    ///
    /// # Errors
    /// [`Error::Data`] where a column is missing, a field is no number or code, or a table has no row.
    pub fn new(group: Group, book: &Table, train: &Table, test: &Table) -> Result<Self, Error> {
        if let Some(empty) = [train, test].into_iter().find(|table| table.is_empty()) {
            return Err(Error::data(empty.name(), "has no rows"));
        }
        let columns = columns(book)?;
        // What is asked, and what would give it away: income itself stays out of the inputs of its group only.
        let (first, hidden) = match group {
            Group::Income => ("income above 50 000", ["income", "marital_stat"]),
            Group::Education => ("college degree", ["education", "marital_stat"]),
        };
        let inputs: Vec<&Column> = columns.iter().filter(|column| !hidden.contains(&&*column.name)).collect();
        let (fitted, standard) = fit(&inputs, train)?;
        let asked = |table: &Table| -> Result<[Tensor; 2], Error> {
            let one = match group {
                Group::Income => truth(table, &columns, "income", |code| code == "50000+.")?,
                Group::Education => truth(table, &columns, "education", has_degree)?,
            };
            Ok([one, truth(table, &columns, "marital_stat", |code| code == "Never married")?])
        };
        Ok(Self {
            tasks: [first, "never married"],
            train: prepare(&inputs, &fitted, &standard, train)?,
            train_truth: asked(train)?,
            test: prepare(&inputs, &fitted, &standard, test)?,
            test_truth: asked(test)?,
        })
    }
}

/// Code book, training and test rows.
fn tables(library: &Library) -> Result<(Table, Table, Table), Error> {
    let book = Table::parse("built-in census-income-columns", BOOK, '\t')?;
    match library {
        Library::BuiltIn => Ok((
            book,
            Table::parse("built-in census-income-train20k", TRAIN, ',')?,
            Table::parse("built-in census-income-test10k", TEST, ',')?,
        )),
        Library::Folder(folder) => {
            let table = |split: &str| {
                let names = ["csv", "csv.gz"].map(|end| format!("census-income-{split}-coded.{end}"));
                let Some(path) = names.iter().map(|name| folder.join(name)).find(|path| path.exists()) else {
                    return Err(Error::data(
                        folder.display().to_string(),
                        format!(
                            "holds neither of {}; give --data-dir the folder that does",
                            names.join(", ")
                        ),
                    ));
                };
                Ok(Table::open(path, ',')?)
            };
            Ok((book, table("train")?, table("test")?))
        }
    }
}

/// Associate, bachelor, master, professional school, doctorate.
fn has_degree(code: &str) -> bool {
    ["Associates", "Bachelors", "Masters", "Prof school", "Doctorate"]
        .iter()
        .any(|start| code.starts_with(start))
}

fn columns(book: &Table) -> Result<Vec<Column>, Error> {
    let kinds = book.column("kind")?;
    // The header of the third column explains itself; it is the one that is neither of the others.
    let third = book.columns().iter().find(|name| *name != "column" && *name != "kind");
    let codes = book.column(third.map_or("codes", String::as_str))?;
    let each = book.column("column")?.zip(kinds.zip(codes));
    Ok(each
        .map(|(name, (kind, codes))| {
            let numeric = kind == "numeric";
            let codes = if numeric { Vec::new() } else { codes.split('|').map(str::to_owned).collect() };
            Column { name: name.to_owned(), codes }
        })
        .collect())
}

/// For each input column the categories that the training rows have, in order; and the scale of the numeric ones.
fn fit(inputs: &[&Column], train: &Table) -> Result<(Vec<Vec<u32>>, Standard), Error> {
    let mut seen = Vec::with_capacity(inputs.len());
    for column in inputs {
        let mut codes = match column.codes.len() {
            0 => Vec::new(),
            count => train.codes(&column.name, count)?,
        };
        codes.sort_unstable();
        codes.dedup();
        seen.push(codes);
    }
    let numbers = numeric(inputs, train)?;
    let standard =
        Standard::of(&Train::declared(numbers)).map_err(|e| Error::data(train.name(), e.to_string()))?;
    Ok((seen, standard))
}

/// The numeric columns, `[N, columns]`.
fn numeric(inputs: &[&Column], table: &Table) -> Result<Tensor, Error> {
    let mut columns = Vec::new();
    for column in inputs.iter().filter(|column| column.codes.is_empty()) {
        let mut numbers = table.numbers(&column.name)?;
        if DOLLARS.contains(&&*column.name) {
            if let Some(row) = numbers.iter().position(|&x| x < 0.0) {
                let trouble =
                    format!("has fewer than no dollars in row {}, column `{}`", row + 1, column.name);
                return Err(Error::data(table.name(), trouble));
            }
            numbers.iter_mut().for_each(|x| *x = x.ln_1p());
        }
        columns.push(numbers);
    }
    let value = |i: &[usize]| columns[i[1]][i[0]] as f32;
    Tensor::from_fn([table.len(), columns.len()], value).map_err(|e| Error::data(table.name(), e.to_string()))
}

/// Standardised numbers, then a column of 0 and 1 for each category; one that no training row has is 0 everywhere.
fn prepare(
    inputs: &[&Column],
    seen: &[Vec<u32>],
    standard: &Standard,
    table: &Table,
) -> Result<Tensor, Error> {
    let failed = |e: &dyn std::fmt::Display| Error::data(table.name(), e.to_string());
    let numbers = standard.apply(&numeric(inputs, table)?).map_err(|e| failed(&e))?;
    let numbers = numbers.to_vec();
    let first = standard.columns().len();
    let width = first + seen.iter().map(Vec::len).sum::<usize>();
    let mut prepared = Tensor::zeros([table.len(), width]).map_err(|e| failed(&e))?;
    let rows = prepared.make_mut();
    for (row, numbers) in numbers.chunks_exact(first.max(1)).enumerate() {
        rows[row * width..row * width + first].copy_from_slice(numbers);
    }
    let mut start = first;
    for (column, seen) in inputs.iter().zip(seen).filter(|(column, _)| !column.codes.is_empty()) {
        for (row, code) in table.codes(&column.name, column.codes.len())?.into_iter().enumerate() {
            if let Ok(place) = seen.binary_search(&code) {
                rows[row * width + start + place] = 1.0;
            }
        }
        start += seen.len();
    }
    Ok(prepared)
}

fn truth(table: &Table, columns: &[Column], name: &str, yes: impl Fn(&str) -> bool) -> Result<Tensor, Error> {
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        return Err(Error::data(table.name(), format!("has no column `{name}` in its code book")));
    };
    let answers = table.codes(name, column.codes.len())?;
    let answers: Vec<f32> =
        answers.iter().map(|&code| f32::from(u8::from(yes(&column.codes[code as usize])))).collect();
    Tensor::new([answers.len(), 1], &answers).map_err(|e| Error::data(table.name(), e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{Census, Group};
    use crate::data::Library;

    #[test]
    fn inputs_are_those_of_the_papers() {
        let census = Census::built_in(Group::Income).unwrap();
        assert_eq!((census.train.shape()[0], census.test.shape()[0]), (20_000, 10_000));
        assert_eq!((census.train.shape()[1], census.test.shape()[1]), (496, 496));
        let share = |truth: &tress::tensor::Tensor| truth.to_vec().iter().sum::<f32>() / truth.len() as f32;
        let income = share(&census.train_truth[0]);
        assert!((0.055..0.07).contains(&income), "six percent earn more than 50 000: {income}");
        assert!((0.4..0.46).contains(&share(&census.train_truth[1])));
        // Each row has one category of each column, and numbers have mean 0 and deviation 1 on the training rows.
        let (width, numbers) = (census.train.shape()[1], 7);
        let rows = census.train.to_vec();
        for row in rows.chunks_exact(width) {
            assert_eq!(row[numbers..].iter().sum::<f32>(), 32.0);
        }
        for column in 0..numbers {
            let values = || rows.iter().skip(column).step_by(width).map(|&x| f64::from(x));
            assert!(values().sum::<f64>().abs() / 20_000.0 < 1e-6);
            assert!((values().map(|x| x * x).sum::<f64>() / 20_000.0 - 1.0).abs() < 1e-5);
        }
        let (part, held, held_truth) = Census::hold_out(&Library::BuiltIn, Group::Income).unwrap();
        assert_eq!((part.train.shape()[0], held.shape()[0], part.test.shape()[0]), (16_000, 4_000, 10_000));
        assert_eq!((held.shape()[1], part.test.shape()[1]), (part.train.shape()[1], part.train.shape()[1]));
        assert!((share(&held_truth[0]) - income).abs() < 0.01 && held_truth[1].shape()[0] == 4_000);
        let education = Census::built_in(Group::Education).unwrap();
        assert_eq!(education.tasks, ["college degree", "never married"]);
        assert!((0.1..0.3).contains(&share(&education.train_truth[0])));
    }
}
