//! The backward pass for K tasks: each head is swept once, the shared trunk once for all tasks.
//!
//! The features are where the heads begin. Each loss is pulled back through its own head, which gives the gradient of
//! the head and a cotangent at the features. The K cotangents are then pulled through the trunk **together**: combined
//! to one where the weights are known beforehand, stacked to `[K, ..]` where the method has to see the K gradients of
//! the shared parameters. Either way the trunk is swept once.
//!
//! Which parameters are shared is read off the tape: those that the features were computed from.

use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::{Eager, Mistake, Pointwise, Stacked, Tape, Value, Var};
use tress_nn::{Bound, Leaves, Params};
use tress_tensor::pointwise::Zip;
use tress_tensor::{Float, Shape, Tensor};

use crate::balance::{Heads, Needs, Weighting, Weights, combine};
use crate::error::{Error, Result, check_tasks};
use crate::solve::Gramian;

/// A variable over computed tensors.
type Recorded<'t, T> = Var<'t, Eager<T>>;

/// What a balanced backward pass gives.
#[derive(Clone, Debug)]
pub struct Balanced<T: Float = f32> {
    /// One block `[P]`, laid out as the parameters: the balanced direction for shared ones, for the others the gradient
    /// of their own task (weighted or plain, as the method says); zeros for what no loss depends on.
    pub gradient: Tensor<T>,
    /// The value of each loss.
    pub losses: Vec<f64>,
    /// The weight of each task.
    pub weights: Weights,
    /// The inner products of the task gradients at the shared parameters, where the method asked for them.
    pub gramian: Option<Gramian>,
}

/// Balances K scalar losses that meet at `features`, and gives the gradient of all parameters.
///
/// # Errors
/// A mistake of the model; a loss that is not a single number; a number of tasks that is not in `1..=32`; a shared
/// parameter that also reaches a loss around the features (its gradient would not be balanced there); what the method
/// refuses, such as a loss that is not finite.
pub fn balanced<'t, T: Float>(
    losses: &[Recorded<'t, T>],
    features: &[Recorded<'t, T>],
    bound: &Bound<Recorded<'t, T>>,
    params: &Params<T>,
    method: &mut (impl Weighting + ?Sized),
) -> Result<Balanced<T>> {
    check_tasks(losses.len())?;
    let tape = losses[0].tape();
    let leaves = bound.leaves();
    let shared = shared(tape, losses, features, &leaves, params)?;

    let heads = losses
        .iter()
        .map(|loss| Head::sweep(loss, features, &leaves, &shared))
        .collect::<Result<Vec<_>>>()?;
    let values = losses.iter().map(|loss| Ok(loss.item()?.to_f64())).collect::<Result<Vec<f64>>>()?;
    let (weights, gramian, trunk) = match method.needs() {
        Needs::Losses => {
            let weights = method.weights(&values, None)?;
            (weights, None, combined(tape, &heads, &weights, features, &leaves, &shared)?)
        }
        Needs::Gramian => {
            let jacobian = jacobian(tape, &heads, features, &leaves, &shared)?;
            let rows = jacobian.contiguous();
            let gramian = Gramian::from_rows(losses.len(), rows.as_slice().unwrap_or_default())?;
            let weights = method.weights(&values, Some(&gramian))?;
            (weights, Some(gramian), along(&rows, &weights)?)
        }
    };

    // The trunk's block is zero at the heads and the other way round, so they can be added in any order.
    let mut gradient = trunk;
    for (head, &weight) in heads.iter().zip(weights.iter()) {
        let weight = if method.heads() == Heads::Weighted { weight } else { 1.0 };
        leaves.add(&head.own, T::from_f64(weight), &mut gradient)?;
    }
    Ok(Balanced { gradient, losses: values, weights, gramian })
}

/// The gradient of every loss by the shared parameters, one sweep of the trunk for all K: `[K, P]`, laid out as the
/// parameters, with zeros in the places of those that are not shared.
///
/// # Errors
/// As [`balanced`].
pub fn shared_jacobian<'t, T: Float>(
    losses: &[Recorded<'t, T>],
    features: &[Recorded<'t, T>],
    bound: &Bound<Recorded<'t, T>>,
    params: &Params<T>,
) -> Result<Tensor<T>> {
    check_tasks(losses.len())?;
    let leaves = bound.leaves();
    let shared = shared(losses[0].tape(), losses, features, &leaves, params)?;
    let heads = losses
        .iter()
        .map(|loss| Head::sweep(loss, features, &leaves, &shared))
        .collect::<Result<Vec<_>>>()?;
    jacobian(losses[0].tape(), &heads, features, &leaves, &shared)
}

/// The names of the parameters that the features were computed from.
///
/// # Errors
/// As [`balanced`].
pub fn shared_names<'t, T: Float>(
    losses: &[Recorded<'t, T>],
    features: &[Recorded<'t, T>],
    bound: &Bound<Recorded<'t, T>>,
    params: &Params<T>,
) -> Result<Vec<String>> {
    check_tasks(losses.len())?;
    let shared = shared(losses[0].tape(), losses, features, &bound.leaves(), params)?;
    let names = params.entries().filter(|entry| entry.is_trained()).zip(shared);
    Ok(names.filter(|(_, shared)| *shared).map(|(entry, _)| String::from(entry.name())).collect())
}

/// For each leaf, whether it is shared.
fn shared<'t, T: Float>(
    tape: &Tape<Eager<T>>,
    losses: &[Recorded<'t, T>],
    features: &[Recorded<'t, T>],
    leaves: &Leaves<Recorded<'t, T>>,
    params: &Params<T>,
) -> Result<Vec<bool>> {
    let shared = tape.depends(features, leaves.values(), &[])?;
    let around = tape.depends(losses, leaves.values(), features)?;
    let entries = params.entries().filter(|entry| entry.is_trained());
    match entries.zip(shared.iter().zip(around)).find(|(_, (shared, around))| **shared && *around) {
        Some((entry, _)) => Err(Error::Around { parameter: String::from(entry.name()) }),
        None => Ok(shared),
    }
}

/// What one loss gives when it is pulled back as far as the features.
struct Head<T: Float> {
    /// For each of the features; `None` where the loss does not look at it.
    cotangents: Vec<Option<Eager<T>>>,
    /// For each leaf; `None` for the shared ones and those of other heads.
    own: Vec<Option<Tensor<T>>>,
}

impl<T: Float> Head<T> {
    fn sweep<'t>(
        loss: &Recorded<'t, T>,
        features: &[Recorded<'t, T>],
        leaves: &Leaves<Recorded<'t, T>>,
        shared: &[bool],
    ) -> Result<Self> {
        if loss.shape() != Shape::SCALAR {
            let why = "a loss is a single number; sum or average first";
            let error = tress_tensor::Error::Unfit { op: "balanced", shape: loss.shape(), why };
            return Err(Mistake::here(error).into());
        }
        let own = leaves.values().iter().zip(shared).filter(|(_, shared)| !**shared).map(|(leaf, _)| *leaf);
        let wanted: Vec<_> = features.iter().copied().chain(own).collect();
        let seed = loss.value()?.constant(1.0);
        let mut found = loss.tape().sweep(&[(*loss, seed)], &wanted, features, Eager::clone)?.into_iter();
        let cotangents = found.by_ref().take(features.len()).collect();
        let own = shared.iter().map(|shared| if *shared { None } else { found.next().flatten() });
        Ok(Self { cotangents, own: tensors(own)? })
    }
}

/// `sum_k w_k g_k` by one cotangent: the weights are put in before the trunk is swept.
fn combined<'t, T: Float>(
    tape: &Tape<Eager<T>>,
    heads: &[Head<T>],
    weights: &[f64],
    features: &[Recorded<'t, T>],
    leaves: &Leaves<Recorded<'t, T>>,
    shared: &[bool],
) -> Result<Tensor<T>> {
    let mut seeds = Vec::with_capacity(features.len());
    for (i, feature) in features.iter().enumerate() {
        let terms = heads.iter().zip(weights).filter_map(|(head, &weight)| {
            let cotangent = head.cotangents[i].as_ref()?;
            // Most weights are 1, and then the cotangent is taken as it is.
            Some(if weight == 1.0 { cotangent.clone() } else { cotangent.scale(weight) })
        });
        if let Some(sum) = terms.reduce(|a, b| a.zip(Zip::Add, b)) {
            seeds.push((*feature, sum));
        }
    }
    let found = tape.sweep(&seeds, &wanted(leaves, shared), &[], Eager::clone)?;
    Ok(leaves.block(&tensors(scatter(found, shared))?)?)
}

/// The K gradients of the shared parameters, by K stacked cotangents in one sweep.
fn jacobian<'t, T: Float>(
    tape: &Tape<Eager<T>>,
    heads: &[Head<T>],
    features: &[Recorded<'t, T>],
    leaves: &Leaves<Recorded<'t, T>>,
    shared: &[bool],
) -> Result<Tensor<T>> {
    let k = heads.len();
    let mut seeds = Vec::with_capacity(features.len());
    for (i, feature) in features.iter().enumerate() {
        let value = feature.value()?;
        let row = |head: &Head<T>| head.cotangents[i].clone().unwrap_or_else(|| value.constant(0.0));
        let others: Vec<Eager<T>> = heads[1..].iter().map(row).collect();
        seeds.push((*feature, Stacked::from_rows(&row(&heads[0]), &others)));
    }
    let found = tape.sweep(&seeds, &wanted(leaves, shared), &[], |value| Stacked::Shared(value.clone()))?;
    let each = scatter(found, shared).map(|stack| stack.map(|stack| stack.each(k)));
    Ok(leaves.rows(k, &tensors(each)?)?)
}

/// `J^T w`.
fn along<T: Float>(jacobian: &Tensor<T>, weights: &[f64]) -> Result<Tensor<T>> {
    let mut direction = Tensor::zeros([jacobian.shape()[1]])?;
    combine(weights, jacobian.as_slice().unwrap_or_default(), direction.make_mut())?;
    Ok(direction)
}

fn wanted<'t, T: Float>(leaves: &Leaves<Recorded<'t, T>>, shared: &[bool]) -> Vec<Recorded<'t, T>> {
    leaves.values().iter().zip(shared).filter(|(_, shared)| **shared).map(|(leaf, _)| *leaf).collect()
}

/// What was found for the shared leaves, with nothing for the others in between.
fn scatter<C>(found: Vec<Option<C>>, shared: &[bool]) -> impl Iterator<Item = Option<C>> {
    let mut found = found.into_iter();
    shared.iter().map(move |shared| if *shared { found.next().flatten() } else { None })
}

fn tensors<T: Float>(values: impl Iterator<Item = Option<Eager<T>>>) -> Result<Vec<Option<Tensor<T>>>> {
    values.map(|value| Ok(value.map(|value| value.tensor().cloned()).transpose()?)).collect()
}
