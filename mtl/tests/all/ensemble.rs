//! Ensembles: votes by hand, fitted weights against a fine grid and their conditions, stacking, and differences.

use tress_mtl::ensemble::{
    Stacking, disagreement, diversity, hard_vote, soft_vote, weights_by_likelihood, weights_by_squares,
};
use tress_mtl::network::Targets;
use tress_nn::{Labels, Random, metric};
use tress_tensor::Tensor;

fn members(rows: &[&[f64]], width: usize) -> Vec<Tensor<f64>> {
    rows.iter().map(|row| Tensor::new([row.len() / width, width], row).unwrap()).collect()
}

/// Members that know the truth more or less well, with errors of their own.
fn noisy(n: usize, classes: usize, noise: &[f64], seed: u64) -> (Vec<Tensor<f64>>, Labels) {
    let mut random = Random::new(seed);
    let truth: Vec<u32> = (0..n).map(|_| random.below(classes as u64) as u32).collect();
    let member = |noise: &f64| {
        let mut rows = Vec::new();
        for &y in &truth {
            let logits: Vec<f64> = (0..classes)
                .map(|c| noise * random.normal() + f64::from(u8::from(c == y as usize)) * 2.0)
                .collect();
            let total: f64 = logits.iter().map(|l| l.exp()).sum();
            rows.extend(logits.iter().map(|l| l.exp() / total));
        }
        Tensor::new([n, classes], &rows).unwrap()
    };
    (noise.iter().map(member).collect(), Labels::new(truth.clone(), classes).unwrap())
}

#[test]
fn votes_are_counted_and_draws_decided() {
    let three = members(&[&[0.6, 0.4, 0.9, 0.1], &[0.6, 0.4, 0.4, 0.6], &[0.0, 1.0, 0.45, 0.55]], 2);
    let soft = soft_vote(&three, None).unwrap().to_vec();
    let expected = [0.4, 0.6, 1.75 / 3.0, 1.25 / 3.0];
    assert!(soft.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{soft:?}");
    assert_eq!(hard_vote(&three, None).unwrap(), [0, 1], "two against one, whatever the probabilities");
    assert_eq!(hard_vote(&three, Some(&[0.2, 0.2, 0.6])).unwrap(), [1, 1]);
    assert_eq!(hard_vote(&three[1..], None).unwrap(), [1, 1], "a draw: the soft vote decides");
    assert_eq!(hard_vote(&three, Some(&[2.0, 0.0, 0.0])).unwrap(), [0, 0]);
    let level = members(&[&[0.7, 0.3], &[0.3, 0.7]], 2);
    assert_eq!(hard_vote(&level, None).unwrap(), [0], "the first of what is equal");
    for weights in [&[0.0, 0.0, 0.0][..], &[1.0, -1.0, 1.0], &[1.0, 1.0], &[f64::NAN, 1.0, 1.0]] {
        assert!(soft_vote(&three, Some(weights)).is_err());
    }
    assert!(soft_vote::<f64>(&[], None).is_err());
    assert!(soft_vote(&[three[0].clone(), level[0].clone()], None).is_err());
    assert!(hard_vote(&members(&[&[f64::NAN, 0.0]], 2), None).is_err());
}

#[test]
fn likelihood_weights_meet_their_conditions_and_beat_a_grid() {
    let (all, labels) = noisy(300, 4, &[1.0, 1.5, 2.5], 7);
    let fitted = weights_by_likelihood(&all, &labels).unwrap();
    assert!(fitted.gap < 1e-9, "{fitted:?}");
    assert!((fitted.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let loss = |w: &[f64]| {
        let mixed = soft_vote(&all, Some(w)).unwrap();
        let mut log_loss = metric::LogLoss::new();
        log_loss.add(&mixed, &labels).unwrap();
        log_loss.value().unwrap()
    };
    assert!((fitted.loss - loss(&fitted.weights)).abs() < 1e-12);
    for i in 0..=40 {
        for j in 0..=40 - i {
            let w = [i as f64 / 40.0, j as f64 / 40.0, (40 - i - j) as f64 / 40.0];
            assert!(loss(&w) >= fitted.loss - 1e-12, "{w:?}");
        }
    }
    // The slopes of the loss are equal for members with a weight, and higher for those without.
    let slope = |m: usize| {
        let mixed = soft_vote(&all, Some(&fitted.weights)).unwrap().to_vec();
        let member = all[m].to_vec();
        let at = |(i, &y): (usize, &u32)| member[i * 4 + y as usize] / mixed[i * 4 + y as usize];
        labels.as_slice().iter().enumerate().map(at).sum::<f64>() / 300.0
    };
    for (m, &weight) in fitted.weights.iter().enumerate() {
        assert!(slope(m) <= 1.0 + 1e-9 && (weight < 1e-9 || (slope(m) - 1.0).abs() < 1e-8), "{m}");
    }
}

#[test]
fn one_that_is_right_takes_all_and_zeros_are_no_harm() {
    let sure = members(&[&[1.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 1.0, 0.0]], 2);
    let labels = Labels::new([0, 1], 2).unwrap();
    let fitted = weights_by_likelihood(&sure, &labels).unwrap();
    assert!(fitted.weights[0] > 1.0 - 1e-9 && fitted.loss < 1e-9, "{fitted:?}");
    let wrong = weights_by_likelihood(&sure[1..], &labels).unwrap();
    assert_eq!(wrong.weights, [1.0]);
    assert!(wrong.loss.is_finite());
    // Each is certain and wrong once: half and half.
    let crossed = members(&[&[1.0, 0.0, 1.0, 0.0], &[0.0, 1.0, 0.0, 1.0]], 2);
    let fitted = weights_by_likelihood(&crossed, &labels).unwrap();
    assert!((fitted.weights[0] - 0.5).abs() < 1e-9 && (fitted.loss - 2f64.ln()).abs() < 1e-9);
    let squares = weights_by_squares(&crossed, &Targets::Classes(labels.clone())).unwrap();
    assert!((squares.weights[0] - 0.5).abs() < 1e-12);
    assert!(weights_by_likelihood(&members(&[&[2.0, -1.0]], 2), &Labels::new([0], 2).unwrap()).is_err());
    assert!(weights_by_likelihood(&sure, &Labels::new([0], 2).unwrap()).is_err());
    assert!(weights_by_likelihood(&sure, &Labels::with_ignored([9, 9], 2, 9).unwrap()).is_err());
}

#[test]
fn square_weights_are_those_of_the_normal_equations() {
    // Two members: w = e2 (e2 - e1) / |e1 - e2|^2, cut to 0..1.
    let mut random = Random::new(3);
    for round in 0..20 {
        let mut row = |bias: f64| (0..12).map(|_| random.normal() + bias).collect::<Vec<f64>>();
        let (truth, a, b) = (row(0.0), row(f64::from(round % 4) / 2.0), row(0.5));
        let all = members(&[&a, &b], 3);
        let fitted =
            weights_by_squares(&all, &Targets::Numbers(Tensor::new([4, 3], &truth).unwrap())).unwrap();
        let (mut above, mut below) = (0.0, 0.0);
        for ((t, a), b) in truth.iter().zip(&a).zip(&b) {
            above += (b - t) * (b - a);
            below += (a - b) * (a - b);
        }
        let expected = (above / below).clamp(0.0, 1.0);
        assert!((fitted.weights[0] - expected).abs() < 1e-9, "{fitted:?} {expected}");
        let mean = soft_vote(&all, Some(&fitted.weights)).unwrap().to_vec();
        let error: f64 = mean.iter().zip(&truth).map(|(x, t)| (x - t) * (x - t)).sum::<f64>() / 4.0;
        assert!((fitted.loss - error).abs() < 1e-9);
    }
}

#[test]
fn stacking_corrects_what_votes_cannot() {
    // A member that calls class 0 class 1 and the other way round is perfect, for who looks at it twice.
    let (mut all, labels) = noisy(400, 3, &[1.0, 1.0], 5);
    let swapped: Vec<f64> = all[1].to_vec().chunks(3).flat_map(|row| [row[1], row[0], row[2]]).collect();
    all[1] = Tensor::new([400, 3], &swapped).unwrap();
    let right = |p: &Tensor<f64>| metric::correct(p, &labels).unwrap();
    let voted = right(&soft_vote(&all, None).unwrap());
    let fitted = weights_by_likelihood(&all, &labels).unwrap();
    let weighted = right(&soft_vote(&all, Some(&fitted.weights)).unwrap());
    let stacking = Stacking::fit(&all, &Targets::Classes(labels.clone()), 1e-4).unwrap();
    let stacked = right(&stacking.combine(&all).unwrap());
    assert!(stacked > weighted + 10 && weighted > voted, "{voted} {weighted} {stacked}");
    // On other samples of the same kind as well.
    let (mut other, truth) = noisy(400, 3, &[1.0, 1.0], 6);
    let swapped: Vec<f64> = other[1].to_vec().chunks(3).flat_map(|row| [row[1], row[0], row[2]]).collect();
    other[1] = Tensor::new([400, 3], &swapped).unwrap();
    let best = metric::correct(&other[0], &truth).unwrap();
    assert!(metric::correct(&stacking.combine(&other).unwrap(), &truth).unwrap() > best + 10);

    // With a great ridge it is the geometric mean.
    let held = Stacking::fit(&all, &Targets::Classes(labels), 1e6).unwrap().combine(&all).unwrap().to_vec();
    let (a, b) = (all[0].to_vec(), all[1].to_vec());
    for (row, (a, b)) in held.chunks(3).zip(a.chunks(3).zip(b.chunks(3))).take(5) {
        let roots: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a.max(1e-6) * b.max(1e-6)).sqrt()).collect();
        let total: f64 = roots.iter().sum();
        // The bias is free, so the classes may be shifted as a whole; their ratios are close.
        assert!(row.iter().zip(roots).all(|(p, root)| (p - root / total).abs() < 0.1), "{row:?}");
    }
}

#[test]
fn stacking_of_numbers_is_least_squares() {
    let mut random = Random::new(4);
    let x: Vec<f64> = (0..50).map(|_| random.normal()).collect();
    let twice: Vec<f64> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    let truth: Vec<f64> = x.iter().map(|x| 0.5 - x).collect();
    let all = members(&[&x, &twice], 1);
    let targets = Targets::Numbers(Tensor::new([50, 1], &truth).unwrap());
    let stacking = Stacking::fit(&all, &targets, 0.0).unwrap();
    let found = stacking.combine(&all).unwrap().to_vec();
    assert!(found.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-4), "a linear function of both");
    assert!(stacking.combine(&all[1..]).is_err());
    assert!(Stacking::fit(&all, &targets, -1.0).is_err());
}

#[test]
fn differences_are_counted_and_measured() {
    let three = members(&[&[0.9, 0.1, 0.8, 0.2], &[0.9, 0.1, 0.2, 0.8], &[0.9, 0.1, 0.2, 0.8]], 2);
    assert_eq!(disagreement(&three).unwrap(), 2.0 / 6.0, "two pairs of three, on one sample of two");
    assert_eq!(disagreement(&three[..1]).unwrap(), 0.0);
    assert_eq!(diversity(&three[1..]).unwrap(), 0.0);
    let opposed = members(&[&[1.0, 0.0], &[0.0, 1.0]], 2);
    assert!((diversity(&opposed).unwrap() - 2f64.ln()).abs() < 1e-15, "all that two members can differ");
    let (all, _) = noisy(100, 5, &[1.0; 4], 9);
    let found = diversity(&all).unwrap();
    assert!(found > 0.0 && found < 4f64.ln());
}
