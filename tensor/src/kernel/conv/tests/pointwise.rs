//! Windows of one tap at step 1, which are products as their numbers lie: as they are and turned.

use super::*;
use crate::kernel::product::Matrix;
use crate::kernel::product::plan::turned_is_cheaper;

/// Whether the product of a sample, forward or of the input's gradient, goes turned at the level in force.
fn goes_turned<T: Float>(conv: &Conv, transposed: bool) -> bool {
    struct Chosen<'a, T>(Matrix<'a, T>, Matrix<'a, T>);
    impl<T: Float> crate::simd::Kernel<T> for Chosen<'_, T> {
        type Output = bool;
        fn run<I: crate::simd::Lanes<T>>(self, isa: I) -> bool {
            turned_is_cheaper::<T, I>(isa, &self.0, &self.1)
        }
    }
    let [outputs, channels] = [conv.outputs_each(), conv.channels_each()];
    let numbers = vec![T::ONE; outputs.max(channels) * channels.max(conv.pixels()).max(outputs)];
    let w = Matrix::row_major(&numbers, outputs, channels);
    let w = if transposed { w.transposed() } else { w };
    T::dispatch(Chosen(w, Matrix::row_major(&numbers, w.cols(), conv.pixels())))
}

/// The definition, and the same bits with one thread, two and three, with each activation and without a bias.
fn check_all<T: Float>(conv: &Conv) {
    assert!(conv.is_pointwise());
    check::<T>(conv);
    let (x, w) = (noise::<T>(conv.x_len(), 1), noise::<T>(conv.w_len(), 2));
    let (dy, bias) = (noise::<T>(conv.y_len(), 3), noise::<T>(conv.outputs, 4));
    let mut plain = vec![T::ZERO; conv.y_len()];
    conv_forward(conv, &x, &w, &mut plain, None, None);
    for activation in [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Sigmoid)] {
        for bias in [None, Some(&bias[..])] {
            let with = |threads| {
                let (mut y, mut dx) =
                    (vec![T::from_f64(f64::NAN); conv.y_len()], vec![T::ZERO; conv.x_len()]);
                parallel::with_threads(threads, || {
                    conv_forward(conv, &x, &w, &mut y, bias, activation);
                    conv_input_grad(conv, &w, &dy, &mut dx);
                });
                (y, dx)
            };
            let one = with(1);
            for (at, (y, plain)) in one.0.iter().zip(&plain).enumerate() {
                let own = bias.map_or(0.0, |bias| bias[at / conv.pixels() % conv.outputs].to_f64());
                let sum = plain.to_f64() + own;
                let want = match activation {
                    None => sum,
                    Some(Activation::Relu) => sum.max(0.0),
                    Some(Activation::Tanh) => sum.tanh(),
                    Some(Activation::Sigmoid) => 1.0 / (1.0 + (-sum).exp()),
                };
                let bound = 8.0 * T::EPSILON.to_f64() * (1.0 + sum.abs());
                assert!((y.to_f64() - want).abs() <= bound, "y[{at}] with {activation:?} for {conv:?}");
            }
            for threads in [2, 3] {
                assert!(with(threads) == one, "{threads} threads, {activation:?}, {conv:?}");
            }
        }
    }
}

pub(super) fn products_as_they_lie<T: Float>() {
    // Whether a product goes turned depends on the registers of the level: among these some do and some do not, in both roles.
    let mut seen = [[0; 2]; 2];
    for (image, sizes, groups) in [
        ([7, 7], [3, 70, 3], 1),
        ([5, 3], [2, 300, 3], 1),
        ([1, 1], [4, 33, 40], 1),
        ([1, 3], [3, 64, 50], 1),
        ([3, 1], [3, 50, 64], 1),
        ([2, 2], [3, 120, 90], 3),
        ([4, 8], [2, 12, 18], 3),
        ([8, 8], [2, 16, 16], 1),
        ([17, 1], [2, 60, 14], 2),
        ([1, 17], [2, 14, 60], 2),
        // Work for several threads: many samples, and pieces of one.
        ([1, 3], [9, 256, 200], 1),
        ([33, 31], [1, 40, 30], 1),
        ([15, 9], [1, 200, 60], 2),
        ([12, 16], [5, 48, 32], 1),
    ] {
        let conv = conv(Window::new(image, [1, 1]), sizes, groups);
        for role in [0, 1] {
            seen[role][usize::from(goes_turned::<T>(&conv, role == 1))] += 1;
        }
        check_all::<T>(&conv);
    }
    assert!(seen.iter().flatten().all(|&count| count > 0), "not turned and turned: {seen:?}");
}

pub(super) fn products_as_they_lie_at_random<T: Float>() {
    let mut state = 23u64;
    let mut draw = |low: usize, high: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (state >> 33) as usize % (high - low + 1)
    };
    for _ in 0..40 {
        let (most, groups) = ([4, 20, 100][draw(0, 2)], [1, 1, 2, 3][draw(0, 3)]);
        let image = [draw(1, 9), draw(1, 9)];
        let sizes = [draw(1, 3), groups * draw(2, most), groups * draw(2, most)];
        check_all::<T>(&conv(Window::new(image, [1, 1]), sizes, groups));
    }
}
