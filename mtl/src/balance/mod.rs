//! Balancing K tasks that share parameters: from losses, their Gramian or their Jacobian to one direction.
//!
//! Let `g_k` be the gradient of loss `l_k` by the P shared parameters and J the `[K, P]` matrix of these rows. What
//! replaces the gradient is the **direction `d`**: a step goes along `-d`. Nearly every method answers with K weights
//! `w`, and `d = Jᵀ w`. The weights may be applied after the sweep (`Jᵀ w`) or before it (one sweep of
//! `w_0 l_0 + .. + w_{K-1} l_{K-1}` with the weights held fixed), which gives the same `d`.
//!
//! A method says what it has to be given: [`Weighting::needs`] before the step, [`Weighting::observes`] besides it.
//! Methods that weigh losses are in [`loss`], those that look at gradients in [`gradient`]; each is one file with its
//! paper.
//!
//! # One table of needs and scales
//!
//! The sizes of `w` and `d` differ silently between papers and programs, so each method says which it follows. "On
//! equal rows" is `d / g` when all K gradients are the same `g`, and all losses 1. [`Rescaled`] puts any method on the
//! scale of the mean gradient, so that methods can be compared at one learning rate.
//!
//! | method | needs | besides | weights | on equal rows | heads |
//! |---|---|---|---|---|---|
//! | [`Equal::sum`] | losses | | all 1 | K | weighted |
//! | [`Equal::mean`] | losses | | all 1 / K | 1 | weighted |
//! | [`Fixed`] | losses | | as given | their sum | weighted |
//! | [`ScaleInvariant`] | losses | | `1 / l_k`, floored | K | weighted |
//! | [`Uncertainty`] | losses | | `exp(-s_k) / 2` | K / 2 at the start | weighted |
//! | [`Dwa`] | losses | ends of epochs | sum to K | K | weighted |
//! | [`RandomWeights`] | losses | | sum to 1 | 1 | weighted |
//! | [`Geometric`] | losses | | `GLS / (K l_k)` | 1 | weighted |
//! | [`ImtlL`] | losses | | `exp(s_k)` | K at the start | weighted |
//! | [`Famo`] | losses | losses after the step | sum to 1 | 1 | weighted |
//! | [`Chebyshev`] | losses | | `r_k` of the worst task | 1 / K | weighted |
//! | [`SmoothChebyshev`] | losses | | `Σ w_k / r_k = 1` | 1 / K | weighted |
//! | [`Pbi`] | losses | | `r̂` and a pull to the ray | √K | weighted |
//! | [`Cosmos`] | losses | the ray as an input | `r`, and a pull to the ray | about 1 | weighted |
//! | [`AutoLambda`] | losses | slopes of a validation loss | from 0 up | K / 10 at the start | weighted |
//! | [`GradNorm`] | Gramian | | sum to K | K | weighted |
//! | [`Mgda`] | Gramian | | sum to 1 | 1 | plain |
//! | [`PcGrad`] | Gramian | | from 1 up | K | plain |
//! | [`GradVac`] | Gramian | | from 1 up | K | plain |
//! | [`GradDrop`] | Jacobian | | none: d is no `Jᵀ w` | K | plain |
//! | [`CaGrad`] | Gramian | | sum to `1 + c |g_0| / |g_w|` | 1 + c | plain |
//! | [`ImtlG`] | Gramian | | sum to 1, of any sign | 1 | plain |
//! | [`NashMtl`] | Gramian | | `|d| = √K` | `√K / |g|` | plain |
//! | [`AlignedMtl`] | Gramian | | `√λ_min` over the singular values | 1 | plain |
//! | [`FairGrad`] | Gramian | | `G w = w^(-1/a)` | `K^(-1/(1+a)) ..` | weighted |
//! | [`MoCo`] | Jacobian | | of the averages, sum to 1 | β at the start | plain |
//! | [`MoDo`] | losses | products of two batches | sum to 1 | 1 | plain |
//! | [`SdmGrad`] | losses | products of two batches | sum to 1 + λ | 1 + λ | plain |
//! | [`ExcessMtl`] | Jacobian | | sum to 1 | 1 | weighted |
//! | [`DbMtl`] | Jacobian | | `|d| <= K max |ĝ|` | K (1 - β) at the start | weighted by `1 / l_k` |
//! | [`UpGrad`] | Gramian | | from 1 / K up | 1 | plain |
//! | [`DualProj`] | Gramian | | from 1 / K up | 1 | plain |
//! | [`ConFig`] | Gramian | | `|d|` is the sum of the falls | K | plain |
//! | [`ParetoMtl`] | Gramian | ends of epochs | those of MGDA with rows of constraints | 1 | plain |
//!
//! The last column is [`Heads`]: whether the parameters of a task's own head are trained on `l_k` or on `w_k l_k`.
//! Under Adam that makes nearly no difference, under SGD it scales the head's learning rate.
//!
//! # Where a method has no answer
//!
//! A **zero row** (a task without gradient) takes no part and gets the weight that leaves the others theirs. The
//! exceptions are methods that look for a direction under which the worst-off task gains: no direction helps a task without
//! gradient, so every point is Pareto-stationary to them. [`Mgda`] and [`ParetoMtl`] give the zero rows all of the weight,
//! and `d` is zero; [`CaGrad`] answers as at a stationary point; [`MoCo`], [`MoDo`] and [`SdmGrad`] move weight to the zero
//! row step by step, and `d` gets shorter. Give these methods only tasks that have a gradient. Where the problem of a method has no solution (for Nash-MTL and FairGrad a Pareto-stationary point; for
//! IMTL-G rows that no direction meets at equal angles) the answer is the least-norm point of the hull, [`Mgda`]'s: its
//! direction is zero at a stationary point and makes no task worse anywhere else. No setting, no loss and no gradient
//! panics; a number that is not finite is an error, and an error leaves the state as it was.

pub mod gradient;
pub(crate) mod kept;
pub mod loss;
mod method;
mod panel;
mod per_group;
mod rescaled;
mod state;
mod weights;

pub use kept::Kept;

pub use gradient::{
    AlignedMtl, CaGrad, ConFig, DbMtl, DualProj, ExcessMtl, FairGrad, GradDrop, GradNorm, GradVac, ImtlG,
    Level, Mgda, MoCo, MoDo, NashMtl, ParetoMtl, PcGrad, SdmGrad, UpGrad,
};
pub use loss::{
    AutoLambda, Chebyshev, Cosmos, Dwa, Equal, Famo, Fixed, Geometric, ImtlL, Pbi, RandomWeights,
    ScaleInvariant, SmoothChebyshev, Uncertainty,
};
pub use method::{Balance, Method};
pub use panel::{Panel, Rows, combine};
pub use per_group::PerGroup;
pub use rescaled::{Rescaled, Scale};
pub use weights::Weights;

use alloc::vec::Vec;

use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::{CrossGramian, Gramian};

/// What a method has to be given for a step, from cheap to dear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    /// The K losses: one ordinary backward sweep per step is enough.
    Losses,
    /// The losses and Gramians of the K task gradients: the trunk is swept with K cotangents.
    Gramian,
    /// The losses and the K task gradients themselves, element by element: [`Weighting::direction`] reads them.
    Jacobian,
}

/// What a method has to be told besides the step, by [`Weighting::observe`].
///
/// A method that is to be told something at each step, and is not, would go on for ever with the weights it has: the
/// second step without it is an error ([`Error::Unobserved`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observes {
    /// Nothing.
    Nothing,
    /// [`Observation::EpochEnd`], after the last step of each epoch.
    Epochs,
    /// [`Observation::LossesAfter`], after each step: one forward pass more.
    LossesAfter,
    /// [`Observation::Products`], before each step: two batches more, each with its Jacobian.
    Products,
    /// [`Observation::Slopes`], before each step: a validation batch, and two forward passes or K inner products.
    Slopes,
    /// Nothing by [`Weighting::observe`]; but the network has to be given the ray of the step as an input, before the
    /// forward pass ([`Cosmos::ray`]).
    Ray,
}

/// Something that a method is told besides the step.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// An epoch has ended. Every method takes this; those that do not count epochs do nothing.
    EpochEnd,
    /// The K losses on the batch of the last step, with the parameters after it, in the same mode of the network (and
    /// with the same seed of its dropout).
    LossesAfter(&'a [f64]),
    /// The products `g_i(first batch) · g_j(second batch)` of two independent batches.
    Products(&'a CrossGramian),
    /// For each task, how fast the validation loss falls when its weight rises, over the inner rate:
    /// `∇l_k(θ) · ∇L(θ')` with `θ'` the parameters after a trial step and L the validation loss.
    Slopes(&'a [f64]),
}

impl Observation<'_> {
    fn name(&self) -> &'static str {
        match self {
            Observation::EpochEnd => "the end of an epoch",
            Observation::LossesAfter(_) => "the losses after the step",
            Observation::Products(_) => "the products of two batches",
            Observation::Slopes(_) => "the slopes of a validation loss",
        }
    }
}

/// What a task's own head, which no other task shares, is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heads {
    /// Its loss as it is: the weights act on the shared parameters only.
    Plain,
    /// Its loss times the weight of the task.
    Weighted,
}

/// Losses, and for some methods the Gramian or the rows of the task gradients, to a direction.
///
/// A training loop that works for every method calls [`sweep::balanced`](crate::sweep::balanced) for each step, and
/// [`observe`](Weighting::observe) where [`observes`](Weighting::observes) asks for it.
pub trait Weighting {
    /// The name under which [`Method`] knows it.
    fn name(&self) -> &'static str;

    /// What a step has to be given.
    fn needs(&self) -> Needs;

    /// What the paper trains the heads on.
    fn heads(&self) -> Heads;

    /// The weights `w` of the K losses for this training step, so that the direction is `d = Jᵀ w`. To be called once
    /// for each step: a method with state moves it on.
    ///
    /// `gramian` may be `None` where [`needs`](Weighting::needs) says [`Needs::Losses`]; it is not looked at then.
    ///
    /// # Errors
    /// When a loss is not finite, the lengths do not agree, the Gramian is missing, a loss is outside the range in which
    /// the method is defined, or what [`observes`](Weighting::observes) asks for was not told since the last step; always
    /// where [`needs`](Weighting::needs) says [`Needs::Jacobian`]. The state is then unchanged.
    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights>;

    /// Writes the direction of this step into the panel of task gradients, and gives the weights that made it; or,
    /// where the direction is no combination of the rows, the weights of the heads. Every method can be called so; a
    /// backward pass calls it for all that need more than the losses.
    ///
    /// # Errors
    /// As for [`weights`](Weighting::weights).
    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_length("losses", panel.tasks(), losses.len())?;
        let gramian = match self.needs() {
            Needs::Losses => None,
            Needs::Gramian | Needs::Jacobian => Some(panel.gramian()?),
        };
        let weights = self.weights(losses, gramian.as_ref())?;
        panel.combine(&weights)?;
        Ok(weights)
    }

    /// What [`observe`](Weighting::observe) has to be called with.
    fn observes(&self) -> Observes {
        Observes::Nothing
    }

    /// The weights that the method holds before it is told of the next step, for who has to know them to find out what to
    /// tell: the trial step of Auto-lambda goes by them. `None` for a method whose weights follow from the step.
    fn held(&self) -> Option<Weights> {
        None
    }

    /// Tells the method what it asked for by [`observes`](Weighting::observes).
    ///
    /// # Errors
    /// When this method does not look at such a thing (the end of an epoch excepted), or the numbers are not finite or
    /// not as many as there are tasks. The state is then unchanged.
    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        match seen {
            Observation::EpochEnd => Ok(()),
            other => Err(Error::NotObserved { method: self.name(), what: other.name() }),
        }
    }

    /// The state that training has changed, for a checkpoint; empty for a method without state. Settings, such as a
    /// seed or a rate, are not part of it.
    fn save(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Whose the numbers of [`save`](Weighting::save) are, part by part, for a method that can serve some of its tasks with
    /// what belongs to them: see [`presence::Partial`](crate::presence::Partial). Without an answer a state belongs to one set
    /// of tasks as a whole.
    fn kept(&self) -> &'static [Kept] {
        &[]
    }

    /// Takes back what [`save`](Weighting::save) gave, on an object made with the same settings.
    ///
    /// # Errors
    /// When the state has another length or is not one that `save` can give. Nothing is changed then.
    fn restore(&mut self, state: &[f64]) -> Result<()> {
        check_length("state", 0, state.len())
    }
}

/// Checks the losses, and that they are as many as the Gramian has tasks; returns the Gramian.
fn check_gramian<'g>(
    method: &'static str,
    losses: &[f64],
    gramian: Option<&'g Gramian>,
) -> Result<&'g Gramian> {
    check_losses(losses)?;
    let gramian = gramian.ok_or(Error::MissingGramian { method })?;
    check_length("losses", gramian.tasks(), losses.len())?;
    Ok(gramian)
}

/// Checks the number of losses and that each is finite.
fn check_losses(losses: &[f64]) -> Result<()> {
    check_tasks(losses.len())?;
    check_finite("losses", losses)
}

/// What is added to a loss before its logarithm or its inverse is taken: a batch whose loss is exactly zero is no
/// mistake, since a task that is learned gives such batches.
const TINY_LOSS: f64 = 1e-8;

/// Checks the losses, and that none is negative.
fn check_from_zero(method: &'static str, losses: &[f64]) -> Result<()> {
    check_losses(losses)?;
    match losses.iter().position(|&l| l < 0.0) {
        Some(task) => Err(Error::NegativeLoss { method, task }),
        None => Ok(()),
    }
}

/// Checks that a method was told what it looks at since the last step.
fn check_told(method: &'static str, waits: bool, what: &'static str) -> Result<()> {
    if waits { Err(Error::Unobserved { method, what }) } else { Ok(()) }
}

/// Checks a setting.
fn check_setting(holds: bool, what: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Setting { what }) }
}
