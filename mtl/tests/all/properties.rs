//! Twenty properties, each asked of every method that has it; those that have not are named beside it.
//!
//!  1. hostile rows (zero, equal, opposed, dependent, 1e-12 to 1e12 long) give finite directions
//!  2. the order of the tasks does not matter
//!  3. scaling all gradients by s scales d by a power of s
//!  4. scaling one gradient: d is linear in the factors, or its direction does not change
//!  5. turning the space of parameters turns d
//!  6. no task gets worse
//!  7. d is the combination of rows that the weights say
//!  8. on equal rows d is a known multiple of the row
//!  9. on one task d is a known multiple of its gradient
//! 10. on orthogonal rows of one length d is a multiple of the mean
//! 11. a task without gradient does what the table says
//! 12. equal rows get equal weights
//! 13. at a Pareto-stationary point d is zero
//! 14. away from one d is not: |d| is at least the distance of the hull from zero
//! 15. the weights sum to what the table says
//! 16. a small change of the rows is a small change of d
//! 17. a small step on quadratic losses raises none
//! 18. the same call gives the same bits; a method without state forgets
//! 19. state is saved and restored to the bit, and seeds decide all that is drawn
//! 20. a refused call changes nothing, and no number from outside panics

use crate::rows::{
    Draw, Jacobian, along, apart, direction, dot, gramian, norm, tell_after, tell_before, times,
};
use tress_mtl::balance::{
    AlignedMtl, CaGrad, ConFig, DualProj, Equal, FairGrad, ImtlG, Method, Mgda, NashMtl, Needs, PcGrad,
    UpGrad, Weighting,
};

/// A method that is a function of the Gramian alone, and what is known of it.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) make: fn() -> Box<dyn Weighting>,
    /// d scales as this power of all gradients.
    pub(crate) power: f64,
    /// d over the row, for K equal rows of length n.
    pub(crate) equal: fn(k: f64, n: f64) -> f64,
    /// What a zero row does to d: its factor, for K tasks that are not zero.
    pub(crate) zero_row: fn(k: f64) -> f64,
    /// Whether no task gets worse.
    pub(crate) safe: bool,
    /// How d follows factors of the rows.
    pub(crate) rows: Rows,
    /// Whether d vanishes where the hull holds zero.
    pub(crate) vanishes: bool,
    /// Whether |d| is at least the distance of the hull from zero.
    pub(crate) reaches: bool,
    /// Whether the result is continuous.
    pub(crate) smooth: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rows {
    Linear,
    Direction,
    Neither,
}

pub(crate) fn known() -> Vec<Known> {
    use Rows::{Direction, Linear, Neither};
    let one = |_: f64, _: f64| 1.0;
    let k = |k: f64, _: f64| k;
    let share = |k: f64| k / (k + 1.0);
    let none = |_: f64| 1.0;
    let zero = |_: f64| 0.0;
    #[rustfmt::skip]
    let table = vec![
        Known { name: "equal", make: || Box::new(Equal::sum()), power: 1.0, equal: k, zero_row: none, safe: false, rows: Linear, vanishes: false, reaches: false, smooth: true },
        Known { name: "mean", make: || Box::new(Equal::mean()), power: 1.0, equal: one, zero_row: share, safe: false, rows: Linear, vanishes: false, reaches: false, smooth: true },
        Known { name: "mgda", make: || Box::new(Mgda), power: 1.0, equal: one, zero_row: zero, safe: true, rows: Neither, vanishes: true, reaches: true, smooth: true },
        Known { name: "cagrad .4", make: || Box::new(CaGrad::new(0.4).unwrap()), power: 1.0, equal: |_, _| 1.4, zero_row: |_| f64::NAN, safe: false, rows: Neither, vanishes: false, reaches: true, smooth: true },
        Known { name: "cagrad 1", make: || Box::new(CaGrad::new(1.0).unwrap()), power: 1.0, equal: |_, _| 2.0, zero_row: |_| f64::NAN, safe: true, rows: Neither, vanishes: true, reaches: true, smooth: true },
        Known { name: "cagrad 3", make: || Box::new(CaGrad::new(3.0).unwrap()), power: 1.0, equal: |_, _| 4.0, zero_row: |_| f64::NAN, safe: true, rows: Neither, vanishes: true, reaches: true, smooth: true },
        Known { name: "imtl-g", make: || Box::new(ImtlG), power: 1.0, equal: one, zero_row: none, safe: false, rows: Direction, vanishes: true, reaches: false, smooth: false },
        Known { name: "nash", make: || Box::new(NashMtl), power: 0.0, equal: |k, n| k.sqrt() / n, zero_row: none, safe: true, rows: Direction, vanishes: true, reaches: false, smooth: true },
        Known { name: "fairgrad 2", make: || Box::new(FairGrad::new(2.0).unwrap()), power: -1.0 / 3.0, equal: |k, n| k * (k * n * n).powf(-2.0 / 3.0), zero_row: none, safe: true, rows: Neither, vanishes: true, reaches: false, smooth: true },
        Known { name: "fairgrad .5", make: || Box::new(FairGrad::new(0.5).unwrap()), power: 1.0 / 3.0, equal: |k, n| k * (k * n * n).powf(-1.0 / 3.0), zero_row: none, safe: true, rows: Neither, vanishes: true, reaches: false, smooth: true },
        Known { name: "aligned", make: || Box::new(AlignedMtl::mean()), power: 1.0, equal: one, zero_row: share, safe: false, rows: Neither, vanishes: false, reaches: false, smooth: true },
        Known { name: "upgrad", make: || Box::new(UpGrad), power: 1.0, equal: one, zero_row: share, safe: true, rows: Linear, vanishes: true, reaches: true, smooth: true },
        Known { name: "dualproj", make: || Box::new(DualProj), power: 1.0, equal: one, zero_row: share, safe: true, rows: Neither, vanishes: true, reaches: true, smooth: true },
        Known { name: "config", make: || Box::new(ConFig), power: 1.0, equal: k, zero_row: none, safe: true, rows: Linear, vanishes: true, reaches: false, smooth: true },
    ];
    table
}

pub(crate) fn answer(method: &Known, rows: &[Vec<f64>]) -> Vec<f64> {
    let losses = vec![1.0; rows.len()];
    direction(&mut *(method.make)(), &losses, rows).unwrap_or_else(|e| panic!("{}: {e}", method.name)).0
}

pub(crate) fn hostile() -> Vec<Jacobian> {
    let mut draw = Draw::new(400);
    let mut all = vec![
        vec![vec![0.0; 4]; 3],
        vec![vec![0.0; 4], vec![1.0, 2.0, 3.0, 4.0]],
        vec![vec![1.0, -2.0, 0.5, 0.0]; 5],
        vec![vec![1.0, -2.0, 0.5, 0.0], vec![-1.0, 2.0, -0.5, 0.0]],
        vec![vec![1.0, 0.0], vec![-0.5, 0.75f64.sqrt()], vec![-0.5, -(0.75f64.sqrt())]],
        vec![vec![1.0, 1e-9], vec![-1.0, 1e-9]],
        vec![vec![1e-12, 0.0], vec![1e12, 1.0]],
        vec![vec![1e-140, 2e-140], vec![1.0, -1.0]],
    ];
    for width in [1, 2, 3, 30] {
        let rows = draw.rows(6, width);
        for scale in [1e-12, 1.0, 1e12] {
            all.push(times(&rows, &[scale; 6]));
        }
        let mixed = times(&rows, &[1e-12, 1e12, 1.0, 1e-6, 1e6, 0.0]);
        all.push(mixed);
    }
    all.push(draw.rows(32, 8));
    all.push(draw.rows(32, 64));
    all
}

/// Every method by name, for K tasks.
pub(crate) fn named(tasks: usize) -> Vec<Box<dyn Fn() -> tress_mtl::balance::Balance>> {
    let fits = move |method: &Method| *method != Method::ParetoMtl || tasks <= 16;
    let make = move |method: Method| -> Box<dyn Fn() -> tress_mtl::balance::Balance> {
        Box::new(move || method.build(tasks, 5, 0.01).unwrap())
    };
    Method::ALL.into_iter().filter(fits).map(make).collect()
}

#[test]
fn p01_hostile_rows_give_finite_directions() {
    for (i, rows) in hostile().iter().enumerate() {
        let losses: Vec<f64> = (0..rows.len()).map(|k| 0.5 + 0.1 * k as f64).collect();
        for make in named(rows.len()) {
            let mut method = make();
            for _ in 0..3 {
                tell_before(&mut method, rows.len(), &mut Draw::new(9)).unwrap();
                let (d, w) = direction(&mut method, &losses, rows)
                    .unwrap_or_else(|e| panic!("{} on case {i}: {e}", method.name()));
                tell_after(&mut method, &losses).unwrap();
                assert!(d.iter().chain(w.iter()).all(|x| x.is_finite()), "{} on case {i}", method.name());
            }
        }
        known().iter().for_each(|method| assert!(answer(method, rows).iter().all(|x| x.is_finite())));
    }
}

#[test]
fn p02_the_order_of_the_tasks_does_not_matter() {
    // Not for PCGrad and GradVac from three tasks on, which draw an order.
    let mut draw = Draw::new(402);
    for case in 0..60 {
        let tasks = 2 + case % 7;
        let mut rows = draw.rows(tasks, 16);
        draw.spread(&mut rows, 3);
        let turned: Jacobian = (0..tasks).map(|i| rows[(i * 3 + 1) % tasks].clone()).collect();
        let turned = if tasks % 3 == 0 { rows.iter().rev().cloned().collect() } else { turned };
        for method in known() {
            assert!(
                apart(&answer(&method, &rows), &answer(&method, &turned)) < 1e-9,
                "{} {case}",
                method.name
            );
        }
        let pair = [rows[1].clone(), rows[0].clone()];
        let pc = |rows: &[Vec<f64>]| direction(&mut PcGrad::new(1), &[1.0, 1.0], rows).unwrap().0;
        assert!(apart(&pc(&rows[..2]), &pc(&pair)) < 1e-12);
    }
}

#[test]
fn p03_scaling_all_gradients_scales_the_direction() {
    let mut draw = Draw::new(403);
    for case in 0..40 {
        let tasks = 2 + case % 7;
        let rows = draw.rows(tasks, 16);
        for scale in [1e-12f64, 1e-5, 1e5, 1e12] {
            for method in known() {
                let expected: Vec<f64> =
                    answer(&method, &rows).iter().map(|d| d * scale.powf(method.power)).collect();
                let found = answer(&method, &times(&rows, &vec![scale; tasks]));
                assert!(apart(&found, &expected) < 1e-8, "{} {case} at {scale:e}", method.name);
            }
        }
    }
}

#[test]
fn p04_scaling_one_gradient() {
    let mut draw = Draw::new(404);
    let mut bent = std::collections::BTreeSet::new();
    for case in 0..60 {
        let tasks = 2 + case % 7;
        let rows = draw.rows(tasks, 16);
        let (a, b) = (draw.losses(tasks), draw.losses(tasks));
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + 2.0 * b).collect();
        let extreme: Vec<f64> = (0..tasks).map(|k| if k % 2 == 0 { 1e-12 } else { 1e3 }).collect();
        for method in known() {
            let at = |factors: &[f64]| answer(&method, &times(&rows, factors));
            match method.rows {
                Rows::Linear => {
                    let (left, right) = (at(&a), at(&b));
                    let expected: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a + 2.0 * b).collect();
                    assert!(apart(&at(&sum), &expected) < 1e-11, "{} {case}", method.name);
                }
                Rows::Direction => {
                    let unit = |d: Vec<f64>| -> Vec<f64> { d.iter().map(|x| x / norm(&d)).collect() };
                    let plain = unit(answer(&method, &rows));
                    for factors in [&a, &b, &extreme] {
                        let found = unit(at(factors));
                        let sign = dot(&found, &plain).signum();
                        let found: Vec<f64> = found.iter().map(|x| x * sign).collect();
                        assert!(apart(&found, &plain) < 1e-9, "{} {case}", method.name);
                        assert!(sign > 0.0 || method.name == "imtl-g");
                    }
                }
                Rows::Neither => {
                    // So that the table is honest.
                    let (left, right) = (at(&a), at(&b));
                    let expected: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a + 2.0 * b).collect();
                    if apart(&at(&sum), &expected) > 1e-6 {
                        bent.insert(method.name);
                    }
                }
            }
        }
    }
    for method in known().iter().filter(|method| method.rows == Rows::Neither) {
        assert!(bent.contains(method.name), "{} was linear in every case", method.name);
    }
}

#[test]
fn p05_turning_the_space_turns_the_direction() {
    // Not for GradDrop and ExcessMTL, which look at single elements; nor exactly for any other with a Jacobian in `f32`.
    let mut draw = Draw::new(405);
    for case in 0..40 {
        let rows = draw.rows(2 + case % 5, 8);
        // A reflection: x - 2 v (v · x).
        let v = draw.numbers(8);
        let turn = |x: &[f64]| -> Vec<f64> {
            let along = 2.0 * dot(x, &v) / dot(&v, &v);
            x.iter().zip(&v).map(|(x, v)| x - along * v).collect()
        };
        let turned: Jacobian = rows.iter().map(|row| turn(row)).collect();
        for method in known() {
            let expected = turn(&answer(&method, &rows));
            assert!(apart(&answer(&method, &turned), &expected) < 1e-9, "{} {case}", method.name);
        }
        for method in [Method::MoCo, Method::DbMtl, Method::PcGrad, Method::GradVac, Method::GradNorm] {
            let losses = vec![1.0; rows.len()];
            let at = |rows: &[Vec<f64>]| {
                direction(&mut method.build(rows.len(), 5, 0.01).unwrap(), &losses, rows).unwrap().0
            };
            assert!(apart(&at(&turned), &turn(&at(&rows))) < 1e-11, "{method}");
        }
    }
    let rows = vec![vec![1.0, 0.5], vec![-1.0, 0.5]];
    let quarter: Jacobian =
        rows.iter().map(|r| vec![0.6 * r[0] - 0.8 * r[1], 0.8 * r[0] + 0.6 * r[1]]).collect();
    for method in [Method::GradDrop, Method::ExcessMtl] {
        let at = |rows: &[Vec<f64>]| {
            direction(&mut method.build(2, 5, 1.0).unwrap(), &[1.0, 1.0], rows).unwrap().0
        };
        assert!((norm(&at(&rows)) - norm(&at(&quarter))).abs() > 1e-6 || method == Method::ExcessMtl);
    }
}

#[test]
fn p06_no_task_gets_worse() {
    // Not promised by the sum, the mean, CAGrad with c < 1, IMTL-G, Aligned-MTL, and PCGrad from three tasks on: for
    // each of these a case must be found that shows it.
    let mut draw = Draw::new(406);
    let mut broken: std::collections::BTreeMap<&str, i32> = Default::default();
    for case in 0..400 {
        let tasks = 2 + case % 7;
        let mut rows = draw.rows(tasks, if case % 2 == 0 { 10 } else { 24 });
        draw.spread(&mut rows, [0, 4][case % 2]);
        let trace = gramian(&rows).trace();
        for method in known() {
            let d = answer(&method, &rows);
            let worst = rows.iter().map(|row| dot(row, &d)).fold(f64::INFINITY, f64::min);
            if method.safe {
                let longest = rows.iter().map(|row| norm(row)).fold(0.0, f64::max);
                let margin = -1e-12 * trace.max(longest * norm(&d));
                assert!(worst >= margin, "{} {case}: {worst:e} below {margin:e}", method.name);
            } else if worst < -1e-6 * trace {
                *broken.entry(method.name).or_default() += 1;
            }
        }
        let d = direction(&mut PcGrad::new(1), &vec![1.0; tasks], &rows).unwrap().0;
        let worst = rows.iter().map(|row| dot(row, &d)).fold(f64::INFINITY, f64::min);
        if tasks == 2 {
            assert!(worst >= -1e-12 * trace, "PCGrad {case}");
        } else if worst < -1e-6 * trace {
            *broken.entry("pcgrad").or_default() += 1;
        }
    }
    println!("conflicts of those that do not promise: {broken:?}");
    for name in ["equal", "mean", "cagrad .4", "aligned", "pcgrad"] {
        assert!(broken.contains_key(name), "{name} never conflicted: {broken:?}");
    }
}

#[test]
fn p07_the_direction_is_what_the_weights_say() {
    // Not for GradDrop, MoCo and DB-MTL, whose directions are no combinations of the present rows.
    let mut draw = Draw::new(407);
    for case in 0..10 {
        let tasks = 2 + case % 5;
        let (rows, losses) = (draw.rows(tasks, 100), draw.losses(tasks));
        for make in named(tasks) {
            let (mut method, mut twin) = (make(), make());
            let name = method.name();
            let (d, w) = direction(&mut method, &losses, &rows).unwrap();
            if matches!(method.method(), Method::GradDrop | Method::MoCo | Method::DbMtl) {
                continue;
            }
            assert!(apart(&d, &along(&rows, &w)) < 1e-14, "{name}");
            if method.needs() != Needs::Jacobian {
                let alone = twin.weights(&losses, Some(&gramian(&rows))).unwrap();
                assert_eq!(alone[..], w[..], "{name}");
                assert_eq!(method, twin, "{name}");
            }
        }
    }
}

#[test]
fn p08_equal_rows_give_a_multiple_of_the_row() {
    let row = vec![0.5, -2.0, 1.0];
    for tasks in [1, 2, 3, 8, 32] {
        let rows = vec![row.clone(); tasks];
        for method in known() {
            let d = answer(&method, &rows);
            let factor = (method.equal)(tasks as f64, norm(&row));
            let expected: Vec<f64> = row.iter().map(|x| x * factor).collect();
            assert!(apart(&d, &expected) < 1e-9, "{} of {tasks}: {d:?} for {expected:?}", method.name);
        }
        for make in named(tasks) {
            let mut method = make();
            let d = direction(&mut method, &vec![1.0; tasks], &rows).unwrap().0;
            let factor = dot(&d, &row) / dot(&row, &row);
            let k = tasks as f64;
            let expected = match method.method() {
                Method::Equal | Method::ScaleInvariant | Method::ImtlL | Method::Dwa | Method::GradNorm => k,
                Method::PcGrad | Method::GradVac | Method::GradDrop | Method::ConFig => k,
                Method::Mean | Method::Geometric | Method::Random | Method::Famo | Method::Mgda => 1.0,
                Method::ImtlG | Method::Aligned | Method::UpGrad | Method::DualProj | Method::MoDo => 1.0,
                Method::ExcessMtl | Method::ParetoMtl => 1.0,
                Method::Uncertainty => k / 2.0,
                Method::Chebyshev | Method::SmoothChebyshev => 1.0 / k,
                Method::Pbi => k.sqrt(),
                Method::AutoLambda => k / 10.0,
                Method::CaGrad => 1.5,
                Method::Nash => k.sqrt() / norm(&row),
                Method::FairGrad => k * (k * dot(&row, &row)).powf(-2.0 / 3.0),
                Method::MoCo => 0.5,
                Method::SdmGrad => 1.3,
                Method::DbMtl => 0.1 * k,
            };
            assert!(
                (factor / expected - 1.0).abs() < 1e-7,
                "{} of {tasks}: {factor} for {expected}",
                method.name()
            );
            let along: Vec<f64> = row.iter().map(|x| x * factor).collect();
            assert!(apart(&d, &along) < 1e-9, "{}", method.name());
        }
    }
}

#[test]
fn p09_one_task_alone() {
    let mut draw = Draw::new(409);
    for _ in 0..20 {
        let rows = draw.rows(1, 6);
        for method in known() {
            let expected: Vec<f64> =
                rows[0].iter().map(|x| x * (method.equal)(1.0, norm(&rows[0]))).collect();
            assert!(apart(&answer(&method, &rows), &expected) < 1e-12, "{}", method.name);
        }
    }
}

#[test]
fn p10_orthogonal_rows_of_one_length() {
    let rows: Jacobian = (0..5).map(|k| (0..7).map(|p| if p == k { 3.0 } else { 0.0 }).collect()).collect();
    for make in named(5) {
        let mut method = make();
        if matches!(method.method(), Method::Random) {
            continue;
        }
        let d = direction(&mut method, &[1.0; 5], &rows).unwrap().0;
        assert!(d[0] > 0.0, "{}", method.name());
        let expected: Vec<f64> = (0..7).map(|p| if p < 5 { d[0] } else { 0.0 }).collect();
        assert!(apart(&d, &expected) < 1e-12, "{}: {d:?}", method.name());
    }
}
