//! The properties 11 to 20 of `properties.rs`.

use crate::properties::{answer, known, named};
use crate::rows::{Draw, Jacobian, along, apart, direction, dot, gramian, norm, tell_after, tell_before};
use tress_mtl::balance::{
    AutoLambda, Cosmos, Method, Needs, Observation, Observes, PerGroup, Rescaled, Scale, Weighting,
};
use tress_mtl::solve::min_norm;

#[test]
fn p11_a_task_without_gradient() {
    let mut draw = Draw::new(411);
    for case in 0..30 {
        let tasks = 2 + case % 5;
        let rows = draw.rows(tasks, 16);
        let mut more = rows.clone();
        more.insert(case % tasks, vec![0.0; 16]);
        for method in known() {
            let factor = (method.zero_row)(tasks as f64);
            let found = answer(&method, &more);
            if factor.is_nan() {
                // CAGrad: nothing lets the idle task fall, so the nearest to the mean that raises none is best.
                let mean = along(&more, &vec![1.0 / (tasks + 1) as f64; tasks + 1]);
                let projection = answer(&known()[12], &more);
                let way: Vec<f64> = projection.iter().zip(&mean).map(|(a, b)| a - b).collect();
                if norm(&way) <= 0.4 * norm(&mean) || method.safe {
                    assert!(apart(&found, &projection) < 1e-9, "{} {case}", method.name);
                }
                continue;
            }
            let expected: Vec<f64> = answer(&method, &rows).iter().map(|d| d * factor).collect();
            assert!(
                apart(&found, &expected) < 1e-9 || norm(&found) + norm(&expected) < 1e-9,
                "{} {case}",
                method.name
            );
        }
    }
}

#[test]
fn p12_equal_rows_get_equal_weights() {
    let mut draw = Draw::new(412);
    for case in 0..40 {
        let mut rows = draw.rows(5, 12);
        rows[3] = rows[1].clone();
        for method in known() {
            let w = (method.make)().weights(&[1.0; 5], Some(&gramian(&rows))).unwrap();
            if matches!(method.name, "upgrad" | "dualproj") {
                // Where a row bounds a cone, its copy does not as well: the first of the two carries the weight.
                continue;
            }
            assert!((w[1] - w[3]).abs() <= 1e-10 * norm(&w), "{} {case}: {w:?}", method.name);
        }
    }
}

#[test]
fn p13_at_a_stationary_point_the_direction_is_zero() {
    // Not for the sum, the mean, CAGrad with c < 1 and Aligned-MTL.
    let mut draw = Draw::new(413);
    for case in 0..60 {
        let tasks = 2 + case % 6;
        let mut rows = draw.rows(tasks, 12);
        // The last row takes back a positive combination of the others; every row counts, so no direction is safe.
        let shares: Vec<f64> = draw.losses(tasks - 1);
        rows[tasks - 1] = along(&rows[..tasks - 1], &shares).iter().map(|x| -x).collect();
        let longest = rows.iter().map(|row| norm(row)).fold(0.0, f64::max);
        for method in known().iter().filter(|method| method.vanishes) {
            let d = answer(method, &rows);
            let falls = rows.iter().map(|row| dot(row, &d)).fold(0f64, |m, f| m.max(f.abs()));
            // d is orthogonal to all rows, and in their span.
            if method.name == "config" || method.name == "imtl-g" {
                // Their pseudo-inverse only comes close.
                continue;
            }
            assert!(falls < 1e-6 * longest * longest.max(norm(&d)), "{} {case}: {falls:e}", method.name);
            assert!(norm(&d) < 1e-6 * longest.max(1.0), "{} {case}: {:e}", method.name, norm(&d));
        }
    }
    for rows in [vec![vec![1.0, 2.0], vec![-1.0, -2.0]], vec![vec![3.0, 0.0], vec![-0.1, 0.0]]] {
        for method in known().iter().filter(|method| method.vanishes) {
            assert!(norm(&answer(method, &rows)) < 1e-12, "{} on opposed rows", method.name);
        }
    }
}

#[test]
fn p14_away_from_one_it_is_not() {
    let mut draw = Draw::new(414);
    for case in 0..100 {
        let tasks = 2 + case % 7;
        let rows = draw.rows(tasks, 14);
        let distance = min_norm(&gramian(&rows)).unwrap().squared_norm().sqrt();
        for method in known() {
            let length = norm(&answer(&method, &rows));
            assert!(
                !method.reaches || length >= distance * (1.0 - 1e-9),
                "{} {case}: {length:e}",
                method.name
            );
            assert!(length > 1e-3 * distance.min(1.0), "{} {case}: {length:e}", method.name);
        }
    }
}

#[test]
fn p15_the_weights_sum_to_what_the_table_says() {
    let mut draw = Draw::new(415);
    for case in 0..30 {
        let tasks = 2 + case % 6;
        let (rows, losses) = (draw.rows(tasks, 20), draw.losses(tasks));
        for make in named(tasks) {
            let mut method = make();
            for _ in 0..3 {
                tell_before(&mut method, tasks, &mut draw).unwrap();
                let w = direction(&mut method, &losses, &rows).unwrap().1;
                tell_after(&mut method, &losses).unwrap();
                let (sum, k) = (w.iter().sum::<f64>(), tasks as f64);
                let expected = match method.method() {
                    Method::Equal | Method::Dwa | Method::GradNorm | Method::GradDrop => k,
                    Method::Mean | Method::Random | Method::Famo | Method::Mgda | Method::ImtlG => 1.0,
                    Method::MoCo | Method::MoDo | Method::ExcessMtl => 1.0,
                    Method::SdmGrad => 1.3,
                    Method::SmoothChebyshev | Method::Chebyshev => 1.0 / k,
                    Method::AutoLambda => {
                        // They start at 0.1 each, and Adam moves each by about its rate, 1e-4.
                        assert!(w.iter().all(|&w| (w - 0.1).abs() < 4e-4), "{w:?}");
                        continue;
                    }
                    Method::PcGrad | Method::GradVac => {
                        assert!(w.iter().all(|&w| w >= 1.0 - 1e-12), "{}", method.name());
                        continue;
                    }
                    Method::UpGrad | Method::DualProj => {
                        assert!(w.iter().all(|&w| w >= (1.0 - 1e-12) / k), "{}", method.name());
                        continue;
                    }
                    _ => continue,
                };
                assert!(
                    (sum - expected).abs() < 1e-9 * w.iter().map(|w| w.abs()).sum::<f64>(),
                    "{}: {sum}",
                    method.name()
                );
            }
        }
    }
}

#[test]
fn p16_a_small_change_of_the_rows_is_a_small_change_of_the_direction() {
    // Not for IMTL-G, whose weights have poles, nor for PCGrad and GradDrop, which decide by signs.
    let mut draw = Draw::new(416);
    for case in 0..60 {
        let tasks = 2 + case % 4;
        let rows = draw.rows(tasks, 24);
        let noise = draw.rows(tasks, 24);
        let nudged: Jacobian =
            (0..tasks).map(|k| (0..24).map(|p| rows[k][p] + 1e-9 * noise[k][p]).collect()).collect();
        for method in known().iter().filter(|method| method.smooth) {
            let (a, b) = (answer(method, &rows), answer(method, &nudged));
            assert!(apart(&a, &b) < 1e-6, "{} {case}: {:e}", method.name, apart(&a, &b));
        }
    }
}

#[test]
fn p17_a_small_step_raises_no_loss() {
    // l_k = ½ |x - c_k|², g_k = x - c_k: exact, so a short step along a safe direction lowers all or keeps them.
    let mut draw = Draw::new(417);
    for case in 0..60 {
        let tasks = 2 + case % 6;
        let (x, centres) = (draw.numbers(10), draw.rows(tasks, 10));
        let rows: Jacobian = centres.iter().map(|c| x.iter().zip(c).map(|(x, c)| x - c).collect()).collect();
        for method in known().iter().filter(|method| method.safe) {
            let d = answer(method, &rows);
            let step = 1e-6 / norm(&d).max(1e-3);
            for row in &rows {
                let change = -step * dot(row, &d) + 0.5 * step * step * dot(&d, &d);
                assert!(change <= 1e-11 * dot(row, row), "{} {case}: {change:e}", method.name);
            }
        }
    }
}

#[test]
fn p18_the_same_call_gives_the_same_bits() {
    let mut draw = Draw::new(418);
    let (rows, losses) = (draw.rows(4, 70), draw.losses(4));
    for make in named(4) {
        let (mut a, mut b) = (make(), make());
        for _ in 0..3 {
            for method in [&mut a, &mut b] {
                tell_before(method, 4, &mut Draw::new(9)).unwrap();
            }
            assert_eq!(direction(&mut a, &losses, &rows), direction(&mut b, &losses, &rows), "{}", a.name());
            for method in [&mut a, &mut b] {
                tell_after(method, &losses).unwrap();
            }
        }
        if a.save().is_empty() {
            let again = direction(&mut a, &losses, &rows).unwrap();
            assert_eq!(again, direction(&mut make(), &losses, &rows).unwrap(), "{} forgets", a.name());
        }
    }
}

/// Makes a method from a seed.
type Seeded = Box<dyn Fn(u64) -> Box<dyn Weighting>>;

/// One step of a training loop that serves every method.
fn step(method: &mut dyn Weighting, t: usize, tasks: usize) -> tress_mtl::Result<Vec<f64>> {
    let mut draw = Draw::new(1000 + t as u64);
    tell_before(method, tasks, &mut draw)?;
    let (rows, losses) = (draw.rows(tasks, 70), draw.losses(tasks));
    let (mut d, w) = direction(method, &losses, &rows)?;
    tell_after(method, &losses)?;
    if t % 3 == 2 {
        method.observe(Observation::EpochEnd)?;
    }
    d.extend_from_slice(&w);
    Ok(d)
}

#[test]
fn p19_state_is_saved_to_the_bit_and_seeds_decide_what_is_drawn() {
    let mut makes: Vec<Seeded> = Vec::new();
    for method in Method::ALL {
        makes.push(Box::new(move |seed| Box::new(method.build(3, seed, 0.05).unwrap())));
    }
    makes.push(Box::new(|seed| Box::new(Cosmos::new(3, 1.0, 1.0, seed).unwrap())));
    makes.push(Box::new(|_| Box::new(AutoLambda::new(3, 0.1).unwrap())));
    makes.push(Box::new(|seed| {
        let group = move |g: usize| Method::GradVac.build(3, seed + g as u64, 0.1).unwrap();
        Box::new(PerGroup::new(&[20, 70], group).unwrap())
    }));
    makes.push(Box::new(|_| {
        Box::new(PerGroup::new(&[20, 70], |_| Method::MoCo.build(3, 1, 0.1).unwrap()).unwrap())
    }));
    makes.push(Box::new(|_| {
        Box::new(Rescaled::new(Method::DbMtl.build(3, 1, 0.1).unwrap(), Scale::Mean).unwrap())
    }));
    let mut seeded = Vec::new();
    for make in &makes {
        let mut whole = make(1);
        let name = whole.name();
        let all: Vec<Vec<f64>> = (0..12).map(|t| step(&mut *whole, t, 3).unwrap()).collect();
        for cut in [0, 1, 4, 7] {
            let mut first = make(1);
            (0..cut).for_each(|t| drop(step(&mut *first, t, 3).unwrap()));
            let state = first.save();
            let mut second = make(1);
            // Over other state, so that nothing of it is left.
            (20..23).for_each(|t| drop(step(&mut *second, t, 3).unwrap()));
            second.restore(&state).unwrap_or_else(|e| panic!("{name} at {cut}: {e}"));
            assert_eq!(second.save(), state, "{name} at {cut}");
            let rest: Vec<Vec<f64>> = (cut..12).map(|t| step(&mut *second, t, 3).unwrap()).collect();
            assert_eq!(rest, all[cut..], "{name} at {cut}");
        }
        let mut other = make(2);
        if (0..12).any(|t| step(&mut *other, t, 3).unwrap() != all[t]) {
            seeded.push(name);
        }
    }
    seeded.sort_unstable();
    assert_eq!(seeded, ["cosmos", "graddrop", "gradvac", "gradvac", "pcgrad", "random"]);
}

#[test]
fn p20_a_refused_call_changes_nothing() {
    let mut draw = Draw::new(420);
    let rows = draw.rows(3, 70);
    for method in Method::ALL {
        let mut balance = method.build(3, 1, 0.05).unwrap();
        (0..4).for_each(|t| drop(step(&mut balance, t, 3).unwrap()));
        let before = balance.clone();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(direction(&mut balance, &[1.0, bad, 1.0], &rows).is_err(), "{method}: {bad}");
            let mut broken = rows.clone();
            broken[2][69] = bad;
            if balance.needs() == Needs::Losses {
                tell_before(&mut balance, 3, &mut Draw::new(9)).unwrap();
            }
            let answer = direction(&mut balance, &[1.0, 2.0, 1.0], &broken);
            if balance.needs() == Needs::Losses {
                // Such a method does not look at the gradients; its weights are right, and its state moves on.
                assert!(answer.is_ok(), "{method}");
                balance = before.clone();
            } else {
                assert!(answer.is_err(), "{method}: a gradient of {bad}");
            }
            assert!(balance.observe(Observation::LossesAfter(&[bad; 3])).is_err());
            assert!(balance.observe(Observation::Slopes(&[bad; 3])).is_err());
        }
        assert!(direction(&mut balance, &[1.0, 2.0], &rows).is_err(), "{method}: a loss is missing");
        assert!(
            direction(&mut balance, &[], &rows).is_err() && balance.weights(&[], None).is_err(),
            "{method}"
        );
        assert!(balance.weights(&[1.0; 33], Some(&gramian(&rows))).is_err(), "{method}: 33 losses");
        let state = balance.save();
        for bad in [f64::NAN, -1.5, 1e300, f64::INFINITY] {
            for place in 0..state.len().min(8) {
                let mut wrong = state.clone();
                wrong[place] = bad;
                let mut other = balance.clone();
                // Taken or refused, never half taken, and the next step does not panic.
                if other.restore(&wrong).is_err() {
                    assert_eq!(other, balance, "{method}: {bad} at {place}");
                }
                let _ = step(&mut other, 5, 3);
            }
        }
        let mut other = balance.clone();
        assert!(
            state.is_empty() || other.restore(&state[..state.len() - 1]).is_err(),
            "{method}: short state"
        );
        assert_eq!(other, balance, "{method}");
        assert_eq!(balance, before, "{method}: a refusal left a trace");
    }
}

#[test]
fn a_second_step_without_the_observation_that_is_due_is_an_error() {
    let rows = Draw::new(421).rows(3, 70);
    for method in Method::ALL {
        let mut balance = method.build(3, 1, 0.05).unwrap();
        (0..2).for_each(|t| drop(step(&mut balance, t, 3).unwrap()));
        let _ = direction(&mut balance, &[1.0, 2.0, 1.0], &rows);
        let before = balance.clone();
        let again = direction(&mut balance, &[1.0, 2.0, 1.0], &rows);
        match balance.observes() {
            Observes::LossesAfter | Observes::Products | Observes::Slopes => {
                let message = again.unwrap_err().to_string();
                assert!(message.contains("`observe`") && message.contains(method.name()), "{message}");
                assert_eq!(balance, before, "{method}");
                // A checkpoint knows it too.
                let mut other = method.build(3, 1, 0.05).unwrap();
                other.restore(&before.save()).unwrap();
                assert!(direction(&mut other, &[1.0, 2.0, 1.0], &rows).is_err(), "{method}");
            }
            Observes::Nothing | Observes::Epochs | Observes::Ray => drop(again.unwrap()),
        }
    }
    assert_eq!(Cosmos::new(3, 1.0, 1.0, 1).unwrap().observes(), Observes::Ray);
}
