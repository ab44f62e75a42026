//! The factor of a small positive definite matrix, which grows row by row, and solutions by it, on the stack.

use super::MAX_TASKS;

/// A square matrix with room for [`MAX_TASKS`] rows, of which a solver uses the first few.
pub(super) type Square = [[f64; MAX_TASKS]; MAX_TASKS];

/// The lower triangle L of a matrix `A = L Lᵀ`.
///
/// A row of L depends on the rows before it alone, so a matrix that has got one row more keeps the factor it has.
pub(super) struct Cholesky {
    size: usize,
    lower: Square,
}

impl Cholesky {
    /// Of a matrix without rows.
    pub(super) fn empty() -> Self {
        Self { size: 0, lower: [[0.0; MAX_TASKS]; MAX_TASKS] }
    }

    /// Factors the matrix whose entries `matrix` gives; `None` when a pivot is not above rounding, relative to the
    /// diagonal: to the precision of its entries the matrix is then not positive definite.
    pub(super) fn new(size: usize, matrix: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut factor = Self::empty();
        (0..size).all(|i| factor.push(|j| matrix(i, j))).then_some(factor)
    }

    /// With the next row of the matrix, its entries up to the diagonal; `false`, and nothing is changed, when it is
    /// dependent on those before to the precision of its entries.
    pub(super) fn push(&mut self, row: impl Fn(usize) -> f64) -> bool {
        let i = self.size;
        let (known, rest) = self.lower.split_at_mut(i);
        let own = &mut rest[0];
        let mut squares = 0.0;
        for (j, other) in known.iter().enumerate() {
            let sum: f64 = own[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            own[j] = (row(j) - sum) / other[j];
            squares += own[j] * own[j];
        }
        let pivot = row(i) - squares;
        // A pivot that is NaN is not above anything.
        if pivot > 4.0 * (i + 1) as f64 * f64::EPSILON * row(i) {
            own[i] = libm::sqrt(pivot);
            self.size += 1;
            return true;
        }
        false
    }

    /// The number of rows.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Of the first rows alone.
    pub(super) fn truncate(&mut self, size: usize) {
        self.size = self.size.min(size);
    }

    /// `A⁻¹ b` for the matrix that was factored: solved once, then polished (one step of iterative refinement).
    pub(super) fn solve(
        &self,
        matrix: impl Fn(usize, usize) -> f64,
        b: &[f64; MAX_TASKS],
    ) -> [f64; MAX_TASKS] {
        let mut y = self.back_and_forth(*b);
        let mut rest = [0.0; MAX_TASKS];
        for i in 0..self.size {
            let product: f64 = y[..self.size].iter().enumerate().map(|(j, y)| matrix(i, j) * y).sum();
            rest[i] = b[i] - product;
        }
        for (y, correction) in y.iter_mut().zip(self.back_and_forth(rest)) {
            *y += correction;
        }
        y
    }

    /// `L⁻ᵀ L⁻¹ x`.
    fn back_and_forth(&self, mut x: [f64; MAX_TASKS]) -> [f64; MAX_TASKS] {
        x[self.size..].fill(0.0);
        for i in 0..self.size {
            let known: f64 = self.lower[i][..i].iter().zip(&x).map(|(l, x)| l * x).sum();
            x[i] = (x[i] - known) / self.lower[i][i];
        }
        for i in (0..self.size).rev() {
            x[i] /= self.lower[i][i];
            // Row i of L is column i of its transpose: it takes x_i out of all unknowns above.
            let (above, own) = x.split_at_mut(i);
            above.iter_mut().zip(&self.lower[i]).for_each(|(x, l)| *x -= l * own[0]);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::{Cholesky, MAX_TASKS};

    #[test]
    fn the_second_pass_brings_solutions_closer() {
        // Whole numbers, so that the right side of a whole solution is exact.
        let (mut once, mut twice) = (0.0, 0.0);
        for case in 0..200 {
            let size = 2 + case % 8;
            let matrix = |i: usize, j: usize| match i == j {
                true => 20.0 + (i * 7 + case) as f64 % 13.0,
                false => ((i + j) * (case + 3)) as f64 % 5.0 - 2.0,
            };
            let (mut x, mut b) = ([0.0; MAX_TASKS], [0.0; MAX_TASKS]);
            (0..size).for_each(|i| x[i] = ((i * 5 + case) % 11) as f64 - 5.0);
            (0..size).for_each(|i| b[i] = (0..size).map(|j| matrix(i, j) * x[j]).sum());
            let factor = Cholesky::new(size, matrix).expect("positive definite");
            let apart = |y: [f64; MAX_TASKS]| y.iter().zip(&x).map(|(y, x)| (y - x).abs()).sum::<f64>();
            once += apart(factor.back_and_forth(b));
            twice += apart(factor.solve(matrix, &b));
        }
        assert!(once > 1e-14 && twice < 0.5 * once, "{once:e} after one pass, {twice:e} after two");
    }

    #[test]
    fn a_factor_that_grows_is_the_factor_of_the_whole() {
        let matrix = |i: usize, j: usize| if i == j { 3.0 + i as f64 } else { 1.0 / (1.0 + (i + j) as f64) };
        let mut grown = Cholesky::empty();
        assert!((0..3).all(|i| grown.push(|j| matrix(i, j))));
        grown.truncate(2);
        assert!((2..MAX_TASKS - 1).all(|i| grown.push(|j| matrix(i, j))));
        let whole = Cholesky::new(MAX_TASKS - 1, matrix).expect("positive definite");
        assert_eq!((grown.size(), grown.lower), (whole.size(), whole.lower));
        // A row that is one of those before is refused, and the rows before stay what they were.
        assert!(!grown.push(|j| matrix(1, if j + 1 < MAX_TASKS { j } else { 1 })));
        assert_eq!(
            (grown.size(), &grown.lower[..MAX_TASKS - 1]),
            (whole.size(), &whole.lower[..MAX_TASKS - 1])
        );
    }
}
