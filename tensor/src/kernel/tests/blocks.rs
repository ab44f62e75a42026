//! Dropout, inner products and optimiser steps against their definitions.

use super::super::*;
use super::*;

#[test]
fn dropout_drops_the_stated_share_and_nothing_else() {
    dropped::<f32>();
    dropped::<f64>();
}

fn dropped<T: Float>() {
    let len = 3 * PIECE + 5;
    let x = numbers::<T>(len, 20);
    let layout = Layout::contiguous(shape(&[len]));
    let turned = Case {
        name: "turned",
        data: numbers::<T>(300 * 200, 21),
        layout: Layout::contiguous(shape(&[300, 200])).transpose(0, 1).unwrap(),
    };
    for rate in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let mut first: Option<Vec<T>> = None;
        everywhere(|| {
            let mut out = unwritten(len);
            dropout::dropout(View::new(&x, &layout), rate, 42, &mut out);
            let scale = T::from_f64(1.0 / (1.0 - rate));
            let kept = out.iter().zip(&x).filter(|(y, x)| **y == **x * scale && **x != T::ZERO).count();
            let dropped = out.iter().filter(|y| **y == T::ZERO).count();
            assert!(
                kept + dropped >= len && (rate > 0.0 || kept + 20 >= len),
                "rate {rate}: {kept} and {dropped}"
            );
            // Six standard deviations of a binomial.
            let width = 6.0 * (len as f64 * rate * (1.0 - rate)).sqrt() + 60.0;
            assert!(
                (dropped as f64 - rate * len as f64).abs() <= width,
                "rate {rate}: {dropped} of {len} dropped"
            );
            assert_eq!(*first.get_or_insert_with(|| out.clone()), out, "the same at every level");

            let mut other = unwritten(len);
            dropout::dropout(View::new(&x, &layout), rate, 43, &mut other);
            assert!(rate == 0.0 || rate == 1.0 || other != out, "the seed matters");

            let (mut strided, mut dense) = (unwritten(turned.len()), unwritten(turned.len()));
            dropout::dropout(turned.view(), rate, 1, &mut strided);
            let (elements, dense_layout) = (turned.elements(), Layout::contiguous(*turned.layout.shape()));
            dropout::dropout(View::new(&elements, &dense_layout), rate, 1, &mut dense);
            assert_eq!(strided, dense);
        });
    }
}

#[test]
fn neighbours_and_seeds_drop_independently() {
    let len = 1 << 16;
    let ones = [1.0f32].repeat(len);
    let layout = Layout::contiguous(shape(&[len]));
    let mask = |seed| {
        let mut out = unwritten::<f32>(len);
        dropout::dropout(View::new(&ones, &layout), 0.5, seed, &mut out);
        out.iter().map(|&y| if y > 0.0 { 1.0 } else { -1.0 }).collect::<Vec<f64>>()
    };
    let a = mask(7);
    let correlation =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    for lag in [1, 2, 3, 16, 100, 4096] {
        assert!(correlation(&a[lag..], &a).abs() < 0.025, "lag {lag}");
    }
    for seed in [8, 6, 7 ^ 1 << 32, 7 << 1, 1007] {
        assert!(correlation(&a, &mask(seed)).abs() < 0.025, "seeds 7 and {seed}");
    }
}

#[test]
fn inner_products_are_accurate_and_do_not_see_threads() {
    inner_products::<f32>();
    inner_products::<f64>();
}

fn inner_products<T: Float>() {
    let (count, len) = (3, 100_003);
    let rows = numbers::<T>(count * len, 22);
    let row = |i: usize| &rows[i * len..(i + 1) * len];
    let exact =
        |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    at_each_level(|_| {
        let run = |threads| {
            parallel::with_threads(threads, || {
                let mut out = [9.0; 9];
                gram::gram(&rows, count, &mut out);
                (out, gram::dot(row(0), row(1)), crate::block::norm(row(2)))
            })
        };
        let (out, dot, norm) = run(1);
        assert_eq!((out, dot, norm), run(4));
        for i in 0..count {
            for j in 0..count {
                assert!((out[i * count + j] - exact(i, j)).abs() < 1e-9 * exact(i, i).max(1.0), "{i}, {j}");
            }
        }
        assert!((dot - exact(0, 1)).abs() < 1e-9 * exact(0, 0));
        assert!((norm - exact(2, 2).sqrt()).abs() < 1e-9 * norm);
    });
    let mut none: [f64; 0] = [];
    gram::gram::<T>(&[], 0, &mut none);
    let mut empty_rows = [9.0; 4];
    gram::gram::<T>(&[], 2, &mut empty_rows);
    assert_eq!(empty_rows, [0.0; 4]);
    assert_eq!(gram::dot::<T>(&[], &[]), 0.0);
}

#[test]
fn optimisers_follow_their_definitions() {
    use crate::block::{Adam, Sgd, adam, sgd};
    let len = PIECE + 37;
    let start = numbers::<f64>(len, 23);
    let gradient = |step: u64| numbers::<f64>(len, 100 + step as usize);
    for (momentum, dampening, nesterov) in [(0.0, 0.0, false), (0.9, 0.25, false), (0.9, 0.0, true)] {
        let settings = Sgd { rate: 0.1, momentum, dampening, decay: 0.01, nesterov };
        everywhere(|| {
            let (mut p, mut v) = (start.clone(), [0.0].repeat(len));
            let (mut expected, mut velocity) = (start.clone(), [0.0].repeat(len));
            for step in 1..4 {
                sgd(&settings, &mut p, &gradient(step), &mut v);
                for (i, g) in gradient(step).into_iter().enumerate() {
                    let g = g + 0.01 * expected[i];
                    velocity[i] = momentum * velocity[i] + (1.0 - dampening) * g;
                    let step = if momentum == 0.0 { g } else { velocity[i] };
                    expected[i] -= 0.1 * if nesterov { g + momentum * velocity[i] } else { step };
                }
            }
            close(&p, &expected, 1e-14, "sgd");
        });
    }
    for decoupled in [false, true] {
        let settings = Adam { rate: 0.01, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.1, decoupled };
        everywhere(|| {
            let (mut p, mut m, mut v) = (start.clone(), [0.0].repeat(len), [0.0].repeat(len));
            let (mut expected, mut first, mut second) = (start.clone(), [0.0].repeat(len), [0.0].repeat(len));
            for step in 1..4u64 {
                adam(&settings, step, &mut p, &gradient(step), &mut m, &mut v);
                for (i, mut g) in gradient(step).into_iter().enumerate() {
                    if decoupled {
                        expected[i] *= 1.0 - 0.01 * 0.1;
                    } else {
                        g += 0.1 * expected[i];
                    }
                    first[i] = 0.9 * first[i] + 0.1 * g;
                    second[i] = 0.999 * second[i] + 0.001 * g * g;
                    let m = first[i] / (1.0 - 0.9f64.powi(step as i32));
                    let v: f64 = second[i] / (1.0 - 0.999f64.powi(step as i32));
                    expected[i] -= 0.01 * m / (v.sqrt() + 1e-8);
                }
            }
            close(&p, &expected, 1e-12, "adam");
        });
    }
}

#[test]
fn more_optimisers_follow_their_definitions() {
    use crate::block::{Adagrad, Lion, RmsProp, adagrad, add_scaled, draw_near, lion, rmsprop};
    let len = PIECE + 37;
    let start = numbers::<f64>(len, 24);
    let gradient = |step: u64| numbers::<f64>(len, 200 + step as usize);
    for (centred, momentum) in [(false, 0.0), (false, 0.8), (true, 0.0), (true, 0.8)] {
        let settings = RmsProp { rate: 0.01, smoothing: 0.9, epsilon: 1e-3, decay: 0.1, momentum };
        everywhere(|| {
            let mut p = start.clone();
            let [mut s, mut m, mut v] = [[0.0].repeat(len), [0.0].repeat(len), [0.0].repeat(len)];
            let mut expected = start.clone();
            let mut state = [[0.0; 3]].repeat(len);
            for step in 1..4u64 {
                let mean = if centred { &mut m[..] } else { &mut [] };
                let velocity = if momentum > 0.0 { &mut v[..] } else { &mut [] };
                rmsprop(&settings, &mut p, &gradient(step), &mut s, mean, velocity);
                for (i, g) in gradient(step).into_iter().enumerate() {
                    let g = g + 0.1 * expected[i];
                    let [s, m, v] = &mut state[i];
                    *s = 0.9 * *s + 0.1 * g * g;
                    *m = 0.9 * *m + 0.1 * g;
                    let root = if centred { (*s - *m * *m).max(0.0).sqrt() } else { s.sqrt() };
                    *v = momentum * *v + g / (root + 1e-3);
                    expected[i] -= 0.01 * *v;
                }
            }
            close(&p, &expected, 1e-12, "rmsprop");
        });
    }
    everywhere(|| {
        let (mut p, mut sum) = (start.clone(), [0.5].repeat(len));
        let (mut expected, mut sums) = (start.clone(), [0.5].repeat(len));
        for step in 1..4 {
            adagrad(&Adagrad { rate: 0.1, epsilon: 1e-10, decay: 0.1 }, &mut p, &gradient(step), &mut sum);
            for (i, g) in gradient(step).into_iter().enumerate() {
                let g = g + 0.1 * expected[i];
                sums[i] += g * g;
                expected[i] -= 0.1 * g / (f64::sqrt(sums[i]) + 1e-10);
            }
        }
        close(&p, &expected, 1e-12, "adagrad");
    });
    everywhere(|| {
        let (mut p, mut m) = (start.clone(), [0.0].repeat(len));
        let (mut expected, mut moment) = (start.clone(), [0.0].repeat(len));
        for step in 1..4 {
            lion(&Lion { rate: 0.1, betas: [0.9, 0.99], decay: 0.2 }, &mut p, &gradient(step), &mut m);
            for (i, g) in gradient(step).into_iter().enumerate() {
                let x: f64 = 0.9 * moment[i] + 0.1 * g;
                let sign = if x == 0.0 { 0.0 } else { x.signum() };
                expected[i] -= 0.1 * (sign + 0.2 * expected[i]);
                moment[i] = 0.99 * moment[i] + 0.01 * g;
            }
        }
        close(&p, &expected, 1e-12, "lion");
    });
    let mut still = [1.0f32];
    lion(&Lion { rate: 0.1, betas: [0.9, 0.99], decay: 0.0 }, &mut still, &[f32::NAN], &mut [0.0]);
    assert!(still[0].is_nan(), "a gradient that is not a number is not passed over in silence");
    everywhere(|| {
        let (x, mut y, mut z) = (gradient(1), start.clone(), start.clone());
        add_scaled(-0.3, &x, &mut y);
        draw_near(0.25, &x, &mut z);
        let expected: Vec<f64> = start.iter().zip(&x).map(|(y, x)| y - 0.3 * x).collect();
        close(&y, &expected, 1e-15, "add_scaled");
        let expected: Vec<f64> = start.iter().zip(&x).map(|(y, x)| 0.75 * y + 0.25 * x).collect();
        close(&z, &expected, 1e-14, "draw_near");
    });
}
