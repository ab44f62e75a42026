//! Maxima and means of windows, and their transposes.

use super::*;

#[derive(Clone, Debug)]
struct Case {
    planes: [usize; 2],
    window: Window,
    cotangents: usize,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let parts = ((size(4, 20), size(4, 40)), windows(), 0..4usize, any::<bool>(), 2..9usize, numbers());
    parts.prop_map(|((samples, channels), window, cotangents, double, threads, numbers)| {
        // A window may not lie in the padding alone.
        let bare = window.pad([[0, 0], [0, 0]]);
        let window = match window.pooling("pool") {
            Ok(_) => window,
            Err(_) if bare.output("pool").is_ok() => bare,
            Err(_) => Window::new(window.input, [1, 1]),
        };
        let [oh, ow] = window.output("pool").unwrap();
        let one = oh * ow * window.kernel.iter().product::<usize>();
        let planes = fitted([samples, channels], 2_000_000, |s| s[0] * s[1] * one);
        Case { planes, window, cotangents, double, threads, numbers }
    })
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { planes: [n, c], window, cotangents, threads, numbers, .. } = case;
    let ([n, c], [h, w]) = ([*n, *c], window.input);
    let [oh, ow] = window.pooling("pool").unwrap();
    let x = numbers.tensor::<T>(0, &[n, c, h, w]);
    let other = numbers.tensor::<T>(2, &[n, c, h, w]);
    let g = numbers.tensor::<T>(1, &[*cotangents, n, c, oh, ow]);
    let one = match cotangents {
        0 => Tensor::zeros([n, c, oh, ow]).unwrap(),
        _ => g.at(0, 0).unwrap(),
    };
    let results = on_any_threads(*threads, || {
        vec![
            ("max_pool", x.max_pool(*window).unwrap()),
            ("max_pool_gather", x.max_pool_gather(&other, *window).unwrap()),
            ("max_pool_scatter", x.max_pool_scatter(&one, *window).unwrap()),
            ("max_pool_scatters", x.max_pool_scatters(&g, *window).unwrap()),
            ("mean_pool", x.mean_pool(*window).unwrap()),
            ("mean_pool_transpose", one.mean_pool_transpose(*window).unwrap()),
        ]
    })?;
    for k in 0..*cotangents {
        let alone = x.max_pool_scatter(&g.at(0, k).unwrap(), *window).unwrap();
        same_bits("one cotangent of several and alone", &results[3].1.at(0, k).unwrap(), &alone)?;
    }
    let (x, other, one) = (doubles(&x), doubles(&other), doubles(&one));
    let taps = window.kernel[0] * window.kernel[1];
    let seen = |place: usize| {
        let [plane, i, j] = index(place, &[n * c, oh, ow]);
        pixels(window, i, j).map(move |(y, x)| (plane * h + y) * w + x)
    };
    // The first of the largest, or of those that are NaN.
    let largest = |place: usize| {
        let first = |best: usize, next: usize| match (x[best], x[next]) {
            (best_x, _) if best_x.is_nan() => best,
            (best_x, x) if x > best_x || x.is_nan() => next,
            _ => best,
        };
        seen(place).reduce(first).unwrap()
    };
    let windows: Vec<usize> = (0..n * c * oh * ow).map(largest).collect();
    let (mut scattered, mut shared) = (vec![(0.0, 0.0); x.len()], vec![(0.0, 0.0); x.len()]);
    for (place, &from) in windows.iter().enumerate() {
        let g = one[place];
        scattered[from] = (scattered[from].0 + g, scattered[from].1 + 2.0 * taps as f64 * g.abs());
        for from in seen(place) {
            let part = g / taps as f64;
            shared[from] = (shared[from].0 + part, shared[from].1 + 2.0 * (taps + 2) as f64 * part.abs());
        }
    }
    agrees("max_pool", &results[0].1, 1, |place| (x[windows[place]], 0.0))?;
    agrees("max_pool_gather", &results[1].1, 1, |place| (other[windows[place]], 0.0))?;
    agrees("max_pool_scatter", &results[2].1, 1, |place| scattered[place])?;
    agrees("mean_pool", &results[4].1, taps, |place| {
        let sum = seen(place).map(|from| x[from]).sum::<f64>();
        let size = seen(place).map(|from| x[from].abs()).sum::<f64>();
        (sum / taps as f64, (taps + 2) as f64 * size / taps as f64)
    })?;
    agrees("mean_pool_transpose", &results[5].1, 1, |place| shared[place])
}

/// The pixels that a window sees, in row-major order.
fn pixels(window: &Window, i: usize, j: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let window = *window;
    let along = move |axis: usize, place: usize| {
        (0..window.kernel[axis]).filter_map(move |tap| {
            let at = place * window.stride[axis] + tap * window.dilation[axis];
            at.checked_sub(window.pad[axis][0]).filter(|&at| at < window.input[axis])
        })
    };
    along(0, i).flat_map(move |y| along(1, j).map(move |x| (y, x)))
}

#[test]
fn pools_are_what_their_definition_says() {
    check("pools", 500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
