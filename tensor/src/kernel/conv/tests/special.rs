//! Numbers that are not finite, and those too large for sums to be safe.

use super::*;

/// NaN and infinities stay in the sums that they belong to, also where registers reach beyond a row or a plane.
#[test]
fn special_numbers_stay_where_they_belong() {
    crate::simd::at_each_level(|_| {
        let wide = [1, 2, 14, 15, 16, 17, 28, 29, 30, 31, 32, 33, 60, 61, 62, 63, 64, 65];
        let padded = |wide| Window::new([7, wide], [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 2]);
        let narrow = |wide| Window::new([8, wide + 2], [3, 3]).pad([[0, 1], [0, 1]]).stride([2, 2]);
        let dense = |wide| Window::new([8, wide + 1], [3, 3]).pad([[1, 0], [0, 1]]);
        let bare = |wide| Window::new([5, wide + 2], [3, 3]);
        let mut cases = vec![
            (Window::new([20, 20], [5, 5]), [3, 2, 3], 1),
            (Window::new([3, 20], [3, 3]), [2, 2, 2], 2),
            (Window::new([1, 20], [3, 3]).pad([[2, 1], [1, 1]]), [2, 2, 2], 2),
            (Window::new([17, 21], [3, 3]).pad([[1, 1], [1, 1]]), [3, 2, 3], 1),
            (Window::new([12, 12], [3, 3]).pad([[1, 1], [1, 1]]), [3, 2, 3], 1),
            (Window::new([20, 21], [3, 3]).pad([[1, 1], [1, 1]]), [3, 16, 16], 1),
            (Window::new([9, 37], [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]), [2, 2, 2], 2),
            (Window::new([9, 37], [3, 2]).stride([3, 3]), [2, 2, 4], 2),
            (Window::new([9, 37], [3, 3]).pad([[2, 2], [2, 2]]).dilation([2, 2]), [2, 3, 3], 3),
        ];
        let of = |wide| [padded(wide), narrow(wide), dense(wide), bare(wide)];
        cases.extend(wide.into_iter().flat_map(of).map(|case| (case, [2, 2, 2], 2)));
        for (window, sizes, groups) in cases {
            let conv = conv(window, sizes, groups);
            let (clean, w) = (noise::<f32>(conv.x_len(), 1), noise::<f32>(conv.w_len(), 2));
            let dy = noise::<f32>(conv.y_len(), 3);
            let [_, wide] = window.input;
            for (at, special) in [
                (0, f32::NAN),
                (conv.x_len() - 1, f32::INFINITY),
                (conv.x_len() / 2, f32::NAN),
                (3 * wide - 1, f32::NAN),
                ((2 * wide + 30).min(conv.x_len() - 1), f32::NAN),
            ] {
                let mut x = clean.clone();
                x[at] = special;
                let (mut y, mut dw) = (vec![0.0; conv.y_len()], vec![0.0; conv.w_len()]);
                conv_forward(&conv, &x, &w, &mut y, None, None);
                conv_weight_grad(&conv, 1, &x, &dy, &mut dw);
                let (mut of_y, mut of_w) = (vec![true; y.len()], vec![true; dw.len()]);
                terms(&conv, |i, j, k| {
                    of_y[k] &= i != at;
                    of_w[j] &= i != at;
                });
                for (got, finite) in y.iter().zip(&of_y).chain(dw.iter().zip(&of_w)) {
                    assert_eq!(got.is_finite(), *finite, "{special} at {at} of {window:?}");
                }
            }
            for (at, special) in
                [(0, f32::NAN), (conv.y_len() - 1, f32::INFINITY), (conv.output[1] - 1, f32::NAN)]
            {
                let mut dy = dy.clone();
                dy[at] = special;
                let mut dx = vec![0.0; conv.x_len()];
                conv_input_grad(&conv, &w, &dy, &mut dx);
                let mut of_x = vec![true; dx.len()];
                terms(&conv, |i, _, k| of_x[i] &= k != at);
                for (got, finite) in dx.iter().zip(&of_x) {
                    assert_eq!(got.is_finite(), *finite, "{special} at {at} of the cotangent of {window:?}");
                }
            }
        }
    });
}

/// Numbers too large for sums to be safe, and what is no number, in any operand: the definition's results, whole samples of it.
#[test]
fn what_is_not_tame_is_convolved_by_the_definition() {
    crate::simd::at_each_level(|_| {
        let window = |input| Window::new(input, [3, 3]).pad([[1, 1], [1, 1]]);
        let (several, one) =
            (conv(window([20, 21]), [2, 32, 34], 2), conv(window([10, 11]), [1, 64, 100], 1));
        // Two groups of two samples; and one image, whose outputs threads share.
        for (threads, conv, parts) in [(1, several, 4), (3, several, 4), (1, one, 1), (3, one, 1)] {
            assert!(goes_by_winograd::<f32>(&conv));
            for (in_x, in_w, special) in [
                (true, false, f32::NAN),
                (true, false, f32::INFINITY),
                (true, false, 1e30),
                (false, true, f32::NAN),
                (false, true, f32::NEG_INFINITY),
                (true, true, 1e25),
            ] {
                let (mut x, mut w) = (noise::<f32>(conv.x_len(), 1), noise::<f32>(conv.w_len(), 2));
                if in_x {
                    x[conv.x_len() - 5] = special;
                }
                if in_w {
                    w[77] = special;
                }
                let (mut y, mut defined) = (vec![0.0; conv.y_len()], vec![0.0; conv.y_len()]);
                let (mut dw, dy) = (vec![0.0; conv.w_len()], noise::<f32>(conv.y_len(), 3));
                parallel::with_threads(threads, || {
                    conv_forward(&conv, &x, &w, &mut y, None, None);
                    conv_weight_grad(&conv, 1, &x, &dy, &mut dw);
                });
                let role = forward::Forward {
                    conv: &conv,
                    x: &x,
                    w: &w,
                    flipped: false,
                    y: &mut defined,
                    bias: None,
                    activation: None,
                };
                f32::dispatch(ByDefinition(role));
                let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<_>>();
                // The other group of the sample, and the other sample, go their own way unless it is the weights.
                let wild = if in_w { 0 } else { y.len() - y.len() / parts };
                assert!(bits(&y[wild..]) == bits(&defined[wild..]), "{special} in x: {in_x}, in w: {in_w}");
                let mut takes_part = vec![false; dw.len()];
                terms(&conv, |i, j, _| takes_part[j] |= in_x && i == conv.x_len() - 5);
                for (dw, takes_part) in dw.iter().zip(takes_part) {
                    assert_eq!(dw.is_finite(), special.is_finite() || !takes_part, "{special}");
                }
            }
        }
    });
}

/// What is wild in one of several cotangents of one image is no matter of the others: their gradients have the bits that they
/// have alone.
#[test]
fn a_cotangent_that_is_not_tame_changes_no_other() {
    crate::simd::at_each_level(|_| {
        let conv = conv(Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]), [2, 16, 16], 1);
        assert!(goes_by_winograd::<f32>(&conv));
        let (x, stack) = (noise::<f32>(conv.x_len(), 1), 5);
        for wild in [&[1][..], &[0], &[4], &[1, 2], &[0, 3], &[0, 1, 2, 3, 4]] {
            let mut dy = noise::<f32>(stack * conv.y_len(), 2);
            for (&k, special) in wild.iter().zip([f32::NAN, 3e14, f32::INFINITY, -1e30, f32::NAN]) {
                dy[k * conv.y_len() + 77] = special;
            }
            let mut together = vec![9.0; stack * conv.w_len()];
            conv_weight_grad(&conv, stack, &x, &dy, &mut together);
            for (k, (dy, dw)) in dy.chunks(conv.y_len()).zip(together.chunks(conv.w_len())).enumerate() {
                let mut alone = vec![0.0; conv.w_len()];
                conv_weight_grad(&conv, 1, &x, dy, &mut alone);
                let bits = |dw: &[f32]| dw.iter().map(|dw| dw.to_bits()).collect::<Vec<_>>();
                assert!(bits(&alone) == bits(dw), "cotangent {k} where {wild:?} are wild");
                assert!(wild.contains(&k) || dw.iter().all(|dw| dw.is_finite()), "{k} of {wild:?}");
            }
        }
    });
}

/// A weight that is not finite meets the zeros of the padding, and gives the same kind of number at each instruction set: in
/// `y` NaN wherever its tap lies on the padding.
#[test]
fn weights_that_are_not_finite_give_the_same_at_every_level() {
    let kind = |y: &f32| (y.is_nan(), y.is_finite(), *y > 0.0);
    for (window, sizes, groups) in [
        (Window::new([34, 34], [3, 3]).pad([[1, 1], [1, 1]]), [1, 1, 1], 1),
        (Window::new([34, 34], [3, 3]).pad([[1, 1], [1, 1]]), [2, 2, 3], 1),
        (Window::new([28, 28], [5, 5]).pad([[2, 2], [2, 2]]), [1, 1, 6], 1),
        (Window::new([12, 12], [5, 5]), [1, 3, 4], 1),
        (Window::new([14, 14], [5, 5]), [1, 6, 16], 1),
        (Window::new([9, 7], [3, 3]).pad([[1, 1], [1, 1]]), [1, 40, 3], 1),
        (Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]), [1, 16, 16], 1),
        (Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]), [1, 4, 4], 4),
        (Window::new([20, 20], [3, 3]).pad([[1, 1], [1, 1]]).stride([2, 2]), [2, 4, 4], 4),
        (Window::new([20, 41], [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]), [1, 4, 8], 4),
        (Window::new([20, 20], [3, 3]).pad([[2, 2], [2, 2]]).stride([2, 2]).dilation([2, 2]), [1, 4, 4], 4),
    ] {
        let conv = conv(window, sizes, groups);
        let (x, dy) = (vec![1.0f32; conv.x_len()], vec![1.0f32; conv.y_len()]);
        for special in [f32::INFINITY, f32::NAN] {
            let mut w = noise::<f32>(conv.w_len(), 2);
            w[0] = special;
            let mut first: Option<(Vec<_>, Vec<_>)> = None;
            crate::simd::at_each_level(|level| {
                let (mut y, mut dx) = (vec![0.0; conv.y_len()], vec![0.0; conv.x_len()]);
                conv_forward(&conv, &x, &w, &mut y, None, None);
                conv_input_grad(&conv, &w, &dy, &mut dx);
                for i in 0..conv.pixels() {
                    let [up, left] =
                        [i / conv.output[1] * window.stride[0], i % conv.output[1] * window.stride[1]];
                    let padding = up < window.pad[0][0] || left < window.pad[1][0];
                    assert_eq!(
                        y[i].is_nan(),
                        padding || special.is_nan(),
                        "{level} {window:?} {sizes:?} {i}"
                    );
                    assert!(!y[i].is_finite());
                }
                let found = (y.iter().map(kind).collect(), dx.iter().map(kind).collect());
                let expected = first.get_or_insert_with(|| found.clone());
                assert!(found.0 == expected.0, "y at {level}: {window:?} {sizes:?}");
                assert!(found.1 == expected.1, "dx at {level}: {window:?} {sizes:?}");
            });
        }
    }
}
