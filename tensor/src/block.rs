//! Passes over whole blocks of numbers: steps of optimisers, inner products, Gramians.
//!
//! A model's parameters, its gradient and its optimiser's state are dense blocks of one layout, so each of these is one
//! pass over memory, shared out to threads at fixed boundaries.

use crate::Float;
pub use crate::kernel::optim::{Adam, Sgd};

/// The sum of `a[i] b[i]`, in double precision.
///
/// # Panics
/// If the slices differ in length.
pub fn dot<T: Float>(a: &[T], b: &[T]) -> f64 {
    T::dot(a, b)
}

/// The Euclidean length, in double precision.
pub fn norm<T: Float>(a: &[T]) -> f64 {
    crate::simd::math::double::sqrt(T::dot(a, a))
}

/// `out[i, j]` = the inner product of rows `i` and `j` of a dense `[count, len]` matrix: one pass over memory.
///
/// # Panics
/// If the slices do not have `count * len` and `count * count` numbers.
pub fn gram<T: Float>(rows: &[T], count: usize, out: &mut [f64]) {
    T::gram(rows, count, out);
}

/// One step of gradient descent: `v = momentum v + g`, `p -= rate v`. Velocity starts at zero, and is empty where
/// momentum is 0.
///
/// # Panics
/// If the blocks differ in length.
pub fn sgd<T: Float>(settings: &Sgd, parameters: &mut [T], gradient: &[T], velocity: &mut [T]) {
    T::sgd(settings, parameters, gradient, velocity);
}

/// Step number `step` of Adam, counted from 1; both moments start at zero.
///
/// # Panics
/// If the blocks differ in length, or `step` is 0.
pub fn adam<T: Float>(
    settings: &Adam,
    step: u64,
    parameters: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    T::adam(settings, step, parameters, gradient, first, second);
}
