//! Numbers of one scale, and classes as numbers.

use super::{Dataset, Train};
use crate::{Error, Labels};
use alloc::vec::Vec;
use tress_tensor::{Element, Float, Shape, Tensor};

/// Numbers shifted and scaled to mean 0 and deviation 1 along axis 1, as the **training** samples have them: column by
/// column of `[N, numbers]`, channel by channel of `[N, channels, ..]`.
///
/// ```
/// use tress_nn::data::{Dataset, Split, Standard};
/// use tress_tensor::Tensor;
///
/// let x = Tensor::new([4, 1], &[1.0f64, 3.0, 100.0, f64::NAN])?;
/// let parts = Split::new(4, &[0, 1], &[], &[2, 3])?.of(&Dataset::new().numbers("x", x)?)?;
/// let standard = Standard::fit(&parts.train, "x")?;
/// assert_eq!(standard.columns(), [(2.0, 1.0)], "the test row has no part in it");
/// let test = standard.filling().dataset(&parts.test, "x")?;
/// assert_eq!(test.tensor("x")?.to_vec(), [98.0, 0.0], "what is missing is the mean of the training part");
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    /// Mean and deviation of each column.
    columns: Vec<(f64, f64)>,
    fills: bool,
}

impl Standard {
    /// The means and deviations of a column of numbers of a data set.
    ///
    /// # Errors
    /// As [`of`](Standard::of), or there is no column of numbers of this name.
    pub fn fit<T: Float>(train: &Train<Dataset<T>>, column: &str) -> Result<Self, Error> {
        Self::measured(train.tensor(column)?)
    }

    /// The means and deviations of `[N, numbers]` or `[N, channels, ..]`; NaN counts as missing. A column that does not
    /// vary has the deviation 1.
    ///
    /// # Errors
    /// Fewer than two axes, or an infinite number.
    pub fn of<T: Float>(train: &Train<Tensor<T>>) -> Result<Self, Error> {
        Self::measured(train)
    }

    fn measured<T: Float>(numbers: &Tensor<T>) -> Result<Self, Error> {
        let (width, run) = columns_of(numbers.shape())?;
        let values = numbers.to_vec();
        if values.iter().any(|x| x.to_f64().is_infinite()) {
            return Err(Error::Wild { what: "a number of the training samples" });
        }
        let column = |c: usize| {
            let runs = || values.chunks_exact(run.max(1)).skip(c).step_by(width.max(1));
            let known = || runs().flatten().map(|x| x.to_f64()).filter(|x| !x.is_nan());
            let count = known().count();
            if count == 0 {
                return (0.0, 1.0);
            }
            let mean = known().sum::<f64>() / count as f64;
            let deviation = libm::sqrt(known().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64);
            // What rounding leaves of a constant is no variation.
            let varies = deviation > 1e-12 * mean.abs() && deviation > 0.0;
            (mean, if varies { deviation } else { 1.0 })
        };
        Ok(Self { columns: (0..width).map(column).collect(), fills: false })
    }

    /// Puts the mean of the training samples, which is 0 after scaling, where a number is missing.
    pub fn filling(self) -> Self {
        Self { fills: true, ..self }
    }

    /// Mean and deviation of each column.
    pub fn columns(&self) -> &[(f64, f64)] {
        &self.columns
    }

    /// `(x - mean) / deviation`.
    ///
    /// # Errors
    /// Numbers with another number of columns.
    pub fn apply<T: Float>(&self, numbers: &Tensor<T>) -> Result<Tensor<T>, Error> {
        let fills = self.fills;
        self.change(numbers, |x, (mean, deviation)| match fills && x.is_nan() {
            true => 0.0,
            false => (x - mean) / deviation,
        })
    }

    /// `x deviation + mean`: back to the units of the data.
    ///
    /// # Errors
    /// Numbers with another number of columns.
    pub fn invert<T: Float>(&self, numbers: &Tensor<T>) -> Result<Tensor<T>, Error> {
        self.change(numbers, |x, (mean, deviation)| x * deviation + mean)
    }

    /// A part of a data set with this column scaled.
    ///
    /// # Errors
    /// As [`apply`](Standard::apply), or there is no column of numbers of this name.
    pub fn dataset<T: Float>(&self, part: &Dataset<T>, column: &str) -> Result<Dataset<T>, Error> {
        part.clone().replaced(column, self.apply(part.tensor(column)?)?)
    }

    fn change<T: Float>(
        &self,
        numbers: &Tensor<T>,
        f: impl Fn(f64, (f64, f64)) -> f64,
    ) -> Result<Tensor<T>, Error> {
        let (width, run) = columns_of(numbers.shape())?;
        if width != self.columns.len() {
            return Err(Error::Setting {
                of: "standard",
                why: "the numbers have another number of columns than were fitted",
            });
        }
        let mut changed = numbers.contiguous();
        let columns = self.columns.iter().cycle();
        for (part, &column) in changed.make_mut().chunks_exact_mut(run.max(1)).zip(columns) {
            for x in part {
                *x = <T as Element>::from_f64(f(x.to_f64(), column));
            }
        }
        Ok(changed)
    }
}

/// The number of columns, and how many numbers of one lie side by side.
fn columns_of(shape: &Shape) -> Result<(usize, usize), Error> {
    match shape[..] {
        [_, width, ref rest @ ..] => Ok((width, rest.iter().product())),
        _ => Err(Error::Setting { of: "standard", why: "numbers are [N, numbers] or [N, channels, ..]" }),
    }
}

/// Classes as numbers: `[N, classes]`, 1 for the class of the row and 0 elsewhere. A row whose label is ignored is zeros.
///
/// # Errors
/// More numbers than a tensor can hold.
pub fn one_hot<T: Float>(labels: &Labels) -> Result<Tensor<T>, Error> {
    let mut hot = Tensor::zeros([labels.len(), labels.classes()])?;
    let rows = hot.make_mut().chunks_exact_mut(labels.classes().max(1));
    for (row, label) in rows.zip(labels.iter()) {
        if let Some(class) = label {
            row[class] = T::from_f64(1.0);
        }
    }
    Ok(hot)
}
