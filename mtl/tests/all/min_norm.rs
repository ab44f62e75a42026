//! The least-norm solver against enumeration of all supports, its optimality conditions and its invariances.

use crate::oracle::{Double, least, quadratic};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tress_mtl::Error;
use tress_mtl::solve::{Gramian, MAX_TASKS, MinNorm, min_norm};

/// A source of test problems whose Gramians are exact in `f64`: rows of small whole numbers times powers of two.
struct Draw(Xoshiro256PlusPlus);

impl Draw {
    fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A whole number from `low` to `high`.
    fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + (self.0.next_u64() % (high - low + 1) as u64) as i64
    }

    /// `tasks` rows of `width` whole numbers up to 99 around `shift`.
    fn rows(&mut self, tasks: usize, width: usize, shift: i64) -> Vec<Vec<f64>> {
        let row = |draw: &mut Self| (0..width).map(|_| (draw.whole(-99, 99) + shift) as f64).collect();
        (0..tasks).map(|_| row(self)).collect()
    }

    /// Multiplies each row by a power of two between `2^-most` and `2^most`.
    fn spread(&mut self, rows: &mut [Vec<f64>], most: i64) {
        for row in rows {
            let factor = 2f64.powi(self.whole(-most, most) as i32);
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }
}

fn products(rows: &[Vec<f64>]) -> Vec<f64> {
    let product = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    rows.iter().flat_map(|a| rows.iter().map(move |b| product(a, b))).collect()
}

fn solve(products: &[f64], tasks: usize) -> MinNorm {
    min_norm(&Gramian::new(tasks, products).unwrap()).unwrap()
}

/// `Jᵀ w`.
fn direction(rows: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let width = rows[0].len();
    (0..width).map(|p| rows.iter().zip(weights).map(|(row, w)| row[p] * w).sum()).collect()
}

/// The excess of the squared norm over that of the enumeration, relative to the smallest squared norm of a row (what
/// the best single row gives), evaluated in 31 digits.
fn excess(products: &[f64], weights: &[f64]) -> f64 {
    let tasks = weights.len();
    assert!(weights.iter().all(|&w| w >= 0.0), "{weights:?}");
    let total: f64 = weights.iter().sum();
    assert!((total - 1.0).abs() < 1e-14, "the weights sum to {total}");
    let exact: Vec<Double> = weights.iter().map(|&w| Double::new(w)).collect();
    let (optimum, _) = least(products, tasks);
    let smallest = (0..tasks).map(|i| products[i * tasks + i]).fold(f64::INFINITY, f64::min);
    (quadratic(products, &exact).value() - optimum) / smallest
}

#[test]
fn as_good_as_every_support() {
    let mut draw = Draw::new(1);
    let mut worst = 0f64;
    let (mut inside, mut partial) = (0, 0);
    for case in 0..900 {
        let tasks = draw.whole(1, 8) as usize;
        // Full rank, deficient rank, and rows that mostly agree; equal scales and scales 1e-6 to 1e6 apart.
        let width = if case % 3 == 0 { draw.whole(1, tasks as i64) } else { draw.whole(8, 12) } as usize;
        let shift = if case % 3 == 1 { 60 } else { 0 };
        let mut rows = draw.rows(tasks, width, shift);
        let most = [0, 10, 20][case / 3 % 3];
        draw.spread(&mut rows, most);
        let products = products(&rows);
        if (0..tasks).any(|i| products[i * tasks + i] == 0.0) {
            continue;
        }
        let nearest = solve(&products, tasks);
        let excess = excess(&products, nearest.weights());
        assert!(excess < 1e-10, "case {case}: {tasks} tasks, width {width}, scales 2^±{most}: {excess:e}");
        worst = worst.max(excess);
        inside += i32::from(least(&products, tasks).0 < 1e-12 * products[0]);
        partial += i32::from(nearest.weights().contains(&0.0));
    }
    // The cases must have been of all kinds for this to say anything.
    assert!(inside > 50 && partial > 300, "{inside} hulls with the origin, {partial} with zero weights");
    println!("largest excess {worst:e}, {inside} with the origin inside, {partial} with zero weights");
}

#[test]
fn the_weights_themselves_where_they_are_unique() {
    let mut draw = Draw::new(2);
    for case in 0..200 {
        let tasks = draw.whole(2, 8) as usize;
        let mut rows = draw.rows(tasks, 40, 0);
        draw.spread(&mut rows, [0, 20][case % 2]);
        let products = products(&rows);
        let (optimum, expected) = least(&products, tasks);
        let nearest = solve(&products, tasks);
        for (weight, expected) in nearest.weights().iter().zip(&expected) {
            // Relative, so that the small weights of long rows count too.
            assert!((weight - expected).abs() <= 1e-10 * expected, "case {case}: {weight} for {expected}");
        }
        assert!((nearest.squared_norm() - optimum).abs() <= 1e-10 * optimum);
    }
}

#[test]
fn nearly_parallel_and_nearly_opposed_rows() {
    let mut draw = Draw::new(3);
    for case in 0..300 {
        let tasks = draw.whole(2, 7) as usize;
        let base = draw.rows(1, 9, 0).remove(0);
        let sign = if case % 2 == 0 { 1 } else { -1 };
        let mut rows: Vec<Vec<f64>> = (0..tasks)
            .map(|k| {
                let sign = if k % 2 == 1 { sign } else { 1 } as f64;
                base.iter().map(|x| sign * x * 8192.0 + draw.whole(-3, 3) as f64).collect()
            })
            .collect();
        draw.spread(&mut rows, [0, 3][case / 2 % 2]);
        let products = products(&rows);
        let nearest = solve(&products, tasks);
        let excess = excess(&products, nearest.weights());
        assert!(excess < 1e-10, "case {case}: {tasks} tasks: {excess:e}");
    }
}

#[test]
fn conditions_of_optimality_up_to_32_tasks() {
    let mut draw = Draw::new(4);
    for case in 0..200 {
        let tasks = draw.whole(9, MAX_TASKS as i64) as usize;
        let width = draw.whole(4, 60) as usize;
        let shift = draw.whole(0, 80);
        let rows = draw.rows(tasks, width, shift);
        let products = products(&rows);
        let nearest = solve(&products, tasks);
        let d = direction(&rows, nearest.weights());
        let square: f64 = d.iter().map(|x| x * x).sum();
        let longest = (0..tasks).map(|i| products[i * tasks + i]).fold(0.0, f64::max);
        for (row, &weight) in rows.iter().zip(nearest.weights()) {
            let product: f64 = row.iter().zip(&d).map(|(g, d)| g * d).sum();
            // No row lies nearer to the origin than the plane through d, and those with weight lie on it.
            assert!(product >= square - 1e-10 * longest, "case {case}: {product} below {square}");
            if weight > 0.0 {
                assert!((product - square).abs() <= 1e-10 * longest, "case {case}: {product}, {square}");
            }
        }
        assert!(nearest.rounds() <= 4 * tasks, "case {case}: {} rounds for {tasks} tasks", nearest.rounds());
    }
}

#[test]
fn no_scale_is_special() {
    let mut draw = Draw::new(5);
    for case in 0..100 {
        let tasks = draw.whole(2, 8) as usize;
        let rows = draw.rows(tasks, 12, 20);
        let products = products(&rows);
        let nearest = solve(&products, tasks);
        for exponent in [-24, -12, -6, 6, 12, 24] {
            let factor = 10f64.powi(exponent);
            let scaled: Vec<f64> = products.iter().map(|g| g * factor).collect();
            let other = solve(&scaled, tasks);
            for (a, b) in nearest.weights().iter().zip(other.weights()) {
                assert!((a - b).abs() < 1e-12, "case {case}, 1e{exponent}: {a} and {b}");
            }
        }
        // By an even power of two nothing changes at all, even where squared norms are near the ends of f64.
        for exponent in [-900, 900] {
            let scaled: Vec<f64> = products.iter().map(|g| g * 2f64.powi(exponent)).collect();
            assert_eq!(solve(&scaled, tasks).weights(), nearest.weights());
        }
    }
}

#[test]
fn the_order_of_the_tasks_does_not_matter() {
    let mut draw = Draw::new(6);
    for case in 0..200 {
        let tasks = draw.whole(2, 8) as usize;
        let width = if case % 2 == 0 { 12 } else { 3 };
        let rows = draw.rows(tasks, width, 0);
        let turned: Vec<Vec<f64>> = (0..tasks).map(|i| rows[(i + 1) % tasks].clone()).collect();
        let here = solve(&products(&rows), tasks);
        let there = solve(&products(&turned), tasks);
        let (d, e) = (direction(&rows, here.weights()), direction(&turned, there.weights()));
        for (d, e) in d.iter().zip(&e) {
            assert!((d - e).abs() < 1e-10 * 99.0, "case {case}: {d} and {e}");
        }
        if width > tasks {
            for i in 0..tasks {
                let (a, b) = (here.weights()[(i + 1) % tasks], there.weights()[i]);
                assert!((a - b).abs() < 1e-12, "case {case}: {a} and {b}");
            }
        }
    }
}

#[test]
fn known_points() {
    // (-4, 1, 1) and (6, 1, 1).
    let nearest = solve(&[18.0, -22.0, -22.0, 38.0], 2);
    assert!((nearest.weights()[0] - 0.6).abs() < 1e-15 && (nearest.weights()[1] - 0.4).abs() < 1e-15);
    assert!((nearest.squared_norm() - 2.0).abs() < 1e-14);
    // Orthogonal rows: weights as 1 / |g|².
    let nearest = solve(&[1.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.25], 3);
    for (weight, expected) in nearest.weights().iter().zip([1.0 / 5.25, 0.25 / 5.25, 4.0 / 5.25]) {
        assert!((weight - expected).abs() < 1e-15);
    }
    // A row that lies behind the shortest one takes no part, and is not even tried.
    let nearest = solve(&[1.0, 2.0, 2.0, 9.0], 2);
    assert_eq!((nearest.weights(), nearest.rounds()), (&[1.0, 0.0][..], 0));
    // A row that lies in front of it by very little takes a very small part: there is no tolerance to hide in.
    let little = 2f64.powi(-40);
    let nearest = solve(&[1.0, 1.0 - little, 1.0 - little, 2.0], 2);
    assert!((nearest.weights()[1] / little - 1.0).abs() < 1e-3, "{:?}", nearest.weights());
    assert_eq!(solve(&[7.0], 1).weights(), [1.0]);
    assert_eq!(solve(&[7.0], 1).squared_norm(), 7.0);
}

#[test]
fn ties_are_decided_as_documented() {
    // Zero rows share, whatever the others are.
    let nearest = solve(&[0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0], 3);
    assert_eq!((nearest.weights(), nearest.squared_norm()), (&[0.5, 0.0, 0.5][..], 0.0));
    assert_eq!(solve(&[0.0; 16], 4).weights(), [0.25; 4]);
    // Equal rows share: here two rows (1, 0) and one (0, 1).
    let nearest = solve(&[1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3);
    assert_eq!(nearest.weights()[0], nearest.weights()[1]);
    assert!((nearest.weights()[2] - 0.5).abs() < 1e-15);
    // K equal rows: the mean.
    assert_eq!(solve(&[3.0; 25], 5).weights(), [0.2; 5]);
    // Opposed rows of lengths 1 and 3: the origin.
    let nearest = solve(&[1.0, -3.0, -3.0, 9.0], 2);
    assert_eq!((nearest.weights(), nearest.squared_norm()), (&[0.75, 0.25][..], 0.0));
}

#[test]
fn extreme_ratios_stay_finite() {
    for exponent in [100, 140, 148] {
        let (long, short) = (10f64.powi(exponent), 10f64.powi(-exponent));
        for cosine in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            // Two long rows, opposed, and a short one at some angle to both.
            let g = [
                long * long,
                -long * long,
                cosine,
                -long * long,
                long * long,
                -cosine,
                cosine,
                -cosine,
                short * short,
            ];
            let nearest = solve(&g, 3);
            assert!(nearest.weights().iter().all(|w| w.is_finite() && *w >= 0.0));
            assert!((nearest.weights().iter().sum::<f64>() - 1.0).abs() < 1e-14);
            assert!(nearest.squared_norm() <= short * short);
        }
    }
}

#[test]
fn what_is_no_gramian_is_refused_or_solved_but_never_loops() {
    // Each pair is possible, the three together are not: cosines of -0.9 all round.
    let g = [1.0, -0.9, -0.9, -0.9, 1.0, -0.9, -0.9, -0.9, 1.0];
    assert!(matches!(min_norm(&Gramian::new(3, &g).unwrap()), Err(Error::NotGramian { .. })));
    let mut draw = Draw::new(7);
    for _ in 0..300 {
        let tasks = draw.whole(3, MAX_TASKS as i64) as usize;
        let mut g = vec![1.0; tasks * tasks];
        for i in 0..tasks {
            for j in 0..i {
                let cosine = draw.whole(-100, 100) as f64 / 100.0;
                g[i * tasks + j] = cosine;
                g[j * tasks + i] = cosine;
            }
        }
        if let Ok(nearest) = min_norm(&Gramian::new(tasks, &g).unwrap()) {
            assert!(nearest.weights().iter().all(|w| w.is_finite() && *w >= 0.0));
        }
    }
}
