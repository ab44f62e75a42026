//! Clipping of gradients, and their norm.

use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// How gradients are clipped.
///
/// ```
/// use tress_nn::optim::Clip;
/// use tress_nn::{Dense, Params};
/// use tress_tensor::Tensor;
/// let mut params = Params::<f32>::new(1);
/// Dense::builder(2, 1).without_bias().build(&mut params.root())?;
/// let mut gradient = Tensor::vector(&[3.0, -4.0]);
/// Clip::Value(3.5).apply(&mut gradient, &params)?;
/// assert_eq!(gradient.to_vec(), [3.0, -3.5]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Clip {
    /// The whole gradient is scaled so that its norm is at most this: [`by_norm`].
    Norm(f64),
    /// Each number is held between minus this and this: [`by_value`].
    Value(f64),
    /// The gradient of each unit is scaled so that its norm is at most this times that of its parameters: [`adaptive`].
    Adaptive(f64),
}

impl Clip {
    /// Clips the gradient of these parameters.
    ///
    /// # Errors
    /// As the functions that the variants name: the gradient is then left as it is.
    pub fn apply<T: Float>(self, gradient: &mut Tensor<T>, params: &Params<T>) -> Result<(), Error> {
        match self {
            Clip::Norm(largest) => by_norm(gradient, largest).map(|_| ()),
            Clip::Value(largest) => by_value(gradient, largest),
            Clip::Adaptive(ratio) => adaptive(gradient, params, ratio),
        }
    }
}

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

/// Adaptive clipping (Brock et al. 2021, "High-performance large-scale image recognition without normalization", equation
/// 3): the gradient of each unit is scaled so that its norm is at most `ratio` times that of the unit's parameters, which
/// counts as at least 1e-3.
///
/// A unit is what one output of a layer depends on: a column of a matrix `[in, out]`, an entry of the first axis of a
/// kernel `[out, ..]` of three axes or more, and all of a vector. Only shapes are looked at: of a transposed convolution
/// `[in, out, ..]` it is what one input flows into, and of an embedding `[words, out]` one number of all words.
///
/// # Errors
/// The gradient has another shape than the parameters, or is infinite or NaN somewhere, or `ratio` is not above 0: it is
/// left as it is.
pub fn adaptive<T: Float>(gradient: &mut Tensor<T>, params: &Params<T>, ratio: f64) -> Result<(), Error> {
    check(ratio)?;
    params.expect_block("gradient", gradient)?;
    if !norm(gradient).is_finite() {
        return Err(Error::NotFinite { what: "the norm of the gradient" });
    }
    let block = params.block().contiguous();
    let (weights, gradient) = (block.as_slice().unwrap_or_default(), gradient.make_mut());
    for entry in params.entries() {
        let shape = entry.shape();
        // Number `i` belongs to unit `i / inner % units`.
        let (units, inner) = match shape[..] {
            [] | [_] => (1, shape.len()),
            [_, columns] => (columns, 1),
            [first, ..] => (first, shape.len() / first.max(1)),
        };
        let unit = |i: usize| i / inner.max(1) % units.max(1);
        let mut squares = alloc::vec![[0.0; 2]; units];
        let (w, g) = (&weights[entry.range()], &mut gradient[entry.range()]);
        for (i, (w, g)) in w.iter().zip(g.iter()).enumerate() {
            let [of_w, of_g] = &mut squares[unit(i)];
            *of_w += w.to_f64() * w.to_f64();
            *of_g += g.to_f64() * g.to_f64();
        }
        let factor = |[w, g]: [f64; 2]| (ratio * libm::sqrt(w).max(1e-3) / libm::sqrt(g).max(1e-6)).min(1.0);
        let factors: alloc::vec::Vec<T> = squares.into_iter().map(|both| T::from_f64(factor(both))).collect();
        for (i, g) in g.iter_mut().enumerate() {
            *g = *g * factors[unit(i)];
        }
    }
    Ok(())
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
