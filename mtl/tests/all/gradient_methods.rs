//! Methods that look at gradients, against their papers word for word on vectors, and the identities that join them.

use crate::rows::{Draw, apart, assert_close, direction, dot, gramian, norm, weights};
use tress_mtl::balance::gradient::Level;
use tress_mtl::balance::{
    AlignedMtl, AutoLambda, CaGrad, ConFig, DualProj, Equal, FairGrad, Geometric, GradDrop, GradNorm,
    GradVac, ImtlG, Method, Mgda, MoDo, NashMtl, Observation, PcGrad, ScaleInvariant, UpGrad, Weighting,
};
use tress_mtl::solve::{CrossGramian, dual_cone};

pub(crate) const LOSSES: [f64; 8] = [0.3, 2.0, 1.0, 0.5, 5.0, 0.7, 1.1, 4.0];

pub(crate) fn conflict() -> Vec<Vec<f64>> {
    vec![vec![-4.0, 1.0, 1.0], vec![6.0, 1.0, 1.0]]
}

pub(crate) fn of(method: &mut dyn Weighting, rows: &[Vec<f64>]) -> Vec<f64> {
    direction(method, &LOSSES[..rows.len()], rows).unwrap().0
}

/// The nearest point of the simplex by bisection: another way than that of the crate.
pub(crate) fn simplex(x: &[f64]) -> Vec<f64> {
    let (mut low, mut high) = (-1e9, 1e9);
    for _ in 0..300 {
        let t = 0.5 * (low + high);
        if x.iter().map(|x| (x - t).max(0.0)).sum::<f64>() > 1.0 { low = t } else { high = t }
    }
    x.iter().map(|x| (x - low).max(0.0)).collect()
}

#[test]
fn known_directions_of_two_rows() {
    let rows = conflict();
    let check = |name: &str, method: &mut dyn Weighting, expected: &[f64], tolerance: f64| {
        assert_close(&of(method, &rows), expected, tolerance, name);
    };
    // UPGrad and DualProj are fractions.
    assert_close(&weights(&mut UpGrad, &LOSSES[..2], &rows), &[10.0 / 9.0, 15.0 / 19.0], 1e-15, "UPGrad");
    check("UPGrad", &mut UpGrad, &[50.0 / 171.0, 325.0 / 171.0, 325.0 / 171.0], 1e-14);
    check("DualProj", &mut DualProj, &[5.0 / 9.0, 10.0 / 9.0, 10.0 / 9.0], 1e-14);
    check("MGDA", &mut Mgda, &[0.0, 1.0, 1.0], 1e-14);
    check("IMTL-G", &mut ImtlG, &[0.0767, 1.0, 1.0], 5e-5);
    check("Aligned-MTL", &mut AlignedMtl::mean(), &[0.2133, 0.9673, 0.9673], 5e-5);
    check("ConFIG", &mut ConFig, &[0.1588, 2.0706, 2.0706], 5e-5);
    check("GradVac", &mut GradVac::new(2, 0.5, 1).unwrap(), &[0.5848, 3.8012, 3.8012], 5e-5);
    check("CAGrad", &mut CaGrad::new(0.5).unwrap(), &[0.1835, 1.2041, 1.2041], 5e-5);
    check("FairGrad", &mut FairGrad::new(1.0).unwrap(), &[0.0766, 0.9985, 0.9985], 5e-5);
    assert_close(&weights(&mut NashMtl, &LOSSES[..2], &rows), &[0.591461, 0.407071], 5e-7, "Nash-MTL");
}

#[test]
fn identities_between_methods() {
    let mut draw = Draw::new(301);
    for case in 0..100 {
        let tasks = 2 + case % 6;
        let rows = draw.rows(tasks, 20);
        let losses = draw.losses(tasks);
        let at = |method: &mut dyn Weighting, rows: &[Vec<f64>]| direction(method, &losses, rows).unwrap().0;
        let mean = at(&mut Equal::mean(), &rows);

        // The gradient of Σ log l is K times that of the logarithm of the geometric mean.
        let geometric = Geometric::objective(&losses).unwrap();
        let factor = tasks as f64 / geometric;
        let scaled: Vec<f64> = at(&mut Geometric, &rows).iter().map(|d| d * factor).collect();
        assert!(apart(&at(&mut ScaleInvariant, &rows), &scaled) < 1e-13, "case {case}: SI");
        // FairGrad with a = 1 is Nash-MTL.
        let fair = at(&mut FairGrad::new(1.0).unwrap(), &rows);
        assert!(apart(&fair, &at(&mut NashMtl, &rows)) < 1e-14, "case {case}: Nash");
        // CAGrad from the mean to MGDA.
        assert!(apart(&at(&mut CaGrad::new(0.0).unwrap(), &rows), &mean) < 1e-15, "case {case}: c = 0");
        assert!(apart(&at(&mut CaGrad::new(1e-7).unwrap(), &rows), &mean) < 2e-7, "case {case}: c small");
        let unit = |d: Vec<f64>| -> Vec<f64> { d.iter().map(|x| x / norm(&d)).collect() };
        let far = unit(at(&mut CaGrad::new(1e6).unwrap(), &rows));
        assert!(apart(&far, &unit(at(&mut Mgda, &rows))) < 1e-5, "case {case}: c large");
        // GradVac whose targets stay zero is PCGrad, draw for draw.
        let vaccine = at(&mut GradVac::new(tasks, 0.0, 7).unwrap(), &rows);
        assert!(apart(&vaccine, &at(&mut PcGrad::new(7), &rows)) < 1e-12, "case {case}: GradVac");
        // FairGrad with large a serves the worst-off task nearly as well as MGDA, which serves it best.
        let d = at(&mut FairGrad::new(100.0).unwrap(), &rows);
        let worst = rows.iter().map(|row| dot(row, &d) / norm(&d)).fold(f64::INFINITY, f64::min);
        let best = norm(&at(&mut Mgda, &rows));
        assert!(worst > 0.95 * best && worst <= best * (1.0 + 1e-9), "case {case}: {worst} of {best}");

        let pair = &rows[..2];
        let pc = direction(&mut PcGrad::new(1), &losses[..2], pair).unwrap().0;
        let up: Vec<f64> =
            direction(&mut UpGrad, &losses[..2], pair).unwrap().0.iter().map(|d| 2.0 * d).collect();
        assert!(apart(&pc, &up) < 1e-13, "case {case}: PCGrad of two is twice UPGrad");
    }
}

#[test]
fn closed_forms_on_orthogonal_rows() {
    let lengths = [2.0, 5.0, 0.1, 1.0];
    let rows: Vec<Vec<f64>> =
        (0..4).map(|k| (0..6).map(|p| if p == k { lengths[k] } else { 0.0 }).collect()).collect();
    let at = |method: &mut dyn Weighting| weights(method, &LOSSES[..4], &rows);
    let total: f64 = lengths.iter().map(|l| 1.0 / (l * l)).sum();
    assert_close(&at(&mut Mgda), &lengths.map(|l| 1.0 / (l * l) / total), 1e-14, "MGDA: 1 / |g|²");
    assert_close(&at(&mut NashMtl), &lengths.map(|l| 1.0 / l), 1e-12, "Nash: 1 / |g|");
    // |g|² w = w^(-1/a): w = |g|^(-2a / (1 + a)).
    for a in [0.5, 2.0, 7.0] {
        let expected = lengths.map(|l: f64| l.powf(-2.0 * a / (1.0 + a)));
        assert_close(&at(&mut FairGrad::new(a).unwrap()), &expected, 1e-11, "FairGrad");
    }
    let inverse: f64 = lengths.iter().map(|l| 1.0 / l).sum();
    assert_close(&at(&mut ImtlG), &lengths.map(|l| 1.0 / l / inverse), 1e-14, "IMTL-G");
    assert_close(&at(&mut AlignedMtl::mean()), &lengths.map(|l| 0.1 / l / 4.0), 1e-15, "Aligned-MTL");
    assert_close(&at(&mut AlignedMtl::sum()), &lengths.map(|l| 0.1 / l), 1e-15, "Aligned-MTL, sum");
    let median = at(&mut AlignedMtl::mean().level(Level::Median));
    assert_close(&median, &lengths.map(|l| 1.0 / l / 4.0), 1e-14, "Aligned-MTL, median");
    let rms = lengths.map(|l| l * l / 4.0).iter().sum::<f64>().sqrt();
    let square = at(&mut AlignedMtl::sum().level(Level::MeanSquare));
    assert_close(&square, &lengths.map(|l| rms / l), 1e-13, "Aligned-MTL, mean square");
    // û = (1, 1, 1, 1) / 2, and the falls along it sum to half of the lengths.
    let fall = lengths.iter().sum::<f64>() / 2.0;
    assert_close(&at(&mut ConFig), &lengths.map(|l| fall / 2.0 / l), 1e-12, "ConFIG");
    for (name, method) in [("UPGrad", &mut UpGrad as &mut dyn Weighting), ("DualProj", &mut DualProj)] {
        assert_close(&at(method), &[0.25; 4], 0.0, name);
    }
}

#[test]
fn imtl_g_and_config_meet_all_gradients_at_one_angle() {
    let mut draw = Draw::new(302);
    for case in 0..100 {
        let tasks = 2 + case % 7;
        let mut rows = draw.rows(tasks, 24);
        draw.spread(&mut rows, 8);
        for method in [&mut ImtlG as &mut dyn Weighting, &mut ConFig] {
            let d = of(method, &rows);
            let cosines: Vec<f64> = rows.iter().map(|row| dot(row, &d) / norm(row) / norm(&d)).collect();
            assert!(cosines.iter().all(|c| (c - cosines[0]).abs() < 1e-11), "case {case}: {cosines:?}");
            assert!(method.name() != "config" || cosines[0] > 0.0);
        }
        assert!((weights(&mut ImtlG, &LOSSES[..tasks], &rows).iter().sum::<f64>() - 1.0).abs() < 1e-10);
        let d = of(&mut ConFig, &rows);
        let falls: f64 = rows.iter().map(|row| dot(row, &d) / norm(&d)).sum();
        assert!((falls / norm(&d) - 1.0).abs() < 1e-11, "the length is the sum of the falls");
    }
}

#[test]
fn aligned_gradients_have_singular_values_of_one_size() {
    let mut draw = Draw::new(303);
    for case in 0..50 {
        let tasks = 2 + case % 5;
        let rows = draw.rows(tasks, 12);
        // The method is linear in the preferences, so its answers to rows that are orthogonal combinations tell B: here
        // |d| is checked on the mean preference, for which B p has |Jᵀ B p| = σ |p|.
        let d = of(&mut AlignedMtl::sum(), &rows);
        let eigen = tress_mtl::solve::Eigen::of_products(&gramian(&rows));
        let sigma = eigen.values()[tasks - 1].sqrt();
        assert!((norm(&d) / (sigma * (tasks as f64).sqrt()) - 1.0).abs() < 1e-10, "case {case}");
        // Of all directions of that length d falls most on the sum of the aligned gradients, so it falls on every
        // principal component: d = σ Uᵀ 1 with U orthonormal, hence G^(-1/2) J d = σ 1.
        let falls: Vec<f64> = rows.iter().map(|row| dot(row, &d)).collect();
        let back = eigen.apply(&falls, |value| 1.0 / value.sqrt());
        assert_close(&back[..tasks], &vec![sigma; tasks], 1e-10 * sigma, &format!("case {case}"));
    }
}

#[test]
fn gradvac_is_algorithm_1_on_vectors() {
    let mut draw = Draw::new(304);
    for beta in [0.1, 0.5, 1.0] {
        let mut method = GradVac::new(2, beta, 3).unwrap();
        let mut targets = [0f64; 2];
        for step in 0..12 {
            let rows = draw.rows(2, 6);
            let mut expected = [0.0; 6];
            for i in 0..2 {
                let (own, other) = (&rows[i], &rows[1 - i]);
                let cosine = dot(own, other) / norm(own) / norm(other);
                let target = targets[i].min(0.99);
                let mut turned = own.clone();
                if cosine < target {
                    let (s, t) = ((1.0 - cosine * cosine).sqrt(), (1.0 - target * target).sqrt());
                    let factor = norm(own) * (target * s - cosine * t) / (norm(other) * t);
                    turned.iter_mut().zip(other).for_each(|(x, g)| *x += factor * g);
                    let now = dot(&turned, other) / norm(&turned) / norm(other);
                    assert!((now - target).abs() < 1e-9, "the angle is the target's");
                }
                targets[i] = (1.0 - beta) * targets[i] + beta * cosine;
                expected.iter_mut().zip(&turned).for_each(|(sum, x)| *sum += x);
            }
            let found = of(&mut method, &rows);
            assert!(apart(&found, &expected) < 1e-11, "beta {beta}, step {step}");
            assert!(
                (method.target(0, 1) - targets[0]).abs() < 1e-12
                    && (method.target(1, 0) - targets[1]).abs() < 1e-12
            );
        }
    }
    // A target of one does not blow up.
    let mut method = GradVac::new(2, 1.0, 3).unwrap();
    of(&mut method, &[vec![1.0, 0.0], vec![2.0, 0.0]]);
    let d = of(&mut method, &[vec![1.0, 0.0], vec![-1.0, 1e-3]]);
    assert!(norm(&d) < 20.0, "{d:?}");
}

#[test]
fn graddrop_picks_one_sign_for_each_element() {
    let rows = vec![vec![3.0, -1.0, 1.0, 0.0], vec![-1.0, -2.0, 2.0, 0.0]];
    let mut method = GradDrop::new(11);
    let mut positive = 0;
    const STEPS: usize = 20_000;
    for _ in 0..STEPS {
        let (d, w) = direction(&mut method, &LOSSES[..2], &rows).unwrap();
        assert_eq!((d[1], d[2], d[3]), (-3.0, 3.0, 0.0), "where all agree all is kept");
        assert!(d[0] == 3.0 || d[0] == -1.0);
        positive += i32::from(d[0] > 0.0);
        assert_eq!(w[..], [1.0, 1.0]);
    }
    // P = ½ (1 + 2 / 4).
    assert!((f64::from(positive) / STEPS as f64 - 0.75).abs() < 0.015, "{positive}");
    let mut leaking = GradDrop::new(11).leaks(&[1.0, 0.25]).unwrap();
    for _ in 0..50 {
        let d = of(&mut leaking, &rows);
        assert!(d[0] == 3.0 - 0.25 || d[0] == 3.0 - 1.0, "{d:?}");
    }
    assert!(GradDrop::new(1).leaks(&[1.5]).is_err());
    // More elements than fit into one block.
    let long = vec![(0..200).map(|p| 1.0 + f64::from(p)).collect::<Vec<_>>(); 2];
    let doubled: Vec<f64> = long[0].iter().map(|g| 2.0 * g).collect();
    assert_eq!(of(&mut GradDrop::new(1), &long), doubled);
}

#[test]
fn methods_by_name_have_the_settings_of_their_papers() {
    let rows = Draw::new(316).rows(3, 8);
    // Whatever the rate of the network is.
    for rate in [1e-5, 0.3] {
        let by_name = |method: Method| method.build(3, 7, rate).unwrap();
        let (mut named, mut paper) = (by_name(Method::GradVac), GradVac::new(3, 0.01, 7).unwrap());
        let (mut norm, mut norm_paper) = (by_name(Method::GradNorm), GradNorm::new(3, 0.025).unwrap());
        let (mut auto, mut auto_paper) = (by_name(Method::AutoLambda), AutoLambda::new(3, 1e-4).unwrap());
        for losses in [[1.0, 2.0, 0.5], [0.5, 1.0, 0.4]] {
            assert_eq!(weights(&mut named, &losses, &rows), weights(&mut paper, &losses, &rows));
            assert_eq!(weights(&mut norm, &losses, &rows), weights(&mut norm_paper, &losses, &rows));
            auto.observe(Observation::Slopes(&losses)).unwrap();
            auto_paper.observe(Observation::Slopes(&losses)).unwrap();
        }
        assert_eq!(named.save(), paper.save());
        assert_eq!(norm.save(), norm_paper.save());
        assert_eq!(auto.save(), auto_paper.save());
    }
}

#[test]
fn a_zero_row_is_the_worst_off_task_and_equal_rows_are_not_always_weighed_equally() {
    let rows = [vec![1.0, 2.0], vec![0.0, 0.0], vec![3.0, -1.0]];
    assert_eq!(weights(&mut Mgda, &LOSSES[..3], &rows), [0.0, 1.0, 0.0]);
    assert_eq!(of(&mut Mgda, &rows), [0.0, 0.0]);
    let mut modo = MoDo::new(3).unwrap().rate(0.05, 0.0).unwrap();
    let cross = CrossGramian::between(3, &rows.concat(), &rows.concat()).unwrap();
    let before = weights(&mut modo, &LOSSES[..3], &rows);
    modo.observe(Observation::Products(&cross)).unwrap();
    assert!(weights(&mut modo, &LOSSES[..3], &rows)[1] > before[1]);
    // Two equal rows against a third: the first of them takes what is added.
    let rows = [vec![1.0, 0.0], vec![1.0, 0.0], vec![-4.0, 1.0]];
    let found = dual_cone(&gramian(&rows), &[1.0 / 3.0; 3]).unwrap();
    assert!(found.multipliers()[0] > 0.1 && found.multipliers()[1] == 0.0, "{:?}", found.multipliers());
}
