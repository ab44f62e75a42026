//! Clipping of gradients, and their norm.

use crate::Error;
use tress_tensor::{Float, Tensor, block};

/// The Euclidean norm, added up in `f64` and in an order that depends on the length alone.
pub fn norm<T: Float>(gradient: &Tensor<T>) -> f64 {
    let dense = gradient.contiguous();
    block::norm(dense.as_slice().unwrap_or_default())
}

/// Scales the gradient so that its norm is at most `largest` (Pascanu, Mikolov & Bengio 2013, "On the difficulty of
/// training recurrent neural networks", algorithm 1; with PyTorch's `largest / (norm + 1e-6)`), and returns the norm that
/// it had.
///
/// # Errors
/// The norm is infinite or NaN, or `largest` is not above 0: the gradient is left as it is.
pub fn by_norm<T: Float>(gradient: &mut Tensor<T>, largest: f64) -> Result<f64, Error> {
    check(largest)?;
    let norm = norm(gradient);
    if !norm.is_finite() {
        return Err(Error::NotFinite { what: "the norm of the gradient" });
    }
    let factor = largest / (norm + 1e-6);
    if factor < 1.0 {
        let factor = T::from_f64(factor);
        gradient.make_mut().iter_mut().for_each(|g| *g = *g * factor);
    }
    Ok(norm)
}

fn check(largest: f64) -> Result<(), Error> {
    let why = "what a gradient is clipped to must be above 0";
    if largest > 0.0 { Ok(()) } else { Err(Error::Setting { of: "clipping", why }) }
}

/// Holds each number of the gradient between `-largest` and `largest`; NaN stays NaN.
///
/// # Errors
/// `largest` is not above 0: the gradient is left as it is.
pub fn by_value<T: Float>(gradient: &mut Tensor<T>, largest: f64) -> Result<(), Error> {
    check(largest)?;
    let (low, high) = (T::from_f64(-largest), T::from_f64(largest));
    for g in gradient.make_mut() {
        if *g > high {
            *g = high;
        } else if *g < low {
            *g = low;
        }
    }
    Ok(())
}
