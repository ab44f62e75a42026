//! What is built from operations: values by their definitions, derivatives against differences to second order.

use tress_autograd::check::{self, Program};
use tress_autograd::op::{Index, Solve, System};
use tress_autograd::{
    Arrange, Eager, Fused, Matrix, Outline, Pointwise, Reduce, Scan, Sliding, Tape, Value, Windows, einsum,
};
use tress_tensor::{Error, Tensor, Window};

/// Numbers between -1 and 1 that repeat on no small period, none near 0.
fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let mut count = seed * 1000;
    Tensor::from_fn(shape, |_| {
        count += 1;
        let x = (count as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0;
        x + x.signum() * 0.02
    })
    .unwrap()
}

fn all(shapes: &[&[usize]]) -> Vec<Tensor<f64>> {
    shapes.iter().enumerate().map(|(i, shape)| numbers(shape, i + 1)).collect()
}

/// Checks the derivatives of an expression to second order, and that a dry run gives the shape of its value; returns that.
macro_rules! checked {
    ($xs:expr, |$x:ident| $program:expr) => {{
        struct Expression;
        impl Program for Expression {
            fn run<V: Value<Elem = f64>>(&self, $x: &[V]) -> V {
                $program
            }
        }
        let xs: Vec<Tensor<f64>> = $xs;
        check::second_order(&Expression, &xs, 3)
            .unwrap_or_else(|failure| panic!("{}: {failure}", stringify!($program)));
        let outlines: Vec<Outline<f64>> = xs.iter().map(|x| Outline::new(*x.shape())).collect();
        let eager: Vec<Eager<f64>> = xs.into_iter().map(Eager::new).collect();
        let y = Expression.run(&eager).tensor().unwrap().clone();
        assert_eq!(Expression.run(&outlines).inferred().unwrap(), *y.shape(), "{}", stringify!($program));
        y
    }};
}

#[track_caller]
fn near(found: &Tensor<f64>, expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.to_vec().iter().zip(expected) {
        let same = found == expected || (found - expected).abs() <= 1e-12 * (1.0 + expected.abs());
        assert!(same || (found.is_nan() && expected.is_nan()), "{found}, not {expected}");
    }
}

fn vector(numbers: &[f64]) -> Tensor<f64> {
    Tensor::vector(numbers)
}

fn eager(numbers: &[f64]) -> Eager<f64> {
    Eager::new(vector(numbers))
}

/// The gradient of the sum of what `f` makes of `x`.
fn gradient(
    x: &[f64],
    f: impl for<'t> Fn(&tress_autograd::Var<'t, Eager<f64>>) -> tress_autograd::Var<'t, Eager<f64>>,
) -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.var(vector(x));
    f(&x).sum_all().gradients(&[x]).unwrap()[0].tensor().unwrap().to_vec()
}

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
        row.top_k(0, 7).mistake().unwrap().to_string().starts_with("sort: 0..7 reaches outside of axis 0")
    );
    assert!(row.sort(1, true).mistake().unwrap().to_string().starts_with("sort: [6] has no axis 1"));
}

#[test]
fn matrices() {
    let x = || all(&[&[2, 3, 4]]);
    let at = |i: usize, j: usize, k: usize| x()[0][[i, j, k]];
    let low = checked!(x(), |x| x[0].tril(1));
    assert_eq!((low[[1, 0, 1]], low[[1, 0, 2]], low[[1, 2, 0]]), (at(1, 0, 1), 0.0, at(1, 2, 0)));
    let high = checked!(x(), |x| x[0].triu(-1));
    assert_eq!((high[[1, 1, 0]], high[[1, 2, 0]], high[[1, 0, 3]]), (at(1, 1, 0), 0.0, at(1, 0, 3)));
    for (offset, first, len) in
        [(0isize, at(1, 0, 0), 3), (1, at(1, 0, 1), 3), (3, at(1, 0, 3), 1), (-2, at(1, 2, 0), 1)]
    {
        let y = Eager::new(x().remove(0)).diagonal(offset);
        assert_eq!((y.tensor().unwrap()[[1, 0]], y.shape()[1]), (first, len), "diagonal {offset}");
    }
    assert_eq!(*Eager::new(x().remove(0)).diagonal(-3).shape(), [2, 0]);
    near(
        &checked!(x(), |x| x[0].diagonal(1)),
        &[at(0, 0, 1), at(0, 1, 2), at(0, 2, 3), at(1, 0, 1), at(1, 1, 2), at(1, 2, 3)],
    );
    let put = checked!(all(&[&[2, 3]]), |x| x[0].diag_embed(-1));
    assert_eq!(
        (*put.shape() == *numbers(&[2, 4, 4], 0).shape(), put[[1, 2, 1]], put[[1, 1, 1]]),
        (true, numbers(&[2, 3], 1)[[1, 1]], 0.0)
    );
    near(&checked!(all(&[&[3, 3]]), |x| x[0].trace()), &[(0..3).map(|i| numbers(&[3, 3], 1)[[i, i]]).sum()]);

    let square = || {
        let a = numbers(&[2, 3, 3], 1);
        Tensor::from_fn([2, 3, 3], |i| a.get(i).unwrap() + if (i[1] + 1) % 3 == i[2] { 3.0 } else { 0.0 })
            .unwrap()
    };
    let identity = checked!(vec![square()], |x| x[0].matmul(x[0].inverse()));
    near(&identity, &Tensor::from_fn([2, 3, 3], |i| f64::from(u8::from(i[1] == i[2]))).unwrap().to_vec());
    let b = numbers(&[2, 3, 2], 2);
    near(&checked!(vec![square(), b.clone()], |x| x[0].matmul(x[0].solve(&x[1]))), &b.to_vec());
    let det = checked!(vec![square()], |x| x[0].det());
    let cofactors = |k: usize| {
        let a = |i: usize, j: usize| square()[[k, i % 3, j % 3]];
        (0..3).map(|j| a(0, j) * (a(1, j + 1) * a(2, j + 2) - a(1, j + 2) * a(2, j + 1))).sum::<f64>()
    };
    near(&det, &[cofactors(0), cofactors(1)]);
    let factor = checked!(vec![square()], |x| (x[0].matmul(x[0].transpose(1, 2))).cholesky());
    let back = Eager::new(factor.clone());
    let product = back.matmul(back.transpose(1, 2));
    near(product.tensor().unwrap(), &square().matmul(&square().transpose(1, 2).unwrap()).unwrap().to_vec());
    let lower = Solve { system: System::Triangular { lower: true, unit: false }, transposed: true };
    let y = Eager::new(factor.clone()).solve_triangular(Eager::new(b.clone()), lower);
    near(back.transpose(1, 2).matmul(y).tensor().unwrap(), &b.to_vec());

    let singular = Eager::new(Tensor::new([2, 2], &[1.0f64, 2.0, 2.0, 4.0]).unwrap());
    assert!(singular.inverse().tensor().unwrap().to_vec().iter().all(|x| x.is_nan()));
    assert_eq!(
        (singular.det().item().unwrap(), singular.log_det().item().unwrap()),
        (0.0, f64::NEG_INFINITY)
    );
    assert!(singular.cholesky().tensor().unwrap().to_vec().iter().all(|x| x.is_nan()), "not definite");
    let nothing = Eager::new(Tensor::<f64>::zeros([2, 0, 0]).unwrap());
    assert_eq!(nothing.det().tensor().unwrap().to_vec(), [1.0, 1.0]);
    assert_eq!(*nothing.inverse().shape(), [2, 0, 0]);
    let wide = Eager::new(x().remove(0));
    for wrong in [wide.log_det(), wide.inverse(), wide.cholesky(), wide.solve(&wide)] {
        assert!(wrong.mistake().is_some());
    }
    assert!(matches!(eager(&[1.0]).trace().mistake().unwrap().error, Error::Unfit { op: "diagonal", .. }));
}

#[test]
fn products_of_vectors_are_those_of_numpy() {
    let (a, b) = (numbers(&[3], 1), numbers(&[2, 3, 4], 2));
    let dot = checked!(all(&[&[3], &[3]]), |x| x[0].matmul(&x[1]));
    assert_eq!(dot.rank(), 0);
    let left = checked!(vec![a.clone(), b.clone()], |x| x[0].matmul(&x[1]));
    assert_eq!(**left.shape(), [2, 4]);
    assert!((left[[1, 2]] - (0..3).map(|k| a[[k]] * b[[1, k, 2]]).sum::<f64>()).abs() < 1e-14);
    let right = checked!(all(&[&[2, 3, 4], &[4]]), |x| x[0].matmul(&x[1]));
    assert_eq!(**right.shape(), [2, 3]);
    let message = Eager::new(a).matmul(eager(&[1.0, 2.0])).mistake().unwrap().to_string();
    assert!(message.starts_with("matmul: "), "{message}");
    let message = eager(&[1.0, 2.0]).matmul(Eager::new(b)).mistake().unwrap().to_string();
    assert!(message.contains("x [2, 3, 4]: inner lengths 2 and 3 differ"), "{message}");
}

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
        assert!(message.starts_with(what) && message.contains("composites.rs"), "{message}");
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

/// A formula by brute force: all indices of the result and of the rest.
fn sums(formula: &str, xs: &[Tensor<f64>]) -> Tensor<f64> {
    let (left, right) = formula.split_once("->").unwrap();
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.trim().chars().collect()).collect();
    let result: Vec<char> = right.trim().chars().collect();
    let mut letters = result.clone();
    terms.iter().flatten().for_each(|&letter| {
        if !letters.contains(&letter) {
            letters.push(letter)
        }
    });
    let length = |letter: &char| {
        let at = |(term, x): (&Vec<char>, &Tensor<f64>)| {
            term.iter().position(|own| own == letter).map(|axis| x.shape()[axis])
        };
        terms.iter().zip(xs).find_map(at).unwrap()
    };
    let lengths: Vec<usize> = letters.iter().map(length).collect();
    let inner: usize = lengths[result.len()..].iter().product();
    Tensor::from_fn(&lengths[..result.len()], |outer| {
        (0..inner)
            .map(|mut number| {
                let mut index = outer.to_vec();
                for &len in &lengths[result.len()..] {
                    index.push(number % len);
                    number /= len;
                }
                let place = |letter: &char| index[letters.iter().position(|own| own == letter).unwrap()];
                terms
                    .iter()
                    .zip(xs)
                    .map(|(term, x)| x.get(&term.iter().map(place).collect::<Vec<_>>()).unwrap())
                    .product::<f64>()
            })
            .sum()
    })
    .unwrap()
}

#[test]
fn formulas_are_their_sums() {
    let table: &[(&str, &[&[usize]])] = &[
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 4]]),
        ("bij,kj->kbi", &[&[2, 2, 3], &[4, 3]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij->", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("iji->j", &[&[3, 2, 3]]),
        ("iiijj->ji", &[&[2, 2, 2, 3, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,i->", &[&[3], &[3]]),
        ("i,i,i->i", &[&[3], &[3], &[3]]),
        ("ab,bc,cd,de->ae", &[&[2, 3], &[3, 2], &[2, 4], &[4, 2]]),
        ("abc,cd,ae->bde", &[&[2, 3, 2], &[2, 4], &[2, 3]]),
        ("ij,kl->", &[&[2, 3], &[2, 2]]),
        ("ijk,ilm->jl", &[&[2, 3, 2], &[2, 2, 3]]),
        (",ij->ij", &[&[], &[2, 3]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("bhqd,bhkd->bhqk", &[&[2, 2, 3, 2], &[2, 2, 4, 2]]),
    ];
    for &(formula, shapes) in table {
        struct Formula(&'static str);
        impl Program for Formula {
            fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
                einsum(self.0, &xs[0], &xs[1..].iter().collect::<Vec<_>>())
            }
        }
        let xs = all(shapes);
        check::second_order(&Formula(formula), &xs, 5)
            .unwrap_or_else(|failure| panic!("{formula}: {failure}"));
        let found = Formula(formula).run(&xs.iter().cloned().map(Eager::new).collect::<Vec<_>>());
        let expected = sums(formula, &xs);
        assert_eq!(found.shape(), *expected.shape(), "{formula}");
        near(found.tensor().unwrap(), &expected.to_vec());
    }
}

#[test]
fn formulas_broadcast_and_say_what_is_wrong() {
    let (a, b) = (Eager::new(numbers(&[5, 1, 2, 3], 1)), Eager::new(numbers(&[4, 3, 2], 2)));
    let whole = einsum("...ij, ...jk -> ...ik", &a, &[&b]);
    assert_eq!(whole.tensor().unwrap(), a.matmul(&b).tensor().unwrap());
    assert_eq!(einsum("...ij,...jk", &a, &[&b]).tensor().unwrap(), whole.tensor().unwrap(), "implicit");
    assert_eq!(*einsum("i...->...i", &a, &[]).shape(), [1, 2, 3, 5]);
    let square = Eager::new(numbers(&[3, 3], 3));
    assert_eq!(einsum("ii", &square, &[]).tensor().unwrap(), square.trace().tensor().unwrap());
    assert_eq!(
        *einsum("ba", &Eager::new(numbers(&[2, 3], 1)), &[]).shape(),
        [3, 2],
        "in the order of the alphabet"
    );
    let summed = einsum("...i,...i->", &a.at(3, 0).unsqueeze(2), &[&b.at(2, 0).unsqueeze(2)]);
    assert_eq!(*summed.shape(), []);

    for (formula, what) in [
        ("ij,jk->ik", "einsum: 'j': lengths 3 and 4 differ"),
        ("ij,ik->ix", "einsum: 'x': the result has it, and no operand does"),
        ("ij,ik->ii", "einsum: 'i': the result has it twice"),
        ("ij->i", "einsum: the formula has fewer terms than operands"),
        ("ij,ik,i->i", "einsum: the formula has more terms than operands"),
        ("ij,i->i", "einsum: [2, 4]: its term has another number of letters"),
        ("i-,ik->i", "einsum: '-': a formula has letters"),
        ("i.j,ik->i", "einsum: '.': a formula has letters"),
        ("......,ik->i", "einsum: '.': a formula has letters"),
        ("ii,ik->i", "einsum: 'i': lengths 2 and 3 differ"),
    ] {
        let (a, b) = (Eager::new(numbers(&[2, 3], 1)), Eager::new(numbers(&[2, 4], 2)));
        let b = if formula == "ij,jk->ik" { b.transpose(0, 1) } else { b };
        let message = einsum(formula, &a, &[&b]).mistake().unwrap().to_string();
        assert!(message.starts_with(what) && message.contains("composites.rs"), "{formula}: {message}");
    }
    let (a, b) = (Eager::new(numbers(&[2, 3], 1)), Eager::new(numbers(&[4, 3], 2)));
    let message = einsum("...i,...i->...", &a, &[&b]).mistake().unwrap().to_string();
    assert!(message.starts_with("einsum: '…': lengths 2 and 4 differ"), "{message}");
}
