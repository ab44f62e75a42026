//! Pools within pools, pools of others, and threads that run kernels at once: the bits of one thread.

use super::super::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use super::super::product::{Epilogue, Matrix, product};
use super::super::*;
use super::*;
use crate::{Axes, Window};
use row_norm::RowNorm;
use softmax::Normal;

/// Operands of kernels that share their work out in every way there is: pieces of the result, partial sums, packed panels, chunks
/// of samples, strips and stretches.
struct Work {
    numbers: Vec<f32>,
    conv: Conv,
}

/// Rows of so many numbers: longer than a stretch.
const WIDTH: usize = 70_001;

impl Work {
    fn new() -> Self {
        let window = Window::new([40, 41], [3, 3]).pad([[1, 1], [1, 1]]);
        Self { numbers: numbers(3 * WIDTH, 1), conv: Conv::new(window, [3, 17, 16], 1, "conv2d").unwrap() }
    }

    /// The bits of all results, one after the other.
    fn results(&self) -> Vec<u64> {
        let layout = Layout::contiguous(shape(&[3, WIDTH]));
        let x = View::new(&self.numbers, &layout);
        let mut all = Vec::new();
        let mut result = |len: usize, work: &dyn Fn(&mut [f32])| {
            let mut out = unwritten(len);
            work(&mut out);
            all.extend(bits(&out));
        };
        let norm = RowNorm { epsilon: 1e-5, centred: true };
        result(x.layout().len(), &|out| softmax::normalise(Normal::Softmax, x, WIDTH, out));
        result(x.layout().len(), &|out| row_norm::row_norm_grad(norm, x, x, None, WIDTH, out));
        result(WIDTH, &|out| row_norm::row_norm_weight(norm, x, x, WIDTH, out));
        result(3, &|out| reduce::reduce(reduce::Fold::Sum, x, Axes::NONE.and(1), out));
        result(x.layout().len(), &|out| cumulative::running_sum(x, false, 3, WIDTH, out));
        result(x.layout().len(), &|out| dropout::dropout(x, 0.3, 7, out));
        result(200 * 150, &|out| {
            let [a, b] = [(200, 300), (300, 150)].map(|(m, n)| Matrix::row_major(&self.numbers, m, n));
            product(a, b, out, 150, &Epilogue::PLAIN);
        });
        // Few results of many k, and of many rows.
        result(100, &|out| {
            let [a, b] = [(10, 20_000), (20_000, 10)].map(|(m, n)| Matrix::row_major(&self.numbers, m, n));
            product(a, b, out, 10, &Epilogue::PLAIN);
        });
        let index: Vec<u32> = (0..40_000).map(|k| k * 31 % 7).collect();
        result(7 * 5, &|out| index::scatter_add(&self.numbers[..40_000 * 5], &index, 7, 5, out));
        let conv = &self.conv;
        let [x, w, dy] =
            [conv.x_len(), conv.w_len(), conv.y_len()].map(|len| &self.numbers[self.numbers.len() - len..]);
        result(conv.y_len(), &|out| conv_forward(conv, x, w, out, None, None));
        result(conv.x_len(), &|out| conv_input_grad(conv, w, dy, out));
        result(conv.w_len(), &|out| conv_weight_grad(conv, 1, x, dy, out));
        let mut gram = [0.0; 9];
        gram::gram(&self.numbers, 3, &mut gram);
        all.extend(gram.map(f64::to_bits));
        all.push(gram::dot(&self.numbers, &self.numbers).to_bits());
        all
    }
}

/// How many threads there are, where there can be several.
fn there_are(threads: usize) {
    let expected = if cfg!(feature = "rayon") { threads } else { 1 };
    assert_eq!(parallel::threads(), expected, "the number of threads was not honoured");
}

#[test]
fn a_pool_within_a_pool_changes_no_bit() {
    let work = Work::new();
    at_each_level(|level| {
        let one = parallel::with_threads(1, || work.results());
        for (outer, inner) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
            parallel::with_threads(outer, || {
                there_are(outer);
                parallel::with_threads(inner, || {
                    there_are(inner);
                    assert!(work.results() == one, "{inner} threads within {outer} at {level}");
                });
                there_are(outer);
                assert!(work.results() == one, "{outer} threads after {inner} at {level}");
            });
        }
        // Kernels that are themselves tasks of a kernel's pool, some with a pool of their own.
        parallel::with_threads(3, || {
            parallel::for_each(4, |task| {
                let found = match task % 2 {
                    0 => work.results(),
                    _ => parallel::with_threads(2, || work.results()),
                };
                assert!(found == one, "task {task} at {level}");
            });
        });
    });
}

#[cfg(feature = "rayon")]
#[test]
fn a_foreign_pool_changes_no_bit() {
    let (work, pools) = (Work::new(), [1, 2, 3].map(parallel::Foreign::new));
    at_each_level(|level| {
        let one = parallel::with_threads(1, || work.results());
        for (pool, threads) in pools.iter().zip(1..) {
            let (found, seen) = pool.install(|| (work.results(), parallel::threads()));
            assert!(found == one, "in a pool of {threads} at {level}");
            assert_eq!(seen, threads, "a kernel works in the pool that it is called from");
            for found in pool.join(|| work.results()) {
                assert!(found == one, "a task beside another of a pool of {threads} at {level}");
            }
            let found = pool.install(|| parallel::with_threads(2, || work.results()));
            assert!(found == one, "two threads within a pool of {threads} at {level}");
        }
    });
}

/// Threads of the system that share the pool of the process, and such that have pools of their own.
#[cfg(not(target_os = "wasi"))]
#[test]
fn threads_that_run_kernels_at_once_change_no_bit() {
    let work = Work::new();
    at_each_level(|level| {
        let one = parallel::with_threads(1, || work.results());
        for threads in [None, Some(1), Some(2)] {
            let start = std::sync::Barrier::new(2);
            let run = || {
                start.wait();
                (0..2).for_each(|_| {
                    let found = match threads {
                        None => work.results(),
                        Some(threads) => parallel::with_threads(threads, || work.results()),
                    };
                    assert!(found == one, "beside another thread, each with {threads:?}, at {level}");
                });
            };
            std::thread::scope(|scope| {
                let both = [scope.spawn(run), scope.spawn(run)];
                for thread in both {
                    thread.join().expect("the same bits");
                }
            });
        }
    });
}
