//! Reductions and softmax against their definitions.

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
            for width in [1, 2, 3, 7, 8, 10, 16, 17, 31, 32, 33, 100, 1000] {
                let rows = 5;
                let dense = Layout::contiguous(shape(&[rows, width]));
                let turned = Layout::contiguous(shape(&[width, rows])).transpose(0, 1).unwrap();
                let mut data = numbers::<T>(rows * width, width);
                data[0] = T::from_f64(80.0); // exp of it is near the end of the range
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
                    softmax::log_sum_exp(x.view(), width, &mut out);
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
        softmax::log_sum_exp(View::new(&x, &layout), 3, &mut sums);
        assert!(sums[0] == 1e30 && sums[1] == 0.0 && sums[2].is_nan() && sums[3] == -inf, "{sums:?}");
    });
}
