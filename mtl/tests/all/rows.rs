//! Task gradients to test on, and what is done with them in many tests.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tress_mtl::balance::{Needs, Observation, Observes, Rows, Weighting, Weights};
use tress_mtl::solve::{CrossGramian, Gramian};

/// One row for each task.
pub(crate) type Jacobian = Vec<Vec<f64>>;

/// A source of test problems.
pub(crate) struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A whole number from `low` to `high`.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + (self.0.next_u64() % (high - low + 1) as u64) as i64
    }

    /// A number of about unit size, roughly normal: the sum of four uniform ones.
    pub(crate) fn number(&mut self) -> f64 {
        (0..4).map(|_| (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5).sum()
    }

    pub(crate) fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.number()).collect()
    }

    pub(crate) fn rows(&mut self, tasks: usize, width: usize) -> Jacobian {
        (0..tasks).map(|_| self.numbers(width)).collect()
    }

    /// Rows of whole numbers, whose products are exact; those of the same `shift` lean to one side.
    pub(crate) fn whole_rows(&mut self, tasks: usize, width: usize, shift: i64) -> Jacobian {
        let row = |draw: &mut Self| (0..width).map(|_| (draw.whole(-99, 99) + shift) as f64).collect();
        (0..tasks).map(|_| row(self)).collect()
    }

    /// Multiplies each row by a power of two between `2^-most` and `2^most`.
    pub(crate) fn spread(&mut self, rows: &mut Jacobian, most: i64) {
        for row in rows {
            let factor = 2f64.powi(self.whole(-most, most) as i32);
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }

    /// Positive losses around one.
    pub(crate) fn losses(&mut self, tasks: usize) -> Vec<f64> {
        (0..tasks).map(|_| self.number().exp()).collect()
    }
}

/// Tells a method what it asks for before a step: the products of two drawn batches, or drawn slopes.
pub(crate) fn tell_before(
    method: &mut dyn Weighting,
    tasks: usize,
    draw: &mut Draw,
) -> tress_mtl::Result<()> {
    match method.observes() {
        Observes::Products => {
            let (a, b) = (draw.rows(tasks, 70), draw.rows(tasks, 70));
            let products = CrossGramian::between(tasks, &a.concat(), &b.concat())?;
            method.observe(Observation::Products(&products))
        }
        Observes::Slopes => method.observe(Observation::Slopes(&draw.numbers(tasks))),
        Observes::Nothing | Observes::Epochs | Observes::LossesAfter | Observes::Ray => Ok(()),
    }
}

/// Tells a method what it asks for after a step: losses of nine tenths of those before it.
pub(crate) fn tell_after(method: &mut dyn Weighting, losses: &[f64]) -> tress_mtl::Result<()> {
    if method.observes() == Observes::LossesAfter {
        let after: Vec<f64> = losses.iter().map(|loss| 0.9 * loss).collect();
        method.observe(Observation::LossesAfter(&after))?;
    }
    Ok(())
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// All inner products, row by row.
pub(crate) fn products(rows: &[Vec<f64>]) -> Vec<f64> {
    rows.iter().flat_map(|a| rows.iter().map(move |b| dot(a, b))).collect()
}

pub(crate) fn gramian(rows: &[Vec<f64>]) -> Gramian {
    Gramian::from_rows(rows.len(), &rows.concat()).unwrap()
}

/// `Jᵀ w`.
pub(crate) fn along(rows: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    (0..rows[0].len()).map(|p| rows.iter().zip(weights).map(|(row, w)| row[p] * w).sum()).collect()
}

pub(crate) fn times(rows: &[Vec<f64>], factors: &[f64]) -> Jacobian {
    rows.iter().zip(factors).map(|(row, c)| row.iter().map(|x| x * c).collect()).collect()
}

/// The direction of a method, and what it answers with.
pub(crate) fn direction(
    method: &mut dyn Weighting,
    losses: &[f64],
    rows: &[Vec<f64>],
) -> tress_mtl::Result<(Vec<f64>, Weights)> {
    let jacobian = rows.concat();
    let mut direction = vec![f64::NAN; rows[0].len()];
    let weights = method.direction(losses, &mut Rows::new(rows.len(), &jacobian, &mut direction)?)?;
    Ok((direction, weights))
}

/// The weights of a method that looks at no more than the Gramian.
pub(crate) fn weights(method: &mut dyn Weighting, losses: &[f64], rows: &[Vec<f64>]) -> Vec<f64> {
    assert_ne!(method.needs(), Needs::Jacobian);
    method.weights(losses, Some(&gramian(rows))).unwrap().to_vec()
}

/// The largest difference, relative to the larger of the two vectors.
pub(crate) fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = norm(a).max(norm(b)).max(f64::MIN_POSITIVE);
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max)
}

pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{what}: {found:?} for {expected:?}");
    }
}
