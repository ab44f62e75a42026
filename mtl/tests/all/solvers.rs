//! The solvers against enumeration, against other algorithms, and against the conditions that only a solution meets.
//!
//! Mistakes that were planted, each of which fails a test here, are listed in `MUTATIONS.md` beside this file.

use crate::oracle::{Double, cone, quadratic};
use crate::rows::{Draw, Jacobian, along, apart, assert_close, dot, gramian, norm, products, times};
use tress_mtl::solve::{
    CrossGramian, Eigen, Gramian, MAX_TASKS, dual_cone, fair_share, onto_simplex, worst_case,
};

fn exact(weights: &[f64]) -> Vec<Double> {
    weights.iter().map(|&w| Double::new(w)).collect()
}

/// `(G w)_i` in 31 digits.
fn onto(products: &[f64], weights: &[f64], i: usize) -> f64 {
    let terms = weights.iter().enumerate().map(|(j, &w)| (products[i * weights.len() + j], w));
    terms.fold(Double::new(0.0), |sum, (g, w)| sum.add(Double::new(g).mul(Double::new(w)))).value()
}

// ---------------------------------------------------------------------------------------------- the dual cone

#[test]
fn the_projection_is_as_good_as_every_support() {
    let mut draw = Draw::new(101);
    let (mut worst, mut margin, mut several) = (0f64, 0f64, 0);
    for case in 0..600 {
        let tasks = draw.whole(1, 8) as usize;
        let width = if case % 3 == 0 { draw.whole(1, tasks as i64) } else { draw.whole(8, 12) } as usize;
        let mut rows = draw.whole_rows(tasks, width, 0);
        draw.spread(&mut rows, [0, 10, 20][case / 3 % 3]);
        let products = products(&rows);
        let gramian = Gramian::new(tasks, &products).unwrap();
        let mut target = vec![0.0; tasks];
        // The mean, as DualProj asks, and a single row, as UPGrad does.
        if case % 2 == 0 {
            target.fill(1.0 / tasks as f64);
        } else {
            target[draw.whole(0, tasks as i64 - 1) as usize] = 1.0;
        }
        let found = dual_cone(&gramian, &target).unwrap();
        let (optimum, _) = cone(&products, &target);
        let before = quadratic(&products, &exact(&target)).value();
        if before == 0.0 {
            continue;
        }
        let value = quadratic(&products, &exact(found.weights())).value();
        worst = worst.max((value - optimum).abs() / before);
        assert!((value - optimum).abs() <= 1e-10 * before, "case {case}: {value} for {optimum}");
        for i in 0..tasks {
            let fall = onto(&products, found.weights(), i);
            let size = gramian.norm(i) * before.sqrt();
            assert!(found.weights()[i] >= target[i] && found.multipliers()[i] >= 0.0);
            assert!(fall >= -1e-12 * size.max(gramian.trace()), "case {case}: task {i} falls by {fall}");
            assert!(found.multipliers()[i] == 0.0 || fall.abs() <= 1e-10 * size, "case {case}: slackness");
            margin = margin.min(fall / size.max(f64::MIN_POSITIVE));
        }
        several += i32::from(found.multipliers().iter().filter(|&&u| u > 0.0).count() > 1);
    }
    assert!(several > 100, "only {several} cases met several rows");
    println!("excess {worst:e} of |t|², margin {margin:e} of |g| |t|, {several} cases with several rows");
}

#[test]
fn the_multipliers_themselves_where_they_are_unique() {
    let mut draw = Draw::new(102);
    for case in 0..200 {
        let tasks = draw.whole(2, 8) as usize;
        let mut rows = draw.whole_rows(tasks, 40, 0);
        draw.spread(&mut rows, [0, 20][case % 2]);
        let products = products(&rows);
        let target = vec![1.0 / tasks as f64; tasks];
        let (_, expected) = cone(&products, &target);
        let found = dual_cone(&Gramian::new(tasks, &products).unwrap(), &target).unwrap();
        for (weight, expected) in found.weights().iter().zip(&expected) {
            assert!((weight - expected).abs() <= 1e-10 * expected, "case {case}: {weight} for {expected}");
        }
    }
}

#[test]
fn nearly_parallel_and_nearly_opposed_rows_leave_hardly_a_conflict() {
    let mut draw = Draw::new(103);
    for case in 0..400 {
        let tasks = draw.whole(2, 7) as usize;
        let base = draw.numbers(9);
        let sign = if case % 2 == 0 { 1.0 } else { -1.0 };
        let apart = 10f64.powi(-(case % 12));
        let rows: Jacobian = (0..tasks)
            .map(|i| {
                let sign = if i % 2 == 0 { 1.0 } else { sign };
                base.iter().map(|b| sign * b + apart * draw.number()).collect()
            })
            .collect();
        let found = dual_cone(&gramian(&rows), &vec![1.0 / tasks as f64; tasks]).unwrap();
        let d = along(&rows, found.weights());
        let mean = along(&rows, &vec![1.0 / tasks as f64; tasks]);
        assert!(norm(&d) <= norm(&mean) * (1.0 + 1e-9), "case {case}: a projection is not longer");
        for row in &rows {
            // The Gramian cannot tell rows closer than the root of rounding.
            let allowed = norm(row) * (4e-7 * norm(&mean) + 1e-15 * norm(&base));
            assert!(dot(row, &d) >= -allowed, "case {case}: {:e}", dot(row, &d));
        }
    }
}

// ---------------------------------------------------------------------------------------------- fair shares

/// Solves `G w = w^(-1/a)` one weight at a time, each by bisection: another algorithm, which needs no derivative.
fn by_coordinates(products: &[f64], tasks: usize, alpha: f64) -> Vec<f64> {
    let mut w = vec![1.0; tasks];
    for _ in 0..4000 {
        let mut moved = 0f64;
        for i in 0..tasks {
            let others: f64 = (0..tasks).filter(|&j| j != i).map(|j| products[i * tasks + j] * w[j]).sum();
            let (mut low, mut high) = (-150f64, 150f64);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                let x = middle.exp();
                if products[i * tasks + i] * x + others < x.powf(-1.0 / alpha) {
                    low = middle
                } else {
                    high = middle
                }
            }
            let x = (0.5 * (low + high)).exp();
            moved = moved.max((x / w[i] - 1.0).abs());
            w[i] = x;
        }
        if moved < 1e-14 {
            break;
        }
    }
    w
}

#[test]
fn fair_shares_are_those_of_another_algorithm() {
    let mut draw = Draw::new(104);
    for case in 0..60 {
        let tasks = draw.whole(1, 8) as usize;
        let rows = draw.whole_rows(tasks, 24, 20);
        let products = products(&rows);
        let gramian = Gramian::new(tasks, &products).unwrap();
        for alpha in [0.5, 1.0, 2.0, 5.0] {
            let found = fair_share(&gramian, alpha).unwrap();
            let expected = by_coordinates(&products, tasks, alpha);
            assert!(!found.is_stationary());
            for (weight, expected) in found.weights().iter().zip(&expected) {
                assert!(
                    (weight / expected - 1.0).abs() < 1e-10,
                    "case {case}, a = {alpha}: {weight} for {expected}"
                );
            }
        }
    }
}

#[test]
fn fair_shares_solve_their_equations_at_any_scale() {
    let mut draw = Draw::new(105);
    let (mut worst, mut most, mut settled) = (0f64, 0, 0);
    for case in 0..600 {
        let tasks = draw.whole(1, 32) as usize;
        let width = if case % 4 == 0 { (tasks as i64 / 2).max(2) } else { 40 } as usize;
        let mut rows = draw.whole_rows(tasks, width, if case % 4 == 0 { 80 } else { 15 });
        draw.spread(&mut rows, [0, 20, 40][case % 3]);
        let products = products(&rows);
        let gramian = Gramian::new(tasks, &products).unwrap();
        for alpha in [0.3, 1.0, 3.0] {
            let found = fair_share(&gramian, alpha).unwrap();
            most = most.max(found.rounds());
            if found.is_stationary() {
                continue;
            }
            settled += 1;
            for (i, w) in found.weights().iter().enumerate() {
                // What the terms of the sum leave to rounding is allowed for.
                let size: f64 =
                    (0..tasks).map(|j| (products[i * tasks + j] * found.weights()[j]).abs()).sum();
                let wanted = w.powf(-1.0 / alpha);
                let gap = (onto(&products, found.weights(), i) - wanted).abs();
                assert!(
                    gap <= 1e-13 * size + 1e-12 * wanted,
                    "case {case}, a = {alpha}, task {i}: {gap:e} of {wanted:e}"
                );
                worst = worst.max(gap / size.max(wanted));
            }
        }
    }
    assert!(settled > 1500);
    println!("largest gap {worst:e}, at most {most} rounds, {settled} bargains");
}

#[test]
fn without_a_bargain_the_least_norm_point_is_the_answer() {
    for rows in [
        vec![vec![1.0, 2.0], vec![-2.0, -4.0]],
        vec![vec![1.0, 0.0], vec![-0.5, 0.75f64.sqrt()], vec![-0.5, -(0.75f64.sqrt())]],
        vec![vec![0.0, 0.0], vec![0.0, 0.0]],
    ] {
        let found = fair_share(&gramian(&rows), 1.0).unwrap();
        assert!(found.is_stationary());
        assert!(norm(&along(&rows, found.weights())) < 1e-7);
    }
    // A zero row takes no part.
    let found = fair_share(&gramian(&[vec![3.0, 0.0], vec![0.0, 0.0], vec![0.0, 4.0]]), 1.0).unwrap();
    assert_close(found.weights(), &[1.0 / 3.0, 0.0, 0.25], 1e-15, "weights");
}

// ---------------------------------------------------------------------------------------------- eigenvalues

#[test]
fn eigenvectors_rebuild_the_matrix() {
    let mut draw = Draw::new(106);
    for case in 0..200 {
        let tasks = draw.whole(1, 32) as usize;
        let width = if case % 2 == 0 { 40 } else { (tasks / 2).max(1) };
        let rows = draw.rows(tasks, width);
        let gramian = gramian(&rows);
        let eigen = Eigen::of_products(&gramian);
        assert_eq!(eigen.rank(), tasks.min(width), "case {case}");
        assert!(eigen.values().windows(2).all(|pair| pair[0] >= pair[1]));
        for i in 0..tasks {
            for j in 0..tasks {
                let rebuilt: f64 =
                    (0..tasks).map(|k| eigen.vector(k)[i] * eigen.values()[k] * eigen.vector(k)[j]).sum();
                assert!((rebuilt - gramian.at(i, j)).abs() < 1e-13 * gramian.trace(), "case {case}");
                let unit = f64::from(u8::from(i == j));
                assert!((dot(eigen.vector(i), eigen.vector(j)) - unit).abs() < 1e-13, "case {case}");
            }
        }
    }
}

#[test]
fn eigenvalues_that_are_known() {
    // Twos on the diagonal, minus ones beside it: 2 - 2 cos(j π / (K + 1)).
    for tasks in [1, 2, 5, 16, 32] {
        let entry = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let entries: Vec<f64> = (0..tasks * tasks).map(|n| entry(n / tasks, n % tasks)).collect();
        let eigen = Eigen::of_products(&Gramian::new(tasks, &entries).unwrap());
        for (i, value) in eigen.values().iter().enumerate() {
            let angle = (tasks - i) as f64 * std::f64::consts::PI / (tasks + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-14 * 4.0, "{tasks}: {value}");
        }
    }
    // A graded matrix: the small eigenvalue is det / trace to its last digits, 24 orders below the large one.
    for scale in [1e-12, 1.0, 1e12] {
        let (a, b, c) = (4.0, 1.0 * scale, 3.0 * scale * scale);
        let eigen = Eigen::of_products(&Gramian::new(2, &[a, b, b, c]).unwrap());
        let (mean, gap) = (0.5 * (a + c), (0.25 * (a - c) * (a - c) + b * b).sqrt());
        let large = mean + gap;
        let small = (a * c - b * b) / large;
        assert_eq!(eigen.rank(), 2);
        assert!((eigen.values()[0] / large - 1.0).abs() < 1e-14);
        assert!((eigen.values()[1] / small - 1.0).abs() < 1e-14, "{} for {small}", eigen.values()[1]);
    }
}

#[test]
fn apply_solves_and_skips_what_is_dependent() {
    let mut draw = Draw::new(107);
    for case in 0..100 {
        let tasks = draw.whole(2, 12) as usize;
        let mut rows = draw.rows(tasks, 20);
        if case % 2 == 0 {
            rows[0] = (0..20).map(|p| rows[1][p] * 2.0).collect();
        }
        let gramian = gramian(&rows);
        let eigen = Eigen::of_cosines(&gramian);
        assert_eq!(eigen.rank(), tasks - (case + 1) % 2);
        // A right side in the range: C y for some y. The solution must have the same product.
        let y = draw.numbers(tasks);
        let product = |y: &[f64]| -> Vec<f64> {
            (0..tasks).map(|i| (0..tasks).map(|j| gramian.cosine(i, j) * y[j]).sum()).collect()
        };
        let right = product(&y);
        let found = eigen.apply(&right, |value| 1.0 / value);
        assert!(apart(&product(&found[..tasks]), &right) < 1e-11, "case {case}");
        assert!(norm(&found[..tasks]) <= norm(&y) * (1.0 + 1e-11), "case {case}: least norm");
    }
    // The rank does not take a short row for a dependent one.
    let rows = vec![vec![1e-11, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1e11]];
    assert_eq!(Eigen::of_products(&gramian(&rows)).rank(), 3);
}

// ---------------------------------------------------------------------------------------------- the simplex

#[test]
fn the_nearest_point_of_the_simplex_by_every_support() {
    let mut draw = Draw::new(110);
    for case in 0..500 {
        let count = draw.whole(1, 8) as usize;
        let x: Vec<f64> = (0..count).map(|_| draw.number() * 10f64.powi(draw.whole(-3, 3) as i32)).collect();
        let mut best = (f64::INFINITY, Vec::new());
        for support in 1u32..1 << count {
            let members: Vec<usize> = (0..count).filter(|i| support >> i & 1 == 1).collect();
            let shift = (members.iter().map(|&i| x[i]).sum::<f64>() - 1.0) / members.len() as f64;
            let mut point = vec![0.0; count];
            members.iter().for_each(|&i| point[i] = x[i] - shift);
            let far: f64 = point.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum();
            if point.iter().all(|&p| p >= 0.0) && far < best.0 {
                best = (far, point);
            }
        }
        let mut found = x.clone();
        onto_simplex(&mut found);
        assert_close(&found, &best.1, 1e-12 * (1.0 + norm(&x)), &format!("case {case}"));
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    let mut far = [1e300, -1e300, 1e300];
    onto_simplex(&mut far);
    assert_eq!(far, [0.5, 0.0, 0.5]);
    let mut none = [f64::NAN, 1.0];
    onto_simplex(&mut none);
    assert_eq!(none, [0.5, 0.5]);
}

#[test]
fn products_of_two_batches_keep_their_order() {
    let cross = CrossGramian::between(2, &[1.0, 2.0, 0.0, 3.0], &[5.0, 1.0, -1.0, 4.0]).unwrap();
    assert_eq!([cross.at(0, 0), cross.at(0, 1), cross.at(1, 0), cross.at(1, 1)], [7.0, 7.0, 3.0, 12.0]);
    let mut along = [0.0; 2];
    cross.along(&[1.0, 10.0], &mut along).unwrap();
    assert_eq!(along, [77.0, 123.0]);
    assert!(
        CrossGramian::between(2, &[1.0; 4], &[1.0; 6]).is_err()
            && CrossGramian::new(2, &[f64::NAN; 4]).is_err()
    );
}

// ---------------------------------------------------------------------------------------------- all of them

#[test]
fn scaling_rows_changes_answers_by_the_scale_only() {
    let mut draw = Draw::new(111);
    for case in 0..100 {
        let tasks = draw.whole(2, 8) as usize;
        let rows = draw.rows(tasks, 24);
        let one = vec![1.0 / tasks as f64; tasks];
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            let all = times(&rows, &vec![scale; tasks]);
            let cone = |rows: &[Vec<f64>]| dual_cone(&gramian(rows), &one).unwrap().weights().to_vec();
            assert!(apart(&cone(&all), &cone(&rows)) < 1e-11, "case {case}: dual cone");
            let ball = |rows: &[Vec<f64>]| worst_case(&gramian(rows), 0.5).unwrap().weights().to_vec();
            assert!(apart(&ball(&all), &ball(&rows)) < 1e-9, "case {case}: worst case");
            // Nash's weights are those of unit rows, over the lengths: row by row.
            let factors: Vec<f64> = (0..tasks).map(|i| if i % 2 == 0 { scale } else { 1.0 }).collect();
            let nash = fair_share(&gramian(&times(&rows, &factors)), 1.0).unwrap();
            let back: Vec<f64> = nash.weights().iter().zip(&factors).map(|(w, c)| w * c).collect();
            assert!(
                apart(&back, fair_share(&gramian(&rows), 1.0).unwrap().weights()) < 1e-11,
                "case {case}: Nash"
            );
            // One row projected: its factor is that of its row, the others' are the other way round.
            let mut target = vec![0.0; tasks];
            target[0] = 1.0;
            let plain = dual_cone(&gramian(&rows), &target).unwrap();
            let scaled = dual_cone(&gramian(&times(&rows, &factors)), &target).unwrap();
            let back: Vec<f64> =
                scaled.multipliers().iter().zip(&factors).map(|(u, c)| u * c / factors[0]).collect();
            assert!(apart(&back, plain.multipliers()) < 1e-11 || norm(&back) < 1e-12, "case {case}: one row");
        }
    }
}

#[test]
fn as_many_tasks_as_there_may_be() {
    let mut draw = Draw::new(112);
    for width in [8, 31, 64] {
        let rows = draw.rows(MAX_TASKS, width);
        let gramian = gramian(&rows);
        let d = along(&rows, dual_cone(&gramian, &[1.0 / 32.0; MAX_TASKS]).unwrap().weights());
        for row in &rows {
            assert!(dot(row, &d) >= -1e-12 * gramian.trace());
        }
        assert!(fair_share(&gramian, 1.0).unwrap().weights().iter().all(|w| w.is_finite()));
        assert!(worst_case(&gramian, 0.5).unwrap().weights().iter().all(|w| w.is_finite()));
    }
    assert!(dual_cone(&Gramian::new(1, &[1.0]).unwrap(), &[f64::NAN]).is_err());
    assert!(dual_cone(&Gramian::new(1, &[1.0]).unwrap(), &[1.0, 1.0]).is_err());
}
