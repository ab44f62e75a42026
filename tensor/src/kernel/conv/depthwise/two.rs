//! Depthwise windows of 3x3 at a step of two, read off the image where it lies: two loads and three shuffles make the registers that
//! lie under the three columns of neighbouring windows, and serve all rows of windows that see them.

// Taps are counted, for the counts are what the compiler unrolls.
#![allow(clippy::needless_range_loop)]

mod spread;

use crate::Float;
use crate::kernel::conv::Conv;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, MOST_LANES, Vector};
use crate::storage::Buffer;
use core::ops::Range;
pub(in crate::kernel::conv) use spread::Spread;

/// How many neighbouring windows are seen at once. Where registers are long, what lies under their third column is what lies under the
/// first one of the next window: a shuffle instead of two loads, most of which would reach over the end of a line of the cache.
const fn windows<V: Vector>() -> usize {
    if rotates::<V>() { V::LANES - 1 } else { V::LANES }
}

const fn rotates<V: Vector>() -> bool {
    V::LANES >= 8
}

/// A row of padding, and one number before it.
const NOTHING: usize = 2 * MOST_LANES + 4;

/// The sizes of an image and of its windows.
#[derive(Clone, Copy)]
pub(in crate::kernel::conv) struct Plane {
    image: [usize; 2],
    output: [usize; 2],
    /// Rows and columns of padding before the first: none or one.
    before: [usize; 2],
}

impl Plane {
    /// The plane, if the windows are of this kind.
    pub(in crate::kernel::conv) fn new<T: Float, I: Lanes<T>>(_: I, conv: &Conv) -> Option<Self> {
        let (window, output) = (&conv.window, conv.output);
        let ours = window.kernel == [3, 3] && window.stride == [2, 2] && window.dilation == [1, 1];
        let thin = window.pad.as_flattened().iter().all(|&pad| pad <= 1);
        let there = conv.image() * conv.pixels() > 0;
        let before = window.pad.map(|[before, _]| before);
        (const { I::V::LANES > 1 } && ours && thin && there).then_some(Self {
            image: window.input,
            output,
            before,
        })
    }
}

/// Some plane of many, and whether there is a number before it.
#[derive(Clone, Copy)]
pub(in crate::kernel::conv) struct Plot<'a, T> {
    all: &'a [T],
    start: usize,
}

impl<'a, T: Float> Plot<'a, T> {
    /// The plane at `place` of `all`; the first one, before which there is no number, is copied to `room`.
    pub(in crate::kernel::conv) fn new(
        all: &'a [T],
        place: Range<usize>,
        room: &'a mut Option<Buffer<T>>,
    ) -> Self {
        if place.start > 0 {
            return Self { all: &all[..place.end], start: place.start };
        }
        let room = room.get_or_insert_with(|| Buffer::zeros(place.len() + 1));
        room.make_mut()[1..].copy_from_slice(&all[place]);
        Self { all: room.as_slice(), start: 1 }
    }

    fn len(&self) -> usize {
        self.all.len() - self.start
    }

    fn at(&self, offset: usize) -> *const T {
        self.all.as_ptr().wrapping_add(self.start + offset)
    }
}

/// What lies under some windows in each row of an image.
struct Columns<V: Vector> {
    /// Lanes of the four registers that are there. The first begins under the first column of the first window, the third two columns
    /// on.
    counts: [usize; 4],
    /// Which windows' first columns are not padding.
    kept: V::Bits,
    left: usize,
}

impl<V: Vector<Elem: Float>> Columns<V> {
    /// Under the windows from column `j` of the output on.
    #[inline(always)]
    fn new<I: Lanes<V::Elem, V = V>>(isa: I, plane: &Plane, j: usize) -> Self {
        let left = plane.before[1];
        let end = plane.image[1] + left;
        let counts =
            [0, V::LANES, 2, V::LANES + 2].map(|from| end.saturating_sub(2 * j + from).min(V::LANES));
        Self { counts, kept: not_first(isa, left == 1 && j == 0), left }
    }

    /// Under the three columns of the windows, in the row of the image at whose column 2j `at` is. `CUT`: some lanes may not be there.
    ///
    /// # Safety
    /// The lanes that are there can be read, and the number before the row.
    #[inline(always)]
    unsafe fn row<I: Lanes<V::Elem, V = V>, const CUT: bool>(&self, isa: I, at: *const V::Elem) -> [V; 3] {
        let from = at.wrapping_sub(self.left);
        let load = |n: usize, from: *const V::Elem| {
            // SAFETY: as the caller promises.
            unsafe { if CUT { isa.load_first(self.counts[n], from) } else { isa.load(from) } }
        };
        let (left, middle) = load(0, from).uncouple(load(1, from.wrapping_add(V::LANES)));
        let right = if const { rotates::<V>() } {
            left.rotate()
        } else {
            let from = from.wrapping_add(2);
            load(2, from).uncouple(load(3, from.wrapping_add(V::LANES))).0
        };
        [V::select(self.kept, left, isa.splat(V::Elem::ZERO)), middle, right]
    }
}

/// All lanes, or `but` the first.
#[inline(always)]
pub(in crate::kernel::conv) fn not_first<T: Float, I: Lanes<T>>(isa: I, but: bool) -> <I::V as Vector>::Bits {
    let mut numbers = [T::ONE; MOST_LANES];
    if but {
        numbers[0] = T::ZERO;
    }
    // SAFETY: no register has more lanes.
    unsafe { isa.load(numbers.as_ptr()) }.gt(&isa.splat(T::ZERO))
}

/// The first `count` lanes.
#[inline(always)]
fn first<T: Float, I: Lanes<T>>(isa: I, count: usize) -> <I::V as Vector>::Bits {
    let numbers = [T::ONE; MOST_LANES];
    // SAFETY: no register has more lanes.
    unsafe { isa.load_first(count, numbers.as_ptr()) }.gt(&isa.splat(T::ZERO))
}

/// Rows of an image from some column on, and of the padding around it.
struct Rows<'a, T> {
    plot: Plot<'a, T>,
    plane: Plane,
    column: usize,
}

impl<T: Float> Rows<'_, T> {
    /// Row `y` of the padded image, which is not padding.
    #[inline(always)]
    fn inner(&self, y: usize) -> *const T {
        self.plot
            .at(self.column + y * self.plane.image[1])
            .wrapping_sub(self.plane.before[0] * self.plane.image[1])
    }

    /// Any row of the padded image.
    #[inline(always)]
    fn any(&self, y: usize) -> *const T {
        let there = self.plane.before[0]..self.plane.before[0] + self.plane.image[0];
        if there.contains(&y) { self.inner(y) } else { nothing() }
    }
}

/// The first column of a row of padding.
#[inline(always)]
fn nothing<T: Float>() -> *const T {
    // Zeros of either precision are zero bits.
    static ZEROS: [f64; NOTHING] = [0.0; NOTHING];
    ZEROS.as_ptr().cast::<T>().wrapping_add(1)
}

/// The forward role.
pub(in crate::kernel::conv) struct Correlate<'a, T> {
    pub(in crate::kernel::conv) plane: Plane,
    pub(in crate::kernel::conv) x: Plot<'a, T>,
    pub(in crate::kernel::conv) w: &'a [T],
    pub(in crate::kernel::conv) y: &'a mut [T],
}

impl<T: Float> Kernel<T> for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        let Plane { image, output, .. } = self.plane;
        assert!(
            image[0] * image[1] <= self.x.len() && output[0] * output[1] <= self.y.len() && self.w.len() == 9
        );
        let mut j = 0;
        while j + windows::<I::V>() < output[1] {
            // A lane too many is stored again by the next ones.
            self.columns::<I, false>(isa, j);
            j += windows::<I::V>();
        }
        self.columns::<I, true>(isa, j);
    }
}

impl<T: Float> Correlate<'_, T> {
    /// Some windows from column j on; of the last ones (`CUT`) some lanes may not be there.
    #[inline(always)]
    fn columns<I: Lanes<T>, const CUT: bool>(&mut self, isa: I, j: usize) {
        let (plane, zero) = (self.plane, isa.splat(T::ZERO));
        let [high, wide] = plane.output;
        let columns = Columns::<I::V>::new(isa, &plane, j);
        let rows = Rows { plot: self.x, plane, column: 2 * j };
        let w: [I::V; 9] = core::array::from_fn(|t| isa.splat(self.w[t]));
        let add =
            |sum: I::V, r: usize, x: &[I::V; 3]| (0..3).fold(sum, |sum, s| w[3 * r + s].mul_add(x[s], sum));
        let y = self.y.as_mut_ptr();
        let store = |i: usize, sum: I::V| {
            let to = y.wrapping_add(i * wide + j);
            // SAFETY: the plane has this row, and so many columns from there.
            unsafe { if CUT { sum.store_first(wide - j, to) } else { sum.store(to) } }
        };
        // SAFETY: the image is there, and a number before it; of each row only lanes that are there are read. As the padding is thin,
        // only the first and the last row of all windows may lie on it.
        unsafe {
            let mut begun = add(zero, 0, &columns.row::<I, CUT>(isa, rows.any(0)));
            for i in 0..high - 1 {
                let sum = add(begun, 1, &columns.row::<I, CUT>(isa, rows.inner(2 * i + 1)));
                let shared = columns.row::<I, CUT>(isa, rows.inner(2 * i + 2));
                begun = add(zero, 0, &shared);
                store(i, add(sum, 2, &shared));
            }
            let sum = add(begun, 1, &columns.row::<I, CUT>(isa, rows.inner(2 * high - 1)));
            store(high - 1, add(sum, 2, &columns.row::<I, CUT>(isa, rows.any(2 * high))));
        }
    }
}

/// Adds to `dw`, one number a tap, the sums over all pixels of `dy` times what lies under the tap.
pub(in crate::kernel::conv) struct WeightSums<'a, T> {
    pub(in crate::kernel::conv) plane: Plane,
    pub(in crate::kernel::conv) x: Plot<'a, T>,
    pub(in crate::kernel::conv) dy: &'a [T],
    pub(in crate::kernel::conv) dw: &'a mut [T],
}

impl<T: Float> Kernel<T> for WeightSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Plane { image, output, .. } = self.plane;
        assert!(image[0] * image[1] <= self.x.len() && output[0] * output[1] <= self.dy.len());
        assert_eq!(self.dw.len(), 9);
        let (mut whole, mut j) = (None, 0);
        while j + windows::<I::V>() < output[1] {
            let sums = whole.unwrap_or([isa.splat(T::ZERO); 9]);
            whole = Some(self.columns::<I, false>(isa, j, sums));
            j += windows::<I::V>();
        }
        let rest = self.columns::<I, true>(isa, j, [isa.splat(T::ZERO); 9]);
        // Lanes of windows that are not there, or that the next ones see again, saw anything.
        let (mine, zero) = (first(isa, output[1] - j), isa.splat(T::ZERO));
        let mut sums = rest.map(|sum| I::V::select(mine, sum, zero));
        if let Some(whole) = whole {
            let mine = first(isa, windows::<I::V>());
            for t in 0..9 {
                sums[t] = sums[t] + I::V::select(mine, whole[t], zero);
            }
        }
        for t in 0..9 {
            self.dw[t] = self.dw[t] + sums[t].sum();
        }
    }
}

impl<T: Float> WeightSums<'_, T> {
    /// Some windows from column j on; of the last ones (`CUT`) some lanes may not be there.
    #[inline(always)]
    fn columns<I: Lanes<T>, const CUT: bool>(&self, isa: I, j: usize, mut all: [I::V; 9]) -> [I::V; 9] {
        let plane = self.plane;
        let [high, wide] = plane.output;
        let columns = Columns::<I::V>::new(isa, &plane, j);
        let rows = Rows { plot: self.x, plane, column: 2 * j };
        let add = |all: &mut [I::V; 9], r: usize, dy: I::V, x: &[I::V; 3]| {
            for s in 0..3 {
                all[3 * r + s] = dy.mul_add(x[s], all[3 * r + s]);
            }
        };
        // SAFETY: as in the forward role; the cotangent's plane has each row, and so many columns from there.
        unsafe {
            let dy = |i: usize| {
                let from = self.dy.as_ptr().wrapping_add(i * wide + j);
                if CUT { isa.load_first(wide - j, from) } else { isa.load(from) }
            };
            let mut above = dy(0);
            add(&mut all, 0, above, &columns.row::<I, CUT>(isa, rows.any(0)));
            for i in 0..high - 1 {
                add(&mut all, 1, above, &columns.row::<I, CUT>(isa, rows.inner(2 * i + 1)));
                let shared = columns.row::<I, CUT>(isa, rows.inner(2 * i + 2));
                add(&mut all, 2, above, &shared);
                above = dy(i + 1);
                add(&mut all, 0, above, &shared);
            }
            add(&mut all, 1, above, &columns.row::<I, CUT>(isa, rows.inner(2 * high - 1)));
            add(&mut all, 2, above, &columns.row::<I, CUT>(isa, rows.any(2 * high)));
        }
        all
    }
}
