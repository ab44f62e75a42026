//! The bargain of K tasks: the weights under which each task's fall is a power of its own weight.

use super::cholesky::Cholesky;
use super::{Gramian, MAX_TASKS, min_norm};
use crate::error::{Result, check_finite};

/// The weights that [`fair_share`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct FairShare {
    tasks: usize,
    weights: [f64; MAX_TASKS],
    rounds: usize,
    stationary: bool,
}

impl FairShare {
    /// The weights, all above zero but for those of zero rows, which are zero.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights[..self.tasks]
    }

    /// Newton's steps: a measure of the work.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Whether the rows have no bargain: some convex combination of them is zero, to rounding. The weights are then
    /// those of the least-norm point, and their direction is zero.
    #[must_use]
    pub fn is_stationary(&self) -> bool {
        self.stationary
    }
}

/// Solves `G w = w^(-1/a)` for `w > 0`: with `d = Jᵀ w` every task falls by `g_k · d = w_k^(-1/a)`.
///
/// For `a = 1` these are Nash's weights. The equations say that the slope of
///
/// > `½ wᵀ G w - Σ_k φ(w_k)`, `φ' = w^(-1/a)`
///
/// is zero. It is convex, strictly so even where G is singular, hence the solution is unique; it exists exactly where no
/// convex combination of the (not zero) rows is zero, that is away from Pareto-stationary points. This convex form takes
/// the place of the sequence of convex programs of A. Navon et al. 2022 and of the least squares of H. Ban and K. Ji
/// 2024.
///
/// The unknowns are `x_k = w_k |g_k|`, in which the equations are `(C x)_k = m_k x_k^(-1/a)` with C the cosines and
/// `m_k = |g_k|^(1/a - 1)` over the largest of them. Newton's steps are taken on `log x`'s scale, `p = Δx / x`, where the
/// matrix has a diagonal of about one whatever the lengths; a step is shortened while it would change some weight by
/// more than a fraction in which the slope of `φ` stays of one size.
///
/// ```
/// use tress_mtl::solve::{Gramian, fair_share};
///
/// // Orthogonal rows of lengths 2 and 5: Nash's weights are 1 / |g_k|.
/// let gramian = Gramian::new(2, &[4.0, 0.0, 0.0, 25.0])?;
/// let nash = fair_share(&gramian, 1.0)?;
/// assert!((nash.weights()[0] - 0.5).abs() < 1e-15 && (nash.weights()[1] - 0.2).abs() < 1e-15);
/// # Ok::<(), tress_mtl::Error>(())
/// ```
///
/// # Errors
/// When the matrix is no Gramian, or lengths differ so much that a weight overflows. `alpha` is taken as it is and must
/// be above zero.
pub fn fair_share(gramian: &Gramian, alpha: f64) -> Result<FairShare> {
    let tasks = gramian.tasks();
    let power = 1.0 / alpha;
    // Zero rows have no bargain to make: the others settle it among themselves.
    let mut rows = [0; MAX_TASKS];
    let mut count = 0;
    for i in (0..tasks).filter(|&i| gramian.at(i, i) > 0.0) {
        rows[count] = i;
        count += 1;
    }
    let rows = &rows[..count];
    let mut cosines = [0.0; MAX_TASKS * MAX_TASKS];
    for (i, &row) in rows.iter().enumerate() {
        for (j, &column) in rows.iter().enumerate() {
            cosines[i * count + j] = gramian.cosine(row, column);
        }
    }
    if count == 0 || min_norm(&Gramian::new(count, &cosines[..count * count])?)?.squared_norm() < STATIONARY {
        let nearest = min_norm(gramian)?;
        let mut weights = [0.0; MAX_TASKS];
        weights[..tasks].copy_from_slice(nearest.weights());
        return Ok(FairShare { tasks, weights, rounds: 0, stationary: true });
    }

    // In logarithms, since the lengths to a power may be out of range where the answer is not.
    let log_norm = |i: usize| 0.5 * libm::log(gramian.at(rows[i], rows[i]));
    let log_m = |i: usize| (power - 1.0) * log_norm(i);
    let largest = (0..count).map(log_m).fold(f64::NEG_INFINITY, f64::max);
    let mut bargain = Bargain { count, power, cosines, m: [0.0; MAX_TASKS], x: [0.0; MAX_TASKS] };
    for i in 0..count {
        bargain.m[i] = libm::exp(log_m(i) - largest);
        // The solution for orthogonal rows.
        bargain.x[i] = libm::exp((log_m(i) - largest) / (1.0 + power));
    }
    let rounds = bargain.settle();
    let mut weights = [0.0; MAX_TASKS];
    for (i, &row) in rows.iter().enumerate() {
        // C x = c m x^(-q) has the solution c^(1 / (1 + q)) times that of c = 1.
        weights[row] = libm::exp(libm::log(bargain.x[i]) + largest / (1.0 + power) - log_norm(i));
    }
    check_finite("weights", &weights[..tasks])?;
    Ok(FairShare { tasks, weights, rounds, stationary: false })
}

/// Below this squared distance of the hull of the unit rows from zero, its cosines (known to `ε`) do not tell whether
/// it contains zero.
const STATIONARY: f64 = 1e-14;

/// Relative steps beyond this are preceded by steps along the axes.
const FAR: f64 = 4.0;

/// The scaled problem `(C x)_k = m_k x_k^(-q)`.
struct Bargain {
    count: usize,
    power: f64,
    cosines: [f64; MAX_TASKS * MAX_TASKS],
    m: [f64; MAX_TASKS],
    x: [f64; MAX_TASKS],
}

impl Bargain {
    /// Newton's method until the steps are rounding; gives their number.
    fn settle(&mut self) -> usize {
        let mut previous = f64::INFINITY;
        for round in 1..=400 {
            let Some(mut step) = self.newton() else { return round };
            if step[..self.count].iter().any(|p| p.abs() > FAR) {
                // One weight that is off by orders of magnitude would hold back the steps of all others.
                self.sweep();
                let Some(next) = self.newton() else { return round };
                step = next;
            }
            let largest = step[..self.count].iter().fold(0.0, |m: f64, p| m.max(p.abs()));
            // φ' = x^(-q) changes by at most the factor e^(±1) while x changes by 1 / (1 + q) of itself.
            let bound = 1.0 / (1.0 + self.power);
            let factor =
                if largest > 0.5 * bound { self.descend(&step, bound / (bound + largest)) } else { 1.0 };
            for (x, p) in self.x.iter_mut().zip(step) {
                *x += factor * p * *x;
            }
            // Full steps are squares of those before, until they are rounding and do not shrink any more.
            if largest < 1e-4 && largest > 0.1 * previous || largest == 0.0 {
                return round;
            }
            previous = largest;
        }
        400
    }

    /// Settles one weight after the other, each with the others as they are: `x + o = m x^(-q)`. The left side grows and
    /// the right side falls, so a bracket in the logarithm closes on the one solution.
    fn sweep(&mut self) {
        for i in 0..self.count {
            let row = &self.cosines[i * self.count..][..self.count];
            let others: f64 = row.iter().zip(&self.x).map(|(c, x)| c * x).sum::<f64>() - self.x[i];
            // Where the others are out of the way, x^(1 + q) = m; where they pull back, x is at least as large as they.
            let alone = libm::log(self.m[i]) / (1.0 + self.power);
            let excess = |t: f64| libm::exp(t) + others - self.m[i] * libm::exp(-self.power * t);
            let (mut low, mut high) = (alone, alone);
            let mut reach = 1.0;
            while excess(low) > 0.0 && reach < 1e4 {
                low -= reach;
                reach *= 2.0;
            }
            reach = 1.0;
            while excess(high) < 0.0 && reach < 1e4 {
                high += reach;
                reach *= 2.0;
            }
            for _ in 0..30 {
                let middle = 0.5 * (low + high);
                if excess(middle) < 0.0 { low = middle } else { high = middle }
            }
            let settled = libm::exp(0.5 * (low + high));
            if settled > 0.0 && settled.is_finite() {
                self.x[i] = settled;
            }
        }
    }

    /// `x_i (C x)_i` and `m_i x_i^(1 - q)`, the two sides of each equation times `x_i`.
    fn sides(&self, x: &[f64], i: usize) -> (f64, f64) {
        let row = &self.cosines[i * self.count..][..self.count];
        let product: f64 = row.iter().zip(x).map(|(c, x)| c * x).sum();
        (x[i] * product, self.m[i] * libm::pow(x[i], 1.0 - self.power))
    }

    /// The relative step p of Newton: `(X C X + q diag(m x^(1-q))) p = -(x ∘ C x - m x^(1-q))`, solved with each row
    /// and column divided by the root of the diagonal.
    fn newton(&self) -> Option<[f64; MAX_TASKS]> {
        let (mut root, mut right, mut barrier) = ([0.0; MAX_TASKS], [0.0; MAX_TASKS], [0.0; MAX_TASKS]);
        for i in 0..self.count {
            let (pull, push) = self.sides(&self.x, i);
            barrier[i] = self.power * push;
            root[i] = libm::sqrt(self.x[i] * self.x[i] + barrier[i]);
            right[i] = (push - pull) / root[i];
        }
        let matrix = |i: usize, j: usize| {
            let product = self.x[i] / root[i] * self.cosines[i * self.count + j] * (self.x[j] / root[j]);
            if i == j { product + barrier[i] / (root[i] * root[i]) } else { product }
        };
        let mut step = Cholesky::new(self.count, matrix)?.solve(matrix, &right);
        step.iter_mut().zip(root).take(self.count).for_each(|(p, root)| *p /= root);
        step[..self.count].iter().all(|p| p.is_finite()).then_some(step)
    }

    /// A fraction of the step, at most `factor`, along which the objective still falls: its slope there must not have
    /// turned round. (The objective is convex along the step, so that is enough, and no difference of large numbers.)
    fn descend(&self, step: &[f64; MAX_TASKS], mut factor: f64) -> f64 {
        for _ in 0..60 {
            let mut x = self.x;
            x.iter_mut().zip(step).for_each(|(x, p)| *x += factor * p * *x);
            if x[..self.count].iter().all(|&x| x > 0.0) {
                let slope: f64 = (0..self.count)
                    .map(|i| {
                        let (pull, push) = self.sides(&x, i);
                        (pull - push) * step[i] * self.x[i] / x[i]
                    })
                    .sum();
                if slope <= 0.0 {
                    break;
                }
            }
            factor *= 0.5;
        }
        factor
    }
}
