//! Transforms against formulas, differences and each other; any nesting; levels that do not get mixed up; mistakes that
//! keep their line.

use tress_autograd::transform::*;
use tress_autograd::{Arrange, Eager, Fused, Mistake, Pointwise, Reduce, Value};
use tress_tensor::{Shape, Tensor, Window};

type Number = Eager<f64>;

fn scalar(x: f64) -> Number {
    Eager::new(Tensor::scalar(x))
}

fn numbers(shape: &[usize], seed: f64) -> Tensor<f64> {
    let mut count = seed;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 12.9898).sin() * 0.7
    })
    .unwrap()
}

fn list(x: &Number) -> Vec<f64> {
    x.tensor().unwrap_or_else(|mistake| panic!("{mistake}")).to_vec()
}

#[track_caller]
fn near(found: &Number, expected: &[f64], tolerance: f64) {
    let found = list(found);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let off = (found - expected).abs();
        assert!(off <= tolerance * (1.0 + expected.abs()), "{found} and {expected}");
    }
}

/// A function of two arguments with a product, a reduction and functions that are not linear: `[m, k], [k] -> [m]`.
fn two<V: Value>((a, x): (V, V)) -> V {
    (a * x.clone()).tanh().sum(&[1]) + x.square().sum_all()
}

/// The same with a single number as result.
fn one<V: Value>(xs: (V, V)) -> V {
    two(xs).sin().sum_all()
}

/// `d f(xs) / d xs[which]` by differences of fourth order, as `[out, in]`, flat.
fn difference(f: impl Fn(&[Tensor<f64>]) -> Vec<f64>, xs: &[Tensor<f64>], which: usize) -> Vec<f64> {
    let h = 1e-3;
    let at = |j: usize, step: f64| {
        let mut moved = xs.to_vec();
        let mut values = moved[which].to_vec();
        values[j] += step;
        moved[which] = Tensor::new(*xs[which].shape(), &values).unwrap();
        f(&moved)
    };
    let n = xs[which].len();
    let columns: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let [a, b, c, d] = [at(j, h), at(j, -h), at(j, 2.0 * h), at(j, -2.0 * h)];
            (0..a.len()).map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * h)).collect()
        })
        .collect();
    (0..columns[0].len()).flat_map(|i| columns.iter().map(move |column| column[i])).collect()
}

fn arguments() -> (Tensor<f64>, Tensor<f64>) {
    (numbers(&[3, 4], 1.0), numbers(&[4], 50.0))
}

#[test]
fn gradients_are_differences() {
    let (a, x) = arguments();
    let (value, (by_a, by_x)) = value_and_grad(one, (&a, &x));
    let plain = |xs: &[Tensor<f64>]| list(&one((Eager::new(xs[0].clone()), Eager::new(xs[1].clone()))));
    assert_eq!(list(&value), plain(&[a.clone(), x.clone()]));
    near(&by_a, &difference(plain, &[a.clone(), x.clone()], 0), 1e-9);
    near(&by_x, &difference(plain, &[a.clone(), x.clone()], 1), 1e-9);

    // Arrays, lists and slices keep their structure too; what is held gets zeros.
    let as_array = grad(|[a, x]| one((a, x)), [a.clone(), x.clone()].map(Eager::new));
    let as_list = grad(|xs| one((xs[0].clone(), xs[1].clone())), vec![a.clone(), x.clone()]);
    let as_slice = grad(|xs| one((xs[0].clone(), xs[1].clone())), &[a.clone(), x.clone()][..]);
    let nested = grad(|(list, x)| one((list[0].clone(), x)), (vec![&a], &x));
    let held = grad(one, (Held(&a), &x));
    for found in [&as_array[0], &as_list[0], &as_slice[0], &nested.0[0]] {
        assert_eq!(list(found), list(&by_a));
    }
    for found in [&as_array[1], &as_list[1], &as_slice[1], &nested.1, &held.1] {
        assert_eq!(list(found), list(&by_x));
    }
    assert_eq!(list(&held.0), [0.0; 12]);
    assert_eq!(list(&grad(one, (&a, Held(&x))).0), list(&by_a), "held behind what is not");
}

#[test]
fn jacobians_by_rows_by_columns_and_by_differences_agree() {
    let (a, x) = arguments();
    let plain = |xs: &[Tensor<f64>]| list(&two((Eager::new(xs[0].clone()), Eager::new(xs[1].clone()))));
    let rows = jacrev(two, (&a, &x));
    let columns = jacfwd(two, (&a, &x));
    let either = jacobian(two, (&a, &x));
    assert_eq!(rows.0.shape(), Shape::new(&[3, 3, 4]).unwrap());
    assert_eq!(rows.1.shape(), Shape::new(&[3, 4]).unwrap());
    for (which, rows, others) in
        [(0, &rows.0, [&columns.0, &either.0]), (1, &rows.1, [&columns.1, &either.1])]
    {
        near(rows, &difference(plain, &[a.clone(), x.clone()], which), 1e-9);
        for other in others {
            assert_eq!(other.shape(), rows.shape());
            near(other, &list(rows), 1e-14);
        }
    }
    // More outputs than inputs: the recorded program is gone along forwards.
    let long = jacobian(|x| x.square().expand([5, 4]), &x);
    let by_rows = jacrev(|x| x.square().expand([5, 4]), &x);
    assert_eq!(long.shape(), Shape::new(&[5, 4, 4]).unwrap());
    assert_eq!(list(&long), list(&by_rows));
    // Held arguments, and results that do not depend on an argument, have zeros.
    let held = jacobian(two, (Held(&a), &x));
    assert_eq!((list(&held.0), held.0.shape()), (vec![0.0; 36], rows.0.shape()));
    near(&held.1, &list(&rows.1), 1e-14);
    for f in [jacrev, jacobian] as [fn(fn((Traced<Number>, Traced<Number>)) -> Traced<Number>, _) -> _; 2] {
        let (none, all): (Number, Number) = f(|(_, x)| x, (a.clone(), x.clone()));
        assert_eq!(list(&none), vec![0.0; 48]);
        assert_eq!(list(&all).iter().sum::<f64>(), 4.0);
    }
    assert_eq!(list(&jacfwd(|(_, x)| x, (&a, &x)).0), vec![0.0; 48]);
}

#[test]
fn hessians_are_differences_of_gradients_and_products_with_them_are_products() {
    let (a, x) = arguments();
    let ((aa, ax), (xa, xx)) = hessian(one, (&a, &x));
    assert_eq!(ax.shape(), Shape::new(&[3, 4, 4]).unwrap());
    assert_eq!(xa.shape(), Shape::new(&[4, 3, 4]).unwrap());
    let gradient = |xs: &[Tensor<f64>]| {
        let (by_a, by_x) = grad(one, (&xs[0], &xs[1]));
        [list(&by_a), list(&by_x)].concat()
    };
    let both = |top: &Number, below: &Number| [list(top), list(below)].concat();
    near(
        &Eager::new(Tensor::vector(&both(&aa, &xa))),
        &difference(gradient, &[a.clone(), x.clone()], 0),
        1e-8,
    );
    near(
        &Eager::new(Tensor::vector(&both(&ax, &xx))),
        &difference(gradient, &[a.clone(), x.clone()], 1),
        1e-8,
    );

    let (ta, tx) = (numbers(&[3, 4], 7.0), numbers(&[4], 8.0));
    let (along_a, along_x) = hvp(one, (&a, &x), (&ta, &tx));
    let times = |rows: &Number, t: &Tensor<f64>| -> Vec<f64> {
        let t = t.to_vec();
        list(rows).chunks(t.len()).map(|row| row.iter().zip(&t).map(|(h, t)| h * t).sum()).collect()
    };
    let sum = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(&b).map(|(a, b)| a + b).collect::<Vec<f64>>();
    near(&along_a, &sum(times(&aa, &ta), times(&ax, &tx)), 1e-13);
    near(&along_x, &sum(times(&xa, &ta), times(&xx, &tx)), 1e-13);

    // A Hessian by other nestings: rows of the gradient's derivative.
    let rows = jacrev(|x| grad(|x| x.powf(3.0).sin().sum_all(), x), &x);
    let columns = jacfwd(|x| grad(|x| x.powf(3.0).sin().sum_all(), x), &x);
    let stacked = hessian(|x| x.powf(3.0).sin().sum_all(), &x);
    near(&rows, &list(&stacked), 1e-12);
    near(&columns, &list(&stacked), 1e-12);
    let (hxx, hxy) = hessian(|(x, y)| x.square() * y, (scalar(3.0), Held(scalar(5.0)))).0;
    assert_eq!([hxx.item().unwrap(), hxy.item().unwrap()], [10.0, 0.0]);
}

#[test]
fn one_recording_is_pulled_and_pushed_through_many_times() {
    let (a, x) = arguments();
    let (y, linear) = vjp(two, (&a, &x));
    let (ta, tx) = (numbers(&[3, 4], 7.0), numbers(&[4], 8.0));
    let g = numbers(&[3], 9.0);
    let pushed = linear.push((&ta, &tx));
    let (jvp_y, along) = jvp(two, (&a, &x), (&ta, &tx));
    assert_eq!((list(&y), list(&pushed)), (list(&jvp_y), list(&along)), "the tape and the dual say the same");
    let (ga, gx) = linear.pull(g.clone());
    let dot = |a: &Tensor<f64>, b: &Number| a.to_vec().iter().zip(list(b)).map(|(a, b)| a * b).sum::<f64>();
    assert!((dot(&g, &pushed) - dot(&ta, &ga) - dot(&tx, &gx)).abs() < 1e-13);

    // Stacked ones are separate ones, bit for bit, forwards and backwards; and again, as nothing is used up.
    for seed in [1.0, 2.0] {
        let gs = numbers(&[2, 3], seed);
        let together = linear.pull_stacked(gs.clone());
        let (tas, txs) = (numbers(&[2, 3, 4], seed), numbers(&[2, 4], seed));
        let forwards = linear.push_stacked((&tas, &txs));
        for k in 0..2 {
            let alone = linear.pull(gs.at(0, k).unwrap());
            assert_eq!(list(&together.0.at(0, k)), list(&alone.0));
            assert_eq!(list(&together.1.at(0, k)), list(&alone.1));
            let alone = linear.push((tas.at(0, k).unwrap(), txs.at(0, k).unwrap()));
            assert_eq!(list(&forwards.at(0, k)), list(&alone));
        }
    }
    assert!(linear.tape().len() > 4);
}

#[test]
fn vmap_is_the_loop() {
    let (batch, shared) = (numbers(&[5, 3, 4], 1.0), numbers(&[4], 2.0));
    let all = vmap_axes(two, (Some(0), None), 0, (&batch, &shared));
    let rows: Vec<f64> = (0..5)
        .flat_map(|i| list(&two((Eager::new(batch.at(0, i).unwrap()), Eager::new(shared.clone())))))
        .collect();
    assert_eq!(list(&all), rows);
    // Along another axis, and the results there too.
    let turned = batch.permute(&[1, 0, 2]).unwrap();
    let other = vmap_axes(two, (Some(1), None), 1, (&turned, &shared));
    assert_eq!(list(&other.permute(&[1, 0])), rows);
    assert_eq!(list(&vmap(two, (&batch, &numbers(&[5, 4], 3.0)))).len(), 15);

    // Two axes: a table of all pairs, as a product of matrices.
    let (a, b) = (numbers(&[3, 4], 1.0), numbers(&[5, 4], 2.0));
    let dot = |a: &Stacked2, b: &Stacked2| (a * b).sum_all();
    let table = vmap_axes(
        |(a, b)| vmap_axes(|(a, b)| dot(&a, &b), (None, Some(0)), 0, (a, b)),
        (Some(0), None),
        0,
        (&a, &b),
    );
    near(&table, &a.matmul(&b.transpose(0, 1).unwrap()).unwrap().to_vec(), 1e-14);

    // Samples through a convolution, pooling, a gather and a softmax: each alone has no axis of samples.
    let (images, kernel) = (numbers(&[4, 1, 1, 6, 6], 1.0), numbers(&[2, 1, 3, 3], 3.0));
    let index = tress_autograd::op::Index::new(&Tensor::new([3], &[2u32, 0, 2]).unwrap());
    fn network<V: Value>(x: &V, w: &V, index: &tress_autograd::op::Index) -> V {
        let y = x.conv2d(w, None, Window::new([6, 6], [3, 3]), 1, None);
        let y = y.max_pool(Window::new([4, 4], [2, 2]).stride([2, 2])).flatten(1);
        y.gather(1, index).softmax().flatten(0)
    }
    let all = vmap_axes(|(x, w)| network(&x, &w, &index), (Some(0), None), 0, (&images, &kernel));
    for i in 0..4 {
        let alone = network(&Eager::new(images.at(0, i).unwrap()), &Eager::new(kernel.clone()), &index);
        assert_eq!(list(&all.at(0, i)), list(&alone));
    }
}

type Stacked2 = tress_autograd::Stacked<tress_autograd::Stacked<Number>>;

#[test]
fn gradients_of_samples_one_by_one_and_gradients_through_a_batch() {
    // Per-sample gradients: grad inside of vmap.
    let (a, x) = (numbers(&[5, 3, 4], 1.0), numbers(&[4], 2.0));
    let each = vmap_axes(|(a, x)| grad(|x| one((x.close_over(&a), x)), x), (Some(0), None), 0, (&a, &x));
    for i in 0..5 {
        let alone = grad(one, (Held(a.at(0, i).unwrap()), &x)).1;
        assert_eq!(list(&each.at(0, i)), list(&alone));
    }
    // Their sum: grad around vmap.
    let whole = grad(
        |x| {
            let a = x.lift(a.clone());
            vmap_axes(one, (Some(0), None), 0, (a, x)).sum_all()
        },
        &x,
    );
    near(&whole, &list(&each.sum(&[0])), 1e-13);
}

/// The third derivative of `exp(2 x)` by every nesting of forward and reverse: eight times `exp(2 x)`.
#[test]
fn every_nesting_of_three_levels() {
    fn f<V: Value>(x: V) -> V {
        x.scale(2.0).exp()
    }
    fn forward<V: Value>(f: impl FnOnce(tress_autograd::Dual<V>) -> tress_autograd::Dual<V>, x: V) -> V {
        let one = x.constant(1.0);
        jvp(f, x, one).1
    }
    let x = || scalar(0.3);
    let all = [
        grad(|x| grad(|x| grad(f, x), x), x()),
        grad(|x| grad(|x| forward(f, x), x), x()),
        grad(|x| forward(|x| grad(f, x), x), x()),
        grad(|x| forward(|x| forward(f, x), x), x()),
        forward(|x| grad(|x| grad(f, x), x), x()),
        forward(|x| grad(|x| forward(f, x), x), x()),
        forward(|x| forward(|x| grad(f, x), x), x()),
        forward(|x| forward(|x| forward(f, x), x), x()),
        jacrev(|x| jacfwd(|x| jacobian(f, x), x), x()),
        jacfwd(|x| hessian(f, x), x()),
        hessian(|x| jacfwd(f, x), x()),
        vmap(|x| grad(|x| hvp(f, x.clone(), x.constant(1.0)), x), Tensor::full([1], 0.3).unwrap()),
    ];
    for (i, third) in all.iter().enumerate() {
        let third = third.item().unwrap_or_else(|mistake| panic!("nesting {i}: {mistake}"));
        assert!((third - 8.0 * 0.6f64.exp()).abs() < 1e-12, "nesting {i}: {third}");
    }
}

/// `d/dx [x d/dy (x + y)] = 1` by each pair of modes; a confusion of the two levels gives 2 (Siskind & Pearlmutter,
/// "Perturbation confusion and referential transparency", 2005). And `d/dx [x d/dy (x y)] = 2 x`.
#[test]
fn perturbations_are_not_confused() {
    fn one<V: Value>(x: &V) -> V {
        x.constant(1.0)
    }
    let x = || scalar(3.0);
    let sums = [
        grad(|x| &x * grad(|y| y.close_over(&x) + y, one(&x)), x()),
        grad(|x| &x * jvp(|y| y.close_over(&x) + y, one(&x), one(&x)).1, x()),
        jvp(|x| &x * grad(|y| y.close_over(&x) + y, one(&x)), x(), one(&x())).1,
        jvp(|x| &x * jvp(|y| y.close_over(&x) + y, one(&x), one(&x)).1, x(), one(&x())).1,
        vmap(|x| grad(|x| &x * grad(|y| y.close_over(&x) + y, one(&x)), x), Tensor::full([1], 3.0).unwrap()),
    ];
    for (i, slope) in sums.iter().enumerate() {
        assert_eq!(slope.item().unwrap(), 1.0, "nesting {i}");
    }
    let products = [
        grad(|x| &x * grad(|y| y.close_over(&x) * y, one(&x)), x()),
        grad(|x| &x * jvp(|y| y.close_over(&x) * y, one(&x), one(&x)).1, x()),
        jvp(|x| &x * grad(|y| y.close_over(&x) * y, one(&x)), x(), one(&x())).1,
        jvp(|x| &x * jvp(|y| y.close_over(&x) * y, one(&x), one(&x)).1, x(), one(&x())).1,
    ];
    for (i, slope) in products.iter().enumerate() {
        assert_eq!(slope.item().unwrap(), 6.0, "nesting {i}");
    }
}

/// Manzyuk, Pearlmutter, Radul, Rush & Siskind, "Perturbation confusion in forward automatic differentiation of
/// higher-order functions" (2019), section 4: with `s(u) = f -> (x -> f(x + u))`, the derivative of `s` at 0 is `f -> f'`;
/// applied twice to `exp` it is `exp''`. A system that gives both levels one perturbation answers 0.
#[test]
fn the_derivative_of_a_shift_applied_twice() {
    fn shifted<V: Value>(f: impl Fn(tress_autograd::Dual<V>) -> tress_autograd::Dual<V>, y: &V) -> V {
        let at = y.clone();
        jvp(|u| f(u.close_over(&at) + u), y.constant(0.0), y.constant(1.0)).1
    }
    let twice = shifted(|y| shifted(|z| z.exp(), &y), &scalar(1.0));
    assert!((twice.item().unwrap() - 1f64.exp()).abs() < 1e-15);
    let reverse = {
        let at = scalar(1.0);
        grad(
            |u| {
                let y = u.close_over(&at) + &u;
                grad(|v| (v.close_over(&y) + v).exp(), u.constant(0.0))
            },
            scalar(0.0),
        )
    };
    assert!((reverse.item().unwrap() - 1f64.exp()).abs() < 1e-15);
}

/// A bilevel problem: the derivative of a minimum's place, by differentiating a step of Newton's method taken inside.
#[test]
fn a_gradient_through_an_inner_optimisation() {
    // argmin_y (y - a^2)^2 + y is a^2 - 1/2: one Newton step from anywhere; its derivative by a is 2 a.
    fn argmin<V: Value>(a: V) -> V {
        let y = a.constant(10.0);
        fn inner<W: Nested>(y: W, a: &W::Outer) -> W {
            (y.clone() - y.close_over(a).square()).square() + y
        }
        let slope = grad(|y| inner(y, &a), y.clone());
        let curvature = hessian(
            |y| {
                let a =
                    y.close_over(tress_autograd::Dual::constant(tress_autograd::Stacked::Shared(a.clone())));
                (&y - a.square()).square() + y
            },
            y.clone(),
        );
        y - slope / curvature
    }
    let (value, slope) = value_and_grad(argmin, scalar(1.5));
    assert_eq!([value.item().unwrap(), slope.item().unwrap()], [1.75, 3.0]);
}

fn says(value: &Number, start: &str, line: u32) {
    let Mistake { error, place } = value.tensor().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(start), "{text}");
    assert_eq!((place.file(), place.line()), (file!(), line), "{text}");
}

#[test]
fn mistakes_name_what_and_where() {
    let x = Tensor::<f64>::zeros([2, 3]).unwrap();
    let t = Tensor::<f64>::zeros([3, 2]).unwrap();
    says(&grad(|x| x.tanh(), &x), "grad: [2, 3]: only a single number has a gradient", line!());
    says(&jvp(|x| x.tanh(), &x, &t).1, "jvp: [2, 3] x [3, 2]: a tangent must have the shape", line!());
    says(&hvp(|x| x.sum_all(), &x, &t), "hvp: [2, 3] x [3, 2]: a tangent must", line!());
    says(&jvp(|(x, _)| x, (&x, &x), &x).0, "jvp: one tangent is wanted for each argument", line!());
    let linear = vjp(|x| x.tanh(), &x).1;
    says(&linear.pull(t.clone()), "pull: [2, 3] x [3, 2]: the cotangent must have the shape", line!());
    says(&linear.push(&t), "push: [2, 3] x [3, 2]: a tangent must have the shape", line!());
    says(&linear.push_stacked(&t), "push_stacked: [3, 2, 3] x [3, 2]", line!());
    says(&linear.pull_stacked(t.clone()), "pull_stacked: [3, 2, 3] x [3, 2]", line!());
    says(&vmap(|(x, _)| x, (&x, &t)), "vmap: [2, 3] x [3, 2]: the axes to go along must have one", line!());
    says(&vmap_axes(|x| x, None, 0, &x), "vmap: at least one argument needs an axis", line!());
    says(&vmap_axes(|x| x, Some(2), 0, &x), "vmap: [2, 3] has no axis 2", line!());
    says(&vmap_axes(|x| x, Some(0), 2, &x), "vmap: [2, 3] has no axis 2", line!());
    says(&vmap(|x| x, Tensor::<f64>::zeros([0, 2]).unwrap()), "vmap: the axis to go along has", line!());

    // Of the function: its own line, through any nesting.
    says(&grad(|x| x.matmul(&x).sum_all(), &x), "matmul: [2, 3] x [2, 3]", line!());
    says(&jacfwd(|x| x.matmul(&x), &x), "matmul: [2, 3] x [2, 3]", line!());
    says(&jacobian(|x| x.matmul(&x), &x), "matmul: [2, 3] x [2, 3]", line!());
    says(&hessian(|x| x.matmul(&x).sum_all(), &x), "matmul: [2, 3] x [2, 3]", line!());
    says(&hvp(|x| x.matmul(&x).sum_all(), &x, &x), "matmul: [2, 3] x [2, 3]", line!());
    says(&vmap(|x| x.at(0, 1).matmul(&x), &x), "matmul: []: at least two axes are wanted", line!());
    says(&grad(|x| vmap(|x| grad(|x| x.tanh(), x), x), &x), "grad: [3]: only a single number", line!());
    says(&grad(|x| jvp(|x| x.sum(&[5]), x.clone(), x).1, &x), "sum: [2, 3] has no axis 5", line!());

    // A mistake that was made before is the one that is reported.
    let wrong = Eager::new(x.clone()).matmul(Eager::new(x.clone()));
    let line = line!() - 1;
    says(&grad(|x| x.sum_all(), wrong.clone()), "matmul", line);
    says(&grad(|x| x.sum_all() + x.close_over(&wrong).sum_all(), &x), "matmul", line);
    says(&vmap(|x| x.close_over(&wrong) + x, &x), "matmul", line);
    says(&jvp(|x| x.close_over(&wrong) + x, &x, &x).1, "matmul", line);
    says(&jacobian(|x| x, wrong.clone()), "matmul", line);
    says(&jacfwd(|x| x, wrong.clone()), "matmul", line);
    says(&hessian(|x| x.sum_all(), wrong.clone()), "matmul", line);

    // Values of two transforms of one kind, of which types cannot tell.
    let mixed = grad(|x| x.sum_all() + grad_of_other(&x), &x);
    assert!(mixed.tensor().unwrap_err().to_string().contains("close_over"));
    fn grad_of_other(x: &Traced<Number>) -> Traced<Number> {
        let mut other = None;
        grad(
            |y| {
                other = Some(y.clone());
                y
            },
            scalar(1.0),
        );
        other.unwrap() + x.sum_all()
    }
    let mut kept = None;
    grad(|y| kept.insert(y).clone(), scalar(1.0));
    let returned = grad(|_| kept.clone().unwrap(), scalar(1.0));
    says(&returned, "transform: the function must return a value that it made", line!() - 1);
}

#[test]
fn sizes_at_the_edge() {
    // Nothing to differentiate with respect to, nothing that comes out.
    let none = Tensor::<f64>::zeros([0, 2]).unwrap();
    assert_eq!(grad(|x| x.sum_all(), &none).shape(), *none.shape());
    assert_eq!(jacrev(|x| x.tanh(), &none).shape(), Shape::new(&[0, 2, 0, 2]).unwrap());
    assert_eq!(jacfwd(|x| x.tanh(), &none).shape(), Shape::new(&[0, 2, 0, 2]).unwrap());
    assert_eq!(jacobian(|x| x.sum_all(), &none).shape(), *none.shape());
    assert_eq!(hessian(|x| x.sum_all(), &none).shape(), Shape::new(&[0, 2, 0, 2]).unwrap());
    let some = Tensor::<f64>::zeros([3]).unwrap();
    assert_eq!(jacobian(|x| x.slice(0, 0..0), &some).shape(), Shape::new(&[0, 3]).unwrap());

    // Together more than eight axes: a mistake of this line.
    let five = Tensor::<f64>::zeros([1, 2, 1, 1, 1]).unwrap();
    says(&jacrev(|x| x.tanh(), &five), "jacobian: 10 axes", line!());
    says(&jacfwd(|x| x.tanh(), &five), "jacobian: 10 axes", line!());
    says(&jacobian(|x| x.tanh(), &five), "jacobian: 10 axes", line!());
    says(&hessian(|x| x.sum_all(), &five), "jacobian: 10 axes", line!());
    // No room for the axis of the stack: on the way, at the result, at the argument.
    let eight = Tensor::<f64>::full([1, 2, 1, 1, 1, 1, 1, 1], 0.5).unwrap();
    for wrong in [
        jacrev(|x| x.tanh().sum_all(), &eight),
        jacfwd(|x| x.tanh().sum_all(), &eight),
        vmap(|x| x.expand([2, 2, 2, 2, 1, 1, 2, 1]), &eight),
        jacobian(
            |x| x.expand([1, 1, 1, 2, 1, 1, 1, 2]).matmul(x.lift(eight.clone())).sum_all(),
            &some.slice(0, 0, 2, 1).unwrap(),
        ),
    ] {
        assert!(wrong.tensor().is_err());
    }
    let value = grad(|x| x.tanh().sum_all(), &eight);
    assert_eq!(list(&value).len(), 2);
}

#[test]
#[should_panic(expected = "no arguments at all")]
fn no_arguments_at_all() {
    let empty: Vec<Tensor<f64>> = Vec::new();
    let _ = vmap(|xs| xs[0].clone(), empty);
}

#[test]
fn dropout_of_a_batch_has_the_bits_of_dropout_of_a_sample() {
    let x =
        Tensor::vector(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.3, -1.5, 2.0, f64::INFINITY, -0.7]);
    let alone = Eager::new(x.clone()).dropout(0.5, 3);
    let batch = vmap(|x| x.dropout(0.5, 3), x.unsqueeze(0).unwrap().expand([3, 8]).unwrap());
    let bits = |x: &Eager<f64>| x.tensor().unwrap().to_vec().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(
        alone.tensor().unwrap().to_vec()[..3].contains(&0.0),
        "something is dropped that 0 times would make NaN"
    );
    assert_eq!(bits(&batch.at(0, 2)), bits(&alone));
}
