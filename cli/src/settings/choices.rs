//! Choices that go by a name: a method of balancing, where gradients are compared, how pictures are paired.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::Serialize;
use tress::mtl::balance::Method;

/// How the gradients of the tasks are put together: any of the library's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub struct Balance(pub Method);

impl Balance {
    /// The plain sum of the losses.
    pub const EQUAL: Balance = Balance(Method::Equal);

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl From<Balance> for &'static str {
    fn from(balance: Balance) -> Self {
        balance.name()
    }
}

impl ValueEnum for Balance {
    fn value_variants<'a>() -> &'a [Self] {
        static CHOICES: [Balance; Method::ALL.len()] = {
            let mut choices = [Balance::EQUAL; Method::ALL.len()];
            let mut i = 0;
            while i < choices.len() {
                choices[i] = Balance(Method::ALL[i]);
                i += 1;
            }
            choices
        };
        &CHOICES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.0.about()))
    }
}

/// Where the gradients of the tasks are compared, by methods that look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Over all shared parameters
    Parameters,
    /// In each layer by itself
    Layers,
    /// At the features that the heads are given: an upper bound, for the price of a plain step
    Features,
}

impl Place {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Place::Parameters => "parameters",
            Place::Layers => "layers",
            Place::Features => "features",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde wants it so
    pub(super) fn is_usual(&self) -> bool {
        *self == Place::Parameters
    }
}

/// How left and right training pictures are paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairs {
    /// The same pairs in every epoch
    Fixed,
    /// New pairs in every epoch, from the same pictures
    Fresh,
}

impl Pairs {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Pairs::Fixed => "fixed",
            Pairs::Fresh => "fresh",
        }
    }
}
