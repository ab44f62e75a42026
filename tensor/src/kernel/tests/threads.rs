//! Kernels give the same bits for any number of threads, where there is work for several.

use super::super::*;
use super::*;
use crate::{Axes, Window};
use alloc::format;
use reduce::Fold;
use row_norm::RowNorm;
use softmax::Normal;

/// The bits of `work` with one thread, which must be those with two and with five.
fn unseen<T: Float>(len: usize, what: &str, work: impl Fn(&mut [T]) + Sync) {
    let run = |threads| {
        let mut out = unwritten::<T>(len);
        parallel::with_threads(threads, || work(&mut out));
        bits(&out)
    };
    let one = run(1);
    for threads in [2, 5] {
        assert!(run(threads) == one, "{what} with {threads} threads");
    }
}

fn rows<T: Float>() {
    for [count, width] in [[1, 140_001], [3, 70_001], [700, 77], [20_003, 3]] {
        let len = count * width;
        let layout = Layout::contiguous(shape(&[count, width]));
        let turned = Layout::contiguous(shape(&[width, count])).transpose(0, 1).unwrap();
        let (x, g) = (numbers::<T>(len, 1), numbers::<T>(len, 2));
        let (w, labels) =
            (numbers::<T>(width, 3), (0..count).map(|i| (i % width) as u32).collect::<Vec<_>>());
        for layout in [&layout, &turned] {
            let (x, g) = (View::new(&x, layout), View::new(&g, layout));
            for normal in [Normal::Softmax, Normal::LogSoftmax] {
                unseen(len, "softmax", |out| softmax::normalise(normal, x, width, out));
                unseen(len, "its gradient", |out| softmax::normalise_grad(normal, x, g, width, out));
            }
            for labels in [None, Some(&labels[..])] {
                unseen(count, "log_sum_exp", |out| softmax::log_sum_exp(x, labels, width, out));
                let g = &g.data()[..count];
                unseen(len, "its gradient", |out| softmax::log_sum_exp_grad(x, labels, g, width, out));
            }
            for centred in [true, false] {
                let (norm, own) = (RowNorm { epsilon: 1e-5, centred }, Some(&w[..]));
                unseen(len, "row_norm", |out| row_norm::row_norm(norm, x, own, own, width, out));
                unseen(len, "its gradient", |out| row_norm::row_norm_grad(norm, x, g, own, width, out));
                unseen(width, "of its weight", |out| row_norm::row_norm_weight(norm, x, g, width, out));
            }
            for (len, inner) in [(width, 1), (count, width)] {
                for reversed in [false, true] {
                    let out = |out: &mut [T]| cumulative::running_sum(x, reversed, len, inner, out);
                    unseen(x.layout().len(), "running sums", out);
                }
            }
        }
    }
}

/// Few results, each of many numbers: long runs, many short ones (so many that not all results are taken at once), and rows added up.
fn sums<T: Float>() {
    for (lengths, axes) in [
        (&[90_000][..], &[0][..]),
        (&[64, 10, 600], &[0, 2]),
        (&[3, 5, 40_000], &[0, 2]),
        (&[9_000, 15, 5], &[0, 2]),
        (&[40_000, 3, 2], &[0, 2]),
        (&[9_001, 5], &[0]),
        (&[3, 20_000, 7], &[1]),
        (&[2, 9_000, 700], &[1]),
    ] {
        let layout = Layout::contiguous(shape(lengths));
        let x = numbers::<T>(layout.len(), 1);
        let all: usize = axes.iter().map(|&axis| lengths[axis]).product();
        let axes = axes.iter().fold(Axes::NONE, |axes, &axis| axes.and(axis));
        for fold in [Fold::Sum, Fold::Max] {
            let what = format!("{fold:?} of {lengths:?}");
            unseen(x.len() / all, &what, |out| reduce::reduce(fold, View::new(&x, &layout), axes, out));
        }
    }
}

fn windows<T: Float>() {
    let pad = [[1, 1], [1, 1]];
    for (window, planes) in [
        (Window::new([250, 260], [2, 2]).stride([2, 2]), 3),
        (Window::new([251, 259], [3, 3]).stride([2, 2]).pad(pad), 1),
        (Window::new([40, 41], [3, 2]), 90),
        (Window::new([20, 20], [2, 2]).stride([3, 3]), 300),
        (Window::new([700, 90], [5, 2]).stride([1, 3]).dilation([3, 1]), 1),
    ] {
        let output = window.output("pool").unwrap();
        let (len, count) = (planes * window.input[0] * window.input[1], planes * output[0] * output[1]);
        let (x, g) = (numbers::<T>(len, 1), numbers::<T>(count, 2));
        unseen(count, "max_pool", |out| pool::max_pool_gather(&x, &x, &window, output, out));
        let tangent = numbers::<T>(len, 3);
        unseen(count, "its tangent", |out| pool::max_pool_gather(&x, &tangent, &window, output, out));
        unseen(len, "its gradient", |out| pool::max_pool_scatter(&x, &g, &window, output, out));
        unseen(count, "mean_pool", |out| pool::mean_pool(&x, &window, output, out));
        unseen(len, "its gradient", |out| pool::mean_pool_transpose(&g, &window, output, out));
    }
}

fn places<T: Float>() {
    let (len, picked, inner) = (50, 4000, 33);
    let index: Vec<u32> = (0..picked).map(|k| (k * 31 % len) as u32).collect();
    let g = numbers::<T>(picked * inner, 1);
    unseen(len * inner, "scatter_add", |out| index::scatter_add(&g, &index, len, inner, out));
    // Few results of many rows, and one of single numbers.
    for (len, picked, inner, outer) in [(2, 60_000, 5, 1), (1, 90_001, 1, 2), (300, 9000, 20, 3)] {
        let index: Vec<u32> = (0..picked as u64).map(|k| (k * k * 31 % len as u64) as u32).collect();
        let g = numbers::<T>(outer * picked * inner, 1);
        unseen(outer * len * inner, "scatter_add", |out| index::scatter_add(&g, &index, len, inner, out));
    }
    let x = numbers::<T>(90_000, 2);
    let layout = Layout::contiguous(shape(&[x.len()]));
    unseen(x.len(), "dropout", |out| dropout::dropout(View::new(&x, &layout), 0.3, 7, out));
    for width in [90_000, 300] {
        let order = sort::Sort { descending: true, keep: width };
        unseen(x.len(), "sort", |out| sort::sort_gather(order, &x, &x, width, out));
    }
}

#[test]
fn threads_change_no_bit() {
    at_each_level(|_| {
        rows::<f32>();
        rows::<f64>();
        sums::<f32>();
        sums::<f64>();
        windows::<f32>();
        windows::<f64>();
        places::<f32>();
        places::<f64>();
    });
}

#[test]
fn pieces_are_equal_and_few_are_as_many_for_each_of_two_threads() {
    for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 92_160, 401_408, 15 * PIECE + 7, 535_818, 10_000_000] {
        let piece = piece(len);
        assert!(
            0 < piece && piece <= PIECE.next_multiple_of(64) && piece.is_multiple_of(64),
            "{len}: {piece}"
        );
        let (pieces, last) = (len.div_ceil(piece), len - len.saturating_sub(1) / piece * piece);
        assert_eq!(len <= PIECE, pieces <= 1, "{len}: what one task was worth, it is");
        assert!(pieces <= 1 || pieces.is_multiple_of(2), "{len} in {pieces}");
        assert!(
            pieces <= 1 || last + 64 * pieces > piece,
            "{len}: the last of {pieces} is {last} of {piece}"
        );
    }
}
