//! Depthwise windows of 3x3 at step 1: each register of the image is read once for all rows of the window that it lies under.

// Rows are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

mod masked;

use super::stage::{SLACK, Stage};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::{Float, Window};
use core::ops::Range;
use masked::has_masks;

/// How many rows ahead of the arithmetic a cotangent is asked for. On the Zen 5 of `docs/performance.md` 8, 16 and 32 rows are as good (153
/// Gflop/s for 16x64x28x28), and 152 without.
const AHEAD: usize = 16;

/// A plane of the output, and how its image lies: on a stage, or where it is, with one row and column of zeros to be thought around
/// it.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    high: usize,
    wide: usize,
    /// Numbers from row to row of the stage.
    row: usize,
    /// Whether the windows see the image itself and one row and column of padding on each side.
    same: bool,
}

/// What a plane's windows look at.
#[derive(Clone, Copy)]
pub(super) enum Ground<'a, T> {
    /// The image on its stage.
    Stage(&'a [T]),
    /// The image, and the number before it, for a register at its left edge begins there.
    Image(&'a [T]),
}

impl<T> Ground<'_, T> {
    /// Where the stage lies, where there are no masks.
    #[inline(always)]
    fn stage(&self) -> *const T {
        match self {
            Ground::Stage(stage) => stage.as_ptr(),
            Ground::Image(_) => unreachable!("without masks no image is read where it lies"),
        }
    }
}

impl Plane {
    /// The plane, if the windows are of this kind.
    pub(super) fn new(stage: &Stage, window: &Window, output: [usize; 2]) -> Option<Self> {
        let ours = window.kernel == [3, 3] && window.stride == [1, 1] && window.dilation == [1, 1];
        let same = window.pad == [[1; 2]; 2];
        ours.then_some(Self { high: output[0], wide: output[1], row: stage.row(), same })
    }

    /// The image at `place` of `x` where it lies, if there are masks to leave its edges out: laying it on a stage takes longer than the
    /// arithmetic. Not the first image, before which there is no number.
    pub(super) fn image<'a, T: Float, I: Lanes<T>>(
        &self,
        _: I,
        x: &'a [T],
        place: Range<usize>,
    ) -> Option<Ground<'a, T>> {
        let there = const { has_masks::<T, I>() } && self.same && place.start > 0;
        there.then(|| Ground::Image(&x[place.start - 1..place.end]))
    }

    /// # Panics
    /// If what lies under the windows leaves the ground, with a register more on a stage, or the plane is shorter than `plane`.
    fn check<T>(&self, ground: &Ground<'_, T>, plane: usize) {
        const { assert!(MOST_LANES <= SLACK) };
        let there = match ground {
            Ground::Stage(stage) => (self.high + 1) * self.row + self.wide + 2 + SLACK <= stage.len(),
            Ground::Image(image) => self.same && self.high * self.wide < image.len(), // and the one before
        };
        assert!(there && self.high * self.wide <= plane);
    }
}

/// The forward role, or the gradient by the input with the taps in reverse.
pub(super) struct Correlate<'a, T> {
    pub(super) plane: Plane,
    pub(super) ground: Ground<'a, T>,
    pub(super) taps: [T; 9],
    pub(super) y: &'a mut [T],
}

impl<T: Float> Kernel<T> for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        self.plane.check(&self.ground, self.y.len());
        if self.plane.high == 0 {
            return;
        }
        if const { has_masks::<T, I>() } {
            return match self.ground {
                Ground::Image(_) => self.all::<I, true>(isa),
                Ground::Stage(_) => self.all::<I, false>(isa),
            };
        }
        let stage = self.ground.stage();
        let Plane { high, wide, .. } = self.plane;
        let y = self.y.as_mut_ptr();
        for j in (0..wide).step_by(2 * I::V::LANES) {
            let mut i = 0;
            while i + 4 <= high {
                self.rows::<I, 4>(isa, i, j, stage, y);
                i += 4;
            }
            while i < high {
                self.rows::<I, 1>(isa, i, j, stage, y);
                i += 1;
            }
        }
    }
}

impl<T: Float> Correlate<'_, T> {
    /// `R` rows from row i on, two registers from column j on, of the plane `y`, from the `stage`.
    #[inline(always)]
    fn rows<I: Lanes<T>, const R: usize>(&self, isa: I, i: usize, j: usize, stage: *const T, y: *mut T) {
        let Plane { wide, row, .. } = self.plane;
        let lanes = I::V::LANES;
        let mut sums = [[isa.splat(T::ZERO); 2]; R];
        for under in 0..R + 2 {
            for s in 0..3 {
                let from = stage.wrapping_add((i + under) * row + j + s);
                // SAFETY: `check` has seen that these lie on the stage: the first column exists, and if there is a second
                // register of columns, so does that.
                let x = unsafe {
                    [
                        isa.load(from),
                        if j + lanes < wide { isa.load(from.add(lanes)) } else { isa.splat(T::ZERO) },
                    ]
                };
                for r in 0..3 {
                    if under >= r && under - r < R {
                        let w = isa.splat(self.taps[3 * r + s]);
                        for v in 0..2 {
                            sums[under - r][v] = w.mul_add(x[v], sums[under - r][v]);
                        }
                    }
                }
            }
        }
        let counts = [lanes.min(wide - j), lanes.min((wide - j).saturating_sub(lanes))];
        for q in 0..R {
            for v in 0..2 {
                let to = y.wrapping_add((i + q) * wide + j + v * lanes);
                // SAFETY: the row has so many columns from there, in the plane that was handed over to be written.
                unsafe {
                    if counts[v] == lanes {
                        sums[q][v].store(to)
                    } else {
                        sums[q][v].store_first(counts[v], to)
                    }
                }
            }
        }
    }
}

/// Adds to `dw`, one number a tap, the sums over all pixels of `dy` times what lies under the tap.
pub(super) struct WeightSums<'a, T> {
    pub(super) plane: Plane,
    pub(super) ground: Ground<'a, T>,
    pub(super) dy: &'a [T],
    pub(super) dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for WeightSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.plane.check(&self.ground, self.dy.len());
        assert_eq!(self.dw.len(), 9);
        if self.plane.high == 0 {
            return;
        }
        let sums = match self.ground {
            Ground::Image(_) if const { has_masks::<T, I>() } => self.all::<I, true>(isa),
            Ground::Stage(_) if const { has_masks::<T, I>() } => self.all::<I, false>(isa),
            ground => self.on_stage(isa, ground.stage()),
        };
        for r in 0..3 {
            for s in 0..3 {
                self.dw[3 * r + s] = self.dw[3 * r + s] + sums[r][s].sum();
            }
        }
    }
}

/// The sum of each tap, lane by lane.
type Sums<V> = [[V; 3]; 3];

impl<T: Float> WeightSums<'_, T> {
    /// The sums of all columns of a stage, a register of columns after the other.
    #[inline(always)]
    fn on_stage<I: Lanes<T>>(&self, isa: I, stage: *const T) -> Sums<I::V> {
        let (wide, lanes) = (self.plane.wide, I::V::LANES);
        let mut sums = [[isa.splat(T::ZERO); 3]; 3];
        let mut j = 0;
        while j + lanes <= wide {
            // SAFETY: a whole register of columns from there.
            self.register(isa, stage, &mut sums, |at| unsafe { isa.load(at) }, j);
            j += lanes;
        }
        if j < wide {
            // Zeros beyond the row in both: zero times what lies there would be NaN for a NaN.
            // SAFETY: so many columns are left.
            self.register(isa, stage, &mut sums, |at| unsafe { isa.load_first(wide - j, at) }, j);
        }
        sums
    }

    /// The columns from column j on that `load` loads.
    #[inline(always)]
    fn register<I: Lanes<T>>(
        &self,
        isa: I,
        stage: *const T,
        sums: &mut Sums<I::V>,
        load: impl Fn(*const T) -> I::V,
        j: usize,
    ) {
        let Plane { high, wide, row, .. } = self.plane;
        // The rows of dy that a row of the stage lies under the window of: the newest first.
        let mut dy = [isa.splat(T::ZERO); 3];
        let mut add = |under: usize, rows: [bool; 3]| {
            // `check` has seen that these columns of the stage, and two more, are there.
            let from = stage.wrapping_add(under * row + j);
            let newest = match rows[0] {
                true => load(self.dy.as_ptr().wrapping_add(under * wide + j)),
                false => isa.splat(T::ZERO),
            };
            dy = [newest, dy[0], dy[1]];
            // Rows are too short for the processor to see where they lead, and the next plane follows.
            isa.prefetch(self.dy.as_ptr().wrapping_add((under + AHEAD) * wide + j));
            for s in 0..3 {
                let x = load(from.wrapping_add(s));
                for r in 0..3 {
                    if rows[r] {
                        sums[r][s] = dy[r].mul_add(x, sums[r][s]);
                    }
                }
            }
        };
        // Above and below, a row of dy that does not exist is left out: zero times what lies there would be NaN for a NaN.
        let there = |under: usize| core::array::from_fn(|r| (r..high + r).contains(&under));
        (0..2).for_each(|under| add(under, there(under)));
        (2..high).for_each(|under| add(under, [true; 3]));
        (high.max(2)..high + 2).for_each(|under| add(under, there(under)));
    }
}
