//! The balancing methods by name, and one value that may be any of them.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{Equal, Heads, Mgda, Needs, PcGrad, Uncertainty, Weighting, Weights};
use crate::error::{Error, Result, check_tasks};
use crate::solve::Gramian;

/// The name of a balancing method, as written on a command line or in a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `equal`: the sum of the losses, [`Equal::sum`].
    Equal,
    /// `uncertainty`: learned variances, [`Uncertainty`].
    Uncertainty,
    /// `pcgrad`: projected conflicting gradients, [`PcGrad`].
    PcGrad,
    /// `mgda`: the shortest convex combination, [`Mgda`].
    Mgda,
}

impl Method {
    /// Every method there is, in the order in which messages list them.
    pub const ALL: [Method; 4] = [Method::Equal, Method::Uncertainty, Method::PcGrad, Method::Mgda];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Method::Equal => "equal",
            Method::Uncertainty => "uncertainty",
            Method::PcGrad => "pcgrad",
            Method::Mgda => "mgda",
        }
    }

    /// Makes the method for K tasks. `seed` is for the random orders of `pcgrad`, `rate` the learning rate of the
    /// log-variances of `uncertainty`; the others look at neither.
    ///
    /// # Errors
    /// When K is not in `1..=32`, or the rate is negative or not finite for `uncertainty`.
    pub fn build(self, tasks: usize, seed: u64, rate: f64) -> Result<Balance> {
        check_tasks(tasks)?;
        Ok(match self {
            Method::Equal => Balance::Equal(Equal::sum()),
            Method::Uncertainty => Balance::Uncertainty(Uncertainty::new(tasks, rate)?),
            Method::PcGrad => Balance::PcGrad(PcGrad::new(seed)),
            Method::Mgda => Balance::Mgda(Mgda::new()),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// Finds a method by its exact name.
    ///
    /// ```
    /// use tress_mtl::balance::Method;
    ///
    /// assert_eq!("mgda".parse::<Method>()?, Method::Mgda);
    /// let error = "mdga".parse::<Method>().unwrap_err();
    /// assert!(error.to_string().ends_with("choose one of equal, uncertainty, pcgrad, mgda"));
    /// # Ok::<(), tress_mtl::Error>(())
    /// ```
    fn from_str(name: &str) -> Result<Self> {
        let named = Method::ALL.into_iter().find(|method| method.name() == name);
        named.ok_or_else(|| Error::UnknownMethod { name: name.to_owned() })
    }
}

/// Any of the methods, as one value: what a training loop keeps when the user has chosen by name.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // One per training run; a box would need the heap for nothing.
pub enum Balance {
    /// Equal weights.
    Equal(Equal),
    /// Uncertainty weighting.
    Uncertainty(Uncertainty),
    /// Projected conflicting gradients.
    PcGrad(PcGrad),
    /// The multiple-gradient descent algorithm.
    Mgda(Mgda),
}

impl Balance {
    /// Its name.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Balance::Equal(_) => Method::Equal,
            Balance::Uncertainty(_) => Method::Uncertainty,
            Balance::PcGrad(_) => Method::PcGrad,
            Balance::Mgda(_) => Method::Mgda,
        }
    }

    fn chosen(&self) -> &dyn Weighting {
        match self {
            Balance::Equal(chosen) => chosen,
            Balance::Uncertainty(chosen) => chosen,
            Balance::PcGrad(chosen) => chosen,
            Balance::Mgda(chosen) => chosen,
        }
    }

    fn chosen_mut(&mut self) -> &mut dyn Weighting {
        match self {
            Balance::Equal(chosen) => chosen,
            Balance::Uncertainty(chosen) => chosen,
            Balance::PcGrad(chosen) => chosen,
            Balance::Mgda(chosen) => chosen,
        }
    }
}

impl Weighting for Balance {
    fn name(&self) -> &'static str {
        self.chosen().name()
    }

    fn needs(&self) -> Needs {
        self.chosen().needs()
    }

    fn heads(&self) -> Heads {
        self.chosen().heads()
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        self.chosen_mut().weights(losses, gramian)
    }

    fn save(&self) -> Vec<f64> {
        self.chosen().save()
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        self.chosen_mut().restore(state)
    }
}
