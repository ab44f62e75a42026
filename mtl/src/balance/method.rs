//! The balancing methods by name, and one value that may be any of them.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{
    AlignedMtl, AutoLambda, CaGrad, Chebyshev, ConFig, DbMtl, DualProj, Dwa, Equal, ExcessMtl, FairGrad,
    Famo, Geometric, GradDrop, GradNorm, GradVac, Heads, ImtlG, ImtlL, Kept, Mgda, MoCo, MoDo, NashMtl,
    Needs, Observation, Observes, Panel, ParetoMtl, Pbi, PcGrad, RandomWeights, ScaleInvariant, SdmGrad,
    SmoothChebyshev, Uncertainty, UpGrad, Weighting, Weights,
};
use crate::error::{Error, Result, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// What a method is made from when it is chosen by name.
struct Setup {
    tasks: usize,
    seed: u64,
    rate: f64,
}

impl Setup {
    /// The preference that favours no task.
    fn uniform(&self) -> &'static [f64] {
        &[1.0; MAX_TASKS][..self.tasks]
    }
}

/// One line for each method: its name, what it does, its type, and how it is made.
macro_rules! methods {
    ($($variant:ident, $name:literal, $about:literal, $type:ty, |$setup:pat_param| $make:expr;)*) => {
        /// The name of a balancing method, as written on a command line or in a settings file.
        ///
        /// [`Fixed`](super::Fixed) and [`Cosmos`](super::Cosmos) are not among them: the one has to be given weights, the
        /// other a network that is told the ray.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`: ", $about, ", [`", stringify!($type), "`](super::", stringify!($type), ").")] $variant,)*
        }

        impl Method {
            /// Every method there is, in the order in which messages list them.
            pub const ALL: [Method; [$($name),*].len()] = [$(Method::$variant),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Method::$variant => $name,)*
                }
            }

            /// What it does, in a few words.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Method::$variant => $about,)*
                }
            }

            fn make(self, setup: &Setup) -> Result<Balance> {
                Ok(match self {
                    $(Method::$variant => {
                        let $setup = setup;
                        Balance::$variant($make)
                    })*
                })
            }
        }

        /// Any of the methods, as one value: what a training loop keeps when the user has chosen by name.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // One per training run; a box would need the heap for nothing.
        pub enum Balance {
            $(#[doc = concat!("`", $name, "`.")] $variant($type),)*
        }

        impl Balance {
            /// Which method it is.
            #[must_use]
            pub fn method(&self) -> Method {
                match self {
                    $(Balance::$variant(_) => Method::$variant,)*
                }
            }

            fn chosen(&self) -> &dyn Weighting {
                match self {
                    $(Balance::$variant(chosen) => chosen,)*
                }
            }

            fn chosen_mut(&mut self) -> &mut dyn Weighting {
                match self {
                    $(Balance::$variant(chosen) => chosen,)*
                }
            }
        }
    };
}

methods! {
    Equal, "equal", "the sum of the losses", Equal, |_| Equal::sum();
    Mean, "mean", "the mean of the losses", Equal, |_| Equal::mean();
    ScaleInvariant, "scale-invariant", "the sum of their logarithms", ScaleInvariant, |_| ScaleInvariant::new();
    Geometric, "geometric", "the geometric mean", Geometric, |_| Geometric::new();
    Uncertainty, "uncertainty", "learned variances", Uncertainty, |s| Uncertainty::new(s.tasks, s.rate)?;
    ImtlL, "imtl-l", "learned factors", ImtlL, |s| ImtlL::new(s.tasks, s.rate)?;
    Dwa, "dwa", "by how fast the losses fall", Dwa, |s| Dwa::new(s.tasks)?;
    Random, "random", "new weights for each step", RandomWeights, |s| RandomWeights::new(s.seed);
    Famo, "famo", "equal relative falls, learned", Famo, |s| Famo::new(s.tasks)?;
    Chebyshev, "chebyshev", "the worst task alone, no task preferred", Chebyshev, |s| Chebyshev::new(s.uniform())?;
    SmoothChebyshev, "smooth-chebyshev", "a smooth maximum, no task preferred, smoothing 0.1", SmoothChebyshev, |s| SmoothChebyshev::new(s.uniform(), 0.1)?;
    Pbi, "pbi", "along the ray of equal losses", Pbi, |s| Pbi::new(s.uniform())?;
    AutoLambda, "auto-lambda", "learned on a validation loss", AutoLambda, |s| AutoLambda::new(s.tasks, 1e-4)?;
    GradNorm, "gradnorm", "weighted gradients of equal length", GradNorm, |s| GradNorm::new(s.tasks, 0.025)?;
    Mgda, "mgda", "the shortest convex combination", Mgda, |_| Mgda::new();
    PcGrad, "pcgrad", "projected conflicting gradients", PcGrad, |s| PcGrad::new(s.seed);
    GradVac, "gradvac", "angles held at what is usual", GradVac, |s| GradVac::new(s.tasks, 0.01, s.seed)?;
    GradDrop, "graddrop", "one sign for each element", GradDrop, |s| GradDrop::new(s.seed);
    CaGrad, "cagrad", "the worst task first, near the mean, c = 0.5", CaGrad, |_| CaGrad::new(0.5)?;
    ImtlG, "imtl-g", "one angle with all gradients", ImtlG, |_| ImtlG::new();
    Nash, "nash", "the bargain of Nash", NashMtl, |_| NashMtl::new();
    FairGrad, "fairgrad", "an alpha-fair bargain, a = 2", FairGrad, |_| FairGrad::new(2.0)?;
    Aligned, "aligned", "singular values made equal", AlignedMtl, |_| AlignedMtl::mean();
    MoCo, "moco", "averaged gradients", MoCo, |s| MoCo::new(s.tasks)?;
    MoDo, "modo", "two samples for one weight", MoDo, |s| MoDo::new(s.tasks)?;
    SdmGrad, "sdmgrad", "the same near the mean", SdmGrad, |s| SdmGrad::new(s.tasks)?;
    ExcessMtl, "excess-mtl", "by excess risk", ExcessMtl, |s| ExcessMtl::new(s.tasks, 0.01)?;
    DbMtl, "db-mtl", "losses and gradients of one size", DbMtl, |s| DbMtl::new(s.tasks)?;
    UpGrad, "upgrad", "the mean of projections on the dual cone", UpGrad, |_| UpGrad::new();
    DualProj, "dualproj", "the projection of the mean", DualProj, |_| DualProj::new();
    ConFig, "config", "unit gradients agreed on equally", ConFig, |_| ConFig::new();
    ParetoMtl, "pareto-mtl", "MGDA in the sector of equal losses, between rays that lean to one task each", ParetoMtl, |s| ParetoMtl::new(&sectors(s.tasks), 0)?;
}

/// The ray of equal losses, and for each of several tasks the one on which its loss is twice the others'.
fn sectors(tasks: usize) -> Vec<Vec<f64>> {
    let leaning = |k: usize| (0..tasks).map(|j| if j == k { 2.0 } else { 1.0 }).collect();
    let others = if tasks > 1 { tasks } else { 0 };
    core::iter::once(alloc::vec![1.0; tasks]).chain((0..others).map(leaning)).collect()
}

impl Method {
    /// Makes the method for K tasks, with the settings of its paper and no preference between tasks. `seed` is for what
    /// is drawn, `rate` the learning rate of what the papers learn along with the network, by its optimiser: the
    /// log-variances of `uncertainty` and the factors of `imtl-l`. The others look at neither: the weights of `gradnorm`
    /// and `auto-lambda` have rates of their own in the papers, 0.025 and 1e-4.
    ///
    /// Where a paper names several values for a setting, or none, the choice is one of this library: the smoothing 0.1 of
    /// `smooth-chebyshev` (the authors' program takes 1, on losses that it has put on one scale), c = 0.5 of `cagrad` (0.4
    /// in some experiments), α = 1.5 of `gradnorm` (0.12 in others), a = 2 of `fairgrad`, the rate 0.01 of `excess-mtl` and
    /// the rays of `pareto-mtl`.
    ///
    /// # Errors
    /// When K is not in `1..=32` (`1..=16` for `pareto-mtl`), or the rate is negative or not finite where it counts.
    pub fn build(self, tasks: usize, seed: u64, rate: f64) -> Result<Balance> {
        check_tasks(tasks)?;
        self.make(&Setup { tasks, seed, rate })
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
    /// assert!(error.to_string().contains("`mdga`; choose one of equal, mean, scale-invariant, "));
    /// # Ok::<(), tress_mtl::Error>(())
    /// ```
    fn from_str(name: &str) -> Result<Self> {
        let named = Method::ALL.into_iter().find(|method| method.name() == name);
        named.ok_or_else(|| Error::UnknownMethod { name: name.to_owned() })
    }
}

impl Weighting for Balance {
    fn name(&self) -> &'static str {
        self.method().name()
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

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        self.chosen_mut().direction(losses, panel)
    }

    fn held(&self) -> Option<Weights> {
        self.chosen().held()
    }

    fn observes(&self) -> Observes {
        self.chosen().observes()
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        self.chosen_mut().observe(seen)
    }

    fn save(&self) -> Vec<f64> {
        self.chosen().save()
    }

    fn kept(&self) -> &'static [Kept] {
        self.chosen().kept()
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        self.chosen_mut().restore(state)
    }
}
