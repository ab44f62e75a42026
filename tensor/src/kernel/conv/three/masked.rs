//! The same where there are masks, with which an image can be read where it lies: what is beyond its edges is masked out, and its
//! padding thought. Laying it on a stage takes longer than the arithmetic.
//!
//! Rows of the image pass one by one, each added to the three rows of the output that see it: so a row is loaded once.

// Rows are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

use super::{AHEAD, Correlate, Ground, Plane, Sums, WeightSums};
use crate::Float;
use crate::kernel::conv::depthwise::two::not_first;
use crate::pointwise::Real;
use crate::simd::{Lanes, MOST_LANES, Vector};

/// Whether an instruction set has masks, with which a load of some lanes takes no longer than of all; it has many registers then.
pub(super) const fn has_masks<T: Float, I: Lanes<T>>() -> bool {
    I::TILE.0 * I::TILE.1 >= 24
}

/// What lies under the window in the rows of padding.
const NOTHING: usize = 2 * MOST_LANES + 2;

/// Which lanes of some registers of columns lie on the image, for the three columns of the window.
#[derive(Clone, Copy)]
struct Edges<V: Vector> {
    /// The columns of the output in the last register.
    columns: usize,
    /// So many lanes of the last register are there under each column of the window; of those before it all are.
    counts: [usize; 3],
    /// Which lanes of the first are there under the first column: at the left edge not the first one.
    kept: V::Bits,
}

impl<V: Vector<Elem: Float>> Edges<V> {
    /// For `registers` registers from column `j` of the output on.
    #[inline(always)]
    fn new<I: Lanes<V::Elem, V = V>>(isa: I, plane: &Plane, j: usize, registers: usize) -> Self {
        let last = j + (registers - 1) * V::LANES;
        let columns = V::LANES.min(plane.wide - last);
        let mut counts = [0; 3];
        for s in 0..3 {
            // Column `last + s` of the padded image is column `last + s - 1` of the image.
            counts[s] = columns.min(plane.wide + 1 - last - s);
        }
        Self { columns, counts, kept: not_first(isa, j == 0) }
    }

    /// The register under column `s` of the window, whose first lane is at `from`; whether it is the first, and the last.
    ///
    /// # Safety
    /// The lanes that are there can be read.
    #[inline(always)]
    unsafe fn load<I: Lanes<V::Elem, V = V>>(
        &self,
        isa: I,
        from: *const V::Elem,
        s: usize,
        first: bool,
        last: bool,
    ) -> V {
        // SAFETY: as the caller promises.
        let x = unsafe { if last { isa.load_first(self.counts[s], from) } else { isa.load(from) } };
        if s == 0 && first { V::select(self.kept, x, isa.splat(V::Elem::ZERO)) } else { x }
    }
}

impl Plane {
    /// Where row `y` and column `x` of the padded image lie.
    #[inline(always)]
    fn at<T>(&self, ground: &Ground<'_, T>, y: usize, x: usize) -> *const T {
        match ground {
            Ground::Stage(stage) => stage.as_ptr().wrapping_add(y * self.row + x),
            // The number before the image is the padding before its first column.
            Ground::Image(image) => image.as_ptr().wrapping_add(y * self.wide + x).wrapping_sub(self.wide),
        }
    }
}

impl<T: Float> Correlate<'_, T> {
    /// All of the plane. `EDGES`: the ground is the image itself.
    #[inline(always)]
    pub(super) fn all<I: Lanes<T>, const EDGES: bool>(&mut self, isa: I) {
        let (wide, lanes) = (self.plane.wide, I::V::LANES);
        let mut j = 0;
        while j + lanes < wide {
            self.columns::<I, EDGES, 2>(isa, j);
            j += 2 * lanes;
        }
        if j < wide {
            self.columns::<I, EDGES, 1>(isa, j);
        }
    }

    /// `V` registers of columns from column j on, row by row of the image.
    #[inline(always)]
    fn columns<I: Lanes<T>, const EDGES: bool, const V: usize>(&mut self, isa: I, j: usize) {
        let (plane, lanes) = (self.plane, I::V::LANES);
        let Plane { high, wide, .. } = plane;
        let edges = Edges::new(isa, &plane, j, V);
        let nothing = [T::ZERO; NOTHING];
        let y = self.y.as_mut_ptr().wrapping_add(j);
        let at = |under: usize| plane.at(&self.ground, under, j);
        let padding = |under: usize| if EDGES { nothing.as_ptr() } else { at(under) };
        // The two rows that are not complete, the older first.
        let mut begun = [[isa.splat(T::ZERO); V]; 2];
        // SAFETY: `check` has seen that these lie on the ground: of an image only lanes that exist are read, and on a stage there is a
        // register behind the last column. Each row of the plane has so many columns from there.
        unsafe {
            self.row::<I, EDGES, V>(isa, padding(0), &edges, &mut begun);
            self.row::<I, EDGES, V>(isa, at(1), &edges, &mut begun);
            for i in 0..high {
                let last = i + 1 == high;
                // Rows are too short for the processor to see where they lead, and the next plane follows.
                for v in 0..V {
                    isa.prefetch(at(i + AHEAD).wrapping_add(v * lanes));
                }
                let complete = self.row::<I, EDGES, V>(
                    isa,
                    if last { padding(high + 1) } else { at(i + 2) },
                    &edges,
                    &mut begun,
                );
                for v in 0..V {
                    let to = y.wrapping_add(i * wide + v * lanes);
                    if v + 1 < V { complete[v].store(to) } else { complete[v].store_first(edges.columns, to) }
                }
            }
        }
    }

    /// Adds a row of the image, at `from`, to the three rows of the output that see it, of which the oldest is then complete.
    ///
    /// # Safety
    /// The lanes that are there under each column of the window can be read.
    #[inline(always)]
    unsafe fn row<I: Lanes<T>, const EDGES: bool, const V: usize>(
        &self,
        isa: I,
        from: *const T,
        edges: &Edges<I::V>,
        begun: &mut [[I::V; V]; 2],
    ) -> [I::V; V] {
        let zero = isa.splat(T::ZERO);
        let mut rows = [begun[0], begun[1], [zero; V]];
        for s in 0..3 {
            let mut x = [zero; V];
            for v in 0..V {
                let from = from.wrapping_add(s + v * I::V::LANES);
                // SAFETY: as the caller promises.
                x[v] = unsafe {
                    if EDGES { edges.load(isa, from, s, v == 0, v + 1 == V) } else { isa.load(from) }
                };
            }
            for r in 0..3 {
                let w = isa.splat(self.taps[3 * (2 - r) + s]);
                for v in 0..V {
                    rows[r][v] = w.mul_add(x[v], rows[r][v]);
                }
            }
        }
        *begun = [rows[1], rows[2]];
        rows[0]
    }
}

impl<T: Float> WeightSums<'_, T> {
    /// The sums of all columns, where there are masks. `EDGES`: the ground is the image itself.
    #[inline(always)]
    pub(super) fn all<I: Lanes<T>, const EDGES: bool>(&self, isa: I) -> Sums<I::V> {
        let (wide, lanes) = (self.plane.wide, I::V::LANES);
        let mut sums = [[isa.splat(T::ZERO); 3]; 3];
        // Twice as many sums, so that none waits for itself.
        let mut both = [sums; 2];
        let mut j = 0;
        while j + lanes < wide {
            both = self.columns::<I, EDGES, 2>(isa, j, both);
            j += 2 * lanes;
        }
        if j < wide {
            [sums] = self.columns::<I, EDGES, 1>(isa, j, [sums]);
        }
        for r in 0..3 {
            for s in 0..3 {
                sums[r][s] = sums[r][s] + (both[0][r][s] + both[1][r][s]);
            }
        }
        sums
    }

    /// `V` registers of columns from column j on.
    #[inline(always)]
    fn columns<I: Lanes<T>, const EDGES: bool, const V: usize>(
        &self,
        isa: I,
        j: usize,
        mut sums: [Sums<I::V>; V],
    ) -> [Sums<I::V>; V] {
        let (plane, lanes, zero) = (&self.plane, I::V::LANES, isa.splat(T::ZERO));
        let Plane { high, wide, .. } = *plane;
        let edges = Edges::new(isa, plane, j, V);
        let nothing = [T::ZERO; NOTHING];
        let at = |under: usize| plane.at(&self.ground, under, j);
        let padding = |under: usize| if EDGES { nothing.as_ptr() } else { at(under) };
        // The rows of dy that a row of the image lies under the window of: the newest first.
        let mut dy = [[zero; V]; 3];
        let mut next = |under: usize| {
            let newest = self.dy.as_ptr().wrapping_add(under * wide + j);
            dy = [[zero; V], dy[0], dy[1]];
            for v in 0..if under < high { V } else { 0 } {
                let newest = newest.wrapping_add(v * lanes);
                // Rows are too short for the processor to see where they lead, and the next plane follows.
                isa.prefetch(newest.wrapping_add(AHEAD * wide));
                let whole = v + 1 < V;
                // SAFETY: `check` has seen that these columns lie on each row of dy.
                dy[0][v] =
                    unsafe { if whole { isa.load(newest) } else { isa.load_first(edges.columns, newest) } };
            }
            dy
        };
        // Which rows of dy there are: one that is beyond it is left out, for zero times what lies there would be NaN for a NaN.
        let there = |under: usize| core::array::from_fn(|r| (r..high + r).contains(&under));
        // SAFETY: `check` has seen that these columns lie on the ground, as the forward role reads them.
        unsafe {
            sums = self.row::<I, EDGES, V>(isa, padding(0), &edges, &next(0), there(0), sums);
            if high > 1 {
                sums = self.row::<I, EDGES, V>(isa, at(1), &edges, &next(1), there(1), sums);
            }
            for under in 2..high {
                sums = self.row::<I, EDGES, V>(isa, at(under), &edges, &next(under), [true; 3], sums);
            }
            sums = self.row::<I, EDGES, V>(isa, at(high), &edges, &next(high), there(high), sums);
            let under = high + 1;
            self.row::<I, EDGES, V>(isa, padding(under), &edges, &next(under), there(under), sums)
        }
    }

    /// Adds what a row of the image, at `from`, gives with those of three rows of the cotangent that are `there`.
    ///
    /// # Safety
    /// The lanes that are there under each column of the window can be read.
    #[inline(always)]
    unsafe fn row<I: Lanes<T>, const EDGES: bool, const V: usize>(
        &self,
        isa: I,
        from: *const T,
        edges: &Edges<I::V>,
        dy: &[[I::V; V]; 3],
        there: [bool; 3],
        mut sums: [Sums<I::V>; V],
    ) -> [Sums<I::V>; V] {
        for s in 0..3 {
            for v in 0..V {
                let from = from.wrapping_add(s + v * I::V::LANES);
                // Zeros beyond the row in both: zero times what lies there would be NaN for a NaN.
                // SAFETY: as the caller promises.
                let x = unsafe {
                    if EDGES {
                        edges.load(isa, from, s, v == 0, v + 1 == V)
                    } else if v + 1 < V {
                        isa.load(from)
                    } else {
                        isa.load_first(edges.columns, from)
                    }
                };
                for r in 0..3 {
                    if there[r] {
                        sums[v][r][s] = dy[r][v].mul_add(x, sums[v][r][s]);
                    }
                }
            }
        }
        sums
    }
}
