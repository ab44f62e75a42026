//! Steps of optimisers: one fused pass over dense blocks of parameters, gradients and state.

use super::PIECE;
use super::disjoint::Disjoint;
use crate::simd::{Kernel, Lanes};
use crate::{Float, parallel};

/// Settings of stochastic gradient descent, as PyTorch's `torch.optim.SGD` defines them (dampening 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub rate: f64,
    /// How much of the last step's velocity stays; 0 is plain descent.
    pub momentum: f64,
    /// Adds `decay * parameter` to the gradient.
    pub decay: f64,
    /// Looks ahead along the velocity (Nesterov).
    pub nesterov: bool,
}

/// Settings of Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as PyTorch's `torch.optim` defines them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub rate: f64,
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay.
    pub decay: f64,
    /// Whether weights decay apart from the gradient (AdamW) or through it (Adam).
    pub decoupled: bool,
}

/// One step: `v = momentum v + g`, `p -= rate v`. Velocity starts at zero, and is empty where momentum is 0.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn sgd<T: Float>(settings: &Sgd, parameters: &mut [T], gradient: &[T], velocity: &mut [T]) {
    assert!(parameters.len() == gradient.len(), "a gradient has another length than its parameters");
    let plain = settings.momentum == 0.0;
    assert!(plain || velocity.len() == gradient.len(), "a velocity has another length than its parameters");
    let (len, parameters, velocity) = (gradient.len(), Disjoint::new(parameters), Disjoint::new(velocity));
    parallel::for_each(len.div_ceil(PIECE), |i| {
        let (start, count) = (i * PIECE, PIECE.min(len - i * PIECE));
        // SAFETY: pieces do not overlap, and each is taken once.
        let (p, v) = unsafe {
            let v = if plain { velocity.part(0, 0) } else { velocity.part(start, count) };
            (parameters.part(start, count), v)
        };
        T::dispatch(SgdPiece { settings, p, g: &gradient[start..start + count], v });
    });
}

struct SgdPiece<'a, T> {
    settings: &'a Sgd,
    p: &'a mut [T],
    g: &'a [T],
    v: &'a mut [T],
}

impl<T: Float> Kernel<T> for SgdPiece<'_, T> {
    type Output = ();

    /// Plain loops, which the compiler turns into the instruction set's vectors.
    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { settings, p, g, v } = self;
        let [rate, momentum, decay] = [settings.rate, settings.momentum, settings.decay].map(T::from_f64);
        if settings.momentum == 0.0 {
            for (p, &g) in p.iter_mut().zip(g) {
                *p = *p - rate * (g + decay * *p);
            }
            return;
        }
        for ((p, &g), v) in p.iter_mut().zip(g).zip(v) {
            let g = g + decay * *p;
            *v = momentum * *v + g;
            let step = if settings.nesterov { g + momentum * *v } else { *v };
            *p = *p - rate * step;
        }
    }
}

/// Step number `step`, counted from 1; both moments start at zero.
///
/// # Panics
/// If the blocks differ in length, or `step` is 0.
pub(crate) fn adam<T: Float>(
    settings: &Adam,
    step: u64,
    parameters: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let len = gradient.len();
    assert!(parameters.len() == len, "a gradient has another length than its parameters");
    assert!(first.len() == len && second.len() == len, "a moment has another length than its parameters");
    assert!(step > 0, "steps are counted from 1");
    let correction = settings.betas.map(|beta| 1.0 - power(beta, step));
    let blocks = [Disjoint::new(parameters), Disjoint::new(first), Disjoint::new(second)];
    parallel::for_each(len.div_ceil(PIECE), |i| {
        let (start, count) = (i * PIECE, PIECE.min(len - i * PIECE));
        // SAFETY: pieces do not overlap, and each is taken once.
        let [p, m, v] = [0, 1, 2].map(|n| unsafe { blocks[n].part(start, count) });
        T::dispatch(AdamPiece { settings, correction, p, g: &gradient[start..start + count], m, v });
    });
}

/// `x^n` by squaring: the same bits with `std` and without.
fn power(mut x: f64, mut n: u64) -> f64 {
    let mut y = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            y *= x;
        }
        x *= x;
        n >>= 1;
    }
    y
}

struct AdamPiece<'a, T> {
    settings: &'a Adam,
    correction: [f64; 2],
    p: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Float> Kernel<T> for AdamPiece<'_, T> {
    type Output = ();

    /// Plain loops, which the compiler turns into the instruction set's vectors.
    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) {
        let Self { settings, correction, p, g, m, v } = self;
        let [b1, b2] = settings.betas.map(T::from_f64);
        let [c1, c2] = settings.betas.map(|beta| T::from_f64(1.0 - beta));
        let size = T::from_f64(settings.rate / correction[0]);
        let root = T::from_f64(crate::simd::math::double::sqrt(correction[1]));
        let epsilon = T::from_f64(settings.epsilon);
        let decay = T::from_f64(if settings.decoupled { 0.0 } else { settings.decay });
        let keep = T::from_f64(if settings.decoupled { 1.0 - settings.rate * settings.decay } else { 1.0 });
        for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g + decay * *p;
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            *p = *p * keep - size * *m / (v.sqrt() / root + epsilon);
        }
    }
}
