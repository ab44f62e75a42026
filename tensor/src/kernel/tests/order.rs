//! Running sums and sorting against their definitions.

use super::super::*;
use super::*;
use core::cmp::Ordering;

#[test]
fn running_sums_are_their_definition() {
    running_sums::<f32>();
    running_sums::<f64>();
}

fn running_sums<T: Float>() {
    let cases = cases::<T>(20);
    everywhere(|| {
        for x in &cases {
            for axis in 0..x.layout.rank() {
                let lengths = x.layout.shape();
                let (len, inner) = (lengths[axis], lengths[axis + 1..].iter().product::<usize>());
                for reversed in [false, true] {
                    let mut out = unwritten(x.len());
                    cumulative::running_sum(x.view(), reversed, len, inner, &mut out);
                    let mut expected = x.elements();
                    let order = |l: usize| if reversed { len - 1 - l } else { l };
                    for block in expected.chunks_mut((len * inner).max(1)) {
                        for (l, i) in (1..len).flat_map(|l| (0..inner).map(move |i| (l, i))) {
                            let (at, before) = (order(l) * inner + i, order(l - 1) * inner + i);
                            block[at] = block[before] + block[at];
                        }
                    }
                    assert_eq!(bits(&out), bits(&expected), "{} along {axis}, {reversed}", x.name);
                }
            }
        }
    });
}

/// NaN above all numbers, 0 and -0 equal.
fn compare<T: Float>(a: &T, b: &T) -> Ordering {
    let (a, b) = (a.to_f64(), b.to_f64());
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[test]
fn sorting_is_its_definition_and_stable() {
    fn check<T: Float>() {
        for width in [1, 2, 3, 8, 17, 100, 1000] {
            let rows = 1 + 40_000 / width;
            // Few different values, so that there are ties; special ones among them.
            let special = [f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, -1e-40, 1.5, -2.0];
            let x: Vec<T> = (0..rows * width)
                .map(|i| {
                    T::from_f64(if i % 5 == 0 { special[i / 5 % 8] } else { (i * 7919 % 11) as f64 - 5.0 })
                })
                .collect();
            let (of, g) = (numbers::<T>(x.len(), 21), numbers::<T>(x.len(), 22));
            for (descending, keep) in
                [(false, width), (true, width), (false, 1), (true, width.div_ceil(3)), (true, 0)]
            {
                let order = sort::Sort { descending, keep };
                let (mut places, mut gathered) = (Vec::new(), Vec::new());
                let mut scattered = [T::ZERO].repeat(x.len());
                for row in 0..rows {
                    let mut all: Vec<usize> = (row * width..(row + 1) * width).collect();
                    all.sort_by(|&a, &b| {
                        let order = compare(&x[a], &x[b]);
                        if descending { order.reverse() } else { order }
                    });
                    for (n, &at) in all[..keep].iter().enumerate() {
                        places.push((at - row * width) as u32);
                        gathered.push(of[at]);
                        scattered[at] = g[row * keep + n];
                    }
                }
                for threads in [1, 3] {
                    parallel::with_threads(threads, || {
                        let mut found = [9u32].repeat(rows * keep);
                        sort::sort_places(order, &x, width, &mut found);
                        assert_eq!(found, places, "{order:?} of {width}");
                        let mut found = unwritten(rows * keep);
                        sort::sort_gather(order, &x, &of, width, &mut found);
                        assert_eq!(bits(&found), bits(&gathered), "{order:?} of {width}");
                        let mut found = unwritten(x.len());
                        sort::sort_scatter(order, &x, &g, width, &mut found);
                        assert_eq!(bits(&found), bits(&scattered), "{order:?} of {width}");
                    });
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn extremes_are_the_first_of_an_order() {
    fn check<T: Float>() {
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 3.0, -3.0].map(T::from_f64);
        for (outer, len, inner) in [
            (1, 1, 1),
            (40, 2, 1),
            (3, 9, 1),
            (700, 77, 1),
            // Short rows, of which groups are found side by side, and the last group may be a few rows.
            (700, 1, 1),
            (37, 10, 1),
            (19, 16, 1),
            (50, 33, 1),
            (35, 512, 1),
            (33, 513, 1),
            (2, 140_003, 1), // cut into chunks
            (1, 5, 3),
            (2, 30_001, 7),
            (3, 40, 16),
            (2, 700, 300),
            (1, 3, 1000),
        ] {
            // Few different numbers, so that there are ties; and special ones in some rows.
            let mut x: Vec<T> =
                (0..outer * len * inner).map(|i| T::from_f64((i * 7919 % 1013 % 9) as f64)).collect();
            let places = [0, 5, x.len() / 2, x.len() - 1];
            for (n, &special) in special.iter().enumerate().rev() {
                places.iter().for_each(|at| x[(at + n * 37) % (len * inner * outer)] = special);
            }
            for largest in [true, false] {
                let mut expected = Vec::new();
                for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                    let at = |l: usize| x[(o * len + l) * inner + i].to_f64();
                    let rank = |l: usize| if at(l).is_nan() { f64::MAX * 2.0 } else { at(l) };
                    let above =
                        |l: usize, best: usize| rank(l) > rank(best) || at(l).is_nan() && !at(best).is_nan();
                    let better = |l, best| if largest { above(l, best) } else { above(best, l) };
                    expected.push((1..len).fold(0, |best, l| if better(l, best) { l } else { best }) as u32);
                }
                everywhere(|| {
                    let mut found = [7u32].repeat(outer * inner);
                    extreme::extreme(largest, &x, len, inner, &mut found);
                    assert!(found == expected, "largest {largest} of {outer} x {len} x {inner}");
                });
            }
        }
    }
    check::<f32>();
    check::<f64>();
}
