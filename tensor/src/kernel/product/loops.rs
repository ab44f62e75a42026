//! The five loops around the micro-kernel (Van Zee & van de Geijn 2015, "BLIS", figure 1), for one thread.
//!
//! Ours are mirrored, because vectors lie along the rows of a row-major C: the panel of A (up to 12 rows x one block of
//! k) is what stays in the first-level cache, and the panels of B stream past it out of the second level.

use super::operand::{LINE, Operand, Place, copy_lanes};
use super::target::{Spot, Target};
use super::tile::{Rows, Tile, micro};
use super::{lying, streamed};
use crate::Float;
use crate::simd::{Lanes, Vector};
use crate::storage::Buffer;
use core::ops::Range;

/// Bytes of one lane's longest block of k. A panel of B, two AVX-512 registers wide, then takes at most 24 KiB: just packed
/// for a thin A it is still in a first-level cache of 32 KiB when it is used. A panel of A takes 9 KiB. Longer blocks
/// were slower (convolutions by a quarter at 1280), shorter ones read and write C too often.
const BLOCK_BYTES: usize = 1024;
/// What a small operand may take of the first-level cache to be read where it lies.
pub(crate) const LEVEL_1: usize = 24 * 1024;
/// What the panels of B may take of the second-level cache: half of it, which is 512 KiB in the smallest desktop parts, and
/// at least 1 MiB in processors with registers of 64 bytes. A is packed anew for each such part of B.
const fn level_2(register: usize) -> usize {
    if register >= 64 { 512 * 1024 } else { 256 * 1024 }
}
/// How many columns of B are packed at a time where its blocks of k are the longest, for registers of `lanes` numbers.
pub(crate) const fn columns_at_once<T>(lanes: usize, width: usize) -> usize {
    let panels = level_2(lanes * size_of::<T>()) / BLOCK_BYTES / width;
    if panels > 1 { panels * width } else { width }
}
/// A panel of A used for so few panels of B is not worth packing.
const FEW: usize = 3;
/// Nor is a block of B that the second level holds for so few tiles of rows: see [`near_enough`].
const SOME: usize = 8;

/// Whether B is read where it lies by so many tiles of rows, rather than packed: what a packed panel saves them is less than writing it
/// and reading it again, as long as the second level holds a block of k, or all of B, though its rows may lie far apart (and those a
/// page apart share their sets). `depth` is of all k, `longest` of a block, `step` the bytes from one k to the next.
///
/// On an Intel processor with 2 MiB of second level, Gflop/s packed and in place: `16x512x512` 118 and 196, `32x128x512` 157 and 203,
/// `64x512x512` 168 and 201, `96x128x512` 172 and 194, from eleven tiles on 3 % more; but `64x1024x1024`, which is neither, 155 and 133.
fn near_enough(row_tiles: usize, depth: usize, longest: usize, step: usize, register: usize) -> bool {
    let held = |steps: usize, most: usize| steps.saturating_mul(step) <= most;
    row_tiles <= SOME && (held(longest, level_2(register)) || held(depth, 2 * level_2(register)))
}

/// How k is cut: into the fewest blocks that are not too long, all of the same length but for the last.
///
/// It depends on k alone, for the order of every sum hangs on it.
#[derive(Clone, Copy)]
pub(crate) struct Depth {
    total: usize,
    block: usize,
}

impl Depth {
    /// The longest block.
    pub(crate) const fn most<T>() -> usize {
        BLOCK_BYTES / size_of::<T>()
    }

    pub(crate) fn new<T>(total: usize) -> Self {
        let count = total.div_ceil(Self::most::<T>()).max(1);
        // One block, as a rule: without a division, which a small product would feel. A device divides: with the choice in them
        // its loops grew, and a convolution took a seventh longer on a Cortex-M4.
        let block = if count == 1 && !crate::SMALL { total } else { total.div_ceil(count) };
        Self { total, block: block.max(1) }
    }

    /// How many blocks; one (empty) if there are no k at all, so that the epilogue is still applied.
    pub(crate) fn count(&self) -> usize {
        match self.total <= self.block && !crate::SMALL {
            true => 1,
            false => self.total.div_ceil(self.block).max(1),
        }
    }

    pub(crate) fn block(&self, i: usize) -> Range<usize> {
        i * self.block..((i + 1) * self.block).min(self.total)
    }
}

/// Cuts `range` into the fewest parts of at most `most`, as equal as can be: ten rows are one tile, not eight and two.
pub(crate) fn cut(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let parts = range.len().div_ceil(most);
    // What is left over is carried from part to part: dividing for each takes as long as a row of a tile.
    let (least, rest) = (range.len() / parts.max(1), range.len() % parts.max(1));
    (0..parts).scan((range.start, 0), move |(start, carried), _| {
        *carried += rest;
        let more = usize::from(*carried >= parts);
        *carried -= more * parts;
        let part = *start..*start + least + more;
        *start = part.end;
        Some(part)
    })
}

/// A whole operand packed once, for products that share it.
pub(crate) struct Panels<T: crate::Element> {
    buffer: Buffer<T>,
    /// Numbers a step over all panels, padding included.
    stride: usize,
}

impl<T: Float> Panels<T> {
    /// Packs `rows` rows of the left operand, cut as [`Loops::run`] cuts them.
    pub(crate) fn of_rows<I: Lanes<T>>(isa: I, operand: &impl Operand<T>, rows: usize, steps: usize) -> Self {
        Self::of_tiles(isa, operand, rows, steps, I::TILE.0)
    }

    /// The same for tiles of at most `most` rows.
    pub(crate) fn of_tiles<I: Lanes<T>>(
        isa: I,
        operand: &impl Operand<T>,
        rows: usize,
        steps: usize,
        most: usize,
    ) -> Self {
        Self::new(isa, operand, steps, cut(0..rows, most).map(|tile| (tile.clone(), tile.len())), rows)
    }

    /// Packs `columns` columns of the right operand.
    pub(crate) fn of_columns<I: Lanes<T>>(
        isa: I,
        operand: &impl Operand<T>,
        columns: usize,
        steps: usize,
    ) -> Self {
        let (lanes, width) = (I::V::LANES, I::V::LANES * I::TILE.1);
        let panels = (0..columns).step_by(width).map(|j| {
            let panel = j..(j + width).min(columns);
            (panel.clone(), panel.len().next_multiple_of(lanes))
        });
        Self::new(isa, operand, steps, panels, columns.next_multiple_of(lanes))
    }

    fn new<I: Lanes<T>>(
        isa: I,
        operand: &impl Operand<T>,
        steps: usize,
        panels: impl Iterator<Item = (Range<usize>, usize)> + Clone,
        stride: usize,
    ) -> Self {
        let depth = Depth::new::<T>(steps);
        let mut buffer = Buffer::stale(stride * steps + I::V::LANES);
        let all = buffer.make_mut();
        // Panel by panel in ascending order within a block, so that the register that a packing may write too much is
        // put right by the next panel; the blocks ascend as well.
        for block in (0..depth.count()).map(|i| depth.block(i)) {
            for (lanes, width) in panels.clone() {
                let at = block.start * stride + lanes.start * block.len();
                operand.pack(isa, lanes.clone(), block.clone(), width, &mut all[at..]);
            }
        }
        Self { buffer, stride }
    }

    /// The panel whose first lane is `lane`, in the block of k that starts at `block.start`.
    pub(crate) fn panel(&self, lane: usize, block: &Range<usize>) -> *const T {
        self.buffer.as_slice()[block.start * self.stride + lane * block.len()..].as_ptr()
    }
}

/// An operand as it is, or packed before.
pub(crate) enum Source<'a, T: Float, O> {
    /// To be read in place, or packed as the loops go.
    Fresh(&'a O),
    /// Likewise, but it comes from memory, where packing finds it faster than tiles do that go along few of its columns: an image
    /// that a 1x1 convolution reads. In place 256 channels of 32 x 32 to 64 ran at 146 instead of 169 Gflop/s.
    Far(&'a O),
    /// Packed.
    Packed(&'a Panels<T>),
}

/// How the loops get at one operand.
enum Access<'a, T: Float, O> {
    There(Place<T>),
    /// Brought close together, but not turned: for an A that lies along k. Numbers of A are read one at a time, so all
    /// that packing has to mend is rows that share a cache set.
    Copy(Place<T>),
    Pack(&'a O),
    Packed(&'a Panels<T>),
}

/// One product, or a rectangle of one.
pub(crate) struct Loops<'a, T: Float, A, B, C> {
    pub(crate) a: Source<'a, T, A>,
    pub(crate) b: Source<'a, T, B>,
    pub(crate) c: &'a C,
    pub(crate) depth: usize,
}

impl<T: Float, A: Operand<T>, B: Operand<T>, C: Target<T>> Loops<'_, T, A, B, C> {
    /// Computes the rectangle `rows` x `columns` of C. A packed A is for all rows, and `columns` of a packed B start at
    /// a panel.
    ///
    /// # Safety
    /// The rectangle lies in both operands and in C, and no other thread writes it; the operands have `depth` steps.
    #[inline(always)]
    pub(crate) unsafe fn run<I: Lanes<T>>(&self, isa: I, rows: Range<usize>, columns: Range<usize>) {
        // SAFETY: as the caller promises.
        unsafe { self.run_blocks(isa, rows, columns, 0..Depth::new::<T>(self.depth).count()) }
    }

    /// The same for some of the blocks of k alone.
    ///
    /// # Safety
    /// As for [`run`](Loops::run).
    #[inline(never)]
    pub(crate) unsafe fn run_blocks<I: Lanes<T>>(
        &self,
        isa: I,
        rows: Range<usize>,
        columns: Range<usize>,
        blocks: Range<usize>,
    ) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let lanes = I::V::LANES;
        let width = I::TILE.1 * lanes;
        let depth = Depth::new::<T>(self.depth);
        let longest = depth.block(0).len();
        let row_tiles = rows.len().div_ceil(I::TILE.0);
        let panels = columns.len().div_ceil(width);
        let bytes = |numbers: usize| numbers.saturating_mul(size_of::<T>());

        if rows.len() <= const { lying::most_rows::<T, I>() }
            && let Source::Fresh(b) = &self.b
            && let Some(place) = b.place()
            && place.step_stride == 1
            && place.lane_stride != 1
        {
            // SAFETY: as the caller promises; it is one tile of rows.
            return unsafe { self.run_lying(isa, rows, columns, blocks, &place) };
        }
        // A B that only memory or the third level holds.
        let far = bytes(self.depth.saturating_mul(columns.len())) > 2 * level_2(bytes(lanes));
        if far
            && rows.len() <= streamed::MOST_ROWS
            // Packed rows lie tile by tile, and where registers are few they are several.
            && (row_tiles == 1 || !matches!(self.a, Source::Packed(_)))
            && let Source::Fresh(b) | Source::Far(b) = &self.b
            && let Some(place) = b.place()
            && place.lane_stride == 1
        {
            // SAFETY: as the caller promises; the rows are few, and B's columns lie side by side.
            return unsafe { self.run_streamed(isa, rows, columns, blocks, &place) };
        }

        let a = match &self.a {
            Source::Packed(panels) => Access::Packed(*panels),
            Source::Fresh(a) | Source::Far(a) => match a.place() {
                Some(place) if panels <= FEW && (place.step_stride == 1 || place.lane_stride == 1) => {
                    Access::There(place)
                }
                // Rows that follow each other closely share no cache set.
                Some(place) if place.step_stride == 1 && place.lane_stride.unsigned_abs() <= 2 * longest => {
                    Access::There(place)
                }
                Some(place) if place.step_stride == 1 => Access::Copy(place),
                _ => Access::Pack(*a),
            },
        };
        // Steps of a block so far apart that the second level has no room for them side by side.
        let scattered =
            |step: isize| bytes(longest).saturating_mul(step.unsigned_abs()) > 2 * level_2(bytes(lanes));
        let b = match &self.b {
            Source::Packed(panels) => Access::Packed(*panels),
            Source::Fresh(b) | Source::Far(b) => match b.place().filter(|place| place.lane_stride == 1) {
                Some(place)
                    if row_tiles == 1 && !(far && scattered(place.step_stride))
                        || bytes(longest * columns.len()) <= LEVEL_1
                        || matches!(self.b, Source::Fresh(_))
                            && near_enough(
                                row_tiles,
                                self.depth,
                                longest,
                                bytes(place.step_stride.unsigned_abs()),
                                bytes(lanes),
                            ) =>
                {
                    Access::There(place)
                }
                _ => Access::Pack(*b),
            },
        };
        // Columns at a time: as many as fill our share of the second level, or one panel where A itself stays in the
        // first level, and B does not, so that A may be walked again for each panel.
        let resident =
            bytes(longest * rows.len()) <= LEVEL_1 / 2 && matches!(a, Access::There(_) | Access::Packed(_));
        // An A that stays near need not be asked for: that took a twentieth of a product of 64.
        let streamed = match &a {
            Access::Copy(place) | Access::There(place) if bytes(longest * rows.len()) > LEVEL_1 => {
                Some(place)
            }
            _ => None,
        };
        let at_once = if resident && !C::BY_ROWS && bytes(longest * columns.len()) > LEVEL_1 {
            width
        } else {
            (level_2(bytes(lanes)) / bytes(longest.max(1)) / width).max(1) * width
        };

        let mut room_a = match a {
            Access::Pack(_) | Access::Copy(_) => Some(Buffer::stale(longest * I::TILE.0 + lanes)),
            _ => None,
        };
        let mut room_b = match b {
            Access::Pack(_) => {
                Some(Buffer::stale(longest * at_once.min(columns.len().next_multiple_of(lanes)) + lanes))
            }
            _ => None,
        };

        // LOOP 5: columns of C, so many that a block of B fits into the second-level cache.
        for j5 in columns.clone().step_by(at_once) {
            let j5 = j5..(j5 + at_once).min(columns.end);
            // LOOP 4: blocks of k. One after the other, because each adds to the same C.
            for index in blocks.clone() {
                let block = depth.block(index);
                if let (Access::Pack(operand), Some(room)) = (&b, &mut room_b) {
                    operand.pack_all(isa, j5.clone(), block.clone(), width, room.make_mut());
                }
                let final_block = index + 1 == depth.count();
                let streamed = streamed.map(|place| {
                    let steps = if place.step_stride == 1 { LINE / size_of::<T>() } else { 1 };
                    let part = block.len().div_ceil(j5.len().div_ceil(width)).next_multiple_of(steps);
                    (place, steps, part)
                });
                // LOOPS 3 and 2: rows of C, a tile at a time. (Each panel of A is packed just when it is needed, so
                // that there is no block of them to keep in a cache and loop 3 has nothing left to do.)
                for tile_rows in cut(rows.clone(), I::TILE.0) {
                    let r = tile_rows.len();
                    let (a_start, rows_lie, a_step) = match (&a, &mut room_a) {
                        (Access::There(place), _) if place.step_stride == 1 => {
                            (place.at(tile_rows.start, block.start), Rows::Along, place.lane_stride)
                        }
                        (Access::There(place), _) => {
                            (place.at(tile_rows.start, block.start), Rows::Across, place.step_stride)
                        }
                        (Access::Pack(operand), Some(room)) => {
                            let room = room.make_mut();
                            operand.pack(isa, tile_rows.clone(), block.clone(), r, room);
                            (room.as_ptr(), Rows::Across, r as isize)
                        }
                        (Access::Copy(place), Some(room)) => {
                            let room = room.make_mut();
                            // SAFETY: the operand vouches for its place, and the caller for the rectangle.
                            unsafe { copy_lanes(isa, place, &tile_rows, &block, room) };
                            (room.as_ptr(), Rows::Along, block.len() as isize)
                        }
                        (Access::Packed(panels), _) => {
                            (panels.panel(tile_rows.start, &block), Rows::Across, r as isize)
                        }
                        (Access::Pack(_) | Access::Copy(_), None) => unreachable!("room was made above"),
                    };
                    let a_thirds = core::array::from_fn(|i| {
                        let step = if rows_lie == Rows::Along { a_step } else { 1 };
                        a_start.wrapping_offset(3 * i as isize * step)
                    });
                    let whole = micro::<T, I>(r, I::TILE.1, rows_lie, true);
                    // LOOP 1: panels of B, out of the second-level cache past the panel of A in the first.
                    for (panel, j) in j5.clone().step_by(width).enumerate() {
                        let count = width.min(j5.end - j);
                        let vectors = count.div_ceil(lanes);
                        if let Some((place, steps, part)) = streamed {
                            // The next tile's rows are on their way while this one is computed. On the Zen 5 of `docs/performance.md`
                            // 64x784x512 runs at 228 Gflop/s, at 227 without; the product 32x256x14 at 176, at 172 without.
                            let from = block.start + panel * part;
                            let next = tile_rows.end..(tile_rows.end + I::TILE.0).min(rows.end);
                            for step in (from..(from + part).min(block.end)).step_by(steps) {
                                if steps > 1 {
                                    next.clone().for_each(|row| isa.prefetch(place.at(row, step)));
                                } else if let Some(last) = next.clone().last() {
                                    // Side by side: what they share a line with is there already.
                                    isa.prefetch(place.at(last, step));
                                }
                            }
                        }
                        let (b_start, b_step, b_packed) = match (&b, &room_b) {
                            (Access::There(place) | Access::Copy(place), _) => {
                                (place.at(j, block.start), place.step_stride, false)
                            }
                            (Access::Pack(_), Some(room)) => {
                                let at = (j - j5.start) * block.len();
                                (room.as_slice()[at..].as_ptr(), (vectors * lanes) as isize, true)
                            }
                            (Access::Packed(panels), _) => {
                                (panels.panel(j, &block), (vectors * lanes) as isize, true)
                            }
                            (Access::Pack(_), None) => unreachable!("room was made above"),
                        };
                        let last = count - (vectors - 1) * lanes;
                        let micro = if count == width {
                            whole
                        } else {
                            micro::<T, I>(r, vectors, rows_lie, b_packed || last == lanes)
                        };
                        let spot = Spot {
                            row: tile_rows.start,
                            column: j,
                            rows: r,
                            columns: count,
                            block: index,
                            last: final_block,
                        };
                        // SAFETY: the caller promises the rectangle; the pointers are those of a place, which an
                        // `Operand` vouches for, or of a panel just packed for these rows, columns and k.
                        unsafe {
                            self.c.take(isa, spot, |ground| {
                                micro(
                                    isa,
                                    &Tile {
                                        a: a_thirds,
                                        a_step,
                                        b: b_start,
                                        b_step,
                                        c: ground.c,
                                        c_row: ground.row_stride,
                                        depth: block.len(),
                                        last,
                                        scale: ground.scale,
                                        add: ground.add,
                                        near: ground.near,
                                    },
                                );
                            });
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::near_enough;

    #[test]
    fn what_the_second_level_holds_is_read_where_it_lies() {
        // Sizes of `f32`, and the bytes of a register: `avx512` has twelve rows a tile, `avx2` six.
        let whether = |m: usize, k: usize, n: usize, register: usize| {
            let longest = k.div_ceil(k.div_ceil(256));
            near_enough(m.div_ceil(if register == 64 { 12 } else { 6 }), k, longest, 4 * n, register)
        };
        for [m, k, n] in [[16, 512, 512], [64, 784, 512], [32, 128, 2048], [96, 128, 512], [64, 512, 512]] {
            assert!(whether(m, k, n, 64), "{m}x{k}x{n}");
        }
        for [m, k, n] in
            [[97, 128, 512], [64, 1024, 1024], [32, 1024, 1024], [64, 1024, 1016], [96, 512, 1024]]
        {
            assert!(!whether(m, k, n, 64), "{m}x{k}x{n}");
        }
        assert!(whether(48, 128, 512, 32) && whether(32, 256, 256, 32));
        assert!(!whether(49, 128, 512, 32) && !whether(48, 2048, 384, 32));
        assert!(!near_enough(2, usize::MAX, 256, usize::MAX, 64));
    }
}
