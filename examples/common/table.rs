//! Small tables, split and standardised.

use super::{Outcome, rows};
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

/// `(x' x + ridge)^-1 x' y` on the test rows, in double precision.
pub fn ridge(table: &Table, ridge: f64) -> Outcome<Eager> {
    let double = |x: &Eager| -> Outcome<Eager<f64>> {
        let numbers: Vec<f64> = x.tensor()?.to_vec().into_iter().map(f64::from).collect();
        Ok(Eager::new(Tensor::new(x.shape(), &numbers)?))
    };
    let (x, y, width) = (double(&table.inputs[0])?, double(&table.answers[0])?, table.inputs[0].shape()[1]);
    let diagonal = Tensor::from_fn([width, width], |i| if i[0] == i[1] { ridge } else { 0.0 })?;
    let (mean, turned) = (y.mean_keep(&[0]), x.transpose(0, 1));
    let weights = (turned.matmul(&x) + x.lift(diagonal)).solve(turned.matmul(y - mean.clone()));
    let found = double(&table.inputs[1])?.matmul(weights) + mean;
    let numbers: Vec<f32> = found.tensor()?.to_vec().into_iter().map(|x| x as f32).collect();
    Ok(Eager::new(Tensor::new(found.shape(), &numbers)?))
}

/// The numbers of a tensor.
pub fn numbers(x: &Eager) -> Outcome<Vec<f64>> {
    Ok(x.tensor()?.to_vec().into_iter().map(f64::from).collect())
}
