//! Convolutions, pools and norms: by their definitions, derivatives against differences to second order.

use crate::expression::{all, checked, eager, near, numbers};
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Sliding, Value, Windows};
use tress_tensor::{Tensor, Window};

#[test]
fn windows() {
    let sequence = || all(&[&[2, 4, 7], &[6, 2, 3], &[6]]);
    let y = checked!(sequence(), |x| {
        let sliding = Sliding::new().stride([2]).pad([[2, 1]]).dilation([2]);
        x[0].conv1d(&x[1], Some(&x[2]), sliding, 2)
    });
    let [x, w, b] = &sequence()[..] else { unreachable!() };
    let expected = Tensor::from_fn(*y.shape(), |i| {
        let mut sum = b[[i[1]]];
        for (c, r) in (0..2).flat_map(|c| (0..3).map(move |r| (c, r))) {
            let place = (i[2] * 2 + r * 2).checked_sub(2).filter(|&place| place < 7);
            sum += place.map_or(0.0, |place| x[[i[0], i[1] / 3 * 2 + c, place]] * w[[i[1], c, r]]);
        }
        sum
    });
    near(&y, &expected.unwrap().to_vec());

    // The transposed convolution is the transpose: <conv x, y> = <x, conv^T y>.
    let sliding = Sliding::new().stride([2, 3]).pad([[1, 0], [2, 1]]).dilation([2, 1]);
    let (x, w) = (Eager::new(numbers(&[2, 4, 8, 9], 1)), Eager::new(numbers(&[6, 2, 3, 2], 2)));
    let y = x.conv2d(&w, None, sliding.over([8, 9], [3, 2]), 2, None);
    let g = y.lift(numbers(&y.shape(), 3));
    let back = g.conv_transpose2d(&w, None, sliding, [0, 1], 2);
    assert_eq!(back.shape(), x.shape());
    let (left, right) = ((y * g).sum_all().item().unwrap(), (x * back).sum_all().item().unwrap());
    assert!((left - right).abs() < 1e-12, "{left} and {right}");
    checked!(all(&[&[2, 4, 3, 3], &[4, 2, 2, 2], &[4]]), |x| {
        x[0].conv_transpose2d(&x[1], Some(&x[2]), Sliding::new().stride([2, 1]), [1, 0], 2)
    });
    let y = checked!(all(&[&[1, 1, 2], &[1, 1, 3]]), |x| {
        x[0].conv_transpose1d(&x[1], None, Sliding::new().stride([2]), [1], 1)
    });
    let [x, w] = &all(&[&[1, 1, 2], &[1, 1, 3]])[..] else { unreachable!() };
    let (x, w) = (x.to_vec(), w.to_vec());
    near(&y, &[x[0] * w[0], x[0] * w[1], x[0] * w[2] + x[1] * w[0], x[1] * w[1], x[1] * w[2], 0.0]);

    let row = || vec![Tensor::new([1, 1, 5], &[1.0, 5.0, 2.0, 4.0, 3.0]).unwrap()];
    let overlapping = Sliding::new().stride([1]).pad([[1, 0]]);
    near(&checked!(row(), |x| x[0].max_pool1d(3, Sliding::new())), &[5.0, 5.0, 4.0]);
    near(&checked!(row(), |x| x[0].max_pool1d(2, Sliding::new().pad([[1, 0]]))), &[1.0, 5.0, 5.0, 4.0, 4.0]);
    near(&checked!(row(), |x| x[0].mean_pool1d(2, Sliding::new().pad([[1, 0]]))), &[0.5, 3.0, 3.5, 3.0, 3.5]);
    let inside = Eager::new(row()[0].reshape([1, 1, 1, 5]).unwrap());
    let window = overlapping.stride([2]);
    let window =
        Sliding { stride: [1, 2], pad: [[0, 0], window.pad[0]], dilation: [1, 1] }.over([1, 5], [1, 2]);
    near(inside.mean_pool_inside(window).tensor().unwrap(), &[1.0, 3.5, 3.5]);
    checked!(all(&[&[1, 2, 5, 4]]), |x| x[0]
        .mean_pool_inside(Window::new([5, 4], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]])));
    near(&checked!(all(&[&[2, 1, 2, 2]]), |x| x[0].global_max_pool() - x[0].global_mean_pool()), &{
        let x = numbers(&[2, 1, 2, 2], 1).to_vec();
        [0, 4].map(|i| {
            x[i..i + 4].iter().fold(f64::MIN, |a, &b| a.max(b)) - x[i..i + 4].iter().sum::<f64>() / 4.0
        })
    });

    let flat = Eager::new(numbers(&[2, 3], 1));
    let image = Eager::new(numbers(&[1, 2, 3, 3], 1));
    for (wrong, what) in [
        (flat.conv1d(&flat, None, Sliding::new(), 1), "conv1d: [2, 3]: three axes"),
        (flat.max_pool1d(2, Sliding::new()), "max_pool1d: "),
        (flat.conv_transpose1d(&flat, None, Sliding::new(), [0], 1), "conv_transpose1d: "),
        (
            image.conv_transpose2d(&image, None, Sliding::new(), [1, 0], 1),
            "conv_transpose2d: the padding of the output",
        ),
        (
            image.conv_transpose2d(&image, None, Sliding::new().pad([[9, 9], [0, 0]]), [0, 0], 1),
            "conv_transpose2d: [1, 2, 3, 3]",
        ),
        (eager(&[1.0]).global_max_pool(), "global_max_pool: [1]: at least two axes"),
    ] {
        let message = wrong.mistake().unwrap().to_string();
        assert!(message.starts_with(what) && message.contains("windows.rs"), "{message}");
    }
}

#[test]
fn norms_are_their_composites() {
    let x = || all(&[&[2, 4, 3], &[3], &[3]]);
    let fused = checked!(x(), |x| x[0].layer_norm(Some(&x[1]), Some(&x[2]), 1e-3));
    let plain = checked!(x(), |x| {
        let centred = x[0].clone() - x[0].mean_keep(&[2]);
        centred.clone() * centred.square().mean_keep(&[2]).offset(1e-3).rsqrt() * x[1].clone() + x[2].clone()
    });
    near(&fused, &plain.to_vec());
    let bias = checked!(x(), |x| x[0].layer_norm(None, Some(&x[2]), 1e-3) + x[1].scale(0.0));
    let shifted = checked!(x(), |x| x[0].layer_norm(None, None, 1e-3) + x[2].clone() + x[1].scale(0.0));
    near(&bias, &shifted.to_vec());
    let fused = checked!(all(&[&[2, 3], &[3]]), |x| x[0].rms_norm(Some(&x[1]), 1e-3));
    let plain = checked!(all(&[&[2, 3], &[3]]), |x| {
        x[0].clone() * x[0].square().mean_keep(&[1]).offset(1e-3).rsqrt() * x[1].clone()
    });
    near(&fused, &plain.to_vec());

    let images = || all(&[&[2, 4, 3, 2], &[4], &[4]]);
    let batch = checked!(images(), |x| x[0].batch_norm(Some(&x[1]), Some(&x[2]), 1e-3));
    let plain = checked!(images(), |x| {
        let centred = x[0].clone() - x[0].mean_keep(&[0, 2, 3]);
        let y = centred.clone() * centred.square().mean_keep(&[0, 2, 3]).offset(1e-3).rsqrt();
        y * x[1].reshape([4, 1, 1]) + x[2].reshape([4, 1, 1])
    });
    near(&batch, &plain.to_vec());
    let group = checked!(images(), |x| x[0].group_norm(2, Some(&x[1]), Some(&x[2]), 1e-3));
    let plain = checked!(images(), |x| {
        let grouped = x[0].reshape([2, 2, 2, 3, 2]);
        let centred = grouped.clone() - grouped.mean_keep(&[2, 3, 4]);
        let y = centred.clone() * centred.square().mean_keep(&[2, 3, 4]).offset(1e-3).rsqrt();
        y.reshape([2, 4, 3, 2]) * x[1].reshape([4, 1, 1]) + x[2].reshape([4, 1, 1])
    });
    near(&group, &plain.to_vec());

    fn labels() -> Index {
        Index::new(&Tensor::new([2, 4], &[0, 2, 1, 1, 2, 0, 0, 2]).unwrap())
    }
    let fused = checked!(all(&[&[2, 4, 3]]), |x| x[0].cross_entropy(&labels()));
    let plain =
        checked!(all(&[&[2, 4, 3]]), |x| -(x[0].log_softmax() * x[0].one_hot(&labels(), 3)).sum(&[2]));
    near(&fused, &plain.to_vec());
    let along = checked!(all(&[&[2, 4, 3]]), |x| x[0].softmax_along(1).ln() - x[0].log_softmax_along(1));
    near(&along, &[0.0; 24]);

    let y = Eager::new(numbers(&[2, 4, 3], 1));
    for (wrong, what) in [
        (y.layer_norm(Some(&eager(&[1.0])), None, 1e-5), "layer_norm: [3] x [1]: lengths 3 and 1 differ"),
        (y.group_norm(3, None, None, 1e-5), "group_norm: [2, 4, 3]: the channels"),
        (y.batch_norm(Some(&eager(&[1.0])), None, 1e-5), "batch_norm: "),
        (eager(&[1.0]).batch_norm(None, None, 1e-5), "batch_norm: [1]: at least two axes"),
        (
            y.cross_entropy(&Index::new(&Tensor::new([2, 4], &[3; 8]).unwrap())),
            "cross_entropy: 3..4 reaches outside of axis 2",
        ),
        (y.cross_entropy(&Index::new(&Tensor::vector(&[0]))), "cross_entropy: [2, 4] x [1]"),
        (y.softmax_along(3), "softmax: [2, 4, 3] has no axis 3"),
    ] {
        let message = wrong.mistake().unwrap().to_string();
        assert!(message.starts_with(what), "{message}");
    }
}
