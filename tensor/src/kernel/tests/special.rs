//! NaN, infinities and what overflows: it stays in its row or its parameter, and becomes what `docs/conventions.md` says.

use super::super::*;
use super::*;
use crate::block::{self, Adagrad, Adam, Lion, RmsProp, Sgd};
use row_norm::RowNorm;

const WIDTHS: [usize; 6] = [2, 5, 8, 17, 33, 70];
const ROWS: usize = 6;

/// Rows of numbers, and the same with a special one in the second place of some: NaN in row 1, infinities in rows 2 and 3, and
/// numbers whose squares overflow all over row 4.
fn rows<T: Float>(width: usize) -> (Vec<T>, Vec<T>) {
    let clean = numbers::<T>(ROWS * width, width);
    let mut special = clean.clone();
    for (row, x) in [(1, f64::NAN), (2, f64::INFINITY), (3, f64::NEG_INFINITY)] {
        special[row * width + 1] = T::from_f64(x);
    }
    let huge = if size_of::<T>() == 4 { 1e20 } else { 1e200 };
    let sign = |i: usize| if i.is_multiple_of(2) { huge } else { -huge };
    special[4 * width..5 * width].iter_mut().enumerate().for_each(|(i, x)| *x = T::from_f64(sign(i)));
    (clean, special)
}

/// Runs `work` on clean rows and on those with special numbers: rows 0 and 5 must have the same bits of both, and row 1 NaN.
/// Hands out what the others gave.
fn own_rows<T: Float>(width: usize, what: &str, work: impl Fn(&[T], &mut [T]), len: usize) -> Vec<Vec<T>> {
    let (clean, special) = rows::<T>(width);
    let run = |x: &[T]| {
        let mut out = unwritten::<T>(ROWS * len);
        work(x, &mut out);
        out.chunks(len).map(<[T]>::to_vec).collect::<Vec<_>>()
    };
    let (clean, special) = (run(&clean), run(&special));
    for row in [0, 5] {
        assert_eq!(bits(&special[row]), bits(&clean[row]), "{what}: row {row} of {width}");
    }
    assert!(special[1].iter().any(|y| y.to_f64().is_nan()), "{what}: NaN is lost in rows of {width}");
    special
}

fn all_nan<T: Float>(row: &[T]) -> bool {
    row.iter().all(|y| y.to_f64().is_nan())
}

fn normalised_rows<T: Float>() {
    for width in WIDTHS {
        let layout = Layout::contiguous(shape(&[ROWS, width]));
        let (g, weight) = (numbers::<T>(ROWS * width, 7), numbers::<T>(width, 8));
        for centred in [true, false] {
            let norm = RowNorm { epsilon: 1e-5, centred };
            for (w, b) in [(None, None), (Some(&weight[..]), Some(&weight[..]))] {
                let forward = |x: &[T], out: &mut [T]| {
                    row_norm::row_norm(norm, View::new(x, &layout), w, b, width, out);
                };
                let found = own_rows(width, "row_norm", forward, width);
                assert!(all_nan(&found[1]));
                for row in [2, 3] {
                    // Without a mean an infinity is NaN, and nothing is left of what is beside it.
                    for (i, y) in found[row].iter().enumerate() {
                        let beside = b.map_or(0.0, |b| b[i].to_f64());
                        let y = y.to_f64();
                        assert!(
                            if centred || i == 1 { y.is_nan() } else { y == beside },
                            "{norm:?} {i}: {y}"
                        );
                    }
                }
                for (i, y) in found[4].iter().enumerate() {
                    assert_eq!(y.to_f64(), b.map_or(0.0, |b| b[i].to_f64()), "what overflows is 0");
                }
                let backward = |x: &[T], out: &mut [T]| {
                    row_norm::row_norm_grad(
                        norm,
                        View::new(x, &layout),
                        View::new(&g, &layout),
                        w,
                        width,
                        out,
                    );
                };
                assert!(all_nan(&own_rows(width, "row_norm_grad", backward, width)[1]));
            }
        }
    }
}

fn exponentials<T: Float>() {
    use softmax::{Normal, log_sum_exp, log_sum_exp_grad, normalise, normalise_grad};
    for width in WIDTHS {
        let layout = Layout::contiguous(shape(&[ROWS, width]));
        fn of<'a, T>(x: &'a [T], layout: &'a Layout) -> View<'a, T> {
            View::new(x, layout)
        }
        let g = numbers::<T>(ROWS * width, 9);
        for normal in [Normal::Softmax, Normal::LogSoftmax] {
            let found = own_rows(
                width,
                "normalise",
                |x: &[T], out: &mut [T]| normalise(normal, of(x, &layout), width, out),
                width,
            );
            assert!(all_nan(&found[1]) && all_nan(&found[2]), "{normal:?}: a row with NaN or plus infinity");
            let without = if normal == Normal::Softmax { 0.0 } else { f64::NEG_INFINITY };
            assert_eq!(found[3][1].to_f64(), without);
            assert!(found[3].iter().all(|y| !y.to_f64().is_nan()) && !found[4][0].to_f64().is_nan());
            let back =
                |y: &[T], out: &mut [T]| normalise_grad(normal, of(y, &layout), of(&g, &layout), width, out);
            own_rows(width, "normalise_grad", back, width);
        }
        // A label beside the special number, and the number itself.
        for label in [None, Some(0), Some(1)] {
            let labels = label.map(|label| [label; ROWS]);
            let labels = labels.as_ref().map(|labels| &labels[..]);
            let sums = |x: &[T], out: &mut [T]| log_sum_exp(of(x, &layout), labels, width, out);
            let found = own_rows(width, "log_sum_exp", sums, 1);
            let infinite = found[2][0].to_f64();
            assert!(if label == Some(1) { infinite.is_nan() } else { infinite == f64::INFINITY });
            let lost = found[3][0].to_f64();
            assert!(
                if label == Some(1) { lost == f64::INFINITY } else { lost.is_finite() },
                "{label:?} {lost}"
            );
            let back =
                |x: &[T], out: &mut [T]| log_sum_exp_grad(of(x, &layout), labels, &g[..ROWS], width, out);
            let found = own_rows(width, "log_sum_exp_grad", back, width);
            assert!(all_nan(&found[1]) && all_nan(&found[2]));
        }
    }
}

#[test]
fn special_numbers_stay_in_their_rows() {
    everywhere(|| {
        normalised_rows::<f32>();
        normalised_rows::<f64>();
        exponentials::<f32>();
        exponentials::<f64>();
    });
}

/// A rule: parameters, gradient, state, and the number of the step.
type Rule<T> = fn(&mut [T], &[T], &mut [Vec<T>; 3], u64);

fn rules<T: Float>() -> [(&'static str, Rule<T>); 9] {
    [
        ("sgd", |p, g, [v, ..], _| {
            let settings = Sgd { rate: 0.1, momentum: 0.9, dampening: 0.0, decay: 0.01, nesterov: true };
            block::sgd(&settings, p, g, v);
        }),
        ("sgd without momentum", |p, g, _, _| {
            let settings = Sgd { rate: 0.1, momentum: 0.0, dampening: 0.0, decay: 0.0, nesterov: false };
            block::sgd(&settings, p, g, &mut []);
        }),
        ("adam", |p, g, [m, v, _], step| {
            let (betas, epsilon) = ([0.9, 0.99], 1e-3);
            block::adam(&Adam { rate: 0.01, betas, epsilon, decay: 0.1, decoupled: false }, step, p, g, m, v);
        }),
        ("adamw", |p, g, [m, v, _], step| {
            let (betas, epsilon) = ([0.9, 0.99], 1e-3);
            block::adam(&Adam { rate: 0.01, betas, epsilon, decay: 0.1, decoupled: true }, step, p, g, m, v);
        }),
        ("rmsprop", |p, g, [s, m, v], _| {
            let settings = RmsProp { rate: 0.01, smoothing: 0.9, epsilon: 1e-1, decay: 0.1, momentum: 0.8 };
            block::rmsprop(&settings, p, g, s, m, v);
        }),
        ("adagrad", |p, g, [s, ..], _| {
            block::adagrad(&Adagrad { rate: 0.1, epsilon: 1e-3, decay: 0.1 }, p, g, s);
        }),
        ("lion", |p, g, [m, ..], _| {
            block::lion(&Lion { rate: 0.1, betas: [0.9, 0.99], decay: 0.2 }, p, g, m);
        }),
        ("add_scaled", |p, g, _, _| block::add_scaled(-0.3, g, p)),
        ("draw_near", |p, g, _, _| block::draw_near(0.25, g, p)),
    ]
}

/// Three steps of a rule, from parameters and gradients that are whole multiples of 1/64 in every precision.
fn three_steps<T: Float>(rule: Rule<T>, len: usize, special: &[(usize, f64)]) -> Vec<T> {
    let whole = |seed: u64| {
        (0..len as u64)
            .map(move |i| T::from_f64(((i * 89 + seed * 57) % 113) as f64 / 64.0 - 0.8671875))
            .collect()
    };
    let mut p: Vec<T> = whole(0);
    let mut state = [[T::ZERO].repeat(len), [T::ZERO].repeat(len), [T::ZERO].repeat(len)];
    for step in 1..4 {
        let mut g: Vec<T> = whole(step);
        if step == 2 {
            special.iter().for_each(|&(at, x)| g[at] = T::from_f64(x));
        }
        rule(&mut p, &g, &mut state, step);
    }
    p
}

#[test]
fn optimisers_of_singles_are_those_of_doubles() {
    everywhere(|| {
        for len in [1, 7, 8, 9, 16, 17, 33, 100, PIECE + 21] {
            for ((name, single), (_, double)) in rules::<f32>().into_iter().zip(rules::<f64>()) {
                let found: Vec<f64> = three_steps(single, len, &[]).into_iter().map(f64::from).collect();
                close(&found, &three_steps(double, len, &[]), 1e-5, name);
            }
        }
    });
}

#[test]
fn special_gradients_stay_with_their_parameters() {
    fn check<T: Float>() {
        let len = 77;
        let special = [(3, f64::NAN), (20, f64::INFINITY), (40, f64::NEG_INFINITY), (76, f64::NAN)];
        for (name, rule) in rules::<T>() {
            let (clean, found) = (three_steps(rule, len, &[]), three_steps(rule, len, &special));
            for i in 0..len {
                match special.iter().find(|&&(at, _)| at == i) {
                    None => assert_eq!(bits(&found[i..=i]), bits(&clean[i..=i]), "{name} at {i}"),
                    Some((_, x)) if x.is_nan() => assert!(found[i].to_f64().is_nan(), "{name} at {i}"),
                    Some(_) => {}
                }
            }
        }
    }
    everywhere(|| {
        check::<f32>();
        check::<f64>();
    });
}
