//! The command line of a bench: names of the lines that are wanted, and options; what it does not know is refused.

use std::process::ExitCode;

/// The most threads that may be asked for.
const THREADS: usize = 1024;

/// The command line of a bench.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// What is to be measured.
    pub names: Names,
    /// The number behind `--threads`.
    pub threads: Option<usize>,
}

impl Words {
    /// Of these words; `threads` says whether the bench takes that option. `--bench`, which cargo adds, says nothing.
    ///
    /// # Errors
    /// There is no such option, or its number is none.
    pub fn read(words: impl IntoIterator<Item = String>, threads: bool) -> Result<Words, String> {
        let (mut read, mut words) = (Words::default(), words.into_iter());
        while let Some(word) = words.next() {
            let (option, value) = word.split_once('=').map_or((word.as_str(), None), |(o, v)| (o, Some(v)));
            match option {
                "--bench" if value.is_none() => {}
                "--threads" if threads => {
                    let value = value.map(str::to_owned).or_else(|| words.next());
                    let number = value.as_deref().and_then(|value| value.parse().ok());
                    let number = number.filter(|number| (1..=THREADS).contains(number));
                    read.threads = Some(number.ok_or_else(|| {
                        let given = value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"));
                        format!("--threads: a number from 1 to {THREADS} is wanted, and there is {given}")
                    })?);
                }
                option if option.starts_with('-') => {
                    let there =
                        if threads { "there is --threads N, and names" } else { "there are only names" };
                    return Err(format!("{option}: {there}"));
                }
                _ => read.names.0.push(word),
            }
        }
        Ok(read)
    }
}

/// Runs a bench with the words of its command line: what is wrong with them is said in one line, and is a failure.
pub fn run(threads: bool, bench: impl FnOnce(Words) -> Result<(), String>) -> ExitCode {
    match Words::read(std::env::args().skip(1), threads).and_then(bench) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Words of which a name has to contain one, however it is spelt; all names where there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names(pub Vec<String>);

impl Names {
    /// Whether the line of this name is wanted.
    pub fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|word| contains(name, word))
    }

    /// Whether each word is in one of all names.
    ///
    /// # Errors
    /// One is in none: `what` says what has names.
    pub fn known<'a>(&self, what: &str, all: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let all: Vec<&str> = all.into_iter().collect();
        match self.0.iter().find(|word| !all.iter().any(|name| contains(name, word))) {
            Some(word) => Err(format!("no {what} has a name with {word:?} in it")),
            None => Ok(()),
        }
    }
}

fn contains(name: &str, word: &str) -> bool {
    name.to_lowercase().contains(&word.to_lowercase())
}

/// A product that a word names: `300x784x256` are rows, steps and columns; a `t` behind the first or the last number is for an operand
/// that is stored transposed, `f64:` before them for numbers of double precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// Rows, steps and columns.
    pub sides: [usize; 3],
    /// Whether each operand lies transposed.
    pub turned: [bool; 2],
    /// Whether numbers are `f64`.
    pub double: bool,
}

/// The most numbers of an operand or a result: a gigabyte of `f32`.
const MOST: usize = 1 << 28;

impl Product {
    /// `None` if the word is no size of a product but a name.
    ///
    /// # Errors
    /// A side is 0, or a matrix would have too many numbers.
    pub fn read(word: &str) -> Option<Result<Product, String>> {
        let (double, sizes) = word.strip_prefix("f64:").map_or((false, word), |sizes| (true, sizes));
        let parts: Vec<&str> = sizes.split('x').collect();
        let [m, k, n] = parts[..] else { return None };
        let turned = [m, n].map(|side| side.ends_with('t'));
        let digits = [m.strip_suffix('t').unwrap_or(m), k, n.strip_suffix('t').unwrap_or(n)];
        if !digits.iter().all(|side| !side.is_empty() && side.bytes().all(|digit| digit.is_ascii_digit())) {
            return None;
        }
        // What does not fit into a number is too large as well.
        let sides = digits.map(|side| side.parse::<usize>().unwrap_or(usize::MAX));
        if sides.contains(&0) {
            return Some(Err(format!("{word}: a product without numbers takes no time")));
        }
        let [m, k, n] = sides;
        if [(m, k), (k, n), (m, n)].iter().any(|&(a, b)| a.checked_mul(b).is_none_or(|count| count > MOST)) {
            return Some(Err(format!("{word}: a matrix of more than {MOST} numbers is too large")));
        }
        Some(Ok(Product { sides, turned, double }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Product, Words};

    fn words(line: &str, threads: bool) -> Result<Words, String> {
        Words::read(line.split_whitespace().map(str::to_owned), threads)
    }

    #[test]
    fn names_and_options_are_told_apart_and_what_is_unknown_is_refused() {
        let read = words("--bench softmax --threads 16 Adam", true).unwrap();
        assert_eq!((read.names.0, read.threads), (vec!["softmax".to_owned(), "Adam".to_owned()], Some(16)));
        assert_eq!(words("--threads=3", true).unwrap().threads, Some(3));
        assert_eq!(words("--bench", false).unwrap(), Words::default());
        for (line, threads, part) in [
            ("--threads 0", true, "1 to 1024"),
            ("--threads two", true, "\"two\""),
            ("--threads", true, "nothing"),
            ("--threads 2", false, "--threads"),
            ("--thread=2", true, "--thread:"),
            ("-x", true, "-x"),
        ] {
            let why = words(line, threads).unwrap_err();
            assert!(why.contains(part), "{line}: {why}");
        }
    }

    #[test]
    fn every_word_has_to_be_in_some_name() {
        let names = |line: &str| words(line, false).unwrap().names;
        let all = ["softmax 1 x 1e6", "Adam"];
        assert!(names("soft adam").known("line", all).is_ok());
        let why = names("soft foobar").known("line", all).unwrap_err();
        assert_eq!(why, "no line has a name with \"foobar\" in it");
        assert!(Names::default().known("line", all).is_ok());
        assert!(names("ADAM").has("Adam") && !names("ADAM").has("softmax") && Names::default().has("Adam"));
    }

    #[test]
    fn sizes_of_products_are_read_and_those_without_numbers_or_with_too_many_are_not() {
        let product = Product { sides: [300, 784, 256], turned: [false, true], double: false };
        assert_eq!(Product::read("300x784x256t"), Some(Ok(product)));
        let product = Product { turned: [true, false], double: true, ..product };
        assert_eq!(Product::read("f64:300tx784x256"), Some(Ok(product)));
        for word in ["3x3", "256x1x28x28", "64xtx3", "64x3tx3", "64ttx3x3", "depthwise", "axbxc", "6x x6"] {
            assert_eq!(Product::read(word), None, "{word}");
        }
        for (word, part) in [
            ("64x0x784", "without numbers"),
            ("99999999999x99999999999x9", "too large"),
            ("99999999999999999999999x1x1", "too large"),
            ("16385x1x16385", "too large"),
        ] {
            let why = Product::read(word).unwrap().unwrap_err();
            assert!(why.starts_with(word) && why.contains(part), "{why}");
        }
        assert!(Product::read("16384x1x16384").unwrap().is_ok());
    }
}
