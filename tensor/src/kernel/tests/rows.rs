//! Reductions and softmax against their definitions.

use super::super::stretch::is_long;
use super::super::*;
use super::*;
use crate::Axes;

/// Sums over each set of axes, in double precision.
fn folded<T: Float>(x: &Case<T>, axes: Axes, fold: reduce::Fold) -> Vec<f64> {
    let kept = axes.remove_from("sum", x.layout.shape()).unwrap();
    let start = match fold {
        reduce::Fold::Sum => 0.0,
        reduce::Fold::Max => f64::NEG_INFINITY,
        reduce::Fold::Min => f64::INFINITY,
    };
    let mut out = [start].repeat(kept.len());
    let layout = Layout::contiguous(kept);
    for index in indices(x.layout.shape()) {
        let value = x.data[x.layout.place(&index).unwrap()].to_f64();
        let rest: Vec<usize> =
            index.iter().enumerate().filter(|(axis, _)| !axes.contains(*axis)).map(|(_, &i)| i).collect();
        let slot = &mut out[layout.place(&rest).unwrap()];
        *slot = match fold {
            reduce::Fold::Sum => *slot + value,
            _ if value.is_nan() || slot.is_nan() => f64::NAN,
            reduce::Fold::Max => slot.max(value),
            reduce::Fold::Min => slot.min(value),
        };
    }
    out
}

#[test]
fn reductions_are_their_definitions_and_the_same_for_every_layout() {
    fn check<T: Float>(tolerance: f64) {
        let mut cases = cases::<T>(10);
        cases.push(Case {
            name: "long rows",
            data: numbers(3 * 40_000, 11),
            layout: Layout::contiguous(shape(&[3, 40_000])),
        });
        cases.push(Case {
            name: "many rows",
            data: numbers(9_000 * 5, 12),
            layout: Layout::contiguous(shape(&[9_000, 5])),
        });
        cases.push(Case {
            name: "images",
            data: numbers(6 * 3 * 10 * 9, 13),
            layout: Layout::contiguous(shape(&[6, 3, 10, 9])),
        });
        let mut with_nan = numbers::<T>(20 * 70, 14);
        with_nan[333] = T::from_f64(f64::NAN);
        with_nan[777] = T::INFINITY;
        cases.push(Case { name: "with NaN", data: with_nan, layout: Layout::contiguous(shape(&[20, 70])) });
        everywhere(|| {
            for x in &cases {
                for set in 0u8..1 << x.layout.rank() {
                    let list: Vec<usize> =
                        (0..x.layout.rank()).filter(|&axis| set >> axis & 1 == 1).collect();
                    let axes = Axes::of("sum", &list, x.layout.shape()).unwrap();
                    for fold in [reduce::Fold::Sum, reduce::Fold::Max, reduce::Fold::Min] {
                        let what = alloc::format!("{fold:?} of {} over {axes:?}", x.name);
                        let expected = folded(x, axes, fold);
                        let mut out = unwritten::<T>(expected.len());
                        reduce::reduce(fold, x.view(), axes, &mut out);
                        // A sum is as accurate as the numbers in it are large.
                        let sizes = folded(&x.sizes(), axes, fold);
                        for ((&got, &exact), &size) in out.iter().zip(&expected).zip(&sizes) {
                            let (got, bound) = (
                                got.to_f64(),
                                if fold == reduce::Fold::Sum { tolerance * (size + 1.0) } else { 0.0 },
                            );
                            let same = got == exact
                                || (got.is_nan() && exact.is_nan())
                                || (got - exact).abs() <= bound;
                            assert!(same, "{what}: {got}, not {exact}");
                        }

                        let dense = x.elements();
                        let layout = Layout::contiguous(*x.layout.shape());
                        let mut again = unwritten::<T>(expected.len());
                        reduce::reduce(fold, View::new(&dense, &layout), axes, &mut again);
                        assert_eq!(bits(&out), bits(&again), "{what}: a view and its dense copy");
                    }
                }
            }
        });
    }
    check::<f32>(2e-6);
    check::<f64>(1e-13);
}

#[test]
fn reductions_do_not_see_threads_nor_a_stack_around_them() {
    let lengths = [3, 5_000, 7, 4];
    let data = numbers::<f32>(3 * 5_000 * 7 * 4, 15);
    at_each_level(|_| {
        for inner in [&[1][..], &[0], &[2], &[0, 2], &[1, 2], &[0, 1, 2]] {
            let stack = Layout::contiguous(shape(&lengths));
            let behind: Vec<usize> = inner.iter().map(|axis| axis + 1).collect();
            let axes = Axes::of("sum", &behind, stack.shape()).unwrap();
            let len = axes.remove_from("sum", stack.shape()).unwrap().len();
            let run = |threads| {
                let mut out = unwritten(len);
                parallel::with_threads(threads, || {
                    reduce::reduce(reduce::Fold::Sum, View::new(&data, &stack), axes, &mut out)
                });
                bits(&out)
            };
            let together = run(1);
            assert_eq!(together, run(2), "over {behind:?}");
            assert_eq!(together, run(5), "over {behind:?}");

            let one = Layout::contiguous(shape(&lengths[1..]));
            let axes = Axes::of("sum", inner, one.shape()).unwrap();
            let mut alone = Vec::new();
            for data in data.chunks(one.len()) {
                let mut out = unwritten(len / lengths[0]);
                reduce::reduce(reduce::Fold::Sum, View::new(data, &one), axes, &mut out);
                alone.extend(bits(&out));
            }
            assert_eq!(together, alone, "over {behind:?}");
        }
    });
}

#[test]
fn softmax_is_its_definition() {
    fn check<T: Float>(tolerance: f64) {
        everywhere(|| {
            for width in [1, 2, 3, 7, 8, 10, 16, 17, 31, 32, 33, 100, 1000, 70_001] {
                let tolerance = if is_long(width) { 20.0 * tolerance } else { tolerance };
                let rows = 5;
                let dense = Layout::contiguous(shape(&[rows, width]));
                let turned = Layout::contiguous(shape(&[width, rows])).transpose(0, 1).unwrap();
                let mut data = numbers::<T>(rows * width, width);
                if !is_long(width) {
                    data[0] = T::from_f64(80.0); // exp of it is near the end of the range
                }
                data[5 * width - 1] = T::from_f64(4.0);
                let g = numbers::<T>(rows * width, width + 1);
                for layout in [dense, turned] {
                    let x = Case { name: "x", data: data.clone(), layout };
                    let g = Case { name: "g", data: g.clone(), layout };
                    let (elements, cotangents) = (x.elements(), g.elements());
                    let (mut soft, mut log, mut sums) = (Vec::new(), Vec::new(), Vec::new());
                    let (mut soft_grad, mut log_grad) = (Vec::new(), Vec::new());
                    for (x, g) in elements.chunks(width).zip(cotangents.chunks(width)) {
                        let (x, g): (Vec<f64>, Vec<f64>) =
                            x.iter().zip(g).map(|(x, g)| (x.to_f64(), g.to_f64())).unzip();
                        let sum: f64 = x.iter().map(|x| x.exp()).sum();
                        let y: Vec<f64> = x.iter().map(|x| x.exp() / sum).collect();
                        let gy: f64 = g.iter().zip(&y).map(|(g, y)| g * y).sum();
                        let g_sum: f64 = g.iter().sum();
                        sums.push(T::from_f64(sum.ln()));
                        soft.extend(y.iter().map(|&y| T::from_f64(y)));
                        log.extend(x.iter().map(|x| T::from_f64(x - sum.ln())));
                        soft_grad.extend(g.iter().zip(&y).map(|(g, y)| T::from_f64(y * (g - gy))));
                        log_grad.extend(g.iter().zip(&y).map(|(g, y)| T::from_f64(g - y * g_sum)));
                    }
                    let what = alloc::format!("width {width}");
                    let mut out = unwritten(x.len());
                    softmax::normalise(softmax::Normal::Softmax, x.view(), width, &mut out);
                    close(&out, &soft, tolerance, &what);
                    let y = out.clone();
                    softmax::normalise_grad(
                        softmax::Normal::Softmax,
                        View::new(&y, &dense),
                        g.view(),
                        width,
                        &mut out,
                    );
                    close(&out, &soft_grad, 10.0 * tolerance, &what);
                    softmax::normalise(softmax::Normal::LogSoftmax, x.view(), width, &mut out);
                    close(&out, &log, tolerance, &what);
                    let y = out.clone();
                    softmax::normalise_grad(
                        softmax::Normal::LogSoftmax,
                        View::new(&y, &dense),
                        g.view(),
                        width,
                        &mut out,
                    );
                    close(&out, &log_grad, 30.0 * tolerance, &what);
                    let mut out = unwritten(rows);
                    softmax::log_sum_exp(x.view(), None, width, &mut out);
                    close(&out, &sums, tolerance, &what);
                }
            }
        });
    }
    check::<f32>(2e-6);
    check::<f64>(1e-13);
}

#[test]
fn softmax_survives_large_numbers_and_reports_nan() {
    let layout = Layout::contiguous(shape(&[4, 3]));
    let inf = f32::INFINITY;
    let x = [1e30, 1e30, -1e30, -inf, 0.0, -inf, f32::NAN, 0.0, 1.0, -inf, -inf, -inf];
    everywhere(|| {
        let mut out = [9.0f32; 12];
        softmax::normalise(softmax::Normal::Softmax, View::new(&x, &layout), 3, &mut out);
        assert_eq!(out[..6], [0.5, 0.5, 0.0, 0.0, 1.0, 0.0]);
        assert!(out[6..].iter().all(|y| y.is_nan()), "{out:?}");
        softmax::normalise(softmax::Normal::LogSoftmax, View::new(&x, &layout), 3, &mut out);
        assert_eq!(out[3..6], [-inf, 0.0, -inf]);
        let mut sums = [9.0f32; 4];
        softmax::log_sum_exp(View::new(&x, &layout), None, 3, &mut sums);
        assert!(sums[0] == 1e30 && sums[1] == 0.0 && sums[2].is_nan() && sums[3] == -inf, "{sums:?}");
    });
}

#[test]
fn normalised_rows_are_their_definition() {
    fn check<T: Float>(tolerance: f64) {
        everywhere(|| {
            for width in [1, 2, 3, 7, 8, 16, 17, 31, 33, 64, 65, 127, 1000, 90_001] {
                let tolerance = if is_long(width) { 20.0 * tolerance } else { tolerance };
                let rows = 1 + 70_000 / width.min(70_000); // more than one task, in the sums over rows too
                let dense = Layout::contiguous(shape(&[rows, width]));
                let turned = Layout::contiguous(shape(&[width, rows])).transpose(0, 1).unwrap();
                let (data, g) = (numbers::<T>(rows * width, width), numbers::<T>(rows * width, width + 1));
                let (weight, bias) = (numbers::<T>(width, 3), numbers::<T>(width, 4));
                for (layout, centred) in [(dense, true), (turned, false), (dense, false), (turned, true)] {
                    let norm = row_norm::RowNorm { epsilon: 1e-2, centred };
                    let x = Case { name: "x", data: data.clone(), layout };
                    let g = Case { name: "g", data: g.clone(), layout };
                    let mut expected = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
                    let (mut back, mut back_weighted) = (Vec::new(), Vec::new());
                    let mut by_weight = alloc::vec![0.0f64; width];
                    for (x, g) in x.elements().chunks(width).zip(g.elements().chunks(width)) {
                        let n = width as f64;
                        let (x, g): (Vec<f64>, Vec<f64>) =
                            x.iter().zip(g).map(|(x, g)| (x.to_f64(), g.to_f64())).unzip();
                        let mean = if centred { x.iter().sum::<f64>() / n } else { 0.0 };
                        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                        let scale = 1.0 / (square + 1e-2).sqrt();
                        let y: Vec<f64> = x.iter().map(|x| (x - mean) * scale).collect();
                        by_weight.iter_mut().zip(g.iter().zip(&y)).for_each(|(sum, (g, y))| *sum += g * y);
                        let weighted: Vec<f64> = g.iter().zip(&weight).map(|(g, w)| g * w.to_f64()).collect();
                        for (g, back) in [(g, &mut back), (weighted, &mut back_weighted)] {
                            let g_mean = if centred { g.iter().sum::<f64>() / n } else { 0.0 };
                            let along = g.iter().zip(&y).map(|(g, y)| g * y).sum::<f64>() / n;
                            let of = |(g, y): (&f64, &f64)| T::from_f64(scale * (g - g_mean - y * along));
                            back.extend(g.iter().zip(&y).map(of));
                        }
                        for (i, &y) in y.iter().enumerate() {
                            let (w, b) = (weight[i].to_f64(), bias[i].to_f64());
                            for (all, y) in expected.iter_mut().zip([y, y * w, y + b, y * w + b]) {
                                all.push(T::from_f64(y));
                            }
                        }
                    }
                    let what = alloc::format!("width {width}, {norm:?}");
                    let affine = [
                        (None, None),
                        (Some(&weight[..]), None),
                        (None, Some(&bias[..])),
                        (Some(&weight[..]), Some(&bias[..])),
                    ];
                    let mut out = unwritten(x.len());
                    for ((weight, bias), expected) in affine.into_iter().zip(&expected) {
                        row_norm::row_norm(norm, x.view(), weight, bias, width, &mut out);
                        close(&out, expected, tolerance, &what);
                    }
                    for (weight, back) in [(None, &back), (Some(&weight[..]), &back_weighted)] {
                        row_norm::row_norm_grad(norm, x.view(), g.view(), weight, width, &mut out);
                        close(&out, back, 10.0 * tolerance, &alloc::format!("gradient, {what}"));
                    }
                    let mut out = unwritten(width);
                    row_norm::row_norm_weight(norm, x.view(), g.view(), width, &mut out);
                    let by_weight: Vec<T> = by_weight.iter().map(|&x| T::from_f64(x)).collect();
                    let many = 10.0 * (rows as f64).sqrt(); // so many terms are added
                    close(&out, &by_weight, many * tolerance, &alloc::format!("weight, {what}"));
                }
            }
        });
    }
    check::<f32>(4e-6);
    check::<f64>(1e-13);
}

#[test]
fn rows_are_normalised_the_same_whatever_is_around_them() {
    let (rows, width) = (300, 77);
    let x = numbers::<f32>(rows * width, 5);
    let g = numbers::<f32>(rows * width, 6);
    let norm = row_norm::RowNorm { epsilon: 1e-5, centred: true };
    everywhere(|| {
        let (all, one) = (Layout::contiguous(shape(&[rows, width])), Layout::contiguous(shape(&[width])));
        let (mut together, mut back) = (unwritten(x.len()), unwritten(x.len()));
        row_norm::row_norm(norm, View::new(&x, &all), None, None, width, &mut together);
        row_norm::row_norm_grad(norm, View::new(&x, &all), View::new(&g, &all), None, width, &mut back);
        for row in [0, 1, 150, rows - 1] {
            let part = row * width..(row + 1) * width;
            let (x, g) = (View::new(&x[part.clone()], &one), View::new(&g[part.clone()], &one));
            let mut alone = unwritten(width);
            row_norm::row_norm(norm, x, None, None, width, &mut alone);
            assert_eq!(bits(&alone), bits(&together[part.clone()]));
            row_norm::row_norm_grad(norm, x, g, None, width, &mut alone);
            assert_eq!(bits(&alone), bits(&back[part]));
        }
    });
}

/// Large results are written past the caches, where rows begin at a place for a register and where they do not.
#[test]
fn large_normalised_rows_have_the_bits_of_small_ones() {
    let norm = row_norm::RowNorm { epsilon: 1e-5, centred: true };
    for width in [1024, 1001] {
        let rows = (STREAM / size_of::<f32>()).div_ceil(width);
        let (x, g) = (numbers::<f32>(rows * width, 5), numbers::<f32>(rows * width, 6));
        let (w, b) = (numbers::<f32>(width, 7), numbers::<f32>(width, 8));
        let (all, few) = [rows, 8].map(|rows| Layout::contiguous(shape(&[rows, width]))).into();
        everywhere(|| {
            let (mut y, mut dx) = (unwritten(x.len()), unwritten(x.len()));
            row_norm::row_norm(norm, View::new(&x, &all), Some(&w), Some(&b), width, &mut y);
            row_norm::row_norm_grad(norm, View::new(&x, &all), View::new(&g, &all), Some(&w), width, &mut dx);
            for row in (0..rows - 8).step_by(211).chain([rows - 8]) {
                let part = row * width..(row + 8) * width;
                let (x, g) = (View::new(&x[part.clone()], &few), View::new(&g[part.clone()], &few));
                let mut alone = unwritten(8 * width);
                row_norm::row_norm(norm, x, Some(&w), Some(&b), width, &mut alone);
                assert_eq!(bits(&alone), bits(&y[part.clone()]));
                row_norm::row_norm_grad(norm, x, g, Some(&w), width, &mut alone);
                assert_eq!(bits(&alone), bits(&dx[part]));
            }
        });
    }
}

#[test]
fn cross_entropies_are_their_definition() {
    fn check<T: Float>(tolerance: f64) {
        everywhere(|| {
            for width in [1, 2, 3, 10, 16, 17, 33, 100, 1000, 90_002] {
                let tolerance = if is_long(width) { 20.0 * tolerance } else { tolerance };
                let rows = 1 + 40_000 / width.min(40_000);
                let dense = Layout::contiguous(shape(&[rows, width]));
                let turned = Layout::contiguous(shape(&[width, rows])).transpose(0, 1).unwrap();
                let labels: Vec<u32> = (0..rows).map(|row| (row * 7 % width) as u32).collect();
                let g = numbers::<T>(rows, 8);
                for layout in [dense, turned] {
                    let x = Case { name: "x", data: numbers::<T>(rows * width, 7), layout };
                    let (mut losses, mut back, mut back_plain) = (Vec::new(), Vec::new(), Vec::new());
                    for (row, x) in x.elements().chunks(width).enumerate() {
                        let (label, g) = (labels[row] as usize, g[row].to_f64());
                        let sum: f64 = x.iter().map(|x| x.to_f64().exp()).sum();
                        losses.push(T::from_f64(sum.ln() - x[label].to_f64()));
                        for (i, x) in x.iter().enumerate() {
                            let soft = x.to_f64().exp() / sum;
                            back_plain.push(T::from_f64(g * soft));
                            back.push(T::from_f64(g * (soft - f64::from(i == label))));
                        }
                    }
                    let what = alloc::format!("width {width}");
                    let mut out = unwritten(rows);
                    softmax::log_sum_exp(x.view(), Some(&labels), width, &mut out);
                    close(&out, &losses, tolerance, &what);
                    let mut out = unwritten(x.len());
                    softmax::log_sum_exp_grad(x.view(), Some(&labels), &g, width, &mut out);
                    close(&out, &back, 10.0 * tolerance, &what);
                    softmax::log_sum_exp_grad(x.view(), None, &g, width, &mut out);
                    close(&out, &back_plain, 10.0 * tolerance, &what);
                }
            }
        });
    }
    check::<f32>(3e-6);
    check::<f64>(1e-13);
}

/// What is not finite, in one stretch of a long row.
#[test]
fn long_rows_keep_what_is_not_finite() {
    let (inf, width) = (f32::INFINITY, 70_000);
    assert!(is_long(width));
    let layout = Layout::contiguous(shape(&[5, width]));
    let mut x = [0.5f32].repeat(5 * width);
    x[..width].fill(-inf);
    x[width..2 * width - 1].fill(-inf); // and 0.5 at last
    x[3 * width - 4000] = f32::NAN;
    x[4 * width - 4000] = inf;
    let all = |row: &[f32], of: fn(f32) -> bool| row.iter().all(|&x| of(x));
    everywhere(|| {
        let mut out = unwritten::<f32>(5 * width);
        softmax::normalise(softmax::Normal::Softmax, View::new(&x, &layout), width, &mut out);
        assert!(all(&out[width..2 * width - 1], |x| x == 0.0) && out[2 * width - 1] == 1.0);
        assert!(all(&out[2 * width..4 * width], f32::is_nan));
        close(&out[4 * width..], &[1.0 / 70_000.0].repeat(width), 1e-9, "equal parts");
        softmax::normalise(softmax::Normal::LogSoftmax, View::new(&x, &layout), width, &mut out);
        assert!(all(&out[width..2 * width - 1], |x| x == f32::NEG_INFINITY) && out[2 * width - 1] == 0.0);
        assert!(all(&out[2 * width..3 * width], f32::is_nan));
        let mut sums = unwritten::<f32>(5);
        softmax::log_sum_exp(View::new(&x, &layout), None, width, &mut sums);
        assert!(sums[0] == -inf && sums[1] == 0.5 && sums[2].is_nan() && sums[3] == inf, "{sums:?}");
        softmax::log_sum_exp_grad(View::new(&x, &layout), None, &[2.0; 5], width, &mut out);
        assert!(all(&out[..2 * width - 1], |x| x == 0.0) && out[2 * width - 1] == 2.0);
        assert!(all(&out[2 * width..3 * width], f32::is_nan));
    });
}

#[test]
fn rows_of_minus_infinity_move_nothing() {
    let inf = f32::INFINITY;
    let x = [-inf, -inf, -inf, f32::NAN, 0.0, -inf, 1e4, -1e4];
    let layout = Layout::contiguous(shape(&[4, 2]));
    everywhere(|| {
        let mut out = unwritten::<f32>(8);
        softmax::log_sum_exp_grad(View::new(&x, &layout), None, &[2.0; 4], 2, &mut out);
        assert_eq!(out[..2], [0.0, 0.0]);
        assert!(out[3].is_nan());
        assert_eq!(out[4..], [2.0, 0.0, 2.0, 0.0]);
        let mut losses = unwritten::<f32>(4);
        softmax::log_sum_exp(View::new(&x, &layout), Some(&[0, 1, 1, 0]), 2, &mut losses);
        assert!(losses[0].is_nan() && losses[1].is_nan());
        assert_eq!(losses[2..], [inf, 0.0]);
    });
}

#[test]
fn channels_are_normalised_as_rows_are() {
    fn check<T: Float>(tolerance: f64) {
        for [samples, channels, inner] in
            [[1, 1, 2], [3, 5, 1], [7, 3, 17], [4, 9, 64], [33, 2, 700], [2, 300, 90]]
        {
            let (len, count) = (samples * channels * inner, (samples * inner) as f64);
            let planes = row_norm::channels::Planes { samples, channels, inner };
            let (x, g) = (numbers::<T>(len, 1), numbers::<T>(len, 2));
            let (w, b) = (numbers::<T>(channels, 3), numbers::<T>(channels, 4));
            let mut expected = [(); 4].map(|()| [0.0].repeat(len));
            let mut found = [(); 4].map(|()| [0.0].repeat(channels));
            for c in 0..channels {
                let all =
                    || (0..samples).flat_map(|n| (0..inner).map(move |i| (n * channels + c) * inner + i));
                let sum = |of: &dyn Fn(usize) -> f64| all().map(of).sum::<f64>();
                let mean = sum(&|at| x[at].to_f64()) / count;
                let variance = sum(&|at| (x[at].to_f64() - mean).powi(2)) / count;
                let scale = 1.0 / (variance + 0.01).sqrt();
                let y = |at: usize| (x[at].to_f64() - mean) * scale;
                let (g_sum, along) = (sum(&|at| g[at].to_f64()), sum(&|at| g[at].to_f64() * y(at)));
                for (slot, number) in found.iter_mut().zip([mean, variance, along, g_sum]) {
                    slot[c] = number;
                }
                let (w, b) = (w[c].to_f64(), b[c].to_f64());
                for at in all() {
                    let back = (g[at].to_f64() - g_sum / count - y(at) * along / count) * scale;
                    for (slot, number) in expected.iter_mut().zip([y(at), y(at) * w + b, back, back * w]) {
                        slot[at] = number;
                    }
                }
            }
            let of = |all: &[f64]| all.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>();
            let (expected, found) = (expected.map(|all| of(&all)), found.map(|all| of(&all)));
            let what = alloc::format!("{samples} x {channels} x {inner}");
            everywhere(|| {
                let mut out = unwritten(len);
                row_norm::channels::channel_norm(0.01, &x, [None; 2], planes, &mut out);
                close(&out, &expected[0], tolerance, &what);
                row_norm::channels::channel_norm(0.01, &x, [Some(&w), Some(&b)], planes, &mut out);
                close(&out, &expected[1], tolerance, &what);
                row_norm::channels::channel_norm_grad(0.01, &x, &g, None, planes, &mut out);
                close(&out, &expected[2], 10.0 * tolerance, &what);
                row_norm::channels::channel_norm_grad(0.01, &x, &g, Some(&w), planes, &mut out);
                close(&out, &expected[3], 30.0 * tolerance, &what);
                let mut out = unwritten(2 * channels);
                row_norm::channels::channel_moments(&x, planes, &mut out);
                close(&out, &[&found[0][..], &found[1]].concat(), tolerance, &what);
                row_norm::channels::channel_norm_sums(0.01, &x, &g, planes, &mut out);
                close(&out, &[&found[2][..], &found[3]].concat(), 100.0 * tolerance, &what);
                let run = |threads| {
                    let mut out = unwritten(len);
                    parallel::with_threads(threads, || {
                        row_norm::channels::channel_norm_grad(0.01, &x, &g, Some(&w), planes, &mut out)
                    });
                    bits(&out)
                };
                assert!(run(1) == run(3), "{what}");
            });
        }
    }
    check::<f32>(4e-6);
    check::<f64>(1e-12);
}
