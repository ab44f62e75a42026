//! Reading tables: text with one row a line and one separator, plain or gzip-compressed, trusting nothing in it.
//!
//! Quotation marks are those of RFC 4180: a field in them may hold separators, line ends and, doubled, quotation marks.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result, plain};
use crate::whole;

/// More bytes of text than any table that a training run reads at once should have.
pub(crate) const MOST_TEXT: u64 = 1 << 30;

/// A table: the names of its columns, and its rows as text.
///
/// ```
/// use tress_readers::Table;
///
/// let table = Table::parse("plants.csv", b"name,height\n\"oak, red\",21.5\nfern,0.4\n", ',')?;
/// assert_eq!(table.column("name")?.collect::<Vec<_>>(), ["oak, red", "fern"]);
/// assert_eq!(table.numbers("height")?, [21.5, 0.4]);
/// let wrong = Table::parse("plants.csv", b"name,height\noak,tall\n", ',')?.numbers("height").unwrap_err();
/// assert_eq!(wrong.to_string(), "plants.csv: line 2, column `height`: `tall` where a finite number must be");
/// # Ok::<(), tress_readers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: String,
    columns: Vec<String>,
    /// All fields one behind the other, row by row.
    text: String,
    /// Where each field ends.
    ends: Vec<usize>,
    /// The line that each row begins in, from 1.
    lines: Vec<u64>,
}

impl Table {
    /// Reads a table whose first line names the columns; `name` stands for it in errors. Empty lines are passed over.
    ///
    /// # Errors
    /// The bytes are not whole gzip data or UTF-8 text, or inflate to more than a gigabyte; there is no line; a column is
    /// named twice; a row has another number of fields; a quotation mark is never closed; or the separator is none (not an
    /// ASCII character, a quotation mark or a line end).
    pub fn parse(name: &str, bytes: &[u8], separator: char) -> Result<Self> {
        Self::read(name, bytes, separator, None)
    }

    /// Reads a table without a line of names: these are its columns, in order.
    ///
    /// # Errors
    /// As [`parse`](Table::parse).
    pub fn without_names(name: &str, bytes: &[u8], separator: char, columns: &[&str]) -> Result<Self> {
        Self::read(name, bytes, separator, Some(columns))
    }

    /// Reads the file at `path`, the first line of which names the columns.
    ///
    /// # Errors
    /// As [`parse`](Table::parse), or what the system says; it is no file, or has more than a gigabyte, which is asked
    /// before it is read.
    pub fn open(path: impl AsRef<Path>, separator: char) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = whole::read(path, MOST_TEXT)?;
        Self::parse(&name, &bytes, separator)
    }

    pub(crate) fn read(name: &str, bytes: &[u8], separator: char, columns: Option<&[&str]>) -> Result<Self> {
        let wrong = |trouble: String| Err(Error::new(name, trouble));
        let Some(delimiter) =
            u8::try_from(separator).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte))
        else {
            return wrong(format!(
                "{separator:?} cannot separate fields; give an ASCII character such as , or tab"
            ));
        };
        let mut inflated = Vec::new();
        let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => {
                let read = MultiGzDecoder::new(bytes).take(MOST_TEXT + 1).read_to_end(&mut inflated);
                if let Err(error) = read {
                    return wrong(format!("is no whole gzip file ({}); download it again", plain(&error)));
                }
                &inflated[..]
            }
            false => bytes,
        };
        if bytes.len() as u64 > MOST_TEXT {
            return wrong(format!("holds more than {MOST_TEXT} bytes of text; cut it into several tables"));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text), // a mark that some programs put before UTF-8
            Err(error) => {
                let known = &bytes[..error.valid_up_to()];
                let line = 1 + (0..known.len()).filter(|&at| ends_line(known, at)).count();
                return wrong(format!("line {line}: is no UTF-8 text; save the table as UTF-8"));
            }
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true) // rows of another length get an error that says more
            .from_reader(text.as_bytes());
        let mut record = csv::StringRecord::new();
        // Lines are counted here: the reader's own count is that of the line end before a record.
        let (mut at, mut line) = (0, 1u64);
        let mut next = |record: &mut csv::StringRecord| {
            let found = reader.read_record(record).map_err(|error| Error::new(name, error.to_string()))?;
            let start = record.position().map_or(0, |position| position.byte() as usize);
            let bytes = text.as_bytes();
            while at < start || matches!(bytes.get(at), Some(b'\r' | b'\n')) {
                line += u64::from(ends_line(bytes, at));
                at += 1;
            }
            // Only the last record can be one that a quotation mark has run to the end with.
            if found
                && reader.position().byte() as usize >= bytes.len()
                && let Some(opened) = unclosed(&bytes[at..], delimiter)
            {
                let opened = line + (at..at + opened).filter(|&at| ends_line(bytes, at)).count() as u64;
                return Err(Error::new(
                    name,
                    format!(
                        "line {opened}: a quotation mark opens a field here that no other closes before the end of the \
                         file; close it, or write it twice inside of quotation marks"
                    ),
                ));
            }
            Ok::<_, Error>(found.then_some(line))
        };
        let mut table = Self {
            name: name.to_owned(),
            columns: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        match columns {
            Some(columns) => table.columns.extend(columns.iter().map(|&column| column.to_owned())),
            None => match next(&mut record)? {
                Some(_) => table.columns.extend(record.iter().map(str::to_owned)),
                None => return wrong("is empty; download it again".into()),
            },
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = table.columns.iter().find(|column| !seen.insert(column.as_str())) {
            return wrong(format!("has two columns `{twice}`; rename one"));
        }
        while let Some(line) = next(&mut record)? {
            let (found, wanted) = (record.len(), table.columns.len());
            if found != wanted {
                return wrong(format!("line {line}: {found} fields where {wanted} columns are named"));
            }
            for field in &record {
                table.text.push_str(field);
                table.ends.push(table.text.len());
            }
            table.lines.push(line);
        }
        Ok(table)
    }

    /// What stands for the file in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Some of the rows, in the order given and each as often as it is named; rows that there are not are left out.
    #[must_use]
    pub fn of(&self, rows: &[usize]) -> Self {
        let mut some = Self {
            name: self.name.clone(),
            columns: self.columns.clone(),
            text: String::new(),
            ends: Vec::with_capacity(rows.len() * self.columns.len()),
            lines: Vec::with_capacity(rows.len()),
        };
        for &row in rows {
            let Some(line) = self.line(row) else { continue };
            some.lines.push(line);
            for place in 0..self.columns.len() {
                some.text.push_str(self.field(row, place));
                some.ends.push(some.text.len());
            }
        }
        some
    }

    /// The line of the file that a row begins in, counted from 1; `None` where there is no such row.
    pub fn line(&self, row: usize) -> Option<u64> {
        self.lines.get(row).copied()
    }

    /// The fields of a column.
    ///
    /// # Errors
    /// There is no such column.
    pub fn column(&self, column: &str) -> Result<impl ExactSizeIterator<Item = &str>> {
        match self.columns.iter().position(|name| name == column) {
            Some(place) => Ok((0..self.len()).map(move |row| self.field(row, place))),
            None => {
                let some = self.columns.iter().take(20).map(|name| format!("`{}`", shown(name)));
                let mut there = some.collect::<Vec<_>>().join(", ");
                if self.columns.len() > 20 {
                    there.push_str(", ..");
                }
                Err(Error::new(&self.name, format!("there is no column `{column}`; there are {there}")))
            }
        }
    }

    /// The field in a row of a column that there are.
    fn field(&self, row: usize, place: usize) -> &str {
        let at = row * self.columns.len() + place;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// An error about a field.
    pub(crate) fn wrong_field(&self, row: usize, column: &str, trouble: &str) -> Error {
        let line = self.line(row).unwrap_or_default();
        Error::new(&self.name, format!("line {line}, column `{column}`: {trouble}"))
    }

    /// The fields of a column as finite numbers.
    ///
    /// # Errors
    /// There is no such column, or a field is no finite number.
    pub fn numbers(&self, column: &str) -> Result<Vec<f64>> {
        let fields = self.column(column)?.enumerate();
        fields.map(|(row, field)| number(field).map_err(|why| self.wrong_field(row, column, &why))).collect()
    }

    /// The fields of a column as codes below `codes`.
    ///
    /// # Errors
    /// There is no such column, or a field is no such code.
    pub fn codes(&self, column: &str, codes: usize) -> Result<Vec<u32>> {
        let code = |(row, field): (usize, &str)| match field.parse::<u32>() {
            Ok(code) if (code as usize) < codes => Ok(code),
            _ => {
                let why = format!("`{}` where one of the {codes} codes from 0 up must be", shown(field));
                Err(self.wrong_field(row, column, &why))
            }
        };
        self.column(column)?.enumerate().map(code).collect()
    }
}

/// Whether a line ends with this byte.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'\n' || bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')
}

/// Where the quotation mark stands that is still open at the end of a record.
///
/// As the reader has it, one opens a field only where it is the first byte of it, and what follows on the one that closes
/// a field belongs to the field.
fn unclosed(record: &[u8], delimiter: u8) -> Option<usize> {
    let (mut open, mut first) = (None, true);
    let mut bytes = record.iter().enumerate().peekable();
    while let Some((at, &byte)) = bytes.next() {
        match (open, byte) {
            (None, b'"') if first => open = Some(at),
            (Some(_), b'"') if bytes.next_if(|&(_, &next)| next == b'"').is_none() => open = None,
            _ => {}
        }
        first = open.is_none() && (byte == delimiter || byte == b'\n' || byte == b'\r');
    }
    open
}

/// A field as a finite number.
pub(crate) fn number(field: &str) -> std::result::Result<f64, String> {
    match field.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{}` where a finite number must be", shown(field))),
    }
}

/// The beginning of a field, on one line.
pub(crate) fn shown(field: &str) -> String {
    let mut shown: String = field.chars().take(40).flat_map(char::escape_debug).collect();
    if field.chars().nth(40).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn tables_are_read_and_what_is_wrong_is_named() {
        let table = Table::parse("t", b"a,b\n1,x\n2.5,y\n\n", ',').unwrap();
        assert_eq!((table.len(), table.columns()), (2, &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!(table.numbers("a").unwrap(), [1.0, 2.5]);
        let some = table.of(&[1, 5, 0]);
        assert_eq!((some.numbers("a").unwrap(), some.len(), some.line(0)), (vec![2.5, 1.0], 2, Some(3)));
        assert_eq!(table.column("b").unwrap().collect::<Vec<_>>(), ["x", "y"]);
        let troubles = [
            (Table::parse("t", b"", ',').unwrap_err(), "empty"),
            (Table::parse("t", b"a,a\n", ',').unwrap_err(), "two columns `a`"),
            (Table::parse("t", b"a,b\n1\n", ',').unwrap_err(), "line 2: 1 fields"),
            (
                Table::parse("t", b"a\nb\nM\xfcller\n", ',').unwrap_err(),
                "line 3: is no UTF-8 text; save the table",
            ),
            (Table::parse("t", b"\xff\xfea\0\n\0", ',').unwrap_err(), "line 1: is no UTF-8"),
            (Table::parse("t", b"\x1f\x8b\x08\x00", ',').unwrap_err(), "gzip"),
            (Table::parse("t", b"a", '"').unwrap_err(), "cannot separate"),
            (Table::parse("t", b"a", 'é').unwrap_err(), "cannot separate"),
            (table.numbers("b").unwrap_err(), "line 2, column `b`: `x`"),
            (table.numbers("c").unwrap_err(), "no column `c`; there are `a`, `b`"),
            (table.codes("a", 2).unwrap_err(), "line 3, column `a`: `2.5`"),
            (Table::parse("t", b"a\nNaN\n", ',').unwrap().numbers("a").unwrap_err(), "`NaN`"),
        ];
        for (error, part) in troubles {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_quotation_mark_that_nothing_closes_is_named_by_its_line() {
        for (table, line) in [
            (&b"a,b\n1,\"x\n2,y\n3,z\n"[..], 2),
            (b"a,b\n1,x\n2,\"y", 3),
            (b"a,\"b\n1,x\n", 1),
            (b"a,b\r\n\"1\r\n\",\"x\r\n\r\n", 3),
            (b"a,b\n1,x\n\"2\"\"\",\"\"\"\n", 3),
            (b"\n\na\n\"\n", 4),
            (b"a\r\r\"b\r", 3),
        ] {
            let error = Table::parse("t", table, ',').unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("t: line {line}: a quotation mark opens a field here")),
                "{error}"
            );
        }
        // Marks inside of fields open nothing, and what is closed may be followed by more.
        for (table, last) in [
            (&b"a,b\n1,5\" nail\n"[..], "5\" nail"),
            (b"a,b\n1,\"x\"\"\"", "x\""),
            (b"a,b\n1,\"x\"y\"\n", "xy\""),
            (b"a,b\n1,\"\"", ""),
            (b"a,b\n1,\"\n\"\n\n", "\n"),
        ] {
            let table = Table::parse("t", table, ',').unwrap();
            assert_eq!((table.len(), table.column("b").unwrap().last()), (1, Some(last)));
        }
        assert!(Table::parse("t", b"a;b\n1;\"x,\n", ';').is_err());
    }

    #[test]
    fn quoted_fields_and_other_separators() {
        let table =
            Table::parse("t", "\u{feff}a\tb\r\n\"x\ty\"\t\"say \"\"no\"\"\n\"\r\n\nz\t1\n".as_bytes(), '\t')
                .unwrap();
        assert_eq!(table.column("a").unwrap().collect::<Vec<_>>(), ["x\ty", "z"]);
        assert_eq!(table.column("b").unwrap().collect::<Vec<_>>(), ["say \"no\"\n", "1"]);
        assert_eq!((table.line(0), table.line(1), table.line(2)), (Some(2), Some(5), None));
        let table = Table::without_names("t", b"1;2\n3;4", ';', &["a", "b"]).unwrap();
        assert_eq!(table.numbers("b").unwrap(), [2.0, 4.0]);
    }
}
