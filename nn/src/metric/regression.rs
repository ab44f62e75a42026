//! Metrics of numbers: absolute and squared errors, and the part of the variance that is explained.

use crate::Error;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// Errors of predicted numbers, kept in `f64`: MAE, MSE, RMSE and R2.
///
/// Numbers are `[N]`, or `[.., K]` for `K` targets. R2 is that of each target, and the mean of these.
///
/// The variance of the targets is updated and merged without cancellation (Chan, Golub & LeVeque 1983, "Algorithms for
/// computing the sample variance").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regression {
    absolute: f64,
    /// How many numbers each target has.
    count: f64,
    targets: Vec<Target>,
}

/// One target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Target {
    squared: f64,
    mean: f64,
    /// The sum of the squared distances of the numbers from their mean.
    spread: f64,
}

impl Target {
    fn r2(&self) -> f64 {
        if self.squared.is_nan() || self.spread.is_nan() {
            return f64::NAN;
        }
        match (self.spread > 0.0, self.squared > 0.0) {
            (true, _) => 1.0 - self.squared / self.spread,
            (false, false) => 1.0,
            (false, true) => 0.0,
        }
    }
}

impl Regression {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in predictions and targets of one shape; each number counts alike.
    ///
    /// # Errors
    /// Shapes that differ, or another number of targets than before; then nothing is changed.
    pub fn add<T: Float>(&mut self, predicted: &Tensor<T>, target: &Tensor<T>) -> Result<(), Error> {
        if predicted.shape() != target.shape() {
            let (left, right) = (*predicted.shape(), *target.shape());
            let why = "predictions and targets must have one shape";
            let error = tress_tensor::Error::Mismatch { op: "regression", left, right, why, lengths: None };
            return Err(Error::Tensor(error));
        }
        let width = match target.shape()[..] {
            [.., _, last] => last,
            _ => 1,
        };
        self.widen(width)?;
        let (predicted, target) = (predicted.contiguous(), target.contiguous());
        let (found, truth) =
            (predicted.as_slice().unwrap_or_default(), target.as_slice().unwrap_or_default());
        for (x, t) in found.chunks_exact(width.max(1)).zip(truth.chunks_exact(width.max(1))) {
            self.count += 1.0;
            for ((x, t), target) in x.iter().zip(t).zip(&mut self.targets) {
                let (x, t) = (x.to_f64(), t.to_f64());
                self.absolute += (x - t).abs();
                target.squared += (x - t) * (x - t);
                let step = t - target.mean;
                target.mean += step / self.count;
                target.spread += step * (t - target.mean);
            }
        }
        Ok(())
    }

    /// Takes in all that another has.
    ///
    /// # Errors
    /// It has another number of targets; then nothing is changed.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if other.count == 0.0 {
            return Ok(());
        }
        self.widen(other.targets.len())?;
        let count = self.count + other.count;
        for (target, other_target) in self.targets.iter_mut().zip(&other.targets) {
            let step = other_target.mean - target.mean;
            target.mean += step * other.count / count;
            target.spread += other_target.spread + step * step * self.count * other.count / count;
            target.squared += other_target.squared;
        }
        self.absolute += other.absolute;
        self.count = count;
        Ok(())
    }

    /// That there are so many targets, from the first number on.
    fn widen(&mut self, width: usize) -> Result<(), Error> {
        if self.count == 0.0 {
            self.targets = alloc::vec![Target::default(); width];
        }
        match self.targets.len() == width {
            true => Ok(()),
            false => {
                Err(Error::Setting { of: "regression", why: "the last axis has another length than before" })
            }
        }
    }

    /// How many numbers there were.
    fn numbers(&self) -> Option<f64> {
        let numbers = self.count * self.targets.len() as f64;
        (numbers > 0.0).then_some(numbers)
    }

    /// The mean absolute error.
    pub fn mae(&self) -> Option<f64> {
        self.numbers().map(|numbers| self.absolute / numbers)
    }

    /// The mean squared error.
    pub fn mse(&self) -> Option<f64> {
        let squared: f64 = self.targets.iter().map(|target| target.squared).sum();
        self.numbers().map(|numbers| squared / numbers)
    }

    /// The root of the mean squared error.
    pub fn rmse(&self) -> Option<f64> {
        self.mse().map(libm::sqrt)
    }

    /// R2, the coefficient of determination: one minus the squared errors over those of the mean of the target, which is
    /// averaged over the targets. Of a target whose numbers are all alike it is 1 if they were predicted exactly, and 0
    /// else; `None` of fewer than two. Where a number is NaN, so is this.
    pub fn r2(&self) -> Option<f64> {
        let each = self.r2_each()?;
        Some(each.iter().sum::<f64>() / each.len() as f64)
    }

    /// The [R2](Regression::r2) of each target.
    pub fn r2_each(&self) -> Option<Vec<f64>> {
        let some = self.count >= 2.0 && !self.targets.is_empty();
        some.then(|| self.targets.iter().map(Target::r2).collect())
    }
}
