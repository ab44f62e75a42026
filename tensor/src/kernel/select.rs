//! A choice between two numbers.

use super::{BLOCK, Room, dense, piece};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::view::View;
use crate::walk::Plan;
use crate::{Float, parallel};

/// `out = a` where `mask` is not 0 (a NaN is not 0), `b` elsewhere.
pub(crate) fn select<T: Float>(mask: View<'_, T>, a: View<'_, T>, b: View<'_, T>, out: &mut [T]) {
    debug_assert_eq!(mask.layout().len(), out.len());
    let plan = Plan::new([mask.layout(), a.layout(), b.layout()]);
    let data = [mask.data(), a.data(), b.data()];
    let piece = piece(out.len());
    parallel::for_each_piece(out, piece, |i, out| {
        T::dispatch(Choice { plan: &plan, data, start: i * piece, out });
    });
}

struct Choice<'a, T> {
    plan: &'a Plan<3>,
    data: [&'a [T]; 3],
    start: usize,
    out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Choice<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Choice { plan, data: [mask, a, b], start, out } = self;
        let strides = plan.inner();
        let mut buffers = [Room::new(), Room::new(), Room::new()];
        let [mask_buffer, a_buffer, b_buffer] = &mut buffers;
        let zero = isa.splat(T::ZERO);
        for run in plan.runs(start, out.len()) {
            let block = if strides == [1, 1, 1] { run.count } else { BLOCK };
            for (i, out) in out[run.at..run.at + run.count].chunks_mut(block).enumerate() {
                let at = |n: usize| (run.places[n] as isize + (i * block) as isize * strides[n]) as usize;
                let mask = dense(mask, at(0), strides[0], out.len(), mask_buffer);
                let a = dense(a, at(1), strides[1], out.len(), a_buffer);
                let b = dense(b, at(2), strides[2], out.len(), b_buffer);
                let (len, mut i) = (out.len(), 0);
                while i < len {
                    let count = (len - i).min(I::V::LANES);
                    // SAFETY: the slices have `len` numbers, and `i + count <= len`.
                    unsafe {
                        let mask = isa.load_first(count, mask.as_ptr().add(i));
                        let a = isa.load_first(count, a.as_ptr().add(i));
                        let b = isa.load_first(count, b.as_ptr().add(i));
                        I::V::select(mask.equal(&zero), b, a).store_first(count, out.as_mut_ptr().add(i));
                    }
                    i += I::V::LANES;
                }
            }
        }
    }
}
