//! What is still done to a tile of C after its last k: bias and activation, while the tile is in the first-level cache.

use super::{Activation, Bias, Epilogue};
use crate::Float;
use crate::pointwise::{Real, relu, sigmoid};
use crate::simd::{Kernel, Lanes, Vector};

/// A rectangle of C whose sums are complete.
pub(crate) struct Finish<'a, T> {
    /// Its first number; the next row is `row_stride` numbers on.
    pub(crate) c: *mut T,
    pub(crate) row_stride: isize,
    /// Where it lies in C: what picks its part of the bias.
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Finish<'_, T> {
    /// Adds the bias and applies the activation.
    ///
    /// # Safety
    /// `c` is valid for reading and writing the rectangle, and the bias is as long as C is wide or high.
    #[inline]
    pub(crate) unsafe fn apply<I: Lanes<T>>(self, isa: I) {
        if !matches!(self.epilogue.bias, Bias::None) || self.epilogue.activation.is_some() {
            isa.enter(self);
        }
    }

    #[inline(always)]
    fn each<I: Lanes<T>>(&self, isa: I, f: impl Fn(I::V) -> I::V) {
        let zero = isa.splat(T::ZERO);
        for i in 0..self.rows {
            let of_row = match self.epilogue.bias {
                Bias::Column(bias) => isa.splat(bias[self.row + i]),
                _ => zero,
            };
            let mut j = 0;
            while j < self.columns {
                let count = I::V::LANES.min(self.columns - j);
                // SAFETY: `apply` promises the rectangle and the bias; row i and `count` columns from j lie inside.
                unsafe {
                    let to = self.c.offset(i as isize * self.row_stride).add(j);
                    let whole = count == I::V::LANES;
                    let load = |from| if whole { isa.load(from) } else { isa.load_first(count, from) };
                    let x = load(to);
                    let x = match self.epilogue.bias {
                        Bias::None => x,
                        Bias::Column(_) => x + of_row,
                        Bias::Row(bias) => x + load(bias.as_ptr().add(self.column + j)),
                    };
                    if whole { f(x).store(to) } else { f(x).store_first(count, to) }
                }
                j += count;
            }
        }
    }
}

impl<T: Float> Kernel<T> for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        match self.epilogue.activation {
            None => self.each(isa, |x| x),
            Some(Activation::Relu) => self.each(isa, relu),
            Some(Activation::Tanh) => self.each(isa, Real::tanh),
            Some(Activation::Sigmoid) => self.each(isa, sigmoid),
        }
    }
}
