//! Depthwise convolutions: windows, steps and paddings of their own loops.

use super::*;

pub(super) fn depthwise<T: Float>() {
    let image = |high, wide, kh, kw| Window::new([high, wide], [kh, kw]);
    for window in [
        image(11, 10, 3, 3).pad([[1, 1], [1, 1]]),
        image(14, 32, 3, 3).pad([[1, 1], [1, 1]]),
        image(3, 18, 3, 3),
        image(9, 70, 3, 3).pad([[2, 2], [0, 2]]),
        image(40, 37, 3, 3).pad([[2, 0], [0, 1]]),
        image(9, 20, 3, 5).pad([[2, 2], [4, 4]]).dilation([2, 2]),
        image(9, 9, 1, 2).pad([[1, 0], [0, 3]]),
        image(5, 5, 1, 1),
        // Images of another size than their stage's rows; taps that nothing but padding lies under.
        image(5, 5, 2, 2).pad([[3, 3], [3, 3]]),
        image(4, 90, 5, 5).pad([[2, 2], [2, 2]]),
        image(1, 1, 5, 5).pad([[2, 2], [2, 2]]),
        image(0, 3, 1, 1).pad([[1, 1], [0, 0]]),
    ] {
        check::<T>(&conv(window, [3, 4, 4], 4));
        check::<T>(&conv(window, [2, 3, 6], 3));
    }
    // Images that are read where they lie: one column to some registers of them, and one row on.
    for (wide, high) in [1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 48, 49].into_iter().zip((1..=6).cycle()) {
        check::<T>(&conv(image(high, wide, 3, 3).pad([[1, 1], [1, 1]]), [2, 2, 4], 2));
    }
}

/// Steps of two and three in each direction, windows that are smaller and larger than them, and what lies between.
pub(super) fn depthwise_in_steps<T: Float>() {
    let image = |high, wide, kernel| Window::new([high, wide], kernel);
    for window in [
        image(12, 35, [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 2]),
        image(9, 70, [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]),
        image(9, 9, [7, 7]).pad([[3, 3], [3, 3]]).stride([2, 2]),
        image(23, 19, [3, 3]).pad([[1, 1], [1, 1]]).stride([3, 3]),
        image(11, 40, [2, 4]).pad([[0, 1], [2, 1]]).stride([2, 3]),
        image(11, 40, [3, 3]).pad([[1, 1], [1, 1]]).stride([1, 2]),
        image(11, 40, [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 1]),
        // Pixels that no window sees, and phases without taps.
        image(13, 38, [1, 1]).stride([2, 2]),
        image(13, 38, [2, 2]).stride([3, 3]),
        image(13, 38, [3, 3]).dilation([2, 2]).pad([[2, 2], [2, 2]]).stride([2, 2]),
        image(13, 38, [3, 3]).dilation([3, 2]).pad([[3, 2], [1, 4]]).stride([2, 3]),
        image(3, 3, [3, 3]).stride([7, 5]),
        image(6, 6, [3, 3]).pad([[4, 4], [5, 3]]).stride([2, 2]),
    ] {
        check::<T>(&conv(window, [3, 4, 4], 4));
        check::<T>(&conv(window, [2, 3, 6], 3));
    }
    // Windows of 3x3 at a step of two, with a row and a column of padding before, behind, both or neither: one column to some
    // registers of them.
    let wide =
        (1..=9).chain([14, 15, 16, 17, 27, 28, 29, 30, 31, 32, 33, 34, 56, 61, 62, 63, 64, 65, 66, 97, 128]);
    for (wide, high) in wide.zip([7, 1, 2, 3, 4, 5, 6].into_iter().cycle()) {
        for bits in 0..16 {
            let pad = [[bits & 1, bits >> 1 & 1], [bits >> 2 & 1, bits >> 3]];
            let window = image(high, wide, [3, 3]).pad(pad).stride([2, 2]);
            if let Ok(conv) = Conv::new(window, [2, 2, 2 + 2 * (wide % 2)], 2, "conv2d") {
                check::<T>(&conv);
            }
        }
    }
}

pub(super) fn depthwise_at_random<T: Float>() {
    let mut state = 13u64;
    let mut draw = |low: usize, high: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (state >> 33) as usize % (high - low + 1)
    };
    let mut done = 0;
    while done < 150 {
        let window = Window {
            input: [draw(1, 19), draw(1, 45)],
            kernel: [draw(1, 5), draw(1, 5)],
            stride: [draw(1, 3), draw(1, 3)],
            pad: [[draw(0, 3), draw(0, 3)], [draw(0, 3), draw(0, 3)]],
            dilation: [draw(1, 3), draw(1, 3)],
        };
        let groups = draw(2, 4);
        let sizes = [draw(1, 3), groups, groups * draw(1, 2)];
        if let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") {
            check::<T>(&conv);
            done += 1;
        }
    }
}

/// The first image is laid on a stage, the others are read where they lie.
pub(super) fn an_image_where_it_lies_gives_the_bits_of_its_stage<T: Float>() {
    for (high, wide) in [(1, 1), (2, 16), (5, 17), (4, 28), (3, 33), (7, 64)] {
        for odd in [0.5, f64::NAN, f64::INFINITY] {
            let window = Window::new([high, wide], [3, 3]).pad([[1, 1], [1, 1]]);
            let conv = conv(window, [2, 3, 3], 3);
            let repeat = |numbers: Vec<T>, times| numbers.repeat(times);
            let (x, dy) = (repeat(noise(high * wide, 1), 6), repeat(noise(high * wide, 2), 6));
            // Zero times what is not finite is NaN: also beyond the edge.
            let mut w = noise(9, 3);
            w[8] = T::from_f64(odd);
            let w = repeat(w, 3);
            let (mut y, mut dx) = (vec![T::ZERO; x.len()], vec![T::ZERO; x.len()]);
            let mut dw = vec![T::ZERO; w.len()];
            conv_forward(&conv, &x, &w, &mut y, None, None);
            conv_input_grad(&conv, &w, &dy, &mut dx);
            conv_weight_grad(&conv, 1, &x, &dy, &mut dw);
            for (numbers, len) in [(y, high * wide), (dx, high * wide), (dw, 9)] {
                let (first, others) = numbers.split_at(len);
                for (i, (a, b)) in others.iter().zip(first.iter().cycle()).enumerate() {
                    let (a, b) = (a.to_f64(), b.to_f64());
                    assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{i}: {a}, {b}");
                }
            }
        }
    }
}
