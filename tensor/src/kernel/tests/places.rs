//! Pooling, gathering and scattering against their definitions.

use super::super::*;
use super::*;
use crate::Window;

/// The windows that the tests of pooling run over.
fn windows() -> Vec<Window> {
    let mut windows = Vec::new();
    for input in [[2, 2], [4, 6], [5, 7], [24, 24], [9, 33]] {
        windows.push(Window::new(input, [2, 2]).stride([2, 2]));
        windows.push(Window::new(input, [2, 1]).stride([1, 2]));
    }
    windows.push(Window::new([7, 9], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]));
    windows.push(Window::new([7, 9], [3, 2]).stride([1, 3]).dilation([2, 3]).pad([[2, 0], [0, 2]]));
    windows.push(Window::new([5, 5], [2, 2]).stride([2, 2]).pad([[0, 1], [0, 1]]));
    windows.push(Window::new([6, 4], [2, 2]).stride([2, 2]).pad([[0, 1], [0, 1]]));
    windows.push(Window::new([11, 40], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]));
    windows.push(Window::new([6, 50], [2, 3]).dilation([1, 2]));
    windows.push(Window::new([3, 3], [5, 5]).stride([2, 1]).pad([[3, 3], [4, 2]]));
    // Planes of several tasks.
    windows.push(Window::new([401, 257], [2, 2]).stride([2, 2]));
    windows.push(Window::new([402, 255], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]));
    windows.push(Window::new([400, 255], [3, 2]).dilation([5, 2]).pad([[4, 7], [0, 0]]));
    windows.push(Window::new([400, 255], [2, 1]).stride([3, 4]));
    windows
}

/// For each window of one plane, the places in the image that it covers.
fn covered(window: &Window) -> Vec<Vec<usize>> {
    let output = window.output("pool").unwrap();
    let mut all = Vec::new();
    for p in 0..output[0] {
        for q in 0..output[1] {
            let mut places = Vec::new();
            for r in 0..window.kernel[0] {
                for s in 0..window.kernel[1] {
                    let h = (p * window.stride[0] + r * window.dilation[0]).checked_sub(window.pad[0][0]);
                    let w = (q * window.stride[1] + s * window.dilation[1]).checked_sub(window.pad[1][0]);
                    if let (Some(h), Some(w)) = (h, w)
                        && h < window.input[0]
                        && w < window.input[1]
                    {
                        places.push(h * window.input[1] + w);
                    }
                }
            }
            all.push(places);
        }
    }
    all
}

#[test]
fn pooling_is_its_definition() {
    pooled::<f32>(1e-6);
    pooled::<f64>(1e-14);
}

fn pooled<T: Float>(tolerance: f64) {
    for window in windows() {
        let output = window.output("pool").unwrap();
        let (input_len, output_len) = (window.input[0] * window.input[1], output[0] * output[1]);
        let planes = 1 + 40_000 / input_len; // more than one task
        // Few different values, so that windows have ties; and a NaN here and there.
        let mut x: Vec<T> = (0..planes * input_len).map(|i| T::from_f64(((i * 7919) % 5) as f64)).collect();
        x.iter_mut().step_by(97).for_each(|x| *x = T::from_f64(f64::NAN));
        let tangent = numbers::<T>(x.len(), 16);
        let g = numbers::<T>(planes * output_len, 17);
        let covered = covered(&window);
        let (mut gathered, mut maxima, mut scattered) = (Vec::new(), Vec::new(), [T::ZERO].repeat(x.len()));
        let (mut means, mut spread) = (Vec::new(), [T::ZERO].repeat(x.len()));
        let size = (window.kernel[0] * window.kernel[1]) as f64;
        for plane in 0..planes {
            for (n, places) in covered.iter().enumerate() {
                let at = |place: usize| plane * input_len + place;
                let mut best: Option<usize> = None;
                for &place in places {
                    let better = best.is_none_or(|best| {
                        let [new, old] = [x[at(place)], x[at(best)]].map(T::to_f64);
                        new > old || (new.is_nan() && !old.is_nan())
                    });
                    best = if better { Some(place) } else { best };
                }
                maxima.push(best.map_or(T::from_f64(f64::NEG_INFINITY), |best| x[at(best)]));
                gathered.push(best.map_or(T::from_f64(f64::NEG_INFINITY), |best| tangent[at(best)]));
                if let Some(best) = best {
                    scattered[at(best)] = scattered[at(best)] + g[plane * output_len + n];
                }
                let sum = places.iter().map(|&place| tangent[at(place)].to_f64()).sum::<f64>();
                means.push(T::from_f64(sum / size));
                for &place in places {
                    let part = g[plane * output_len + n].to_f64() / size;
                    spread[at(place)] = T::from_f64(spread[at(place)].to_f64() + part);
                }
            }
        }
        everywhere(|| {
            let what = alloc::format!("{window:?}");
            let mut out = unwritten(planes * output_len);
            pool::max_pool_gather(&x, &x, &window, output, &mut out);
            close(&out, &maxima, 0.0, &what);
            pool::max_pool_gather(&x, &tangent, &window, output, &mut out);
            close(&out, &gathered, 0.0, &what);
            pool::mean_pool(&tangent, &window, output, &mut out);
            close(&out, &means, tolerance, &what);
            let mut out = unwritten(x.len());
            pool::max_pool_scatter(&x, &g, &window, output, &mut out);
            close(&out, &scattered, 0.0, &what);
            pool::mean_pool_transpose(&g, &window, output, &mut out);
            close(&out, &spread, tolerance, &what);
        });
    }
}

/// Finite numbers, numbers with infinities, and numbers with NaN go different ways; and K cotangents share one image.
#[test]
fn cotangents_of_one_image_find_its_maxima() {
    maxima_found::<f32>();
    maxima_found::<f64>();
}

fn maxima_found<T: Float>() {
    for [high, wide] in [[6, 8], [5, 7], [12, 66], [3, 33]] {
        let window = Window::new([high, wide], [2, 2]).stride([2, 2]);
        let output = window.output("pool").unwrap();
        let (planes, input, output_len, k) = (7, high * wide, output[0] * output[1], 3);
        for odd in [0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let mut x: Vec<T> = (0..planes * input).map(|i| T::from_f64(((i * 7919) % 5) as f64)).collect();
            x.iter_mut().step_by(input + 5).for_each(|x| *x = T::from_f64(odd));
            let g = numbers::<T>(k * planes * output_len, 17);
            let mut expected = [T::ZERO].repeat(k * x.len());
            for (plane, n) in (0..k * planes).flat_map(|plane| (0..output_len).map(move |n| (plane, n))) {
                let corner = n / output[1] * 2 * wide + n % output[1] * 2;
                let value = |place: usize| x[plane % planes * input + place].to_f64();
                let first = [corner, corner + 1, corner + wide, corner + wide + 1].into_iter().reduce(
                    |best, place| {
                        let beats =
                            value(place) > value(best) || (value(place).is_nan() && !value(best).is_nan());
                        if beats { place } else { best }
                    },
                );
                let at = plane * input + first.unwrap();
                expected[at] = expected[at] + g[plane * output_len + n];
            }
            everywhere(|| {
                let mut out = unwritten(k * x.len());
                pool::max_pool_scatter(&x, &g, &window, output, &mut out);
                close(&out, &expected, 0.0, &alloc::format!("{high} x {wide} with {odd}"));
            });
        }
    }
}

#[test]
fn gathering_and_scattering_are_transposes() {
    gathered_and_scattered::<f32>();
    gathered_and_scattered::<f64>();
}

fn gathered_and_scattered<T: Float>() {
    // Rows and single numbers, and tasks that end within a block.
    for (outer, len, inner, count) in [
        (3, 50, 21, 700),
        (3, 50, 1, 20_000), // blocks
        (2, 50, 13, 20_000),
        (1, 400, 3, 9000),
        (1, 60, 700, 2500), // blocks whose sums are more than a task joins
        (2, 40_000, 1, 700),
    ] {
        let index: Vec<u32> = (0..count as u64).map(|i| (i * i % 47) as u32).collect(); // 47..50 get nothing
        let x = numbers::<T>(outer * len * inner, 18);
        // Whole numbers, whose sums have no order.
        let g: Vec<T> = (0..(outer * index.len() * inner) as u64)
            .map(|i| T::from_f64(((i * 7919) % 1013) as f64 - 506.0))
            .collect();
        let mut rows = Vec::new();
        let mut sums = [T::ZERO].repeat(x.len());
        for o in 0..outer {
            for (k, &at) in index.iter().enumerate() {
                for i in 0..inner {
                    let place = (o * len + at as usize) * inner + i;
                    rows.push(x[place]);
                    sums[place] = sums[place] + g[(o * index.len() + k) * inner + i];
                }
            }
        }
        everywhere(|| {
            let mut out = unwritten(rows.len());
            index::gather(&x, &index, len, inner, &mut out);
            assert_eq!(out, rows);
            let mut out = unwritten(x.len());
            index::scatter_add(&g, &index, len, inner, &mut out);
            assert_eq!(out, sums);
        });
    }
    let mut out = [T::ONE; 3];
    index::scatter_add(&[], &[], 3, 1, &mut out);
    assert_eq!(out, [T::ZERO; 3]);
}
