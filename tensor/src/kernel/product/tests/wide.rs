//! Products of more columns than the second-level cache takes at a time of a block of k: the fifth loop goes round.

use super::*;

/// Sizes whose columns are cut at every level: a block of k of so many columns is more than a part of the cache that is asked for.
/// One tile of rows, and some; one block of k, two and three; a last part of columns that is whole, and that is a few of them.
const SIZES: [[usize; 3]; 5] =
    [[13, 257, 1030], [27, 513, 1100], [5, 700, 1130], [40, 256, 1024], [13, 30, 4500]];

/// A matrix of `numbers` as `how` lays it, in memory that is otherwise NaN; one that repeats a row or a column takes the first ones.
fn laid<T: Float>(how: How, rows: usize, cols: usize, numbers: &[T]) -> Vec<T> {
    let mut data = vec![T::from_f64(f64::NAN); room(rows, cols)];
    for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
        let from = match how {
            How::Row => j,
            How::Column => i,
            _ => i * cols + j,
        };
        data[place(how, rows, cols, i, j)] = numbers[from];
    }
    data
}

/// Which numbers a matrix has: all the same ones, but for those that repeat a row or a column.
fn kind(how: How) -> usize {
    match how {
        How::Row => 1,
        How::Column => 2,
        _ => 0,
    }
}

/// What comes of the same numbers, by the definition, and with which bits.
type Known<T> = (Vec<[f64; 2]>, Vec<T>);

/// Each element, and the sum of its terms' sizes, in `f64`.
fn definition([m, k, n]: [usize; 3], a: impl Fn(usize, usize) -> f64, b: &[f64]) -> Vec<[f64; 2]> {
    let mut c = vec![[0.0, 1.0]; m * n];
    for (i, row) in c.chunks_exact_mut(n).enumerate() {
        for (p, b) in b.chunks_exact(n).enumerate() {
            let a = a(i, p);
            for ([sum, size], b) in row.iter_mut().zip(b) {
                *sum += a * b;
                *size += (a * b).abs();
            }
        }
    }
    assert_eq!(b.len(), k * n);
    c
}

fn compare<T: Float>(c: &[T], want: &[[f64; 2]], k: usize, what: &str) {
    for (at, (c, [want, size])) in c.iter().zip(want).enumerate() {
        let bound = (4.0 + k as f64 / 2.0) * T::EPSILON.to_f64() * size;
        let got = c.to_f64();
        assert!((got - want).abs() <= bound, "{what}: number {at} is {got}, not {want} (+- {bound:e})");
    }
}

/// Every layout of both operands against the definition, of the later sizes some; layouts of the same numbers have the same bits.
pub(super) fn products_of_many_columns<T: Float>() {
    for (at, [m, k, n]) in SIZES.into_iter().enumerate() {
        let layouts = if at < 2 { &ALL[..] } else { &[How::Rows, How::Columns, How::Every] };
        let (a, b, old) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2), noise::<T>(m * n, 3));
        let row = noise::<T>(n, 4);
        // All that may be done to a tile, each at its block of k: what was there is added at the first, the rest is done at the last.
        let scale = T::from_f64(-0.75);
        let activation = Some(Activation::Relu);
        let epilogue = &Epilogue { accumulate: true, scale, bias: Bias::Row(&row), activation };
        let rights: Vec<Vec<T>> = layouts.iter().map(|&right| laid(right, k, n, &b)).collect();
        let mut known: [Option<Known<T>>; 9] = Default::default();
        for &left in layouts {
            let a = laid(left, m, k, &a);
            for (&right, b) in layouts.iter().zip(&rights) {
                let mut c = old.clone();
                product(lay(left, m, k, &a), lay(right, k, n, b), &mut c, n, epilogue);
                let (want, bits) = known[3 * kind(left) + kind(right)].get_or_insert_with(|| {
                    let b: Vec<f64> = (0..k * n).map(|at| element(right, k, n, b, at / n, at % n)).collect();
                    let mut want = definition([m, k, n], |i, p| element(left, m, k, &a, i, p), &b);
                    for (at, ([sum, _], old)) in want.iter_mut().zip(&old).enumerate() {
                        *sum = (scale.to_f64() * *sum + old.to_f64() + row[at % n].to_f64()).max(0.0);
                    }
                    (want, c.clone())
                });
                let what = std::format!("{m} x {k} x {n}, {left:?} {right:?}");
                compare(&c, want, k, &what);
                assert!(c == *bits, "other bits: {what}");
            }
        }
    }
}

/// Whether two products are computed one by one on so many threads, and what they share is not packed for both.
fn one_by_one<T: Float>(threads: usize, sides: [usize; 3]) -> bool {
    struct Chosen(usize, [usize; 3]);
    impl<T: Float> crate::simd::Kernel<T> for Chosen {
        type Output = bool;
        fn run<I: crate::simd::Lanes<T>>(self, isa: I) -> bool {
            plan::one_after_the_other::<T, I>(isa, self.0, 2, self.1)
        }
    }
    T::dispatch(Chosen(threads, sides))
}

/// Two products that share an operand, which is packed once for both, all of its columns and all of k.
pub(super) fn shared_columns_that_are_packed<T: Float>() {
    let threads = 8; // so many that two such products are not worth all of them
    for [m, k, n] in [[3, 256, 600], [13, 256, 700], [8, 500, 560], [26, 128, 650]] {
        assert!(!one_by_one::<T>(threads, [m, k, n]) && !one_by_one::<T>(threads, [n, k, m]));
        let (a, b, column) = (noise::<T>(2 * m * k, 1), noise::<T>(2 * k * n, 2), noise::<T>(m, 3));
        for (share_a, share_b) in [(false, true), (true, false), (true, true)] {
            let mut c = vec![T::from_f64(f64::NAN); 2 * m * n];
            // A bias for each row of a matrix, lest the two become one of twice as many rows.
            let epilogue = &Epilogue { bias: Bias::Column(&column), ..Epilogue::PLAIN };
            let apart = |shared: bool, len: usize| if shared { 0 } else { len };
            let left = Stack::new(Matrix::row_major(&a, m, k), 2, apart(share_a, m * k) as isize);
            let right = Stack::new(Matrix::row_major(&b, k, n), 2, apart(share_b, k * n) as isize);
            crate::parallel::with_threads(threads, || {
                product_batched(left, right, &mut c, [m * n, n], epilogue);
            });
            for (i, c) in c.chunks_exact(m * n).enumerate() {
                let (a, b) = (&a[i * apart(share_a, m * k)..], &b[i * apart(share_b, k * n)..][..k * n]);
                let b: Vec<f64> = b.iter().map(|b| b.to_f64()).collect();
                let mut want = definition([m, k, n], |i, p| a[i * k + p].to_f64(), &b);
                want.iter_mut().enumerate().for_each(|(at, [sum, _])| *sum += column[at / n].to_f64());
                let shared = [("left", share_a), ("right", share_b)];
                compare(c, &want, k, &std::format!("{i} of two {m} x {k} x {n}, shared: {shared:?}"));
            }
        }
    }
}
