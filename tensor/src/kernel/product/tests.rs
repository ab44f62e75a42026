//! Products against their definition, and against themselves: same bits however they are cut.

mod far;
mod random;
mod wide;

use super::*;
use crate::Float;
use alloc::vec;
use alloc::vec::Vec;

/// Numbers in -1..1 that look random, the same on every machine.
pub(crate) fn noise<T: Float>(count: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
        })
        .collect()
}

/// Runs `test` at each instruction set of this machine, its `f32` and its `f64` version.
macro_rules! at_each {
    ($test:ident) => {
        #[test]
        fn $test() {
            crate::simd::at_each_level(|_| {
                cases::$test::<f32>();
                cases::$test::<f64>();
            });
        }
    };
}

/// A matrix of noise that lies in memory as `how` says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Rows,
    Columns,
    Padded,
    Flipped,
    Every,
    Row,
    Column,
}

const ALL: [How; 7] = [How::Rows, How::Columns, How::Padded, How::Flipped, How::Every, How::Row, How::Column];

fn lay<T: Float>(how: How, rows: usize, cols: usize, data: &[T]) -> Matrix<'_, T> {
    let (r, c) = (rows as isize, cols as isize);
    let size = [rows, cols];
    match how {
        How::Rows => Matrix::new(data, 0, size, [c, 1]),
        How::Columns => Matrix::new(data, 0, size, [1, r]),
        How::Padded => Matrix::new(data, 2, size, [c + 3, 1]),
        How::Flipped => Matrix::new(data, (rows * cols).saturating_sub(1), size, [-c, -1]),
        How::Every => Matrix::new(data, 1, size, [2 * c, 2]),
        How::Row => Matrix::new(data, 0, size, [0, 1]),
        How::Column => Matrix::new(data, 0, size, [1, 0]),
    }
}

fn room(rows: usize, cols: usize) -> usize {
    2 * rows * cols + 3 * rows + 8
}

/// Where an element of a matrix lies, by the definition of strides alone.
fn place(how: How, rows: usize, cols: usize, i: usize, j: usize) -> usize {
    match how {
        How::Rows => i * cols + j,
        How::Columns => i + j * rows,
        How::Padded => 2 + i * (cols + 3) + j,
        How::Flipped => rows * cols - 1 - i * cols - j,
        How::Every => 1 + 2 * i * cols + 2 * j,
        How::Row => j,
        How::Column => i,
    }
}

fn element<T: Float>(how: How, rows: usize, cols: usize, data: &[T], i: usize, j: usize) -> f64 {
    data[place(how, rows, cols, i, j)].to_f64()
}

fn activate(x: f64, activation: Option<Activation>) -> f64 {
    match activation {
        None => x,
        Some(Activation::Relu) => x.max(0.0),
        Some(Activation::Tanh) => x.tanh(),
        Some(Activation::Sigmoid) => 1.0 / (1.0 + (-x).exp()),
    }
}

/// One product against three loops in `f64`.
fn against_definition<T: Float>(
    [m, k, n]: [usize; 3],
    (left, right): (How, How),
    epilogue: impl for<'a> Fn(&'a [T], &'a [T]) -> Epilogue<'a, T>,
) {
    let (a, b) = (noise::<T>(room(m, k), 1), noise::<T>(room(k, n), 2));
    let (row, column) = (noise::<T>(n, 3), noise::<T>(m, 4));
    let epilogue = epilogue(&row, &column);
    let row_stride = n + 2;
    let old = noise::<T>(m * row_stride, 5);
    let mut c = old.clone();
    if !epilogue.accumulate {
        // What C holds must not matter, not even NaN.
        for i in 0..m {
            c[i * row_stride..i * row_stride + n].fill(T::from_f64(f64::NAN));
        }
    }
    product(lay(left, m, k, &a), lay(right, k, n, &b), &mut c, row_stride, &epilogue);
    for i in 0..m {
        for j in 0..n {
            let (mut sum, mut size) = (0.0, 1.0);
            for p in 0..k {
                let term = element(left, m, k, &a, i, p) * element(right, k, n, &b, p, j);
                sum += term;
                size += term.abs();
            }
            sum *= epilogue.scale.to_f64();
            if epilogue.accumulate {
                sum += old[i * row_stride + j].to_f64();
            }
            sum += match epilogue.bias {
                Bias::None => 0.0,
                Bias::Row(row) => row[j].to_f64(),
                Bias::Column(column) => column[i].to_f64(),
            };
            let want = activate(sum, epilogue.activation);
            let got = c[i * row_stride + j].to_f64();
            // Half an epsilon a step, at the very worst: the terms of a repeated row all round the same way.
            let bound = (4.0 + k as f64 / 2.0) * T::EPSILON.to_f64() * size;
            assert!(
                (got - want).abs() <= bound,
                "{m} x {k} x {n}, {left:?} {right:?}, [{i}, {j}]: {got}, not {want} (+- {bound:e})"
            );
        }
        let gap = i * row_stride + n..(i + 1) * row_stride;
        assert_eq!(c[gap.clone()], old[gap], "{m} x {k} x {n}: what lies between the rows of C was written");
    }
}

mod cases {
    pub(super) use super::far::{far_matrices_change_no_bit, few_rows_of_a_far_matrix};
    pub(super) use super::random::products_at_random;
    pub(super) use super::wide::{products_of_many_columns, shared_columns_that_are_packed};
    use super::*;

    pub(super) fn sizes_around_every_tile_edge<T: Float>() {
        for m in [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 20, 24, 25, 37] {
            for n in [0, 1, 3, 4, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 50] {
                for k in [0, 1, 2, 9] {
                    against_definition::<T>([m, k, n], (How::Rows, How::Rows), |_, _| Epilogue::PLAIN);
                }
            }
        }
    }

    pub(super) fn several_blocks<T: Float>() {
        for [m, k, n] in [
            [13, 321, 40],
            [5, 641, 7],
            [70, 333, 70],
            [14, 160, 33],
            [30, 700, 200],
            [3, 1000, 1],
            [1, 999, 65],
        ] {
            for layouts in [(How::Rows, How::Rows), (How::Columns, How::Columns), (How::Columns, How::Rows)] {
                against_definition::<T>([m, k, n], layouts, |_, _| Epilogue::PLAIN);
                against_definition::<T>([m, k, n], layouts, |row, _| Epilogue {
                    accumulate: true,
                    scale: T::from_f64(0.5),
                    bias: Bias::Row(row),
                    activation: Some(Activation::Relu),
                });
            }
        }
    }

    pub(super) fn any_strides<T: Float>() {
        for left in ALL {
            for right in ALL {
                for size in [[13, 9, 37], [5, 20, 10], [40, 17, 3], [1, 8, 33], [26, 40, 130]] {
                    against_definition::<T>(size, (left, right), |_, _| Epilogue::PLAIN);
                }
            }
        }
    }

    pub(super) fn every_epilogue<T: Float>() {
        for size in [[5, 7, 35], [30, 3, 4], [13, 0, 9], [3, 400, 20]] {
            for layouts in [(How::Rows, How::Rows), (How::Columns, How::Columns)] {
                for accumulate in [false, true] {
                    for activation in
                        [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Sigmoid)]
                    {
                        for bias in 0..3 {
                            against_definition::<T>(size, layouts, |row, column| Epilogue {
                                accumulate,
                                scale: T::from_f64(if bias == 0 { 1.0 } else { -1.5 }),
                                bias: [Bias::None, Bias::Row(row), Bias::Column(column)][bias],
                                activation,
                            });
                        }
                    }
                }
            }
        }
    }

    /// The bits of one row depend neither on how many others there are nor on how B lies.
    pub(super) fn bits_do_not_depend_on_the_cut<T: Float>() {
        for k in [1, 10, 333, 1000] {
            for n in [1, 5, 10, 33, 64] {
                let m = 61;
                let (a, b) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2));
                let turned: Vec<T> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
                let a_turned: Vec<T> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
                let mut whole = vec![T::ZERO; m * n];
                let b = Matrix::row_major(&b, k, n);
                product(Matrix::row_major(&a, m, k), b, &mut whole, n, &Epilogue::PLAIN);
                for rows in [1, 2, 7, 12, 13, 24, 60] {
                    let mut part = vec![T::ZERO; rows * n];
                    product(Matrix::row_major(&a, rows, k), b, &mut part, n, &Epilogue::PLAIN);
                    assert_eq!(part, whole[..rows * n], "{rows} of {m} rows, k = {k}, n = {n}");
                }
                for (left, right) in [
                    (Matrix::row_major(&a, m, k), Matrix::row_major(&turned, n, k).transposed()),
                    (Matrix::row_major(&a_turned, k, m).transposed(), b),
                    (
                        Matrix::row_major(&a_turned, k, m).transposed(),
                        Matrix::row_major(&turned, n, k).transposed(),
                    ),
                ] {
                    let mut same = vec![T::ZERO; m * n];
                    product(left, right, &mut same, n, &Epilogue::PLAIN);
                    assert_eq!(same, whole, "transposed operands, k = {k}, n = {n}");
                }
            }
        }
    }

    /// Folding, sharing and threads change no bit.
    pub(super) fn batches_equal_separate_products<T: Float>() {
        for [count, m, k, n] in
            [[3, 5, 7, 9], [1, 4, 4, 4], [7, 20, 50, 10], [4, 64, 333, 40], [5, 1, 100, 33], [2, 30, 0, 3]]
        {
            let (a, b) = (noise::<T>(count * m * k, 1), noise::<T>(count * k * n, 2));
            let column = noise::<T>(m, 3);
            for (share_a, share_b) in [(false, false), (true, false), (false, true), (true, true)] {
                for (a_turned, b_turned) in [(false, false), (true, false), (false, true)] {
                    for (bias, gap) in [(Bias::None, 0), (Bias::None, 3), (Bias::Column(&column), 0)] {
                        let epilogue = Epilogue { bias, ..Epilogue::PLAIN };
                        let of = |data, turned: bool, rows: usize, cols: usize| {
                            let turned_strides = [1, rows as isize];
                            let strides = if turned { turned_strides } else { [cols as isize, 1] };
                            Matrix::new(data, 0, [rows, cols], strides)
                        };
                        let stack = |data, shared: bool, turned, rows: usize, cols: usize| {
                            let stride = if shared { 0 } else { (rows * cols) as isize };
                            Stack::new(of(data, turned, rows, cols), count, stride)
                        };
                        let each = m * n + gap;
                        let mut together = vec![T::ONE; count * each];
                        product_batched(
                            stack(&a, share_a, a_turned, m, k),
                            stack(&b, share_b, b_turned, k, n),
                            &mut together,
                            [each, n],
                            &epilogue,
                        );
                        for i in 0..count {
                            let mut one = vec![T::ZERO; m * n];
                            let a = if share_a { &a[..] } else { &a[i * m * k..] };
                            let b = if share_b { &b[..] } else { &b[i * k * n..] };
                            product(of(a, a_turned, m, k), of(b, b_turned, k, n), &mut one, n, &epilogue);
                            let (got, between) = together[i * each..(i + 1) * each].split_at(m * n);
                            assert_eq!(one, got, "{count} x {m} x {k} x {n}: {i}");
                            assert!(
                                between.iter().all(|&x| x == T::ONE),
                                "between matrices {i} and {}",
                                i + 1
                            );
                        }
                    }
                }
            }
        }
    }

    pub(super) fn threads_change_no_bit<T: Float>() {
        for [m, k, n] in [[200, 300, 150], [10, 5000, 40], [300, 64, 20]] {
            let (a, b) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2));
            let with = |threads| {
                let mut c = vec![T::ZERO; m * n];
                crate::parallel::with_threads(threads, || {
                    product(
                        Matrix::row_major(&a, m, k),
                        Matrix::row_major(&b, k, n),
                        &mut c,
                        n,
                        &Epilogue::PLAIN,
                    );
                });
                c
            };
            let one = with(1);
            for threads in [2, 3, 5] {
                assert_eq!(with(threads), one, "{threads} threads");
            }
        }
    }

    /// Blocks of k on several threads, for one tile of C or a few.
    pub(super) fn blocks_of_k_change_no_bit<T: Float>() {
        for [m, k, n] in [[10, 60_001, 10], [1, 400_000, 1], [3, 20_000, 90], [70, 9000, 2], [1, 70_000, 20]]
        {
            let (a, b) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2));
            let (old, column, row) = (noise::<T>(m * (n + 3), 3), noise::<T>(m, 4), noise::<T>(n, 5));
            let scaled = Epilogue { scale: T::from_f64(-0.7), ..Epilogue::ADD };
            let biased = Epilogue { bias: Bias::Column(&column), ..Epilogue::ADD };
            let all = Epilogue { bias: Bias::Row(&row), activation: Some(Activation::Tanh), ..scaled };
            let scaled = Epilogue { accumulate: false, ..scaled };
            for (of_a, of_b) in [(How::Rows, How::Rows), (How::Columns, How::Rows), (How::Rows, How::Columns)]
            {
                for epilogue in [Epilogue::PLAIN, scaled, biased, all] {
                    let with = |threads| {
                        let mut c = old.clone();
                        crate::parallel::with_threads(threads, || {
                            product(lay(of_a, m, k, &a), lay(of_b, k, n, &b), &mut c, n + 3, &epilogue);
                        });
                        c
                    };
                    let one = with(1);
                    for threads in [2, 3, 8] {
                        assert!(with(threads) == one, "{threads} threads, {m} x {k} x {n}, {epilogue:?}");
                    }
                }
            }
        }
        // Three products on eight threads, one after the other.
        let (k, count) = (200_000, 3);
        let (a, b) = (noise::<T>(count * k, 1), noise::<T>(count * k, 2));
        let with = |threads| {
            let mut c = vec![T::ZERO; count];
            crate::parallel::with_threads(threads, || {
                let a = Stack::new(Matrix::row_major(&a, 1, k), count, k as isize);
                let b = Stack::new(Matrix::row_major(&b, k, 1), count, k as isize);
                product_batched(a, b, &mut c, [1, 1], &Epilogue::PLAIN);
            });
            c
        };
        assert_eq!(with(1), with(8));
    }

    /// Infinities and NaN go where the definition sends them, and nowhere else.
    pub(super) fn special_numbers_stay_in_their_row<T: Float>() {
        let (m, k, n) = (27, 20, 41);
        let mut a = noise::<T>(m * k, 1);
        a[5 * k + 3] = T::INFINITY;
        a[9 * k + 3] = T::from_f64(f64::NAN);
        let b = noise::<T>(k * n, 2);
        for turned in [false, true] {
            let mut c = vec![T::from_f64(f64::NAN); m * n];
            let b_turned: Vec<T> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
            let b = if turned {
                Matrix::row_major(&b_turned, n, k).transposed()
            } else {
                Matrix::row_major(&b, k, n)
            };
            product(Matrix::row_major(&a, m, k), b, &mut c, n, &Epilogue::PLAIN);
            for (i, row) in c.chunks(n).enumerate() {
                let finite = row.iter().all(|x| x.is_finite());
                assert_eq!(finite, i != 5 && i != 9, "row {i}");
                assert!(i != 5 || row.iter().all(|x| x.to_f64().is_infinite()));
                assert!(i != 9 || row.iter().all(|x| x.to_f64().is_nan()));
            }
        }
    }
}

at_each!(sizes_around_every_tile_edge);
at_each!(several_blocks);
at_each!(any_strides);
at_each!(every_epilogue);
at_each!(bits_do_not_depend_on_the_cut);
at_each!(batches_equal_separate_products);
at_each!(threads_change_no_bit);
at_each!(blocks_of_k_change_no_bit);
at_each!(special_numbers_stay_in_their_row);
at_each!(few_rows_of_a_far_matrix);
at_each!(far_matrices_change_no_bit);
at_each!(products_at_random);
at_each!(products_of_many_columns);
at_each!(shared_columns_that_are_packed);

#[test]
#[should_panic(expected = "leaves its")]
fn a_matrix_outside_its_slice_is_refused() {
    Matrix::new(&[0.0f32; 5], 0, [2, 3], [3, 1]);
}

#[test]
#[should_panic(expected = "leaves its")]
fn a_flipped_matrix_outside_its_slice_is_refused() {
    Matrix::new(&[0.0f32; 6], 4, [2, 3], [-3, -1]);
}

#[test]
fn counting_the_work_overflows_nothing() {
    use crate::simd::Scalar;
    // Of one number repeated: as much work, with nothing stored, as a machine of 32 bits may be asked for in 1700^3.
    let large = Matrix::new(&[1.0f32], 0, [1 << (usize::BITS / 2 - 1); 2], [0; 2]);
    assert!(!plan::turned_is_cheaper::<f32, Scalar>(Scalar, &large, &large));
}

#[test]
fn a_batch_is_shared_out_where_one_product_cannot_be() {
    use crate::simd::Scalar;
    // Tiles of 4 x 4 numbers.
    let alone =
        |threads, count, sides| plan::one_after_the_other::<f32, Scalar>(Scalar, threads, count, sides);
    assert!(alone(2, 64, [500, 500, 500]) && alone(8, 3, [500, 500, 500]));
    assert!(!alone(2, 64, [4, 1 << 20, 4]), "one tile each: the threads would have one task");
    assert!(!alone(8, 64, [4, 1 << 20, 12]), "three tiles each");
    assert!(alone(8, 3, [4, 1 << 20, 4]), "one tile each, but blocks of k");
    assert!(!alone(8, 3, [4, 1 << 12, 4]), "not enough blocks of k");
    assert!(alone(8, 3, [4, 1 << 20, 12]) && alone(8, 1, [4, 1 << 20, 4]), "no worse than the batch");
    assert!(!alone(2, 64, [30, 30, 30]), "too small to be cut");
    for tasks in 1..9 {
        for sides in [[4, 4], [9, 100], [100, 9], [64, 64]] {
            let (down, across) = plan::grid::<f32, Scalar>(Scalar, tasks, sides);
            let tiles = sides.map(|side| side.div_ceil(4));
            assert!(
                down * across <= tasks && (1..=tiles[0]).contains(&down) && (1..=tiles[1]).contains(&across)
            );
            assert!(down * across == tasks || tiles[0].max(tiles[1]) < tasks);
        }
    }
}

/// The product of microcontrollers has no test of its own there: here it must give every bit of the scalar path.
#[test]
#[cfg(feature = "std")]
fn the_small_product_has_the_bits_of_the_scalar_path() {
    use crate::kernel::product::{plan::Many, plan::One, small, target::Disjoint};
    use crate::simd;
    let numbers: Vec<f32> = (0..2000).map(|i| ((i * 37 % 101) as f32 - 50.0) / 17.0).collect();
    let bias: Vec<f32> = (0..40).map(|i| (i as f32 - 19.5) / 7.0).collect();
    simd::at_each_level(|level| {
        if level != simd::Level::Scalar {
            return;
        }
        for (m, k, n) in [(1, 1, 1), (1, 16, 16), (3, 5, 4), (5, 7, 6), (2, 400, 3), (4, 0, 5), (7, 193, 1)] {
            for (turned, accumulate, scale) in [(false, false, 1.0), (true, false, 0.5), (true, true, 1.0)] {
                for activation in
                    [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Sigmoid)]
                {
                    for bias in [Bias::None, Bias::Row(&bias[..n]), Bias::Column(&bias[..m])] {
                        let epilogue = Epilogue { accumulate, scale, bias, activation };
                        let a = Matrix::row_major(&numbers, m, k);
                        let b = match turned {
                            true => Matrix::row_major(&numbers[7..], n, k).transposed(),
                            false => Matrix::row_major(&numbers[7..], k, n),
                        };
                        let (mut expected, mut found) = (vec![0.25; m * n], vec![0.25; m * n]);
                        product(a, b, &mut expected, n, &epilogue);
                        let c = Disjoint(found.as_mut_ptr());
                        small::one(&One { a: &a, b: &b, c, row_stride: n, k, epilogue: &epilogue });
                        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                        assert_eq!(bits(&found), bits(&expected), "{m} {k} {n} {turned} {epilogue:?}");
                        // And as the second of two that share their right operand.
                        let (a, b) = (Stack::new(a, 2, 0), Stack::new(b, 2, 0));
                        let mut both = vec![0.25; 2 * m * n];
                        let (c, stride) = (Disjoint(both.as_mut_ptr()), m * n);
                        small::many(&Many { a, b, c, stride, row_stride: n, k, epilogue: &epilogue });
                        assert_eq!(
                            bits(&both[m * n..]),
                            bits(&expected),
                            "{m} {k} {n} {turned} {epilogue:?}"
                        );
                    }
                }
            }
        }
    });
}
