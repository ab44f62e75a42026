//! The principal components that an example gives to its networks.

#[path = "../../examples/common/mod.rs"]
#[allow(clippy::duplicate_mod)] // examples have it as well
mod common;

use common::table::Table;
use tress::nn::Random;
use tress::prelude::*;

/// Row by row, in double precision.
fn numbers(x: &Eager) -> Vec<Vec<f64>> {
    let (x, width) = (x.tensor().unwrap(), x.shape()[1]);
    let all: Vec<f64> = x.to_vec().into_iter().map(f64::from).collect();
    all.chunks(width).map(<[f64]>::to_vec).collect()
}

/// The mean over rows of the product of a column of `a` and one of `b`.
fn together(a: &[Vec<f64>], i: usize, b: &[Vec<f64>], j: usize) -> f64 {
    a.iter().zip(b).map(|(a, b)| a[i] * b[j]).sum::<f64>() / a.len() as f64
}

/// What the components have to do with the inputs is the matrix of eigenvectors, each as long as the root of its eigenvalue:
/// its columns are at right angles, from long to short, and with its own transpose it makes the correlations of the inputs.
#[test]
fn axes_are_orthogonal_and_put_the_correlations_together() {
    for width in [2, 5, 12] {
        let table = table(width);
        let (x, made) = (numbers(&table.inputs[0]), numbers(&table.components(width).unwrap().inputs[0]));
        let axis = |column: usize, k: usize| together(&x, column, &made, k);
        let mut before = f64::INFINITY;
        for k in 0..width {
            let angle =
                |other: usize| (0..width).map(|column| axis(column, k) * axis(column, other)).sum::<f64>();
            assert!((0..k).all(|other| angle(other).abs() < 1e-5), "{width}: axis {k}");
            assert!(angle(k) <= before + 1e-5, "{width}: axis {k} is longer than the one before it");
            before = angle(k);
        }
        for (i, j) in (0..width).flat_map(|i| (0..width).map(move |j| (i, j))) {
            let made: f64 = (0..width).map(|k| axis(i, k) * axis(j, k)).sum();
            assert!((made - together(&x, i, &x, j)).abs() < 1e-5, "{width}: columns {i} and {j}");
        }
    }
}

/// Four columns in a ring, each with something of its two neighbours: eigenvalues and eigenvectors of a ring are waves.
#[test]
fn axes_of_a_ring_are_waves() {
    // Four columns of plus and minus one at right angles, and their correlations 1, c, 0, c.
    let sign = |row: usize, bit: usize| if row >> bit & 1 == 1 { 1.0 } else { -1.0 };
    let (own, other) = (0.8_f64, 0.6_f64);
    let at = |row: usize, column: usize| own * sign(row, column) + other * sign(row, (column + 1) % 4);
    let inputs = Tensor::from_fn([17, 4], |i| at(i[0] % 16, i[1]) as f32).unwrap();
    let answers = [0.0, 1.0, 2.0].map(|x| Tensor::from_fn([17, 1], |_| x).unwrap());
    let table = Table::new(&inputs, answers, |row| row == 16).unwrap();
    let (x, made) = (numbers(&table.inputs[0]), numbers(&table.components(4).unwrap().inputs[0]));
    let axis = |k: usize| [0, 1, 2, 3].map(|column| together(&x, column, &made, k));
    let c = own * other; // eigenvalues 1 + 2 c cos(2 pi k / 4)
    for (k, (value, wave)) in [(0, (1.0 + 2.0 * c, [0.5; 4])), (3, (1.0 - 2.0 * c, [0.5, -0.5, 0.5, -0.5]))] {
        let turned = axis(k)[0].signum();
        for (found, wave) in axis(k).iter().zip(wave) {
            assert!((found - turned * wave * value.sqrt()).abs() < 1e-4, "axis {k}: {:?}", axis(k));
        }
    }
    for k in [1, 2] {
        assert!((axis(k).iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-4, "axis {k}: {:?}", axis(k));
        assert!((axis(k)[0] + axis(k)[2]).abs() < 1e-4 && (axis(k)[1] + axis(k)[3]).abs() < 1e-4);
    }
}

/// Training rows of `width` columns, the last of which is the sum of the others, and test rows that are the first ten of them
/// once more.
fn table(width: usize) -> Table {
    let (rows, mut random) = (60, Random::new(8));
    let numbers: Vec<Vec<f64>> = (0..rows)
        .map(|_| {
            let free: Vec<f64> = (1..width).map(|k| (random.uniform() - 0.5) * k as f64).collect();
            let sum = free.iter().sum();
            [free, vec![sum]].concat()
        })
        .collect();
    let (inputs, test) = ([rows + 10, width], |row: usize| row >= rows);
    let inputs = Tensor::from_fn(inputs, |i| numbers[i[0] % rows][i[1]] as f32).unwrap();
    let answers = [0.0, 1.0, 2.0].map(|x| Tensor::from_fn([rows + 10, 1], |_| x).unwrap());
    Table::new(&inputs, answers, test).unwrap()
}

/// Components are of variance one and tell nothing of each other on the training rows; test rows go by the same axes.
#[test]
fn components_are_uncorrelated_and_of_variance_one() {
    let _level = crate::level::stays(); // the same rows are to give the same bits
    let table = table(5);
    let made = table.components(4).unwrap();
    let [x, test] = made.inputs.each_ref().map(|of| of.tensor().unwrap().clone());
    assert_eq!((x.shape()[1], test.shape()[0], test.shape()[1]), (4, 10, 4));
    for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
        let both = (0..60).map(|row| f64::from(x[[row, i]]) * f64::from(x[[row, j]])).sum::<f64>() / 60.0;
        assert!((both - f64::from(u8::from(i == j))).abs() < 1e-5, "{i}, {j}: {both}");
        assert!((0..10).all(|row| x[[row, i]] == test[[row, i]]), "component {i}");
    }
    // The first are those that say most, so fewer of them are the same ones; more than there are columns are there not.
    let two = table.components(2).unwrap().inputs[0].tensor().unwrap().clone();
    assert!((0..60).all(|row| two[[row, 0]] == x[[row, 0]] && two[[row, 1]] == x[[row, 1]]));
    assert_eq!(table.components(9).unwrap().inputs[0].shape()[1], 5);
    let given = table.inputs[0].tensor().unwrap().clone();
    let explained = |k: usize| {
        let with =
            |column: usize| (0..60).map(|row| f64::from(given[[row, column]] * x[[row, k]])).sum::<f64>();
        (0..5).map(|column| (with(column) / 60.0).powi(2)).sum::<f64>()
    };
    assert!((1..4).all(|k| explained(k) < explained(k - 1)));
    assert!(
        ((0..4).map(explained).sum::<f64>() - 5.0).abs() < 1e-3,
        "four of them say all: one column is a sum"
    );
}

/// Of two columns, the axes are their sum and their difference, whatever they have in common.
#[test]
fn two_columns_become_their_sum_and_their_difference() {
    let table = table(3);
    let two = table.inputs.each_ref().map(|of| of.slice(1, 1..3)); // they go together
    let table = Table { inputs: two, ..table };
    let given = table.inputs[0].tensor().unwrap().clone();
    let made = table.components(2).unwrap().inputs[0].tensor().unwrap().clone();
    let pairs: Vec<[f64; 2]> =
        (0..60).map(|row| [0, 1].map(|column| f64::from(given[[row, column]]))).collect();
    let common = pairs.iter().map(|[a, b]| a * b).sum::<f64>() / 60.0;
    assert!(common > 0.5, "{common}");
    for (k, sign) in [1.0, -1.0].into_iter().enumerate() {
        let way = |[a, b]: [f64; 2]| (a + sign * b) / (2.0 * (1.0 + sign * common)).sqrt();
        let turned = way(pairs[0]).signum() * f64::from(made[[0, k]]).signum();
        for (row, pair) in pairs.iter().enumerate() {
            let (a, b) = (turned * way(*pair), f64::from(made[[row, k]]));
            assert!((a - b).abs() < 1e-4, "component {k} of row {row}: {b} beside {a}");
        }
    }
}
