//! One network to train: what balances it, which tasks it learns, its rate and its seed. Its name is that of its file.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tress::mtl::balance::{Chebyshev, Equal, Fixed, ParetoMtl, Pbi, SmoothChebyshev, Weighting};

use super::method::built;
use crate::error::Error;
use crate::settings::Balance;
use crate::train::training;

/// A method that goes along a preference between tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Fixed weights: the preference itself
    Linear,
    /// The worst of the losses times the preference
    Chebyshev,
    /// The same, smoothed by 0.1
    SmoothChebyshev,
    /// Along the ray of losses that the preference says, with a penalty for leaving it
    Pbi,
    /// MGDA within the sector around that ray
    ParetoMtl,
}

impl Family {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Family::Linear => "linear",
            Family::Chebyshev => "chebyshev",
            Family::SmoothChebyshev => "smooth-chebyshev",
            Family::Pbi => "pbi",
            Family::ParetoMtl => "pareto-mtl",
        }
    }
}

/// What a network is trained on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// One task alone.
    Single(usize),
    /// All tasks, balanced by a method.
    Method(Balance),
    /// All tasks, balanced by a method with settings of its own, by name.
    Set(Balance, Vec<(&'static str, f64)>),
    /// All tasks, each loss times a fixed weight.
    Fixed(Vec<f64>),
    /// All tasks, along a preference: the `chosen` one of several rays.
    Preference {
        /// What goes along it.
        family: Family,
        /// Every ray of the sweep.
        rays: Vec<Vec<f64>>,
        /// Which one.
        chosen: usize,
    },
}

/// How a network is made and trained, where that is not as usual for its subject.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipe {
    /// Samples in a step; `None` for those of the budget.
    pub(crate) batch: Option<usize>,
    /// Decoupled weight decay.
    pub(crate) decay: f64,
    /// How many times as wide as usual the layers are.
    pub(crate) width: f64,
    /// The share of the features that is dropped in training.
    pub(crate) dropout: f64,
}

impl Recipe {
    /// As usual.
    pub(crate) const USUAL: Recipe = Recipe { batch: None, decay: 0.0, width: 1.0, dropout: 0.0 };

    /// What is not as usual, as the tail of a name.
    fn name(&self) -> String {
        let mut name = self.batch.map_or_else(String::new, |batch| format!("-batch-{batch}"));
        for (what, value, usual) in
            [("decay", self.decay, 0.0), ("width", self.width, 1.0), ("dropout", self.dropout, 0.0)]
        {
            if value != usual {
                name.push_str(&format!("-{what}-{value}"));
            }
        }
        name
    }
}

/// One network to train.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// What it is trained on.
    pub(crate) kind: Kind,
    /// The highest learning rate.
    pub(crate) rate: f64,
    /// Decides every random choice.
    pub(crate) seed: u64,
    /// How it is made and trained.
    pub(crate) recipe: Recipe,
}

impl Cell {
    /// As usual for its subject.
    pub(crate) fn new(kind: Kind, rate: f64, seed: u64) -> Self {
        Self { kind, rate, seed, recipe: Recipe::USUAL }
    }

    /// A name that no other cell of the study has, fit for a file.
    pub(crate) fn name(&self) -> String {
        let kind = match &self.kind {
            Kind::Single(task) => format!("single-{task}"),
            Kind::Method(balance) => balance.name().to_owned(),
            Kind::Set(balance, settings) => {
                let each = settings.iter().map(|(name, value)| format!("-{name}-{value}"));
                format!("{}{}", balance.name(), each.collect::<String>())
            }
            Kind::Fixed(weights) => format!("fixed-{}", numbers(weights)),
            Kind::Preference { family, rays, chosen } => {
                // A sector depends on all rays.
                let of =
                    if *family == Family::ParetoMtl { format!("-of-{}", rays.len()) } else { String::new() };
                format!("ray-{}-{}{of}", family.name(), numbers(&rays[*chosen]))
            }
        };
        format!("{kind}-rate-{}{}-seed-{}", self.rate, self.recipe.name(), self.seed)
    }

    /// The tasks that it learns, of `count`.
    pub(crate) fn tasks(&self, count: usize) -> Vec<usize> {
        match self.kind {
            Kind::Single(task) => vec![task],
            _ => (0..count).collect(),
        }
    }

    /// Its balancing, before the first step.
    ///
    /// # Errors
    /// [`Error::Training`] for settings that the method refuses.
    pub(crate) fn balance(&self, tasks: usize) -> Result<Box<dyn Weighting>, Error> {
        Ok(match &self.kind {
            Kind::Single(_) => Box::new(Equal::sum()),
            Kind::Method(Balance(method)) => {
                Box::new(method.build(tasks, self.seed, self.rate).map_err(training)?)
            }
            Kind::Set(Balance(method), settings) => built(*method, settings, tasks, self.seed, self.rate)?,
            Kind::Fixed(weights) => Box::new(Fixed::new(weights).map_err(training)?),
            Kind::Preference { family, rays, chosen } => {
                let ray = &rays[*chosen];
                match family {
                    // K times the ray: then the middle ray is the plain sum.
                    Family::Linear => {
                        let scaled: Vec<f64> = ray.iter().map(|r| r * tasks as f64).collect();
                        Box::new(Fixed::new(&scaled).map_err(training)?)
                    }
                    Family::Chebyshev => Box::new(Chebyshev::new(ray).map_err(training)?),
                    Family::SmoothChebyshev => Box::new(SmoothChebyshev::new(ray, 0.1).map_err(training)?),
                    Family::Pbi => {
                        // Its ray is one of losses: a task that matters more is to lose less.
                        Box::new(Pbi::new(&reciprocal(ray)).map_err(training)?)
                    }
                    Family::ParetoMtl => {
                        let rays: Vec<Vec<f64>> = rays.iter().map(|ray| reciprocal(ray)).collect();
                        Box::new(ParetoMtl::new(&rays, *chosen).map_err(training)?)
                    }
                }
            }
        })
    }
}

fn reciprocal(ray: &[f64]) -> Vec<f64> {
    let inverse: Vec<f64> = ray.iter().map(|r| 1.0 / r).collect();
    let sum: f64 = inverse.iter().sum();
    inverse.iter().map(|r| r / sum).collect()
}

/// Numbers of a file name, rounded to four digits.
fn numbers(values: &[f64]) -> String {
    values.iter().map(|v| format!("{}", (v * 1e4).round() / 1e4)).collect::<Vec<_>>().join("_")
}
