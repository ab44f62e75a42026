//! The kernels of laid-out programs, between pages that may not be touched: of floats and of bytes.

use super::super::super::planned::quantised::{self, Finish, Scale};
use super::super::super::planned::{self as plan, LONGEST_CHAIN, RUN};
use super::*;
use crate::pointwise::Real;

const PAD: [[usize; 2]; 2] = [[1, 1], [1, 0]];

fn images() -> [Window; 5] {
    [
        Window::new([6, 7], [3, 2]),
        Window::new([6, 7], [3, 2]).pad(PAD).stride([2, 3]),
        Window::new([9, 17], [3, 3]).pad([[2, 0], [0, 2]]).dilation([2, 3]),
        Window::new([4, 5], [1, 1]),
        Window::new([5, 9], [5, 9]),
    ]
}

pub(super) fn floats() {
    for [m, k, n] in
        [[1, 1, 1], [1, 16, 16], [3, 5, 7], [1, LONGEST_CHAIN + 9, 3], [2, 33, 9], [4, 1, 5], [1, 3, 17]]
    {
        let what = &format!("{m} x {k} x {n}");
        let (a, b, bias) = (numbers::<f32>(m * k, 1), numbers::<f32>(k * n, 2), numbers::<f32>(n, 3));
        fenced(&[&a, &b, &bias], m * n, what, |x, y| plan::dense(x[0], x[1], x[2], n, y, |x| x.max(0.0)));
        fenced(&[&a, &b], m * n, what, |x, y| plan::dense(x[0], x[1], &[], n, y, |x| x));
        for transposed in [[false, false], [true, false], [false, true], [true, true]] {
            fenced(&[&a, &b, &bias], m * n, what, |x, y| {
                plan::product(x[0], x[1], [m, k, n], transposed, x[2], y, |x| x);
            });
        }
    }
    for window in images() {
        for (channels, outputs, groups) in [(1, 1, 1), (4, 6, 2), (3, 5, 1), (4, 4, 4)] {
            let conv = Conv::new(window, [1, channels, outputs], groups, "conv2d").unwrap();
            let (x, w) = (numbers::<f32>(conv.x_len(), 1), numbers::<f32>(conv.w_len(), 2));
            let (bias, column) = (numbers::<f32>(outputs, 3), vec![7.0f32; conv.w_len() / outputs]);
            for at_end in [true, false] {
                fenced(&[&x, &w, &bias], conv.y_len(), "planned conv2d", |x, y| {
                    let mut column = Fenced::new(&column, at_end);
                    plan::conv2d(x[0], &window, groups, x[1], x[2], column.all_mut(), y, |x| x);
                });
            }
        }
        let output = window.output("pool").unwrap();
        let (x, count) =
            (numbers::<f32>(3 * window.input[0] * window.input[1], 4), 3 * output[0] * output[1]);
        fenced(&[&x], count, "planned max_pool", |x, y| plan::max_pool(x[0], &window, y));
        fenced(&[&x], count, "planned mean_pool", |x, y| plan::mean_pool(x[0], &window, y));
    }
    for n in LENGTHS.into_iter().chain([RUN + 5]) {
        let (x, g) = (numbers::<f32>(3 * n, 1), numbers::<f32>(3 * n, 2));
        let own = [numbers::<f32>(n, 3), numbers::<f32>(n, 4)];
        fenced(&[&x], 3, "planned sums", |x, y| plan::sums(x[0], y));
        fenced(&[&x], x.len(), "planned map", |x, y| plan::map(x[0], y, Real::exp));
        fenced(&[], x.len(), "planned map in place", |_, y| plan::map_in_place(y, |x: f32| x * x));
        fenced(&[&x, &g], x.len(), "planned zip", |x, y| plan::zip(Zip::Mul, x[0], x[1], y));
        fenced(&[&x], x.len(), "planned softmax", |x, y| plan::softmax(x[0], n, y));
        fenced(&[&x], x.len(), "planned log_softmax", |x, y| plan::log_softmax(x[0], n, y));
        fenced(&[&x], 3, "planned log_sum_exp", |x, y| plan::log_sum_exp(x[0], n, y));
        fenced(&[&x, &g[..3]], x.len(), "its gradient", |x, y| plan::log_sum_exp_grad(x[0], x[1], n, y));
        fenced(&[&x, &g], x.len(), "planned map_grad", |x, y| plan::map_grad(x[0], x[1], y, |x| x + 1.0));
        fenced(&[&x], x.len(), "planned expand", |x, y| plan::expand(x[0], y));
        fenced(&[&x[..1]], x.len(), "planned expand of one", |x, y| plan::expand(x[0], y));
        for centred in [true, false] {
            fenced(&[&x, &own[0], &own[1]], x.len(), "planned row_norm", |x, y| {
                plan::row_norm(x[0], n, (1e-3, centred), [x[1], x[2]], y);
            });
        }
    }
}

/// What [`fenced`] does, with bytes.
fn of_bytes(operands: &[&[i8]], result: usize, what: &str, work: impl Fn(&[&[i8]], &mut [i8])) {
    fenced_from(operands, &vec![99; result], what, <[i8]>::to_vec, work);
}

fn some_bytes(len: usize, seed: usize) -> Vec<i8> {
    numbers::<f64>(len, seed).into_iter().map(|x| (x * 42.0) as i8).collect()
}

pub(super) fn bytes() {
    let (zeros, half) = ([3i8, -7, 10], Scale::of(0.5));
    // Rows around the words and registers of every machine's sums of products.
    for (m, k, n) in LENGTHS.into_iter().flat_map(|k| [(1, k, 1), (1, k, 2), (3, k, 5)]) {
        let (x, w) = (some_bytes(m * k, 1), some_bytes(n * k, 2));
        let (bias, scale) = (vec![700; n], vec![Scale::of(0.003); n]);
        of_bytes(&[&x, &w], m * n, &format!("bytes, {m} x {k} x {n}"), |x, y| {
            let (bias, scale) = (Fenced::new(&bias, true), Fenced::new(&scale, true));
            let finish = Finish { bias: bias.all(), scale: scale.all(), zero: -3, low: -100 };
            quantised::dense(x[0], x[1], &finish, y);
        });
    }
    for window in images() {
        for (channels, outputs, groups) in [(1, 1, 1), (4, 6, 2), (3, 5, 1), (4, 4, 4)] {
            let conv = Conv::new(window, [1, channels, outputs], groups, "conv2d").unwrap();
            let (x, w) = (some_bytes(conv.x_len(), 1), some_bytes(conv.w_len(), 2));
            let (bias, scale) = (vec![700; outputs], vec![Scale::of(0.003); outputs]);
            let column = vec![7i8; conv.w_len() / outputs];
            for at_end in [true, false] {
                of_bytes(&[&x, &w], conv.y_len(), "a convolution of bytes", |x, y| {
                    let mut column = Fenced::new(&column, at_end);
                    let finish = Finish { bias: &bias, scale: &scale, zero: 5, low: 5 };
                    let (groups, column) = ([groups as i32, 11], column.all_mut());
                    quantised::conv2d(x[0], &window, groups, x[1], &finish, column, y);
                });
            }
        }
        let output = window.output("pool").unwrap();
        let (x, count) = (some_bytes(3 * window.input[0] * window.input[1], 4), 3 * output[0] * output[1]);
        of_bytes(&[&x], count, "max_pool of bytes", |x, y| plan::max_pool(x[0], &window, y));
        of_bytes(&[&x], count, "mean_pool of bytes", |x, y| {
            quantised::mean_pool(x[0], &window, [3, 10], half, y);
        });
    }
    let table: [i8; 256] = core::array::from_fn(|i| (255 - i) as u8 as i8);
    for len in LENGTHS {
        let (a, b) = (some_bytes(3 * len, 1), some_bytes(3 * len, 2));
        of_bytes(&[&a, &b], a.len(), "add", |x, y| quantised::add([x[0], x[1]], zeros, [half; 2], y));
        of_bytes(&[&a, &b], a.len(), "multiply", |x, y| quantised::multiply([x[0], x[1]], zeros, half, y));
        of_bytes(&[&a], a.len(), "rescale", |x, y| quantised::rescale(x[0], [3, 10], half, y));
        of_bytes(&[&a], 3, "sums of bytes", |x, y| quantised::sums(x[0], [3, 10], half, y));
        of_bytes(&[&a], a.len(), "lookup", |x, y| quantised::lookup(x[0], &table, y));
        of_bytes(&[], a.len(), "lookup in place", |_, y| quantised::lookup_in_place(y, &table));
    }
}
