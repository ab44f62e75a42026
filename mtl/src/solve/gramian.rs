//! The Gramian `G = J Jᵀ` of K task gradients: all that most gradient balancers ever look at.

use core::fmt;

use tress_tensor::{Float, block};

use super::MAX_TASKS;
use crate::error::{Error, Result, check_length, check_tasks};

/// Entries may not be larger than this, so that no sum of products over them overflows.
const LARGEST: f64 = 1e300;

/// How far, relative to the product of the two norms, an entry may break symmetry or the inequality of Cauchy and
/// Schwarz before it is taken for a mistake: wide enough for a Gramian summed up in single precision.
const SLACK: f64 = 1e-4;

/// The K x K matrix of inner products `G[i][j] = g_i · g_j` of K task gradients, in `f64`, symmetric, without heap.
///
/// A row whose squared norm is below the smallest normal number counts as zero.
#[derive(Clone, PartialEq)]
pub struct Gramian {
    tasks: usize,
    /// The first `tasks * tasks` entries, row by row; the rest stays zero.
    entries: [f64; MAX_TASKS * MAX_TASKS],
}

impl Gramian {
    /// Takes `tasks * tasks` inner products, row by row. The two halves are averaged, so that the result is exactly
    /// symmetric.
    ///
    /// # Errors
    /// When `tasks` is not in `1..=32`, the slice has another length, an entry is not finite or above `1e300`, or the
    /// matrix cannot be a Gramian (negative diagonal, not symmetric, `|G[i][j]| > |g_i| |g_j|`, each beyond rounding).
    pub fn new(tasks: usize, products: &[f64]) -> Result<Self> {
        check_tasks(tasks)?;
        check_length("Gramian", tasks * tasks, products.len())?;
        if let Some(index) = products.iter().position(|v| !(v.is_finite() && v.abs() <= LARGEST)) {
            return Err(Error::NotFinite { what: "Gramian", index });
        }
        let mut entries = [0.0; MAX_TASKS * MAX_TASKS];
        for i in 0..tasks {
            let square = products[i * tasks + i];
            if square < 0.0 {
                return Err(Error::NotGramian { row: i, column: i });
            }
            entries[i * tasks + i] = if square < f64::MIN_POSITIVE { 0.0 } else { square };
        }
        for i in 0..tasks {
            for j in 0..i {
                let (lower, upper) = (products[i * tasks + j], products[j * tasks + i]);
                // A tiny row is judged as if it had the smallest norm that counts.
                let norm_i = libm::sqrt(products[i * tasks + i].max(f64::MIN_POSITIVE));
                let norm_j = libm::sqrt(products[j * tasks + j].max(f64::MIN_POSITIVE));
                let bound = norm_i * norm_j;
                let product = 0.5 * lower + 0.5 * upper;
                if (lower - upper).abs() > SLACK * bound || product.abs() > (1.0 + SLACK) * bound {
                    return Err(Error::NotGramian { row: i, column: j });
                }
                if entries[i * tasks + i] > 0.0 && entries[j * tasks + j] > 0.0 {
                    entries[i * tasks + j] = product;
                    entries[j * tasks + i] = product;
                }
            }
        }
        Ok(Self { tasks, entries })
    }

    /// Sums up the inner products of the `tasks` rows of a row-major Jacobian `[K, P]`, in `f64` and in a fixed order.
    ///
    /// # Errors
    /// When `tasks` is not in `1..=32`, the length is not a multiple of it, or a product is not finite.
    pub fn from_rows<T: Float>(tasks: usize, jacobian: &[T]) -> Result<Self> {
        check_tasks(tasks)?;
        check_length("Jacobian", jacobian.len() / tasks * tasks, jacobian.len())?;
        let mut products = [0.0; MAX_TASKS * MAX_TASKS];
        block::gram(jacobian, tasks, &mut products[..tasks * tasks]);
        Self::new(tasks, &products[..tasks * tasks])
    }

    /// The number of tasks K.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// The inner product `g_i · g_j`. Panics, as a slice does, when `i` or `j` is not below K.
    #[must_use]
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.row(i)[j]
    }

    /// The inner products of task `i` with all tasks. Panics, as a slice does, when `i` is not below K.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        &self.as_slice()[i * self.tasks..(i + 1) * self.tasks]
    }

    /// All K * K entries, row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.entries[..self.tasks * self.tasks]
    }

    /// The norm `|g_i|` of a task's gradient.
    #[must_use]
    pub fn norm(&self, i: usize) -> f64 {
        libm::sqrt(self.at(i, i))
    }

    /// The cosine of the angle between two task gradients, in `[-1, 1]`; zero where one of them is zero.
    #[must_use]
    pub fn cosine(&self, i: usize, j: usize) -> f64 {
        if i == j {
            return if self.at(i, i) > 0.0 { 1.0 } else { 0.0 };
        }
        let (norm_i, norm_j) = (self.norm(i), self.norm(j));
        if norm_i == 0.0 || norm_j == 0.0 {
            return 0.0;
        }
        // Dividing twice cannot overflow or underflow where the product of the norms could.
        (self.at(i, j) / norm_i / norm_j).clamp(-1.0, 1.0)
    }

    /// The number of pairs of tasks that pull against each other: `g_i · g_j < 0`, of K (K - 1) / 2 pairs.
    #[must_use]
    pub fn conflicts(&self) -> usize {
        (0..self.tasks).map(|i| self.row(i)[..i].iter().filter(|&&product| product < 0.0).count()).sum()
    }

    /// The trace: the sum of the squared norms.
    #[must_use]
    pub fn trace(&self) -> f64 {
        (0..self.tasks).map(|i| self.at(i, i)).sum()
    }

    /// The same Gramian divided by its trace, so that absolute tolerances mean something; a zero Gramian as it is.
    /// A row whose squared norm becomes smaller than the smallest normal number is zero in the result.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let trace = self.trace();
        let mut scaled = self.clone();
        if trace > 0.0 {
            for entry in &mut scaled.entries[..self.tasks * self.tasks] {
                *entry /= trace;
            }
            for i in 0..self.tasks {
                if scaled.at(i, i) < f64::MIN_POSITIVE {
                    for j in 0..self.tasks {
                        scaled.entries[i * self.tasks + j] = 0.0;
                        scaled.entries[j * self.tasks + i] = 0.0;
                    }
                }
            }
        }
        scaled
    }

    /// The Gramian of the rows `g_k + shift * m`, where `m` is a vector with the products `onto[k] = g_k · m` and the
    /// squared norm `square`. A row that cancels to rounding counts as zero.
    pub(super) fn shifted(&self, shift: f64, onto: &[f64], square: f64) -> Self {
        let own = shift * shift * square;
        let entry = |i: usize, j: usize| self.at(i, j) + shift * (onto[i] + onto[j]) + own;
        Self::judged(self.tasks, entry, |i| self.at(i, i) + 2.0 * (shift * onto[i]).abs() + own)
    }

    /// The Gramian of the rows `Jᵀ c`, one for each set of coefficients c. A row that cancels to rounding counts as zero.
    pub(crate) fn of_combinations(&self, rows: &[[f64; MAX_TASKS]]) -> Self {
        let bilinear = |a: &[f64], b: &[f64], f: &dyn Fn(f64) -> f64| -> f64 {
            let row = |k: usize| -> f64 { self.row(k).iter().zip(b).map(|(g, b)| f(g * b)).sum() };
            (0..self.tasks).map(|k| f(a[k] * row(k))).sum()
        };
        let entry = |i: usize, j: usize| bilinear(&rows[i], &rows[j], &|x| x);
        Self::judged(rows.len(), entry, |i| bilinear(&rows[i], &rows[i], &f64::abs))
    }

    /// Makes a Gramian of computed entries: rows whose square is rounding of its terms, of the given size, become zero,
    /// and products are held to what the norms allow.
    fn judged(tasks: usize, entry: impl Fn(usize, usize) -> f64, size: impl Fn(usize) -> f64) -> Self {
        let mut judged = Self { tasks, entries: [0.0; MAX_TASKS * MAX_TASKS] };
        for i in 0..tasks {
            let value = entry(i, i);
            let counts = value > 8.0 * f64::EPSILON * size(i) && value >= f64::MIN_POSITIVE;
            judged.entries[i * tasks + i] = if counts { value } else { 0.0 };
        }
        for i in 0..tasks {
            for j in 0..i {
                // Of equal rows the product is the square to the bit, as `min_norm` tells them; that of two roots is not.
                let (square, other) = (judged.at(i, i), judged.at(j, j));
                let bound = if square == other { square } else { judged.norm(i) * judged.norm(j) };
                let value = entry(i, j).clamp(-bound, bound);
                judged.entries[i * tasks + j] = value;
                judged.entries[j * tasks + i] = value;
            }
        }
        judged
    }

    /// The inner products `J d = G w` of every task gradient with the direction `d = Jᵀ w`, written over `products`.
    /// A negative one says that a small step along `-d` makes that task worse.
    ///
    /// # Errors
    /// When either slice has not K values.
    pub fn along(&self, weights: &[f64], products: &mut [f64]) -> Result<()> {
        check_length("weights", self.tasks, weights.len())?;
        check_length("products", self.tasks, products.len())?;
        for (i, product) in products.iter_mut().enumerate() {
            *product = self.row(i).iter().zip(weights).map(|(g, w)| g * w).sum();
        }
        Ok(())
    }

    /// The squared norm `|Jᵀ w|² = wᵀ G w` of the direction that the weights give; rounding below zero is cut off.
    ///
    /// # Errors
    /// When there are not K weights.
    pub fn squared_norm(&self, weights: &[f64]) -> Result<f64> {
        let mut products = [0.0; MAX_TASKS];
        self.along(weights, &mut products[..self.tasks])?;
        let sum: f64 = products.iter().zip(weights).map(|(product, weight)| product * weight).sum();
        Ok(sum.max(0.0))
    }
}

impl fmt::Debug for Gramian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.tasks).map(|i| self.row(i))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_rows_norms_cosines_and_conflicts() {
        let jacobian = [-4.0f32, 1.0, 1.0, 6.0, 1.0, 1.0, 0.0, 0.0, 0.0];
        let gramian = Gramian::from_rows(3, &jacobian).unwrap();
        assert_eq!(gramian.as_slice(), [18.0, -22.0, 0.0, -22.0, 38.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(gramian.conflicts(), 1);
        assert_eq!(gramian.norm(0), 18f64.sqrt());
        assert!((gramian.cosine(0, 1) + 22.0 / (18f64 * 38.0).sqrt()).abs() < 1e-15);
        assert_eq!((gramian.cosine(0, 2), gramian.cosine(2, 2), gramian.cosine(1, 1)), (0.0, 0.0, 1.0));
        assert_eq!(gramian.trace(), 56.0);
        assert!((gramian.normalised().trace() - 1.0).abs() < 1e-15);
        let mut along = [0.0; 3];
        gramian.along(&[0.6, 0.4, 0.0], &mut along).unwrap();
        for (product, expected) in along.iter().zip([2.0, 2.0, 0.0]) {
            assert!((product - expected).abs() < 1e-14);
        }
        assert!((gramian.squared_norm(&[0.6, 0.4, 0.0]).unwrap() - 2.0).abs() < 1e-14);
    }

    #[test]
    fn a_long_row_is_summed_whole() {
        // Lengths around the lane count; the sums are integers and therefore exact.
        for width in [0, 1, 7, 8, 9, 16, 31] {
            let jacobian: alloc::vec::Vec<f32> = (0..2 * width).map(|i| i as f32 - 5.0).collect();
            let gramian = Gramian::from_rows(2, &jacobian).unwrap();
            let expected: f64 =
                (0..width).map(|p| f64::from(jacobian[p]) * f64::from(jacobian[width + p])).sum();
            assert_eq!(gramian.at(0, 1), expected, "width {width}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(Gramian::new(0, &[]), Err(Error::TaskCount { found: 0 }));
        assert_eq!(Gramian::new(33, &[0.0; 33 * 33]), Err(Error::TaskCount { found: 33 }));
        assert_eq!(Gramian::new(2, &[1.0; 3]), Err(Error::Length { what: "Gramian", expected: 4, found: 3 }));
        for bad in [f64::NAN, f64::INFINITY, 1e301] {
            assert_eq!(
                Gramian::new(1, &[bad]),
                Err(Error::NotFinite { what: "Gramian", index: 0 }),
                "{bad} must be refused"
            );
        }
        assert_eq!(Gramian::new(1, &[-1.0]), Err(Error::NotGramian { row: 0, column: 0 }));
        // Not symmetric; larger than the norms allow; beside a zero row.
        assert_eq!(Gramian::new(2, &[1.0, 0.5, 0.4, 1.0]), Err(Error::NotGramian { row: 1, column: 0 }));
        assert_eq!(Gramian::new(2, &[1.0, 2.0, 2.0, 1.0]), Err(Error::NotGramian { row: 1, column: 0 }));
        assert_eq!(Gramian::new(2, &[0.0, 1.0, 1.0, 1.0]), Err(Error::NotGramian { row: 1, column: 0 }));
        assert_eq!(
            Gramian::from_rows(2, &[1.0f32, f32::INFINITY]),
            Err(Error::NotFinite { what: "Gramian", index: 1 })
        );
        assert!(matches!(Gramian::from_rows(2, &[1.0f32; 3]), Err(Error::Length { .. })));
    }

    #[test]
    fn a_row_too_small_to_square_counts_as_zero() {
        let gramian = Gramian::new(2, &[1e-310, 1e-160, 1e-160, 1.0]).unwrap();
        assert_eq!(gramian.as_slice(), [0.0, 0.0, 0.0, 1.0]);
    }
}
