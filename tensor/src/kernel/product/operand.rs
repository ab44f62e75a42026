//! Where the numbers of a product lie, and how they are brought into panels.

use crate::Float;
use crate::kernel::turn::Turn;
use crate::parallel::Shared;
use crate::simd::{Kernel, Lanes, Vector};
use core::ops::Range;

/// A matrix lying anywhere in a slice: any strides, also negative (flipped) and zero (repeated).
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    /// Where `[0, 0]` lies in `data`.
    origin: usize,
    rows: usize,
    cols: usize,
    row_stride: isize,
    col_stride: isize,
}

impl<'a, T: Copy> Matrix<'a, T> {
    /// The `rows` x `cols` matrix whose element `[i, j]` is `data[origin + i * row_stride + j * col_stride]`.
    ///
    /// # Panics
    /// If an element would lie outside `data`: a mistake in the caller, since shapes were checked long before.
    pub fn new(
        data: &'a [T],
        origin: usize,
        [rows, cols]: [usize; 2],
        [row_stride, col_stride]: [isize; 2],
    ) -> Self {
        assert!(
            reaches(data.len(), origin, &[(rows, row_stride), (cols, col_stride)]),
            "a {rows} x {cols} matrix with strides {row_stride}, {col_stride} leaves its {} numbers",
            data.len()
        );
        Self { data, origin, rows, cols, row_stride, col_stride }
    }

    /// The matrix that fills `data` row by row.
    ///
    /// # Panics
    /// If `data` is shorter.
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::new(data, 0, [rows, cols], [cols as isize, 1])
    }

    /// The transposed matrix, which lies in the same place.
    pub fn transposed(self) -> Self {
        let Self { data, origin, rows, cols, row_stride, col_stride } = self;
        Self { data, origin, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// As the left operand of a product: lanes are rows, steps are columns.
    pub(crate) fn by_rows(self) -> Strided<'a, T> {
        let Self { data, origin, rows, cols, row_stride, col_stride } = self;
        Strided { data, origin, lanes: rows, steps: cols, lane_stride: row_stride, step_stride: col_stride }
    }

    /// As the right operand of a product: lanes are columns, steps are rows.
    pub(crate) fn by_columns(self) -> Strided<'a, T> {
        self.transposed().by_rows()
    }

    /// The same matrix `by` numbers further on.
    ///
    /// # Panics
    /// If an element would lie outside the slice.
    pub(super) fn moved(self, by: isize) -> Self {
        let origin = if self.rows * self.cols == 0 { 0 } else { self.origin.wrapping_add_signed(by) };
        Self::new(self.data, origin, [self.rows, self.cols], [self.row_stride, self.col_stride])
    }

    pub(super) fn strides(&self) -> [isize; 2] {
        [self.row_stride, self.col_stride]
    }

    /// The matrix with `rows` rows, where those beyond follow in the same step.
    pub(super) fn with_rows(self, rows: usize) -> Self {
        Self::new(self.data, self.origin, [rows, self.cols], [self.row_stride, self.col_stride])
    }
}

/// Whether all elements of axes `(length, stride)` from `origin` lie in a slice of `len`.
fn reaches(len: usize, origin: usize, axes: &[(usize, isize)]) -> bool {
    // What overflows is far outside: a slice of anything but nothing is shorter than isize::MAX.
    let within = || {
        let (mut low, mut high) = (isize::try_from(origin).ok()?, isize::try_from(origin).ok()?);
        for &(length, stride) in axes {
            let reach = isize::try_from(length - 1).ok()?.checked_mul(stride)?;
            if reach < 0 {
                low = low.checked_add(reach)?;
            } else {
                high = high.checked_add(reach)?;
            }
        }
        Some(low >= 0 && (high as usize) < len)
    };
    axes.iter().any(|&(length, _)| length == 0) || within().unwrap_or(false)
}

/// One operand of a product as the loops see it: *lanes* (rows of A, columns of B) and *steps* (k).
///
/// # Safety
/// [`place`](Operand::place) tells the truth: every lane and step of the operand can be read there.
pub(crate) unsafe trait Operand<T: Float>: Shared {
    /// Copies `lanes` x `steps` into a panel: step after step, `width` numbers each, any numbers in the lanes that are
    /// too many: what is computed from them is not stored.
    ///
    /// # Panics
    /// If `panel` has no room for the panel and one register more, which may be overwritten with anything; if lanes or
    /// steps do not exist; if `width` is more than `lanes` filled up to whole registers.
    fn pack<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panel: &mut [T],
    );

    /// Packs `lanes` as panels of `width` numbers a step one after the other, the last filled up to whole registers.
    ///
    /// # Panics
    /// As [`pack`](Operand::pack).
    fn pack_all<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panels: &mut [T],
    ) {
        packed_one_by_one(self, isa, lanes, steps, width, panels);
    }

    /// Where the operand lies, if it can be read without packing.
    fn place(&self) -> Option<Place<T>>;
}

fn packed_one_by_one<T: Float, I: Lanes<T>>(
    operand: &(impl Operand<T> + ?Sized),
    isa: I,
    lanes: Range<usize>,
    steps: Range<usize>,
    width: usize,
    panels: &mut [T],
) {
    for lane in lanes.clone().step_by(width) {
        let panel = lane..(lane + width).min(lanes.end);
        let filled = panel.len().next_multiple_of(I::V::LANES);
        let to = &mut panels[(lane - lanes.start) * steps.len()..];
        operand.pack(isa, panel, steps.clone(), filled, to);
    }
}

/// Where an operand lies: lane `l` of step `k` at `start + l * lane_stride + k * step_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Place<T> {
    pub(crate) start: *const T,
    pub(crate) lane_stride: isize,
    pub(crate) step_stride: isize,
}

impl<T> Place<T> {
    /// The address of one element.
    #[inline(always)]
    pub(super) fn at(&self, lane: usize, step: usize) -> *const T {
        self.start.wrapping_offset(lane as isize * self.lane_stride + step as isize * self.step_stride)
    }
}

/// What every packing promises, checked once a panel.
pub(crate) fn check_panel<T: Float, I: Lanes<T>>(
    _: I,
    [lanes, steps]: [usize; 2],
    lanes_wanted: &Range<usize>,
    steps_wanted: &Range<usize>,
    width: usize,
    room: usize,
) {
    assert!(lanes_wanted.end <= lanes && steps_wanted.end <= steps);
    assert!(lanes_wanted.len() <= width && width <= lanes_wanted.len().next_multiple_of(I::V::LANES));
    assert!(steps_wanted.len() * width + I::V::LANES <= room);
}

/// A matrix as an operand. The fields are private to this file so that what [`Matrix::new`] checked stays true.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    data: &'a [T],
    origin: usize,
    lanes: usize,
    steps: usize,
    lane_stride: isize,
    step_stride: isize,
}

// SAFETY: `Matrix::new` has checked that every element lies in the slice.
unsafe impl<T: Float> Operand<T> for Strided<'_, T> {
    fn pack<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panel: &mut [T],
    ) {
        check_panel(isa, [self.lanes, self.steps], &lanes, &steps, width, panel.len());
        if lanes.is_empty() || steps.is_empty() {
            return;
        }
        let place = Place {
            start: self.data.as_ptr().wrapping_add(self.origin),
            lane_stride: self.lane_stride,
            step_stride: self.step_stride,
        };
        let from = Place { start: place.at(lanes.start, steps.start), ..place };
        isa.enter(Pack { from, lanes: lanes.len(), steps: steps.len(), width, panel: panel.as_mut_ptr() });
    }

    fn pack_all<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panels: &mut [T],
    ) {
        if self.lane_stride != 1 || steps.is_empty() {
            return packed_one_by_one(self, isa, lanes, steps, width, panels);
        }
        let whole = lanes.len() / width * width;
        let (rest, at) = (lanes.start + whole..lanes.end, whole * steps.len());
        if whole > 0 {
            assert!(lanes.end <= self.lanes && steps.end <= self.steps && width.is_multiple_of(I::V::LANES));
            assert!(at <= panels.len());
            let place = Place {
                start: self.data.as_ptr().wrapping_add(self.origin),
                lane_stride: self.lane_stride,
                step_stride: self.step_stride,
            };
            let from = Place { start: place.at(lanes.start, steps.start), ..place };
            let panels = panels.as_mut_ptr();
            isa.enter(PackAll { from, lanes: whole, steps: steps.len(), width, panels });
        }
        packed_one_by_one(self, isa, rest, steps, width, &mut panels[at..]);
    }

    fn place(&self) -> Option<Place<T>> {
        Some(Place {
            start: self.data.as_ptr().wrapping_add(self.origin),
            lane_stride: self.lane_stride,
            step_stride: self.step_stride,
        })
    }
}

/// Packs one panel out of a strided place; `Strided::pack` has checked both ends.
struct Pack<T> {
    from: Place<T>,
    lanes: usize,
    steps: usize,
    width: usize,
    panel: *mut T,
}

/// Packs all panels of lanes that lie side by side, a few steps of all of them at a time: so the operand is read along
/// its rows, as the processor expects memory to be read.
struct PackAll<T> {
    from: Place<T>,
    lanes: usize,
    steps: usize,
    width: usize,
    panels: *mut T,
}

impl<T: Float> Kernel<T> for PackAll<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        const AT_ONCE: usize = 4;
        let Self { from, lanes, steps, width, panels } = self;
        for first in (0..steps).step_by(AT_ONCE) {
            for lane in (0..lanes).step_by(width) {
                for step in first..(first + AT_ONCE).min(steps) {
                    for j in (0..width).step_by(I::V::LANES) {
                        // SAFETY: `Strided::pack_all` has checked that lanes and steps exist, and that the panels have room.
                        unsafe {
                            let to = panels.add(lane * steps + step * width + j);
                            isa.load(from.at(lane + j, step)).store(to);
                        }
                    }
                }
            }
        }
    }
}

/// Copies `lanes` x `steps` that lie step by step (`step_stride` is 1) lane after lane, `steps` numbers each: not turned,
/// but close together.
///
/// # Safety
/// The place holds those lanes and steps.
///
/// # Panics
/// If `panel` has no room for that and one register more, which may be overwritten with anything.
pub(super) unsafe fn copy_lanes<T: Float, I: Lanes<T>>(
    isa: I,
    place: &Place<T>,
    lanes: &Range<usize>,
    steps: &Range<usize>,
    panel: &mut [T],
) {
    assert!(place.step_stride == 1 && lanes.len() * steps.len() + I::V::LANES <= panel.len());
    let start = place.at(lanes.start, steps.start);
    let from = Place { start, lane_stride: 1, step_stride: place.lane_stride };
    let (lanes, steps) = (steps.len(), lanes.len());
    isa.enter(Pack { from, lanes, steps, width: lanes, panel: panel.as_mut_ptr() });
}

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

impl<T: Float> Kernel<T> for Pack<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        if self.from.lane_stride == 1 {
            self.copy(isa)
        } else if self.from.step_stride == 1 {
            let Self { from, lanes, steps, width, panel } = self;
            let (from, from_stride, to_stride) = (from.start, from.lane_stride, width as isize);
            // The lanes of the next panel.
            let ahead = width as isize * from_stride;
            let (rows, columns, to) = (lanes, steps, panel);
            let turn = Turn { from, from_stride, rows, columns, to, to_stride, fill: width, ahead };
            // SAFETY: lanes and steps exist in the operand, and the panel has room for `width` lanes of each step.
            unsafe { turn.valid() }.run(isa)
        } else {
            self.pick()
        }
    }
}

impl<T: Float> Pack<T> {
    /// Lanes lie side by side: whole registers, in ascending order, so that what one writes too much (a panel of rows is
    /// not as wide as whole registers) the next puts right. The next panel's numbers are asked for meanwhile: they lie
    /// behind ours in each step, too few of them at a time for the processor of Intel to see that they will be wanted; on the Zen 5 of
    /// `docs/performance.md` it changes nothing (64x784x512: 228 Gflop/s either way).
    #[inline(always)]
    fn copy<I: Lanes<T>>(self, isa: I) {
        let count = I::V::LANES;
        for step in 0..self.steps {
            let from = self.from.at(0, step);
            for next in (0..self.width).step_by(LINE / size_of::<T>()) {
                isa.prefetch(from.wrapping_add(self.width + next));
            }
            let mut lane = 0;
            while lane < self.lanes {
                let left = self.lanes - lane;
                // SAFETY: reads only lanes that exist; writes reach at most one register beyond the panel.
                unsafe {
                    let x = if left >= count {
                        isa.load(from.add(lane))
                    } else {
                        isa.load_first(left, from.add(lane))
                    };
                    x.store(self.panel.add(step * self.width + lane));
                }
                lane += count;
            }
        }
    }

    /// One by one.
    #[inline(always)]
    fn pick(&self) {
        for step in 0..self.steps {
            for lane in 0..self.lanes {
                // SAFETY: lane and step exist in the operand and in the panel.
                unsafe { *self.panel.add(step * self.width + lane) = *self.from.at(lane, step) };
            }
        }
    }
}
