//! Least-norm points of hulls and projections on cones by trying every support, in about 31 decimal digits.

/// An unevaluated sum of two `f64`, the second below half a unit in the last place of the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Double(f64, f64);

impl Double {
    pub(crate) fn new(x: f64) -> Self {
        Self(x, 0.0)
    }

    pub(crate) fn value(self) -> f64 {
        self.0 + self.1
    }

    fn sum_of(a: f64, b: f64) -> Self {
        let s = a + b;
        let t = s - a;
        Self(s, (a - (s - t)) + (b - t))
    }

    pub(crate) fn add(self, other: Self) -> Self {
        let s = Self::sum_of(self.0, other.0);
        let t = Self::sum_of(self.1, other.1);
        let s = Self::sum_of(s.0, s.1 + t.0);
        Self::sum_of(s.0, s.1 + t.1)
    }

    pub(crate) fn sub(self, other: Self) -> Self {
        self.add(Self(-other.0, -other.1))
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        let p = self.0 * other.0;
        let rest = self.0.mul_add(other.0, -p) + self.0 * other.1 + self.1 * other.0;
        Self::sum_of(p, rest)
    }

    pub(crate) fn div(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self.sub(other.mul(Self::new(first)));
        let second = rest.0 / other.0;
        let rest = rest.sub(other.mul(Self::new(second)));
        Self::new(first).add(Self::new(second)).add(Self::new(rest.0 / other.0))
    }
}

/// `wᵀ G w`.
pub(crate) fn quadratic(products: &[f64], weights: &[Double]) -> Double {
    let tasks = weights.len();
    let mut sum = Double::new(0.0);
    for i in 0..tasks {
        for j in 0..tasks {
            sum = sum.add(weights[i].mul(weights[j]).mul(Double::new(products[i * tasks + j])));
        }
    }
    sum
}

/// The least `wᵀ G w` over the simplex, and weights that give it. Every support is tried on which the rows are
/// affinely independent: the least-norm point of the affine hull of its rows counts if its weights are not negative.
/// By Carathéodory the least-norm point of the hull is one of these.
pub(crate) fn least(products: &[f64], tasks: usize) -> (f64, Vec<f64>) {
    let mut best = (f64::INFINITY, Vec::new());
    for support in 1u32..1 << tasks {
        let rows: Vec<usize> = (0..tasks).filter(|i| support >> i & 1 == 1).collect();
        let Some(solution) = affine(products, tasks, &rows) else { continue };
        if solution.iter().any(|w| w.value() < 0.0) {
            continue;
        }
        let mut weights = vec![Double::new(0.0); tasks];
        for (&row, &weight) in rows.iter().zip(&solution) {
            weights[row] = weight;
        }
        let value = quadratic(products, &weights).value();
        if value < best.0 {
            best = (value, weights.iter().map(|w| w.value()).collect());
        }
    }
    best
}

/// Solves `[G 1; 1ᵀ 0] [w; -λ] = [0; 1]` on some rows by elimination with full pivoting, after scaling each row and
/// column of G to a unit diagonal.
fn affine(products: &[f64], tasks: usize, rows: &[usize]) -> Option<Vec<Double>> {
    let size = rows.len() + 1;
    let norm = |i: usize| products[rows[i] * tasks + rows[i]].sqrt();
    if rows.iter().any(|&r| products[r * tasks + r] == 0.0) {
        return (rows.len() == 1).then(|| vec![Double::new(1.0)]);
    }
    let shortest = (0..rows.len()).map(norm).fold(f64::INFINITY, f64::min);
    let scale = |i: usize| Double::new(if i + 1 < size { 1.0 / norm(i) } else { 1.0 / shortest });
    let mut matrix = vec![vec![Double::new(0.0); size + 1]; size];
    for i in 0..size {
        for j in 0..size {
            let entry = match (i + 1 == size, j + 1 == size) {
                (false, false) => Double::new(products[rows[i] * tasks + rows[j]]),
                (true, true) => Double::new(0.0),
                _ => Double::new(shortest * shortest),
            };
            matrix[i][j] = entry.mul(scale(i)).mul(scale(j));
        }
    }
    matrix[size - 1][size] = Double::new(shortest);
    let mut solution = eliminate(matrix)?;
    for (i, unknown) in solution.iter_mut().enumerate() {
        *unknown = unknown.mul(scale(i));
    }
    solution.truncate(rows.len());
    // The scaling of the border leaves a common factor: the weights sum to one.
    let total = solution.iter().fold(Double::new(0.0), |sum, &w| sum.add(w));
    Some(solution.iter().map(|w| w.div(total)).collect())
}

/// The least `|t + Jᵀ u|²` over `u >= 0` for `t = Jᵀ c`, and the weights `c + u` that give it: the projection of t on the
/// dual cone. Every set of independent rows is tried to which the residual may be orthogonal; the best of those with
/// `u >= 0` is the answer, as the answer is one of them.
pub(crate) fn cone(products: &[f64], target: &[f64]) -> (f64, Vec<f64>) {
    let tasks = target.len();
    let exact: Vec<Double> = target.iter().map(|&c| Double::new(c)).collect();
    let entry = |i: usize, j: usize| Double::new(products[i * tasks + j]);
    let onto = |i: usize| (0..tasks).fold(Double::new(0.0), |sum, j| sum.add(entry(i, j).mul(exact[j])));
    let mut best = (quadratic(products, &exact).value(), target.to_vec());
    'supports: for support in 1u32..1 << tasks {
        let rows: Vec<usize> = (0..tasks).filter(|i| support >> i & 1 == 1).collect();
        if rows.iter().any(|&r| products[r * tasks + r] == 0.0) {
            continue;
        }
        let scale = |i: usize| Double::new(1.0 / products[rows[i] * tasks + rows[i]].sqrt());
        let system: Vec<Vec<Double>> = (0..rows.len())
            .map(|i| {
                let left = (0..rows.len()).map(|j| entry(rows[i], rows[j]).mul(scale(i)).mul(scale(j)));
                left.chain([Double::new(0.0).sub(onto(rows[i])).mul(scale(i))]).collect()
            })
            .collect();
        let Some(solution) = eliminate(system) else { continue };
        let mut weights = exact.clone();
        for (i, (&row, &u)) in rows.iter().zip(&solution).enumerate() {
            if u.value() < 0.0 {
                continue 'supports;
            }
            weights[row] = weights[row].add(u.mul(scale(i)));
        }
        let value = quadratic(products, &weights).value();
        if value < best.0 {
            best = (value, weights.iter().map(|w| w.value()).collect());
        }
    }
    best
}

/// Solves a system given as rows with the right side behind, of a symmetric matrix with unit diagonal, by elimination
/// with full pivoting; `None` when it is singular.
fn eliminate(mut matrix: Vec<Vec<Double>>) -> Option<Vec<Double>> {
    let size = matrix.len();
    let mut column_of: Vec<usize> = (0..size).collect();
    for step in 0..size {
        let places = (step..size).flat_map(|i| (step..size).map(move |j| (i, j)));
        let magnitude = |&(i, j): &(usize, usize)| matrix[i][j].value().abs();
        let (i, j) = places.max_by(|a, b| magnitude(a).total_cmp(&magnitude(b)))?;
        if matrix[i][j].value().abs() < 1e-26 {
            return None;
        }
        matrix.swap(step, i);
        matrix.iter_mut().for_each(|row| row.swap(step, j));
        column_of.swap(step, j);
        let pivot_row = matrix[step].clone();
        for (i, row) in matrix.iter_mut().enumerate() {
            if i != step {
                let factor = row[step].div(pivot_row[step]);
                for (entry, &pivot) in row.iter_mut().zip(&pivot_row).skip(step) {
                    *entry = entry.sub(factor.mul(pivot));
                }
            }
        }
    }
    let mut solution = vec![Double::new(0.0); size];
    for step in 0..size {
        solution[column_of[step]] = matrix[step][size].div(matrix[step][step]);
    }
    Some(solution)
}
