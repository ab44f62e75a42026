//! The weightings against their papers: direct vector implementations, closed forms, identities and invariances.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tress_mtl::Error;
use tress_mtl::balance::{
    Balance, Equal, Heads, Method, Mgda, Needs, PcGrad, Rows, Uncertainty, Weighting, combine,
};
use tress_mtl::solve::{Gramian, min_norm};

const LOSSES: [f64; 8] = [0.3, 2.0, 1.0, 0.01, 5.0, 0.7, 1.1, 40.0];

/// A number of about unit size, roughly normal: the sum of four uniform ones.
fn number(draw: &mut Xoshiro256PlusPlus) -> f64 {
    (0..4).map(|_| (draw.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5).sum()
}

fn rows(draw: &mut Xoshiro256PlusPlus, tasks: usize, width: usize) -> Vec<Vec<f64>> {
    (0..tasks).map(|_| (0..width).map(|_| number(draw)).collect()).collect()
}

fn gramian(rows: &[Vec<f64>]) -> Gramian {
    Gramian::from_rows(rows.len(), &rows.concat()).unwrap()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// `Jᵀ w`.
fn direction(rows: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    (0..rows[0].len()).map(|p| rows.iter().zip(weights).map(|(row, w)| row[p] * w).sum()).collect()
}

/// Algorithm 1 of Yu et al., word for word on vectors.
fn pcgrad_on_vectors(rows: &[Vec<f64>], orders: &[Vec<usize>]) -> Vec<f64> {
    let mut sum = vec![0.0; rows[0].len()];
    for (row, order) in rows.iter().zip(orders) {
        let mut own = row.clone();
        for &j in order {
            let product = dot(&own, &rows[j]);
            if product < 0.0 {
                let share = product / dot(&rows[j], &rows[j]);
                own.iter_mut().zip(&rows[j]).for_each(|(x, g)| *x -= share * g);
            }
        }
        sum.iter_mut().zip(&own).for_each(|(s, x)| *s += x);
    }
    sum
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{what}: {found:?} for {expected:?}");
    }
}

#[test]
fn pcgrad_is_algorithm_1_on_vectors() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(11);
    let mut projected = 0;
    for case in 0..400 {
        let tasks = 2 + case % 7;
        let width = if case % 2 == 0 { 3 } else { 12 };
        let mut rows = rows(&mut draw, tasks, width);
        for row in &mut rows {
            let factor = 10f64.powf(number(&mut draw));
            row.iter_mut().for_each(|x| *x *= factor);
        }
        let orders: Vec<Vec<usize>> = (0..tasks)
            .map(|i| {
                let mut order: Vec<usize> = (0..tasks).filter(|&j| j != i).collect();
                for last in (1..order.len()).rev() {
                    order.swap(last, (draw.next_u64() % (last as u64 + 1)) as usize);
                }
                order
            })
            .collect();
        let gramian = gramian(&rows);
        let weights = PcGrad::with_orders(&gramian, &orders).unwrap();
        let expected = pcgrad_on_vectors(&rows, &orders);
        let size = (0..tasks).map(|i| gramian.norm(i)).sum::<f64>();
        assert_close(&direction(&rows, &weights), &expected, 1e-12 * size, &format!("case {case}"));
        assert!(weights.iter().all(|&w| w >= 1.0));
        projected += i32::from(gramian.conflicts() > 2);
    }
    assert!(projected > 200, "only {projected} cases had conflicts to speak of");
}

#[test]
fn pcgrad_draws_an_order_that_is_one_of_all() {
    // Three tasks that conflict all round: 2³ sets of orders, each with its own weights.
    let rows = [vec![1.0, 0.2, -0.9], vec![-1.0, 0.8, 0.3], vec![0.1, -1.0, 0.2]];
    let gramian = gramian(&rows);
    assert_eq!(gramian.conflicts(), 3);
    let others = [[1, 2], [0, 2], [0, 1]];
    let possible: Vec<Vec<f64>> = (0..8)
        .map(|choice| {
            let orders: Vec<Vec<usize>> =
                (0..3)
                    .map(|i| {
                        if choice >> i & 1 == 1 {
                            others[i].to_vec()
                        } else {
                            vec![others[i][1], others[i][0]]
                        }
                    })
                    .collect();
            PcGrad::with_orders(&gramian, &orders).unwrap().to_vec()
        })
        .collect();
    let mut seen = [0; 8];
    let mut pcgrad = PcGrad::new(3);
    for _ in 0..400 {
        let weights = pcgrad.weights(&LOSSES[..3], Some(&gramian)).unwrap();
        seen[possible.iter().position(|p| p[..] == weights[..]).expect("weights of no order")] += 1;
    }
    assert!(seen.iter().all(|&n| n > 20), "{seen:?}");
}

#[test]
fn pcgrad_of_two_tasks() {
    let rows = [vec![-4.0, 1.0, 1.0], vec![6.0, 1.0, 1.0]];
    let weights = PcGrad::new(0).weights(&LOSSES[..2], Some(&gramian(&rows))).unwrap();
    assert_close(&weights, &[20.0 / 9.0, 30.0 / 19.0], 1e-14, "weights");
    assert_close(&direction(&rows, &weights), &[0.5848, 3.8012, 3.8012], 5e-5, "direction");

    // Twice the mean of the projections on the dual cone: each gradient without what it has against the other.
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(12);
    for _ in 0..200 {
        let rows = self::rows(&mut draw, 2, 5);
        let gramian = gramian(&rows);
        let weights = PcGrad::new(0).weights(&LOSSES[..2], Some(&gramian)).unwrap();
        let against = (-gramian.at(0, 1)).max(0.0);
        let expected = [1.0 + against / gramian.at(0, 0), 1.0 + against / gramian.at(1, 1)];
        assert_close(&weights, &expected, 1e-12 * (expected[0] + expected[1]), "weights");
        // For two tasks the result conflicts with neither.
        let mut along = [0.0; 2];
        gramian.along(&weights, &mut along).unwrap();
        assert!(along.iter().all(|&a| a >= -1e-12 * gramian.trace()));
    }
}

#[test]
fn pcgrad_passes_over_zero_rows_and_leaves_agreement_alone() {
    let rows = [vec![1.0, 0.0], vec![0.0, 0.0], vec![-1.0, 1.0]];
    let weights = PcGrad::new(0).weights(&LOSSES[..3], Some(&gramian(&rows))).unwrap();
    assert_close(&weights, &[2.0, 1.0, 1.5], 1e-15, "weights");
    let agreeing = [vec![1.0, 0.0], vec![1.0, 1.0], vec![0.0, 1.0]];
    let weights = PcGrad::new(0).weights(&LOSSES[..3], Some(&gramian(&agreeing))).unwrap();
    assert_eq!(weights[..], Equal::sum().weights(&LOSSES[..3], None).unwrap()[..]);
}

#[test]
fn pcgrad_resumes_where_it_was_saved() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(13);
    let gramian = gramian(&rows(&mut draw, 6, 4));
    let run = |pcgrad: &mut PcGrad, steps: usize| -> Vec<Vec<f64>> {
        (0..steps).map(|_| pcgrad.weights(&LOSSES[..6], Some(&gramian)).unwrap().to_vec()).collect()
    };
    let whole = run(&mut PcGrad::new(5), 10);
    let mut first = PcGrad::new(5);
    run(&mut first, 4);
    let mut second = PcGrad::new(5);
    second.restore(&first.save()).unwrap();
    assert_eq!(run(&mut second, 6), whole[4..]);
    assert_ne!(run(&mut PcGrad::new(6), 10), whole);
    for wrong in [-1.0, 0.5, f64::NAN, 1e300, -0.0] {
        assert!(second.restore(&[wrong]).is_err(), "{wrong}");
    }
    assert!(matches!(second.restore(&[]), Err(Error::Length { .. })));
}

#[test]
fn mgda_makes_no_task_worse_and_the_order_of_tasks_does_not_matter() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(14);
    for case in 0..300 {
        let tasks = 2 + case % 7;
        let rows = rows(&mut draw, tasks, 10);
        let gramian = gramian(&rows);
        let weights = Mgda::new().weights(&LOSSES[..tasks], Some(&gramian)).unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        let d = direction(&rows, &weights);
        for row in &rows {
            assert!(dot(row, &d) >= dot(&d, &d) - 1e-12 * gramian.trace(), "case {case}");
        }
        let turned: Vec<Vec<f64>> = (0..tasks).map(|i| rows[(i + 1) % tasks].clone()).collect();
        let others = Mgda::new().weights(&LOSSES[..tasks], Some(&self::gramian(&turned))).unwrap();
        let turned: Vec<f64> = (0..tasks).map(|i| weights[(i + 1) % tasks]).collect();
        assert_close(&others, &turned, 1e-12, "weights of turned rows");
    }
}

#[test]
fn mgda_of_known_rows() {
    let rows = [vec![-4.0, 1.0, 1.0], vec![6.0, 1.0, 1.0]];
    let weights = Mgda::new().weights(&LOSSES[..2], Some(&gramian(&rows))).unwrap();
    assert_close(&weights, &[0.6, 0.4], 1e-14, "weights");
    assert_close(&direction(&rows, &weights), &[0.0, 1.0, 1.0], 1e-14, "direction");
    let orthogonal = [vec![2.0, 0.0, 0.0], vec![0.0, 0.0, 5.0], vec![0.0, -0.1, 0.0]];
    let weights = Mgda::new().weights(&LOSSES[..3], Some(&gramian(&orthogonal))).unwrap();
    let total = 1.0 / 4.0 + 1.0 / 25.0 + 1.0 / 0.01;
    assert_close(&weights, &[0.25 / total, 0.04 / total, 100.0 / total], 1e-15, "weights");
}

#[test]
fn uncertainty_weights_slopes_and_optimum() {
    let losses = &LOSSES[..4];
    let s = [0.3, -1.0, 2.0, 0.0];
    let mut uncertainty = Uncertainty::new(4, 0.1).unwrap().starting_at(&s).unwrap();
    // The slopes are those of the objective.
    let slopes = uncertainty.slopes(losses).unwrap();
    for k in 0..4 {
        let at = |change: f64| {
            let mut moved = s;
            moved[k] += change;
            let moved = Uncertainty::new(4, 0.1).unwrap().starting_at(&moved).unwrap();
            moved.objective(losses).unwrap()
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slopes[k] - difference).abs() < 1e-9, "task {k}: {} for {difference}", slopes[k]);
    }
    // The weights are the slopes of the objective along the losses, at the log-variances before the step.
    let weights = uncertainty.weights(losses, None).unwrap();
    assert_close(&weights, &s.map(|s| 0.5 * (-s).exp()), 1e-15, "weights");
    // Adam's first step has the length of the rate, against the slope.
    for (k, s) in s.iter().enumerate() {
        let moved = uncertainty.log_variances()[k] - s;
        assert!((moved + 0.1 * slopes[k].signum()).abs() < 1e-6, "task {k}: moved by {moved}");
    }
    // Fixed losses: the log-variances end at log l, where the slopes vanish and each w l is a half.
    let mut uncertainty = Uncertainty::new(4, 0.01).unwrap();
    for _ in 0..6000 {
        uncertainty.weights(losses, None).unwrap();
    }
    let logarithms: Vec<f64> = losses.iter().map(|l| l.ln()).collect();
    assert_close(uncertainty.log_variances(), &logarithms, 1e-5, "log-variances");
    let minimum: f64 = logarithms.iter().map(|l| 0.5 * (1.0 + l)).sum();
    assert!((uncertainty.objective(losses).unwrap() - minimum).abs() < 1e-9);
    let at_minimum = Uncertainty::new(4, 0.0).unwrap().starting_at(&logarithms).unwrap();
    assert_close(&at_minimum.slopes(losses).unwrap(), &[0.0; 4], 1e-15, "slopes at the minimum");
}

#[test]
fn uncertainty_follows_adam() {
    // Adam written down plainly, for one task with a loss that changes.
    let (rate, mut s, mut m, mut v) = (0.02f64, 0.0f64, 0.0f64, 0.0f64);
    let mut uncertainty = Uncertainty::new(1, rate).unwrap();
    for t in 1..=50 {
        let loss = 1.5 + (t as f64).sin();
        let slope = 0.5 * (1.0 - (-s).exp() * loss);
        m = 0.9 * m + 0.1 * slope;
        v = 0.999 * v + 0.001 * slope * slope;
        s -= rate * (m / (1.0 - 0.9f64.powi(t))) / ((v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
        uncertainty.weights(&[loss], None).unwrap();
        assert!((uncertainty.log_variances()[0] - s).abs() < 1e-12, "step {t}");
    }
}

#[test]
fn uncertainty_is_saved_bounded_and_particular() {
    let mut whole = Uncertainty::new(2, 0.1).unwrap();
    for _ in 0..7 {
        whole.weights(&[1.0, 9.0], None).unwrap();
    }
    let mut resumed = Uncertainty::new(2, 0.1).unwrap();
    resumed.restore(&whole.save()).unwrap();
    assert_eq!(resumed, whole);
    let before = resumed.clone();
    assert_eq!(
        resumed.weights(&[1.0, -0.1], None),
        Err(Error::NegativeLoss { method: "uncertainty", task: 1 })
    );
    assert_eq!(resumed.weights(&[f64::NAN, 1.0], None), Err(Error::NotFinite { what: "losses", index: 0 }));
    assert!(resumed.weights(&[1e300, 1.0], None).is_err());
    assert!(resumed.weights(&[1.0], None).is_err());
    assert!(resumed.restore(&[0.5; 7]).is_err());
    assert!(resumed.restore(&[1.0; 6]).is_err());
    assert_eq!(resumed, before, "a refused call must change nothing");
    assert!(Uncertainty::new(2, f64::NAN).is_err() && Uncertainty::new(2, -1.0).is_err());
    assert!(Uncertainty::new(0, 0.1).is_err() && Uncertainty::new(33, 0.1).is_err());
    // A loss of zero for ever.
    let mut zero = Uncertainty::new(1, 1.0).unwrap();
    for _ in 0..100 {
        zero.weights(&[0.0], None).unwrap();
    }
    assert_eq!(zero.log_variances(), [-50.0]);
    assert!(zero.weights(&[0.0], None).unwrap()[0].is_finite());
}

#[test]
fn equal_sums_or_averages() {
    assert_eq!(Equal::sum().weights(&LOSSES[..3], None).unwrap()[..], [1.0; 3]);
    assert_eq!(Equal::mean().weights(&LOSSES[..4], None).unwrap()[..], [0.25; 4]);
    assert!(Equal::sum().weights(&[], None).is_err());
    assert!(Equal::sum().weights(&[f64::INFINITY], None).is_err());
}

#[test]
fn methods_are_found_by_name_and_say_what_they_need() {
    for method in Method::ALL {
        assert_eq!(method.to_string().parse(), Ok(method));
        let mut balance = method.build(3, 1, 0.1).unwrap();
        assert_eq!((balance.method(), balance.name()), (method, method.name()));
        let alone = balance.weights(&LOSSES[..3], None);
        match balance.needs() {
            Needs::Losses => assert_eq!(alone.unwrap().len(), 3),
            Needs::Gramian => assert_eq!(alone, Err(Error::MissingGramian { method: method.name() })),
            Needs::Jacobian => assert_eq!(alone, Err(Error::MissingJacobian { method: method.name() })),
        }
        // Saved state is taken back by an object made alike, and junk is not.
        let state = balance.save();
        let mut twin = method.build(3, 1, 0.1).unwrap();
        twin.restore(&state).unwrap();
        assert_eq!(twin, balance);
        assert!(twin.restore(&[f64::NAN; 98]).is_err(), "{method}");
        assert!(method.build(0, 1, 0.1).is_err() && method.build(33, 1, 0.1).is_err());
    }
    let heads = |method: Method| method.build(2, 0, 0.1).unwrap().heads();
    assert_eq!((heads(Method::Equal), heads(Method::Uncertainty)), (Heads::Weighted, Heads::Weighted));
    assert_eq!((heads(Method::PcGrad), heads(Method::Mgda)), (Heads::Plain, Heads::Plain));
    let message = "grandnorm".parse::<Method>().unwrap_err().to_string();
    assert!(message.starts_with("no balancing method is called `grandnorm`; choose one of equal, mean, "));
    assert!(Method::ALL.iter().all(|method| message.contains(method.name())), "{message}");
    // The number of losses must be that of the Gramian.
    let two = Gramian::new(2, &[1.0, 0.0, 0.0, 1.0]).unwrap();
    assert!(matches!(Mgda.weights(&LOSSES[..3], Some(&two)), Err(Error::Length { .. })));
    assert!(matches!(PcGrad::new(1).weights(&LOSSES[..3], Some(&two)), Err(Error::Length { .. })));
    assert!(PcGrad::with_orders(&two, &[[1], [1]]).is_err(), "task 1 never meets task 0");
    assert!(PcGrad::with_orders(&two, &[[1], [2]]).is_err(), "there is no task 2");
}

#[test]
fn a_jacobian_gives_the_direction() {
    let jacobian = [-4.0f32, 1.0, 1.0, 6.0, 1.0, 1.0];
    let mut d = [f32::NAN; 3];
    let weights = Mgda.direction(&LOSSES[..2], &mut Rows::new(2, &jacobian, &mut d).unwrap()).unwrap();
    assert_close(&weights, &[0.6, 0.4], 1e-14, "weights");
    assert!(d.iter().zip([0.0, 1.0, 1.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{d:?}");
    let mut balance: Box<dyn Weighting> = Box::new(Balance::Equal(Equal::mean()));
    balance.direction(&LOSSES[..2], &mut Rows::new(2, &jacobian, &mut d).unwrap()).unwrap();
    assert_eq!(d, [1.0, 1.0, 1.0]);
    combine(&[1.0, -1.0], &jacobian, &mut d).unwrap();
    assert_eq!(d, [-10.0, 0.0, 0.0]);
    assert!(matches!(combine(&[1.0], &jacobian, &mut d), Err(Error::Length { .. })));
    assert!(matches!(Rows::new(3, &jacobian, &mut d), Err(Error::Length { .. })));
    let mut two = Rows::new(2, &jacobian, &mut d).unwrap();
    assert!(matches!(Mgda.direction(&LOSSES[..3], &mut two), Err(Error::Length { .. })));
    // A network without shared parameters has rows of no length: allowed, and without effect.
    let weights = Mgda.direction(&LOSSES[..2], &mut Rows::<f32>::new(2, &[], &mut []).unwrap()).unwrap();
    assert_eq!(weights[..], [0.5, 0.5]);
}

#[test]
fn weights_do_not_depend_on_the_scale_of_all_gradients() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(15);
    for case in 0..100 {
        let tasks = 2 + case % 7;
        let rows = rows(&mut draw, tasks, 6);
        let plain = gramian(&rows);
        let orders = vec![(0..tasks).collect::<Vec<_>>(); tasks];
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            let scaled: Vec<Vec<f64>> =
                rows.iter().map(|row| row.iter().map(|x| x * scale).collect()).collect();
            let scaled = gramian(&scaled);
            assert_close(
                &PcGrad::with_orders(&scaled, &orders).unwrap(),
                &PcGrad::with_orders(&plain, &orders).unwrap(),
                1e-9,
                "PCGrad",
            );
            let (scaled, plain) = (min_norm(&scaled).unwrap(), min_norm(&plain).unwrap());
            if tasks <= 6 {
                assert_close(scaled.weights(), plain.weights(), 1e-9, "MGDA");
            }
        }
    }
}
