//! Weights of members, fitted exactly.

use alloc::vec::Vec;

use tress_nn::Labels;
use tress_tensor::{Float, Tensor};

use super::check_members;
use crate::error::{Error, Result, check_length};
use crate::network::Targets;
use crate::solve::{Gramian, min_norm};

/// A probability of nothing counts as this much, so that one member that is certain and wrong does not make the log loss
/// infinite.
const LEAST: f64 = 1e-12;

/// Weights of the members, from zero up with sum one, and how good they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// One a member.
    pub weights: Vec<f64>,
    /// The mean squared error or log loss of the weighted mean on the samples that it was fitted on.
    pub loss: f64,
    /// No weights at all have a loss that is lower by more than this.
    pub gap: f64,
}

/// The weights whose mean prediction has the smallest squared error: for numbers, or (Brier's score) for probabilities
/// against the one-hot truth.
///
/// As weights sum to one, the error of the mean is the mean of the errors `e_m`, and its square `|Σ w_m e_m|²`. So the best
/// weights are those of the point nearest to the origin in the hull of the errors, which [`min_norm`] finds exactly: L.
/// Breiman's "Stacked regressions" (1996), with a sum of one.
///
/// # Errors
/// No member or more than 32, predictions of different shapes, targets that do not fit them, or numbers that are not
/// finite.
pub fn weights_by_squares<T: Float>(members: &[Tensor<T>], targets: &Targets<T>) -> Result<Fitted> {
    let [samples, width] = check_members(members)?;
    let truth = truth(targets, samples, width)?;
    let errors: Vec<Vec<f64>> = members
        .iter()
        .map(|member| member.to_vec().iter().zip(&truth).map(|(x, t)| x.to_f64() - t).collect())
        .collect();
    let gramian = gramian(&errors, 1.0 / samples.max(1) as f64)?;
    let nearest = min_norm(&gramian)?;
    Ok(Fitted { weights: nearest.weights().to_vec(), loss: nearest.squared_norm(), gap: 0.0 })
}

/// The weights whose mean probability has the smallest log loss `-mean ln Σ w_m p_m(y)`; a probability below 1e-12 counts as
/// that.
///
/// The loss is convex. Each round is a Newton step on the simplex: with `r_m = p_m(y) / Σ w p(y)` for each sample, its
/// quadratic model is the squared norm of a weighted mean of the rows `r_m - 2`, so [`min_norm`] solves it exactly; the step
/// is halved until the loss falls. `max_m mean(r_m) - 1` bounds what any other weights could gain.
///
/// # Errors
/// As [`weights_by_squares`]; ignored labels only.
pub fn weights_by_likelihood<T: Float>(members: &[Tensor<T>], labels: &Labels) -> Result<Fitted> {
    let [samples, classes] = check_members(members)?;
    check_length("labels", samples, labels.len())?;
    check_length("classes of the members", labels.classes(), classes)?;
    let counted: Vec<(usize, usize)> = labels.iter().enumerate().filter_map(|(i, y)| Some((i, y?))).collect();
    if counted.is_empty() {
        return Err(Error::Setting { what: "weights are fitted on at least one labelled sample" });
    }
    let mut given = Vec::with_capacity(members.len());
    for member in members {
        let numbers = member.to_vec();
        let of: Vec<f64> = counted.iter().map(|&(i, y)| numbers[i * classes + y].to_f64()).collect();
        if let Some(index) = of.iter().position(|p| !(0.0..=1.0 + 1e-6).contains(p)) {
            return Err(Error::NotFinite { what: "probabilities of a member", index });
        }
        given.push(of.into_iter().map(|p| p.max(LEAST)).collect::<Vec<f64>>());
    }
    let share = 1.0 / counted.len() as f64;
    let mixed = |weights: &[f64]| -> Vec<f64> {
        let at = |i: usize| weights.iter().zip(&given).map(|(w, p)| w * p[i]).sum();
        (0..counted.len()).map(at).collect()
    };
    let loss = |mixed: &[f64]| -> f64 { -mixed.iter().map(|&p| libm::log(p)).sum::<f64>() * share };

    let mut weights = alloc::vec![1.0 / members.len() as f64; members.len()];
    let mut now = mixed(&weights);
    let mut lowest = loss(&now);
    let ratios = |mixed: &[f64]| -> Vec<Vec<f64>> {
        given.iter().map(|p| p.iter().zip(mixed).map(|(p, q)| p / q).collect()).collect()
    };
    let gap = |ratios: &[Vec<f64>]| -> f64 {
        ratios.iter().map(|r| r.iter().sum::<f64>() * share - 1.0).fold(0.0, f64::max)
    };
    // Newton's method doubles the digits in each round; the bound is for data on which rounding says no.
    for _ in 0..100 {
        let (relative, bound) = (ratios(&now), gap(&ratios(&now)));
        if bound < 1e-13 {
            break;
        }
        let rows: Vec<Vec<f64>> = relative.iter().map(|r| r.iter().map(|r| r - 2.0).collect()).collect();
        let target = min_norm(&gramian(&rows, share)?)?;
        let mut step = 1.0;
        let next = loop {
            let tried: Vec<f64> =
                weights.iter().zip(target.weights()).map(|(w, v)| w + step * (v - w)).collect();
            let mixture = mixed(&tried);
            let found = loss(&mixture);
            // Near the end the loss is level to rounding, and the bound still tells which weights are better.
            let is_level = found <= lowest + 4.0 * f64::EPSILON * lowest.abs();
            if found < lowest || is_level && gap(&ratios(&mixture)) < bound {
                break Some((tried, found));
            }
            step *= 0.5;
            if step < 1e-12 {
                break None;
            }
        };
        let Some((tried, found)) = next else { break };
        now = mixed(&tried);
        (weights, lowest) = (tried, found);
    }
    Ok(Fitted { gap: gap(&ratios(&now)), weights, loss: lowest })
}

/// The truth as numbers `[N, width]`.
fn truth<T: Float>(targets: &Targets<T>, samples: usize, width: usize) -> Result<Vec<f64>> {
    match targets {
        Targets::Classes(labels) => {
            check_length("labels", samples, labels.len())?;
            check_length("classes of the members", labels.classes(), width)?;
            let mut truth = alloc::vec![0.0; samples * width];
            for (i, label) in labels.iter().enumerate() {
                let label =
                    label.ok_or(Error::Setting { what: "squared errors are of samples with a label" })?;
                truth[i * width + label] = 1.0;
            }
            Ok(truth)
        }
        Targets::Numbers(numbers) if **numbers.shape() == [samples, width] => {
            Ok(numbers.to_vec().iter().map(|x| x.to_f64()).collect())
        }
        Targets::Numbers(_) => {
            Err(Error::Setting { what: "predictions and targets of an ensemble have one shape" })
        }
    }
}

/// The Gramian of rows, times a factor.
fn gramian(rows: &[Vec<f64>], factor: f64) -> Result<Gramian> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() * factor;
    let products: Vec<f64> = rows.iter().flat_map(|a| rows.iter().map(move |b| product(a, b))).collect();
    Gramian::new(rows.len(), &products)
}
