//! What is built from operations: values by their definitions, derivatives against differences to second order.

use crate::expression::{all, checked, eager, gradient, near, numbers, vector};
use tress_autograd::op::Index;
use tress_autograd::transform::{Traced, grad, vmap};
use tress_autograd::{Arrange, Eager, Pointwise, Reduce, Scan, Value};
use tress_tensor::Tensor;

#[test]
fn pointwise() {
    let x = [-1.3, -0.2, 0.4, 1.7];
    near(&checked!(vec![vector(&x)], |x| x[0].exp2()), &x.map(f64::exp2));
    near(&checked!(vec![vector(&x)], |x| x[0].sinh()), &x.map(f64::sinh));
    near(&checked!(vec![vector(&x)], |x| x[0].cosh()), &x.map(f64::cosh));
    near(&checked!(vec![vector(&x)], |x| x[0].tan()), &x.map(f64::tan));
    near(&checked!(vec![vector(&x)], |x| x[0].log_sigmoid()), &x.map(|x| -(-x).exp().ln_1p()));
    let positive = x.map(|x| x.abs());
    near(&checked!(vec![vector(&positive)], |x| x[0].log2()), &positive.map(f64::log2));
    near(&checked!(vec![vector(&positive)], |x| x[0].log10()), &positive.map(f64::log10));
    let powers = checked!(vec![vector(&positive), vector(&x)], |x| x[0].pow(&x[1]));
    near(&powers, &[0, 1, 2, 3].map(|i| positive[i].powf(x[i])));
    let whole = vector(&[2.0, -3.0, 1.0, 0.0]);
    near(
        &checked!(vec![vector(&x)], |x| x[0].pow(x[0].lift(Tensor::vector(&[2.0, -3.0, 1.0, 0.0])))),
        &[0, 1, 2, 3].map(|i| x[i].powf(whole.to_vec()[i])),
    );
    let filled =
        checked!(vec![vector(&x)], |x| x[0].masked_fill(x[0].greater(x[0].constant(0.0)).stop(), 7.0));
    near(&filled, &[-1.3, -0.2, 7.0, 7.0]);

    let (a, b) = (eager(&[1.0, 2.0, f64::NAN, 2.0]), eager(&[2.0, 2.0, f64::NAN, 1.0]));
    for (found, expected) in [
        (a.greater(&b), [0.0, 0.0, 0.0, 1.0]),
        (a.greater_equal(&b), [0.0, 1.0, 0.0, 1.0]),
        (a.less(&b), [1.0, 0.0, 0.0, 0.0]),
        (a.less_equal(&b), [1.0, 1.0, 0.0, 0.0]),
        (a.equal(&b), [0.0, 1.0, 0.0, 0.0]),
        (a.not_equal(&b), [1.0, 0.0, 1.0, 1.0]),
        (a.is_nan(), [0.0, 0.0, 1.0, 0.0]),
    ] {
        near(found.tensor().unwrap(), &expected);
    }
    let odd = eager(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.5, -2.5, 3.5, -0.5, f64::MAX]);
    near(odd.is_finite().tensor().unwrap(), &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    near(&odd.round().tensor().unwrap().slice(0, 3, 7, 1).unwrap(), &[2.0, -2.0, 4.0, -0.0]);
    near(&odd.floor().tensor().unwrap().slice(0, 3, 7, 1).unwrap(), &[2.0, -3.0, 3.0, -1.0]);
    near(&odd.ceil().tensor().unwrap().slice(0, 3, 7, 1).unwrap(), &[3.0, -2.0, 4.0, -0.0]);
}

#[test]
fn reductions() {
    let x = || all(&[&[2, 3, 5]]);
    let at = |i: usize, j: usize, k: usize| x()[0][[i, j, k]];
    let prod = checked!(x(), |x| x[0].prod(&[0, 2]));
    near(
        &prod,
        &[0, 1, 2]
            .map(|j| (0..2).flat_map(|i| (0..5).map(move |k| (i, k))).map(|(i, k)| at(i, j, k)).product()),
    );
    near(&checked!(vec![vector(&[3.0, 0.0, -2.0])], |x| x[0].prod(&[0])), &[0.0]);
    assert_eq!(gradient(&[3.0, 0.0, -2.0], |x| x.prod(&[0])), [0.0, -6.0, 0.0], "one zero");
    assert_eq!(gradient(&[3.0, 0.0, 0.0], |x| x.prod(&[0])), [0.0; 3], "two zeros");
    near(
        &checked!(all(&[&[2, 3]]), |x| x[0].slice(1, 0..0).prod(&[1]) + x[0].sum(&[1]).scale(0.0)),
        &[1.0, 1.0],
    );
    checked!(all(&[&[2, 3]]), |x| x[0].prod(&[]));

    let smallest = checked!(x(), |x| x[0].min(&[1]));
    near(
        &smallest,
        &[0, 1]
            .iter()
            .flat_map(|&i| (0..5).map(move |k| (i, k)))
            .map(|(i, k)| at(i, 0, k).min(at(i, 1, k)).min(at(i, 2, k)))
            .collect::<Vec<_>>(),
    );
    assert_eq!(**checked!(x(), |x| x[0].max_keep(&[2]) - x[0].min_keep(&[2])).shape(), [2, 3, 1]);
    assert_eq!(gradient(&[1.0, 4.0, 1.0], |x| x.min(&[0])), [0.5, 0.0, 0.5]);

    let rows: Vec<Vec<f64>> = (0..2)
        .flat_map(|i| (0..3).map(move |j| (i, j)))
        .map(|(i, j)| (0..5).map(|k| at(i, j, k)).collect())
        .collect();
    let squares = |row: &Vec<f64>| {
        let mean = row.iter().sum::<f64>() / 5.0;
        row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>()
    };
    let rows_of = |f: &dyn Fn(&Vec<f64>) -> f64| rows.iter().map(f).collect::<Vec<_>>();
    near(&checked!(x(), |x| x[0].variance(&[2], 0)), &rows_of(&|row| squares(row) / 5.0));
    near(&checked!(x(), |x| x[0].variance(&[2], 1)), &rows_of(&|row| squares(row) / 4.0));
    near(&checked!(x(), |x| x[0].std(&[2], 1)), &rows_of(&|row| (squares(row) / 4.0).sqrt()));
    near(&checked!(x(), |x| x[0].norm(&[2], 1.0)), &rows_of(&|row| row.iter().map(|x| x.abs()).sum()));
    near(
        &checked!(x(), |x| x[0].norm(&[2], 2.0)),
        &rows_of(&|row| row.iter().map(|x| x * x).sum::<f64>().sqrt()),
    );
    near(
        &checked!(x(), |x| x[0].norm(&[2], 3.5)),
        &rows_of(&|row| row.iter().map(|x| x.abs().powf(3.5)).sum::<f64>().powf(1.0 / 3.5)),
    );
    near(
        &checked!(x(), |x| x[0].norm(&[2], f64::INFINITY)),
        &rows_of(&|row| row.iter().fold(0.0, |a, x| f64::max(a, x.abs()))),
    );
    near(
        &checked!(x(), |x| x[0].log_sum_exp(&[2])),
        &rows_of(&|row| row.iter().map(|x| x.exp()).sum::<f64>().ln()),
    );
    assert_eq!(**checked!(x(), |x| x[0].log_sum_exp(&[0, 1])).shape(), [5]);
    for p in [1.0, 2.0, 2.5, f64::INFINITY] {
        assert!(gradient(&[0.0, 0.0], |x| x.norm(&[0], p)).iter().all(|&g| g == 0.0), "the norm {p} at 0");
        assert!(eager(&[1.0, f64::NAN]).norm(&[0], p).item().unwrap().is_nan());
    }
    assert_eq!(gradient(&[2.0, 2.0], |x| x.std(&[0], 0)), [0.0, 0.0]);
    assert!(eager(&[2.0]).variance(&[0], 1).item().unwrap().is_nan());
    assert!(eager(&[2.0]).norm(&[0], 0.5).mistake().unwrap().to_string().starts_with("norm: "));
    let inf = f64::INFINITY;
    near(eager(&[-inf, -inf]).log_sum_exp(&[0]).tensor().unwrap(), &[-inf]);
    assert_eq!(gradient(&[-inf, -inf], |x| x.log_sum_exp(&[0])), [0.0, 0.0]);
}

#[test]
fn arrangements() {
    let x = || all(&[&[2, 3, 4]]);
    let at = |i: usize, j: usize, k: usize| x()[0][[i, j, k]];
    let padded = checked!(x(), |x| x[0].pad(&[(0, 0), (1, 2), (0, 1)], 0.0));
    assert_eq!(
        (padded.shape()[1], padded[[1, 1, 3]], padded[[1, 5, 0]], padded[[0, 2, 4]]),
        (6, at(1, 0, 3), 0.0, 0.0)
    );
    let padded = checked!(x(), |x| x[0].pad(&[(0, 0), (1, 2), (0, 1)], -3.5));
    assert_eq!((padded[[1, 1, 3]], padded[[1, 5, 0]], padded[[0, 0, 4]]), (at(1, 0, 3), -3.5, -3.5));
    let rolled = checked!(x(), |x| x[0].roll(2, -1));
    assert_eq!((rolled[[1, 2, 0]], rolled[[1, 2, 3]]), (at(1, 2, 1), at(1, 2, 0)));
    let tiled = checked!(x(), |x| x[0].tile(&[1, 2, 3]));
    assert_eq!((tiled[[1, 5, 11]], tiled[[0, 3, 4]]), (at(1, 2, 3), at(0, 0, 0)));
    let repeated = checked!(x(), |x| x[0].repeat(1, 2));
    assert_eq!(
        (repeated[[1, 5, 3]], repeated[[1, 1, 0]], repeated[[1, 2, 0]]),
        (at(1, 2, 3), at(1, 0, 0), at(1, 1, 0))
    );
    let moved = checked!(x(), |x| x[0].move_axis(0, 2));
    assert_eq!(moved[[2, 3, 1]], at(1, 2, 3));
    let parts = checked!(x(), |x| {
        let p = x[0].split(2, &[1, 0, 3]);
        p[2].clone() * p[0].clone() + p[1].sum_keep(&[2])
    });
    assert_eq!(parts[[1, 1, 2]], at(1, 1, 3) * at(1, 1, 0));
    let taken = checked!(x(), |x| x[0]
        .take_along(1, &Tensor::new([2, 2, 4], &[0, 2, 1, 1, 2, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 2]).unwrap()));
    assert_eq!(
        (taken[[0, 0, 1]], taken[[1, 0, 3]], taken[[1, 1, 3]]),
        (at(0, 2, 1), at(1, 0, 3), at(1, 2, 3))
    );
    let hot = checked!(all(&[&[3, 4]]), |x| x[0].clone()
        * x[0].one_hot(&Index::new(&Tensor::vector(&[3, 0, 3])), 4));
    assert_eq!((hot[[0, 3]], hot[[0, 0]]), (numbers(&[3, 4], 1)[[0, 3]], 0.0));

    let y = Eager::new(x().remove(0));
    for (wrong, what) in [
        (y.pad(&[(1, 1)], 0.0), "pad: [2, 3, 4]: one pair"),
        (y.pad(&[(0, 0), (usize::MAX, 1), (0, 0)], 0.0), "pad: "),
        (y.roll(3, 1), "roll: [2, 3, 4] has no axis 3"),
        (y.split(2, &[1, 2])[1].clone(), "split: 0..3 reaches outside of axis 2"),
        (y.tile(&[2]), "tile: "),
        (y.repeat(5, 2), "repeat: "),
        (y.move_axis(0, 3), "move_axis: "),
        (
            y.take_along(1, &Tensor::new([2, 1, 4], &[3; 8]).unwrap()),
            "take_along: 3..4 reaches outside of axis 1",
        ),
        (y.take_along(1, &Tensor::new([2, 1, 3], &[0; 6]).unwrap()), "take_along: [2, 3, 4] x [2, 1, 3]"),
        (y.one_hot(&Index::new(&Tensor::vector(&[4])), 4), "one_hot: 4..5 reaches outside"),
    ] {
        let message = wrong.mistake().unwrap().to_string();
        assert!(message.starts_with(what) && message.contains("composites.rs"), "{message}");
    }
}

#[test]
fn along_an_axis() {
    let x = || all(&[&[2, 5, 3]]);
    let at = |i: usize, j: usize, k: usize| x()[0][[i, j, k]];
    let fold = |y: &Tensor<f64>, f: &dyn Fn(f64, f64) -> f64| {
        for (i, k) in (0..2).flat_map(|i| (0..3).map(move |k| (i, k))) {
            let mut running = at(i, 0, k);
            for j in 0..5 {
                running = if j > 0 { f(running, at(i, j, k)) } else { running };
                assert!((y[[i, j, k]] - running).abs() < 1e-14);
            }
        }
    };
    fold(&checked!(x(), |x| x[0].cumsum(1)), &|a, b| a + b);
    fold(&checked!(x(), |x| x[0].cumprod(1)), &|a, b| a * b);
    fold(&checked!(x(), |x| x[0].cummax(1)), &f64::max);
    assert_eq!(gradient(&[2.0, 0.0, 3.0, 0.0], |x| x.cumprod(0)), [1.0, 8.0, 0.0, 0.0]);

    for (y, descending) in
        [(checked!(x(), |x| x[0].sort(1, false)), false), (checked!(x(), |x| x[0].sort(1, true)), true)]
    {
        for (i, k) in (0..2).flat_map(|i| (0..3).map(move |k| (i, k))) {
            let mut row: Vec<f64> = (0..5).map(|j| at(i, j, k)).collect();
            row.sort_by(f64::total_cmp);
            if descending {
                row.reverse();
            }
            assert_eq!((0..5).map(|j| y[[i, j, k]]).collect::<Vec<_>>(), row);
        }
    }
    checked!(x(), |x| x[0].top_k(1, 2));
    let nan = f64::NAN;
    let row = eager(&[2.0, nan, -1.0, 2.0, f64::INFINITY, nan]);
    near(row.sort(0, false).tensor().unwrap(), &[-1.0, 2.0, 2.0, f64::INFINITY, nan, nan]);
    near(row.top_k(0, 3).tensor().unwrap(), &[nan, nan, f64::INFINITY]);
    near(row.argsort(0, false).tensor().unwrap(), &[2.0, 0.0, 3.0, 4.0, 1.0, 5.0]);
    near(row.argsort(0, true).tensor().unwrap(), &[1.0, 5.0, 4.0, 0.0, 3.0, 2.0]);
    near(row.top_k_places(0, 2).tensor().unwrap(), &[1.0, 5.0]);
    assert_eq!(row.argmax(0).item().unwrap(), 1.0);
    assert_eq!(row.argmin(0).item().unwrap(), 2.0);
    assert_eq!(row.tensor().unwrap().argmax(0).unwrap().item().unwrap(), 1);
    assert_eq!(
        gradient(&[3.0, 1.0, 2.0], |x| x.sort(0, false) * x.lift(vector(&[1.0, 10.0, 100.0]))),
        [100.0, 1.0, 10.0]
    );
    let places = Eager::new(x().remove(0)).argmax(1);
    let index = x()[0].argmax(1).unwrap();
    assert_eq!(places.tensor().unwrap(), &index.cast(), "on values and on tensors");

    assert!(eager(&[]).argmax(0).mistake().unwrap().to_string().starts_with("argmax: 0..1 reaches"));
    assert!(
        row.top_k(0, 7).mistake().unwrap().to_string().starts_with("top_k: 0..7 reaches outside of axis 0")
    );
    let number = Eager::new(Tensor::scalar(2.0f64)).cumsum(0).mistake().unwrap().to_string();
    assert!(number.starts_with("running_sum: a single number has no axes, and so no axis 0"), "{number}");
    assert!(row.sort(1, true).mistake().unwrap().to_string().starts_with("sort: [6] has no axis 1"));
}

/// What a function sees that is differentiated three times.
type Third = Traced<Traced<Traced<Eager<f64>>>>;

#[test]
fn powers_of_zero_and_of_negative_numbers() {
    let nan = f64::NAN;
    let (x, y) = (
        [-2.0, -2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, nan, nan],
        [2.0, 3.0, 0.5, 0.0, 1.0, 2.0, 0.5, -1.0, 0.0, 1.0],
    );
    let power = eager(&x).pow(eager(&y));
    near(power.tensor().unwrap(), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|i| x[i].powf(y[i])));
    let (along_base, along_exponent) = grad(|(x, y)| x.pow(y).sum_all(), (vector(&x), vector(&y)));
    let inf = f64::INFINITY;
    near(along_base.tensor().unwrap(), &[-4.0, 12.0, nan, 0.0, 1.0, 0.0, inf, -inf, nan, 1.0]);
    near(along_exponent.tensor().unwrap(), &[nan, nan, nan, 0.0, 0.0, 0.0, 0.0, nan, nan, nan]);
    // To third order along the base, as the power of a constant exponent.
    for p in [0.0, 1.0, 2.0, 3.0] {
        for x in [0.0, -1.5] {
            let third = |f: fn(Third) -> Third| grad(|x| grad(|x| grad(f, x), x), Tensor::scalar(x));
            let found = match p as usize {
                0 => third(|x| x.pow(x.constant(0.0))),
                1 => third(|x| x.pow(x.constant(1.0))),
                2 => third(|x| x.pow(x.constant(2.0))),
                _ => third(|x| x.pow(x.constant(3.0))),
            };
            assert_eq!(found.item().unwrap(), if p == 3.0 { 6.0 } else { 0.0 }, "{x}^{p}");
        }
    }
    // A stack at once, single precision, shapes that do not fit.
    let rows = Tensor::from_fn([3, 4], |i| (i[0] + i[1]) as f32 / 2.0 - 1.0).unwrap();
    let stacked = vmap(|x| x.pow(x.constant(3.0)), &rows);
    let single: Vec<f32> = rows.to_vec().iter().map(|x| x * x * x).collect();
    assert!(stacked.tensor().unwrap().to_vec().iter().zip(single).all(|(a, b)| (a - b).abs() <= 1e-6));
    let message = eager(&[1.0, 2.0]).pow(eager(&[1.0, 2.0, 3.0])).mistake().unwrap().to_string();
    assert!(message.starts_with("pow: [2] x [3]") && message.contains("composites.rs"), "{message}");
}
