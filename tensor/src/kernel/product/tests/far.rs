//! Products of few rows with a B that the second-level cache has no room for: streamed, packed, or turned as it comes.

use super::*;

/// Sizes of B for which `f32` too is far away at every level; the rows of the second lie pages apart.
const FAR: [[usize; 2]; 2] = [[270, 1003], [270, 2100]];

fn scaled<'a, T: Float>(row: &'a [T], _: &'a [T]) -> Epilogue<'a, T> {
    Epilogue {
        accumulate: true,
        scale: T::from_f64(-0.7),
        bias: Bias::Row(row),
        activation: Some(Activation::Tanh),
    }
}

pub(super) fn few_rows_of_a_far_matrix<T: Float>() {
    for [k, n] in FAR {
        let apart = n > 2000;
        for m in if apart { 9..=13 } else { 1..=9 } {
            against_definition::<T>([m, k, n], (How::Rows, How::Padded), |_, _| Epilogue::PLAIN);
        }
        for m in if apart { [9, 11] } else { [3, 8] } {
            against_definition::<T>([m, k, n], (How::Columns, How::Rows), scaled);
            // C is turned: a far left operand and few columns.
            against_definition::<T>([n, k, m], (How::Columns, How::Rows), scaled);
        }
    }
    // Turned as it comes, by more blocks of k than A has room for in the first-level cache, and by fewer.
    for m in [1, 5, 12] {
        against_definition::<T>([m, 2100, 50], (How::Rows, How::Columns), |_, _| Epilogue::PLAIN);
        against_definition::<T>([m, 2100, 50], (How::Every, How::Columns), scaled);
        against_definition::<T>([50, 2100, m], (How::Rows, How::Every), scaled);
    }
}

/// Neither the number of rows nor that of threads.
pub(super) fn far_matrices_change_no_bit<T: Float>() {
    let [m, k, n] = [13, 300, 2100];
    let (a, b) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2));
    let of = |rows: usize, threads: usize| {
        let mut c = vec![T::ZERO; rows * n];
        crate::parallel::with_threads(threads, || {
            let (a, b) = (Matrix::row_major(&a, rows, k), Matrix::row_major(&b, k, n));
            product(a, b, &mut c, n, &Epilogue::PLAIN);
        });
        c
    };
    let whole = of(m, 1);
    for rows in [1, 4, 7, 9] {
        for threads in [1, 2, 3] {
            assert_eq!(of(rows, threads), whole[..rows * n], "{rows} rows, {threads} threads");
        }
    }
}
