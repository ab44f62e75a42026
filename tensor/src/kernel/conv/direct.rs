//! The forward role read off the stage: where rows of pixels are long enough, a register of neighbouring pixels is one
//! load for each tap, or two of which each gives some lanes, and nothing has to be packed.
//!
//! It pays where the stage stays in the first-level cache. The sums are the chains that [`Loops`] would compute.
//!
//! [`Loops`]: crate::kernel::product::loops::Loops

use super::Conv;
use super::gather::Axis;
use super::stage::{SLACK, Stage};
use crate::kernel::product::loops::{Depth, LEVEL_1, Panels, cut};
use crate::kernel::product::operand::LINE;
use crate::kernel::product::target::Disjoint;
use crate::kernel::{first_lanes, lane_numbers};
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use crate::{Float, Window};
use core::ops::Range;

/// Some pixels that one register holds: neighbours at one offset or at two.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// The first pixel, and how many there are.
    pub(super) pixel: usize,
    pub(super) count: usize,
    /// The offset of the first lane, how many lanes count from there, and the offset that the other lanes count from.
    first: usize,
    run: usize,
    second: usize,
    /// Which taps of a channel lie on the image for any of the pixels, as far as whole rows of the window do not.
    taps: [usize; 2],
}

/// All pixels as strips.
pub(super) struct Strips {
    /// The fields of each strip, and a last one that begins where the pixels end.
    places: Buffer<u32>,
    /// Whether any strip has two runs.
    two: bool,
}

/// Numbers that describe a strip.
const FIELDS: usize = 6;

impl Conv {
    /// Of which tap on, and up to which, whole rows of the window lie on the image for any of the pixels `first` to `last`.
    fn taps_on_image(&self, first: usize, last: usize) -> [usize; 2] {
        let Window { input: [high, _], kernel: [kh, kw], stride, pad, dilation } = self.window;
        let ([stride, down], top, wide) = ([stride[0], dilation[0]], pad[0][0], self.output[1].max(1));
        let corner = |pixel: usize| pixel / wide * stride;
        let begin = top.saturating_sub(corner(last)).div_ceil(down).min(kh);
        let end = (high + top).saturating_sub(corner(first)).div_ceil(down).clamp(begin, kh);
        [begin * kw, end * kw]
    }
}

impl Conv {
    /// Whether a stage that could be read where it lies is better packed: each register would be put together of two rows or more, for
    /// each of many outputs again. On an Intel processor, read and packed, Gflop/s: 16 x 64 x 8 x 8 of 3x3 to 16, 32, 64 and 128 outputs
    /// 117 and 117, 141 and 143, 151 and 168, 156 and 179; 16 x 512 x 7 x 7 to 512 103 and 134. Rows of ten are better read.
    pub(super) fn is_worth_packing<T: Float, I: Lanes<T>>(&self) -> bool {
        I::TILE.0 * I::TILE.1 >= 24 && 2 * self.output[1] <= I::V::LANES && self.outputs_each() >= 32
    }
}

/// The taps of any of the strips.
#[inline(always)]
fn taps_of(strips: &[Strip]) -> [usize; 2] {
    strips
        .iter()
        .fold([usize::MAX, 0], |[begin, end], strip| [begin.min(strip.taps[0]), end.max(strip.taps[1])])
}

/// Registers are worth using if so many of ten lanes are.
const FILLED: usize = 7;

impl Strips {
    /// Strips of at most `lanes` pixels; `None` if rows are too short to fill them well, or what is read for one block of
    /// taps does not stay in the first-level cache.
    pub(super) fn new<T: Float, I: Lanes<T>>(
        _: I,
        conv: &Conv,
        stage: &Stage,
        pixels: &Axis,
    ) -> Option<Self> {
        let lanes = I::V::LANES;
        let depth = conv.depth().max(1);
        // With few registers packing pays sooner: there are none left to choose lanes by, and more rows to read for.
        let roomy = I::TILE.0 * I::TILE.1 >= 24;
        let block = if roomy { Depth::new::<T>(depth).block(0).len() } else { depth };
        let read = stage.len() * block / depth * size_of::<T>();
        if lanes == 1 || conv.is_pointwise() || read > LEVEL_1 {
            return None;
        }
        let total = pixels.len();
        // A strip holds a run or is full, so there are at most so many.
        let mut most = total.div_ceil(lanes) + 1;
        let mut i = 0;
        while i < total {
            i += pixels.run(i, total - i).1;
            most += 1;
        }
        let mut places = Buffer::stale(FIELDS * most);
        let (mut count, mut two, mut pixel) = (0, false, 0);
        let to = places.make_mut().as_chunks_mut::<FIELDS>().0;
        while pixel < total {
            let (first, run) = pixels.run(pixel, lanes.min(total - pixel));
            let (mut next, mut after, mut second) = (pixel + run, lanes, first);
            if run < lanes && next < total {
                let (offset, rest) = pixels.run(next, (lanes - run).min(total - next));
                // Offsets ascend at least as fast as pixels.
                (after, second) = (run, offset.checked_sub(run)?);
                (next, two) = (next + rest, true);
            }
            let [begin, end] = conv.taps_on_image(pixel, next - 1);
            to[count] = [pixel, first, after, second, begin, end].map(|number| number as u32);
            (pixel, count) = (next, count + 1);
        }
        to[count] = [total as u32, 0, 0, 0, 0, 0];
        if 10 * total < FILLED * count * lanes {
            return None;
        }
        let mut kept = Buffer::stale(FIELDS * (count + 1));
        kept.make_mut().copy_from_slice(&places.as_slice()[..FIELDS * (count + 1)]);
        Some(Self { places: kept, two })
    }

    /// With the rows of the window that lie on the padding, which otherwise are left out: a weight that is not finite makes NaN of
    /// a zero, as everywhere else.
    pub(super) fn with_padding(mut self, conv: &Conv) -> Self {
        for place in self.places.make_mut().as_chunks_mut::<FIELDS>().0 {
            [place[4], place[5]] = [0, conv.taps() as u32];
        }
        self
    }

    fn places(&self) -> &[[u32; FIELDS]] {
        self.places.as_slice().as_chunks::<FIELDS>().0
    }

    /// Taps that are multiplied, over all lanes.
    pub(super) fn work(&self, lanes: usize) -> usize {
        let pair = |i: usize| {
            let two = [self.strip(i), self.strip((i + 1).min(self.len() - 1))];
            let [begin, end] = taps_of(&two);
            2 * lanes * (end - begin)
        };
        (0..self.len()).step_by(2).map(pair).sum()
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.places().len() - 1
    }

    #[inline(always)]
    pub(super) fn strip(&self, i: usize) -> Strip {
        let places = self.places();
        let [pixel, first, run, second, begin, end] = places[i].map(|number| number as usize);
        Strip { pixel, count: places[i + 1][0] as usize - pixel, first, run, second, taps: [begin, end] }
    }

    /// The pixels of some strips.
    pub(super) fn pixels(&self, strips: &Range<usize>) -> Range<usize> {
        self.places()[strips.start][0] as usize..self.places()[strips.end][0] as usize
    }

    /// Whether any strip has two runs.
    pub(super) fn two(&self) -> bool {
        self.two
    }
}

/// A strip of what lies under one tap: `from` is the tap's place, `first` the lanes that come from the first run. Lanes
/// beyond the strip hold anything.
///
/// # Safety
/// Both offsets can be read, and a register from there.
#[inline(always)]
pub(super) unsafe fn under_tap<T: Float, I: Lanes<T>, const TWO: bool>(
    isa: I,
    from: *const T,
    strip: &Strip,
    first: <I::V as Vector>::Bits,
) -> I::V {
    // SAFETY: as the caller promises.
    unsafe {
        let x = isa.load(from.wrapping_add(strip.first));
        if TWO { Real::select(first, x, isa.load(from.wrapping_add(strip.second))) } else { x }
    }
}

impl Strip {
    /// Which lanes come from the first run.
    #[inline(always)]
    pub(super) fn first<T: Float, I: Lanes<T>>(&self, isa: I, numbers: I::V) -> <I::V as Vector>::Bits {
        first_lanes(isa, numbers, self.run)
    }
}

/// The most rows of C that are computed at once. Of twelve rows of two AVX-512 registers the compiler keeps some sums in memory, for a
/// register under a tap is put together of two loads: 12 outputs of 64 x 10 x 12 x 12 ran at 80 instead of 138 Gflop/s, and the
/// gradient by 8 x 12 x 16 x 16 at 38.
pub(super) const fn most_rows<T: Float, I: Lanes<T>>() -> usize {
    if I::TILE.0 * I::TILE.1 >= 24 && I::TILE.0 > 11 { 11 } else { I::TILE.0 }
}

/// One sample's convolution, on some of its pixels.
pub(super) struct Direct<'a, T: crate::Element> {
    stage: &'a [T],
    strips: &'a Strips,
    taps: &'a Axis,
    /// The weights, packed in tiles of [`most_rows`].
    weights: &'a Panels<T>,
    /// Taps of one channel.
    each: usize,
    /// What will be read after this sample.
    next: &'a [T],
}

impl<'a, T: Float> Direct<'a, T> {
    /// # Panics
    /// If the offsets and the slack leave the stage.
    pub(super) fn new(
        stage: &'a [T],
        pixels: &Axis,
        strips: &'a Strips,
        taps: &'a Axis,
        weights: &'a Panels<T>,
        each: usize,
    ) -> Self {
        pixels.check(taps, stage.len());
        Self { stage, strips, taps, weights, each, next: &[] }
    }

    /// Asks for `next` meanwhile: an image is too short for the processor to see where it leads.
    pub(super) fn before(self, next: &'a [T]) -> Self {
        Self { next, ..self }
    }

    /// Computes the rows `0..outputs` of C in some columns, the pixels of `strips`.
    ///
    /// # Safety
    /// C, whose rows are `row_stride` numbers apart, has those rows and columns, for the caller alone; the weights are
    /// packed for `outputs` rows and as many steps as there are taps.
    pub(super) unsafe fn run<I: Lanes<T>>(
        &self,
        isa: I,
        outputs: usize,
        strips: Range<usize>,
        c: Disjoint<T>,
        row_stride: usize,
    ) {
        const { assert!(MOST_LANES <= SLACK) };
        let depth = Depth::new::<T>(self.taps.len());
        for rows in cut(0..outputs, most_rows::<T, I>()) {
            for index in 0..depth.count() {
                let block = depth.block(index);
                let tile = Tile {
                    weights: self.weights.panel(rows.start, &block),
                    taps: self.taps.offsets(),
                    each: self.each,
                    block,
                    stage: self.stage.as_ptr(),
                    all: self.strips,
                    strips: strips.clone(),
                    c: c.at(rows.start * row_stride).0,
                    row_stride,
                    add: index > 0,
                    next: if rows.start == 0 && index == 0 { self.next } else { &[] },
                };
                // SAFETY: `new` has checked the offsets, and the caller promises the rest.
                unsafe { kernel::<T, I>(rows.len(), self.strips.two())(isa, &tile) };
            }
        }
    }
}

/// Rows of C in the columns of some strips.
struct Tile<'a, T> {
    /// For each tap of the block a weight for each row.
    weights: *const T,
    taps: &'a [u32],
    /// Taps of one channel.
    each: usize,
    block: Range<usize>,
    stage: *const T,
    all: &'a Strips,
    strips: Range<usize>,
    c: *mut T,
    row_stride: usize,
    add: bool,
    /// What will be wanted soon.
    next: &'a [T],
}

/// `R` rows; `TWO`: a strip may have two runs.
struct Rows<'a, T, const R: usize, const TWO: bool>(&'a Tile<'a, T>);

impl<T: Float, const R: usize, const TWO: bool> Kernel<T> for Rows<'_, T, R, TWO> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let numbers = lane_numbers(isa);
        let Range { start: mut i, end } = self.0.strips;
        let mut next = self.0.next.chunks((2 * self.0.next.len()).div_ceil((end - i).max(1)).max(1));
        while i + 2 <= end {
            // The next sample, a part of it with each pair of strips. On an Intel processor 256 images of 10 x 16 x 16 went from 61 to 88 %
            // of the peak; the Zen 5 of `docs/performance.md` does as well without (256x10x12x12: 250 Gflop/s either way).
            for line in next.next().unwrap_or_default().chunks(LINE / size_of::<T>()) {
                isa.prefetch(line.as_ptr());
            }
            self.columns(isa, numbers, [self.0.all.strip(i), self.0.all.strip(i + 1)]);
            i += 2;
        }
        if i < end {
            self.columns(isa, numbers, [self.0.all.strip(i)]);
        }
    }
}

impl<T: Float, const R: usize, const TWO: bool> Rows<'_, T, R, TWO> {
    /// All taps for `V` strips.
    #[inline(always)]
    fn columns<I: Lanes<T>, const V: usize>(&self, isa: I, numbers: I::V, strips: [Strip; V]) {
        let tile = self.0;
        // As in a product's tile, with as little to gain on the Zen 5 (256x1x28x28: 202 Gflop/s, 204 without).
        for i in 0..R {
            for strip in &strips {
                isa.prefetch(tile.c.wrapping_add(i * tile.row_stride + strip.pixel));
            }
        }
        let firsts = strips.map(|strip| strip.first(isa, numbers));
        let mut sums = [[isa.splat(T::ZERO); V]; R];
        // Rows of the window that lie on the padding for all pixels are left out: zeros. As a rule there are none, and all
        // channels are one run of taps.
        let Range { start, end } = tile.block;
        let [begin, past] = taps_of(&strips);
        let (each, begin, past) = match past - begin == tile.each {
            true => (tile.taps.len().max(1), 0, tile.taps.len()),
            false => (tile.each, begin, past),
        };
        let mut channel = start / each * each;
        while channel < end {
            let (first, last) = ((channel + begin).max(start), (channel + past).min(end));
            let mut weights = tile.weights.wrapping_add(first.wrapping_sub(start).wrapping_mul(R));
            for t in first..last {
                let from = tile.stage.wrapping_add(tile.taps[t] as usize);
                let mut x = [isa.splat(T::ZERO); V];
                for v in 0..V {
                    // SAFETY: offsets of pixel and tap, and a register more, lie on the stage.
                    x[v] = unsafe { under_tap::<T, I, TWO>(isa, from, &strips[v], firsts[v]) };
                }
                for i in 0..R {
                    // SAFETY: there is a weight for each row and tap of the block.
                    let weight = isa.splat(unsafe { *weights.add(i) });
                    for v in 0..V {
                        sums[i][v] = weight.mul_add(x[v], sums[i][v]);
                    }
                }
                weights = weights.wrapping_add(R);
            }
            channel += each;
        }
        for i in 0..R {
            for v in 0..V {
                let Strip { pixel, count, .. } = strips[v];
                // SAFETY: C has these rows and columns.
                unsafe {
                    let to = tile.c.add(i * tile.row_stride + pixel);
                    let mut x = sums[i][v];
                    if tile.add {
                        x = isa.load_first(count, to) + x;
                    }
                    x.store_first(count, to);
                }
            }
        }
    }
}

/// # Safety
/// The tile's pointers are valid for what its fields say, and its offsets lie on the stage.
type Micro<I, T> = unsafe fn(I, &Tile<'_, T>);

/// # Safety
/// As [`Micro`] says.
unsafe fn enter<T: Float, I: Lanes<T>, const R: usize, const TWO: bool>(isa: I, tile: &Tile<'_, T>) {
    isa.enter(Rows::<T, R, TWO>(tile));
}

fn kernel<T: Float, I: Lanes<T>>(rows: usize, two: bool) -> Micro<I, T> {
    // The conditions are constants: kernels larger than the tile of the instruction set are never compiled, and none is where
    // there are no lanes, for which there are no `Strips`.
    macro_rules! choose {
        ($($r:literal)*) => {
            match (rows, two) {
                $(($r, false) if const { $r <= most_rows::<T, I>() && I::V::LANES > 1 } => enter::<T, I, $r, false>,
                ($r, true) if const { $r <= most_rows::<T, I>() && I::V::LANES > 1 } => enter::<T, I, $r, true>,)*
                _ => unreachable!("a tile has at most {} rows", most_rows::<T, I>()),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}
