//! Batch norm of a large batch, which is an operation of its own, against the program that it stands for.

use super::layer_rules::random;
use tress_autograd::transform::{grad, hvp, jvp, vmap};
use tress_autograd::{Fused, Pointwise, Reduce, Value};
use tress_nn::layer::Layer;
use tress_nn::*;
use tress_tensor::Tensor;

const SHAPE: [usize; 4] = [9, 4, 64, 64];

fn layer(affine: usize) -> (Params<f64>, BatchNorm) {
    let mut params = Params::<f64>::new(0);
    let mut root = params.root();
    let norm = match affine {
        2 => BatchNorm::new(&mut root, 4),
        1 => BatchNorm::without_bias(&mut root, 4),
        _ => BatchNorm::without_parameters(&mut root, 4),
    };
    (params, norm.unwrap().epsilon(0.3))
}

/// A number that sees each part of the result with another slope.
fn seen<V: Value<Elem = f64>>(y: V) -> V {
    let all = random([y.shape().len()], 7).reshape(y.shape()).unwrap();
    (y.clone() * y.lift(all) + y.square().scale(0.3)).tanh().sum_all()
}

/// The layer on values of any kind.
fn layered<V: Value<Elem = f64>>(affine: usize, x: &V, weight: &V, bias: &V) -> V {
    let (params, norm) = layer(affine);
    let bound = params.bind(|entry, numbers| match entry.name() {
        "weight" => weight.clone(),
        "bias" => bias.clone(),
        _ => x.lift(numbers),
    });
    norm.apply(&bound.training(1), x)
}

/// The same by rows.
fn by_rows<V: Value<Elem = f64>>(affine: usize, x: &V, weight: &V, bias: &V) -> V {
    x.batch_norm((affine > 0).then_some(weight), (affine > 1).then_some(bias), 0.3)
}

fn operands(seed: u64) -> (Tensor<f64>, Tensor<f64>, Tensor<f64>) {
    (random(SHAPE, seed), random([4], seed + 1), random([4], seed + 2))
}

fn near(found: &Tensor<f64>, expected: &Tensor<f64>, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let largest = expected.to_vec().iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
    for (found, expected) in found.to_vec().iter().zip(expected.to_vec()) {
        assert!((found - expected).abs() <= 1e-9 * largest, "{what}: {found}, not {expected}");
    }
}

#[test]
fn a_large_batch_has_the_values_and_gradients_of_its_rows() {
    for affine in [2, 1, 0] {
        let (x, w, b) = operands(1);
        let eager = [&x, &w, &b].map(|x| tress_autograd::Eager::new(x.clone()));
        let [found, expected] = [
            layered(affine, &eager[0], &eager[1], &eager[2]),
            by_rows(affine, &eager[0], &eager[1], &eager[2]),
        ];
        near(found.tensor().unwrap(), expected.tensor().unwrap(), "values");
        let found = grad(|(x, w, b)| seen(layered(affine, &x, &w, &b)), (&x, &w, &b));
        let expected = grad(|(x, w, b)| seen(by_rows(affine, &x, &w, &b)), (&x, &w, &b));
        near(found.0.tensor().unwrap(), expected.0.tensor().unwrap(), "of x");
        near(found.1.tensor().unwrap(), expected.1.tensor().unwrap(), "of the weight");
        near(found.2.tensor().unwrap(), expected.2.tensor().unwrap(), "of the bias");
    }
}

#[test]
fn other_kinds_of_value_and_second_derivatives_are_those_of_its_rows() {
    let (at, along) = (operands(1), operands(5));
    let (at_all, along_all) = ((&at.0, &at.1, &at.2), (&along.0, &along.1, &along.2));
    let found = hvp(|(x, w, b)| seen(layered(2, &x, &w, &b)), at_all, along_all);
    let expected = hvp(|(x, w, b)| seen(by_rows(2, &x, &w, &b)), at_all, along_all);
    near(found.0.tensor().unwrap(), expected.0.tensor().unwrap(), "second, of x");
    near(found.1.tensor().unwrap(), expected.1.tensor().unwrap(), "second, of the weight");
    near(found.2.tensor().unwrap(), expected.2.tensor().unwrap(), "second, of the bias");

    // Reverse over reverse.
    let twice = |rows: bool, x: &Tensor<f64>| {
        let (w, b) = (at.1.clone(), at.2.clone());
        grad(
            |x| {
                let slope = grad(
                    |x| {
                        let (w, b) = (x.lift(w.clone()), x.lift(b.clone()));
                        seen(if rows { by_rows(2, &x, &w, &b) } else { layered(2, &x, &w, &b) })
                    },
                    x,
                );
                slope.square().sum_all()
            },
            x,
        )
    };
    near(twice(false, &at.0).tensor().unwrap(), twice(true, &at.0).tensor().unwrap(), "twice");

    let (y, t) = jvp(|(x, w, b)| layered(2, &x, &w, &b), at_all, along_all);
    let (y_rows, t_rows) = jvp(|(x, w, b)| by_rows(2, &x, &w, &b), at_all, along_all);
    near(y.tensor().unwrap(), y_rows.tensor().unwrap(), "forward mode, values");
    near(t.tensor().unwrap(), t_rows.tensor().unwrap(), "forward mode, tangents");

    let two = random([2, SHAPE[0], SHAPE[1], SHAPE[2], SHAPE[3]], 9);
    let both = |rows: bool| {
        vmap(
            |x| {
                let (w, b) = (x.lift(at.1.clone()), x.lift(at.2.clone()));
                if rows { by_rows(2, &x, &w, &b) } else { layered(2, &x, &w, &b) }
            },
            &two,
        )
    };
    near(both(false).tensor().unwrap(), both(true).tensor().unwrap(), "stacked");
}

#[test]
fn a_large_batch_moves_the_running_statistics() {
    let (mut params, norm) = layer(2);
    let x = random(SHAPE, 3).map(tress_tensor::pointwise::Map::Offset(100.0));
    let bound = params.eager().training(1);
    norm.apply(&bound, &x.clone().into());
    let renewed = bound.renewed().unwrap();
    params.renew(&renewed).unwrap();
    let count = (SHAPE[0] * SHAPE[2] * SHAPE[3]) as f64;
    for c in 0..4 {
        let numbers: Vec<f64> = (0..SHAPE[0])
            .flat_map(|n| (0..4096).map(move |i| (n, i)))
            .map(|(n, i)| x[[n, c, i / 64, i % 64]])
            .collect();
        let mean = numbers.iter().sum::<f64>() / count;
        let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0);
        let [found_mean, found_variance] =
            ["running_mean", "running_var"].map(|name| params.tensor(name).unwrap()[[c]]);
        assert!((found_mean - 0.1 * mean).abs() < 1e-9, "{found_mean}, not {}", 0.1 * mean);
        assert!((found_variance - 0.9 - 0.1 * variance).abs() < 1e-9, "{found_variance}");
    }
}
