//! Products between pages that may not be touched, with all that is done to them on the way, alone and in batches.

use super::super::super::product::{Activation, Bias, Epilogue, Matrix, Stack, product, product_batched};
use super::*;

fn of<T: Float>(data: &[T], turned: bool, rows: usize, columns: usize) -> Matrix<'_, T> {
    let strides = if turned { [1, rows as isize] } else { [columns as isize, 1] };
    Matrix::new(data, 0, [rows, columns], strides)
}

const TURNED: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];
const ACTIVATIONS: [Option<Activation>; 4] =
    [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Sigmoid)];

pub(super) fn alone<T: Float>() {
    for [m, k, n] in [
        [1, 5, 7],
        [1, 40, 67],
        [3, 17, 33],
        [13, 20, 31],
        [26, 230, 5],
        [30, 33, 70],
        [5, 9, 1],
        [1, 1, 1],
        // Several blocks of k.
        [3, 600, 20],
        [35, 300, 3],
        // Few rows, and a right operand that is read where it lies although the first level does not hold it.
        [40, 300, 70],
        [64, 200, 150],
        [20, 600, 33],
    ] {
        let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
        let (row, column) = (numbers::<T>(n, 3), numbers::<T>(m, 4));
        for (left, right) in TURNED {
            let what = &format!("{m} x {k} x {n}, {left}, {right}");
            for epilogue in [Epilogue::PLAIN, Epilogue::ADD] {
                fenced(&[&a, &b], m * n, what, |x, out| {
                    product(of(x[0], left, m, k), of(x[1], right, k, n), out, n, &epilogue);
                });
                // Rows of C with gaps between them, and none behind the last.
                fenced(&[&a, &b], (m - 1) * (n + 3) + n, what, |x, out| {
                    product(of(x[0], left, m, k), of(x[1], right, k, n), out, n + 3, &epilogue);
                });
            }
            for activation in ACTIVATIONS {
                let scaled = Epilogue { scale: T::from_f64(-0.5), activation, ..Epilogue::ADD };
                fenced(&[&a, &b, &row], m * n, what, |x, out| {
                    let epilogue = Epilogue { bias: Bias::Row(x[2]), activation, ..Epilogue::PLAIN };
                    product(of(x[0], left, m, k), of(x[1], right, k, n), out, n, &epilogue);
                });
                fenced(&[&a, &b, &column], m * n, what, |x, out| {
                    let epilogue = Epilogue { bias: Bias::Column(x[2]), ..scaled };
                    product(of(x[0], left, m, k), of(x[1], right, k, n), out, n, &epilogue);
                });
            }
        }
    }
}

pub(super) fn batched<T: Float>() {
    // Products too small to be packed, and such whose shared operand is packed once for all.
    for [count, m, k, n] in [[3, 5, 7, 9], [2, 1, 33, 17], [4, 13, 40, 33], [3, 20, 300, 5], [1, 4, 4, 4]] {
        let (a, b) = (numbers::<T>(count * m * k, 1), numbers::<T>(count * k * n, 2));
        let (row, column) = (numbers::<T>(n, 3), numbers::<T>(m, 4));
        for ((left, right), gap) in TURNED.into_iter().flat_map(|turned| [(turned, 0), (turned, 3)]) {
            for (share_a, share_b) in [(false, false), (true, false), (false, true), (true, true)] {
                let what = &format!("{count} of {m} x {k} x {n}, {left}, {right}, {share_a}, {share_b}");
                let a = if share_a { &a[..m * k] } else { &a };
                let b = if share_b { &b[..k * n] } else { &b };
                let each = m * n + gap;
                let run = |x: &[&[T]], out: &mut [T], epilogue: &Epilogue<'_, T>| {
                    let stride = |shared: bool, len: usize| if shared { 0 } else { len as isize };
                    let a = Stack::new(of(x[0], left, m, k), count, stride(share_a, m * k));
                    let b = Stack::new(of(x[1], right, k, n), count, stride(share_b, k * n));
                    product_batched(a, b, out, [each, n], epilogue);
                };
                let len = (count - 1) * each + m * n;
                fenced(&[a, b], len, what, |x, out| run(x, out, &Epilogue::PLAIN));
                fenced(&[a, b, &row], len, what, |x, out| {
                    let activation = Some(Activation::Tanh);
                    run(x, out, &Epilogue { bias: Bias::Row(x[2]), activation, ..Epilogue::PLAIN });
                });
                fenced(&[a, b, &column], len, what, |x, out| {
                    run(x, out, &Epilogue { bias: Bias::Column(x[2]), ..Epilogue::ADD });
                });
            }
        }
    }
}
