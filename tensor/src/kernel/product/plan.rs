//! Which way round a product is computed, and by how many threads.

use super::loops::{Depth, Loops, Panels, Source};
use super::operand::{Matrix, Operand, Strided};
use super::target::{ColumnMajor, Disjoint, RowMajor, Target};
use super::{Epilogue, deep, lying};
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, parallel};

/// Multiply-adds below which another thread costs more than it brings: two microseconds of one core. On the Zen 5 of
/// `docs/performance.md` handing work to a thread that is awake, and waiting for it, takes about one: 84 x 84 x 80, the first product
/// that is shared out, takes 5.2 us on one thread and 3.8 on two.
const WORTH_A_THREAD: usize = 1 << 18;

/// `count` matrices of one size, the next always `stride` numbers after the last; stride 0 shares one matrix.
#[derive(Clone, Copy, Debug)]
pub struct Stack<'a, T> {
    first: Matrix<'a, T>,
    count: usize,
    stride: isize,
}

impl<'a, T: Copy> Stack<'a, T> {
    /// The stack whose first matrix is `first`.
    ///
    /// # Panics
    /// If a matrix would leave the slice.
    pub fn new(first: Matrix<'a, T>, count: usize, stride: isize) -> Self {
        if count > 0 {
            let last = stride.checked_mul(count as isize - 1).expect("a stack as large as its slice");
            first.moved(last);
        }
        Self { first, count, stride }
    }

    /// How many matrices.
    #[cfg(any(test, all(not(feature = "std"), target_os = "none", target_pointer_width = "32")))]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn at(&self, i: usize) -> Matrix<'a, T> {
        self.first.moved(i as isize * self.stride)
    }
}

/// `C = epilogue(A B)`; C is row-major with `row_stride` numbers from row to row.
///
/// # Panics
/// If the sizes do not fit together, or C leaves its slice: shapes are checked long before.
pub fn product<T: Float>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    row_stride: usize,
    epilogue: &Epilogue<'_, T>,
) {
    let (m, k, n) = sizes(&a, &b, epilogue);
    if m == 0 || n == 0 {
        return;
    }
    assert!((m == 1 || row_stride >= n) && reach(m, row_stride, n) <= c.len(), "C leaves its slice");
    T::one(&One { a: &a, b: &b, c: Disjoint(c.as_mut_ptr()), row_stride, k, epilogue });
}

/// `C[i] = epilogue(A[i] B[i])`; matrix i of C starts at `i * stride` and is row-major with `row_stride` numbers from
/// row to row. A shared operand (stride 0) is packed once, or its product becomes one with more rows.
///
/// # Panics
/// If the sizes do not fit together, matrices of C overlap, or C leaves its slice.
pub fn product_batched<T: Float>(
    a: Stack<'_, T>,
    b: Stack<'_, T>,
    c: &mut [T],
    [stride, row_stride]: [usize; 2],
    epilogue: &Epilogue<'_, T>,
) {
    let (m, k, n) = sizes(&a.first, &b.first, epilogue);
    assert_eq!(a.count, b.count, "both stacks are equally high");
    let count = a.count;
    if m == 0 || n == 0 || count == 0 {
        return;
    }
    let one = reach(m, row_stride, n);
    assert!(
        (m == 1 || row_stride >= n) && (count == 1 || stride >= one) && reach(count, stride, one) <= c.len(),
        "C leaves its slice or overlaps itself"
    );
    let rows_follow = a.stride == a.first.strides()[0].saturating_mul(m as isize) && stride == m * row_stride;
    if b.stride == 0 && (rows_follow || count == 1) && !matches!(epilogue.bias, super::Bias::Column(_)) {
        let a = a.first.with_rows(count * m);
        T::one(&One { a: &a, b: &b.first, c: Disjoint(c.as_mut_ptr()), row_stride, k, epilogue });
    } else {
        T::many(&Many { a, b, c: Disjoint(c.as_mut_ptr()), stride, row_stride, k, epilogue });
    }
}

/// Where `count` pieces of `len` numbers end that begin `stride` apart; more than any slice has where that overflows.
fn reach(count: usize, stride: usize, len: usize) -> usize {
    (count - 1).saturating_mul(stride).saturating_add(len)
}

fn sizes<T: Float>(
    a: &Matrix<'_, T>,
    b: &Matrix<'_, T>,
    epilogue: &Epilogue<'_, T>,
) -> (usize, usize, usize) {
    assert_eq!(a.cols(), b.rows(), "inner lengths differ");
    epilogue.check(a.rows(), b.cols());
    (a.rows(), a.cols(), b.cols())
}

/// The products of one type of number, compiled in this crate and not again in each crate that multiplies.
pub trait Products: Sized {
    #[doc(hidden)]
    fn one(product: &One<'_, Self>);
    #[doc(hidden)]
    fn many(products: &Many<'_, Self>);
}

macro_rules! products {
    ($($t:ident)*) => {$(
        impl Products for $t {
            #[cfg(not(all(not(feature = "std"), target_os = "none", target_pointer_width = "32")))]
            fn one(product: &One<'_, $t>) {
                $t::dispatch(product)
            }
            #[cfg(not(all(not(feature = "std"), target_os = "none", target_pointer_width = "32")))]
            fn many(products: &Many<'_, $t>) {
                $t::dispatch(products)
            }
            #[cfg(all(not(feature = "std"), target_os = "none", target_pointer_width = "32"))]
            fn one(product: &One<'_, $t>) {
                super::small::one(product)
            }
            #[cfg(all(not(feature = "std"), target_os = "none", target_pointer_width = "32"))]
            fn many(products: &Many<'_, $t>) {
                super::small::many(products)
            }
        }
    )*};
}
products!(f32 f64);

/// A product whose sizes have been checked. (It is handed on by reference, as are its matrices: a copy right after they have
/// been written waits for the writes, which small products feel.)
pub struct One<'a, T> {
    pub(super) a: &'a Matrix<'a, T>,
    pub(super) b: &'a Matrix<'a, T>,
    pub(super) c: Disjoint<T>,
    pub(super) row_stride: usize,
    pub(super) k: usize,
    pub(super) epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Kernel<T> for &One<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.oriented(isa);
    }
}

impl<T: Float> One<'_, T> {
    /// Computes `C` or `C^T = B^T A^T`, whichever is cheaper; each element is the same chain either way.
    #[inline(never)]
    fn oriented<I: Lanes<T>>(&self, isa: I) {
        let Self { a, b, c, row_stride, k, epilogue } = *self;
        if k > Depth::most::<T>() && is_deep::<T, I>(isa, parallel::threads(), [a.rows(), k, b.cols()]) {
            return deep::run(isa, self);
        }
        if turned_is_cheaper::<T, I>(isa, a, b) {
            let epilogue = &epilogue.turned();
            let c = &ColumnMajor { c, column_stride: row_stride, epilogue };
            spread(isa, &b.by_columns(), &a.by_rows(), c, [b.cols(), k, a.rows()]);
        } else {
            let c = &RowMajor { c, row_stride, apart: 0, epilogue };
            spread(isa, &a.by_rows(), &b.by_columns(), c, [a.rows(), k, b.cols()]);
        }
    }
}

/// Whether `C^T = B^T A^T` takes less time than `C = A B`, by counting what both would do, in units of one register's
/// multiply-add.
pub(crate) fn turned_is_cheaper<T: Float, I: Lanes<T>>(isa: I, a: &Matrix<'_, T>, b: &Matrix<'_, T>) -> bool {
    // Full registers, read as they lie: nothing is cheaper, and the products for which counting matters are such.
    let far = lies_across_pages(a);
    if I::V::LANES > 1 && b.strides()[1] == 1 && b.cols().is_multiple_of(I::V::LANES) && !far {
        return false;
    }
    // Each block of k after the first fetches and brings back; turning costs what packing does.
    let scattered = times(&[a.rows(), b.cols(), 2 * Depth::new::<T>(a.cols()).count() - 1]) / 2;
    let turned = cost::<T, I>(isa, &b.transposed(), &a.transposed());
    // A tile takes part of a line of each step; turned, the lines are read one after the other.
    let looking = if far { times(&[a.rows(), a.cols()]) / 4 } else { 0 };
    turned.saturating_add(scattered) < cost::<T, I>(isa, a, b).saturating_add(looking)
}

/// Whether a left operand lies step by step, each step a page or more from the last, and many of them.
fn lies_across_pages<T: Float>(a: &Matrix<'_, T>) -> bool {
    let [row_stride, step] = a.strides();
    row_stride == 1 && step.unsigned_abs().saturating_mul(size_of::<T>()) >= 4096 && a.cols() >= 256
}

/// A product of counts: of 64 bits, for what three lengths give is soon too large for a place of 32.
#[inline(always)]
fn times(counts: &[usize]) -> u64 {
    counts.iter().fold(1, |product: u64, &count| product.saturating_mul(count as u64))
}

fn cost<T: Float, I: Lanes<T>>(_: I, a: &Matrix<'_, T>, b: &Matrix<'_, T>) -> u64 {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    let (rows, vectors) = (m, n.div_ceil(I::V::LANES));
    // Turning B costs about one multiply-add for each two numbers; panels that lie well are copied a register at a time.
    let packing = if b.strides()[1] == 1 {
        times(&[k, vectors])
    } else if b.strides()[0] == 1 && m <= const { lying::most_rows::<T, I>() } {
        // Turned beside the arithmetic.
        times(&[k, n]) / 8
    } else {
        times(&[k, n]) / 2
    };
    // A tile of few registers waits for its own sums: four steps' latency on two units.
    let waiting = times(&[k, rows.div_ceil(I::TILE.0), vectors.div_ceil(I::TILE.1), 6]);
    times(&[k, rows, vectors]).max(waiting).saturating_add(packing)
}

/// Into how many rectangles C is cut, from top to bottom and from left to right: at most `tasks`, of whole tiles.
pub(super) fn grid<T: Float, I: Lanes<T>>(_: I, tasks: usize, [m, n]: [usize; 2]) -> (usize, usize) {
    let (tiles_down, tiles_across) = (m.div_ceil(I::TILE.0), n.div_ceil(I::TILE.1 * I::V::LANES));
    // Each rectangle packs its own rows and columns, so the best grid is the one with the squarest rectangles.
    (1..=tasks)
        .map(|down| (down.min(tiles_down), (tasks / down).min(tiles_across)))
        .max_by_key(|&(down, across)| (down * across, usize::MAX - (m / down + n / across)))
        .unwrap_or((1, 1))
}

/// How many threads a product is worth.
fn worth(threads: usize, [m, k, n]: [usize; 3]) -> usize {
    threads.min(m.saturating_mul(n).saturating_mul(k) / WORTH_A_THREAD).max(1)
}

/// Whether the blocks of k are to be shared out: C has not enough tiles for the threads that the product is worth.
pub(super) fn is_deep<T: Float, I: Lanes<T>>(isa: I, threads: usize, [m, k, n]: [usize; 3]) -> bool {
    let tasks = worth(threads, [m, k, n]);
    let (down, across) = if tasks > 1 { grid::<T, I>(isa, tasks, [m, n]) } else { (1, 1) };
    down * across < tasks && Depth::new::<T>(k).count() >= 2 * tasks
}

/// Whether `count` products that each are worth all threads are to be computed one after the other: if each can be cut for as many
/// threads as the whole batch can.
pub(super) fn one_after_the_other<T: Float, I: Lanes<T>>(
    isa: I,
    threads: usize,
    count: usize,
    [m, k, n]: [usize; 3],
) -> bool {
    let (down, across) = grid::<T, I>(isa, threads, [m, n]);
    let enough =
        down * across >= threads.min(count) || count < threads && is_deep::<T, I>(isa, threads, [m, k, n]);
    m.saturating_mul(n).saturating_mul(k) / WORTH_A_THREAD > threads && enough
}

/// Cuts C into a grid of rectangles, one a task.
fn spread<T: Float, I: Lanes<T>, A: Operand<T>, B: Operand<T>, C: Target<T>>(
    isa: I,
    a: &A,
    b: &B,
    c: &C,
    [m, k, n]: [usize; 3],
) {
    let loops = Loops { a: Source::Fresh(a), b: Source::Fresh(b), c, depth: k };
    // (What is worth one thread does not ask how many there are.)
    let worth_more = m.saturating_mul(n).saturating_mul(k) / WORTH_A_THREAD > 1;
    let tasks = if worth_more { worth(parallel::threads(), [m, k, n]) } else { 1 };
    if tasks == 1 {
        // SAFETY: the rectangle is all of C, whose sizes have been checked; nobody else has it.
        return unsafe { loops.run(isa, 0..m, 0..n) };
    }
    let (high, wide) = (I::TILE.0, I::TILE.1 * I::V::LANES);
    let (tiles_down, tiles_across) = (m.div_ceil(high), n.div_ceil(wide));
    let (down, across) = grid::<T, I>(isa, tasks, [m, n]);
    parallel::for_each(down * across, |task| {
        let (i, j) = (task / across, task % across);
        let part = |tiles: usize, parts: usize, i: usize, size: usize, most: usize| {
            (tiles * i / parts * size).min(most)..(tiles * (i + 1) / parts * size).min(most)
        };
        let rows = part(tiles_down, down, i, high, m);
        let columns = part(tiles_across, across, j, wide, n);
        // SAFETY: the rectangles of different tasks do not overlap and lie inside C.
        unsafe { loops.run(isa, rows, columns) }
    });
}

/// A batch of products whose sizes have been checked.
pub struct Many<'a, T> {
    pub(super) a: Stack<'a, T>,
    pub(super) b: Stack<'a, T>,
    pub(super) c: Disjoint<T>,
    pub(super) stride: usize,
    pub(super) row_stride: usize,
    pub(super) k: usize,
    pub(super) epilogue: &'a Epilogue<'a, T>,
}

impl<T: Float> Kernel<T> for &Many<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        self.all(isa);
    }
}

impl<T: Float> Many<'_, T> {
    #[inline(never)]
    fn all<I: Lanes<T>>(&self, isa: I) {
        let Self { a, b, stride, row_stride, k, epilogue, .. } = *self;
        let (m, n, count) = (a.first.rows(), b.first.cols(), a.count);
        let c_of = |i: usize| self.c.at(i * stride);
        let each = m.saturating_mul(n).saturating_mul(k);
        let turned = turned_is_cheaper::<T, I>(isa, &a.first, &b.first);
        // Large products one after the other, each on all threads.
        let sides = if turned { [n, k, m] } else { [m, k, n] };
        if one_after_the_other::<T, I>(isa, parallel::threads(), count, sides) {
            for i in 0..count {
                One { a: &a.at(i), b: &b.at(i), c: c_of(i), row_stride, k, epilogue }.oriented(isa);
            }
            return;
        }
        let epilogue = &if turned { epilogue.turned() } else { *epilogue };
        let (left, right) = if turned { (b, a) } else { (a, b) };
        let (m, n) = if turned { (n, m) } else { (m, n) };
        let rows_of = |i: usize| if turned { left.at(i).by_columns() } else { left.at(i).by_rows() };
        let columns_of = |i: usize| if turned { right.at(i).by_rows() } else { right.at(i).by_columns() };
        let worth = count > 1 && each > 1 << 10;
        let shared_rows = (left.stride == 0 && worth).then(|| Panels::of_rows(isa, &rows_of(0), m, k));
        let shared_columns =
            (right.stride == 0 && worth).then(|| Panels::of_columns(isa, &columns_of(0), n, k));
        let tasks = parallel::threads().min(count.saturating_mul(each) / WORTH_A_THREAD).clamp(1, count);
        parallel::for_each(tasks, |task| {
            for i in count * task / tasks..count * (task + 1) / tasks {
                let (fresh_rows, fresh_columns): (Strided<'_, T>, Strided<'_, T>) =
                    (rows_of(i), columns_of(i));
                let a = shared_rows.as_ref().map_or(Source::Fresh(&fresh_rows), Source::Packed);
                let b = shared_columns.as_ref().map_or(Source::Fresh(&fresh_columns), Source::Packed);
                // SAFETY: each matrix of C is computed by one task alone, and the sizes have been checked.
                unsafe {
                    if turned {
                        let c = &ColumnMajor { c: c_of(i), column_stride: row_stride, epilogue };
                        Loops { a, b, c, depth: k }.run(isa, 0..m, 0..n);
                    } else {
                        let c = &RowMajor { c: c_of(i), row_stride, apart: 0, epilogue };
                        Loops { a, b, c, depth: k }.run(isa, 0..m, 0..n);
                    }
                }
            }
        });
    }
}
