//! ConFIG: the direction on which all unit gradients agree equally, as long as the gradients fall along it.

use crate::balance::{Heads, Needs, Weighting, Weights, check_gramian};
use crate::error::Result;
use crate::solve::{Eigen, Gramian, MAX_TASKS};

/// Conflict-free inverse gradients: Q. Liu, M. Chu and N. Thuerey, "ConFIG: towards conflict-free training of
/// physics-informed neural networks", 2024, the update ConFIG.
///
/// With U the unit gradients as rows, `û` is the unit vector along `U⁺ 1`, and `d = (Σ_k g_k · û) û`. Where the gradients
/// are independent, `û` has the same, positive cosine with all of them. Where they are dependent to rounding
/// ([`Eigen::rank`]) the pseudo-inverse only comes close to that, and the direction may conflict; where it is zero, so
/// is d.
///
/// **Scale.** Sum convention: for equal gradients d is K times one. A zero gradient counts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConFig;

impl ConFig {
    /// The method has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Weighting for ConFig {
    fn name(&self) -> &'static str {
        "config"
    }

    fn needs(&self) -> Needs {
        Needs::Gramian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights> {
        let gramian = check_gramian(self.name(), losses, gramian)?;
        let tasks = gramian.tasks();
        let mut ones = [0.0; MAX_TASKS];
        for (k, one) in ones[..tasks].iter_mut().enumerate() {
            *one = gramian.cosine(k, k);
        }
        // U⁺ 1 = Uᵀ C⁺ 1.
        let y = Eigen::of_cosines(gramian).apply(&ones[..tasks], |value| 1.0 / value);
        let (mut square, mut size, mut fall) = (0.0, 0.0, 0.0);
        for i in 0..tasks {
            let product: f64 = (0..tasks).map(|j| gramian.cosine(i, j) * y[j]).sum();
            square += y[i] * product;
            size += y[i].abs();
            fall += gramian.norm(i) * product;
        }
        let mut weights = [0.0; MAX_TASKS];
        if square > 16.0 * tasks as f64 * f64::EPSILON * (1.0 + size * size) {
            for (k, weight) in weights[..tasks].iter_mut().enumerate() {
                // Zero rows have y = 0.
                *weight = if y[k] == 0.0 { 0.0 } else { fall / square * (y[k] / gramian.norm(k)) };
            }
        }
        Weights::new(&weights[..tasks])
    }
}
