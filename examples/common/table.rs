//! Small tables, split and standardised.

use super::{Outcome, rows};
use tress::autograd::op::Index;
use tress::prelude::*;

/// Training and test rows: inputs `[N, F]`, of mean 0 and variance 1 on the training rows, and answers `[N, 3]`.
pub struct Table {
    pub inputs: [Eager; 2],
    pub answers: [Eager; 2],
}

impl Table {
    /// Splits rows by `is_test`.
    pub fn new(inputs: &Tensor, answers: [Tensor; 3], is_test: impl Fn(usize) -> bool) -> Outcome<Self> {
        let (test, known): (Vec<usize>, Vec<usize>) = (0..inputs.shape()[0]).partition(|&row| is_test(row));
        let [first, others @ ..] = answers.map(Eager::new);
        let answers = first.concat(1, &others).tensor()?.clone();
        let of = |all: &Tensor, rows_of: &[usize]| {
            Ok::<_, Box<dyn std::error::Error>>(Eager::new(rows(all, rows_of)?))
        };
        let fit = of(inputs, &known)?;
        let (mean, scale) = (fit.mean_keep(&[0]), fit.variance(&[0], 0).offset(1e-6).rsqrt());
        let standard = |x: Eager| (x - mean.clone()) * scale.clone();
        Ok(Self {
            inputs: [standard(fit.clone()), standard(of(inputs, &test)?)],
            answers: [of(&answers, &known)?, of(&answers, &test)?],
        })
    }
}

/// A ridge regression on the test rows, in double precision: its strength is the best of eight on five folds of the training
/// rows, by the squared errors in units of each answer's variance.
pub fn ridge(table: &Table) -> Outcome<Eager> {
    let double = |x: &Eager| -> Outcome<Eager<f64>> { Ok(Eager::new(Tensor::new(x.shape(), &numbers(x)?)?)) };
    let (x, y) = (double(&table.inputs[0])?, double(&table.answers[0])?);
    let variance = y.variance(&[0], 0);
    let mut best = (f64::INFINITY, 0.0);
    for strength in [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0] {
        let mut error = 0.0;
        for fold in 0..5 {
            let (held, kept): (Vec<u32>, Vec<u32>) =
                (0..x.shape()[0] as u32).partition(|row| row % 5 == fold);
            let [held, kept] = [held, kept].map(|of| Index::new(&Tensor::vector(&of)));
            let said = solved([&x.gather(0, &kept), &y.gather(0, &kept)], &x.gather(0, &held), strength)?;
            let miss = (said - y.gather(0, &held)).square() / variance.clone();
            error += miss.sum(&[0, 1]).tensor()?.to_vec().iter().sum::<f64>();
        }
        best = if error < best.0 { (error, strength) } else { best };
    }
    let found = solved([&x, &y], &double(&table.inputs[1])?, best.1)?;
    let numbers: Vec<f32> = found.tensor()?.to_vec().into_iter().map(|x| x as f32).collect();
    Ok(Eager::new(Tensor::new(found.shape(), &numbers)?))
}

/// What `(x' x + strength)^-1 x' y` says of other rows, with the mean of the answers as a constant.
fn solved([x, y]: [&Eager<f64>; 2], asked: &Eager<f64>, strength: f64) -> Outcome<Eager<f64>> {
    let width = x.shape()[1];
    let diagonal = Tensor::from_fn([width, width], |i| if i[0] == i[1] { strength } else { 0.0 })?;
    let (mean, turned) = (y.mean_keep(&[0]), x.transpose(0, 1));
    let weights = (turned.matmul(x) + x.lift(diagonal)).solve(turned.matmul(y.clone() - mean.clone()));
    Ok(asked.matmul(weights) + mean)
}

/// The numbers of a tensor.
pub fn numbers(x: &Eager) -> Outcome<Vec<f64>> {
    Ok(x.tensor()?.to_vec().into_iter().map(f64::from).collect())
}
