//! From a Jacobian of K task gradients to one direction.

use tress_tensor::Float;

use super::{Needs, Weighting, Weights};
use crate::error::{Result, check_length, check_tasks};
use crate::solve::Gramian;

/// A whole Jacobian `[K, P]` to one direction of length P.
///
/// Every [`Weighting`] is one: it is handed the Gramian of the rows if it needs it, and the direction is `d = Jᵀ w`. A
/// method that is no combination of rows, because it looks at single elements, implements this trait by itself.
pub trait Aggregator {
    /// Writes the direction over `direction` (length P) and returns the weights that gave it.
    ///
    /// `losses` holds K values, `jacobian` K rows of P values, row by row.
    ///
    /// # Errors
    /// When the lengths do not agree or a value is not finite, and where the method refuses the losses.
    fn direction(&mut self, losses: &[f64], jacobian: &[f32], direction: &mut [f32]) -> Result<Weights>;
}

impl<W: Weighting + ?Sized> Aggregator for W {
    fn direction(&mut self, losses: &[f64], jacobian: &[f32], direction: &mut [f32]) -> Result<Weights> {
        check_tasks(losses.len())?;
        check_length("Jacobian", losses.len() * direction.len(), jacobian.len())?;
        let gramian = match self.needs() {
            Needs::Losses => None,
            Needs::Gramian => Some(Gramian::from_rows(losses.len(), jacobian)?),
        };
        let weights = self.weights(losses, gramian.as_ref())?;
        combine(&weights, jacobian, direction)?;
        Ok(weights)
    }
}

/// Writes `Jᵀ w` over `direction`: the rows of the Jacobian `[K, P]` summed with K weights, each element in `f64` and
/// in the order of the tasks, then rounded once.
///
/// # Errors
/// When the lengths do not agree.
pub fn combine<T: Float>(weights: &[f64], jacobian: &[T], direction: &mut [T]) -> Result<()> {
    let width = direction.len();
    check_length("Jacobian", weights.len() * width, jacobian.len())?;
    for (p, element) in direction.iter_mut().enumerate() {
        let rows = jacobian.iter().skip(p).step_by(width);
        *element = T::from_f64(weights.iter().zip(rows).map(|(w, &g)| w * g.to_f64()).sum());
    }
    Ok(())
}
