//! Methods that weigh losses, against the objectives that they descend on and the recursions of their papers.

use crate::rows::{Draw, assert_close};
use tress_mtl::Error;
use tress_mtl::balance::{
    AutoLambda, Chebyshev, Cosmos, Dwa, Equal, Famo, Fixed, Geometric, ImtlL, Observation, Observes, Pbi,
    RandomWeights, ScaleInvariant, SmoothChebyshev, Uncertainty, Weighting,
};

const LOSSES: [f64; 4] = [0.3, 2.0, 1.0, 5.0];

/// The slopes of a function of the losses, by central differences.
fn slopes(losses: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |k: usize, change: f64| {
        let mut moved = losses.to_vec();
        moved[k] += change;
        f(&moved)
    };
    (0..losses.len()).map(|k| (at(k, 1e-5) - at(k, -1e-5)) / 2e-5).collect()
}

fn weights(method: &mut dyn Weighting, losses: &[f64]) -> Vec<f64> {
    method.weights(losses, None).unwrap().to_vec()
}

#[test]
fn the_weights_are_the_slopes_of_the_objective() {
    let mut draw = Draw::new(201);
    for _ in 0..50 {
        let losses = draw.losses(4);
        let ray: Vec<f64> = draw.losses(4);
        let unit: Vec<f64> = ray.iter().map(|r| r / ray.iter().sum::<f64>()).collect();
        let ideal = [0.1, -0.2, 0.0, 0.05];
        let check = |name: &str, method: &mut dyn Weighting, objective: &dyn Fn(&[f64]) -> f64| {
            assert_close(&weights(method, &losses), &slopes(&losses, objective), 1e-8, name);
        };
        check("scale-invariant", &mut ScaleInvariant::new(), &|l| l.iter().map(|l| (l + 1e-8).ln()).sum());
        check("geometric", &mut Geometric::new(), &|l| Geometric::objective(l).unwrap());
        let product = |l: &[f64]| l.iter().map(|l| l + 1e-8).product::<f64>().powf(0.25);
        check("geometric by its product", &mut Geometric::new(), &product);
        check("fixed", &mut Fixed::new(&ray).unwrap(), &|l| l.iter().zip(&ray).map(|(l, r)| l * r).sum());
        let smooth = |l: &[f64]| {
            let sum: f64 = (0..4).map(|k| (unit[k] * (l[k] - ideal[k]) / 0.3).exp()).sum();
            0.3 * sum.ln()
        };
        check("smooth", &mut SmoothChebyshev::new(&ray, 0.3).unwrap().ideal(&ideal).unwrap(), &smooth);
        let hard = |l: &[f64]| (0..4).map(|k| unit[k] * (l[k] - ideal[k])).fold(f64::NEG_INFINITY, f64::max);
        check("chebyshev", &mut Chebyshev::new(&ray).unwrap().ideal(&ideal).unwrap(), &hard);
        let length = unit.iter().map(|r| r * r).sum::<f64>().sqrt();
        let boundary = |l: &[f64]| {
            let above: Vec<f64> = (0..4).map(|k| l[k] - ideal[k]).collect();
            let d1: f64 = (0..4).map(|k| above[k] * unit[k] / length).sum();
            let d2 = (0..4).map(|k| (above[k] - d1 * unit[k] / length).powi(2)).sum::<f64>().sqrt();
            d1 + 3.0 * d2
        };
        let mut pbi = Pbi::new(&ray).unwrap().penalty(3.0).unwrap().ideal(&ideal).unwrap();
        check("pbi", &mut pbi, &boundary);
        let mut cosmos = Cosmos::new(4, 1.2, 2.0, 9).unwrap();
        let drawn = cosmos.ray().unwrap();
        let turned = |l: &[f64]| {
            let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
            let product: f64 = l.iter().zip(drawn.iter()).map(|(l, r)| l * r).sum();
            product - 2.0 * product / norm(l) / norm(&drawn)
        };
        check("cosmos", &mut cosmos, &turned);
        let logs = [0.2, -0.4, 0.1, 0.9];
        let mut imtl = ImtlL::new(4, 0.1).unwrap().starting_at(&logs).unwrap();
        let twin = imtl.clone();
        check("imtl-l", &mut imtl, &|l| twin.objective(l).unwrap());
    }
}

#[test]
fn products_of_many_small_losses_do_not_underflow() {
    let losses = [1e-30; 32];
    assert_close(&weights(&mut Geometric::new(), &losses), &[1.0 / 32.0; 32], 1e-12, "geometric");
    let steep = weights(&mut SmoothChebyshev::new(&[1.0, 1.0], 1e-9).unwrap(), &[3.0, 4.0]);
    assert_eq!(steep, [0.0, 0.5], "a small smoothing is the maximum");
    let flat = weights(&mut SmoothChebyshev::new(&[1.0, 3.0], 1e12).unwrap(), &[3.0, 4.0]);
    assert_close(&flat, &[0.125, 0.375], 1e-11, "a large one the mean of the preferred losses");
    assert_eq!(
        weights(&mut Chebyshev::new(&[1.0, 1.0, 1.0]).unwrap(), &[2.0, 2.0, 1.0]),
        [1.0 / 6.0, 1.0 / 6.0, 0.0]
    );
    // On the ray itself nothing pulls.
    let on = weights(&mut Pbi::new(&[1.0, 2.0]).unwrap(), &[0.1, 0.2]);
    assert_close(&on, &[1.0 / 5f64.sqrt(), 2.0 / 5f64.sqrt()], 1e-14, "pbi on its ray");
}

#[test]
fn dwa_compares_the_last_two_epochs() {
    let mut dwa = Dwa::new(2).unwrap();
    assert_eq!(dwa.observes(), Observes::Epochs);
    let epochs = [[[4.0, 1.0], [2.0, 3.0]], [[1.0, 2.0], [2.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]];
    for (epoch, steps) in epochs.iter().enumerate() {
        for losses in steps {
            let found = weights(&mut dwa, losses);
            // Means 3 and 2, then 1.5 and 2: r = (0.5, 1), the temperature is 2.
            let (a, b) = (0.25f64.exp(), 0.5f64.exp());
            let expected = if epoch < 2 { [1.0, 1.0] } else { [2.0 * a / (a + b), 2.0 * b / (a + b)] };
            assert_close(&found, &expected, 1e-14, "weights");
        }
        dwa.observe(Observation::EpochEnd).unwrap();
        // An epoch without a step changes nothing.
        let before = dwa.clone();
        dwa.observe(Observation::EpochEnd).unwrap();
        assert_eq!(dwa, before);
    }
    assert!(matches!(dwa.observe(Observation::LossesAfter(&[1.0, 1.0])), Err(Error::NotObserved { .. })));
    assert!(matches!(Equal::sum().observe(Observation::Slopes(&[1.0])), Err(Error::NotObserved { .. })));
    assert_eq!(Equal::sum().observe(Observation::EpochEnd), Ok(()));
}

#[test]
fn random_weights_are_a_softmax_of_normal_numbers() {
    let mut random = RandomWeights::new(4);
    let (mut mean, mut logs) = ([0.0; 3], [0.0; 2]);
    const STEPS: usize = 40_000;
    for _ in 0..STEPS {
        let w = weights(&mut random, &LOSSES[..3]);
        assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-14 && w.iter().all(|&w| w > 0.0));
        mean.iter_mut().zip(&w).for_each(|(m, w)| *m += w / STEPS as f64);
        // log w_0 - log w_1 is a difference of two normal numbers: mean 0, variance 2.
        let difference = (w[0] / w[1]).ln();
        logs[0] += difference / STEPS as f64;
        logs[1] += difference * difference / STEPS as f64;
    }
    assert_close(&mean, &[1.0 / 3.0; 3], 0.005, "mean");
    assert!(logs[0].abs() < 0.03 && (logs[1] - 2.0).abs() < 0.06, "{logs:?}");
}

#[test]
fn rays_of_cosmos_follow_dirichlet() {
    for concentration in [0.4, 1.0, 3.0] {
        let mut cosmos = Cosmos::new(3, concentration, 1.0, 5).unwrap();
        let (mut mean, mut square) = (0.0, 0.0);
        const STEPS: usize = 20_000;
        for _ in 0..STEPS {
            let ray = cosmos.ray().unwrap();
            assert!((ray.iter().sum::<f64>() - 1.0).abs() < 1e-12 && ray.iter().all(|&r| r >= 0.0));
            mean += ray[1] / STEPS as f64;
            square += ray[1] * ray[1] / STEPS as f64;
            weights(&mut cosmos, &LOSSES[..3]);
        }
        // Mean 1 / K, variance (1 / K) (1 - 1 / K) / (K α + 1).
        let variance = 2.0 / 9.0 / (3.0 * concentration + 1.0);
        assert!((mean - 1.0 / 3.0).abs() < 0.01, "{concentration}: {mean}");
        assert!((square - mean * mean - variance).abs() < 0.06 * variance, "{concentration}");
    }
}

#[test]
fn famo_is_algorithm_1() {
    let mut draw = Draw::new(202);
    let (rate, decay, bounds) = (0.05, 0.01, [-1.0, 0.0, 0.2]);
    let mut famo = Famo::new(3).unwrap().rate(rate, decay).unwrap().bounds(&bounds).unwrap();
    let (mut xi, mut m, mut v) = ([0f64; 3], [0f64; 3], [0f64; 3]);
    let softmax = |xi: &[f64; 3]| {
        let total: f64 = xi.iter().map(|x| x.exp()).sum();
        xi.map(|x| x.exp() / total)
    };
    for t in 1..=30 {
        let before: Vec<f64> = draw.losses(3).iter().map(|l| l + 0.3).collect();
        let after: Vec<f64> =
            before.iter().map(|l| l * (0.9 + 0.1 * draw.number())).map(|l| l.max(0.21)).collect();
        let z = softmax(&xi);
        let distance = |l: &[f64], k: usize| l[k] - bounds[k] + 1e-8;
        let c = 1.0 / (0..3).map(|k| z[k] / distance(&before, k)).sum::<f64>();
        let expected: Vec<f64> = (0..3).map(|k| c * z[k] / distance(&before, k)).collect();
        assert_close(&weights(&mut famo, &before), &expected, 1e-8, "weights");
        // They are the slopes of c Σ z log D with c and z held fixed.
        let objective = |l: &[f64]| (0..3).map(|k| c * z[k] * distance(l, k).ln()).sum::<f64>();
        assert_close(&expected, &slopes(&before, objective), 1e-8, "slopes");

        famo.observe(Observation::LossesAfter(&after)).unwrap();
        let delta: Vec<f64> = (0..3).map(|k| distance(&before, k).ln() - distance(&after, k).ln()).collect();
        for (k, x) in xi.clone().iter().enumerate() {
            // (∂z/∂ξ_k) · δ by differences, so that no Jacobian is written down twice.
            let shifted = |change: f64| {
                let mut moved = [xi[0], xi[1], xi[2]];
                moved[k] += change;
                softmax(&moved).iter().zip(&delta).map(|(z, d)| z * d).sum::<f64>()
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5 + decay * x;
            m[k] = 0.9 * m[k] + 0.1 * slope;
            v[k] = 0.999 * v[k] + 0.001 * slope * slope;
        }
        for k in 0..3 {
            let (mean, root) = (m[k] / (1.0 - 0.9f64.powi(t)), (v[k] / (1.0 - 0.999f64.powi(t))).sqrt());
            xi[k] -= rate * mean / (root + 1e-8);
        }
        assert_close(&famo.shares().unwrap(), &softmax(&xi), 1e-7, &format!("shares at step {t}"));
    }
    let state = famo.clone();
    assert!(
        matches!(famo.observe(Observation::LossesAfter(&[1.0; 3])), Err(Error::State { .. })),
        "no step before"
    );
    assert!(matches!(famo.weights(&[1.0, -0.1, 1.0], None), Err(Error::LossRange { task: 1, .. })));
    assert!(famo.observe(Observation::LossesAfter(&[1.0; 2])).is_err());
    assert_eq!(famo, state);
    // The task that gains least gains weight.
    let mut famo = Famo::new(2).unwrap();
    for _ in 0..20 {
        weights(&mut famo, &[1.0, 1.0]);
        famo.observe(Observation::LossesAfter(&[0.5, 0.99])).unwrap();
    }
    assert!(famo.shares().unwrap()[1] > 0.6);
}

/// A training and a validation problem: three quadratics of two parameters each, `½ |θ - c_k|²`-like with scales.
fn quadratics(theta: [f64; 2], centres: &[[f64; 2]; 3], scales: &[f64; 3]) -> ([f64; 3], [[f64; 2]; 3]) {
    let mut losses = [0.0; 3];
    let mut gradients = [[0.0; 2]; 3];
    for k in 0..3 {
        for p in 0..2 {
            let r = theta[p] - centres[k][p];
            losses[k] += 0.5 * scales[k] * r * r * (1.0 + p as f64);
            gradients[k][p] = scales[k] * r * (1.0 + p as f64);
        }
    }
    (losses, gradients)
}

#[test]
fn auto_lambda_descends_on_the_validation_loss() {
    let (centres, scales) = ([[1.0, 0.0], [0.0, 1.0], [-1.0, -2.0]], [1.0, 2.0, 0.5]);
    let (theta, alpha, lambda) = ([0.3, -0.7], 0.05, [0.1, 0.4, 0.2]);
    let look_ahead = |lambda: &[f64]| {
        let (_, g) = quadratics(theta, &centres, &scales);
        [0, 1].map(|p| theta[p] - alpha * (0..3).map(|k| lambda[k] * g[k][p]).sum::<f64>())
    };
    // Only the first task is validated.
    let validation = |theta: [f64; 2]| (theta[0] - 1.2).powi(2) + 0.5 * (theta[1] - 0.1).powi(2);
    let ahead = look_ahead(&lambda);
    let gradient = [2.0 * (ahead[0] - 1.2), ahead[1] - 0.1];
    let (_, rows) = quadratics(theta, &centres, &scales);
    let inner: Vec<f64> = rows.iter().map(|g| g[0] * gradient[0] + g[1] * gradient[1]).collect();
    // What the method is told is the slope of the validation loss along the weights, over -α.
    let direct = slopes(&lambda, |lambda| validation(look_ahead(lambda)));
    for k in 0..3 {
        assert!((direct[k] + alpha * inner[k]).abs() < 1e-9, "task {k}");
    }
    // And two forward passes give the same.
    let epsilon = 0.01 / (gradient[0] * gradient[0] + gradient[1] * gradient[1]).sqrt();
    let at =
        |sign: f64| quadratics([0, 1].map(|p| theta[p] + sign * epsilon * gradient[p]), &centres, &scales).0;
    let found = AutoLambda::slopes(&at(1.0), &at(-1.0), epsilon).unwrap();
    assert_close(&found, &inner, 1e-12, "differences");

    let mut auto = AutoLambda::new(3, 0.01).unwrap().starting_at(&lambda).unwrap();
    assert_eq!(weights(&mut auto, &LOSSES[..3]), lambda);
    auto.observe(Observation::Slopes(&inner)).unwrap();
    for (k, (after, before)) in weights(&mut auto, &LOSSES[..3]).iter().zip(lambda).enumerate() {
        // Adam's first step has the length of the rate, along what lowers the validation loss.
        assert!((after - before - 0.01 * inner[k].signum()).abs() < 1e-6, "task {k}");
        assert!((after - before) * direct[k] < 0.0);
    }
    for _ in 0..100 {
        auto.observe(Observation::Slopes(&[-1.0, 1.0, -1.0])).unwrap();
    }
    let found = weights(&mut auto, &LOSSES[..3]);
    assert!(found[0] == 0.0 && found[1] > 1.0 && found[2] == 0.0, "{found:?}");
    assert_eq!(weights(&mut AutoLambda::new(2, 0.1).unwrap(), &LOSSES[..2]), [0.1, 0.1]);
    assert!(auto.observe(Observation::Slopes(&[f64::NAN; 3])).is_err());
}

#[test]
fn learned_factors_end_where_every_loss_counts_as_one() {
    let mut imtl = ImtlL::new(4, 0.01).unwrap();
    for _ in 0..6000 {
        weights(&mut imtl, &LOSSES);
    }
    for (w, l) in weights(&mut imtl, &LOSSES).iter().zip(LOSSES) {
        assert!((w * l - 1.0).abs() < 1e-4, "{w} for the loss {l}");
    }
    // Twice the objective of uncertainty weighting, with s turned round; weights and all.
    let s = [0.2, -0.4, 0.1, 0.9];
    let turned = s.map(|s: f64| -s);
    let imtl = ImtlL::new(4, 0.1).unwrap().starting_at(&s).unwrap();
    let uncertainty = Uncertainty::new(4, 0.1).unwrap().starting_at(&turned).unwrap();
    let (a, b) = (imtl.objective(&LOSSES).unwrap(), 2.0 * uncertainty.objective(&LOSSES).unwrap());
    assert!((a - b).abs() < 1e-14);
    let doubled: Vec<f64> = weights(&mut uncertainty.clone(), &LOSSES).iter().map(|w| 2.0 * w).collect();
    assert_close(&weights(&mut imtl.clone(), &LOSSES), &doubled, 1e-14, "weights");
    // Adam has no unit, so the two stay together.
    let (mut imtl, mut uncertainty) = (imtl, uncertainty);
    for _ in 0..50 {
        weights(&mut imtl, &LOSSES);
        weights(&mut uncertainty, &LOSSES);
    }
    let back: Vec<f64> = uncertainty.log_variances().iter().map(|s| -s).collect();
    assert_close(imtl.logs(), &back, 1e-6, "s");
}

#[test]
fn a_batch_whose_loss_is_exactly_zero_has_weights() {
    assert_close(&weights(&mut ScaleInvariant::new(), &[0.5, 0.0]), &[2.0, 1e8], 1e-7, "scale-invariant");
    let mean = Geometric::objective(&[0.5, 0.0]).unwrap();
    assert!((mean / (0.5f64 * 1e-8).sqrt() - 1.0).abs() < 1e-7, "{mean}");
    let expected = [mean / 2.0 / (0.5 + 1e-8), mean / 2e-8];
    assert_close(&weights(&mut Geometric::new(), &[0.5, 0.0]), &expected, 1e-12, "geometric");
    assert_close(&weights(&mut Geometric::new(), &[0.0; 3]), &[1.0 / 3.0; 3], 1e-15, "all zero");

    // A batch of zero, and one below zero, are a part of the mean of an epoch.
    let mut dwa = Dwa::new(2).unwrap();
    for losses in [[0.0, 1.0], [2.0, 3.0], [1.5, -1.0], [-0.5, 3.0]] {
        assert_eq!(weights(&mut dwa, &losses), [1.0, 1.0]);
        if losses[0] != 0.0 && losses[0] != 1.5 {
            dwa.observe(Observation::EpochEnd).unwrap();
        }
    }
    // Means (1, 2), then (0.5, 1): both have halved.
    assert_close(&weights(&mut dwa, &[0.0, 0.0]), &[1.0, 1.0], 1e-15, "dwa");
    // An epoch of zeros alone counts as learned, and the next as one that got worse.
    dwa.observe(Observation::EpochEnd).unwrap();
    weights(&mut dwa, &[0.0, 1.0]);
    dwa.observe(Observation::EpochEnd).unwrap();
    assert_close(&weights(&mut dwa, &[0.0, -1.0]), &[0.0, 2.0], 1e-15, "dwa after zeros");
    // A state with such means goes on.
    let mut other = Dwa::new(2).unwrap();
    other.restore(&dwa.save()).unwrap();
    assert_eq!(other, dwa);
    let message = dwa.observe(Observation::EpochEnd).unwrap_err().to_string();
    assert!(message.contains("task 1") && message.contains("mean over an epoch"), "{message}");
    assert_eq!(dwa, other, "an epoch that is refused changes nothing");
}

#[test]
fn losses_out_of_range_are_named() {
    for method in [&mut ScaleInvariant::new() as &mut dyn Weighting, &mut Geometric::new()] {
        let message = method.weights(&[1.0, -1e-9], None).unwrap_err().to_string();
        assert!(
            message.contains("task 1") && message.contains("from 0 up") && message.contains(method.name()),
            "{message}"
        );
    }
    assert!(matches!(
        ImtlL::new(2, 0.1).unwrap().weights(&[1.0, -1.0], None),
        Err(Error::NegativeLoss { method: "imtl-l", task: 1 })
    ));
    for bad in [&[0.0, 1.0][..], &[-1.0, 1.0], &[f64::NAN, 1.0], &[]] {
        assert!(
            Chebyshev::new(bad).is_err() && SmoothChebyshev::new(bad, 1.0).is_err() && Pbi::new(bad).is_err()
        );
    }
    assert!(SmoothChebyshev::new(&[1.0], 0.0).is_err() && Cosmos::new(2, 0.0, 1.0, 1).is_err());
    assert!(Famo::new(2).unwrap().rate(-1.0, 0.0).is_err() && Famo::new(0).is_err());
    assert!(Dwa::new(2).unwrap().temperature(0.0).is_err() && AutoLambda::new(2, f64::NAN).is_err());
    assert!(Fixed::new(&[f64::INFINITY]).is_err());
    assert!(Fixed::new(&[1.0, 2.0]).unwrap().weights(&[1.0], None).is_err());
}
