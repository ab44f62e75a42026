//! Δm: how much a multi-task model is worse than its single-task baselines.

use super::Better;
use crate::error::{Error, Result, check_finite, check_length};

/// Δm: the mean relative change of the metrics for the **worse**, in percent.
///
/// `Δm = 100 / K · Σ (-1)^{δ_k} (M_k - B_k) / B_k` with `δ_k = 1` where higher is better, `M` the metrics of the
/// multi-task model and `B` those of the single-task baselines: **lower is better, and a negative Δm says that learning
/// together helped.** The measure is K.-K. Maninis et al., "Attentive single-tasking of multiple tasks", CVPR 2019;
/// the sign is that of A. Navon et al., "Multi-task learning as a bargaining game", ICML 2022. Some papers
/// print the opposite sign and call it Δp.
///
/// ```
/// use tress_mtl::measure::{Better, delta_m};
///
/// // An accuracy that rose from 0.90 to 0.92 and a loss that rose from 0.40 to 0.42.
/// let change = delta_m(&[0.92, 0.42], &[0.90, 0.40], &[Better::Higher, Better::Lower])?;
/// assert!((change - 100.0 / 2.0 * (-0.02 / 0.90 + 0.02 / 0.40)).abs() < 1e-9);
/// # Ok::<(), tress_mtl::Error>(())
/// ```
///
/// # Errors
/// When the three slices differ in length or are empty, a value is not finite, or a baseline is zero or negative: a
/// change relative to zero means nothing, and one relative to a negative number has the wrong sign.
pub fn delta_m(metrics: &[f64], baselines: &[f64], better: &[Better]) -> Result<f64> {
    if metrics.is_empty() {
        return Err(Error::Length { what: "metrics", expected: 1, found: 0 });
    }
    check_length("baselines", metrics.len(), baselines.len())?;
    check_length("directions of the metrics", metrics.len(), better.len())?;
    check_finite("metrics", metrics)?;
    check_finite("baselines", baselines)?;
    if let Some(metric) = baselines.iter().position(|&b| b <= 0.0) {
        return Err(Error::Baseline { metric });
    }
    let mut sum = 0.0;
    for ((metric, baseline), better) in metrics.iter().zip(baselines).zip(better) {
        let change = (metric - baseline) / baseline;
        sum += match better {
            Better::Higher => -change,
            Better::Lower => change,
        };
    }
    Ok(100.0 * sum / metrics.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_m_has_the_sign_of_navon() {
        let both = [Better::Higher, Better::Lower];
        assert_eq!(delta_m(&[0.5, 2.0], &[0.5, 2.0], &both), Ok(0.0));
        // Ten percent worse on both, then ten percent better on both.
        assert!((delta_m(&[0.45, 2.2], &[0.5, 2.0], &both).unwrap() - 10.0).abs() < 1e-12);
        assert!((delta_m(&[0.55, 1.8], &[0.5, 2.0], &both).unwrap() + 10.0).abs() < 1e-12);
        // Two accuracies of MultiMNIST-like size: -(2 % + -1 %) / 2.
        let change = delta_m(&[0.918, 0.891], &[0.9, 0.9], &[Better::Higher; 2]).unwrap();
        assert!((change + 0.5).abs() < 1e-12);
    }

    #[test]
    fn mistakes_are_named() {
        let lower = [Better::Lower];
        assert_eq!(delta_m(&[1.0], &[0.0], &lower), Err(Error::Baseline { metric: 0 }));
        assert_eq!(delta_m(&[1.0], &[-1.0], &lower), Err(Error::Baseline { metric: 0 }));
        assert_eq!(delta_m(&[f64::NAN], &[1.0], &lower), Err(Error::NotFinite { what: "metrics", index: 0 }));
        assert!(matches!(delta_m(&[1.0, 2.0], &[1.0], &lower), Err(Error::Length { .. })));
        assert!(matches!(delta_m(&[], &[], &[]), Err(Error::Length { .. })));
    }
}
