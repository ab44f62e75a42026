//! Steps of optimisers: one fused pass over dense blocks of parameters, gradients and state.

use super::disjoint::Disjoint;
use super::piece;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, parallel};

/// Settings of stochastic gradient descent, as PyTorch's `torch.optim.SGD` defines them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub rate: f64,
    /// How much of the last step's velocity stays; 0 is plain descent.
    pub momentum: f64,
    /// What part of the gradient does not get into the velocity. It does in a first step: pass 0 there.
    pub dampening: f64,
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

/// Settings of RMSprop (Hinton 2012), as PyTorch's `torch.optim.RMSprop` defines them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate.
    pub rate: f64,
    /// How much of the mean square stays in each step.
    pub smoothing: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Adds `decay * parameter` to the gradient.
    pub decay: f64,
    /// How much of the last step's velocity stays; 0: there is none.
    pub momentum: f64,
}

/// Settings of Adagrad (Duchi, Hazan & Singer 2011), as PyTorch's `torch.optim.Adagrad` defines them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// The learning rate of this step.
    pub rate: f64,
    /// Added to the root of the sum of squares.
    pub epsilon: f64,
    /// Adds `decay * parameter` to the gradient.
    pub decay: f64,
}

/// Settings of Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// The learning rate: how far each parameter moves in a step.
    pub rate: f64,
    /// How much of the moment there is in the direction of a step, and how much of it stays.
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub decay: f64,
}

/// What a step does to one parameter and the `N` numbers of state that belong to it: written once, for the lanes of every
/// instruction set.
trait Rule<const N: usize>: Copy + Send + Sync {
    /// The new parameter and state.
    fn update<R: Real>(self, p: R, g: R, state: [R; N]) -> (R, [R; N]);
}

/// Takes `rule` to all places of the blocks.
///
/// # Panics
/// If the blocks differ in length.
fn pass<T: Float, const N: usize>(
    rule: impl Rule<N>,
    parameters: &mut [T],
    gradient: &[T],
    states: [&mut [T]; N],
) {
    let len = gradient.len();
    assert!(parameters.len() == len, "a gradient has another length than its parameters");
    assert!(states.iter().all(|state| state.len() == len), "a moment has another length than its parameters");
    let (parameters, states) = (Disjoint::new(parameters), states.map(Disjoint::new));
    let piece = piece(len);
    parallel::for_each(len.div_ceil(piece), |i| {
        let (start, count) = (i * piece, piece.min(len - i * piece));
        // SAFETY: pieces do not overlap, and each is taken once.
        let p = unsafe { parameters.part(start, count) };
        // SAFETY: as above.
        let states = states.each_ref().map(|state| unsafe { state.part(start, count) });
        T::dispatch(Piece { rule, p, g: &gradient[start..start + count], states });
    });
}

struct Piece<'a, T, U, const N: usize> {
    rule: U,
    p: &'a mut [T],
    g: &'a [T],
    states: [&'a mut [T]; N],
}

impl<T: Float, U: Rule<N>, const N: usize> Kernel<T> for Piece<'_, T, U, N> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { rule, p, g, states } = self;
        let (len, lanes) = (p.len(), I::V::LANES);
        let (p, g, states) = (p.as_mut_ptr(), g.as_ptr(), states.map(|state| state.as_mut_ptr()));
        let mut old = [isa.splat(T::ZERO); N];
        let mut i = 0;
        while i < len {
            let count = len - i;
            // SAFETY: all blocks have `len` numbers, and `i + min(count, LANES) <= len`.
            unsafe {
                if count >= lanes {
                    for n in 0..N {
                        old[n] = isa.load(states[n].add(i));
                    }
                    let (y, new) = rule.update(isa.load(p.add(i)), isa.load(g.add(i)), old);
                    y.store(p.add(i));
                    for n in 0..N {
                        new[n].store(states[n].add(i));
                    }
                } else {
                    for n in 0..N {
                        old[n] = isa.load_first(count, states[n].add(i));
                    }
                    let (y, new) =
                        rule.update(isa.load_first(count, p.add(i)), isa.load_first(count, g.add(i)), old);
                    y.store_first(count, p.add(i));
                    for n in 0..N {
                        new[n].store_first(count, states[n].add(i));
                    }
                }
            }
            i += lanes;
        }
    }
}

/// One step: `v = momentum v + (1 - dampening) g`, `p -= rate v`. Velocity starts at zero, and is empty where momentum is
/// 0.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn sgd<T: Float>(settings: &Sgd, parameters: &mut [T], gradient: &[T], velocity: &mut [T]) {
    match settings.momentum == 0.0 {
        true => pass(Plain(*settings), parameters, gradient, []),
        false => pass(*settings, parameters, gradient, [velocity]),
    }
}

/// Descent without momentum.
#[derive(Clone, Copy)]
struct Plain(Sgd);

impl Rule<0> for Plain {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, []: [R; 0]) -> (R, [R; 0]) {
        let (rate, decay) = (p.of(self.0.rate), p.of(self.0.decay));
        (p.clone() - rate * (g + decay * p), [])
    }
}

impl Rule<1> for Sgd {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [v]: [R; 1]) -> (R, [R; 1]) {
        let [rate, momentum, decay] = [self.rate, self.momentum, self.decay].map(|x| p.of(x));
        let g = g + decay * p.clone();
        let v = momentum.clone() * v + p.of(1.0 - self.dampening) * g.clone();
        let step = if self.nesterov { g + momentum * v.clone() } else { v.clone() };
        (p - rate * step, [v])
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
    assert!(step > 0, "steps are counted from 1");
    let [first_part, second_part] = settings.betas.map(|beta| 1.0 - power(beta, step));
    let (decay, keep) = match settings.decoupled {
        true => (0.0, 1.0 - settings.rate * settings.decay),
        false => (settings.decay, 1.0),
    };
    let root = crate::simd::math::double::sqrt(second_part);
    let rule = Moments { settings: *settings, size: settings.rate / first_part, root, decay, keep };
    pass(rule, parameters, gradient, [first, second]);
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

/// A step of Adam, with what is the same at all places.
#[derive(Clone, Copy)]
struct Moments {
    settings: Adam,
    /// The rate over `1 - beta1^t`.
    size: f64,
    /// The root of `1 - beta2^t`.
    root: f64,
    decay: f64,
    keep: f64,
}

impl Rule<2> for Moments {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [m, v]: [R; 2]) -> (R, [R; 2]) {
        let [b1, b2] = self.settings.betas;
        let g = g + p.of(self.decay) * p.clone();
        let m = p.of(b1) * m + p.of(1.0 - b1) * g.clone();
        let v = p.of(b2) * v + p.of(1.0 - b2) * g.clone() * g;
        let below = v.clone().sqrt() / p.of(self.root) + p.of(self.settings.epsilon);
        (p.clone() * p.of(self.keep) - p.of(self.size) * m.clone() / below, [m, v])
    }
}

/// One step: `s = smoothing s + (1 - smoothing) g^2`, `p -= rate g / (sqrt(s) + epsilon)`. With a mean, that of the
/// gradient is taken off its square (`s - m^2`); with momentum the quotient is added to a velocity, and that is followed.
/// All start at zero. The mean is empty where there is none, the velocity where momentum is 0.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn rmsprop<T: Float>(
    settings: &RmsProp,
    parameters: &mut [T],
    gradient: &[T],
    square: &mut [T],
    mean: &mut [T],
    velocity: &mut [T],
) {
    let centred = !mean.is_empty();
    match (centred, settings.momentum != 0.0) {
        (false, false) => pass(Scaled(*settings), parameters, gradient, [square]),
        (false, true) => pass(Rolling(*settings), parameters, gradient, [square, velocity]),
        (true, false) => pass(Centred(*settings), parameters, gradient, [square, mean]),
        (true, true) => pass(*settings, parameters, gradient, [square, mean, velocity]),
    }
}

impl RmsProp {
    /// The gradient with decay, and the new mean square.
    #[inline(always)]
    fn square<R: Real>(self, p: &R, g: R, square: R) -> (R, R) {
        let g = g + p.of(self.decay) * p.clone();
        let square = p.of(self.smoothing) * square + p.of(1.0 - self.smoothing) * g.clone() * g.clone();
        (g, square)
    }

    /// The new mean, and the variance: never below zero, which rounding could bring about.
    #[inline(always)]
    fn variance<R: Real>(self, g: &R, square: &R, mean: R) -> (R, R) {
        let mean = mean.clone() + g.of(1.0 - self.smoothing) * (g.clone() - mean);
        let variance = square.clone() - mean.clone() * mean.clone();
        (mean, R::select(g.of(0.0).gt(&variance), g.of(0.0), variance))
    }

    #[inline(always)]
    fn quotient<R: Real>(self, g: R, square: R) -> R {
        let epsilon = g.of(self.epsilon);
        g / (square.sqrt() + epsilon)
    }

    #[inline(always)]
    fn roll<R: Real>(self, velocity: R, quotient: R) -> R {
        velocity.of(self.momentum) * velocity + quotient
    }
}

/// RMSprop as it was first: neither mean nor velocity.
#[derive(Clone, Copy)]
struct Scaled(RmsProp);

impl Rule<1> for Scaled {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [s]: [R; 1]) -> (R, [R; 1]) {
        let (g, s) = self.0.square(&p, g, s);
        (p.clone() - p.of(self.0.rate) * self.0.quotient(g, s.clone()), [s])
    }
}

/// RMSprop with a velocity.
#[derive(Clone, Copy)]
struct Rolling(RmsProp);

impl Rule<2> for Rolling {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [s, v]: [R; 2]) -> (R, [R; 2]) {
        let (g, s) = self.0.square(&p, g, s);
        let v = self.0.roll(v, self.0.quotient(g, s.clone()));
        (p.clone() - p.of(self.0.rate) * v.clone(), [s, v])
    }
}

/// RMSprop with a mean.
#[derive(Clone, Copy)]
struct Centred(RmsProp);

impl Rule<2> for Centred {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [s, m]: [R; 2]) -> (R, [R; 2]) {
        let (g, s) = self.0.square(&p, g, s);
        let (m, variance) = self.0.variance(&g, &s, m);
        (p.clone() - p.of(self.0.rate) * self.0.quotient(g, variance), [s, m])
    }
}

impl Rule<3> for RmsProp {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [s, m, v]: [R; 3]) -> (R, [R; 3]) {
        let (g, s) = self.square(&p, g, s);
        let (m, variance) = self.variance(&g, &s, m);
        let v = self.roll(v, self.quotient(g, variance));
        (p.clone() - p.of(self.rate) * v.clone(), [s, m, v])
    }
}

/// One step: `s += g^2`, `p -= rate g / (sqrt(s) + epsilon)`.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn adagrad<T: Float>(settings: &Adagrad, parameters: &mut [T], gradient: &[T], sum: &mut [T]) {
    pass(*settings, parameters, gradient, [sum]);
}

impl Rule<1> for Adagrad {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [s]: [R; 1]) -> (R, [R; 1]) {
        let g = g + p.of(self.decay) * p.clone();
        let s = s + g.clone() * g.clone();
        let step = p.of(self.rate) * g / (s.clone().sqrt() + p.of(self.epsilon));
        (p - step, [s])
    }
}

/// One step: `p -= rate (sign(beta1 m + (1 - beta1) g) + decay p)`, then `m = beta2 m + (1 - beta2) g`.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn lion<T: Float>(settings: &Lion, parameters: &mut [T], gradient: &[T], moment: &mut [T]) {
    pass(*settings, parameters, gradient, [moment]);
}

impl Rule<1> for Lion {
    #[inline(always)]
    fn update<R: Real>(self, p: R, g: R, [m]: [R; 1]) -> (R, [R; 1]) {
        let [b1, b2] = self.betas;
        let x = p.of(b1) * m.clone() + p.of(1.0 - b1) * g.clone();
        let m = p.of(b2) * m + p.of(1.0 - b2) * g;
        // A NaN is neither above nor below zero, and stays one.
        let other = R::select(p.of(0.0).gt(&x), p.of(-1.0), x.clone() * p.of(0.0));
        let sign = R::select(x.gt(&p.of(0.0)), p.of(1.0), other);
        (p.clone() - p.of(self.rate) * (sign + p.of(self.decay) * p), [m])
    }
}

/// `y += scale x`.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn add_scaled<T: Float>(scale: f64, x: &[T], y: &mut [T]) {
    pass(AddScaled(scale), y, x, []);
}

#[derive(Clone, Copy)]
struct AddScaled(f64);

impl Rule<0> for AddScaled {
    #[inline(always)]
    fn update<R: Real>(self, y: R, x: R, []: [R; 0]) -> (R, [R; 0]) {
        (y.clone() + y.of(self.0) * x, [])
    }
}

/// `y += part (x - y)`.
///
/// # Panics
/// If the blocks differ in length.
pub(crate) fn draw_near<T: Float>(part: f64, x: &[T], y: &mut [T]) {
    pass(DrawNear(part), y, x, []);
}

#[derive(Clone, Copy)]
struct DrawNear(f64);

impl Rule<0> for DrawNear {
    #[inline(always)]
    fn update<R: Real>(self, y: R, x: R, []: [R; 0]) -> (R, [R; 0]) {
        (y.clone() + y.of(self.0) * (x - y), [])
    }
}
