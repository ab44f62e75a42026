//! Small tables, split and standardised.

use super::{Outcome, labels, rows};
use tress::autograd::op::Index;
use tress::nn::Random;
use tress::nn::loss::{BinaryCrossEntropy, Loss, Poisson};
use tress::nn::metric::argmax;
use tress::nn::optim::Lbfgs;
use tress::prelude::*;

/// Training and test rows: inputs `[N, F]`, of mean 0 and variance 1 on the training rows, and answers `[N, K]`.
#[derive(Clone)]
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

    /// Five tables of the training rows: each holds another fifth of them out.
    pub fn folds(&self) -> Outcome<Vec<Self>> {
        let fold = |fold: usize| {
            let (held, kept): (Vec<usize>, Vec<usize>) =
                (0..self.inputs[0].shape()[0]).partition(|row| row % 5 == fold);
            let part = |all: &Eager, of: &[usize]| Outcome::Ok(Eager::new(rows(all.tensor()?, of)?));
            let parts = |all: &Eager| Outcome::Ok([part(all, &kept)?, part(all, &held)?]);
            Ok(Self { inputs: parts(&self.inputs[0])?, answers: parts(&self.answers[0])? })
        };
        (0..5).map(fold).collect()
    }

    /// The table with the first principal components of its training rows for inputs, each of variance 1.
    pub fn components(&self, count: usize) -> Outcome<Self> {
        let x = double(&self.inputs[0])?;
        let (samples, width) = (x.shape()[0], x.shape()[1]);
        let gramian = x.transpose(0, 1).matmul(&x).scale(1.0 / samples as f64).tensor()?.to_vec();
        let mut axes = eigen(gramian.chunks(width).map(<[f64]>::to_vec).collect());
        axes.sort_by(|a, b| b.0.total_cmp(&a.0));
        let axis = |i: [usize; 2]| axes[i[1]].1[i[0]] / axes[i[1]].0.max(1e-12).sqrt();
        let axes = x.lift(Tensor::from_fn([width, count.min(width)], |i| axis([i[0], i[1]]))?);
        let of = |part: &Eager| single(&double(part)?.matmul(axes.clone()));
        Ok(Self { inputs: [of(&self.inputs[0])?, of(&self.inputs[1])?], answers: self.answers.clone() })
    }

    /// Of one of the answers only.
    pub fn only(&self, answer: usize) -> Self {
        let answers = self.answers.each_ref().map(|all| all.slice(1, answer..answer + 1));
        Self { inputs: self.inputs.clone(), answers }
    }
}

/// The eigenvalues of a symmetric matrix, each with its vector, by Jacobi's rotations (Golub & Van Loan, section 8.5).
fn eigen(mut a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _sweep in 0..30 {
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            if a[p][q].abs() <= 1e-15 * (a[p][p] * a[q][q]).abs().sqrt() {
                continue;
            }
            let slope = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            let turned = |x: f64, y: f64| (cosine * (x - tangent * y), cosine * (tangent * x + y));
            for k in 0..n {
                (a[p][k], a[q][k]) = turned(a[p][k], a[q][k]);
                (vectors[p][k], vectors[q][k]) = turned(vectors[p][k], vectors[q][k]);
            }
            for row in &mut a {
                (row[p], row[q]) = turned(row[p], row[q]);
            }
        }
    }
    vectors.into_iter().enumerate().map(|(i, vector)| (a[i][i], vector)).collect()
}

/// A ridge regression on the test rows, in double precision: its strength is the best of eight on five folds of the training
/// rows, by the squared errors in units of each answer's variance.
pub fn ridge(table: &Table) -> Outcome<Eager> {
    let variance = double(&table.answers[0])?.variance(&[0], 0);
    let (folds, mut best) = (table.folds()?, (f64::INFINITY, 0.0));
    for strength in [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0] {
        let mut error = 0.0;
        for fold in &folds {
            let miss = (solved(fold, strength)? - double(&fold.answers[1])?).square() / variance.clone();
            error += miss.sum(&[0, 1]).tensor()?.to_vec().iter().sum::<f64>();
        }
        best = if error < best.0 { (error, strength) } else { best };
    }
    single(&solved(table, best.1)?)
}

/// What `(x' x + strength)^-1 x' y` of the training rows says of the test rows, with the mean of the answers as a constant.
fn solved(table: &Table, strength: f64) -> Outcome<Eager<f64>> {
    let (x, y) = (double(&table.inputs[0])?, double(&table.answers[0])?);
    let width = x.shape()[1];
    let diagonal = Tensor::from_fn([width, width], |i| if i[0] == i[1] { strength } else { 0.0 })?;
    let (mean, turned) = (y.mean_keep(&[0]), x.transpose(0, 1));
    let weights = (turned.matmul(&x) + x.lift(diagonal)).solve(turned.matmul(y.clone() - mean.clone()));
    Ok(double(&table.inputs[1])?.matmul(weights) + mean)
}

/// How a linear model of an answer is judged: by the mean loss of counts (Poisson), or of yes and no.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Counts,
    YesOrNo,
}

impl Kind {
    fn loss<V: Value>(self, said: &V, truth: &V) -> V {
        match self {
            Kind::Counts => Poisson::new().loss(said, truth),
            Kind::YesOrNo => BinaryCrossEntropy::new().loss(said, truth),
        }
    }
}

/// What a Poisson or a logistic regression says of the test rows, before its exponential or sigmoid: `[M, K]`. Each answer has
/// a model of its own, fitted by L-BFGS in double precision until it stands, with a ridge that is the best of eight on `folds`.
pub fn regression(table: &Table, folds: &[Table], kind: Kind) -> Outcome<Eager> {
    let mut said = Vec::new();
    for answer in 0..table.answers[0].shape()[1] {
        let strengths = [1.0, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6];
        let by = |table: &Table, strengths: &[f64]| {
            let ([x, asked], y) = (&table.inputs, double(&table.answers[0])?);
            let y = y.tensor()?;
            let inputs = [&double(x)?, &double(asked)?];
            fitted(inputs, 1, strengths, &|said| Ok(kind.loss(said, &said.lift(y.clone()))))
        };
        let mut losses = [0.0; 8];
        for fold in folds {
            let (fold, mut by_strength) = (fold.only(answer), losses.iter_mut());
            for said in by(&fold, &strengths)? {
                let loss = kind.loss(&said, &double(&fold.answers[1])?).item()?;
                by_strength.next().into_iter().for_each(|sum| *sum += loss);
            }
        }
        let found = by(&table.only(answer), &strengths[..=lowest(&losses)])?;
        said.push(single(found.last().ok_or("there is a strength")?)?);
    }
    Ok(said[0].concat(1, &said[1..]))
}

/// The classes that a logistic regression tells test samples, whose inputs are taken as rows of numbers: fitted in the same way, with
/// a ridge that is the best of six on every fifth training sample.
pub fn classified(inputs: [&Tensor; 2], truth: &[u32], classes: usize) -> Outcome<Vec<u32>> {
    let [known, asked] = inputs.map(|all| {
        let width = all.shape()[1..].iter().product::<usize>();
        double(&Eager::new(all.reshape([all.shape()[0], width])?))
    });
    let (known, asked, strengths) = (known?, asked?, [1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5]);
    let by = |inputs: [&Eager<f64>; 2], truth: &Labels, strengths: &[f64]| {
        fitted(inputs, classes, strengths, &|said| Ok(cross_entropy(said, truth)))
    };
    let (held, kept): (Vec<usize>, Vec<usize>) = (0..truth.len()).partition(|row| row % 5 == 4);
    let part = |of: &[usize]| -> Outcome<_> {
        let places: Vec<u32> = of.iter().map(|&row| row as u32).collect();
        Ok((known.gather(0, &Index::new(&Tensor::vector(&places))), labels(truth, of, classes)?))
    };
    let ((x, y), (held, held_truth)) = (part(&kept)?, part(&held)?);
    let losses =
        by([&x, &held], &y, &strengths)?.into_iter().map(|said| cross_entropy(&said, &held_truth).item());
    let best = lowest(&losses.collect::<Result<Vec<f64>, _>>()?);
    let all = Labels::new(truth.iter().copied(), classes)?;
    let found = by([&known, &asked], &all, &strengths[..=best])?;
    let said = found.last().ok_or("there is a strength")?.tensor()?;
    Ok(argmax(said).into_iter().map(|class| class.unwrap_or(0) as u32).collect())
}

/// The place of the lowest number.
fn lowest(losses: &[f64]) -> usize {
    (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap_or(0)
}

/// A value in double precision on a tape.
type Double<'t> = Var<'t, Eager<f64>>;

/// What a linear model with so many outputs says of the second inputs, `[M, F]`, once it is fitted on the first, for each of some
/// strengths of its ridge from strong to weak: each goes on where the one before it ended.
fn fitted(
    inputs: [&Eager<f64>; 2],
    outputs: usize,
    strengths: &[f64],
    loss: &dyn for<'t> Fn(&Double<'t>) -> Outcome<Double<'t>>,
) -> Outcome<Vec<Eager<f64>>> {
    let mut params = Params::<f64>::new(0);
    let weights = params.root().parameter("weights", [inputs[0].shape()[1], outputs], Init::Constant(0.0))?;
    let bias = params.root().parameter("bias", [outputs], Init::Constant(0.0))?;
    let (known, mut said) = (inputs[0].tensor()?, Vec::new());
    for &strength in strengths {
        let mut search = Lbfgs::new().history(20).iterations(200).tolerances(1e-6, 1e-10);
        search.step(&mut params, |params| -> Outcome<_> {
            let tape = Tape::new();
            let bound = params.on(&tape);
            let x = bound[weights].lift(known.clone());
            let loss = loss(&(x.matmul(bound[weights]) + bound[bias]))?;
            let ridge = bound[weights].square().sum_all().scale(strength);
            Ok((loss + ridge).value_and_gradient(&bound)?)
        })?;
        let bound = params.eager();
        said.push(inputs[1].matmul(bound[weights].clone()) + bound[bias].clone());
    }
    Ok(said)
}

/// Test rows from the first principal components of training rows, both `[.., F]`: what a linear model with a narrow middle gives
/// back at best. The axes by orthogonal iteration (Golub & Van Loan, section 8.2.4).
pub fn reconstructed([known, asked]: [&Tensor; 2], components: usize) -> Outcome<Tensor> {
    let (known, asked) = (double(&Eager::new(known.clone()))?, double(&Eager::new(asked.clone()))?);
    let mean = known.mean_keep(&[0]);
    let (x, width) = (known - mean.clone(), mean.shape()[1]);
    let gramian = x.transpose(0, 1).matmul(&x);
    let mut random = Random::new(1);
    let mut axes: Vec<Vec<f64>> =
        (0..components).map(|_| (0..width).map(|_| random.uniform() - 0.5).collect()).collect();
    for _iteration in 0..200 {
        let rows = gramian
            .lift(Tensor::new([components, width], &axes.concat())?)
            .matmul(&gramian)
            .tensor()?
            .to_vec();
        axes = rows.chunks(width).map(<[f64]>::to_vec).collect();
        for k in 0..components {
            let (before, axis) = axes.split_at_mut(k);
            for other in before {
                let along: f64 = other.iter().zip(&axis[0]).map(|(a, b)| a * b).sum();
                axis[0].iter_mut().zip(other).for_each(|(x, y)| *x -= along * *y);
            }
            let length = axis[0].iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-300);
            axis[0].iter_mut().for_each(|x| *x /= length);
        }
    }
    let axes = gramian.lift(Tensor::new([components, width], &axes.concat())?);
    let found = (asked - mean.clone()).matmul(axes.transpose(0, 1)).matmul(&axes) + mean;
    Ok(single(&found)?.tensor()?.clone())
}

/// The mean Poisson deviance of rates `[N, K]`, one for each answer: 2 (t ln (t / r) - t + r), where t ln t is 0 for a count
/// of 0.
pub fn deviances(rate: &Eager, count: &Eager) -> Outcome<Vec<f64>> {
    let known = count * count.maximum(count.constant(1.0)).ln();
    numbers(&(known - count * rate.ln() - count.clone() + rate.clone()).mean(&[0]).scale(2.0))
}

fn double(x: &Eager) -> Outcome<Eager<f64>> {
    Ok(Eager::new(Tensor::new(x.shape(), &numbers(x)?)?))
}

fn single(x: &Eager<f64>) -> Outcome<Eager> {
    let numbers: Vec<f32> = x.tensor()?.to_vec().into_iter().map(|x| x as f32).collect();
    Ok(Eager::new(Tensor::new(x.shape(), &numbers)?))
}

/// The numbers of a tensor.
pub fn numbers(x: &Eager) -> Outcome<Vec<f64>> {
    Ok(x.tensor()?.to_vec().into_iter().map(f64::from).collect())
}
