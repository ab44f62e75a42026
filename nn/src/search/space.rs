//! What may be set, and settings drawn from it.

use crate::Error;
use crate::random::{Random, mix, stream_of};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A number.
    Number(f64),
    /// A word.
    Name(String),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Number(number) => number.fmt(f),
            Choice::Name(name) => name.fmt(f),
        }
    }
}

/// Where the values of one name come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Any number between the two, each as likely as another.
    Uniform(f64, f64),
    /// Any number between the two, each power as likely as another; both are above 0.
    Log(f64, f64),
    /// One of several.
    OneOf(Vec<Choice>),
}

/// A name that may be set, and its range.
///
/// As text it is `NAME=LOW..HIGH`, `NAME=LOW..HIGH:log`, or `NAME=A,B,C`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    name: String,
    range: Range,
    given: Option<(String, String)>,
}

impl Dimension {
    /// A name with its range.
    ///
    /// # Errors
    /// [`Error::Dimension`]: an empty name; a range that is no range, not finite, or logarithmic and not above 0; no choice.
    pub fn new(name: &str, range: Range) -> Result<Self, Error> {
        let wrong = |why| Err(Error::Dimension { name: name.to_owned(), why });
        let is_word = |c: char| c.is_alphanumeric() || "._- ".contains(c);
        if name.is_empty() || !name.chars().all(is_word) {
            return wrong("a name consists of letters, digits, points, dashes and blanks");
        }
        match &range {
            Range::Uniform(low, high) | Range::Log(low, high) if !(low.is_finite() && high.is_finite()) => {
                wrong("both ends must be finite")
            }
            Range::Uniform(low, high) | Range::Log(low, high) if low > high => {
                wrong("the lower end comes first")
            }
            Range::Log(low, _) if *low <= 0.0 => wrong("a logarithmic range lies above 0"),
            Range::OneOf(choices) if choices.is_empty() => wrong("at least one choice is wanted"),
            Range::OneOf(choices) if choices.iter().any(|choice| choice.to_string().is_empty()) => {
                wrong("a choice is empty; is there a comma too many?")
            }
            Range::OneOf(choices)
                if choices.iter().any(|c| matches!(c, Choice::Number(x) if !x.is_finite())) =>
            {
                wrong("all choices must be finite")
            }
            _ => Ok(Self { name: name.to_owned(), range, given: None }),
        }
    }

    /// Set only where `other`, which is declared earlier, has this value.
    #[must_use]
    pub fn given(self, other: &str, value: &str) -> Self {
        Self { given: Some((other.to_owned(), value.to_owned())), ..self }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The range.
    pub fn range(&self) -> &Range {
        &self.range
    }

    /// Whether a setting that has these values already is to have one of this name.
    fn applies(&self, setting: &Setting) -> bool {
        let Some((other, value)) = &self.given else { return true };
        setting.get(other).is_some_and(|choice| choice.to_string() == *value)
    }

    fn draw(&self, random: &mut Random) -> Choice {
        let between = |low: f64, high: f64, x: f64| Choice::Number(rounded(x).clamp(low, high));
        match &self.range {
            Range::Uniform(low, high) => between(*low, *high, low + (high - low) * random.uniform()),
            Range::Log(low, high) => {
                let power = libm::log(*low) + (libm::log(*high) - libm::log(*low)) * random.uniform();
                between(*low, *high, libm::exp(power))
            }
            Range::OneOf(choices) => choices[random.below(choices.len() as u64) as usize].clone(),
        }
    }
}

impl FromStr for Dimension {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let how = "write NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A,B,C";
        let wrong = || Error::Dimension { name: text.to_owned(), why: how };
        let (name, range) = text.split_once('=').ok_or_else(wrong)?;
        let range = match range.split_once("..") {
            Some((low, high)) => {
                let (high, log) = match high.strip_suffix(":log") {
                    Some(high) => (high, true),
                    None => (high, false),
                };
                let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
                let (low, high) = (number(low)?, number(high)?);
                if log { Range::Log(low, high) } else { Range::Uniform(low, high) }
            }
            None => {
                let choice = |text: &str| match text.trim().parse::<f64>() {
                    Ok(number) => Choice::Number(number),
                    Err(_) => Choice::Name(text.trim().to_owned()),
                };
                Range::OneOf(range.split(',').map(choice).collect())
            }
        };
        Self::new(name.trim(), range)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.name)?;
        match &self.range {
            Range::Uniform(low, high) => write!(f, "{low}..{high}"),
            Range::Log(low, high) => write!(f, "{low}..{high}:log"),
            Range::OneOf(choices) => {
                let texts: Vec<String> = choices.iter().map(Choice::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

/// All that may be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

impl Space {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, as text.
    ///
    /// # Errors
    /// As [`add`](Space::add), and text that is no dimension.
    pub fn with(mut self, text: &str) -> Result<Self, Error> {
        self.add(text.parse()?)?;
        Ok(self)
    }

    /// Takes one more.
    ///
    /// # Errors
    /// [`Error::Dimension`]: a name that is there already, or a condition on one that is not.
    pub fn add(&mut self, dimension: Dimension) -> Result<(), Error> {
        let is_there = |name: &str| self.dimensions.iter().any(|other| other.name == name);
        let why = match &dimension.given {
            _ if is_there(&dimension.name) => "declared twice; give one range for each name",
            Some((other, _)) if !is_there(other) => "depends on a name that is not declared before it",
            _ => {
                self.dimensions.push(dimension);
                return Ok(());
            }
        };
        Err(Error::Dimension { name: dimension.name, why })
    }

    /// What may be set, in the order of declaration.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The setting of a trial. Numbers from a range have three digits that count, so that what is printed is what was used.
    pub fn draw(&self, seed: u64, trial: u64) -> Setting {
        let mut setting = Setting::default();
        for dimension in &self.dimensions {
            if dimension.applies(&setting) {
                let mut random = Random::new(mix(mix(seed, trial), stream_of(&dimension.name)));
                setting.values.push((dimension.name.clone(), dimension.draw(&mut random)));
            }
        }
        setting
    }
}

/// A value for each name that is to be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    values: Vec<(String, Choice)>,
}

impl Setting {
    /// Of these values.
    pub fn of(values: impl IntoIterator<Item = (String, Choice)>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// Names and values, in the order of the space.
    pub fn values(&self) -> &[(String, Choice)] {
        &self.values
    }

    /// The value of a name; `None` where it is not set.
    pub fn get(&self, name: &str) -> Option<&Choice> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The number of a name; `None` where it is not set, or to a word.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Choice::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The word of a name; `None` where it is not set, or to a number.
    pub fn word(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Choice::Name(name)) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.values.iter().enumerate() {
            write!(f, "{}{name} {value}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A number with three digits that count, the nearest to its decimal text.
fn rounded(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let places = 2 - libm::floor(libm::log10(libm::fabs(x))) as i32;
    // Powers of ten up to 22, and what is divided, are exact, so the quotient is the nearest number.
    let power = |n: i32| (0..n).fold(1.0, |power, _| power * 10.0);
    match places {
        0..=22 => libm::round(x * power(places)) / power(places),
        ..0 => libm::round(x / power(-places)) * power(-places),
        _ => x,
    }
}
