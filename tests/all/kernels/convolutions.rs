//! Convolutions in all three roles: windows of any kind, groups, empty batches.

use super::*;
use tress::tensor::pointwise::Map;

#[derive(Clone, Debug)]
struct Case {
    samples: usize,
    groups: usize,
    /// Channels and outputs of one group.
    channels: usize,
    outputs: usize,
    window: Window,
    bias: bool,
    activation: Option<Map>,
    cotangents: usize,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop_oneof![1 => Just(0usize), 3 => Just(1usize), 5 => 2..9usize, 3 => 9..33usize];
    let groups = prop_oneof![4 => Just(1usize), 2 => 2..5usize];
    let (channels, outputs) = (prop_oneof![1 => size(4, 40), 1 => 1..41usize], size(4, 40));
    let plain = (groups, channels, prop_oneof![1 => outputs, 1 => 1..41usize]);
    let depthwise = (1..41usize, Just(1usize), prop_oneof![4 => Just(1usize), 1 => 1..4usize]);
    let channels = prop_oneof![4 => plain, 1 => depthwise];
    let after = vec![None, None, Some(Map::Relu), Some(Map::Tanh), Some(Map::Gelu)];
    let flags = (any::<[bool; 2]>(), proptest::sample::select(after), 0..3usize, 2..9usize);
    (samples, channels, windows(), flags, numbers()).prop_map(
        |(
            samples,
            (groups, channels, outputs),
            window,
            ([bias, double], activation, cotangents, threads),
            numbers,
        )| {
            let [oh, ow] = window.output("conv").unwrap();
            let one = oh * ow * window.kernel.iter().product::<usize>();
            let work = |s: &[usize; 4]| s.iter().product::<usize>() * one;
            let [samples, groups, channels, outputs] =
                fitted([samples, groups, channels, outputs], 10_000_000, work);
            let groups = groups.max(1);
            Case {
                samples,
                groups,
                channels,
                outputs,
                window,
                bias,
                activation,
                cotangents,
                double,
                threads,
                numbers,
            }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { samples, groups, channels, outputs, window, activation, cotangents, threads, numbers, .. } =
        case;
    let [n, groups, each, outputs] = [*samples, *groups, *channels, *outputs];
    let (c, o, window, activation) = (groups * each, groups * outputs, *window, *activation);
    let ([h, wide], [kh, kw]) = (window.input, window.kernel);
    let [oh, ow] = window.output("conv").unwrap();
    let x = numbers.tensor::<T>(0, &[n, c, h, wide]);
    let w = numbers.tensor::<T>(1, &[o, each, kh, kw]);
    let dy = numbers.tensor::<T>(2, &[n, o, oh, ow]);
    let several = numbers.tensor::<T>(4, &[*cotangents, n, o, oh, ow]);
    let bias = case.bias.then(|| numbers.tensor::<T>(3, &[o]));
    let forward = |x: &Tensor<T>| x.conv2d(&w, bias.as_ref(), window, groups, activation).unwrap();
    let image = |dy: &Tensor<T>| w.conv2d_image(dy, window, groups).unwrap();
    let results = on_any_threads(*threads, || {
        vec![
            ("conv2d", forward(&x)),
            ("conv2d_image", image(&dy)),
            ("conv2d_weight", x.conv2d_weight(&dy, window, groups).unwrap()),
            ("conv2d_weights", x.conv2d_weights(&several, window, groups).unwrap()),
        ]
    })?;
    for s in 0..n {
        let one = |x: &Tensor<T>| x.slice(0, s, s + 1, 1).unwrap();
        same_bits("conv2d of a sample in its batch and alone", &one(&results[0].1), &forward(&one(&x)))?;
        same_bits("conv2d_image of a sample in its batch and alone", &one(&results[1].1), &image(&one(&dy)))?;
    }
    for k in 0..*cotangents {
        let alone = x.conv2d_weight(&several.at(0, k).unwrap(), window, groups).unwrap();
        same_bits("one cotangent of several and alone", &results[3].1.at(0, k).unwrap(), &alone)?;
    }
    let (x, w, dy, bias) = (doubles(&x), doubles(&w), doubles(&dy), bias.as_ref().map(doubles));
    let x_at = |s: usize, c_at: usize, [y, x_at]: [usize; 2]| x[((s * c + c_at) * h + y) * wide + x_at];
    let w_at = |o_at: usize, c_at: usize, r: usize, t: usize| w[((o_at * each + c_at) * kh + r) * kw + t];
    let dy_at = |s: usize, o_at: usize, i: usize, j: usize| dy[((s * o + o_at) * oh + i) * ow + j];
    let taps = || (0..kh).flat_map(|r| (0..kw).map(move |t| (r, t)));
    let winograd = window.kernel == [3, 3] && window.stride == [1, 1] && window.dilation == [1, 1];

    agrees("conv2d", &results[0].1, each * kh * kw, |place| {
        let [s, o_at, i, j] = index(place, &[n, o, oh, ow]);
        let mut sum = Sum::new(bias.as_ref().map_or(0.0, |bias| bias[o_at]));
        for c_at in 0..each {
            for (r, t) in taps() {
                // The padding is zeros, which are numbers as others.
                let x = pixel(&window, [i, j], [r, t])
                    .map_or(0.0, |at| x_at(s, o_at / outputs * each + c_at, at));
                sum.add(x, w_at(o_at, c_at, r, t));
            }
        }
        let slack = sum.slack(numbers.exact, winograd);
        match activation {
            None => (sum.value, slack),
            Some(Map::Relu) => (Map::Relu.f(sum.value), slack),
            Some(map) => (map.f(sum.value), 1.2 * slack + 8.0 * (1.0 + sum.value.abs())),
        }
    })?;
    agrees("conv2d_image", &results[1].1, outputs * kh * kw, |place| {
        let [s, c_at, y, x] = index(place, &[n, c, h, wide]);
        let (mut sum, mut strange) = (Sum::new(0.0), false);
        for o_at in c_at / each * outputs..(c_at / each + 1) * outputs {
            for (r, t) in taps() {
                let w = w_at(o_at, c_at % each, r, t);
                match (output(&window, 0, y, r, oh), output(&window, 1, x, t, ow)) {
                    (Some(i), Some(j)) => sum.add(dy_at(s, o_at, i, j), w),
                    _ => strange |= !w.is_finite(),
                }
            }
        }
        // A weight beyond the cotangent may meet zeros there or nothing: docs/conventions.md.
        (sum.value, if strange { f64::NAN } else { sum.slack(numbers.exact, winograd) })
    })?;
    agrees("conv2d_weight", &results[2].1, n * oh * ow, |place| {
        let [o_at, c_at, r, t] = index(place, &[o, each, kh, kw]);
        let (mut sum, mut strange) = (Sum::new(0.0), false);
        for s in 0..n {
            for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
                let dy = dy_at(s, o_at, i, j);
                match pixel(&window, [i, j], [r, t]) {
                    Some(at) => sum.add(x_at(s, o_at / outputs * each + c_at, at), dy),
                    None => strange |= !dy.is_finite(),
                }
            }
        }
        (sum.value, if strange { f64::NAN } else { sum.slack(numbers.exact, winograd) })
    })
}

/// A sum of products, and what rounding may change of it.
struct Sum {
    value: f64,
    size: f64,
    terms: f64,
}

impl Sum {
    fn new(first: f64) -> Self {
        Self { value: first, size: first.abs(), terms: 1.0 }
    }

    fn add(&mut self, a: f64, b: f64) {
        self.value += a * b;
        self.size += (a * b).abs();
        self.terms += 1.0;
    }

    /// As many roundings as there are terms (Higham 2002, section 3.1). Winograd's algorithm adds and takes away what is
    /// large beside small terms: there each counts as the largest that there may be, which is one.
    fn slack(&self, exact: bool, winograd: bool) -> f64 {
        match exact && self.terms < 20_000.0 {
            true => 0.0,
            false => (self.terms + 20.0) * if winograd { self.size.max(self.terms) } else { self.size },
        }
    }
}

/// The pixel under a tap of the window at `place`, if it is none of the padding.
fn pixel(window: &Window, place: [usize; 2], tap: [usize; 2]) -> Option<[usize; 2]> {
    let along = |axis: usize| {
        let at = place[axis] * window.stride[axis] + tap[axis] * window.dilation[axis];
        at.checked_sub(window.pad[axis][0]).filter(|&at| at < window.input[axis])
    };
    Some([along(0)?, along(1)?])
}

/// Which window lies with this tap on the pixel `at`.
fn output(window: &Window, axis: usize, at: usize, tap: usize, count: usize) -> Option<usize> {
    let from = (at + window.pad[axis][0]).checked_sub(tap * window.dilation[axis])?;
    (from % window.stride[axis] == 0).then_some(from / window.stride[axis]).filter(|&place| place < count)
}

#[test]
fn convolutions_are_what_their_definition_says() {
    check("convolutions", 2500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
