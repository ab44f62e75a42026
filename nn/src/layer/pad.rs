//! Padding: zeros, a number, mirrored, repeated or wrapped around.

use super::Layer;
use crate::Bound;
use tress_autograd::{Arrange, Value};
use tress_tensor::{Error, Shape};

/// What stands in the places that padding adds before and after an axis.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// A number.
    Constant(f64),
    /// What lies as far inside of the edge, the edge itself left out: `c b | a b c`. Fewer places than the axis is long.
    Reflect,
    /// The edge: `a a | a b c`.
    Replicate,
    /// The other end, as if the axis were a circle: `b c | a b c`. At most as many places as the axis is long.
    Circular,
}

impl PaddingMode {
    /// Whether `length` places can be padded so.
    fn reaches(self, length: usize, [before, after]: [usize; 2]) -> Result<(), &'static str> {
        let most = before.max(after);
        match self {
            PaddingMode::Reflect if most >= length.max(1) => {
                Err("what is mirrored must lie inside: pad fewer places than the axis is long")
            }
            PaddingMode::Circular if most > length => {
                Err("what is wrapped around must be there: pad at most as many places as the axis is long")
            }
            PaddingMode::Replicate if length == 0 => Err("there is no edge to repeat: the axis has no place"),
            _ => Ok(()),
        }
    }

    /// `x [N, C, ..]` padded along the axes behind the channels. Nothing is computed: parts of `x` are joined.
    #[track_caller]
    pub(super) fn around<V: Value, const D: usize>(self, op: &'static str, x: &V, pad: [[usize; 2]; D]) -> V {
        let shape = x.shape();
        let number = match self {
            PaddingMode::Zeros => 0.0,
            PaddingMode::Constant(number) => number,
            _ => {
                let mut y = x.clone();
                for (axis, pad) in (2..).zip(pad) {
                    if let Err(why) = self.reaches(shape[axis], pad) {
                        return x.fail(Error::Unfit { op, shape, why });
                    }
                    y = self.along(&y, axis, pad);
                }
                return y;
            }
        };
        let mut pads = [(0, 0); Shape::MAX_RANK];
        for (axis, [before, after]) in (2..).zip(pad) {
            pads[axis] = (before, after);
        }
        x.pad(&pads[..2 + D], number)
    }

    #[track_caller]
    fn along<V: Value>(self, x: &V, axis: usize, [before, after]: [usize; 2]) -> V {
        let Some(&length) = x.shape().get(axis) else { return x.clone() }; // a mistake
        let part = |from: usize, to: usize| (from < to).then_some((from, to));
        let [front, back] = match self {
            PaddingMode::Reflect => [part(1, before + 1), part(length - 1 - after, length - 1)],
            PaddingMode::Circular => [part(length - before, length), part(0, after)],
            _ => [(before > 0).then_some((0, 1)), (after > 0).then_some((length - 1, length))],
        };
        let mut parts: [Option<V>; 2] = [None, None];
        for ((taken, ends), count) in parts.iter_mut().zip([front, back]).zip([before, after]) {
            let Some((from, to)) = ends else { continue };
            let inside = x.slice(axis, from..to);
            *taken = Some(match self {
                PaddingMode::Reflect => inside.flip(axis),
                PaddingMode::Circular => inside,
                _ => match inside.shape().with(axis, count) {
                    Ok(shape) => inside.expand(shape),
                    Err(error) => inside.fail(error),
                },
            });
        }
        match parts {
            [None, None] => x.clone(),
            [None, Some(back)] => x.concat(axis, &[back]),
            [Some(front), None] => front.concat(axis, &[x]),
            [Some(front), Some(back)] => front.concat(axis, &[x, &back]),
        }
    }
}

/// Puts places before and after each of `D` axes: see [`Pad1d`] and [`Pad2d`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pad<const D: usize> {
    pad: [[usize; 2]; D],
    mode: PaddingMode,
}

/// Sequences: `[N, C, L]` to `[N, C, before + L + after]`.
pub type Pad1d = Pad<1>;

/// Images: `[N, C, H, W]` to `[N, C, top + H + bottom, left + W + right]`.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{Layer, Pad2d, PaddingMode, Params};
/// use tress_tensor::Tensor;
///
/// let row = Eager::new(Tensor::new([1, 1, 1, 3], &[1.0f32, 2.0, 3.0])?);
/// let padded = |mode| {
///     let y = Pad2d::new([[0, 0], [2, 1]], mode).apply(&Params::new(0).eager(), &row);
///     y.tensor().map(|y| y.to_vec())
/// };
/// assert_eq!(padded(PaddingMode::Reflect)?, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
/// assert_eq!(padded(PaddingMode::Replicate)?, [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
/// assert_eq!(padded(PaddingMode::Circular)?, [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
/// assert_eq!(padded(PaddingMode::Constant(7.0))?, [7.0, 7.0, 1.0, 2.0, 3.0, 7.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Pad2d = Pad<2>;

impl<const D: usize> Pad<D> {
    /// So many places before and after each axis: `[[top, bottom], [left, right]]` for images.
    pub fn new(pad: [[usize; 2]; D], mode: PaddingMode) -> Self {
        Self { pad, mode }
    }

    /// The number of places before and after each axis.
    pub fn padding(&self) -> [[usize; 2]; D] {
        self.pad
    }

    /// What stands there.
    pub fn mode(&self) -> PaddingMode {
        self.mode
    }
}

macro_rules! pads {
    ($d:literal, $name:literal, $why:literal) => {
        impl Layer for Pad<$d> {
            #[track_caller]
            fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
                let shape = x.shape();
                match shape.rank() == 2 + $d {
                    true => self.mode.around($name, x, self.pad),
                    false => x.fail(Error::Unfit { op: $name, shape, why: $why }),
                }
            }
        }
    };
}

pads!(1, "pad1d", "three axes are wanted: N, C, L");
pads!(2, "pad2d", "four axes are wanted: N, C, H, W");
