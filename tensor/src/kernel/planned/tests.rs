//! Kernels on slices: floats give the bits of the scalar path, bytes what whole numbers of 64 bits give.

use super::quantised::{self, Finish, Scale};
use super::*;
use crate::kernel::conv::{Conv, conv_forward};
use crate::kernel::product::{Activation, Bias, Epilogue, Matrix, product};
use crate::pointwise::{Map, Zip};
use crate::simd::{self, Level};
use crate::{Axes, RowNorm, Tensor, Window};

/// Numbers between -1 and 1 that look random.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed | 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn bytes(count: usize, seed: u32) -> Vec<i8> {
    noise(count, seed).into_iter().map(|x| (x * 128.0) as i8).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Runs `check` on the scalar path.
fn scalar(check: impl Fn()) {
    simd::at_each_level(|level| {
        if level == Level::Scalar {
            check();
        }
    });
}

const WINDOWS: [Window; 8] = {
    let plain =
        Window { input: [6, 7], kernel: [3, 2], stride: [1, 1], pad: [[0, 0], [0, 0]], dilation: [1, 1] };
    [
        plain,
        Window { stride: [2, 3], ..plain },
        Window { pad: [[1, 1], [1, 0]], ..plain },
        Window { pad: [[2, 0], [0, 1]], dilation: [2, 3], ..plain },
        Window { pad: [[2, 2], [1, 1]], stride: [2, 2], dilation: [1, 2], ..plain },
        Window { input: [1, 1], kernel: [1, 1], ..plain },
        Window { kernel: [2, 2], stride: [2, 2], ..plain },
        Window { stride: [3, 3], pad: [[1, 1]; 2], ..plain },
    ]
};

#[test]
fn dense_has_the_bits_of_the_scalar_path() {
    for (m, k, n) in [(1, 1, 1), (1, 16, 16), (3, 5, 7), (1, 400, 3), (2, 193, 9)] {
        let (x, w, bias) = (noise(m * k, 1), noise(k * n, 2), noise(n, 3));
        scalar(|| {
            for bias in [&bias[..], &[]] {
                let (mut expected, mut found) = (vec![0.0; m * n], vec![9.0; m * n]);
                let epilogue = Epilogue {
                    accumulate: false,
                    scale: 1.0,
                    bias: if bias.is_empty() { Bias::None } else { Bias::Row(bias) },
                    activation: Some(Activation::Tanh),
                };
                product(
                    Matrix::row_major(&x, m, k),
                    Matrix::row_major(&w, k, n),
                    &mut expected,
                    n,
                    &epilogue,
                );
                dense(&x, &w, bias, n, &mut found, |x| Map::Tanh.f(x));
                assert_eq!(bits(&found), bits(&expected), "{m} {k} {n}");
            }
        });
    }
}

#[test]
fn convolution_has_the_bits_of_the_scalar_path() {
    // The last is what takes Winograd's algorithm, but never one number at a time.
    let many = Window { pad: [[1, 1]; 2], ..Window::new([20, 20], [3, 3]) };
    for window in WINDOWS.into_iter().chain([many]) {
        for (channels, outputs, groups) in [(1, 1, 1), (4, 6, 1), (4, 6, 2), (40, 3, 1), (16, 16, 1)] {
            let conv = Conv::new(window, [1, channels, outputs], groups, "conv2d").unwrap();
            let [kh, kw] = window.kernel;
            let (x, w, bias) = (noise(conv.x_len(), 1), noise(conv.w_len(), 2), noise(outputs, 3));
            scalar(|| {
                for bias in [Some(&bias[..]), None] {
                    let (mut expected, mut found) = (vec![0.0; conv.y_len()], vec![9.0; conv.y_len()]);
                    conv_forward(&conv, &x, &w, &mut expected, bias, Some(Activation::Relu));
                    let mut column = vec![7.0; channels / groups * kh * kw];
                    let bias = bias.unwrap_or_default();
                    conv2d(&x, &window, groups, &w, bias, &mut column, &mut found, |x| Map::Relu.f(x));
                    assert_eq!(bits(&found), bits(&expected), "{window:?} {channels} {outputs} {groups}");
                }
            });
        }
    }
}

#[test]
fn pools_have_the_bits_of_tensors() {
    for window in WINDOWS {
        let [height, width] = window.input;
        let mut x = noise(3 * height * width, 5);
        if x.len() > 20 {
            x[9] = f32::NAN;
            x[13] = f32::NEG_INFINITY;
            x[42..].fill(-0.0);
        }
        let image = Tensor::new([1, 3, height, width], &x).unwrap();
        scalar(|| {
            let Ok(expected) = image.max_pool(window) else { return };
            let mut found = vec![9.0; expected.len()];
            max_pool(&x, &window, &mut found);
            assert_eq!(bits(&found), bits(&expected.to_vec()), "{window:?}");
            let expected = image.mean_pool(window).unwrap();
            mean_pool(&x, &window, &mut found);
            same(&found, &expected, "mean_pool");
        });
    }
    let x = noise(24, 8);
    let mut found = vec![0.0; 24];
    zip(Zip::Mul, &x, &x[..], &mut found);
    assert!(found.iter().zip(&x).all(|(y, x)| *y == x * x));
}

/// What [`Scale`] and [`Finish`] do to a sum, in wide integers.
fn finished(finish: &Finish<'_>, channel: usize, sum: i64) -> i8 {
    let Scale { multiplier, shift } = finish.scale[channel];
    let wide = (i128::from(sum) + i128::from(finish.bias[channel])) * i128::from(multiplier);
    let rounded = (2 * wide + (1i128 << shift)).div_euclid(1i128 << (shift + 1));
    (rounded + i128::from(finish.zero)).clamp(i128::from(finish.low), 127) as i8
}

fn scales(count: usize) -> Vec<Scale> {
    (0..count).map(|i| Scale::of(0.003 / (1.0 + i as f64))).collect()
}

#[test]
fn a_scale_is_near_its_factor() {
    for factor in [1e-9, 3.7e-4, 0.25, 0.999_999_999_9, 1.0, 7.3, 1e6, -0.3, -1.0] {
        let Scale { multiplier, shift } = Scale::of(factor);
        let found = f64::from(multiplier) / (1u64 << shift) as f64;
        assert!((found / factor - 1.0).abs() < 1e-9, "{factor}: {found}");
    }
    assert_eq!([0.0, 1e-30, f64::NAN].map(|factor| Scale::of(factor).multiplier), [0; 3]);
    assert_eq!([i32::MAX, 5000, -5000].map(|sum| Scale::of(1e6).apply(sum)), [i32::MAX, i32::MAX, i32::MIN]);
    assert_eq!([5, 6, 7, -5, -6, -7].map(|sum| Scale::of(0.25).apply(sum)), [1, 2, 2, -1, -1, -2]);
    for (shift, multiplier) in
        (0..=62).flat_map(|shift| [1 << 30, i32::MAX, -(1 << 30), i32::MIN].map(|m| (shift, m)))
    {
        for sum in [0, 1, -1, 5, 77_777, -77_778, 1 << 30, i32::MAX, i32::MIN] {
            let wide = i128::from(sum) * i128::from(multiplier);
            let half = if shift == 0 { 0 } else { 1 << (shift - 1) };
            let expected = ((wide + half) >> shift).clamp(i32::MIN.into(), i32::MAX.into());
            assert_eq!(
                i128::from(Scale { multiplier, shift }.apply(sum)),
                expected,
                "{sum} {multiplier} {shift}"
            );
        }
    }
}

/// Windows of 3 x 3 in every way that they can lie partly on padding.
fn nines() -> impl Iterator<Item = Window> {
    let pads = [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[2, 1], [0, 2]], [[0, 3], [4, 5]]];
    let inputs = [[3, 3], [4, 7], [3, 9], [8, 5], [2, 6]];
    let strides = [[1, 1], [2, 2], [1, 3], [4, 2]];
    let all = inputs.into_iter().flat_map(move |input| pads.map(|pad| (input, pad)));
    all.flat_map(move |(input, pad)| {
        strides.map(|stride| Window { input, kernel: [3, 3], stride, pad, dilation: [1, 1] })
    })
    .filter(|window| window.output("nines").is_ok())
}

/// Windows of one tap: over more pixels than have their sums kept at a time, in rows, and next to padding.
fn ones() -> [Window; 4] {
    let one = Window::new([9, 17], [1, 1]);
    [one, one.stride([1, 2]), one.stride([4, 3]), Window { pad: [[0, 1], [1, 0]], ..one }]
}

/// Few channels in every number in which they are taken two or three at a time, and as many as are gathered.
const CHANNELS: [[usize; 3]; 9] =
    [[2, 3, 1], [4, 2, 1], [5, 2, 1], [6, 3, 1], [7, 1, 1], [8, 4, 2], [9, 9, 1], [11, 2, 1], [41, 43, 1]];

#[test]
fn whole_number_layers_give_what_wide_integers_give() {
    for (m, k, n) in [(1, 1, 1), (1, 16, 16), (2, 5, 3), (1, 37, 6), (3, 200, 5)] {
        let (x, w) = (bytes(m * k, 1), bytes(n * k, 2));
        let (bias, scale): (Vec<i32>, _) = ((0..n as i32).map(|i| 900 * i - 1700).collect(), scales(n));
        let finish = Finish { bias: &bias, scale: &scale, zero: -3, low: -100 };
        let mut found = vec![99; m * n];
        quantised::dense(&x, &w, &finish, &mut found);
        for (i, &found) in found.iter().enumerate() {
            let (row, o) = (i / n, i % n);
            let sum = (0..k).map(|p| i64::from(x[row * k + p]) * i64::from(w[o * k + p])).sum();
            assert_eq!(found, finished(&finish, o, sum), "{m} {k} {n} at {i}");
        }
    }
    let sizes = [[1, 1, 1], [4, 6, 2], [3, 5, 1], [4, 4, 4], [2, 6, 2]];
    for window in WINDOWS.into_iter().chain(nines()).chain(ones()) {
        let more = if window.kernel == [1, 1] { &CHANNELS[..] } else { &[] };
        for &[channels, outputs, groups] in sizes.iter().chain(more) {
            let conv = Conv::new(window, [1, channels, outputs], groups, "conv2d").unwrap();
            let [[kh, kw], [height, width]] = [window.kernel, window.input];
            let (x, w) = (bytes(conv.x_len(), 3), bytes(conv.w_len(), 4));
            let (bias, scale): (Vec<i32>, _) =
                ((0..outputs as i32).map(|i| 500 * i).collect(), scales(outputs));
            let finish = Finish { bias: &bias, scale: &scale, zero: 5, low: 5 };
            let each = channels / groups;
            let (mut found, mut column) = (vec![99; conv.y_len()], vec![7; each * kh * kw]);
            let zero = 11i8;
            quantised::conv2d(
                &x,
                &window,
                [groups as i32, zero.into()],
                &w,
                &finish,
                &mut column,
                &mut found,
            );
            let [high, wide] = conv.output();
            for (at, &found) in found.iter().enumerate() {
                let (o, i, j) = (at / (high * wide), at / wide % high, at % wide);
                let mut sum = 0;
                for (c, r, s) in
                    (0..each).flat_map(|c| (0..kh).flat_map(move |r| (0..kw).map(move |s| (c, r, s))))
                {
                    let place = [(0, i, r), (1, j, s)].map(|(axis, p, tap): (usize, usize, usize)| {
                        (p * window.stride[axis] + tap * window.dilation[axis])
                            .checked_sub(window.pad[axis][0])
                    });
                    let pixel = match place {
                        [Some(y), Some(x_at)] if y < height && x_at < width => {
                            x[((o / (outputs / groups) * each + c) * height + y) * width + x_at]
                        }
                        _ => zero,
                    };
                    sum += i64::from(pixel) * i64::from(w[((o * each + c) * kh + r) * kw + s]);
                }
                assert_eq!(
                    found,
                    finished(&finish, o, sum),
                    "{window:?} {channels} {outputs} {groups} at {at}"
                );
            }
        }
    }
}

#[test]
fn whole_number_passes_stay_within_half_a_step() {
    let (a, b) = (bytes(500, 6), bytes(500, 7));
    let real = |q: i8, scale: f64, zero: i8| scale * (f64::from(q) - f64::from(zero));
    let held = |x: f64| x.clamp(-128.0, 127.0);
    let (sa, sb, sy, zeros) = (0.02, 0.05, 0.04, [3i8, -7, 10]);
    let mut y = vec![0; 500];
    let check = |y: &[i8], expected: &dyn Fn(usize) -> f64| {
        for (i, &q) in y.iter().enumerate() {
            let wanted = held(expected(i) / sy + f64::from(zeros[2]));
            assert!((f64::from(q) - wanted).abs() <= 0.51, "{i}: {q} for {wanted}");
        }
    };
    quantised::add([&a, &b], zeros, [Scale::of(sa / sy), Scale::of(-sb / sy)], &mut y);
    check(&y, &|i| real(a[i], sa, zeros[0]) - real(b[i], sb, zeros[1]));
    quantised::multiply([&a, &b], zeros, Scale::of(sa * sb / sy), &mut y);
    check(&y, &|i| real(a[i], sa, zeros[0]) * real(b[i], sb, zeros[1]));
    quantised::rescale(&a, [zeros[0], zeros[2]], Scale::of(sa / sy), &mut y);
    check(&y, &|i| real(a[i], sa, zeros[0]));
    quantised::sums(&a, [zeros[0], zeros[2]], Scale::of(sa / sy / 5.0), &mut y[..100]);
    check(&y[..100], &|i| a[5 * i..][..5].iter().map(|&q| real(q, sa, zeros[0])).sum::<f64>() / 5.0);
    let window =
        Window { input: [10, 10], kernel: [3, 3], stride: [2, 2], pad: [[0; 2]; 2], dilation: [1, 1] };
    let count = 5 * 16;
    quantised::mean_pool(&a, &window, [zeros[0], zeros[2]], Scale::of(sa / sy / 9.0), &mut y[..count]);
    check(&y[..count], &|at| {
        let (plane, i, j) = (at / 16, at / 4 % 4, at % 4);
        let taps = (0..9).map(|t| a[plane * 100 + (2 * i + t / 3) * 10 + 2 * j + t % 3]);
        taps.map(|q| real(q, sa, zeros[0])).sum::<f64>() / 9.0
    });
    let table: [i8; 256] = core::array::from_fn(|i| (255 - i) as u8 as i8);
    quantised::lookup(&a, &table, &mut y);
    assert!(y.iter().zip(&a).all(|(&y, &a)| y == table[(i32::from(a) + 128) as usize]));
    let mut found = [0i8; 4];
    max_pool(&[1i8, -5, 3, 9, -128, -127, 7, 2], &Window::new([2, 2], [2, 1]), &mut found);
    assert_eq!(found, [3, 9, 7, 2]);
}

/// What rows of every width may hold: all turns of four and what is left of them, a block of sums and more, zeros of both
/// signs, rows far from 0, and what is not finite.
fn rows() -> Vec<(usize, Vec<f32>)> {
    let mut rows: Vec<(usize, Vec<f32>)> = [1, 2, 3, 4, 5, 7, 8, 23, 24, 2 * crate::kernel::reduce::RUN + 7]
        .map(|n| (n, noise(3 * n, n as u32)))
        .into();
    for n in [5, 8] {
        let mut x = noise(9 * n, 77);
        for (row, special) in
            [1e8, -1e30, f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -0.0].into_iter().enumerate()
        {
            x[row * n + 2] = special;
        }
        x[6 * n..7 * n].fill(f32::NEG_INFINITY);
        x[7 * n..8 * n].fill(1e8);
        x[8 * n..].fill(-0.0);
        rows.push((n, x));
    }
    rows
}

/// Bits; those of a NaN are not looked at.
fn same(found: &[f32], expected: &Tensor, what: &str) {
    let one = |x: &f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
    let (found, expected): (Vec<u32>, Vec<u32>) =
        (found.iter().map(one).collect(), expected.to_vec().iter().map(one).collect());
    assert!(found == expected, "{what}: {found:?}, not {expected:?}");
}

#[test]
fn rows_have_the_bits_of_the_scalar_path() {
    for (n, x) in rows() {
        let height = x.len() / n;
        let tensor = Tensor::new([height, n], &x).unwrap();
        let own = [noise(n, 9), noise(n, 10)];
        scalar(|| {
            let mut found = vec![9.0; height];
            sums(&x, &mut found);
            let axes = Axes::of("sum", &[1], tensor.shape()).unwrap();
            same(&found, &tensor.sum(axes).unwrap(), "sums");
            if crate::kernel::stretch::is_long(n) {
                return;
            }
            let mut found = vec![9.0; x.len()];
            softmax(&x, n, &mut found);
            same(&found, &tensor.softmax().unwrap(), "softmax");
            log_softmax(&x, n, &mut found);
            same(&found, &tensor.log_softmax().unwrap(), "log_softmax");
            let g = noise(height, 12);
            log_sum_exp_grad(&x, &g, n, &mut found);
            let cotangent = Tensor::vector(&g);
            same(&found, &tensor.log_sum_exp_grad(&cotangent, None).unwrap(), "log_sum_exp_grad");
            for (centred, weight, bias) in [
                (true, true, true),
                (false, true, false),
                (true, false, false),
                (false, false, true),
                (true, true, false),
            ] {
                let norm = RowNorm { epsilon: 1e-3, centred };
                let slice = |own: &[f32], there: bool| if there { own.to_vec() } else { Vec::new() };
                let own = [slice(&own[0], weight), slice(&own[1], bias)];
                row_norm(&x, n, (1e-3, centred), [&own[0], &own[1]], &mut found);
                let own = own.map(|own| (!own.is_empty()).then(|| Tensor::vector(&own)));
                let expected = tensor.row_norm(norm, own[0].as_ref(), own[1].as_ref()).unwrap();
                same(&found, &expected, "row_norm");
            }
            let mut found = vec![9.0; height];
            log_sum_exp(&x, n, &mut found);
            same(&found, &tensor.log_sum_exp(None).unwrap(), "log_sum_exp");
        });
    }
    let mut found = [9.0; 2];
    log_softmax(&[1e8, 1e8], 2, &mut found);
    assert_eq!(found, [-core::f32::consts::LN_2; 2]);
}

#[test]
fn products_have_the_bits_of_the_scalar_path() {
    for lengths in [[1, 1, 1], [3, 1, 5], [1, 7, 9], [4, 193, 3], [2, 0, 2], [1, 0, 5]] {
        let [m, k, n] = lengths;
        let (mut a, b, bias) = (noise(m * k, 1), noise(k * n, 2), noise(n, 3));
        a.iter_mut().step_by(3).for_each(|a| *a = -0.0);
        for transposed in [[false, false], [true, false], [false, true], [true, true]] {
            let [rows, columns] = [[m, k], [k, n]].map(|[rows, columns]| [rows, columns]);
            let read = |x: &[f32], [rows, columns]: [usize; 2], turned: bool| {
                let x = Tensor::new(if turned { [columns, rows] } else { [rows, columns] }, x).unwrap();
                if turned { x.transpose(0, 1).unwrap() } else { x }
            };
            scalar(|| {
                for bias in [&bias[..], &[]] {
                    let mut found = vec![9.0; m * n];
                    super::product(&a, &b, lengths, transposed, bias, &mut found, |x| Map::Relu.f(x));
                    let [a, b] = [read(&a, rows, transposed[0]), read(&b, columns, transposed[1])];
                    let mut expected = a.matmul(&b).unwrap();
                    if !bias.is_empty() {
                        let bias = Tensor::vector(bias).expand([m, n]).unwrap();
                        expected = expected.zip(Zip::Add, &bias).unwrap();
                    }
                    same(&found, &expected.map(Map::Relu), &std::format!("{lengths:?} {transposed:?}"));
                }
            });
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_left_alone() {
    let half = usize::BITS / 2;
    let mut y = [7.0; 4];
    for lengths in [[1 << half; 3], [2, 1 << (2 * half - 1), 2], [2, 2, 2], [5, 1, 1]] {
        super::product(&[1.0; 2], &[1.0; 2], lengths, [false; 2], &[], &mut y, |x| x);
        super::product(&[1.0; 2], &[1.0; 2], lengths, [true; 2], &[], &mut y, |x| x);
    }
    assert_eq!(y, [7.0; 4]);
    // Pictures with more numbers than can be counted: 3 x 1 windows, the steps between which add up to nothing; and 2^64 of them.
    let (tall, down) = ((1 << (2 * half - 2)) + 3, 1 << (2 * half - 3));
    let finish =
        Finish { bias: &[0], scale: &[Scale { multiplier: 1 << 30, shift: 31 }], zero: 0, low: -128 };
    for (input, stride) in [([tall, 4], [down, 2]), ([(1 << half) + 2; 2], [1, 1])] {
        let (window, mut y) = (Window::new(input, [3, 3]).stride(stride), [7; 3]);
        quantised::conv2d(&[1; 16], &window, [1, 0], &[1; 9], &finish, &mut [0; 9], &mut y);
        assert_eq!(y, [7; 3]);
    }
    // The same of one tap; and a picture that is smaller than it is said to be, in each of its channels.
    let fifth = usize::MAX / 5;
    for (input, stride) in
        [([tall, 4], [down, 2]), ([9, 5 * fifth], [2, fifth]), ([2, 9], [1, 4]), ([3, 1], [1, 1])]
    {
        let (window, mut y) = (Window::new(input, [1, 1]).stride(stride), [7; 6]);
        quantised::conv2d(&[1; 4], &window, [1, 0], &[1; 2], &finish, &mut [0; 2], &mut y);
        assert_eq!(y, [7; 6], "{window:?}");
    }
    super::product(&[], &[], [1 << half; 3], [false; 2], &[], &mut [], |x| x);
    super::product(&[], &[], [2, 0, 2], [false; 2], &[], &mut y, |x| x + 1.0);
    assert_eq!(y, [1.0; 4]);
    // More numbers than are asked for: the next row begins where it should.
    super::product(&[2.0, 3.0], &[1.0, 10.0, 100.0], [2, 1, 2], [false; 2], &[], &mut y, |x| x);
    assert_eq!(y, [2.0, 20.0, 3.0, 30.0]);
    dense(&[1.0; 3], &[1.0; 4], &[], 2, &mut y[..2], |x| x);
    assert_eq!(y, [2.0, 2.0, 3.0, 30.0]);
}
