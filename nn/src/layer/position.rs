//! Positions of steps: sinusoidal and rotary.

use super::Layer;
use crate::{Bound, Error};
use alloc::vec::Vec;
use tress_autograd::{Arrange, Value};
use tress_tensor::{Element, Error as Wrong, Shape, Tensor};

/// What the angles of two neighbouring pairs differ by, as in both papers.
const BASE: f64 = 10_000.0;

/// `x + p` for `x [.., T, width]`, with `p[t, 2 i] = sin(t / 10000^(2 i / width))` and `p[t, 2 i + 1]` the cosine (Vaswani et
/// al. 2017, "Attention is all you need", section 3.5). It has no parameters, and no largest T.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sinusoidal;

impl Layer for Sinusoidal {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        let (op, shape) = ("sinusoidal", x.shape());
        let [.., steps, width] = shape[..] else { return no_steps(op, x) };
        let mut table = Vec::with_capacity(steps * width);
        turns(width.div_ceil(2), width as f64, BASE, 0..steps, |turns| {
            let start = table.len();
            table.extend(
                turns.iter().flat_map(|&[sin, cos]| [V::Elem::from_f64(sin), V::Elem::from_f64(cos)]),
            );
            table.truncate(start + width);
        });
        match Tensor::new([steps, width], &table) {
            Ok(table) => x.clone() + x.lift(table),
            Err(error) => x.fail(error),
        }
    }
}

/// Each pair `(x[i], x[i + width / 2])` of `x [.., T, width]` turned by the angle `t / base^(2 i / width)` (Su et al. 2021,
/// "RoFormer: enhanced transformer with rotary position embedding", equation 34, with the pairs of later models): so the
/// product of a query and a key depends on how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    base: f64,
}

impl Rotary {
    /// With the base 10000.
    pub fn new() -> Self {
        Self { base: BASE }
    }

    /// With another base: a larger one for longer sequences.
    ///
    /// # Errors
    /// It is not finite and above 1.
    pub fn base(self, base: f64) -> Result<Self, Error> {
        match base > 1.0 && base.is_finite() {
            true => Ok(Self { base }),
            false => Err(Error::Setting { of: "rotary", why: "the base must be finite and above 1" }),
        }
    }

    /// The base.
    pub fn base_value(&self) -> f64 {
        self.base
    }

    /// As [`apply`](Layer::apply), for steps whose first has the number `first`: those that come after others.
    #[track_caller]
    pub fn from_step<V: Value>(&self, x: &V, first: usize) -> V {
        let (op, shape) = ("rotary", x.shape());
        let [.., steps, width] = shape[..] else { return no_steps(op, x) };
        if width % 2 == 1 {
            let why = "the last axis must fall into pairs";
            return x.fail(Wrong::Unfit { op, shape, why });
        }
        let half = width / 2;
        let (mut cosines, mut sines) = (Vec::with_capacity(steps * width), Vec::with_capacity(steps * width));
        turns(half, width as f64, self.base, first..first.saturating_add(steps), |turns| {
            let cosine = turns.iter().map(|&[_, cos]| V::Elem::from_f64(cos));
            cosines.extend(cosine.clone().chain(cosine));
            // (a, b) becomes (a cos - b sin, b cos + a sin): x cos + (b, a) (-sin, sin).
            let signed = |sign: f64| turns.iter().map(move |&[sin, _]| V::Elem::from_f64(sign * sin));
            sines.extend(signed(-1.0).chain(signed(1.0)));
        });
        let table = |numbers: &[V::Elem]| Tensor::new([steps, width], numbers);
        let (cosines, sines) = match (table(&cosines), table(&sines)) {
            (Ok(cosines), Ok(sines)) => (x.lift(cosines), x.lift(sines)),
            (Err(error), _) | (_, Err(error)) => return x.fail(error),
        };
        let last = shape.rank() - 1;
        let exchanged = x.slice(last, half..width).concat(last, &[x.slice(last, 0..half)]);
        x.clone() * cosines + exchanged * sines
    }
}

impl Default for Rotary {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for Rotary {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        self.from_step(x, 0)
    }
}

#[track_caller]
fn no_steps<V: Value>(op: &'static str, x: &V) -> V {
    let shape: Shape = x.shape();
    x.fail(Wrong::Unfit { op, shape, why: "at least two axes are wanted: T, width" })
}

/// Sine and cosine of `t / base^(2 i / width)` for `pairs` i, step by step. Each step turns the one before, so that only the
/// first takes sines; what that loses, a part in 10^16 a step, is far below the numbers of any model.
fn turns(
    pairs: usize,
    width: f64,
    base: f64,
    steps: core::ops::Range<usize>,
    mut each: impl FnMut(&[[f64; 2]]),
) {
    let angle = |i: usize| libm::pow(base, -2.0 * i as f64 / width);
    let at = |angle: f64| [libm::sin(angle), libm::cos(angle)];
    let by: Vec<[f64; 2]> = (0..pairs).map(|i| at(angle(i))).collect();
    let mut now: Vec<[f64; 2]> = (0..pairs).map(|i| at(steps.start as f64 * angle(i))).collect();
    for _ in steps {
        each(&now);
        for ([sin, cos], [by_sin, by_cos]) in now.iter_mut().zip(&by) {
            (*sin, *cos) = (*sin * by_cos + *cos * by_sin, *cos * by_cos - *sin * by_sin);
        }
    }
}
