//! Sums, maxima and minima over any axes, in an order that is fixed by the shape alone.
//!
//! Neighbouring axes of the same kind, kept or reduced, are taken as one. If the last is reduced, each result is the sum
//! over runs of `length` numbers, one run for each index of the other reduced axes; if it is kept, results lie side by
//! side and rows are added to each other. Neither order depends on strides, on threads, or on kept axes in front, so that
//! a stack of K tensors reduces to the same bits as each of them alone.

mod columns;
mod rows;

use crate::pointwise::{Real, Zip};
use crate::simd::{MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::view::View;
use crate::{Axes, Float, Layout, Shape};

pub(super) use rows::RUN;

/// What a reduction does to two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Adds them.
    Sum,
    /// Takes the larger, NaN if either is.
    Max,
    /// Takes the smaller, NaN if either is.
    Min,
}

/// `out[kept] = fold of x[kept, reduced]`; over nothing the sum is 0, the maximum minus infinity, the minimum infinity.
pub(crate) fn reduce<T: Float>(fold: Fold, x: View<'_, T>, axes: Axes, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    match Groups::new(x.layout(), axes) {
        Some(groups) => groups.reduce(fold, x.data(), out),
        None => {
            // Axes that belong together do not lie at one stride: bring them together first.
            let mut copy = Buffer::stale(x.layout().len());
            super::copy::copy(x, copy.make_mut());
            let layout = Layout::contiguous(*x.layout().shape());
            if let Some(groups) = Groups::new(&layout, axes) {
                groups.reduce(fold, copy.as_slice(), out);
            }
        }
    }
}

/// Loops of one kind, outermost first: what a place's number is turned into an offset with.
#[derive(Clone, Copy)]
struct Steps {
    lengths: [usize; Shape::MAX_RANK],
    strides: [isize; Shape::MAX_RANK],
    loops: usize,
    /// The product of the lengths.
    count: usize,
}

impl Steps {
    const NONE: Self =
        Self { lengths: [1; Shape::MAX_RANK], strides: [0; Shape::MAX_RANK], loops: 0, count: 1 };

    fn push(&mut self, length: usize, stride: isize) {
        self.lengths[self.loops] = length;
        self.strides[self.loops] = stride;
        self.loops += 1;
        self.count *= length;
    }

    /// The offset of the combination of indices that has this number.
    #[inline(always)]
    fn offset(&self, mut number: usize) -> isize {
        let mut offset = 0;
        for axis in (1..self.loops).rev() {
            offset += (number % self.lengths[axis]) as isize * self.strides[axis];
            number /= self.lengths[axis];
        }
        offset + number as isize * self.strides[0]
    }
}

/// The loops of a reduction.
struct Groups {
    start: isize,
    /// Kept loops around the last group.
    kept: Steps,
    /// Reduced loops around the last group.
    reduced: Steps,
    /// The last group: whether it is reduced, its length and its stride.
    last: (bool, usize, isize),
}

impl Groups {
    /// `None` if neighbouring axes of one kind do not lie at one stride.
    fn new(layout: &Layout, axes: Axes) -> Option<Self> {
        let mut groups: [(bool, usize, isize); Shape::MAX_RANK] = [(false, 1, 0); Shape::MAX_RANK];
        let mut count = 0;
        let empty = layout.len() == 0;
        for (axis, (&length, &stride)) in layout.shape().iter().zip(layout.strides()).enumerate() {
            if length == 1 {
                continue;
            }
            let reduced = axes.contains(axis);
            if count > 0 && groups[count - 1].0 == reduced {
                let before = &mut groups[count - 1];
                if !empty && before.2 != stride * length as isize {
                    return None;
                }
                *before = (reduced, before.1 * length, stride);
            } else {
                groups[count] = (reduced, length, stride);
                count += 1;
            }
        }
        let last = if count == 0 { (true, 1, 1) } else { groups[count - 1] };
        let (mut kept, mut reduced) = (Steps::NONE, Steps::NONE);
        for &(is_reduced, length, stride) in groups[..count].iter().take(count.saturating_sub(1)) {
            if is_reduced { reduced.push(length, stride) } else { kept.push(length, stride) }
        }
        Some(Self { start: layout.offset() as isize, kept, reduced, last })
    }

    fn reduce<T: Float>(&self, fold: Fold, data: &[T], out: &mut [T]) {
        match fold {
            Fold::Sum => self.fold(Adding, data, out),
            Fold::Max => self.fold(Larger, data, out),
            Fold::Min => self.fold(Smaller, data, out),
        }
    }

    fn fold<T: Float, F: Folding>(&self, f: F, data: &[T], out: &mut [T]) {
        if self.last.0 { self.rows(f, data, out) } else { self.columns(f, data, out) }
    }
}

/// [`Fold`] as a type: the loops are compiled for each.
trait Folding: Copy + Send + Sync {
    fn start<T: Float>(self) -> T;
    fn two<R: Real>(self, a: R, b: R) -> R;

    /// The fold of all lanes: halves of them, then quarters, and so on. A sum does the same in registers.
    #[inline(always)]
    fn lanes<T: Float, V: Vector<Elem = T>>(self, all: V) -> T {
        let mut out = [self.start(); MOST_LANES];
        // SAFETY: no register holds more than `MOST_LANES` numbers.
        unsafe { all.store(out.as_mut_ptr()) };
        let mut half = V::LANES / 2;
        while half > 0 {
            for i in 0..half {
                out[i] = self.two(out[i], out[i + half]);
            }
            half /= 2;
        }
        out[0]
    }
}

macro_rules! folding {
    ($($name:ident, $start:ident, $zip:expr $(, $lanes:expr)?;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl Folding for $name {
            #[inline(always)]
            fn start<T: Float>(self) -> T { T::$start }
            #[inline(always)]
            fn two<R: Real>(self, a: R, b: R) -> R { $zip.f(a, b) }
            $(
                #[inline(always)]
                fn lanes<T: Float, V: Vector<Elem = T>>(self, all: V) -> T { $lanes(all) }
            )?
        }
    )*};
}

folding! {
    Adding, ZERO, Zip::Add, V::sum;
    Larger, NEG_INFINITY, Zip::Max;
    Smaller, INFINITY, Zip::Min;
}

/// Numbers that one task reads. Two tasks of rows of 64 on one thread and on two, on the Zen 5 of `docs/performance.md`: 8.6 and
/// 5.1 us; of twice as many they were 17.2 and 9.3, so that all of less stayed on one (`cargo bench -p tress-benches --bench threads`).
const TASK: usize = 1 << 15;
