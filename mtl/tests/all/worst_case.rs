//! The direction that is best for the task worst off, against its dual, a search, and the tasks' symmetry.

use crate::rows::{Draw, along, apart, dot, gramian, norm};
use tress_mtl::solve::{min_norm, worst_case};

/// The gap between what the worst task gains and the dual bound, over the size of both, and whether d is in the ball.
fn gap(rows: &[Vec<f64>], c: f64) -> (f64, f64, f64) {
    let tasks = rows.len();
    let gramian = gramian(rows);
    let found = worst_case(&gramian, c).unwrap();
    let mean = along(rows, &vec![1.0 / tasks as f64; tasks]);
    let d = along(rows, found.weights());
    let pull = along(rows, found.pull());
    let radius = c * norm(&mean);
    let primal = rows.iter().map(|row| dot(row, &d)).fold(f64::INFINITY, f64::min);
    let dual = dot(&pull, &mean) + radius * norm(&pull);
    let way: Vec<f64> = d.iter().zip(&mean).map(|(d, m)| d - m).collect();
    assert!(found.pull().iter().all(|&p| p >= 0.0) && (found.pull().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    (primal, dual, norm(&way) - radius)
}

#[test]
fn the_worst_case_has_no_duality_gap() {
    let mut draw = Draw::new(108);
    let (mut worst, mut stationary) = (0f64, 0);
    for case in 0..600 {
        let tasks = draw.whole(1, 12) as usize;
        let width = if case % 3 == 0 { draw.whole(1, tasks as i64) } else { 16 } as usize;
        let mut rows = draw.whole_rows(tasks, width, if case % 3 == 1 { 30 } else { 0 });
        draw.spread(&mut rows, [0, 4, 12][case / 3 % 3]);
        let size = rows.iter().map(|row| norm(row)).fold(0.0, f64::max);
        if size == 0.0 {
            continue;
        }
        let nearest = min_norm(&gramian(&rows)).unwrap();
        let terms: f64 = nearest.weights().iter().zip(&rows).map(|(w, row)| w * w * dot(row, row)).sum();
        let is_stationary = nearest.squared_norm() < 1e-14 * terms;
        stationary += i32::from(is_stationary);
        for c in [0.1, 0.4, 0.5, 1.0, 2.0, 10.0] {
            let (primal, dual, outside) = gap(&rows, c);
            let scale = (1.0 + c) * size * size;
            assert!(
                outside <= 1e-10 * (1.0 + c) * size,
                "case {case}, c = {c}: {outside:e} outside of the ball"
            );
            assert!(dual - primal >= -1e-10 * scale, "case {case}, c = {c}: below the bound");
            // Where the hull holds zero no primal is above zero; g_p, a root of rounding, shows that less well.
            let short = (dual - primal).min(if is_stationary { (-primal).max(0.0) } else { f64::INFINITY });
            assert!(
                short <= 1e-10 * scale,
                "case {case}, c = {c}: primal {primal:e}, dual {dual:e}, size {size:e}"
            );
            worst = worst.max(short / scale);
        }
    }
    assert!(stationary > 50, "only {stationary} cases were stationary");
    println!("largest gap {worst:e}");
}

#[test]
fn the_worst_case_of_two_tasks_by_search() {
    // The dual has one unknown; it is convex, so a search by thirds finds it.
    let mut draw = Draw::new(109);
    for case in 0..200 {
        let rows = draw.rows(2, 5);
        let c = 0.2 + 0.1 * (case % 12) as f64;
        let mean = along(&rows, &[0.5, 0.5]);
        let dual = |p: f64| {
            let pull = along(&rows, &[p, 1.0 - p]);
            dot(&pull, &mean) + c * norm(&mean) * norm(&pull)
        };
        let (mut low, mut high) = (0f64, 1f64);
        for _ in 0..200 {
            let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
            if dual(a) < dual(b) { high = b } else { low = a }
        }
        let p = 0.5 * (low + high);
        let found = worst_case(&gramian(&rows), c).unwrap();
        assert!((found.pull()[0] - p).abs() < 1e-6, "case {case}: {} for {p}", found.pull()[0]);
        let pull = along(&rows, &[found.pull()[0], found.pull()[1]]);
        let expected: Vec<f64> =
            mean.iter().zip(&pull).map(|(m, g)| m + c * norm(&mean) * g / norm(&pull)).collect();
        assert!(apart(&along(&rows, found.weights()), &expected) < 1e-9, "case {case}");
    }
}

#[test]
fn the_worst_case_weighs_equal_rows_equally_where_it_may() {
    let mut draw = Draw::new(113);
    for case in 0..60 {
        let tasks = draw.whole(2, 6) as usize;
        let mut rows = draw.rows(tasks, 12);
        let stationary = case % 2 == 1;
        if stationary {
            // The last row takes back a combination of the others, so no direction lets all fall.
            rows[tasks - 1] = along(&rows[..tasks - 1], &draw.losses(tasks - 1)).iter().map(|x| -x).collect();
        }
        rows.push(rows[0].clone());
        let c = [0.4, 1.0, 3.0][case % 3];
        let found = worst_case(&gramian(&rows), c).unwrap();
        let (w, mean) = (found.weights(), 1.0 / (tasks + 1) as f64);
        let size = norm(w);
        if !stationary {
            assert!((w[0] - w[tasks]).abs() <= 1e-12 * size, "case {case}: {w:?}");
            assert!(
                (found.pull()[0] - found.pull()[tasks]).abs() <= 1e-12,
                "case {case}: {:?}",
                found.pull()
            );
        } else if c >= 3.0 {
            // The answer is a projection on the dual cone: what is added to the mean goes to the first of the two.
            assert!((w[tasks] - mean).abs() <= 1e-12 * size, "case {case}: {w:?}");
        }
        // Whose the copy is makes no difference to the direction, nor does the order.
        let d = along(&rows, w);
        rows.rotate_right(1);
        let turned = worst_case(&gramian(&rows), c).unwrap();
        let far = apart(&d, &along(&rows, turned.weights()));
        assert!(far < 1e-6 || norm(&d) < 1e-9, "case {case}: {far:e}");
    }
}
