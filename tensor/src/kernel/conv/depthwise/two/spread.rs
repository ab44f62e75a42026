//! The gradient by the input: of two rows of the image one sees the middle taps of one row of the cotangent, the other the outer taps
//! of two; and so do its columns, which are put together by shuffles.

use super::{Plane, Plot, not_first, nothing};
use crate::Float;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};

/// `dx` from weights that are all finite (and below 2^48, which is what is asked of them): they meet the zeros around the cotangent.
pub(in crate::kernel::conv) struct Spread<'a, T> {
    pub(in crate::kernel::conv) plane: Plane,
    pub(in crate::kernel::conv) w: &'a [T],
    pub(in crate::kernel::conv) dy: Plot<'a, T>,
    pub(in crate::kernel::conv) dx: &'a mut [T],
}

impl<T: Float> Kernel<T> for Spread<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        let Plane { image, output, before } = self.plane;
        assert!(
            output[0] * output[1] <= self.dy.len()
                && image[0] * image[1] <= self.dx.len()
                && self.w.len() == 9
        );
        let lanes = I::V::LANES;
        for m in (0..image[1].div_ceil(2)).step_by(lanes) {
            let whole = 2 * (m + lanes) <= image[1] && m + before[1] + lanes <= output[1];
            match (whole, before[1] == 1) {
                (true, true) => self.columns::<I, false, true>(isa, m),
                (true, false) => self.columns::<I, false, false>(isa, m),
                (false, true) => self.columns::<I, true, true>(isa, m),
                (false, false) => self.columns::<I, true, false>(isa, m),
            }
        }
    }
}

impl<T: Float> Spread<'_, T> {
    /// Two registers of columns of the image from column 2m on. `CUT`: some lanes may not be there. `LEFT`: there is a column of
    /// padding before the first.
    #[inline(always)]
    fn columns<I: Lanes<T>, const CUT: bool, const LEFT: bool>(&mut self, isa: I, m: usize) {
        let Plane { image: [high, wide], output, before: [top, _] } = self.plane;
        let (lanes, zero, left) = (I::V::LANES, isa.splat(T::ZERO), usize::from(LEFT));
        let w: [I::V; 9] = core::array::from_fn(|t| isa.splat(self.w[t]));
        let kept = not_first(isa, !LEFT && m == 0);
        // Columns m + left of the cotangent and one before it are what the outer taps see.
        let there = |from: usize| (output[1] + 1).saturating_sub(from).min(lanes);
        let counts = [there(m + left), there(m + left + 1)];
        let load = |k: Option<usize>| {
            let from = match k.filter(|&k| k < output[0]) {
                Some(k) => self.dy.at(k * output[1] + m + left),
                None => nothing::<T>(),
            };
            let before = from.wrapping_sub(1);
            // SAFETY: of each row of the cotangent only lanes that are there are read, and the number before the first.
            let [before, at] = unsafe {
                match CUT {
                    true => [isa.load_first(counts[0], before), isa.load_first(counts[1], from)],
                    false => [isa.load(before), isa.load(from)],
                }
            };
            [if LEFT { before } else { I::V::select(kept, before, zero) }, at]
        };
        let middle = |[before, at]: [I::V; 2]| if LEFT { before } else { at };
        let left_over = wide - 2 * m;
        let stored = [left_over.min(lanes), left_over.saturating_sub(lanes).min(lanes)];
        let dx = self.dx.as_mut_ptr();
        let store = |y: usize, inner: I::V, outer: I::V| {
            let (first, second) = if LEFT { inner.couple(outer) } else { outer.couple(inner) };
            let to = dx.wrapping_add(y * wide + 2 * m);
            // SAFETY: the row is there, and so many columns from there.
            unsafe {
                if CUT {
                    first.store_first(stored[0], to);
                    second.store_first(stored[1], to.wrapping_add(lanes));
                } else {
                    first.store(to);
                    second.store(to.wrapping_add(lanes));
                }
            }
        };
        let mut above = load(top.checked_sub(1));
        for k in 0..high.div_ceil(2) {
            let y = 2 * k + 1 - top;
            if y < high {
                let row = load(Some(k));
                store(y, w[4].mul_add(middle(row), zero), w[3].mul_add(row[1], w[5] * row[0]));
            }
            let below = load(Some(k + top));
            let y = 2 * k + top;
            if y < high {
                let inner = w[1].mul_add(middle(below), w[7] * middle(above));
                let outer = w[0].mul_add(below[1], w[2] * below[0]);
                store(y, inner, w[6].mul_add(above[1], w[8].mul_add(above[0], outer)));
            }
            above = below;
        }
    }
}
