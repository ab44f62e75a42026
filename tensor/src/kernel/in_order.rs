//! An operand's numbers in row-major order, however they lie: where they lie, or by blocks.

use super::copy::copy_part;
use crate::simd::{Lanes, MOST_LANES, Vector};
use crate::view::View;
use crate::walk::Plan;
use crate::{Element, Float};
use core::ops::Range;

/// Elements that go through a buffer on the stack at a time where an operand does not lie densely.
pub(super) const BLOCK: usize = if crate::SMALL { 32 } else { 256 };

/// Where a block of numbers goes that does not lie densely, once there is one.
pub(super) type Room<T> = Option<[T; BLOCK]>;

/// How the numbers of one operand are found.
pub(super) enum InOrder<'a, T> {
    /// They lie in that order.
    Dense(&'a [T]),
    /// There is one, here as often as the widest register has lanes.
    Same([T; MOST_LANES]),
    Strided(Plan<1>, &'a [T]),
}

impl<'a, T: Element> InOrder<'a, T> {
    pub(super) fn new(x: View<'a, T>) -> Self {
        if let Some(x) = x.as_slice() {
            return Self::Dense(x);
        }
        let plan = Plan::new([x.layout()]);
        match plan.loops() {
            (&[len], [[0]]) if len > 0 => Self::Same([x.data()[x.layout().offset()]; MOST_LANES]),
            _ => Self::Strided(plan, x.data()),
        }
    }

    pub(super) fn is_strided(&self) -> bool {
        matches!(self, Self::Strided(..))
    }

    /// Some of the numbers, at most as many as [`at_once`] says; strided ones are copied to the room.
    pub(super) fn part<'r>(&'r self, part: Range<usize>, room: &'r mut Room<T>) -> Part<'r, T> {
        match self {
            Self::Dense(x) => Part::of(&x[part]),
            Self::Same(number) => Part { numbers: number, step: 0 },
            Self::Strided(plan, data) => {
                let room = &mut room.get_or_insert_with(|| [T::default(); BLOCK])[..part.len()];
                copy_part(plan, data, part.start, room);
                Part::of(room)
            }
        }
    }
}

/// How many of `len` numbers of some operands are taken at once.
pub(super) fn at_once<'a, T: Element>(
    operands: impl IntoIterator<Item = &'a InOrder<'a, T>>,
    len: usize,
) -> usize {
    if operands.into_iter().any(InOrder::is_strided) { BLOCK } else { len.max(1) }
}

/// Numbers side by side, or one number instead of any number of them.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, T> {
    /// Where the step is 0, as many as the widest register has lanes.
    numbers: &'a [T],
    /// Number i lies at `i * step`: 1, or 0.
    step: usize,
}

impl<'a, T> Part<'a, T> {
    pub(super) fn of(numbers: &'a [T]) -> Self {
        Self { numbers, step: 1 }
    }

    /// Number i of those that lie side by side.
    #[inline(always)]
    pub(super) fn number(&self, i: usize) -> T
    where
        T: Copy,
    {
        self.numbers[i]
    }

    /// Where the numbers from `start` on lie, `count` of them.
    ///
    /// # Panics
    /// If they lie side by side and there are not so many.
    #[inline(always)]
    pub(super) fn at(&self, start: usize, count: usize) -> At<T> {
        let numbers = if self.step == 0 { self.numbers } else { &self.numbers[start..start + count] };
        At { from: numbers.as_ptr(), step: self.step }
    }
}

/// A [`Part`] as a place.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    from: *const T,
    step: usize,
}

impl<T: Float> At<T> {
    /// Numbers that lie at `from`.
    pub(super) fn place(from: *const T) -> Self {
        Self { from, step: 1 }
    }

    /// One number over and over, where it stands once for each lane of the widest register.
    pub(super) fn same(number: &[T; MOST_LANES]) -> Self {
        Self { from: number.as_ptr(), step: 0 }
    }

    /// Where number i lies, whether or not there is one.
    #[inline(always)]
    pub(super) fn wrapping<I: Lanes<T>>(self, _: I, i: usize) -> *const T {
        // Of a loop over registers of one number the compiler makes one over longer ones where it sees a stride, which may be 1; where
        // they are long already, a mask costs less than a product.
        let single = I::V::LANES == 1 && !crate::SMALL;
        let offset = if single { i.wrapping_mul(self.step) } else { i & self.step.wrapping_neg() };
        self.from.wrapping_add(offset)
    }

    /// The numbers from i on in a register.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    pub(super) unsafe fn load<I: Lanes<T>>(self, isa: I, i: usize) -> I::V {
        // SAFETY: as the caller promises; one number is there for each lane.
        unsafe { isa.load(self.wrapping(isa, i)) }
    }

    /// The `count` numbers from i on in the first lanes of a register.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    pub(super) unsafe fn load_first<I: Lanes<T>>(self, isa: I, count: usize, i: usize) -> I::V {
        // SAFETY: as the caller promises; one number is there for each lane.
        unsafe { isa.load_first(count, self.wrapping(isa, i)) }
    }
}
