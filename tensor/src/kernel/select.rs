//! A choice between two numbers.

use super::in_order::{InOrder, Part, at_once};
use super::piece;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::view::View;
use crate::{Float, parallel};

/// `out = a` where `mask` is not 0 (a NaN is not 0), `b` elsewhere.
pub(crate) fn select<T: Float>(mask: View<'_, T>, a: View<'_, T>, b: View<'_, T>, out: &mut [T]) {
    debug_assert_eq!(mask.layout().len(), out.len());
    let [mask, a, b] = [mask, a, b].map(InOrder::new);
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        let [mut mask_room, mut a_room, mut b_room] = [None; 3];
        let at_once = at_once([&mask, &a, &b], out.len());
        for (j, out) in out.chunks_mut(at_once).enumerate() {
            let start = i * piece + j * at_once;
            let part = start..start + out.len();
            let mask = mask.part(part.clone(), &mut mask_room);
            let a = a.part(part.clone(), &mut a_room);
            T::dispatch(Choice { mask, a, b: b.part(part, &mut b_room), out });
        }
    });
}

/// [`select`] of what lies side by side.
struct Choice<'a, T> {
    mask: Part<'a, T>,
    a: Part<'a, T>,
    b: Part<'a, T>,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Choice<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Choice { mask, a, b, out } = self;
        let len = out.len();
        let (mask, a, b) = (mask.at(0, len), a.at(0, len), b.at(0, len));
        let zero = isa.splat(T::ZERO);
        for i in (0..len).step_by(I::V::LANES) {
            let count = (len - i).min(I::V::LANES);
            // SAFETY: the parts have `len` numbers, and `i + count <= len`.
            unsafe {
                let mask = mask.load_first(isa, count, i);
                let a = a.load_first(isa, count, i);
                let b = b.load_first(isa, count, i);
                I::V::select(mask.equal(&zero), b, a).store_first(count, out.as_mut_ptr().add(i));
            }
        }
    }
}
