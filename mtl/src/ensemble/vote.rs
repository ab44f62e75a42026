//! Votes: with probabilities, and with answers.

use alloc::vec::Vec;

use tress_nn::metric::argmax;
use tress_tensor::{Float, Tensor};

use super::check_members;
use crate::error::{Error, Result, check_length};

/// The mean of the members' predictions `[N, width]`, weighted if weights are given: soft vote. For numbers it is the
/// usual ensemble mean.
///
/// # Errors
/// No member or more than 32, predictions of different shapes, another number of weights, or weights that are negative,
/// not finite or zero altogether.
pub fn soft_vote<T: Float>(members: &[Tensor<T>], weights: Option<&[f64]>) -> Result<Tensor<T>> {
    let shape = check_members(members)?;
    let weights = shares(members.len(), weights)?;
    let mut sums = alloc::vec![0.0; shape[0] * shape[1]];
    for (member, weight) in members.iter().zip(weights) {
        for (sum, number) in sums.iter_mut().zip(member.to_vec()) {
            *sum += weight * number.to_f64();
        }
    }
    let sums: Vec<T> = sums.into_iter().map(T::from_f64).collect();
    Ok(Tensor::new(shape, &sums)?)
}

/// The answer with the most votes, where every member has one for its likeliest class, weighted if weights are given:
/// hard vote. Of answers with as many votes, the one with the larger probability in the [`soft_vote`] wins, then the first.
///
/// # Errors
/// As [`soft_vote`]; a prediction that is NaN.
pub fn hard_vote<T: Float>(members: &[Tensor<T>], weights: Option<&[f64]>) -> Result<Vec<u32>> {
    let [samples, classes] = check_members(members)?;
    let soft = soft_vote(members, weights)?.to_vec();
    let mut votes = alloc::vec![0.0; samples * classes];
    for (member, weight) in members.iter().zip(shares(members.len(), weights)?) {
        for (sample, answer) in argmax(member).into_iter().enumerate() {
            let answer = answer.ok_or(Error::NotFinite { what: "predictions of a member", index: sample })?;
            votes[sample * classes + answer] += weight;
        }
    }
    let winner = |(votes, soft): (&[f64], &[T])| {
        // Votes are sums of shares: to rounding, equal ones are a draw.
        let ahead = |a: usize, b: usize| {
            let lead = votes[a] - votes[b];
            lead > 1e-12 || (lead.abs() <= 1e-12 && soft[a] > soft[b])
        };
        (1..classes).fold(0, |best, class| if ahead(class, best) { class } else { best }) as u32
    };
    Ok(votes.chunks_exact(classes).zip(soft.chunks_exact(classes)).map(winner).collect())
}

/// Weights that sum to one; equal ones where none are given.
fn shares(members: usize, weights: Option<&[f64]>) -> Result<Vec<f64>> {
    let Some(weights) = weights else { return Ok(alloc::vec![1.0 / members as f64; members]) };
    check_length("weights of members", members, weights.len())?;
    let total: f64 = weights.iter().sum();
    match weights.iter().all(|w| *w >= 0.0) && total.is_finite() && total > 0.0 {
        true => Ok(weights.iter().map(|w| w / total).collect()),
        false => Err(Error::Setting { what: "weights of members are numbers from 0 up, and not all 0" }),
    }
}
