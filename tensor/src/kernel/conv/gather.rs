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

    /// From which of our offsets on a sum with one of `other` and the slack may leave `len` numbers.
    ///
    /// # Panics
    /// If a sum of offsets alone does.
    fn whole(&self, other: &Self, len: usize) -> usize {
        assert!(self.reach + other.reach < len || self.len() * other.len() == 0);
        match len.checked_sub(other.reach + SLACK) {
            Some(most) if self.reach <= most => self.len(),
            Some(most) => {
                self.offsets().iter().position(|&offset| offset as usize > most).unwrap_or(self.len())
            }
            None => 0,
        }
    }
}

/// An axis cut into panels of equal width and those into runs of neighbours, once for all samples.
pub(super) struct Runs {
    /// Of each run its place in the panel, its offset, and its length.
    runs: Buffer<u32>,
    /// Where each panel's runs start, and where the last one's end.
    starts: Buffer<u32>,
    width: usize,
}

impl Runs {
    /// Runs to be copied, `most` numbers at a time: in ascending order, so that what one writes too much the next puts
    /// right. Panels whose runs are short are cut into pieces of [`PIECE`].
    pub(super) fn to_copy(axis: &Axis, width: usize, most: usize) -> Self {
        Self::new(axis, width, |panel| {
            let (mut i, mut longest) = (panel.start, 0);
            while i < panel.end {
                let (_, length) = axis.run(i, panel.end - i);
                longest = longest.max(length);
                i += length;
            }
            let most = if longest <= PIECE { PIECE.min(most) } else { most };
            move |_, left| left.min(most)
        })
    }

    /// Runs to be added to, in registers of `most` numbers. A register that reached into the next run would make its load
    /// wait for our store.
    pub(super) fn to_add(axis: &Axis, width: usize, most: usize) -> Self {
        Self::new(axis, width, |_| {
            move |i: usize, left: usize| {
                let offset = axis.offsets()[i] as usize;
                let next = axis.offsets().get(i + left).map_or(usize::MAX, |&next| next as usize);
                let collides = offset + left <= next && next < offset + most;
                if collides && left >= PIECE { PIECE } else { left.min(most) }
            }
        })
    }

    /// `cut(panel)(i, left)` is how many of the `left` neighbours from element `i` on are one run.
    fn new<C: Fn(usize, usize) -> usize>(axis: &Axis, width: usize, cut: impl Fn(Range<usize>) -> C) -> Self {
        let width = width.max(1);
        let panels = axis.len().div_ceil(width);
        let panel = |n: usize| n * width..((n + 1) * width).min(axis.len());
        let mut starts = Buffer::stale(panels + 1);
        let start = starts.make_mut();
        let mut count = 0;
        let each = |n: usize, run: &mut dyn FnMut([usize; 3])| {
            let (panel, cut) = (panel(n), cut(panel(n)));
            let mut i = panel.start;
            while i < panel.end {
                let (offset, left) = axis.run(i, panel.end - i);
                let length = cut(i, left);
                run([i - panel.start, offset, length]);
                i += length;
            }
        };
        for n in 0..panels {
            start[n] = count;
            each(n, &mut |_| count += 1);
        }
        start[panels] = count;
        let mut runs = Buffer::stale(3 * count as usize);
        let mut to = runs.make_mut().as_chunks_mut::<3>().0.iter_mut();
        for n in 0..panels {
            each(n, &mut |run| {
                if let Some(to) = to.next() {
                    *to = run.map(|number| number as u32);
                }
            });
        }
        Self { runs, starts, width }
    }

    /// Place in the panel, offset and length of the runs of the panel that begins at `start`.
    ///
    /// # Panics
    /// If no panel begins there.
    pub(super) fn of(&self, start: usize) -> &[[u32; 3]] {
        assert!(start.is_multiple_of(self.width), "a panel begins at a multiple of its width");
        match self.starts.as_slice().get(start / self.width..) {
            Some(&[from, to, ..]) => &self.runs.as_slice().as_chunks::<3>().0[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// The operand whose lane l of step k is `stage[lanes[l] + steps[k]]`.
pub(super) struct Gather<'a, T> {
    stage: &'a [T],
    lanes: &'a Axis,
    steps: &'a Axis,
    /// The lanes' runs, by panels of the width that the loops ask for.
    runs: &'a Runs,
    /// So many steps leave room for a whole register behind each lane; of the others no more is read than there is.
    whole: usize,
}

impl<'a, T: Float> Gather<'a, T> {
    /// # Panics
    /// If the offsets leave the stage.
    pub(super) fn new(stage: &'a [T], lanes: &'a Axis, steps: &'a Axis, runs: &'a Runs) -> Self {
        let whole = steps.whole(lanes, stage.len());
        Self { stage, lanes, steps, runs, whole }
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
        assert!(lanes.len() == self.runs.width || lanes.end == self.lanes.len());
        if lanes.len() < width {
            // What memory held before may be numbers so small that arithmetic with them is slow, such as offsets.
            panel[..steps.len() * width].fill(T::ZERO);
        }
        let runs = self.runs.of(lanes.start);
        let whole = self.whole.clamp(steps.start, steps.end) - steps.start;
        let (steps, rest) = self.steps.offsets()[steps].split_at(whole);
        isa.enter(Pack {
            from: self.stage.as_ptr(),
            runs,
            steps,
            rest,
            short: PIECE < I::V::LANES && runs.iter().all(|&[_, _, length]| length as usize <= PIECE),
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
    runs: &'a [[u32; 3]],
    steps: &'a [u32],
    /// The steps after those, behind which there may be nothing to read.
    rest: &'a [u32],
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
        let few: [[u32; 3]; N] = core::array::from_fn(|i| self.runs[i]);
        let mut to = self.panel;
        for &step in self.steps {
            let from = self.from.wrapping_add(step as usize);
            for &[at, offset, _] in if N == 0 { self.runs } else { &few } {
                // SAFETY: `Gather::new` has seen that the sums of these steps' offsets and a register lie on the stage, and
                // `check_panel` that the panel has room for a register more.
                unsafe {
                    let (from, to) = (from.add(offset as usize), to.add(at as usize));
                    if self.short {
                        to.cast::<[T; PIECE]>().write_unaligned(from.cast::<[T; PIECE]>().read_unaligned());
                    } else {
                        isa.load(from).store(to);
                    }
                }
            }
            to = to.wrapping_add(self.width);
        }
        for &step in self.rest {
            for &[at, offset, length] in self.runs {
                // SAFETY: so many neighbours lie on the stage, as the largest sum of offsets does; the panel has room as above.
                unsafe {
                    let from = self.from.add((step + offset) as usize);
                    isa.load_first(length as usize, from).store(to.add(at as usize));
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
    /// The columns' runs, by panels of the width that the loops ask for.
    runs: &'a Runs,
}

impl<'a, T: Float> Fold<'a, T> {
    /// # Panics
    /// If the offsets and the slack leave the stage.
    pub(super) fn new(stage: &'a mut [T], rows: &'a Axis, columns: &Axis, runs: &'a Runs) -> Self {
        rows.check(columns, stage.len());
        Self { stage: Disjoint(stage.as_mut_ptr()), rows, runs }
    }
}

impl<T: Float> Target<T> for Fold<'_, T> {
    const BY_ROWS: bool = true;

    #[inline(always)]
    unsafe fn take<I: Lanes<T>>(&self, isa: I, spot: Spot, compute: impl FnOnce(Ground<T>)) {
        let mut tile = MaybeUninit::<[T; TILE_ROOM]>::uninit();
        let c = tile.as_mut_ptr().cast::<T>();
        let width = spot.columns.next_multiple_of(I::V::LANES);
        compute(Ground { c, row_stride: width as isize, scale: T::ONE, add: false, near: true });
        assert!(width <= MOST_LANES && I::V::LANES <= SLACK);
        let rows = &self.rows.offsets()[spot.row..][..spot.rows];
        isa.enter(Add { tile: c, width, rows, runs: self.runs.of(spot.column), stage: self.stage.0 });
    }
}

/// Adds one tile to the stage; `Fold::new` has checked the offsets.
struct Add<'a, T> {
    tile: *const T,
    width: usize,
    rows: &'a [u32],
    runs: &'a [[u32; 3]],
    stage: *mut T,
}

impl<T: Float> Kernel<T> for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // Rows one after the other, run by run: the places of two rows that follow each other must not overlap, or each
        // load would wait for the store before it. Where they do, because the channels are few, run after run instead.
        let apart = self.rows.windows(2).all(|pair| pair[0].abs_diff(pair[1]) as usize >= I::V::LANES);
        if apart {
            for run in self.runs {
                (0..self.rows.len()).for_each(|i| self.add(isa, run, i));
            }
        } else {
            for i in 0..self.rows.len() {
                self.runs.iter().for_each(|run| self.add(isa, run, i));
            }
        }
    }
}

impl<T: Float> Add<'_, T> {
    /// Adds one run of row `i`.
    #[inline(always)]
    fn add<I: Lanes<T>>(&self, isa: I, &[at, offset, length]: &[u32; 3], i: usize) {
        // SAFETY: whole registers are added, with zeros behind the end of a run, which leaves what lies there as it is.
        // `Fold::new` has checked that the largest sum of offsets and a register lie on the stage, which one thread alone
        // uses; the tile's elements were computed before.
        unsafe {
            let from = self.tile.add(i * self.width + at as usize);
            let to = self.stage.add((self.rows[i] + offset) as usize);
            let length = length as usize;
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
