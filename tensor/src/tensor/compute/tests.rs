//! Tensor methods on views, empty tensors and wrong sizes; the kernels have tables of their own.

use crate::pointwise::{Map, Zip};
use crate::{Axes, Tensor, Window};

fn count(shape: &[usize]) -> Tensor<f32> {
    let mut next = 0.0;
    Tensor::from_fn(shape, |_| {
        next += 1.0;
        next
    })
    .unwrap()
}

#[test]
fn views_go_into_every_kind_of_kernel() {
    let x = count(&[2, 3]).transpose(0, 1).unwrap().flip(0).unwrap(); // [[3, 6], [2, 5], [1, 4]]
    assert_eq!(x.map(Map::Neg).to_vec(), [-3.0, -6.0, -2.0, -5.0, -1.0, -4.0]);
    assert_eq!(x.zip(Zip::Sub, &count(&[3, 2])).unwrap().to_vec(), [2.0, 4.0, -1.0, 1.0, -4.0, -2.0]);
    assert_eq!(x.sum(Axes::NONE.and(0)).unwrap().to_vec(), [6.0, 15.0]);
    assert_eq!(x.max(Axes::NONE.and(1)).unwrap().to_vec(), [6.0, 5.0, 4.0]);
    assert_eq!(x.matmul(&count(&[2, 1])).unwrap().to_vec(), [15.0, 12.0, 9.0]);
    let index = Tensor::vector(&[2u32, 0]);
    assert_eq!(x.gather(0, &index).unwrap().to_vec(), [1.0, 4.0, 3.0, 6.0]);
    assert_eq!(
        x.gather(0, &index).unwrap().scatter(0, &index, 3).unwrap().to_vec(),
        [3.0, 6.0, 0.0, 0.0, 1.0, 4.0]
    );
    assert_eq!(
        Tensor::concat(&[&x, &x.slice(0, 1, 2, 1).unwrap()], 0).unwrap().to_vec()[4..],
        [1.0, 4.0, 2.0, 5.0]
    );
    assert_eq!(
        x.slice(0, 0, 3, 2).unwrap().unslice(0, 0, 3, 2, 3).unwrap().to_vec(),
        [3.0, 6.0, 0.0, 0.0, 1.0, 4.0]
    );
    assert_eq!(x.cast::<u8>().to_vec(), [3, 6, 2, 5, 1, 4]);
}

#[test]
fn parts_are_assembled_with_zeros_between() {
    let (x, y) = (count(&[2, 2]).transpose(0, 1).unwrap(), count(&[1]));
    let parts = [(1..5, &x), (6..7, &y)];
    let block = Tensor::assembled(9, parts.iter().cloned()).unwrap();
    assert_eq!(block.to_vec(), [0.0, 1.0, 3.0, 2.0, 4.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(Tensor::<f32>::assembled(2, core::iter::empty()).unwrap().to_vec(), [0.0; 2]);
    for wrong in [[(2..6, &x), (5..6, &y)], [(0..4, &x), (4..6, &y)], [(0..4, &x), (9..10, &y)]] {
        assert!(Tensor::assembled(9, wrong.iter().cloned()).is_err(), "{wrong:?}");
    }
}

#[test]
fn nothing_is_computed_rightly() {
    let empty = Tensor::<f32>::zeros([0, 3]).unwrap();
    assert_eq!(empty.sum(Axes::NONE.and(0)).unwrap().to_vec(), [0.0; 3]);
    assert!(empty.max(Axes::NONE.and(0)).is_err());
    assert_eq!(empty.map(Map::Exp).len(), 0);
    assert_eq!(empty.softmax().unwrap().len(), 0);
    assert_eq!(empty.matmul(&count(&[3, 2])).unwrap().len(), 0);
    // An inner length of 0: sums of nothing, and the bias.
    let bias = Tensor::vector(&[1.0f32, 2.0]);
    let (a, b) = (Tensor::zeros([2, 0]).unwrap(), Tensor::zeros([0, 2]).unwrap());
    assert_eq!(a.product(&b, [false; 2], Some(&bias), None).unwrap().to_vec(), [1.0, 2.0, 1.0, 2.0]);
    let images = Tensor::<f32>::zeros([0, 1, 4, 4]).unwrap();
    let (weights, window) = (count(&[2, 1, 3, 3]), Window::new([4, 4], [3, 3]));
    let y = images.conv2d(&weights, None, window, 1, None).unwrap();
    assert_eq!(**y.shape(), [0, 2, 2, 2]);
    assert!(images.conv2d_weight(&y, window, 1).unwrap().to_vec().iter().all(|&w| w == 0.0));
    assert_eq!(images.max_pool(Window::new([4, 4], [2, 2])).unwrap().len(), 0);
    assert_eq!(empty.gather(0, &Tensor::vector(&[])).unwrap().len(), 0);
}

#[test]
fn wrong_sizes_are_errors_that_say_which() {
    let (x, y) = (count(&[2, 3]), count(&[3, 2]));
    let text =
        |result: Result<Tensor<f32>, crate::Error>| alloc::string::ToString::to_string(&result.unwrap_err());
    assert_eq!(text(x.zip(Zip::Add, &y)), "add: [2, 3] x [3, 2]: lengths 2 and 3 differ");
    assert_eq!(text(x.sum(Axes::NONE.and(2))), "sum: [2, 3] has no axis 2; its axes are 0 to 1");
    assert_eq!(text(x.matmul(&x)), "matmul: [2, 3] x [2, 3]: inner lengths 3 and 2 differ");
    let index = Tensor::vector(&[3u32]);
    assert_eq!(text(x.gather(1, &index)), "gather: 3..4 reaches outside of axis 1, which has length 3");
    assert!(text(x.dropout(1.0, 0)).contains("below 1"));
    assert!(text(x.max_pool(Window::new([2, 3], [1, 1]))).contains("four axes"));
    let image = count(&[1, 1, 4, 4]);
    assert!(text(image.max_pool(Window::new([5, 4], [2, 2]))).contains("size"));
    assert!(text(image.max_pool(Window::new([4, 4], [2, 2]).pad([[2, 0], [0, 0]]))).contains("padding"));
    assert!(text(Tensor::concat(&[&x, &y], 0)).starts_with("concat"));
    let w = count(&[1, 2, 3, 3]);
    assert!(
        text(image.conv2d(&w, None, Window::new([4, 4], [3, 3]), 1, None)).contains("sizes 1 and 2 differ")
    );
}

#[test]
fn parts_of_nothing_are_nothing() {
    for shape in [[0, 10], [4, 0]] {
        let empty = Tensor::<f32>::zeros(shape).unwrap();
        let axis = shape.iter().position(|&length| length > 0).unwrap();
        let part = empty.slice(axis, shape[axis] / 2, shape[axis], 1).unwrap();
        assert_eq!(
            part.map(Map::Exp).len() + part.to_vec().len() + part.flip(axis).unwrap().to_vec().len(),
            0
        );
        let both = Tensor::concat(&[&part, &empty], axis).unwrap();
        assert_eq!(both.shape()[axis], shape[axis] - shape[axis] / 2 + shape[axis]);
        assert_eq!(
            part.unslice(axis, shape[axis] / 2, shape[axis], 1, shape[axis]).unwrap().shape(),
            empty.shape()
        );
    }
}
