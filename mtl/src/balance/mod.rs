//! Balancing K tasks that share parameters: from losses and the Gramian of the task gradients to one direction.
//!
//! Let `g_k` be the gradient of loss `l_k` by the P shared parameters and J the `[K, P]` matrix of these rows. Every
//! [`Weighting`] here answers with K weights `w`, and what replaces the gradient is the **direction `d = Jᵀ w`**: a
//! step goes along `-d`. The weights may be applied after the sweep (`Jᵀ w`) or before it (one sweep of
//! `w_0 l_0 + .. + w_{K-1} l_{K-1}` with the weights held fixed), which gives the same `d`.
//!
//! Two scales differ silently between papers and programs, so each method says which it follows:
//!
//! | method | weights | `d` on gradients that agree | heads |
//! |---|---|---|---|
//! | [`Equal::sum`] | all 1 | `K` times the mean gradient | plain = weighted |
//! | [`Equal::mean`] | all 1 / K | the mean gradient | weighted by 1 / K |
//! | [`Uncertainty`] | `exp(-s_k) / 2` | about half the sum of `g_k / l_k` | weighted |
//! | [`PcGrad`] | from 1 up | the sum of the gradients | plain |
//! | [`Mgda`] | sum to 1 | the shortest convex combination | plain |
//!
//! The last column is [`Heads`]: whether the parameters of a task's own head are trained on `l_k` or on `w_k l_k`.
//! Under Adam that makes nearly no difference, under SGD it scales the head's learning rate.

mod aggregate;
mod equal;
mod method;
mod mgda;
mod pcgrad;
mod uncertainty;
mod weights;

pub use aggregate::{Aggregator, combine};
pub use equal::Equal;
pub use method::{Balance, Method};
pub use mgda::Mgda;
pub use pcgrad::PcGrad;
pub use uncertainty::Uncertainty;
pub use weights::Weights;

use alloc::vec::Vec;

use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::Gramian;

/// What a weighting has to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// The K losses: one ordinary backward sweep per step is enough.
    Losses,
    /// The losses and the Gramian of the K task gradients: the trunk is swept with K cotangents.
    Gramian,
}

/// What a task's own head, which no other task shares, is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heads {
    /// Its loss as it is: the weights act on the shared parameters only.
    Plain,
    /// Its loss times the weight of the task.
    Weighted,
}

/// Losses, and for some methods the Gramian of the task gradients, to K weights.
pub trait Weighting {
    /// The name under which [`Method`] knows it.
    fn name(&self) -> &'static str;

    /// What [`weights`](Weighting::weights) has to be given.
    fn needs(&self) -> Needs;

    /// What the paper trains the heads on.
    fn heads(&self) -> Heads;

    /// The weights `w` of the K losses for this training step, so that the direction is `d = Jᵀ w`. To be called once
    /// for each step: a method with state moves it on.
    ///
    /// `gramian` may be `None` where [`needs`](Weighting::needs) says [`Needs::Losses`]; it is not looked at then.
    ///
    /// # Errors
    /// When a loss is not finite, the lengths do not agree, the Gramian is missing, or a loss is outside the range in
    /// which the method is defined. The state is then unchanged.
    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights>;

    /// The state that training has changed, for a checkpoint; empty for a method without state. Settings, such as a
    /// seed or a rate, are not part of it.
    fn save(&self) -> Vec<f64> {
        Vec::new()
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
