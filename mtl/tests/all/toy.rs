//! The two-parameter problem of Liu et al., "Conflict-averse gradient descent for multi-task learning", NeurIPS 2021:
//! where each method ends, in `f64`, with gradients worked out by hand.
//!
//! Two losses whose gradients conflict and differ in size nearly everywhere. The Pareto set is a nearly straight curve
//! from `x1 = -7` to `x1 = 7` at `x2` about -8.4; the sum of the losses is least in its middle, at (0, -8.3551). Plain
//! summing stands still in a steep valley far above it from two of the three usual starts.
//!
//! The end points that the tests ask for were measured with an independent implementation in single precision. Summing,
//! MGDA and CAGrad follow it closely; Nash-MTL, IMTL-G and FAMO, whose ends depend on the path, to a few tenths. PCGrad's path zigzags across the valleys from the three starts above them, and moving
//! such a start by 1e-5 moves the end along the front by up to two: over 16 neighbours of each, by a second
//! program, |x1| came out between 2.08 and 3.97. For these the tests ask for the side and that range; from the other
//! starts PCGrad's end is as sharp as any.

use tress_mtl::balance::{
    AlignedMtl, CaGrad, Equal, Famo, ImtlG, Mgda, NashMtl, Needs, Observation, Observes, PcGrad,
    RandomWeights, Weighting,
};
use tress_mtl::solve::Gramian;

/// `log(max(|r|, 5e-6)) + 6` and its slope along r. Below 5e-6 the maximum is constant.
fn log_distance(r: f64) -> (f64, f64) {
    if r.abs() > 5e-6 { (r.abs().ln() + 6.0, 1.0 / r) } else { (5e-6f64.ln() + 6.0, 0.0) }
}

/// The two losses and their gradients.
fn losses([x1, x2]: [f64; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
    let gate = (0.5 * x2).tanh();
    let gate_slope = 0.5 * (1.0 - gate * gate);
    // At x2 = 0 both gates let the gradient through: the slope of max(t, 0) at t = 0 is taken as one.
    let (c1, c1_slope) = if gate >= 0.0 { (gate, gate_slope) } else { (0.0, 0.0) };
    let (c2, c2_slope) = if gate <= 0.0 { (-gate, -gate_slope) } else { (0.0, 0.0) };
    let bend = (-x2).tanh();
    let bend_slope = -(1.0 - bend * bend);
    let (f1, f1_slope) = log_distance(0.5 * (-x1 - 7.0) - bend);
    let (f2, f2_slope) = log_distance(0.5 * (-x1 + 3.0) + bend + 2.0);
    let bowl = |centre: f64| {
        let value = ((x1 - centre).powi(2) + 0.1 * (-x2 - 8.0).powi(2)) / 10.0 - 20.0;
        (value, [(x1 - centre) / 5.0, 0.02 * (x2 + 8.0)])
    };
    let (q1, q1_slope) = bowl(7.0);
    let (q2, q2_slope) = bowl(-7.0);
    let gradient = |f: f64, f_slope: [f64; 2], q: f64, q_slope: [f64; 2]| {
        [c1 * f_slope[0] + c2 * q_slope[0], c1 * f_slope[1] + c1_slope * f + c2 * q_slope[1] + c2_slope * q]
    };
    (
        [f1 * c1 + q1 * c2, f2 * c1 + q2 * c2],
        [
            gradient(f1, [-0.5 * f1_slope, -bend_slope * f1_slope], q1, q1_slope),
            gradient(f2, [-0.5 * f2_slope, bend_slope * f2_slope], q2, q2_slope),
        ],
    )
}

/// Adam with rate 1e-3 along the direction of a weighting, with the first loss multiplied by `scale`.
fn run(weighting: &mut dyn Weighting, start: [f64; 2], scale: f64, steps: usize) -> [f64; 2] {
    let (mut x, mut mean, mut square) = (start, [0.0; 2], [0.0; 2]);
    let (mut mean_bias, mut square_bias) = (1.0, 1.0);
    let scaled = |x: [f64; 2]| {
        let (mut values, mut rows) = losses(x);
        values[0] *= scale;
        rows[0] = rows[0].map(|g| g * scale);
        (values, rows)
    };
    for _ in 0..steps {
        let (values, rows) = scaled(x);
        let gramian = match weighting.needs() {
            Needs::Losses => None,
            Needs::Gramian | Needs::Jacobian => Some(Gramian::from_rows(2, rows.as_flattened()).unwrap()),
        };
        let weights = weighting.weights(&values, gramian.as_ref()).unwrap();
        mean_bias *= 0.9;
        square_bias *= 0.999;
        for p in 0..2 {
            let slope = weights[0] * rows[0][p] + weights[1] * rows[1][p];
            mean[p] = 0.9 * mean[p] + 0.1 * slope;
            square[p] = 0.999 * square[p] + 0.001 * slope * slope;
            let root = (square[p] / (1.0 - square_bias)).sqrt() + 1e-8;
            x[p] -= 1e-3 * (mean[p] / (1.0 - mean_bias)) / root;
        }
        if weighting.observes() == Observes::LossesAfter {
            weighting.observe(Observation::LossesAfter(&scaled(x).0)).unwrap();
        }
    }
    x
}

/// The problem of the CAGrad paper: 100 000 steps, both losses as they are.
fn end(weighting: &mut dyn Weighting, start: [f64; 2]) -> [f64; 2] {
    run(weighting, start, 1.0, 100_000)
}

/// That of the Nash-MTL and FAMO papers: 50 000 steps, the first loss a tenth.
fn uneven_end(weighting: &mut dyn Weighting, start: [f64; 2]) -> [f64; 2] {
    run(weighting, start, 0.1, 50_000)
}

/// The starts of those papers.
const UNEVEN_STARTS: [[f64; 2]; 5] = [[-8.5, 7.5], [0.0, 0.0], [9.0, 9.0], [-7.5, -0.5], [9.0, -1.0]];

/// The starts of the paper's program, and three more.
const STARTS: [[f64; 2]; 6] = [[-8.5, 7.5], [-8.5, -5.0], [9.0, 9.0], [-8.5, 5.0], [0.0, 0.0], [10.0, -8.0]];

/// Whether a point lies on the Pareto set: `x2` between -8.3551 in the middle and -8.4344 at the ends.
fn on_the_front([x1, x2]: [f64; 2]) -> bool {
    x1.abs() <= 7.05 && (-8.46..-8.33).contains(&x2)
}

#[test]
fn the_gradients_worked_out_by_hand_are_right() {
    for x in [[-8.5, 7.5], [9.0, 9.0], [-3.0, -2.0], [1.3, 0.4], [0.2, -0.01], [-6.0, 1.0], [7.0, -8.0]] {
        let (_, rows) = losses(x);
        for p in 0..2 {
            let at = |change: f64| {
                let mut moved = x;
                moved[p] += change;
                losses(moved).0
            };
            let (up, down) = (at(1e-6), at(-1e-6));
            for k in 0..2 {
                let difference = (up[k] - down[k]) / 2e-6;
                assert!(
                    (rows[k][p] - difference).abs() < 1e-6 * (1.0 + difference.abs()),
                    "loss {k} along {p} at {x:?}"
                );
            }
        }
    }
    // The balanced point of the paper: equal losses, and a zero of the summed gradient.
    let (values, rows) = losses([0.0, -8.3551]);
    assert!(values.iter().all(|l| (l + 15.0916).abs() < 1e-4), "{values:?}");
    assert!((rows[0][0] + rows[1][0]).abs() < 1e-12 && (rows[0][1] + rows[1][1]).abs() < 1e-4);
}

#[test]
fn summing_stands_still_from_three_starts_of_six() {
    let ends = STARTS.map(|start| end(&mut Equal::sum(), start));
    println!("summing: {ends:?}");
    for (i, stuck) in [(0, [-5.05, 2.15]), (2, [5.02, 2.31]), (3, [-5.63, 0.84])] {
        assert!(!on_the_front(ends[i]), "from {:?} to {:?}", STARTS[i], ends[i]);
        assert!((ends[i][0] - stuck[0]).abs() < 0.3 && (ends[i][1] - stuck[1]).abs() < 0.3, "{:?}", ends[i]);
    }
    for i in [1, 4, 5] {
        assert!((ends[i][0].abs() < 0.05) && (ends[i][1] + 8.3551).abs() < 0.01, "{:?}", ends[i]);
    }
}

#[test]
fn pcgrad_reaches_the_front_from_everywhere() {
    let ends = STARTS.map(|start| end(&mut PcGrad::new(1), start));
    println!("PCGrad: {ends:?}");
    for (i, side) in [(0, -1.0), (2, 1.0), (3, -1.0)] {
        assert!(on_the_front(ends[i]) && (1.8..4.2).contains(&(side * ends[i][0])), "{:?}", ends[i]);
    }
    for (i, expected) in [(1, -6.45), (4, 0.0), (5, 6.62)] {
        assert!(
            on_the_front(ends[i]) && (ends[i][0] - expected).abs() < 0.05,
            "{:?} for {expected}",
            ends[i]
        );
    }
}

#[test]
fn mgda_reaches_the_front_from_everywhere() {
    let ends = STARTS.map(|start| end(&mut Mgda::new(), start));
    println!("MGDA: {ends:?}");
    for (end, expected) in ends.iter().zip([-3.32, -6.99, 3.33, -3.33, 0.0, 6.99]) {
        assert!(on_the_front(*end) && (end[0] - expected).abs() < 0.05, "{end:?} for {expected}");
    }
}

/// Checks that the runs end on the front where the table says, to its tolerance; `None` for one that must not get there.
fn assert_ends(name: &str, ends: &[[f64; 2]], expected: &[Option<(f64, f64)>]) {
    println!("{name}: {ends:?}");
    for (end, expected) in ends.iter().zip(expected) {
        match expected {
            Some((x1, within)) => {
                assert!(on_the_front(*end) && (end[0] - x1).abs() < *within, "{name}: {end:?} for {x1}");
            }
            None => assert!(!on_the_front(*end), "{name}: {end:?} should be stuck"),
        }
    }
}

#[test]
fn cagrad_ends_in_the_middle_from_everywhere() {
    let ends = STARTS.map(|start| end(&mut CaGrad::new(0.5).unwrap(), start));
    assert_ends("CAGrad", &ends, &[Some((0.0, 0.05)); 6]);
}

#[test]
fn nash_and_imtl_g_reach_the_front_from_everywhere() {
    let at = |ends: [f64; 6], within: f64| ends.map(|x1| Some((x1, within)));
    let nash = STARTS.map(|start| end(&mut NashMtl, start));
    assert_ends("Nash-MTL", &nash, &at([-2.90, -6.32, 2.88, -2.57, 0.0, 6.61], 0.3));
    let imtl = STARTS.map(|start| end(&mut ImtlG, start));
    assert_ends("IMTL-G", &imtl, &at([-2.36, -6.65, 2.18, -2.32, 0.0, 6.87], 0.3));
}

#[test]
fn aligned_mtl_ends_in_the_middle_too() {
    let ends = STARTS.map(|start| end(&mut AlignedMtl::mean(), start));
    assert_ends("Aligned-MTL", &ends[..5], &[Some((0.0, 0.05)); 5]);
    // From the last start it is still on its way down the front, at a speed that hangs on Adam's 1e-8.
    assert!(on_the_front(ends[5]) && (0.5..2.5).contains(&ends[5][0]), "{:?}", ends[5]);
}

#[test]
fn random_weights_stand_still_where_equal_ones_do() {
    let ends = [0, 1, 2].map(|i| end(&mut RandomWeights::new(1), STARTS[i]));
    assert_ends("RLW", &ends, &[None, Some((0.0, 0.5)), None]);
}

#[test]
fn uneven_losses_move_the_optimum_of_the_sum() {
    // d/dx1 (0.1 q1 + q2) = 0 at -7 · 0.9 / 1.1.
    let middle = Some((-63.0 / 11.0, 0.05));
    let sum = UNEVEN_STARTS.map(|start| uneven_end(&mut Equal::sum(), start));
    assert_ends("sum", &sum, &[middle, middle, None, middle, middle]);
    let cagrad = UNEVEN_STARTS.map(|start| uneven_end(&mut CaGrad::new(0.4).unwrap(), start));
    assert_ends("CAGrad", &cagrad, &[middle, middle, None, middle, middle]);
}

#[test]
fn uneven_losses_and_the_balancers() {
    let at = |ends: [f64; 5], within: f64| ends.map(|x1| Some((x1, within)));
    let mgda = UNEVEN_STARTS.map(|start| uneven_end(&mut Mgda, start));
    assert_ends("MGDA", &mgda, &at([-1.98, 6.10, 6.98, -4.26, 7.00], 0.3));
    let nash = UNEVEN_STARTS.map(|start| uneven_end(&mut NashMtl, start));
    assert_ends("Nash-MTL", &nash, &at([-2.93, 0.0, 2.92, -3.25, 4.89], 0.3));
    let imtl = UNEVEN_STARTS.map(|start| uneven_end(&mut ImtlG, start));
    assert_ends("IMTL-G", &imtl, &at([-2.19, 0.0, 2.43, -3.39, 5.30], 0.3));
    let aligned = UNEVEN_STARTS.map(|start| uneven_end(&mut AlignedMtl::mean(), start));
    let converged = Some((-63.0 / 11.0, 0.05));
    assert_ends("Aligned-MTL", &aligned[..2], &[converged, converged]);
    assert_ends("Aligned-MTL", &aligned[3..4], &[converged]);
    let pcgrad = UNEVEN_STARTS.map(|start| uneven_end(&mut PcGrad::new(1), start));
    println!("PCGrad: {pcgrad:?}");
    assert!(!on_the_front(pcgrad[2]) && [0, 1, 3, 4].iter().all(|&i| on_the_front(pcgrad[i])));
    assert!(pcgrad[0][0] < 0.0 && (pcgrad[1][0] + 3.35).abs() < 0.3 && (pcgrad[4][0] - 5.03).abs() < 0.3);
}

#[test]
fn famo_depends_on_its_decay() {
    let famo = |decay: f64| {
        UNEVEN_STARTS.map(|start| {
            let method = Famo::new(2).unwrap().rate(0.025, decay).unwrap().bounds(&[-2.1, -21.0]).unwrap();
            uneven_end(&mut { method }, start)
        })
    };
    let without = famo(0.0);
    assert_ends("FAMO", &without, &[-0.49, 0.08, 0.34, -0.95, 1.76].map(|x1| Some((x1, 0.5))));
    let with = famo(1e-3);
    println!("FAMO with decay: {with:?}");
    assert!(!on_the_front(with[0]) && !on_the_front(with[2]), "{with:?}");
    for (i, x1) in [(1, -6.23), (3, -6.24), (4, 6.23)] {
        assert!(on_the_front(with[i]) && (with[i][0] - x1).abs() < 0.3, "{:?} for {x1}", with[i]);
    }
}
