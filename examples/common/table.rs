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
