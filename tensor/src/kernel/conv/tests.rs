//! Convolutions against their definition, against each other, and against themselves cut otherwise.

mod depthwise;
mod pointwise;
mod special;
mod together;
mod widths;
mod winograd;

use super::*;
use crate::kernel::product::Activation;
use crate::kernel::product::tests::noise;
use crate::storage::Buffer;
use crate::{Float, Window, parallel};
use alloc::vec;
use alloc::vec::Vec;

/// Calls `each(x index, w index, y index)` for every term of the trilinear form.
fn terms(conv: &Conv, mut each: impl FnMut(usize, usize, usize)) {
    let Window { input: [high, wide], kernel: [kh, kw], stride, pad, dilation } = conv.window;
    let ([oh, ow], groups) = (conv.output, conv.groups);
    let (channels, outputs) = (conv.channels / groups, conv.outputs / groups);
    for n in 0..conv.samples {
        for o in 0..conv.outputs {
            for c in 0..channels {
                for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
                    for (r, s) in (0..kh).flat_map(|r| (0..kw).map(move |s| (r, s))) {
                        let y = (i * stride[0] + r * dilation[0]).wrapping_sub(pad[0][0]);
                        let x = (j * stride[1] + s * dilation[1]).wrapping_sub(pad[1][0]);
                        if y < high && x < wide {
                            let channel = o / outputs * channels + c;
                            each(
                                ((n * conv.channels + channel) * high + y) * wide + x,
                                ((o * channels + c) * kh + r) * kw + s,
                                ((n * conv.outputs + o) * oh + i) * ow + j,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Compares with sums of `f64`, within what rounding may do to sums of that size.
fn close<T: Float>(got: &[T], want: &[f64], size: &[f64], what: &str, conv: &Conv) {
    for (i, ((got, want), size)) in got.iter().zip(want).zip(size).enumerate() {
        let bound = 16.0 * T::EPSILON.to_f64() * (1.0 + size);
        let got = got.to_f64();
        assert!((got - want).abs() <= bound, "{what}[{i}] = {got}, not {want} (+- {bound:e}) for {conv:?}");
    }
}

/// All three roles against the definition, and the adjoint identity between them.
fn check<T: Float>(conv: &Conv) {
    // In blocks of their size: `TRESS_FENCED` sees what is read or written beyond.
    let numbers = |len, seed| Buffer::from_slice(&noise::<T>(len, seed));
    let nan = |len| Buffer::from_slice(&vec![T::from_f64(f64::NAN); len]);
    let (x, w, dy) = (numbers(conv.x_len(), 1), numbers(conv.w_len(), 2), numbers(conv.y_len(), 3));
    let bias = noise::<T>(conv.outputs, 4);
    let (x, w, dy) = (x.as_slice(), w.as_slice(), dy.as_slice());
    let (mut y, mut biased) = (nan(conv.y_len()), nan(conv.y_len()));
    let (mut dx, mut dw) = (nan(conv.x_len()), nan(conv.w_len()));
    conv_forward(conv, x, w, y.make_mut(), None, None);
    conv_forward(conv, x, w, biased.make_mut(), Some(&bias), Some(Activation::Relu));
    conv_input_grad(conv, w, dy, dx.make_mut());
    conv_weight_grad(conv, 1, x, dy, dw.make_mut());
    let (y, biased, dx, dw) = (y.as_slice(), biased.as_slice(), dx.as_slice(), dw.as_slice());

    let zeros = |len| (vec![0.0; len], vec![0.0; len]);
    let ((mut yw, mut ys), (mut dxw, mut dxs), (mut dww, mut dws)) =
        (zeros(y.len()), zeros(dx.len()), zeros(dw.len()));
    terms(conv, |i, j, k| {
        for (want, size, at, term) in [
            (&mut yw, &mut ys, k, x[i].to_f64() * w[j].to_f64()),
            (&mut dxw, &mut dxs, i, w[j].to_f64() * dy[k].to_f64()),
            (&mut dww, &mut dws, j, x[i].to_f64() * dy[k].to_f64()),
        ] {
            want[at] += term;
            size[at] += term.abs();
        }
    });
    if conv.is_for_tiles() {
        // Numbers of one window meet in the transforms: a tap that sees nothing but padding errs with the others.
        for window in dws.chunks_exact_mut(9) {
            window.fill(window.iter().copied().fold(0.0, f64::max));
        }
    }
    close(y, &yw, &ys, "y", conv);
    close(dx, &dxw, &dxs, "dx", conv);
    close(dw, &dww, &dws, "dw", conv);
    let pixels = conv.pixels();
    let with_bias = |(k, y): (usize, &f64)| (y + bias[k / pixels % conv.outputs].to_f64()).max(0.0);
    let biased_want: Vec<f64> = yw.iter().enumerate().map(with_bias).collect();
    close(biased, &biased_want, &ys, "relu(y + bias)", conv);

    let dot = |a: &[T], b: &[T]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    let forms = [dot(dy, y), dot(dx, x), dot(dw, w)];
    let size = ys.iter().sum::<f64>() + 1.0;
    for form in forms {
        assert!((form - forms[0]).abs() <= 16.0 * T::EPSILON.to_f64() * size, "{forms:?} for {conv:?}");
    }
}

fn conv(window: Window, sizes: [usize; 3], groups: usize) -> Conv {
    Conv::new(window, sizes, groups, "conv2d").expect("a window that fits")
}

macro_rules! at_each {
    ($test:ident) => {
        #[test]
        fn $test() {
            crate::simd::at_each_level(|_| {
                cases::$test::<f32>();
                cases::$test::<f64>();
            });
        }
    };
}

mod cases {
    pub(super) use super::depthwise::{
        an_image_where_it_lies_gives_the_bits_of_its_stage, depthwise, depthwise_at_random,
        depthwise_in_steps,
    };
    pub(super) use super::pointwise::{products_as_they_lie, products_as_they_lie_at_random};
    pub(super) use super::together::{
        samples_together, samples_together_at_random, samples_together_give_the_bits_of_each,
        weights_of_samples_together,
    };
    use super::*;

    pub(super) fn geometries_of_well_known_layers<T: Float>() {
        let pad = [[1, 1], [1, 1]];
        check::<T>(&conv(Window::new([28, 28], [5, 5]), [2, 1, 10], 1));
        check::<T>(&conv(Window::new([12, 12], [5, 5]), [3, 10, 20], 1));
        check::<T>(&conv(Window::new([14, 14], [3, 3]).pad(pad), [1, 40, 14], 1));
        check::<T>(&conv(Window::new([9, 9], [3, 3]).pad(pad).stride([2, 2]), [2, 6, 8], 1));
        check::<T>(&conv(Window::new([7, 8], [1, 1]), [3, 13, 5], 1));
        check::<T>(&conv(Window::new([8, 8], [1, 1]).stride([2, 2]), [2, 3, 5], 1));
        check::<T>(&conv(Window::new([11, 10], [3, 3]).pad(pad), [2, 6, 6], 6));
        check::<T>(&conv(Window::new([10, 10], [3, 3]).dilation([2, 2]).pad([[2, 2], [2, 2]]), [2, 4, 6], 2));
        check::<T>(&conv(Window::new([1, 200], [1, 9]), [2, 2, 3], 1));
        check::<T>(&conv(Window::new([4, 4], [4, 4]), [17, 2, 5], 1));
        // An input gradient by the flipped window, without the rows that see nothing but padding.
        check::<T>(&conv(Window::new([16, 16], [5, 5]), [2, 3, 4], 1));
        check::<T>(&conv(Window::new([18, 16], [3, 5]).pad([[1, 0], [2, 0]]), [3, 14, 25], 1));
        check::<T>(&conv(Window::new([8, 18], [7, 3]).pad([[6, 5], [1, 1]]).stride([2, 1]), [1, 2, 13], 1));
        // As many outputs as a tile of a product has rows, and twice as many; short rows, read where they lie and packed.
        for (channels, outputs) in [(10, 12), (12, 10), (11, 24), (24, 25)] {
            check::<T>(&conv(Window::new([12, 12], [5, 5]), [2, channels, outputs], 1));
            check::<T>(&conv(Window::new([19, 17], [5, 5]).pad([[2, 2], [2, 2]]), [1, channels, outputs], 1));
        }
        for outputs in [31, 32, 75] {
            check::<T>(&conv(Window::new([7, 7], [3, 3]).pad(pad), [2, 40, outputs], 1));
            check::<T>(&conv(Window::new([9, 8], [3, 3]).pad(pad), [1, outputs, 33], 1));
        }
        // Enough pixels for registers to lie along them in every role.
        check::<T>(&conv(Window::new([20, 20], [5, 5]), [3, 2, 7], 1));
        check::<T>(&conv(Window::new([19, 21], [3, 3]).pad([[1, 0], [2, 1]]), [2, 3, 8], 1));
        check::<T>(&conv(
            Window::new([20, 37], [3, 2]).dilation([2, 3]).pad([[2, 2], [3, 0]]),
            [17, 2, 4],
            2,
        ));
        check::<T>(&conv(Window::new([40, 9], [1, 6]).pad([[0, 0], [9, 3]]), [2, 1, 11], 1));
        check::<T>(&conv(Window::new([20, 20], [7, 7]).pad([[3, 3], [3, 3]]), [9, 6, 13], 1));
        // Winograd's tiles: whole and cut, in rows shorter and longer than a register, all blocks of channels, groups.
        for conv in [
            conv(Window::new([20, 20], [3, 3]).pad(pad), [2, 16, 17], 1),
            // More samples than chunks.
            conv(Window::new([20, 20], [3, 3]).pad(pad), [19, 16, 16], 1),
            conv(Window::new([23, 19], [3, 3]).pad([[0, 1], [2, 1]]), [3, 19, 16], 1),
            conv(Window::new([8, 75], [3, 3]), [1, 16, 30], 1),
            conv(Window::new([12, 12], [3, 3]), [1, 300, 64], 1),
            conv(Window::new([13, 33], [3, 3]).pad(pad), [2, 34, 32], 2),
        ] {
            assert!(goes_by_winograd::<T>(&conv));
            check::<T>(&conv);
        }
        // Channels that are folded in several parts.
        let pad = [[1, 1], [1, 1]];
        for (samples, groups) in [(1, 1), (3, 2)] {
            for window in [Window::new([9, 8], [3, 3]).pad(pad).stride([2, 2]), Window::new([5, 4], [1, 1])] {
                check::<T>(&conv(window, [samples, groups * 150, groups * 3], groups));
            }
        }
        // More samples in a chunk than are summed together.
        check::<T>(&conv(Window::new([24, 24], [5, 5]), [50, 1, 2], 1));
    }

    pub(super) fn geometries_at_random<T: Float>() {
        let mut state = 7u64;
        let mut draw = |low: usize, high: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + (state >> 33) as usize % (high - low + 1)
        };
        let mut done = 0;
        while done < 120 {
            let window = Window {
                input: [draw(1, 19), draw(1, 19)],
                kernel: [draw(1, 4), draw(1, 5)],
                stride: [draw(1, 3), draw(1, 3)],
                pad: [[draw(0, 2), draw(0, 3)], [draw(0, 3), draw(0, 2)]],
                dilation: [draw(1, 2), draw(1, 3)],
            };
            let groups = draw(1, 3);
            let sizes = [draw(1, 3), groups * draw(1, 4), groups * draw(1, 5)];
            if let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") {
                check::<T>(&conv);
                done += 1;
            }
        }
    }

    pub(super) fn tiles_at_random<T: Float>() {
        let mut state = 11u64;
        let mut draw = |low: usize, high: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + (state >> 33) as usize % (high - low + 1)
        };
        let mut done = 0;
        while done < 24 {
            // From one row to one column of many pixels.
            let high = [1, 2, 3, draw(4, 40), draw(10, 24), 450][draw(0, 5)];
            let wide = (420 / high).max(1) + draw(0, 3);
            let pad = [[draw(0, 4), draw(0, 3)], [draw(0, 3), draw(0, 4)]];
            let window = Window { input: [high, wide], pad, ..Window::new([high, wide], [3, 3]) };
            let groups = draw(1, 2);
            let sizes = [draw(1, 2), groups * draw(16, 19), groups * draw(16, 18)];
            let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") else { continue };
            if conv.pixels() >= 400 {
                assert!(goes_by_winograd::<T>(&conv));
                check::<T>(&conv);
                done += 1;
            }
        }
    }

    pub(super) fn nothing_to_do<T: Float>() {
        let window = Window::new([5, 5], [3, 3]);
        for sizes in [[0, 2, 3], [2, 0, 3], [2, 2, 0], [0, 0, 0]] {
            check::<T>(&conv(window, sizes, 1));
            check::<T>(&conv(Window::new([20, 20], [5, 5]), sizes, 1));
            let [samples, channels, outputs] = sizes.map(|size| 16 * size);
            check::<T>(&conv(Window::new([20, 20], [3, 3]), [samples, channels, outputs], 1));
            for kernel in [1, 2, 3] {
                let window = Window::new([5, 5], [kernel, kernel]);
                check::<T>(&conv(window, [samples, channels, outputs], 2));
                check::<T>(&conv(window.stride([2, 2]), [samples, channels, outputs], 2));
            }
        }
        check::<T>(&conv(Window::new([0, 3], [1, 1]).pad([[1, 1], [0, 0]]), [1, 2, 2], 1));
        // No outputs, of channels that would be convolved each for itself.
        check::<T>(&conv(Window::new([2, 1], [2, 1]), [1, 2, 0], 2));
    }

    /// What one sample, or one cotangent, gives does not depend on the others.
    pub(super) fn stacking_changes_no_bit<T: Float>() {
        for (window, channels, outputs) in [
            (Window::new([12, 12], [5, 5]), 10, 7),
            (Window::new([28, 28], [5, 5]), 1, 7),
            (Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]), 3, 7),
            (Window::new([9, 7], [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 1]), 5, 7),
            (Window::new([6, 6], [1, 1]), 33, 7),
            (Window::new([21, 23], [3, 3]).pad([[1, 1], [1, 1]]), 16, 16),
            // Alone too few outputs for Winograd's algorithm, and together enough.
            (Window::new([21, 23], [3, 3]).pad([[1, 1], [1, 1]]), 16, 7),
        ] {
            let (samples, outputs, stacked) = (5, outputs, 3);
            let one = conv(window, [samples, channels, outputs], 1);
            let many_samples = conv(window, [stacked * samples, channels, outputs], 1);
            let (x, w) = (noise::<T>(one.x_len(), 1), noise::<T>(one.w_len(), 2));
            let dys: Vec<Vec<T>> = (0..stacked).map(|i| noise(one.y_len(), 3 + i as u64)).collect();

            // Along N for the input gradient.
            let mut dx = vec![T::ZERO; many_samples.x_len()];
            conv_input_grad(&many_samples, &w, &dys.concat(), &mut dx);
            // K cotangents of one image for the weight gradient.
            let mut dw = vec![T::ZERO; stacked * one.w_len()];
            conv_weight_grad(&one, stacked, &x, &dys.concat(), &mut dw);
            // Along N for the forward role.
            let x_many: Vec<T> = x.iter().copied().cycle().take(stacked * x.len()).collect();
            let mut y = vec![T::ZERO; many_samples.y_len()];
            conv_forward(&many_samples, &x_many, &w, &mut y, None, None);

            for (i, dy) in dys.iter().enumerate() {
                let mut alone = vec![T::ZERO; one.x_len()];
                conv_input_grad(&one, &w, dy, &mut alone);
                assert_eq!(alone, dx[i * alone.len()..][..alone.len()], "dx {i} of {window:?}");
                let mut alone = vec![T::ZERO; one.w_len()];
                conv_weight_grad(&one, 1, &x, dy, &mut alone);
                assert_eq!(alone, dw[i * alone.len()..][..alone.len()], "dw {i} of {window:?}");
                let mut alone = vec![T::ZERO; one.y_len()];
                conv_forward(&one, &x, &w, &mut alone, None, None);
                assert_eq!(alone, y[i * alone.len()..][..alone.len()], "y {i} of {window:?}");
            }
        }
    }

    pub(super) fn cotangents_of_one_image_in_groups<T: Float>() {
        for (window, channels, outputs, groups) in [
            (Window::new([9, 8], [3, 3]).pad([[1, 1], [1, 1]]), 6, 4, 2),
            (Window::new([9, 8], [3, 3]), 5, 10, 5),
            (Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]), 4, 6, 2),
            (Window::new([6, 5], [1, 1]), 4, 6, 2),
            (Window::new([21, 19], [3, 3]).pad([[1, 1], [0, 1]]), 32, 34, 2),
            (Window::new([21, 39], [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 2]), 4, 4, 4),
            (Window::new([21, 39], [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]), 3, 6, 3),
        ] {
            let conv = conv(window, [5, channels, outputs], groups);
            let (x, stacked) = (noise::<T>(conv.x_len(), 1), 3);
            let dy = noise::<T>(stacked * conv.y_len(), 2);
            let mut together = vec![T::ZERO; stacked * conv.w_len()];
            conv_weight_grad(&conv, stacked, &x, &dy, &mut together);
            for (dy, dw) in dy.chunks(conv.y_len()).zip(together.chunks(conv.w_len())) {
                let mut alone = vec![T::ZERO; conv.w_len()];
                conv_weight_grad(&conv, 1, &x, dy, &mut alone);
                assert!(alone == dw, "{window:?} in {groups} groups");
            }
        }
    }

    pub(super) fn threads_change_no_bit<T: Float>() {
        let pad = [[1, 1], [1, 1]];
        for conv in [
            conv(Window::new([16, 16], [5, 5]), [1, 10, 200], 1),
            conv(Window::new([28, 28], [5, 5]), [40, 1, 10], 1),
            conv(Window::new([56, 56], [3, 3]).pad(pad), [1, 16, 40], 1),
            conv(Window::new([20, 20], [3, 3]).pad(pad), [6, 32, 32], 32),
            conv(Window::new([33, 31], [3, 3]).pad(pad), [3, 40, 30], 1),
            conv(Window::new([34, 31], [3, 3]).pad(pad).stride([2, 2]), [20, 64, 64], 64),
            conv(Window::new([34, 31], [5, 5]).pad(pad).stride([2, 2]), [9, 32, 64], 32),
            // Few samples, for threads to share one; steps; more taps than are summed in many chunks.
            conv(Window::new([24, 24], [3, 3]).pad(pad), [1, 64, 64], 1),
            // So few tiles that threads share the outputs.
            conv(Window::new([10, 11], [3, 3]).pad(pad), [1, 64, 100], 1),
            conv(Window::new([10, 11], [3, 3]).pad(pad), [2, 128, 75], 1),
            conv(Window::new([17, 19], [3, 3]).pad(pad).stride([2, 2]), [7, 20, 30], 1),
            conv(Window::new([17, 18], [3, 3]).pad(pad).stride([2, 1]), [1, 40, 30], 2),
            conv(Window::new([7, 7], [3, 3]).pad(pad), [6, 120, 40], 1),
            // Windows of several samples together, in groups; more outputs than samples.
            conv(Window::new([7, 7], [3, 3]).pad(pad).stride([2, 1]), [7, 150, 300], 2),
            conv(Window::new([9, 8], [3, 3]), [5, 250, 260], 1),
            // Several samples that are folded together; fewer, where threads share them.
            conv(Window::new([20, 20], [3, 3]).pad(pad).stride([2, 2]), [32, 16, 16], 1),
            conv(Window::new([28, 28], [3, 3]).stride([2, 2]), [8, 16, 16], 1),
            conv(Window::new([17, 15], [3, 3]).stride([2, 2]), [8, 24, 31], 1),
            // Channels of one sample, to be folded by several threads.
            conv(Window::new([17, 18], [3, 3]).pad(pad).stride([2, 2]), [1, 130, 40], 1),
            conv(Window::new([15, 9], [1, 1]).stride([2, 1]), [1, 300, 90], 1),
            conv(Window::new([15, 9], [1, 1]), [1, 300, 90], 1),
        ] {
            let (x, w, dy) =
                (noise::<T>(conv.x_len(), 1), noise::<T>(conv.w_len(), 2), noise::<T>(conv.y_len(), 3));
            let with = |threads| {
                let (mut y, mut dx, mut dw) =
                    (vec![T::ZERO; conv.y_len()], vec![T::ZERO; conv.x_len()], vec![T::ZERO; conv.w_len()]);
                parallel::with_threads(threads, || {
                    conv_forward(&conv, &x, &w, &mut y, None, None);
                    conv_input_grad(&conv, &w, &dy, &mut dx);
                    conv_weight_grad(&conv, 1, &x, &dy, &mut dw);
                });
                (y, dx, dw)
            };
            let one = with(1);
            for threads in [2, 3, 8] {
                assert!(with(threads) == one, "{threads} threads, {conv:?}");
            }
        }
    }
}

at_each!(geometries_of_well_known_layers);
at_each!(depthwise);
at_each!(depthwise_in_steps);
at_each!(depthwise_at_random);
at_each!(an_image_where_it_lies_gives_the_bits_of_its_stage);
at_each!(geometries_at_random);
at_each!(tiles_at_random);
at_each!(nothing_to_do);
at_each!(stacking_changes_no_bit);
at_each!(cotangents_of_one_image_in_groups);
at_each!(threads_change_no_bit);
at_each!(products_as_they_lie);
at_each!(products_as_they_lie_at_random);
at_each!(samples_together);
at_each!(samples_together_at_random);
at_each!(samples_together_give_the_bits_of_each);
at_each!(weights_of_samples_together);

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let window = Window::new([5, 5], [3, 3]);
    assert!(Conv::new(window, [1, 4, 6], 0, "conv2d").is_err());
    assert!(Conv::new(window, [1, 4, 6], 4, "conv2d").is_err());
    assert!(Conv::new(window, [1, 3, 6], 2, "conv2d").is_err());
    assert!(Conv::new(window.pad([[0, usize::MAX - 9], [0, 0]]), [1, 4, 6], 2, "conv2d").is_err());
    // A stage of 2^32 numbers once its tiles are whole.
    let window = Window::new([1, 1], [3, 3]).pad([[127, 127], [127, 127]]);
    assert!(Conv::new(window, [1, 65_536, 16], 1, "conv2d").is_err());
    assert!(Conv::new(Window::new([5, 5], [6, 3]), [1, 4, 6], 1, "conv2d").is_err());
}

/// Whether Winograd's algorithm is taken, which it never is for one number at a time.
fn goes_by_winograd<T: Float>(conv: &Conv) -> bool {
    struct Chosen<'a>(&'a Conv);
    impl<T: Float> crate::simd::Kernel<T> for Chosen<'_> {
        type Output = bool;
        fn run<I: crate::simd::Lanes<T>>(self, _: I) -> bool {
            use crate::simd::Vector;
            self.0.is_for_tiles() && self.0.is_for_winograd::<T, I>() == (I::V::LANES > 1)
        }
    }
    T::dispatch(Chosen(conv))
}

/// A convolution that is not to be computed by Winograd's algorithm.
struct ByDefinition<R>(R);

impl crate::simd::Kernel<f32> for ByDefinition<forward::Forward<'_, f32>> {
    type Output = ();
    fn run<I: crate::simd::Lanes<f32>>(self, isa: I) {
        self.0.by_definition(isa);
    }
}
