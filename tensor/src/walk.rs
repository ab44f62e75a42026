//! Loop plans: several layouts of one shape, coalesced into as few loops as they allow.

use crate::{Layout, Shape};

/// The loops of a kernel that reads `N` operands and writes a dense row-major result.
///
/// Axes of length 1 are gone, and neighbouring axes are one where every operand can step through them at one stride. The
/// result's own place is the number of the element, so the order of the axes is the result's: its innermost loop is
/// contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan<const N: usize> {
    /// Lengths of the loops, outermost first; all at least 2 unless there is one loop alone.
    lengths: [usize; Shape::MAX_RANK],
    /// Strides of the operands for each loop.
    strides: [[isize; N]; Shape::MAX_RANK],
    /// How many loops there are, at least one.
    loops: usize,
    /// Where each operand starts.
    offsets: [usize; N],
}

/// A stretch of the innermost loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run<const N: usize> {
    /// Where it starts in the piece of the result that is being written.
    pub(crate) at: usize,
    /// Where it starts in each operand.
    pub(crate) places: [usize; N],
    /// How many elements it has.
    pub(crate) count: usize,
}

impl<const N: usize> Plan<N> {
    /// The plan for operands of one shape.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let mut plan = Self {
            lengths: [1; Shape::MAX_RANK],
            strides: [[0; N]; Shape::MAX_RANK],
            loops: 1,
            offsets: layouts.map(Layout::offset),
        };
        let Some(shape) = layouts.first().map(|layout| layout.shape()) else { return plan };
        debug_assert!(layouts.iter().all(|layout| layout.shape() == shape));
        if shape.contains(&0) {
            plan.lengths[0] = 0;
            return plan;
        }
        let mut loops = 0;
        for axis in (0..shape.rank()).filter(|&axis| shape[axis] != 1) {
            let (length, strides) = (shape[axis], layouts.map(|layout| layout.strides()[axis]));
            if loops > 0 && (0..N).all(|n| plan.strides[loops - 1][n] == strides[n] * length as isize) {
                plan.lengths[loops - 1] *= length;
                plan.strides[loops - 1] = strides;
            } else {
                plan.lengths[loops] = length;
                plan.strides[loops] = strides;
                loops += 1;
            }
        }
        plan.loops = loops.max(1);
        plan
    }

    /// The loops around the innermost, outermost first, and the innermost: lengths and strides.
    pub(crate) fn loops(&self) -> (&[usize], &[[isize; N]]) {
        (&self.lengths[..self.loops], &self.strides[..self.loops])
    }

    /// Where the operands start.
    pub(crate) fn offsets(&self) -> [usize; N] {
        self.offsets
    }

    /// The operands' strides in the innermost loop.
    #[inline(always)]
    pub(crate) fn inner(&self) -> [isize; N] {
        self.strides[self.loops - 1]
    }

    /// Whether the innermost loop has at least `least` elements.
    pub(crate) fn is_wide(&self, least: usize) -> bool {
        self.lengths[self.loops - 1] >= least
    }

    /// The runs that make up elements `start .. start + count` of the result.
    pub(crate) fn runs(&self, start: usize, count: usize) -> Runs<'_, N> {
        let mut index = [0; Shape::MAX_RANK];
        let mut places = self.offsets.map(|offset| offset as isize);
        let mut rest = start;
        for axis in (0..self.loops).rev() {
            let length = self.lengths[axis].max(1);
            // What is left beyond the outermost loop would be past the end; there are then no runs to give.
            index[axis] = if axis == 0 { rest } else { rest % length };
            rest /= length;
            for (place, stride) in places.iter_mut().zip(self.strides[axis]) {
                *place += index[axis] as isize * stride;
            }
        }
        Runs { plan: self, index, places, at: 0, count }
    }
}

/// Steps through the runs of a piece of the result.
pub(crate) struct Runs<'a, const N: usize> {
    plan: &'a Plan<N>,
    index: [usize; Shape::MAX_RANK],
    places: [isize; N],
    at: usize,
    count: usize,
}

impl<const N: usize> Runs<'_, N> {
    /// The operands' strides along the runs.
    pub(crate) fn strides(&self) -> [isize; N] {
        self.plan.inner()
    }
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run<N>;

    fn next(&mut self) -> Option<Run<N>> {
        if self.at >= self.count {
            return None;
        }
        let plan = self.plan;
        let inner = plan.loops - 1;
        let count = (plan.lengths[inner] - self.index[inner]).min(self.count - self.at);
        let run = Run { at: self.at, places: self.places.map(|place| place as usize), count };
        self.at += count;
        // To the start of the next run: on by `count`, and each loop that has come to its end goes back and carries one.
        self.step(inner, count);
        let mut axis = inner;
        while axis > 0 && self.index[axis] == plan.lengths[axis] {
            self.step_back(axis);
            axis -= 1;
            self.step(axis, 1);
        }
        Some(run)
    }
}

impl<const N: usize> Runs<'_, N> {
    #[inline(always)]
    fn step(&mut self, axis: usize, count: usize) {
        self.index[axis] += count;
        for (place, stride) in self.places.iter_mut().zip(self.plan.strides[axis]) {
            *place += count as isize * stride;
        }
    }

    #[inline(always)]
    fn step_back(&mut self, axis: usize) {
        for (place, stride) in self.places.iter_mut().zip(self.plan.strides[axis]) {
            *place -= self.index[axis] as isize * stride;
        }
        self.index[axis] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn layout(lengths: &[usize]) -> Layout {
        Layout::contiguous(Shape::new(lengths).unwrap())
    }

    #[test]
    fn dense_operands_are_one_loop() {
        let a = layout(&[2, 3, 1, 4]);
        let plan = Plan::new([&a, &a]);
        assert_eq!(plan.loops(), (&[24][..], &[[1, 1]][..]));
    }

    #[test]
    fn an_axis_is_kept_where_one_operand_needs_it() {
        let a = layout(&[2, 3, 4]);
        let bias = layout(&[3, 1]).expand(*a.shape()).unwrap();
        let plan = Plan::new([&a, &bias]);
        assert_eq!(plan.loops(), (&[2, 3, 4][..], &[[12, 0], [4, 1], [1, 0]][..]));
        let rows = layout(&[4]).expand(*a.shape()).unwrap();
        assert_eq!(Plan::new([&a, &rows]).loops(), (&[6, 4][..], &[[4, 0], [1, 1]][..]));
    }

    #[test]
    fn runs_visit_each_element_once_from_any_start() {
        let base = layout(&[4, 3, 5, 2]);
        let layouts = [
            base,
            base.transpose(1, 2).unwrap(),
            base.flip(0).unwrap().slice(2, 1, 5, 2).unwrap(),
            base.permute(&[3, 1, 0, 2]).unwrap(),
            base.slice(0, 1, 2, 1).unwrap(),
            layout(&[1, 3, 1]).expand(Shape::new(&[2, 3, 4]).unwrap()).unwrap(),
            layout(&[]),
            layout(&[3, 0, 2]),
        ];
        for layout in layouts {
            let shape = *layout.shape();
            let mut expected = Vec::new();
            let mut index = [0; Shape::MAX_RANK];
            for _ in 0..shape.len() {
                expected.push(layout.place(&index[..shape.rank()]).unwrap());
                for axis in (0..shape.rank()).rev() {
                    index[axis] += 1;
                    if index[axis] < shape[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
            }
            let plan = Plan::new([&layout]);
            for start in 0..=shape.len() {
                for end in start..=shape.len() {
                    let mut got = Vec::new();
                    for run in plan.runs(start, end - start) {
                        assert_eq!(run.at, got.len());
                        let [stride] = plan.inner();
                        got.extend(
                            (0..run.count).map(|i| (run.places[0] as isize + i as isize * stride) as usize),
                        );
                    }
                    assert_eq!(got, expected[start..end], "{layout:?} from {start}");
                }
            }
        }
    }
}
