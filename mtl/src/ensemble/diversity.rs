//! How different members are: without that, an ensemble gains nothing.

use alloc::vec::Vec;

use tress_nn::metric::argmax;
use tress_tensor::{Float, Tensor};

use super::check_members;
use crate::error::Result;

/// The share of samples for which two members answer differently, averaged over all pairs (S. Fort, H. Hu & B.
/// Lakshminarayanan, "Deep ensembles: a loss landscape perspective", 2019, section 4.1); 0 of one member.
///
/// # Errors
/// No member or more than 32, or predictions of different shapes.
pub fn disagreement<T: Float>(members: &[Tensor<T>]) -> Result<f64> {
    let [samples, _] = check_members(members)?;
    let answers: Vec<Vec<Option<usize>>> = members.iter().map(argmax).collect();
    let mut differing = 0;
    for (i, a) in answers.iter().enumerate() {
        for b in &answers[..i] {
            differing += a.iter().zip(b).filter(|(a, b)| a != b).count();
        }
    }
    let pairs = members.len() * (members.len() - 1) / 2;
    Ok(differing as f64 / (pairs * samples).max(1) as f64)
}

/// The mean over samples of the entropy of the members' mean probability, less the mean of their entropies, in nats: what
/// the members know differently, where entropy in common is what none of them knows (B. Lakshminarayanan, A. Pritzel & C.
/// Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles", 2017, section 3.5). From 0 to
/// the logarithm of the number of members.
///
/// # Errors
/// As [`disagreement`].
pub fn diversity<T: Float>(members: &[Tensor<T>]) -> Result<f64> {
    let [samples, classes] = check_members(members)?;
    let all: Vec<Vec<T>> = members.iter().map(Tensor::to_vec).collect();
    let of = |p: f64| if p > 0.0 { -p * libm::log(p) } else { 0.0 };
    let share = 1.0 / members.len() as f64;
    let mut sum = 0.0;
    for place in 0..samples * classes {
        let ps = || all.iter().map(|member| member[place].to_f64());
        sum += of(ps().sum::<f64>() * share) - share * ps().map(of).sum::<f64>();
    }
    Ok(sum / samples.max(1) as f64)
}
