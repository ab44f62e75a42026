//! Samples that are convolved together: the definition, and the bits of each sample alone.

use super::*;

/// Whether samples are convolved together at the level in force, and whether the gradient by the weights is summed over them together.
fn chosen<T: Float>(conv: &Conv) -> [bool; 2] {
    struct Chosen<'a>(&'a Conv);
    impl<T: Float> crate::simd::Kernel<T> for Chosen<'_> {
        type Output = [bool; 2];
        fn run<I: crate::simd::Lanes<T>>(self, _: I) -> [bool; 2] {
            [self.0.goes_together::<T, I>(false), self.0.weights_go_together::<T, I>()]
        }
    }
    T::dispatch(Chosen(conv))
}

fn goes_together<T: Float>(conv: &Conv) -> bool {
    chosen::<T>(conv)[0]
}

fn has_lanes() -> bool {
    crate::simd::level() != crate::simd::Level::Scalar
}

/// All roles, and the gradient by the input as a convolution of its own where it is one. No number of pixels is a multiple of
/// four: panels would be full of one sample where registers are short, and samples not be convolved together.
pub(super) fn samples_together<T: Float>() {
    let pad = [[1, 1], [1, 1]];
    for (window, sizes, groups) in [
        (Window::new([7, 7], [3, 3]).pad(pad), [5, 40, 37], 1),
        // One block of k, and several; more samples than one product takes; panels that begin and end anywhere.
        (Window::new([5, 3], [3, 3]).pad(pad), [40, 3, 33], 1),
        (Window::new([5, 3], [3, 3]).pad(pad), [41, 70, 34], 1),
        (Window::new([1, 1], [3, 3]).pad(pad), [70, 5, 40], 1),
        (Window::new([4, 4], [4, 4]), [67, 9, 35], 1),
        (Window::new([9, 9], [3, 3]).pad(pad).stride([2, 2]), [11, 40, 33], 1),
        (Window::new([9, 5], [1, 1]).stride([2, 2]), [9, 300, 20], 1),
        (Window::new([7, 9], [3, 3]).pad([[2, 2], [2, 2]]).dilation([2, 2]), [6, 36, 70], 2),
        (Window::new([6, 5], [2, 4]).pad([[0, 1], [3, 0]]), [9, 66, 99], 3),
    ] {
        let conv = conv(window, sizes, groups);
        assert_eq!(goes_together::<T>(&conv), has_lanes(), "{conv:?}");
        check::<T>(&conv);
    }
    // Images that are read where they lie, up to the last of a batch.
    for (image, sizes, groups) in [
        ([7, 7], [9, 256, 130], 1),
        ([1, 1], [37, 200, 170], 1),
        ([2, 1], [19, 1200, 360], 3),
        ([5, 3], [8, 129, 260], 1),
        ([15, 17], [8, 150, 220], 1),
    ] {
        let conv = conv(Window::new(image, [1, 1]), sizes, groups);
        assert_eq!(goes_together::<T>(&conv), has_lanes(), "{conv:?}");
        check::<T>(&conv);
    }
}

pub(super) fn samples_together_at_random<T: Float>() {
    let mut state = 29u64;
    let mut draw = |low: usize, high: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (state >> 33) as usize % (high - low + 1)
    };
    let mut done = 0;
    while done < 60 {
        let window = Window {
            input: [draw(1, 9), draw(1, 9)],
            kernel: [draw(1, 4), draw(1, 4)],
            stride: [draw(1, 2), draw(1, 2)],
            pad: [[draw(0, 2), draw(0, 2)], [draw(0, 2), draw(0, 2)]],
            dilation: [draw(1, 2), draw(1, 2)],
        };
        let groups = draw(1, 2);
        let sizes = [draw(1, 20), groups * draw(2, 60), groups * draw(32, 50)];
        if let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") {
            done += usize::from(goes_together::<T>(&conv) || !has_lanes());
            check::<T>(&conv);
        }
    }
}

/// What a sample gives does not depend on how many there are, nor on the threads among which columns and outputs are shared.
pub(super) fn samples_together_give_the_bits_of_each<T: Float>() {
    let pad = [[1, 1], [1, 1]];
    for (window, channels, outputs) in [
        (Window::new([7, 7], [3, 3]).pad(pad), 96, 120),
        (Window::new([7, 7], [1, 1]), 390, 360),
        (Window::new([9, 9], [3, 3]).pad(pad).stride([2, 2]), 80, 90),
        (Window::new([3, 3], [3, 3]), 100, 200),
        // Packed weights that stay in the first-level cache, and columns that do not.
        (Window::new([28, 28], [3, 3]).pad(pad).stride([2, 2]), 16, 16),
        (Window::new([20, 20], [3, 3]).pad(pad).stride([2, 2]), 16, 16),
        // Taps of one channel in one tile of rows.
        (Window::new([9, 9], [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]), 5, 50),
    ] {
        let (count, activation) = (9, Some(Activation::Tanh));
        let many = conv(window, [count, channels, outputs], 1);
        let one = conv(window, [1, channels, outputs], 1);
        assert_eq!(goes_together::<T>(&many), has_lanes(), "{many:?}");
        let (x, w) = (noise::<T>(many.x_len(), 1), noise::<T>(many.w_len(), 2));
        let (dy, bias) = (noise::<T>(many.y_len(), 3), noise::<T>(outputs, 4));
        let with = |threads, conv: &Conv, x: &[T], dy: &[T]| {
            let (mut y, mut dx) = (vec![T::ZERO; conv.y_len()], vec![T::ZERO; conv.x_len()]);
            parallel::with_threads(threads, || {
                conv_forward(conv, x, &w, &mut y, Some(&bias), activation);
                conv_input_grad(conv, &w, dy, &mut dx);
            });
            (y, dx)
        };
        let alone = x.chunks(one.x_len()).zip(dy.chunks(one.y_len())).map(|(x, dy)| with(1, &one, x, dy));
        let (y, dx): (Vec<_>, Vec<_>) = alone.unzip();
        let alone = (y.concat(), dx.concat());
        for threads in [1, 2, 3, 8] {
            assert!(with(threads, &many, &x, &dy) == alone, "{threads} threads, {many:?}");
        }
    }
}

/// Weights' gradients that are summed over samples together: the definition, each of several cotangents as if it were alone, on any
/// number of threads.
pub(super) fn weights_of_samples_together<T: Float>() {
    let pad = [[1, 1], [1, 1]];
    for (window, sizes, groups) in [
        (Window::new([7, 7], [3, 3]).pad(pad), [45, 9, 37], 1),
        (Window::new([7, 7], [3, 3]).pad(pad), [5, 110, 150], 1),
        (Window::new([9, 8], [3, 2]).stride([2, 1]), [50, 8, 10], 2),
        // More pixels in a chunk than are summed at once.
        (Window::new([30, 29], [3, 3]).pad(pad).stride([2, 2]), [81, 2, 3], 1),
        (Window::new([5, 3], [1, 1]), [90, 40, 33], 1),
        (Window::new([7, 7], [1, 1]), [5, 420, 390], 1),
        (Window::new([1, 1], [1, 1]), [1100, 26, 34], 2),
        (Window::new([5, 5], [1, 1]).stride([2, 2]), [20, 200, 210], 1),
    ] {
        let conv = conv(window, sizes, groups);
        assert_eq!(chosen::<T>(&conv)[1], has_lanes(), "{conv:?}");
        check::<T>(&conv);
        let (x, stack) = (noise::<T>(conv.x_len(), 1), 3);
        let dy = noise::<T>(stack * conv.y_len(), 2);
        let with = |threads, dy: &[T]| {
            let stack = dy.len() / conv.y_len();
            let mut dw = vec![T::ZERO; stack * conv.w_len()];
            parallel::with_threads(threads, || conv_weight_grad(&conv, stack, &x, dy, &mut dw));
            dw
        };
        let alone: Vec<T> = dy.chunks(conv.y_len()).flat_map(|dy| with(1, dy)).collect();
        for threads in [1, 2, 3] {
            assert!(with(threads, &dy) == alone, "{threads} threads, {conv:?}");
        }
    }
}
