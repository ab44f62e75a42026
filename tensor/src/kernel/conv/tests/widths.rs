//! Convolutions at random whose groups have up to forty channels and outputs: all heights of tiles, whole and cut, in planes that
//! are small.

use super::*;

/// Terms of the trilinear form above which a case takes too long.
const MOST: usize = 500_000;

/// A number of channels or outputs of one group: few, around the heights of tiles, or any.
fn width(draw: &mut impl FnMut(usize, usize) -> usize) -> usize {
    match draw(0, 3) {
        0 => draw(1, 4),
        1 => [8, 10, 11, 12, 13, 14, 16, 22, 24, 28, 32][draw(0, 10)],
        _ => draw(5, 40),
    }
}

fn widths_at_random<T: Float>(seed: u64) {
    let mut state = seed;
    let mut draw = |low: usize, high: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (state >> 33) as usize % (high - low + 1)
    };
    // How many cases had at least twelve of each: channels and outputs of a group, with steps of one and wider ones.
    let (mut done, mut tall) = (0, [[0; 2]; 2]);
    while done < 200 {
        let window = Window {
            input: [draw(1, 14), draw(1, 14)],
            kernel: [draw(1, 4), draw(1, 5)],
            stride: [[1, 1], [1, 1], [draw(1, 3), draw(1, 3)]][draw(0, 2)],
            pad: [[draw(0, 2), draw(0, 3)], [draw(0, 3), draw(0, 2)]],
            dilation: [[1, 1], [1, 1], [draw(1, 2), draw(1, 3)]][draw(0, 2)],
        };
        let groups = [1, 1, 1, 2, 3][draw(0, 4)];
        let (channels, outputs) = (width(&mut draw), width(&mut draw));
        let sizes = [draw(1, 3), groups * channels, groups * outputs];
        let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") else { continue };
        if conv.y_len() * channels * window.kernel.iter().product::<usize>() > MOST {
            continue;
        }
        check::<T>(&conv);
        done += 1;
        let wide = usize::from(window.stride != [1, 1]);
        tall[0][wide] += usize::from(channels >= 12);
        tall[1][wide] += usize::from(outputs >= 12);
    }
    assert!(tall.iter().flatten().all(|&count| count >= 10), "too few wide groups: {tall:?}");
}

#[test]
fn widths_at_random_of_f32() {
    crate::simd::at_each_level(|_| widths_at_random::<f32>(29));
}

#[test]
fn widths_at_random_of_f64() {
    crate::simd::at_each_level(|_| widths_at_random::<f64>(31));
}
