//! The nearest direction that conflicts with no task: projection on the dual cone of the rows.
//!
//! The cone is `{x : J x >= 0}`. The projection of `t = Jᵀ c` on it is `d = Jᵀ v` with `v = c + u`, where `u >= 0`
//! minimises `|t + Jᵀ u|²` (the cone's polar is what the rows span with negative factors, and what is taken away from t
//! is its projection on that: J.-J. Moreau 1962). That is least squares with non-negative unknowns, solved by the
//! finite active-set method of C. Lawson and R. Hanson, "Solving least squares problems", 1974, chapter 23, on inner
//! products: rows that conflict with the present d enter one at a time, the worst first; d is made orthogonal to all
//! that have entered; a row whose factor would become negative leaves.
//!
//! In the unknowns `y_k = u_k |g_k| / s`, with s the largest `|c_k| |g_k|`, the problem is
//! `min ½ yᵀ C y + bᵀ y, y >= 0` with C the cosines: lengths of rows do not matter.

use super::cholesky::{Cholesky, Square};
use super::{Gramian, MAX_TASKS};
use crate::error::{Result, check_finite, check_length};

/// The projection of a combination of rows on the dual cone.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    tasks: usize,
    weights: [f64; MAX_TASKS],
    added: [f64; MAX_TASKS],
    rounds: usize,
}

impl Projection {
    /// The weights `v`, none below that of the target: the projection is `Jᵀ v`.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights[..self.tasks]
    }

    /// The multipliers `u = v - c >= 0`; `u_k > 0` only where `g_k · d = 0`.
    #[must_use]
    pub fn multipliers(&self) -> &[f64] {
        &self.added[..self.tasks]
    }

    /// How many rows entered on the way: a measure of the work.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }
}

/// Projects `Jᵀ target` on the dual cone: the weights `v >= target` that minimise `vᵀ G v`.
///
/// The point `Jᵀ v` is unique; v is where the rows it is orthogonal to are independent. Where they are not, rows enter
/// in the order of how much they conflict, the first of equals first. Zero rows keep their target.
///
/// ```
/// use tress_mtl::solve::{Gramian, dual_cone};
///
/// // The mean of (-4, 1, 1) and (6, 1, 1) conflicts with the first; without that it is (5, 10, 10) / 9.
/// let gramian = Gramian::new(2, &[18.0, -22.0, -22.0, 38.0])?;
/// let mean = dual_cone(&gramian, &[0.5, 0.5])?;
/// assert!((mean.weights()[0] - 11.0 / 18.0).abs() < 1e-15 && mean.weights()[1] == 0.5);
/// # Ok::<(), tress_mtl::Error>(())
/// ```
///
/// # Errors
/// When there are not K targets or one is not finite.
pub fn dual_cone(gramian: &Gramian, target: &[f64]) -> Result<Projection> {
    DualCone::of(gramian).project(target)
}

/// The dual cone of the rows of a Gramian, for several projections: what does not depend on the target is computed once.
pub(crate) struct DualCone {
    tasks: usize,
    cosines: Square,
    norms: [f64; MAX_TASKS],
}

impl DualCone {
    pub(crate) fn of(gramian: &Gramian) -> Self {
        let tasks = gramian.tasks();
        let mut cosines = [[0.0; MAX_TASKS]; MAX_TASKS];
        for i in 0..tasks {
            for j in 0..=i {
                cosines[i][j] = gramian.cosine(i, j);
                cosines[j][i] = cosines[i][j];
            }
        }
        let norms = core::array::from_fn(|k| if k < tasks { gramian.norm(k) } else { 0.0 });
        Self { tasks, cosines, norms }
    }

    /// As [`dual_cone`].
    pub(crate) fn project(&self, target: &[f64]) -> Result<Projection> {
        let tasks = self.tasks;
        check_length("target", tasks, target.len())?;
        check_finite("target", target)?;
        let mut weights = [0.0; MAX_TASKS];
        weights[..tasks].copy_from_slice(target);
        let mut added = [0.0; MAX_TASKS];
        let largest =
            weights.iter().zip(self.norms).fold(0.0, |most: f64, (w, norm)| most.max(w.abs() * norm));
        let mut rounds = 0;
        if largest > 0.0 {
            let found = Problem::new(self, target, largest).search();
            rounds = found.rounds;
            for (&row, &y) in found.rows[..found.size].iter().zip(&found.scaled) {
                added[row] = y * (largest / self.norms[row]);
                weights[row] += added[row];
            }
        }
        Ok(Projection { tasks, weights, added, rounds })
    }
}

/// `min ½ yᵀ C y + bᵀ y` over `y >= 0`.
struct Problem<'c> {
    tasks: usize,
    cosines: &'c Square,
    b: [f64; MAX_TASKS],
    /// The sum of the sizes of the terms of each `b`: its rounding is a few units of this.
    size: [f64; MAX_TASKS],
    /// The factor of the cosines of these rows, in this order; it is kept from one round to the next.
    factor: Cholesky,
    factored: [usize; MAX_TASKS],
}

/// The rows that have entered, their factors, and the value of the objective.
#[derive(Clone)]
struct Entered {
    size: usize,
    rows: [usize; MAX_TASKS],
    scaled: [f64; MAX_TASKS],
    value: f64,
    rounding: f64,
    rounds: usize,
}

impl<'c> Problem<'c> {
    fn new(cone: &'c DualCone, target: &[f64], largest: f64) -> Self {
        let (mut b, mut size) = ([0.0; MAX_TASKS], [0.0; MAX_TASKS]);
        for (j, &target) in target.iter().enumerate().filter(|(_, target)| **target != 0.0) {
            let scaled = target * cone.norms[j] / largest;
            // Column j is row j.
            for (i, cosine) in cone.cosines[j][..cone.tasks].iter().enumerate() {
                let term = cosine * scaled;
                b[i] += term;
                size[i] += term.abs();
            }
        }
        let (factor, factored) = (Cholesky::empty(), [0; MAX_TASKS]);
        Self { tasks: cone.tasks, cosines: &cone.cosines, b, size, factor, factored }
    }

    fn search(&mut self) -> Entered {
        let mut entered = Entered {
            size: 0,
            rows: [0; MAX_TASKS],
            scaled: [0.0; MAX_TASKS],
            value: 0.0,
            rounding: 0.0,
            rounds: 0,
        };
        let mut refused = [false; MAX_TASKS];
        let mut level = 0;
        // A round lowers the objective or refuses a row, so it ends by itself; the bound is for matrices of no rows.
        while entered.rounds < 64 * self.tasks {
            let Some(row) = self.worst(&entered, &refused) else { break };
            entered.rounds += 1;
            match self.enter(&entered, row) {
                Some(next) if next.value < entered.value => {
                    entered = next;
                    refused = [false; MAX_TASKS];
                }
                // A conflict of ε lowers the objective by ε² only, which may not show.
                Some(next) if level < 2 * self.tasks && next.value <= entered.value + next.rounding => {
                    level += 1;
                    entered = next;
                    refused = [false; MAX_TASKS];
                }
                _ => refused[row] = true,
            }
        }
        entered
    }

    /// The row that conflicts most, as an angle, if that is more than rounding.
    fn worst(&self, entered: &Entered, refused: &[bool; MAX_TASKS]) -> Option<usize> {
        let (mut worst, mut deepest) = (None, 0.0);
        for j in 0..self.tasks {
            if refused[j] || entered.rows[..entered.size].contains(&j) {
                continue;
            }
            let (mut product, mut size) = (self.b[j], self.size[j]);
            for (&i, &y) in entered.rows[..entered.size].iter().zip(&entered.scaled) {
                product += self.cosines[j][i] * y;
                size += (self.cosines[j][i] * y).abs();
            }
            if -product > 4.0 * self.tasks as f64 * f64::EPSILON * size && -product > deepest {
                (worst, deepest) = (Some(j), -product);
            }
        }
        worst
    }

    /// Lets a row in and walks to where d is orthogonal to all rows that stay. `None` when rounding leaves nothing.
    fn enter(&mut self, entered: &Entered, row: usize) -> Option<Entered> {
        let mut next = entered.clone();
        next.rows[next.size] = row;
        next.scaled[next.size] = 0.0;
        next.size += 1;
        // Each cycle but the last drops a row.
        while next.size > 0 {
            let rows = next.rows;
            let mut right = [0.0; MAX_TASKS];
            for (right, &i) in right.iter_mut().zip(&rows[..next.size]) {
                *right = -self.b[i];
            }
            if !self.factor_for(&rows[..next.size]) {
                return None;
            }
            let cosines = self.cosines;
            let solution = self.factor.solve(|i, j| cosines[rows[i]][rows[j]], &right);
            if solution[..next.size].iter().all(|&z| z > 0.0) {
                next.scaled = solution;
                (next.value, next.rounding) = self.value(&next);
                return next.value.is_finite().then_some(next);
            }
            let (mut step, mut leaving) = (f64::INFINITY, 0);
            for (i, (&z, &y)) in solution[..next.size].iter().zip(&next.scaled).enumerate() {
                if z <= 0.0 {
                    let way = if y > 0.0 { y / (y - z) } else { 0.0 };
                    if way < step {
                        (step, leaving) = (way, i);
                    }
                }
            }
            let mut kept = 0;
            for i in 0..next.size {
                let y = next.scaled[i] + step * (solution[i] - next.scaled[i]);
                if i != leaving && y > 0.0 {
                    next.rows[kept] = rows[i];
                    next.scaled[kept] = y;
                    kept += 1;
                }
            }
            next.size = kept;
        }
        None
    }

    /// Factors the cosines of some rows, from the first on that the present factor does not have; `false` where one is
    /// dependent on those before it.
    fn factor_for(&mut self, rows: &[usize]) -> bool {
        let same = self.factored[..self.factor.size()].iter().zip(rows).take_while(|(a, b)| a == b).count();
        self.factor.truncate(same);
        for (place, &row) in rows.iter().enumerate().skip(same) {
            let own = &self.cosines[row];
            if !self.factor.push(|j| own[rows[j]]) {
                return false;
            }
            self.factored[place] = row;
        }
        true
    }

    /// The objective, and how far off rounding may have put it.
    fn value(&self, entered: &Entered) -> (f64, f64) {
        let (mut sum, mut size) = (0.0, 0.0);
        for (&i, &y) in entered.rows[..entered.size].iter().zip(&entered.scaled) {
            let mut product = self.b[i];
            for (&j, &z) in entered.rows[..entered.size].iter().zip(&entered.scaled) {
                product += 0.5 * self.cosines[i][j] * z;
                size += y * z * self.cosines[i][j].abs();
            }
            sum += y * product;
            size += y * self.size[i];
        }
        (sum, 4.0 * self.tasks as f64 * f64::EPSILON * size)
    }
}
