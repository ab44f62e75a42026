//! Figures against scipy, against enumeration, and against what must hold for any data.

use crate::fixture::Fixture;
use tress_autograd::{Pointwise, Reduce, Tape};
use tress_mtl::measure::{
    Better, Budget, Conflicts, Outcome, Run, Study, Summary, dominates, group_gramians, groups_of,
    hypervolume, paired_t, pareto_front, signed_rank, student_cdf,
};
use tress_mtl::solve::Gramian;
use tress_mtl::{Error, sharing, sweep};
use tress_nn::{Dense, Layer, Params, Random};
use tress_tensor::Tensor;

fn vector(all: &Fixture, name: &str) -> Vec<f64> {
    all.tensor::<f64>(name).to_vec()
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-300),
        "{what}: {found} and {expected}"
    );
}

#[test]
fn students_distribution_is_that_of_scipy() {
    let all = Fixture::read("measure");
    let (t, degrees, cdf) =
        (vector(&all, "student.t"), vector(&all, "student.degrees"), vector(&all, "student.cdf"));
    for (i, &t) in t.iter().enumerate() {
        for (j, &degrees) in degrees.iter().enumerate() {
            let expected = cdf[i * 7 + j];
            assert_near(student_cdf(t, degrees), expected, 1e-11, &format!("t = {t}, {degrees} degrees"));
        }
    }
    assert_eq!((student_cdf(f64::INFINITY, 3.0), student_cdf(f64::NEG_INFINITY, 3.0)), (1.0, 0.0));
}

#[test]
fn paired_tests_are_those_of_scipy() {
    let all = Fixture::read("measure");
    let mut compared = 0;
    for case in all.cases() {
        if !all.has(&format!("{case}.a")) {
            continue;
        }
        let (a, b) = (vector(&all, &format!("{case}.a")), vector(&all, &format!("{case}.b")));
        if all.has(&format!("{case}.student")) {
            let expected = vector(&all, &format!("{case}.student"));
            let found = paired_t(&a, &b).unwrap();
            assert_near(found.t, expected[0], 1e-12, case);
            assert_near(found.p, expected[1], 1e-10, case);
            let turned = paired_t(&b, &a).unwrap();
            assert_eq!((turned.t, turned.p, turned.difference), (-found.t, found.p, -found.difference));
        }
        let expected = vector(&all, &format!("{case}.wilcoxon"));
        let found = signed_rank(&a, &b).unwrap();
        assert_eq!(found.exact, !case.starts_with("many"), "{case}");
        assert_eq!(found.statistic, expected[0], "{case}");
        assert_near(found.p, expected[1], if found.exact { 1e-11 } else { 1e-9 }, case);
        assert_eq!(signed_rank(&b, &a).unwrap(), found, "{case}: which of the two is first does not matter");
        compared += 1;
    }
    assert_eq!(compared, 14 + 4 + 2);
}

#[test]
fn paired_tests_of_next_to_nothing() {
    let none = paired_t(&[1.0, 2.0], &[1.0, 2.0]).unwrap();
    assert_eq!((none.t, none.p), (0.0, 1.0));
    let sure = paired_t(&[1.0, 2.0], &[2.0, 3.0]).unwrap();
    assert_eq!((sure.t, sure.p, sure.difference), (f64::NEG_INFINITY, 0.0, -1.0));
    assert!(matches!(paired_t(&[1.0], &[2.0]), Err(Error::Length { .. })));
    assert!(paired_t(&[1.0, f64::NAN], &[2.0, 2.0]).is_err());
    assert!(matches!(signed_rank(&[1.0], &[2.0, 3.0]), Err(Error::Length { .. })));
    let equal = signed_rank(&[1.0, 2.0], &[1.0, 2.0]).unwrap();
    assert_eq!((equal.p, equal.pairs), (1.0, 0));
    // Five seeds, all won: 2 of 32 patterns are as extreme.
    let five = signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0; 5]).unwrap();
    assert_eq!((five.p, five.statistic), (1.0 / 16.0, 0.0));
    assert!(Summary::of(&[]).is_err());
    let one = Summary::of(&[2.0]).unwrap();
    assert!(one.deviation.is_nan() && one.mean == 2.0);
}

/// The volume of a union of boxes by inclusion and exclusion over all sets of points.
fn by_inclusion(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let mut volume = 0.0;
    for set in 1u32..1 << points.len() {
        let mut part = if set.count_ones() % 2 == 1 { 1.0 } else { -1.0 };
        for (axis, bound) in reference.iter().enumerate() {
            let inside = (0..points.len()).filter(|i| set >> i & 1 == 1);
            let corner = inside.map(|i| points[i][axis]).fold(f64::NEG_INFINITY, f64::max);
            part *= (bound - corner).max(0.0);
        }
        volume += part;
    }
    volume
}

#[test]
fn hypervolumes_are_those_of_inclusion_and_exclusion() {
    let mut random = Random::new(4);
    for objectives in 1..=5 {
        for case in 0..60usize {
            let count: usize = case % 9;
            // On a grid in every other case: ties and equal points.
            let mut draw = || match case % 2 {
                0 => random.uniform() * 1.2,
                _ => random.below(5) as f64 / 4.0,
            };
            let points: Vec<Vec<f64>> =
                (0..count).map(|_| (0..objectives).map(|_| draw()).collect()).collect();
            let reference = vec![1.0; objectives];
            let found = hypervolume(&points, &reference).unwrap();
            let expected = by_inclusion(&points, &reference);
            assert!(
                (found - expected).abs() < 1e-13,
                "{objectives} objectives, case {case}: {found} and {expected}"
            );
            // The front has the volume of all; another point never takes volume away.
            let front: Vec<_> =
                pareto_front(&points).unwrap().into_iter().map(|i| points[i].clone()).collect();
            assert!((hypervolume(&front, &reference).unwrap() - found).abs() < 1e-13);
            let less = hypervolume(&points[..count.saturating_sub(1)], &reference).unwrap();
            assert!(less <= found + 1e-13);
        }
    }
    let quick: Vec<Vec<f64>> = (0..120)
        .map(|_| {
            let p: Vec<f64> = (0..4).map(|_| random.normal().abs()).collect();
            let length = p.iter().map(|x| x * x).sum::<f64>().sqrt();
            p.iter().map(|x| 1.0 - x / length).collect()
        })
        .collect();
    let volume = hypervolume(&quick, &[1.0; 4]).unwrap();
    assert!(
        volume > 0.1 && volume < std::f64::consts::PI.powi(2) / 32.0,
        "inside of a sixteenth of a ball: {volume}"
    );
    assert!(hypervolume(&[[1.0]], &[]).is_err());
    assert!(hypervolume(&[[1.0]], &[1.0, 2.0]).is_err());
    assert!(hypervolume(&[[f64::NAN]], &[1.0]).is_err());
    assert_eq!(hypervolume::<[f64; 2]>(&[], &[1.0, 1.0]), Ok(0.0));
}

#[test]
fn the_front_is_what_nothing_dominates() {
    let mut random = Random::new(5);
    for case in 0..40 {
        let points: Vec<Vec<f64>> =
            (0..30).map(|_| (0..1 + case % 4).map(|_| random.below(6) as f64).collect()).collect();
        let front = pareto_front(&points).unwrap();
        assert!(front.windows(2).all(|pair| pair[0] < pair[1]));
        for i in 0..points.len() {
            let beats = |other: &Vec<f64>| {
                let worse = other.iter().zip(&points[i]).any(|(a, b)| a > b);
                !worse && *other != points[i]
            };
            let beaten = points.iter().any(beats);
            assert_eq!(front.contains(&i), !beaten);
            // What is beaten is beaten by one of the front.
            assert!(!beaten || front.iter().any(|&f| dominates(&points[f], &points[i])));
        }
    }
    assert!(!dominates(&[1.0, 1.0], &[1.0, 1.0]) && !dominates(&[0.0, 2.0], &[1.0, 1.0]));
    assert_eq!(pareto_front::<Vec<f64>>(&[]), Ok(vec![]));
    assert!(pareto_front(&[vec![1.0], vec![1.0, 2.0]]).is_err());
}

#[test]
fn conflicts_are_those_of_all_recorded_gramians() {
    let mut random = Random::new(6);
    let (tasks, steps) = (3, 40);
    let mut conflicts = Conflicts::new(tasks, &["a", "b"]).unwrap();
    let mut seen = Vec::new();
    let mut half = None;
    for step in 0..steps {
        let gramians: Vec<Gramian> = (0..2)
            .map(|group| {
                let mut rows: Vec<f64> = (0..tasks * 4).map(|_| random.normal()).collect();
                if group == 1 && step % 4 == 0 {
                    rows[..4].fill(0.0); // a task without gradient has no angle
                }
                Gramian::from_rows(tasks, &rows).unwrap()
            })
            .collect();
        conflicts.record(&gramians).unwrap();
        seen.push(gramians);
        if step == 17 {
            half = Some(conflicts.save());
        }
    }
    for group in 0..2 {
        let mut negative = (0, 0);
        for i in 0..tasks {
            let norm = seen.iter().map(|g| g[group].norm(i)).sum::<f64>() / steps as f64;
            assert!((conflicts.norm(group, i).unwrap() - norm).abs() < 1e-13);
            for j in 0..i {
                let both = seen.iter().filter(|g| g[group].at(i, i) > 0.0 && g[group].at(j, j) > 0.0);
                let cosines: Vec<f64> = both.map(|g| g[group].cosine(i, j)).collect();
                let summary = Summary::of(&cosines).unwrap();
                let pair = conflicts.pair(group, j, i).unwrap();
                assert_eq!(pair, conflicts.pair(group, i, j).unwrap());
                assert_eq!(pair.steps, if group == 1 && j == 0 { 30 } else { 40 });
                assert!((pair.cosine - summary.mean).abs() < 1e-14);
                assert!((pair.deviation - summary.deviation).abs() < 1e-13);
                assert_eq!(pair.least, cosines.iter().copied().fold(f64::INFINITY, f64::min));
                let below = cosines.iter().filter(|c| **c < 0.0).count();
                assert_eq!(pair.conflicts, below as f64 / cosines.len() as f64);
                negative = (negative.0 + below, negative.1 + cosines.len());
            }
        }
        assert_eq!(conflicts.rate(group).unwrap(), negative.0 as f64 / negative.1 as f64);
    }
    let mut resumed = Conflicts::new(tasks, &["a", "b"]).unwrap();
    let unseen = resumed.save();
    resumed.restore(&half.unwrap()).unwrap();
    seen[18..].iter().for_each(|gramians| resumed.record(gramians).unwrap());
    assert_eq!(resumed, conflicts);
    resumed.restore(&unseen).unwrap();
    assert_eq!(resumed, Conflicts::new(tasks, &["a", "b"]).unwrap());
    assert!(resumed.pair(0, 0, 1).unwrap().cosine.is_nan() && resumed.rate(1).unwrap().is_nan());
    assert!(resumed.record(&seen[0][..1]).is_err() && resumed.restore(&unseen[1..]).is_err());
    assert!(resumed.pair(0, 1, 1).is_err() && resumed.pair(2, 0, 1).is_err() && resumed.norm(0, 3).is_err());
    assert!(Conflicts::new::<&str>(2, &[]).is_err());
}

#[test]
fn gramians_of_layers_add_up_to_that_of_the_trunk() {
    let mut params = Params::<f64>::new(3);
    let first = Dense::new(&mut params.scope("trunk.first"), 3, 4).unwrap();
    let second = Dense::new(&mut params.scope("trunk.second"), 4, 2).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let x = tape.var(Tensor::from_fn([5, 3], |i| (i[0] as f64 - 1.7 * i[1] as f64).sin()).unwrap());
    let features = second.apply(&bound, &first.apply(&bound, &x).tanh());
    let losses = [features.square().mean_all(), features.exp().mean_all(), features.sin().sum_all()];
    let cut = sharing::cut(&losses, &bound).unwrap();
    let gradients = sweep::task_gradients(&losses, &cut, &bound, &params).unwrap();
    let groups = groups_of(&params, |_| true);
    let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["trunk.first", "trunk.second"]);
    let each = group_gramians(&gradients, &groups).unwrap();
    let jacobian = gradients.jacobian().unwrap().to_vec();
    for i in 0..3 {
        for j in 0..3 {
            let sum: f64 = (0..params.len())
                .map(|p| jacobian[i * params.len() + p] * jacobian[j * params.len() + p])
                .sum();
            assert!((each[0].at(i, j) + each[1].at(i, j) - sum).abs() < 1e-13 * (1.0 + sum.abs()));
        }
    }
    assert_eq!(groups_of(&params, |name| name.contains("first")).len(), 1);
}

#[test]
fn a_study_trains_everything_by_one_budget_and_counts_honestly() {
    let budget = Budget { steps: 10, batch: 4 };
    let mut calls = Vec::new();
    // Method 0 is worth 0.02 on each task, method 1 is worth 0.019 and noise.
    let metric = |run: &Run<'_>, task: usize| {
        let noise = [0.001, -0.001, 0.0005][run.seed as usize];
        let gain = match run.method {
            None => 0.0,
            Some(0) => 0.02 + noise,
            Some(_) => 0.019 - 8.0 * noise,
        };
        if task == 0 { 0.8 + gain } else { 0.5 - gain }
    };
    let better = [Better::Higher, Better::Lower];
    let study = Study::run(&better, &["good", "noisy"], &[0, 1, 2], budget, |run| {
        calls.push((run.method, run.tasks.to_vec(), run.seed));
        assert_eq!(run.budget, budget);
        let metrics = run.tasks.iter().map(|&task| metric(&run, task)).collect();
        Ok::<_, Error>(Outcome { metrics, steps: run.budget.steps })
    })
    .unwrap();
    assert_eq!(calls.len(), 3 * 2 + 2 * 3);
    assert_eq!(calls[..2], [(None, vec![0], 0), (None, vec![1], 0)]);
    assert_eq!(calls[6], (Some(0), vec![0, 1], 0));
    let good = study.delta_m(0).unwrap();
    let expected = -100.0 * 0.5 * (0.02 / 0.8 + 0.02 / 0.5) * (1.0 + 0.0005 / 0.06);
    assert!((good.mean - expected).abs() < 1e-9, "{} and {expected}", good.mean);
    assert_eq!(study.mean_ranks().unwrap(), [1.0, 2.0]);
    assert!((study.metric(None, 0).unwrap().mean - 0.8).abs() < 1e-15);
    let comparison = study.compare(0, 1).unwrap();
    assert!(
        comparison.first.mean < comparison.second.mean && !comparison.is_win(),
        "inside of one deviation"
    );
    assert!(comparison.t.unwrap().p > 0.3 && comparison.signed_rank.p >= 0.25);
    assert!(!study.compare(1, 0).unwrap().is_win());

    let fails = |metrics: Vec<f64>, steps| {
        Study::run(&better, &["one"], &[0], budget, |_| {
            Ok::<_, Error>(Outcome { metrics: metrics.clone(), steps })
        })
        .unwrap_err()
    };
    assert!(matches!(fails(vec![1.0], 9), Error::Setting { .. }), "fewer steps than the budget");
    assert!(matches!(fails(vec![1.0, 2.0], 10), Error::Length { .. }), "a baseline has one task");
    assert!(matches!(fails(vec![f64::NAN], 10), Error::NotFinite { .. }));
    let none = |_: Run<'_>| -> Result<Outcome, Error> { unreachable!() };
    assert!(Study::run(&better, &[], &[0], budget, none).is_err());
    // A clear win is one, and with one seed nothing is.
    let table = |gain: f64| vec![vec![0.8 + gain, 0.5], vec![0.8 + gain + 1e-4, 0.5]];
    let study =
        Study::from_parts(&better, &["a", "b"], &[1, 2], table(0.0), vec![table(0.05), table(0.0)]).unwrap();
    assert!(study.compare(0, 1).unwrap().is_win() && !study.compare(1, 0).unwrap().is_win());
    let one = |gain: f64| vec![vec![0.8 + gain, 0.5]];
    let study = Study::from_parts(&better, &["a", "b"], &[1], one(0.0), vec![one(0.05), one(0.0)]).unwrap();
    assert!(!study.compare(0, 1).unwrap().is_win());
    assert!(Study::from_parts(&better, &["a"], &[1, 2], one(0.0), vec![one(0.0)]).is_err());
}
