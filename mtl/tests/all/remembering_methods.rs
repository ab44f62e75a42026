//! Methods that look at gradients and keep something from step to step, against their papers word for word.

use crate::gradient_methods::{LOSSES, conflict, of, simplex};
use crate::rows::{Draw, along, apart, assert_close, direction, dot, gramian, norm, weights};
use tress_mtl::Error;
use tress_mtl::balance::{
    DbMtl, ExcessMtl, GradNorm, Mgda, MoCo, MoDo, Observation, ParetoMtl, SdmGrad, Weighting,
};
use tress_mtl::solve::CrossGramian;

#[test]
fn gradnorm_descends_on_the_distance_of_the_lengths() {
    let mut draw = Draw::new(305);
    let rows = draw.rows(3, 8);
    let (first, second) = ([1.0, 2.0, 0.5], [0.8, 0.5, 0.6]);
    let mut method = GradNorm::new(3, 0.02).unwrap().alpha(0.7).unwrap();
    let w = |method: &mut GradNorm, losses: &[f64]| weights(method, losses, &rows);
    assert_eq!(w(&mut method, &first), [1.0; 3]);
    let before = w(&mut method, &second);
    assert!((before.iter().sum::<f64>() - 3.0).abs() < 1e-14);
    // The first step: all rates are one, so the targets are the mean length, and Adam's step is the rate.
    let lengths: Vec<f64> = rows.iter().map(|row| norm(row)).collect();
    let mean = lengths.iter().sum::<f64>() / 3.0;
    let moved: Vec<f64> = lengths.iter().map(|l| 1.0 - 0.02 * (l - mean).signum()).collect();
    let expected: Vec<f64> = moved.iter().map(|w| w * 3.0 / moved.iter().sum::<f64>()).collect();
    assert_close(&before, &expected, 1e-7, "the first step");
    // The second: slopes by differences of the objective with the targets held fixed, then Adam by hand.
    let rates: Vec<f64> = second.iter().zip(first).map(|(l, l0)| l / l0).collect();
    let rate_mean = rates.iter().sum::<f64>() / 3.0;
    let length = (0..3).map(|k| before[k] * lengths[k]).sum::<f64>() / 3.0;
    let targets: Vec<f64> = rates.iter().map(|r| length * (r / rate_mean).powf(0.7)).collect();
    let objective = |w: &[f64], k: usize| (w[k] * lengths[k] - targets[k]).abs();
    let next = w(&mut method, &second);
    let mut by_hand = [0.0; 3];
    for k in 0..3 {
        let at = |change: f64| {
            let mut moved = before.clone();
            moved[k] += change;
            objective(&moved, k)
        };
        let slopes = [lengths[k] * (lengths[k] - mean).signum(), (at(1e-6) - at(-1e-6)) / 2e-6];
        let (m, v) =
            (0.09 * slopes[0] + 0.1 * slopes[1], 0.000999 * slopes[0].powi(2) + 0.001 * slopes[1].powi(2));
        by_hand[k] = before[k] - 0.02 * (m / (1.0 - 0.81)) / ((v / (1.0 - 0.998001)).sqrt() + 1e-8);
    }
    let total: f64 = by_hand.iter().sum();
    assert_close(&next, &by_hand.map(|w| w * 3.0 / total), 1e-6, "the second step");
    // With α = 0 the weighted gradients end equally long.
    let mut even = GradNorm::new(3, 0.01).unwrap().alpha(0.0).unwrap();
    for _ in 0..3000 {
        w(&mut even, &second);
    }
    let ends: Vec<f64> = w(&mut even, &second).iter().zip(&lengths).map(|(w, l)| w * l).collect();
    assert!(ends.iter().all(|n| (n / ends[0] - 1.0).abs() < 0.1), "{ends:?}");
}

#[test]
fn gradnorm_goes_on_over_batches_of_loss_zero() {
    let rows = Draw::new(312).rows(2, 8);
    let mut method = GradNorm::new(2, 0.02).unwrap();
    let first = direction(&mut method, &[1.0, 0.0], &rows);
    assert!(matches!(first, Err(Error::LossRange { task: 1, range: "above 0 at the first step", .. })));
    let w = |method: &mut GradNorm, losses: &[f64]| weights(method, losses, &rows);
    w(&mut method, &[1.0, 2.0]);
    // A task that is done has the target zero: its weight falls, whatever its gradient.
    let before = w(&mut method, &[0.5, 0.0]);
    let after = w(&mut method, &[0.5, 0.0]);
    assert!(after[1] < before[1], "{before:?} {after:?}");
    // All tasks done: equal targets, as for losses that have all fallen by one factor.
    let mut twin = method.clone();
    w(&mut method, &[0.0, 0.0]);
    w(&mut twin, &[0.1, 0.2]);
    assert_eq!(method, twin);
    let refused = direction(&mut method, &[1.0, -1.0], &rows);
    assert!(matches!(refused, Err(Error::NegativeLoss { method: "gradnorm", task: 1 })));
    assert_eq!(method, twin);
}

#[test]
fn moco_is_algorithm_1_on_vectors() {
    let mut draw = Draw::new(306);
    for normalised in [false, true] {
        let mut method = MoCo::new(3).unwrap().rates([0.6, 0.3], [0.2, 0.4], 0.05).unwrap();
        if normalised {
            method = method.normalised();
        }
        let (mut y, mut lambda) = (vec![vec![0.0; 150]; 3], vec![1.0 / 3.0; 3]);
        for t in 1..=8 {
            let rows = draw.rows(3, 150);
            let losses = draw.losses(3);
            let (beta, gamma) = (0.6 / f64::from(t).powf(0.3), 0.2 / f64::from(t).powf(0.4));
            for k in 0..3 {
                let factor = if normalised { losses[k] / norm(&rows[k]) } else { 1.0 };
                y[k].iter_mut().zip(&rows[k]).for_each(|(y, g)| *y -= beta * (*y - factor * g));
            }
            let d = along(&y, &lambda);
            let moved: Vec<f64> =
                (0..3).map(|k| lambda[k] - gamma * (dot(&y[k], &d) + 0.05 * lambda[k])).collect();
            lambda = simplex(&moved);
            let (found, w) = direction(&mut method, &losses, &rows).unwrap();
            assert_close(&w, &lambda, 1e-12, &format!("weights at step {t}"));
            assert!(apart(&found, &along(&y, &lambda)) < 1e-12, "step {t}");
        }
        // The shape is that of the first step from then on, and a refusal changes nothing.
        let before = method.clone();
        assert!(matches!(
            direction(&mut method, &LOSSES[..3], &draw.rows(3, 149)),
            Err(Error::GradientWidth { expected: 150, found: 149 })
        ));
        let mut bad = draw.rows(3, 150);
        bad[1][149] = f64::NAN;
        assert!(direction(&mut method, &LOSSES[..3], &bad).is_err());
        assert_eq!(method, before);
    }
}

#[test]
fn modo_and_sdmgrad_are_their_recursions() {
    let mut draw = Draw::new(307);
    let mut modo = MoDo::new(3).unwrap().rate(0.1, 0.2).unwrap();
    let mut sdm = SdmGrad::new(3).unwrap().lambda(0.4).unwrap().descent(7, 0.3, 0.6).unwrap();
    let (mut lambda, mut w) = (vec![1.0 / 3.0; 3], vec![1.0 / 3.0; 3]);
    for step in 0..10 {
        let (a, c) = (draw.rows(3, 9), draw.rows(3, 9));
        // Two batches of one problem: alike, and not the same.
        let noise = draw.rows(3, 9);
        let b: Vec<Vec<f64>> =
            (0..3).map(|k| (0..9).map(|p| a[k][p] + 0.5 * noise[k][p]).collect()).collect();
        let cross = CrossGramian::between(3, &a.concat(), &b.concat()).unwrap();
        modo.observe(Observation::Products(&cross)).unwrap();
        sdm.observe(Observation::Products(&cross)).unwrap();
        // λ - γ (A (Bᵀ λ) + ρ λ), through the vector itself.
        let pull = along(&b, &lambda);
        let moved: Vec<f64> =
            (0..3).map(|k| lambda[k] - 0.1 * (dot(&a[k], &pull) + 0.2 * lambda[k])).collect();
        lambda = simplex(&moved);
        let (d, found) = direction(&mut modo, &LOSSES[..3], &c).unwrap();
        assert_close(&found, &lambda, 1e-12, &format!("MoDo at step {step}"));
        assert!(apart(&d, &along(&c, &lambda)) < 1e-12);

        let scale = (0..3).map(|k| dot(&a[k], &b[k]).max(0.0).sqrt()).sum::<f64>() / 3.0;
        let mut velocity = [0.0; 3];
        for _ in 0..7 {
            let pulled: Vec<f64> = w.iter().map(|w| w + 0.4 / 3.0).collect();
            let pull = along(&b, &pulled);
            for k in 0..3 {
                velocity[k] = 0.6 * velocity[k] + dot(&a[k], &pull) / (scale * scale);
                w[k] -= 0.3 * velocity[k];
            }
            w = simplex(&w);
        }
        let (d, found) = direction(&mut sdm, &LOSSES[..3], &c).unwrap();
        let pulled: Vec<f64> = w.iter().map(|w| w + 0.4 / 3.0).collect();
        assert_close(&found, &pulled, 1e-10, &format!("SDMGrad at step {step}"));
        assert!(apart(&d, &along(&c, &pulled)) < 1e-10);
    }
    // Told the same batch twice again and again, MoDo comes to MGDA's point (ρ = 0) and SDMGrad's to that of λ.
    let rows = draw.rows(3, 9);
    let same = CrossGramian::between(3, &rows.concat(), &rows.concat()).unwrap();
    let mut modo = MoDo::new(3).unwrap().rate(0.05, 0.0).unwrap();
    let mut sdm = SdmGrad::new(3).unwrap().lambda(0.0).unwrap().descent(20, 0.3, 0.5).unwrap();
    for _ in 0..4000 {
        modo.observe(Observation::Products(&same)).unwrap();
        sdm.observe(Observation::Products(&same)).unwrap();
    }
    let nearest = of(&mut Mgda, &rows);
    assert!(apart(&of(&mut modo, &rows), &nearest) < 1e-6 && apart(&of(&mut sdm, &rows), &nearest) < 1e-6);
    let before = modo.clone();
    let two = CrossGramian::new(2, &[1.0; 4]).unwrap();
    assert!(
        modo.observe(Observation::Products(&two)).is_err()
            && sdm.observe(Observation::Products(&two)).is_err()
    );
    assert_eq!(modo, before);
}

#[test]
fn excess_mtl_is_algorithm_1_on_vectors() {
    let mut draw = Draw::new(308);
    let mut method = ExcessMtl::new(3, 0.3).unwrap();
    let (mut h, mut w, mut base) = (vec![vec![0.0; 130]; 3], [1.0 / 3.0; 3], [0f64; 3]);
    for t in 0..8 {
        let mut rows = draw.rows(3, 130);
        rows[1][0] = 0.0;
        rows[1].iter_mut().for_each(|g| *g *= 1.0 + 0.3 * f64::from(t));
        for k in 0..3 {
            h[k].iter_mut().zip(&rows[k]).for_each(|(h, g)| *h += g * g);
            let terms = rows[k].iter().zip(&h[k]).filter(|(_, h)| **h > 0.0);
            let excess: f64 = terms.map(|(g, h)| g * g / h.sqrt()).sum();
            if t == 0 {
                base[k] = excess;
            }
            w[k] *= (0.3 * excess / base[k]).exp();
        }
        let total: f64 = w.iter().sum();
        w = w.map(|w| w / total);
        let (d, found) = direction(&mut method, &LOSSES[..3], &rows).unwrap();
        assert_close(&found, &w, 1e-12, &format!("weights at step {t}"));
        assert!(apart(&d, &along(&rows, &w)) < 1e-12);
    }
    assert!(w[1] > w[0], "the task whose gradients do not shrink gains: {w:?}");
    // A task without gradient at first: its first excess is the first that is there.
    let mut late = ExcessMtl::new(2, 1.0).unwrap();
    let (_, w) = direction(&mut late, &LOSSES[..2], &[vec![0.0, 0.0], vec![1.0, 1.0]]).unwrap();
    assert_close(&w, &[1.0 / (1.0 + 1f64.exp()), 1f64.exp() / (1.0 + 1f64.exp())], 1e-14, "weights");
    let (d, _) = direction(&mut late, &LOSSES[..2], &[vec![1.0, 0.0], vec![1.0, 1.0]]).unwrap();
    assert!(d.iter().all(|d| d.is_finite()));
    // A thousand steps with a large rate: nothing overflows, nothing is lost for ever.
    let mut long = ExcessMtl::new(2, 50.0).unwrap();
    for t in 0..1000 {
        let size = if t < 500 { 10.0 } else { 1e-3 };
        let rows = vec![vec![size, 0.0], vec![0.0, 1.0]];
        assert!(direction(&mut long, &LOSSES[..2], &rows).unwrap().1.iter().all(|w| w.is_finite()));
    }
}

#[test]
fn db_mtl_is_algorithm_1_on_vectors() {
    let mut draw = Draw::new(309);
    let mut method = DbMtl::new(3).unwrap().average(0.7, 0.4).unwrap();
    let mut y = vec![vec![0.0; 100]; 3];
    for t in 1..=8 {
        let (rows, losses) = (draw.rows(3, 100), draw.losses(3));
        let beta = 0.7 / f64::from(t).powf(0.4);
        for k in 0..3 {
            let slope = 1.0 / (losses[k] + 1e-8);
            y[k].iter_mut().zip(&rows[k]).for_each(|(y, g)| *y = beta * *y + (1.0 - beta) * slope * g);
        }
        let longest = y.iter().map(|y| norm(y)).fold(0.0, f64::max);
        let expected = along(&y, &y.iter().map(|y| longest / norm(y)).collect::<Vec<_>>());
        let (d, w) = direction(&mut method, &losses, &rows).unwrap();
        assert!(apart(&d, &expected) < 1e-12, "step {t}");
        assert_close(
            &w,
            &losses.iter().map(|l| 1.0 / (l + 1e-8)).collect::<Vec<_>>(),
            1e-12,
            "weights of the heads",
        );
    }
    assert!(matches!(
        direction(&mut method, &[1.0, -1.0, 1.0], &draw.rows(3, 100)),
        Err(Error::LossRange { task: 1, .. })
    ));
}

#[test]
fn pareto_mtl_enters_its_sector_and_stays() {
    // Losses ½ (θ - a)² of one parameter each for two tasks; the rays lean to one task or the other.
    let rays = [[1.0, 3.0], [1.0, 1.0], [3.0, 1.0]];
    for chosen in 0..3 {
        let mut method = ParetoMtl::new(&rays, chosen).unwrap();
        let mut theta = [1.4f64, 0.9];
        let mut entered = false;
        for _ in 0..20_000 {
            let centres = [[1.0, 0.0], [-1.0, 0.0]];
            let part = |k: usize, p: usize| theta[p] - centres[k][p];
            let losses = [0, 1].map(|k| 0.5 * (part(k, 0).powi(2) + part(k, 1).powi(2)));
            let rows: Vec<Vec<f64>> = (0..2).map(|k| vec![part(k, 0), part(k, 1)]).collect();
            let (d, w) = direction(&mut method, &losses, &rows).unwrap();
            if !method.has_entered() {
                assert!(w.iter().any(|&w| w < 0.0), "a constraint takes from one task");
            }
            entered |= method.has_entered();
            theta = [theta[0] - 1e-2 * d[0], theta[1] - 1e-2 * d[1]];
        }
        assert!(entered && theta[1].abs() < 1e-2, "ray {chosen}: {theta:?}");
        let losses = [0.5 * (theta[0] - 1.0).powi(2), 0.5 * (theta[0] + 1.0).powi(2)];
        let cosine = |ray: [f64; 2]| dot(&ray, &losses) / norm(&ray) / norm(&losses);
        let best = (0..3).max_by(|&a, &b| cosine(rays[a]).total_cmp(&cosine(rays[b]))).unwrap();
        // On the border of two sectors the other may be ahead by a step.
        assert!(
            best == chosen || cosine(rays[best]) - cosine(rays[chosen]) < 1e-2,
            "ray {chosen}: {losses:?}"
        );
    }
    // One ray has no constraint: MGDA.
    let rows = conflict();
    // A sector that is out of reach: after two epochs the tasks count all the same.
    let mut method = ParetoMtl::new(&[[1.0, 0.0], [0.0, 1.0]], 0).unwrap();
    let far = [0.1, 5.0];
    for epoch in 0..3 {
        assert_eq!(method.has_entered(), epoch >= 2);
        let weights = method.weights(&far, Some(&gramian(&rows))).unwrap();
        // At first the constraint alone, u_1 - u_0.
        assert_eq!(weights[..] == [-1.0, 1.0], epoch < 2, "{weights:?}");
        method.observe(Observation::EpochEnd).unwrap();
    }
    let saved = method.save();
    let mut other = ParetoMtl::new(&[[1.0, 0.0], [0.0, 1.0]], 0).unwrap();
    other.restore(&saved).unwrap();
    assert!(other.has_entered() && other == method);
    let mut at_once = ParetoMtl::new(&[[1.0, 0.0], [0.0, 1.0]], 0).unwrap().first_phase(0);
    assert!(at_once.weights(&far, Some(&gramian(&rows))).unwrap()[..] != [-1.0, 1.0]);
    assert_eq!(of(&mut ParetoMtl::new(&[[1.0, 1.0]], 0).unwrap(), &rows), of(&mut Mgda, &rows));
    // Inside of the sector and off its border too; at its border a row more is in the hull.
    let mut method = ParetoMtl::new(&rays, 1).unwrap();
    let inside = method.weights(&[1.0, 1.1], Some(&gramian(&rows))).unwrap();
    assert_close(&inside, &[0.6, 0.4], 1e-13, "inside");
    let outside = method.weights(&[0.1, 5.0], Some(&gramian(&rows))).unwrap();
    let d = along(&rows, &outside);
    let unit = |ray: [f64; 2]| [ray[0] / norm(&ray), ray[1] / norm(&ray)];
    let a = [unit(rays[0])[0] - unit(rays[1])[0], unit(rays[0])[1] - unit(rays[1])[1]];
    let constraint = along(&rows, &a);
    for row in [&rows[0], &rows[1], &constraint] {
        assert!(
            dot(row, &d) >= dot(&d, &d) - 1e-12 * dot(row, row),
            "the conditions of the least-norm point"
        );
    }
    for bad in [vec![vec![1.0, 1.0], vec![2.0, 2.0]], vec![vec![0.0, 0.0]], vec![vec![-1.0, 2.0]], vec![]] {
        assert!(ParetoMtl::new(&bad, 0).is_err());
    }
    assert!(ParetoMtl::new(&rays, 3).is_err());
}
