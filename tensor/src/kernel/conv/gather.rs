//! Gathering an operand from a stage while it is packed, and folding tiles back onto one: each is the other's transpose.

use super::stage::SLACK;
use crate::Float;
use crate::kernel::product::operand::{Operand, Place, check_panel};
use crate::kernel::product::target::{Disjoint, Ground, Spot, Target};
use crate::kernel::product::tile::TILE_ROOM;
use crate::simd::{Kernel, Lanes, Vector};
use crate::storage::Buffer;
use core::mem::MaybeUninit;
use core::ops::Range;

/// Offsets along one side of the operand, and how long the run of neighbours is that starts at each. (They live in the
/// pool's memory: a convolution in a training step allocates nothing.)
pub(super) struct Axis {
    offsets: Buffer<u32>,
    runs: Buffer<u32>,
    /// The largest offset.
    reach: usize,
}

impl Axis {
    /// The axis of `count` offsets; `Conv::new` has checked that each fits 32 bits.
    pub(super) fn new(count: usize, from: impl Iterator<Item = usize>) -> Self {
        let (mut offsets, mut runs) = (Buffer::stale(count), Buffer::stale(count));
        let (to, run) = (offsets.make_mut(), runs.make_mut());
        run.fill(1);
        let mut given = 0;
        for (to, offset) in to.iter_mut().zip(from) {
            *to = offset as u32;
            given += 1;
        }
        assert_eq!(given, count, "as many offsets as were promised");
        for i in (1..count).rev() {
            if to[i - 1] + 1 == to[i] {
                run[i - 1] = run[i] + 1;
            }
        }
        let reach = to.iter().copied().max().unwrap_or(0) as usize;
        Self { offsets, runs, reach }
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    pub(super) fn offsets(&self) -> &[u32] {
        self.offsets.as_slice()
    }

    /// The offset of element `i`, and how many neighbours start there, at most `most`.
    #[inline(always)]
    pub(super) fn run(&self, i: usize, most: usize) -> (usize, usize) {
        (self.offsets()[i] as usize, (self.runs.as_slice()[i] as usize).min(most))
    }

    /// # Panics
    /// If a sum of offsets of both axes and the slack leave a stage of `len` numbers.
    pub(super) fn check(&self, other: &Self, len: usize) {
        assert!(self.reach + other.reach + SLACK <= len || self.len() * other.len() == 0);
    }

    /// Cuts `range` into runs of at most `most` neighbours and calls `each(index in the range, offset, length)`.
    #[inline(always)]
    fn runs(&self, range: Range<usize>, most: usize, mut each: impl FnMut(usize, usize, usize)) {
        let mut i = range.start;
        while i < range.end {
            let (offset, length) = self.run(i, most.min(range.end - i));
            each(i - range.start, offset, length);
            i += length;
        }
    }
}

/// The operand whose lane l of step k is `stage[lanes[l] + steps[k]]`.
pub(super) struct Gather<'a, T> {
    stage: &'a [T],
    lanes: &'a Axis,
    steps: &'a Axis,
}

impl<'a, T: Float> Gather<'a, T> {
    /// # Panics
    /// If the offsets and the slack leave the stage.
    pub(super) fn new(stage: &'a [T], lanes: &'a Axis, steps: &'a Axis) -> Self {
        lanes.check(steps, stage.len());
        Self { stage, lanes, steps }
    }
}

/// Short runs are copied in pieces of this many numbers, half a register or less.
const PIECE: usize = 8;

// SAFETY: there is no place to read from.
unsafe impl<T: Float> Operand<T> for Gather<'_, T> {
    fn pack<I: Lanes<T>>(
        &self,
        isa: I,
        lanes: Range<usize>,
        steps: Range<usize>,
        width: usize,
        panel: &mut [T],
    ) {
        check_panel(isa, [self.lanes.len(), self.steps.len()], &lanes, &steps, width, panel.len());
        assert!(width <= MOST_LANES && I::V::LANES <= SLACK);
        let mut longest = 0;
        self.lanes.runs(lanes.clone(), I::V::LANES, |_, _, length| longest = longest.max(length));
        let mut runs = [(0, 0); MOST_LANES];
        let mut count = 0;
        let piece = if longest <= PIECE && PIECE < I::V::LANES { PIECE } else { I::V::LANES };
        self.lanes.runs(lanes, piece, |at, offset, _| {
            runs[count] = (at, offset);
            count += 1;
        });
        isa.enter(Pack {
            from: self.stage.as_ptr(),
            runs: &runs[..count],
            steps: &self.steps.offsets()[steps],
            short: piece < I::V::LANES,
            width,
            panel: panel.as_mut_ptr(),
        });
    }

    fn place(&self) -> Option<Place<T>> {
        None
    }
}

/// The widest panel of any instruction set: two AVX-512 registers.
const MOST_LANES: usize = 32;

/// Packs one panel; `Gather::pack` has checked both ends.
struct Pack<'a, T> {
    from: *const T,
    runs: &'a [(usize, usize)],
    steps: &'a [u32],
    short: bool,
    width: usize,
    panel: *mut T,
}

impl<T: Float> Kernel<T> for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // Most panels have few runs; then their places stay in registers.
        match self.runs.len() {
            1 => self.copy::<I, 1>(isa),
            2 => self.copy::<I, 2>(isa),
            3 => self.copy::<I, 3>(isa),
            4 => self.copy::<I, 4>(isa),
            5 => self.copy::<I, 5>(isa),
            6 => self.copy::<I, 6>(isa),
            7 => self.copy::<I, 7>(isa),
            8 => self.copy::<I, 8>(isa),
            _ => self.copy::<I, 0>(isa),
        }
    }
}

impl<T: Float> Pack<'_, T> {
    /// Copies every run as one whole register (or piece), in ascending order: what one writes too much the next puts
    /// right, and what the last of a step writes too much belongs to the next step. `N` is the number of runs, 0 for any.
    #[inline(always)]
    fn copy<I: Lanes<T>, const N: usize>(self, isa: I) {
        let few: [(usize, usize); N] = core::array::from_fn(|i| self.runs[i]);
        let mut to = self.panel;
        for &step in self.steps {
            let from = self.from.wrapping_add(step as usize);
            for &(at, offset) in if N == 0 { self.runs } else { &few } {
                // SAFETY: `Gather::new` has checked that the largest sum of offsets and a register lie on the stage, and
                // `check_panel` that the panel has room for a register more.
                unsafe {
                    let (from, to) = (from.add(offset), to.add(at));
                    if self.short {
                        to.cast::<[T; PIECE]>().write_unaligned(from.cast::<[T; PIECE]>().read_unaligned());
                    } else {
                        isa.load(from).store(to);
                    }
                }
            }
            to = to.wrapping_add(self.width);
        }
    }
}

/// The target that adds element `[i, j]` of the product to `stage[rows[i] + columns[j]]`: the transpose of [`Gather`].
pub(super) struct Fold<'a, T> {
    stage: Disjoint<T>,
    rows: &'a Axis,
    columns: &'a Axis,
}

impl<'a, T: Float> Fold<'a, T> {
    /// # Panics
    /// If the offsets and the slack leave the stage.
    pub(super) fn new(stage: &'a mut [T], rows: &'a Axis, columns: &'a Axis) -> Self {
        rows.check(columns, stage.len());
        Self { stage: Disjoint(stage.as_mut_ptr()), rows, columns }
    }
}

impl<T: Float> Target<T> for Fold<'_, T> {
    #[inline(always)]
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>)) {
        let mut tile = MaybeUninit::<[T; TILE_ROOM]>::uninit();
        let c = tile.as_mut_ptr().cast::<T>();
        let width = spot.columns.next_multiple_of(I::V::LANES);
        compute(Ground { c, row_stride: width as isize, scale: T::ONE, add: false });
        assert!(width <= MOST_LANES && I::V::LANES <= SLACK);
        let rows = &self.rows.offsets()[spot.row..][..spot.rows];
        let columns = spot.column..spot.column + spot.columns;
        let mut runs = [(0, 0, 0); MOST_LANES];
        let mut count = 0;
        let mut j = columns.start;
        while j < columns.end {
            let (offset, left) = self.columns.run(j, columns.end - j);
            // A register that reached into the next run would make its load wait for our store.
            let next = self.columns.offsets().get(j + left).map_or(usize::MAX, |&next| next as usize);
            let collides = offset + left <= next && next < offset + I::V::LANES;
            let length = if collides && left >= PIECE { PIECE } else { left.min(I::V::LANES) };
            runs[count] = (j - columns.start, offset, length);
            count += 1;
            j += length;
        }
        isa.enter(Add { tile: c, width, rows, runs: &runs[..count], stage: self.stage.0 });
    }
}

/// Adds one tile to the stage; `Fold::new` has checked the offsets.
struct Add<'a, T> {
    tile: *const T,
    width: usize,
    rows: &'a [u32],
    runs: &'a [(usize, usize, usize)],
    stage: *mut T,
}

impl<T: Float> Kernel<T> for Add<'_, T> {
    type Output = ();

    /// Whole registers are added, with zeros behind the end of a run: that leaves what lies there as it is.
    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for (i, &row) in self.rows.iter().enumerate() {
            for &(at, offset, length) in self.runs {
                // SAFETY: `Fold::new` has checked that the largest sum of offsets and a register lie on the stage, which
                // one thread alone uses; the tile's element was computed before.
                unsafe {
                    let from = self.tile.add(i * self.width + at);
                    let to = self.stage.add(row as usize + offset);
                    if length == I::V::LANES {
                        (isa.load(to) + isa.load(from)).store(to);
                    } else if length == PIECE {
                        let (from, to) = (from.cast::<[T; PIECE]>(), to.cast::<[T; PIECE]>());
                        let (x, old) = (from.read_unaligned(), to.read_unaligned());
                        to.write_unaligned(core::array::from_fn(|i| old[i] + x[i]));
                    } else {
                        (isa.load(to) + isa.load_first(length, from)).store(to);
                    }
                }
            }
        }
    }
}
