//! The point of least norm in the convex hull of K vectors, from their Gramian alone.
//!
//! Minimises `wᵀ G w` over the simplex `w >= 0, w_0 + .. + w_{K-1} = 1` by the finite active-set method of P. Wolfe,
//! "Finding the nearest point in a polytope", Mathematical Programming 11 (1976) 128-149, carried out on inner
//! products. It keeps a corral (an affinely independent set of rows with positive weights whose hull contains the
//! least-norm point of its affine hull), lets one row enter that lies on the near side of the current point, and
//! walks back to a corral. The norm falls with each round and a corral never returns, so the method ends by itself;
//! rounding cannot make it turn round and round, because of the rounds that do not visibly lower the norm only a few
//! are accepted, and the row of one that is not stays out until another round is.
//!
//! Rows may differ in length by any factor: the work is done on cosines, in the unknowns `u_k = w_k |g_k| / m` with
//! `m` the smallest norm. The problem is then: minimise `uᵀ C u` over `u >= 0, aᵀ u = 1`, with `a_k = m / |g_k|` and C
//! the matrix of cosines, and multiplying G by any factor changes nothing but the last bits.

use super::cholesky::Cholesky;
use super::{Gramian, MAX_TASKS};
use crate::error::{Error, Result};

/// How far below zero, relative to the sizes of its terms, a squared norm may come out before the matrix is refused.
const SLACK: f64 = 1e-4;

/// The least-norm point of the convex hull of K vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct MinNorm {
    tasks: usize,
    weights: [f64; MAX_TASKS],
    squared_norm: f64,
    rounds: usize,
}

impl MinNorm {
    /// The K weights: not negative, with sum one.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights[..self.tasks]
    }

    /// The squared norm `wᵀ G w` of the point; zero when the origin lies in the hull.
    #[must_use]
    pub fn squared_norm(&self) -> f64 {
        self.squared_norm
    }

    /// How many rows entered on the way: a measure of the work, about K.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }
}

/// Finds weights `w` on the simplex that minimise `wᵀ G w = |Jᵀ w|²`. No heap, no tolerance to set, any K up to 32.
///
/// The point `Jᵀ w` is unique; the weights are when the rows on the nearest face are affinely independent. Where they
/// are not, the choice is this, and the same at every call:
///
/// * zero rows: the least norm is zero, and the zero rows share the weight equally;
/// * equal rows (`G[i][i] = G[j][j] = G[i][j]`, bit for bit) share their weight equally;
/// * opposed rows, or any set of rows whose hull contains the origin: some weights of squared norm zero (to rounding);
/// * otherwise the search starts at the shortest row, and of rows that could enter equally well the first one does.
///
/// ```
/// use tress_mtl::solve::{Gramian, min_norm};
///
/// // The rows (-4, 1, 1) and (6, 1, 1): the nearest point to the origin is (0, 1, 1).
/// let gramian = Gramian::new(2, &[18.0, -22.0, -22.0, 38.0])?;
/// let nearest = min_norm(&gramian)?;
/// assert!((nearest.weights()[0] - 0.6).abs() < 1e-12);
/// assert!((nearest.squared_norm() - 2.0).abs() < 1e-12);
/// # Ok::<(), tress_mtl::Error>(())
/// ```
///
/// # Errors
/// [`Error::NotGramian`] when some combination of the rows has a squared norm below zero by more than rounding.
pub fn min_norm(gramian: &Gramian) -> Result<MinNorm> {
    let tasks = gramian.tasks();
    let mut weights = [0.0; MAX_TASKS];

    let zeros = (0..tasks).filter(|&i| gramian.at(i, i) == 0.0).count();
    if zeros > 0 {
        for (i, weight) in weights[..tasks].iter_mut().enumerate() {
            *weight = if gramian.at(i, i) == 0.0 { 1.0 / zeros as f64 } else { 0.0 };
        }
        return Ok(MinNorm { tasks, weights, squared_norm: 0.0, rounds: 0 });
    }

    let (rows, first_of, copies) = distinct_rows(gramian);
    let mut hull = Hull::new(gramian, &rows[..first_of.count]);
    let corral = hull.search()?;

    // Back from the scaled unknowns; one more division makes the sum one to the last bit or so.
    let mut place_weights = [0.0; MAX_TASKS];
    for (&place, &u) in corral.places().iter().zip(corral.scaled()) {
        place_weights[place] = u * hull.reach[place];
    }
    let total: f64 = place_weights.iter().sum();
    for (i, weight) in weights[..tasks].iter_mut().enumerate() {
        let place = first_of.place[i];
        *weight = place_weights[place] / (total * copies[place]);
    }
    let squared_norm = corral.value.max(0.0) * hull.least_square;
    Ok(MinNorm { tasks, weights, squared_norm, rounds: hull.rounds })
}

/// Which place among the distinct rows each task has.
struct Places {
    place: [usize; MAX_TASKS],
    count: usize,
}

/// The distinct rows, the place of each task among them, and how many tasks share each place.
fn distinct_rows(gramian: &Gramian) -> ([usize; MAX_TASKS], Places, [f64; MAX_TASKS]) {
    let mut rows = [0; MAX_TASKS];
    let mut copies = [0.0; MAX_TASKS];
    let mut places = Places { place: [0; MAX_TASKS], count: 0 };
    for i in 0..gramian.tasks() {
        let square = gramian.at(i, i);
        let same = |&r: &usize| gramian.at(r, r) == square && gramian.at(r, i) == square;
        let place = rows[..places.count].iter().position(same).unwrap_or(places.count);
        if place == places.count {
            rows[place] = i;
            places.count += 1;
        }
        places.place[i] = place;
        copies[place] += 1.0;
    }
    (rows, places, copies)
}

/// The scaled problem: cosines `C`, and `reach[k] = a_k`, the smallest norm over the norm of row k, in `(0, 1]`.
struct Hull {
    count: usize,
    cosines: [[f64; MAX_TASKS]; MAX_TASKS],
    reach: [f64; MAX_TASKS],
    /// The task that each row belongs to.
    row: [usize; MAX_TASKS],
    /// The square of the smallest norm.
    least_square: f64,
    rounds: usize,
}

/// An affinely independent set of rows with positive scaled weights, the `uᵀ C u` that they give, and how far off
/// rounding may have put it.
#[derive(Clone)]
struct Corral {
    size: usize,
    place: [usize; MAX_TASKS],
    scaled: [f64; MAX_TASKS],
    value: f64,
    rounding: f64,
}

impl Corral {
    fn places(&self) -> &[usize] {
        &self.place[..self.size]
    }

    fn scaled(&self) -> &[f64] {
        &self.scaled[..self.size]
    }

    fn push(&mut self, place: usize) {
        self.place[self.size] = place;
        self.scaled[self.size] = 0.0;
        self.size += 1;
    }

    /// Drops the rows without weight, keeping the order of the others.
    fn drop_empty(&mut self) {
        let mut kept = 0;
        for i in 0..self.size {
            if self.scaled[i] > 0.0 {
                self.place[kept] = self.place[i];
                self.scaled[kept] = self.scaled[i];
                kept += 1;
            }
        }
        self.size = kept;
    }
}

impl Hull {
    fn new(gramian: &Gramian, rows: &[usize]) -> Self {
        let least_square = rows.iter().map(|&r| gramian.at(r, r)).fold(f64::INFINITY, f64::min);
        let shortest = libm::sqrt(least_square);
        let mut cosines = [[0.0; MAX_TASKS]; MAX_TASKS];
        let mut reach = [0.0; MAX_TASKS];
        let mut task = [0; MAX_TASKS];
        for (i, &row) in rows.iter().enumerate() {
            task[i] = row;
            reach[i] = shortest / gramian.norm(row);
            for (j, &column) in rows.iter().enumerate() {
                cosines[i][j] = gramian.cosine(row, column);
            }
        }
        Self { count: rows.len(), cosines, reach, row: task, least_square, rounds: 0 }
    }

    /// Wolfe's major cycles, from the shortest row on.
    fn search(&mut self) -> Result<Corral> {
        let start = (0..self.count).find(|&k| self.reach[k] == 1.0).unwrap_or(0);
        let mut corral =
            Corral { size: 0, place: [0; MAX_TASKS], scaled: [0.0; MAX_TASKS], value: 1.0, rounding: 0.0 };
        corral.push(start);
        corral.scaled[0] = 1.0;

        let mut refused = [false; MAX_TASKS];
        let mut level = 0;
        // A round either lowers the norm or refuses a row; the bound is there for matrices that are no Gramians.
        let most_rounds = 64 * self.count;
        while self.rounds < most_rounds {
            let Some(entering) = self.entering(&corral, &refused) else { break };
            self.rounds += 1;
            match self.enter(&corral, entering) {
                Some(next) if next.value < corral.value => {
                    corral = next;
                    refused = [false; MAX_TASKS];
                }
                // A row in front of the point by ε lowers the squared norm by ε² only, which may not show.
                Some(next) if level < 2 * self.count && next.value <= corral.value + next.rounding => {
                    level += 1;
                    corral = next;
                    refused = [false; MAX_TASKS];
                }
                _ => refused[entering] = true,
            }
        }
        self.check_positive(&corral)?;
        Ok(corral)
    }

    /// The row that lies farthest on the near side of the plane through the current point, as an angle, if that is
    /// more than rounding: at the optimum `(C u)_j >= value * a_j` for all j.
    fn entering(&self, corral: &Corral, refused: &[bool; MAX_TASKS]) -> Option<usize> {
        let mut best = None;
        let mut deepest = 0.0;
        for (j, &is_refused) in refused.iter().enumerate().take(self.count) {
            if is_refused || corral.places().contains(&j) {
                continue;
            }
            let (mut product, mut size) = (0.0, 0.0);
            for (&i, &u) in corral.places().iter().zip(corral.scaled()) {
                product += self.cosines[j][i] * u;
                size += (self.cosines[j][i] * u).abs();
            }
            let depth = corral.value * self.reach[j] - product;
            let rounding = 4.0 * self.count as f64 * f64::EPSILON * size;
            if depth > rounding && depth > deepest {
                deepest = depth;
                best = Some(j);
            }
        }
        best
    }

    /// Wolfe's minor cycles: lets a row in, then steps towards the least-norm point of the affine hull and drops the
    /// rows whose weight runs out, until that point lies inside. `None` when rounding leaves nothing to solve.
    fn enter(&self, corral: &Corral, entering: usize) -> Option<Corral> {
        let mut next = corral.clone();
        next.push(entering);
        // Each cycle but the last drops a row.
        while next.size > 0 {
            let target = self.affine_minimum(next.places())?;
            if target[..next.size].iter().all(|&v| v > 0.0) {
                next.scaled = target;
                let (value, size) = self.value(&next);
                next.value = value;
                next.rounding = 4.0 * self.count as f64 * f64::EPSILON * size;
                return next.value.is_finite().then_some(next);
            }
            let (mut step, mut leaving) = (f64::INFINITY, 0);
            for (i, (&v, &u)) in target.iter().zip(next.scaled()).enumerate() {
                if v <= 0.0 {
                    let way = if u > 0.0 { u / (u - v) } else { 0.0 };
                    if way < step {
                        (step, leaving) = (way, i);
                    }
                }
            }
            for (u, v) in next.scaled[..next.size].iter_mut().zip(target) {
                *u += step * (v - *u);
            }
            next.scaled[leaving] = 0.0;
            next.drop_empty();
        }
        None
    }

    /// `uᵀ C u`, and the sum of the sizes of its terms.
    fn value(&self, corral: &Corral) -> (f64, f64) {
        let (mut sum, mut size) = (0.0, 0.0);
        for (&i, &u) in corral.places().iter().zip(corral.scaled()) {
            let mut product = 0.0;
            for (&j, &v) in corral.places().iter().zip(corral.scaled()) {
                product += self.cosines[i][j] * v;
                size += u * v * self.cosines[i][j].abs();
            }
            sum += u * product;
        }
        (sum, size)
    }

    /// The minimum of `vᵀ C v` over `aᵀ v = 1` on some rows: `v` is parallel to the solution `y` of
    /// `(C + b bᵀ) y = b` with `b = a / max a`, a matrix that is positive definite exactly when the rows are affinely
    /// independent. `None` when, to rounding, they are not.
    fn affine_minimum(&self, places: &[usize]) -> Option<[f64; MAX_TASKS]> {
        let size = places.len();
        let largest = places.iter().map(|&i| self.reach[i]).fold(0.0, f64::max);
        let mut b = [0.0; MAX_TASKS];
        for (b, &i) in b.iter_mut().zip(places) {
            *b = self.reach[i] / largest;
        }
        let matrix = |i: usize, j: usize| self.cosines[places[i]][places[j]] + b[i] * b[j];

        let mut y = Cholesky::new(size, matrix)?.solve(matrix, &b);
        let total: f64 = (0..size).map(|i| self.reach[places[i]] * y[i]).sum();
        for y in &mut y[..size] {
            *y /= total;
        }
        (total > 0.0 && y.iter().all(|y| y.is_finite())).then_some(y)
    }

    /// Refuses a matrix under which the point found has a squared norm that is clearly negative.
    fn check_positive(&self, corral: &Corral) -> Result<()> {
        let (mut size, mut worst, mut at) = (0.0, 0.0, (0, 0));
        for (&i, &u) in corral.places().iter().zip(corral.scaled()) {
            for (&j, &v) in corral.places().iter().zip(corral.scaled()) {
                let term = u * v * self.cosines[i][j];
                size += term.abs();
                if term < worst {
                    (worst, at) = (term, (self.row[i], self.row[j]));
                }
            }
        }
        if corral.value < -SLACK * size { Err(Error::NotGramian { row: at.0, column: at.1 }) } else { Ok(()) }
    }
}

/// Moves K numbers to the nearest point of the simplex: `argmin |x - w|²` over `w >= 0`, sum one.
///
/// That point is `max(x_k - t, 0)` with the one t that makes the sum one; it is found by sorting, as J. Duchi et al.,
/// "Efficient projections onto the l1-ball for learning in high dimensions", ICML 2008, Figure 1. Numbers that are not
/// finite give the uniform point.
///
/// ```
/// let mut x = [0.9, 0.7, -3.0];
/// tress_mtl::solve::onto_simplex(&mut x);
/// assert!(x.iter().zip([0.6, 0.4, 0.0]).all(|(x, y): (&f64, f64)| (x - y).abs() < 1e-15));
/// ```
///
/// # Panics
/// As a slice does, when there are more than 32 numbers.
pub fn onto_simplex(values: &mut [f64]) {
    let count = values.len();
    let mut sorted = [0.0; MAX_TASKS];
    sorted[..count].copy_from_slice(values);
    if !values.iter().all(|v| v.is_finite()) {
        values.fill(1.0 / count as f64);
        return;
    }
    sorted[..count].sort_unstable_by(|a, b| b.total_cmp(a));
    // Far from zero the sums would round away the differences that matter, so all is taken from the largest on.
    let largest = sorted[0];
    let (mut sum, mut shift) = (0.0, 0.0);
    for (i, &value) in sorted[..count].iter().enumerate() {
        sum += value - largest;
        let candidate = (sum - 1.0) / (i + 1) as f64;
        if value - largest > candidate {
            shift = candidate;
        }
    }
    values.iter_mut().for_each(|v| *v = (*v - largest - shift).max(0.0));
}
